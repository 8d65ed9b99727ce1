# SPDX-License-Identifier: Apache-2.0
"""Holds every #include in src/ against src/modules.txt: who may use whom, and that headers which
are slow to compile stay in .cpp files, where only one file pays for them.

usage: check_layers.py ROOT
"""

import pathlib
import re
import sys

# Libraries that cost every including file a second or more.
HEAVY = re.compile(r"^(CLI/|spdlog/|nlohmann/json\.hpp$|yaml-cpp/|grpcpp/|google/protobuf/)")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def read_modules(text):
    """{"pipeline": {"base"}, ...} of lines like 'pipeline: base'."""
    lines = re.findall(r"^([a-z]+):(.*)$", text, re.M)
    return {module: set(uses.split()) for module, uses in lines}


def problem_of(module, path, quoted, included, modules):
    """What is wrong with one #include of a file of `module`, or None."""
    if HEAVY.match(included) and path.suffix != ".cpp":
        return f"{included} is slow to compile: include it in a .cpp file only"
    if not quoted:
        return None
    owner, slash, _ = included.partition("/")
    if not slash:
        return f'"{included}" has to be written with its module: "{module}/{included}"'
    if owner == "tests" and path.name.endswith("_test.cpp"):
        return None
    if owner not in modules:
        return f'"{included}" is of no module of src/modules.txt; libraries go into <>'
    if owner != module and owner not in modules[module]:
        return f"{module} may not use {owner} (src/modules.txt)"
    return None


def check(root):
    """Lines that say what is wrong where."""
    source = pathlib.Path(root) / "src"
    modules = read_modules((source / "modules.txt").read_text(encoding="utf-8"))
    problems = []
    for path in sorted(source.rglob("*")):
        if path.suffix not in (".h", ".cpp"):
            continue
        name = path.relative_to(root)
        module = path.relative_to(source).parts[0]
        if module not in modules:
            problems.append(f"{name}: {module} is not in src/modules.txt")
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            problem = problem_of(module, path, found.group(1) == '"', found.group(2), modules)
            if problem:
                problems.append(f"{name}:{number}: {problem}")
    return problems


def main():
    problems = check(sys.argv[1])
    print("\n".join(problems + [f"check_layers: {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""House rules that clang-format does not know: sizes, licence lines, leftovers, machine paths.

usage: check_style.py ROOT
"""

import pathlib
import re
import sys

import functions

FOLDERS = ("src", "tests", "bench", "examples", "tools", ".ci")
FILES = ("dev",)
SUFFIXES = (".h", ".cpp", ".py", ".sh")
COLUMNS_MAX = 100
LINES_MAX = 600
FUNCTION_LINES_MAX = 70
# Put together so that this file does not contain what it looks for.
LEFTOVERS = re.compile(r"\b(" + "|".join(["TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK"]) + r")\b")
MACHINE_PATHS = re.compile(r"(?<![\w.])(/wo" r"rk/|/ho" r"me/[a-z])")
LICENCE = "SPDX-License-Identifier: Apache-2.0"


def is_code(path):
    """C++, Python and shell; a script may have no suffix."""
    if path.suffix in SUFFIXES:
        return True
    if path.suffix:
        return False
    with open(path, "rb") as file:
        return file.read(2) == b"#!"


def files_of(root):
    root = pathlib.Path(root)
    found = [root / name for name in FILES if (root / name).is_file()]
    for folder in FOLDERS:
        found += [path for path in sorted((root / folder).rglob("*"))
                  if path.is_file() and "__pycache__" not in path.parts]
    return found


def check_lines(lines):
    """Pairs of a line number and what is wrong with it, of rules that look at one line."""
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX:
            yield number, f"{len(line)} columns (at most {COLUMNS_MAX})"
        if line != line.rstrip():
            yield number, "blanks at the end of the line"
        if LEFTOVERS.search(line):
            yield number, "a leftover: do it, or write an issue"
        if MACHINE_PATHS.search(line):
            yield number, "a path of somebody's machine"


def check_text(name, text):
    lines = text.splitlines()
    yield from check_lines(lines)
    if LICENCE not in "\n".join(lines[:2]):
        yield 1, f"the licence line is missing: {LICENCE}"
    if len(lines) > LINES_MAX:
        yield LINES_MAX, f"{len(lines)} lines (at most {LINES_MAX}): split it by idea"
    if text and not text.endswith("\n"):
        yield len(lines), "no newline at the end"
    for first, last in functions.find(name, text):
        if last - first + 1 > FUNCTION_LINES_MAX:
            yield first, f"a function of {last - first + 1} lines (at most {FUNCTION_LINES_MAX})"


def check(root):
    problems = []
    for path in files_of(root):
        if not is_code(path):
            continue
        name = path.relative_to(root)
        found = check_text(str(name), path.read_text(encoding="utf-8"))
        problems += [f"{name}:{number}: {problem}" for number, problem in sorted(found)]
    return problems


def main():
    problems = check(sys.argv[1])
    print("\n".join(problems + [f"check_style: {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Where functions begin and end: exactly for Python, by braces for C++ and shell."""

import ast
import re

# Comments, raw strings, strings and characters: braces in them do not count.
CPP_QUIET = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\[^\']+|[^\'\\\n])\'', re.S)
CPP_SCOPE = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")
SHELL_START = re.compile(r"^\w[\w-]*\(\) \{$")


def find(name, text):
    """Pairs of a first and a last line."""
    if name.endswith(".py"):
        return find_python(text)
    if name.endswith((".h", ".cpp")):
        return find_cpp(text)
    return find_shell(text)


def find_python(text):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [(n.lineno, n.end_lineno) for n in ast.walk(ast.parse(text)) if isinstance(n, kinds)]


def find_shell(text):
    found, first = [], 0
    for number, line in enumerate(text.splitlines(), 1):
        if SHELL_START.match(line):
            first = number
        elif line == "}" and first:
            found.append((first, number))
            first = 0
    return found


def find_cpp(text):
    """A brace opens a function where every brace around it is a namespace's or a class's, and the
    words before it are neither and hold a parenthesis. Lambdas belong to the function around."""
    text = CPP_QUIET.sub(lambda quiet: "\n" * quiet.group().count("\n"), text)
    # macros are no functions
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: "\n" * m.group().count("\n"), text,
                  flags=re.M)
    found, around, words, line = [], [], "", 1
    first_line = 1
    for char in text:
        if char == "\n":
            line += 1
        if char == "{":
            scope = all(kind == "scope" for kind, _ in around)
            is_scope = scope and CPP_SCOPE.search(words) and not re.search(r"\)\s*\w*\s*$", words)
            kind = "scope" if is_scope else "function" if scope and "(" in words else "block"
            around.append((kind, first_line))
        elif char == "}" and around:
            kind, first = around.pop()
            if kind == "function":
                found.append((first, line))
        if char in "{};":
            words = ""
        else:
            if not words.strip():
                first_line = line
            words += char
    return found

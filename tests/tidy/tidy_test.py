# SPDX-License-Identifier: Apache-2.0
"""Shows that the checks see what they are there to see."""

import pathlib
import tempfile
import unittest

import check_layers
import check_style
import functions

LICENCE = "// SPDX-License-Identifier: Apache-2.0\n"


class Tree(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def expect(self, problems, *parts):
        """One problem for each of `parts`, which it contains."""
        self.assertEqual(len(problems), len(parts), problems)
        for problem, part in zip(problems, parts):
            self.assertIn(part, problem)


class Layers(Tree):
    def setUp(self):
        super().setUp()
        self.write("src/modules.txt", "# who uses whom\nbase:\nstorage: base\ncli: base storage\n")

    def test_permitted_includes(self):
        self.write("src/storage/a.h", '#include <string>\n#include "base/b.h"\n')
        self.write("src/storage/s3/a.cpp", '#include <spdlog/spdlog.h>\n#include "storage/a.h"\n')
        self.write("src/storage/a_test.cpp", '#include "tests/support/temp.h"\n')
        self.write("src/storage/f.h", "#include <nlohmann/json_fwd.hpp>\n")
        self.expect(check_layers.check(self.root))

    def test_forbidden_module(self):
        self.write("src/base/a.cpp", '\n#include "storage/a.h"\n')
        self.expect(check_layers.check(self.root), "src/base/a.cpp:2: base may not use storage")

    def test_heavy_headers_in_a_header(self):
        for heavy in ("CLI/CLI.hpp", "spdlog/spdlog.h", "nlohmann/json.hpp", "yaml-cpp/yaml.h"):
            self.write("src/cli/a.h", f"#include <{heavy}>\n")
            self.expect(check_layers.check(self.root), f"{heavy} is slow")

    def test_unknown_module_and_bare_name(self):
        self.write("src/cli/a.cpp", '#include "a.h"\n#include "nosuch/a.h"\n')
        self.expect(check_layers.check(self.root), '"cli/a.h"', "of no module")
        self.write("src/other/a.h", "")
        self.assertIn("other is not in", check_layers.check(self.root)[-1])


class Style(Tree):
    def test_clean_file(self):
        self.write("src/base/a.h", LICENCE + "int a();\n")
        self.expect(check_style.check(self.root))

    def test_each_rule_of_a_line(self):
        bad = ["x" * 101, "int a; ", "// TO" "DO: more", '"/ho' 'me/anna/x"']
        self.write("src/base/a.cpp", LICENCE + "\n".join(bad) + "\n")
        self.expect(check_style.check(self.root), "a.cpp:2: 101 columns", "a.cpp:3: blanks",
                    "a.cpp:4: a leftover", "a.cpp:5: a path")

    def test_licence_size_and_last_newline(self):
        self.write("bench/run.py", "\n" * 601 + "pass")
        self.expect(check_style.check(self.root), "licence line", "602 lines", "no newline")

    def test_long_functions(self):
        body = "  a();\n" * 69
        self.write("src/base/a.cpp", LICENCE + "namespace a {\nvoid f() {\n" + body + "}\n}\n")
        self.expect(check_style.check(self.root), "a.cpp:3: a function of 71 lines")
        self.write("src/base/a.cpp", "")
        self.write("dev", "#!/bin/sh\n# " + LICENCE[3:] + "f() {\n" + body + "}\n")
        self.expect(check_style.check(self.root), "dev:3: a function of 71", "a.cpp:1: the licence")


class Functions(unittest.TestCase):
    def test_cpp(self):
        text = """struct A {
  int f() const {
    return '}' + "{"; // {
  }
  int x = {};
};
TEST(A, B) {
  auto l = [] {
  };
}
#define M(x) \\
  { x
enum class E { a };
int g(struct A a) {
}
const char* raw = R"(
f() { {
)";
int h(int a,
      int b = 50'000) {
  return 0;
}
"""
        self.assertEqual(functions.find("a.cpp", text), [(2, 4), (7, 10), (14, 15), (19, 22)])

    def test_python_and_shell(self):
        self.assertEqual(functions.find("a.py", "def f():\n  pass\n\nx = 1\n"), [(1, 2)])
        self.assertEqual(functions.find("dev", "f() {\n  a\n}\n"), [(1, 3)])


if __name__ == "__main__":
    unittest.main()

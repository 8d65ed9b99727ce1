# SPDX-License-Identifier: Apache-2.0
"""The command line itself: usage, names of backups, what goes to stdout and what to stderr."""

import bank
import support


class CommandLine(support.Case):
    def test_usage(self):
        for words in (["nosuch"], ["list", "--nosuch"], ["backup", "--compression", "best"],
                      ["backup", "--pack-size", "0"], ["restore"], ["dump", "latest"]):
            outcome = self.stillpoint(*words, expect=support.USAGE)
            self.assertEqual(outcome.out, "", f"stdout is data{outcome}")
            self.assertTrue(outcome.err.strip(), f"it says nothing{outcome}")

    def test_help_and_version(self):
        for words in (["--help"], ["--version"], ["backup", "--help"]):
            outcome = support.run([support.BINARY, *words], self.env())
            self.assertEqual(outcome.code, support.OK, str(outcome))
            self.assertTrue(outcome.out.strip(), str(outcome))

    def test_names_of_backups(self):
        path = bank.make(self.folder / "bank.db")
        self.init()
        first = self.backup(path, "--label", "monday")["backup"]
        second = self.backup(path)["backup"]
        for name, backup in ((first[:8], first), (first, first), ("monday", first),
                             ("latest", second), ("latest:bank", second)):
            shown = self.stillpoint("show", name, "--json")
            self.assertIn(backup, shown.out, f"{name} should be {backup}{shown}")
        for name in ("nosuch", "latest:nosuch", "ffffffffffffffff"):
            self.fails("show", name, expect=support.FAILURE, code="not_found", says=[name])

    def test_stdout_is_data(self):
        path = bank.make(self.folder / "bank.db")
        self.init()
        self.backup(path)
        plain = self.dump("latest", "bank/data/bank.db")
        self.assertEqual(plain[:16], b"SQLite format 3\0")
        self.assertEqual(self.stillpoint("dump", "latest", "bank/data/bank.db", "--verbose")
                         .out_bytes, plain)
        self.assertEqual(self.stillpoint("list", "--quiet").err, "")
        self.assertEqual(self.stillpoint("backup", path, "--quiet").err, "")
        again = self.folder / "again.db"
        self.stillpoint("dump", "latest:bank", "bank/data/bank.db", "--output", again)
        self.assertEqual(bank.problems(again), [])

    def test_nothing_changed_stores_next_to_nothing(self):
        path = bank.make(self.folder / "bank.db", accounts=50000)
        self.init()
        self.backup(path)
        before = sum(p.stat().st_size for p in (self.repo / "data").rglob("*") if p.is_file())
        self.backup(path)
        after = sum(p.stat().st_size for p in (self.repo / "data").rglob("*") if p.is_file())
        self.assertLess(after - before, 64 * 1024)

# SPDX-License-Identifier: Apache-2.0
"""Databases that cannot be backed up, and odd ones that can."""

import sqlite3

import bank
import support


class Bad(support.Case):
    def setUp(self):
        super().setUp()
        self.init()
        self.path = self.folder / "bank.db"

    def refused(self, *says, code=None, expect=support.FAILURE):
        """No part of a backup may be visible, and nothing is done to the file."""
        before = self.path.read_bytes() if self.path.is_file() else None
        error = self.fails("backup", self.path, expect=expect, code=code, says=says)
        self.assertEqual(self.path.read_bytes() if self.path.is_file() else None, before)
        self.assert_nothing_left()
        return error

    def test_missing(self):
        self.refused(self.path, code="not_found")
        self.assertFalse(self.path.exists(), "it was made by being asked for")

    def test_folder(self):
        self.path.mkdir()
        self.refused(self.path)

    def test_garbage(self):
        self.path.write_bytes(b"this is no database, " * 1000)
        self.refused(self.path)

    def test_encrypted(self):
        """What SQLCipher writes looks like noise, in pages."""
        self.path.write_bytes(self.random.randbytes(16 * 4096))
        error = self.refused(self.path)
        self.assertIn("encrypted", error["message"] + error["advice"])

    def test_corrupt_page(self):
        bank.make(self.path, accounts=20000)
        with open(self.path, "r+b") as file:
            file.seek(4096 * 100)
            file.write(self.random.randbytes(4096 * 20))
        self.refused(code="corrupt")

    def test_cut_off(self):
        bank.make(self.path, accounts=20000)
        with open(self.path, "r+b") as file:
            file.truncate(4096 * 50)
        self.refused(code="corrupt")

    def test_locked_by_a_writer(self):
        bank.make(self.path, journal="DELETE")
        with bank.held(self.path, "BEGIN EXCLUSIVE"):
            self.refused(self.path, code="busy")
        self.backup(self.path)

    def test_unreadable_url(self):
        for url in ("postgresql://nowhere/x", "nosuch:///x", "sqlite://"):
            outcome = self.stillpoint("backup", url, expect=None)
            self.assertIn(outcome.code, (support.FAILURE, support.USAGE), str(outcome))
        self.assert_nothing_left()

    def test_one_bad_of_two(self):
        """A backup that lacks one of its databases is none."""
        good = bank.make(self.folder / "good.db")
        self.stillpoint("backup", good, self.folder / "missing.db", expect=support.FAILURE)
        visible = [b for b in self.backups() if b["system"] != "good"]
        self.assertEqual(visible, [])


class Odd(support.Case):
    def round_trip(self, path, *arguments):
        """Backed up, listed on a line of its own, and restored."""
        self.init()
        self.backup(path, *arguments)
        listed = self.stillpoint("list")
        self.assertEqual(listed.out.count(self.backups()[0]["id"][:8]), 1, str(listed))
        restored = self.folder / "restored.db"
        self.restore("latest", restored)
        return restored

    def test_file_name_with_newline(self):
        path = bank.make(self.folder / "two\nlines 'quoted' \u00fc.db")
        self.assertEqual(bank.problems(self.round_trip(path)), [])
        listed = self.stillpoint("list").out.splitlines()
        self.assertFalse([line for line in listed if line.startswith("lines")], listed)

    def test_as_url(self):
        path = bank.make(self.folder / "bank.db")
        self.assertEqual(bank.problems(self.round_trip(f"sqlite://{path}")), [])

    def test_relative_path(self):
        bank.make(self.folder / "bank.db")
        self.init()
        self.backup("bank.db", cwd=self.folder)
        self.assertEqual(self.backups()[0]["system"], "bank")

    def test_no_tables(self):
        path = self.folder / "empty.db"
        db = sqlite3.connect(path)
        db.execute("VACUUM")
        db.close()
        restored = sqlite3.connect(self.round_trip(path))
        self.assertEqual(restored.execute("SELECT count(*) FROM sqlite_master").fetchone(), (0,))
        restored.close()

    def test_file_of_no_bytes(self):
        """SQLite takes it for an empty database, so do we."""
        path = self.folder / "nothing.db"
        path.touch()
        self.assertEqual(self.round_trip(path).exists(), True)

    def test_odd_tables(self):
        path = self.folder / "odd.db"
        db = sqlite3.connect(path)
        db.executescript("""
            CREATE TABLE "a ""quoted"" table; --"(x BLOB);
            INSERT INTO "a ""quoted"" table; --" VALUES(x'00ff'), (NULL), ('text');
            CREATE VIRTUAL TABLE search USING fts5(words);
            INSERT INTO search VALUES('hello world');
            CREATE TABLE keyed(k TEXT PRIMARY KEY) WITHOUT ROWID;
            INSERT INTO keyed VALUES('k');
            CREATE TRIGGER t AFTER INSERT ON keyed BEGIN INSERT INTO search VALUES(new.k); END;""")
        dumped = list(db.iterdump())
        db.close()
        restored = sqlite3.connect(self.round_trip(path))
        self.assertEqual(list(restored.iterdump()), dumped)
        self.assertEqual(restored.execute("PRAGMA integrity_check").fetchone(), ("ok",))
        restored.close()

    def test_left_behind_by_a_crash(self):
        """The last transactions are in the journal only: they belong to the backup."""
        live = bank.make(self.folder / "live.db")
        db = bank.connect(live)
        for _ in range(10):
            bank.transfer(db, 1000, self.random)
        path = self.folder / "bank.db"
        for suffix in ("", "-wal"):
            path.with_name(path.name + suffix).write_bytes(
                live.with_name(live.name + suffix).read_bytes())
        db.close()
        restored = self.round_trip(path)
        self.assertEqual(bank.count(restored), 10)
        self.assertEqual(bank.problems(restored), [])

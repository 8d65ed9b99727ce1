# SPDX-License-Identifier: Apache-2.0
"""Backups are readable without Stillpoint: with each restic that there is."""

import hashlib
import json
import subprocess

import bank
import restic_tool
import support


class Base(support.Case):
    which = ""
    time_max = 300

    def setUp(self):
        super().setUp()
        self.restic = restic_tool.Restic(self.which, self.folder, self.repo)
        self.bank = bank.make(self.folder / "bank.db", accounts=20000)
        bank.fill(self.bank, 8, seed=self.random.random())
        self.init()
        self.summary = self.backup(self.bank, "--label", "before-upgrade")

    def sha256_of_bank(self):
        return hashlib.sha256(self.dump("latest", "bank/data/bank.db")).hexdigest()

    def test_check_reads_every_byte(self):
        with bank.Writers(self.bank, 2, self.random):
            self.backup(self.bank, "--compression", "off")
            self.backup(self.bank, "--compression", "max", "--pack-size", "4")
        self.restic.check()

    def test_snapshots_and_ls(self):
        self.backup(self.bank)
        snapshots = self.restic.snapshots()
        self.assertEqual([s["hostname"] for s in snapshots], ["bank", "bank"])
        self.assertEqual([s["paths"] for s in snapshots], [["/stillpoint/bank"]] * 2)
        self.assertEqual(snapshots[0]["id"], self.summary["backup"])
        for tag in ("stillpoint", "before-upgrade", "proven"):
            self.assertIn(tag, snapshots[0]["tags"])
        paths = self.restic.paths()
        for path in ("/manifest.json", "/bank/data/bank.db", "/bank/schema/schema.sql"):
            self.assertIn(path, paths)

    def test_restore_by_hand(self):
        """Somebody with only restic and sqlite3, at three in the morning."""
        target = self.folder / "by-hand"
        self.restic("restore", "latest", "--target", target)
        restored = target / "bank/data/bank.db"
        self.assertEqual(bank.problems(restored), [])
        self.assertEqual(hashlib.sha256(restored.read_bytes()).hexdigest(), self.sha256_of_bank())
        manifest = json.loads((target / "manifest.json").read_bytes())
        self.assertEqual(manifest["system"], "bank", manifest)
        schema = target / "bank/schema/schema.sql"
        again = self.folder / "schema-only.db"
        subprocess.run(["sqlite3", again], stdin=schema.open("rb"), check=True, timeout=60)
        tables = subprocess.run(["sqlite3", again, ".tables"], capture_output=True, check=True)
        expected = {b"accounts", b"transfers", b"filler", b"rich"}
        self.assertEqual(set(tables.stdout.split()), expected)

    def test_dump_gives_the_same_bytes(self):
        theirs = self.restic("dump", "latest", "/bank/data/bank.db").out_bytes
        self.assertEqual(hashlib.sha256(theirs).hexdigest(), self.sha256_of_bank())

    def test_mount(self):
        snapshot = self.summary["backup"][:8]
        with self.restic.mounted() as point:
            found = (point / "ids" / snapshot / "bank/data/bank.db").read_bytes()
        self.assertEqual(hashlib.sha256(found).hexdigest(), self.sha256_of_bank())

    def test_copy_to_another_repository(self):
        other = self.folder / "other"
        copy = restic_tool.Restic(self.which, self.folder, other)
        copy("init")
        copy("copy", "--from-repo", self.repo, env={"RESTIC_FROM_PASSWORD": support.PASSWORD})
        copy.check()
        env = {"STILLPOINT_REPOSITORY": other}
        self.check("--read-data", env=env)
        theirs = self.dump("latest", "bank/data/bank.db", env=env)
        self.assertEqual(hashlib.sha256(theirs).hexdigest(), self.sha256_of_bank())

    def test_forget_and_prune(self):
        with bank.Writers(self.bank, 2, self.random):
            last = [self.backup(self.bank) for _ in range(3)][-1]
        self.restic("forget", "--keep-last", "1", "--prune", "--max-unused", "0")
        self.assertEqual([b["id"] for b in self.backups()], [last["backup"]])
        self.check("--read-data")
        self.restic.check()
        self.restore("latest", self.folder / "restored.db")
        self.assertEqual(bank.problems(self.folder / "restored.db"), [])
        self.backup(self.bank)
        self.restic.check()

    def test_both_write_one_repository(self):
        self.restic("backup", self.bank)
        self.backup(self.bank)
        self.restic("backup", self.bank)
        self.assertEqual(len(self.backups()), 4)
        self.check("--read-data")
        self.restic.check()


class SystemRestic(Base):
    daily = False
    which = "system"


class NextRestic(Base):
    which = "next"


del Base  # unittest would run it too

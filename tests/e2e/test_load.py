# SPDX-License-Identifier: Apache-2.0
"""Backups while four processes write at full speed are of one instant; copies by cp are not."""

import statistics
import subprocess
import time

import bank
import support

WRITERS = 4


class UnderLoad(support.Case):
    time_max = 300
    full = "full-load"

    def setUp(self):
        super().setUp()
        self.bank = bank.make(self.folder / "bank.db", accounts=50000)

    def test_every_backup_is_consistent(self):
        rounds = 50 if support.FULL else 5
        seconds = []
        self.init()
        for number in range(rounds):
            seconds.append(self.one_round(number))
        self.assertEqual(bank.problems(self.bank), [], "the bank itself, after all backups")
        self.check("--read-data", timeout=600)
        self.assertEqual(len(self.backups()), rounds)
        made = bank.count(self.bank)
        print(f"measured: {rounds} backups of a bank with {WRITERS} writers, {made} transfers, "
              f"0 inconsistent; a backup took {statistics.median(seconds):.2f} s (median)")

    def one_round(self, number):
        """The restored bank is consistent, and as of an instant between the backup's start and
        its end. The writers rest while it is checked, else the bank would grow without bounds."""
        restored = self.folder / f"restored-{number}.db"
        with bank.Writers(self.bank, WRITERS, self.random):
            before = bank.count(self.bank)
            started = time.monotonic()
            summary = self.backup(self.bank)
            seconds = time.monotonic() - started
            after = bank.count(self.bank)
        self.assertGreater(after, before, "the writers did not write during the backup")
        self.assertEqual(summary["verdict"], "proven", summary)
        self.restore(summary["backup"], restored)
        self.assertEqual(bank.problems(restored), [], f"backup {number} is torn")
        found = bank.count(restored)
        self.assertTrue(before <= found <= after,
                        f"backup {number} has {found} transfers, not {before} to {after}")
        restored.unlink()
        return seconds

    def test_a_copy_by_cp_is_torn(self):
        """The control: without it nobody knows that the check above can fail at all."""
        tries_max, torn, tries = 200, [], 0
        with bank.Writers(self.bank, WRITERS, self.random):
            while not torn and tries < tries_max:
                tries += 1
                torn = self.copy_by_cp()
        self.assertTrue(torn, f"{tries} copies by cp were all consistent: the check sees nothing")
        print(f"measured: copy {tries} by cp was torn: {torn[0]}")

    def copy_by_cp(self):
        copy = self.folder / "copy.db"
        for suffix in ("", "-wal", "-shm"):
            copy.with_name(copy.name + suffix).unlink(missing_ok=True)
        subprocess.run(["cp", self.bank, copy], check=True)
        # The journal may be gone in this moment; then the copy is without it.
        subprocess.run(["cp", f"{self.bank}-wal", f"{copy}-wal"], check=False,
                       stderr=subprocess.DEVNULL)
        return bank.problems(copy)


class Journals(support.Case):
    """Databases in each of SQLite's ways of writing."""

    time_max = 180

    def backed_up(self, **how):
        path = bank.make(self.folder / "bank.db", **how)
        self.init()
        with bank.Writers(path, 2, self.random):
            self.backup(path)
        restored = self.folder / "restored.db"
        self.restore("latest", restored)
        self.assertEqual(bank.problems(restored), [])
        self.assertEqual(bank.problems(path), [])

    def test_rollback_journal(self):
        self.backed_up(journal="DELETE")

    def test_truncated_journal(self):
        self.backed_up(journal="TRUNCATE")

    def test_large_pages(self):
        self.backed_up(page_size=65536)

    def test_small_pages(self):
        self.backed_up(page_size=512)

    def test_nobody_writes(self):
        path = bank.make(self.folder / "bank.db")
        before = sorted(p.name for p in self.folder.glob("bank.db*")), path.read_bytes()
        self.init()
        self.backup(path)
        after = sorted(p.name for p in self.folder.glob("bank.db*")), path.read_bytes()
        self.assertEqual(after, before, "the backup changed the database's files")

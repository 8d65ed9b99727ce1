# SPDX-License-Identifier: Apache-2.0
"""What restores leave beside a database file, and `cleanup`."""

import os
import signal
import time

import bank
import support


class Cleanup(support.Case):
    def setUp(self):
        super().setUp()
        self.bank = bank.make(self.folder / "bank.db", accounts=2000)
        bank.fill(self.bank, 64, seed=self.random.random())
        self.init()
        self.backup(self.bank)

    def leftovers(self, *words, **how):
        return self.stillpoint("cleanup", self.bank, *words, "--json", **how).json()["leftovers"]

    def staged(self):
        return list(self.folder.glob("bank.db.stillpoint-*"))

    def killed_restore(self):
        """A restore that is killed as soon as it has staged something."""
        process = support.start(self.words("restore", "latest", "--yes"), self.env())
        limit = time.monotonic() + 30
        while not self.staged() and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()

    def test_what_a_killed_restore_staged(self):
        self.assertEqual(self.leftovers(), [])
        self.killed_restore()
        staged = self.staged()
        self.assertEqual(len(staged), 1, "the restore was too fast to be killed while it staged")
        (found,) = self.leftovers()
        self.assertEqual((found["what"], found["name"], found["removed"], found["in_use"]),
                         ("staged", str(staged[0]), False, False))
        self.assertEqual(self.staged(), staged, "without --yes nothing is removed")
        (found,) = self.leftovers("--yes")
        self.assertTrue(found["removed"])
        self.assertEqual(self.staged(), [])
        self.assertEqual(bank.problems(self.bank), [])

    def test_what_restores_have_replaced(self):
        self.stillpoint("restore", "latest", "--yes")
        strangers = [self.folder / "bank_before_noon.db", self.folder / "bank.db.stillpoint-x"]
        for stranger in strangers:
            stranger.write_text("mine")
        self.assertEqual(self.leftovers("--yes"), [], "the old data is only removed by --old")
        (found,) = self.leftovers("--old")
        self.assertEqual(found["what"], "kept")
        self.assertRegex(found["name"], r"bank_before_[0-9]{8}T[0-9]{6}Z\.db$")
        self.assertTrue(self.leftovers("--old", "--yes")[0]["removed"])
        self.assertEqual(list(self.folder.glob("bank_before_2*")), [])
        self.assertEqual([s.read_text() for s in strangers], ["mine", "mine"])
        self.assertEqual(bank.problems(self.bank), [])

    def test_what_is_in_use_stays(self):
        self.stillpoint("restore", "latest", "--yes")
        (kept,) = self.folder.glob("bank_before_2*")
        with open(kept, "rb"):
            (found,) = self.leftovers("--old", "--yes", expect=support.LEFT_OUT)
            self.assertTrue(found["in_use"])
        self.assertTrue(kept.exists())

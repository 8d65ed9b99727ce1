# SPDX-License-Identifier: Apache-2.0
"""Locks that their holders no longer remove, and those that they will."""

import os
import signal
import time

import bank
import sealing
import support


class Unlock(support.Case):
    def setUp(self):
        super().setUp()
        self.bank = bank.make(self.folder / "bank.db")
        self.init()

    def lock(self, **how):
        return sealing.add_lock(self.repo, support.PASSWORD, **{"exclusive": True, **how})

    def unlock(self, *words, **how):
        return {lock["id"]: lock
                for lock in self.stillpoint("unlock", *words, "--json", **how).json()["locks"]}

    def test_nothing_to_do(self):
        self.assertEqual(self.unlock(), {})
        self.assertIn("no locks", self.stillpoint("unlock").out)

    def test_stale_ones_go_and_others_stay(self):
        old, fresh = self.lock(age_minutes=45), self.lock(age_minutes=5)
        found = self.unlock()
        self.assertEqual({name: (lock["stale"], lock["removed"]) for name, lock in found.items()},
                         {old.name: (True, True), fresh.name: (False, False)})
        self.assertEqual((found[fresh.name]["host"], found[fresh.name]["pid"],
                          found[fresh.name]["exclusive"]), ("elsewhere", 4711, True))
        self.assertEqual(list(fresh.parent.iterdir()), [fresh])
        shown = self.stillpoint("unlock")
        self.assertIn("in use:", shown.out)
        self.assertIn("process 4711 of somebody on elsewhere", shown.out)

    def test_all(self):
        fresh = self.lock()
        error = self.fails("backup", self.bank, expect=support.LOCKED, code="locked")
        self.assertIn("stillpoint unlock", error["advice"])
        outcome = self.stillpoint("unlock", "--all")
        self.assertIn("may be alive", outcome.err, "it has to warn")
        self.assertIn(fresh.name[:8], outcome.err)
        self.assert_no_locks()
        self.backup(self.bank)

    def test_of_a_killed_process(self):
        bank.fill(self.bank, 32, seed=self.random.random())
        process = support.start(self.words("backup", self.bank), self.env())
        limit = time.monotonic() + 30
        while not list(self.repo.glob("locks/*")) and process.poll() is None:
            self.assertLess(time.monotonic(), limit, "the backup took no lock")
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        found = self.unlock()
        self.assertEqual([(lock["stale"], lock["removed"], lock["pid"])
                          for lock in found.values()], [(True, True, process.pid)])
        self.assert_no_locks()

    def test_unreadable(self):
        broken = self.repo / "locks" / ("0" * 64)
        broken.parent.mkdir(exist_ok=True)
        broken.write_bytes(b"nonsense")
        (found,) = self.unlock(expect=support.LEFT_OUT).values()
        self.assertTrue(found["problem"])
        self.assertTrue(broken.exists())
        self.assertTrue(self.unlock("--all")[broken.name]["removed"])
        self.assert_no_locks()

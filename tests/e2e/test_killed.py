# SPDX-License-Identifier: Apache-2.0
"""Backups that end half-way: by SIGKILL at any moment, by SIGINT, by SIGTERM."""

import os
import shutil
import signal
import time

import bank
import restic_tool
import support


class HalfWay(support.Case):
    rare = ("test_sigint", "test_sigkill_system_restic")
    time_max = 400
    full = "full-kill"

    def setUp(self):
        super().setUp()
        self.bank = bank.make(self.folder / "bank.db", accounts=20000)
        bank.fill(self.bank, 48, seed=self.random.random())
        self.init()
        self.empty = self.folder / "empty-repo"
        shutil.copytree(self.repo, self.empty)
        self.rounds = 100 if support.FULL else 4
        self.seconds = self.time_of_one()

    def time_of_one(self):
        started = time.monotonic()
        self.backup(self.bank, "--compression", "max")
        return time.monotonic() - started

    def fresh_repo(self):
        shutil.rmtree(self.repo)
        shutil.copytree(self.empty, self.repo)

    def interrupted(self, number, part):
        """Starts a backup into an empty repository and sends it a signal at that part of its time.
        How it ended."""
        self.fresh_repo()
        words = self.words("backup", self.bank, "--compression", "max", "--json")
        started = time.monotonic()
        process = support.start(words, self.env())
        time.sleep(part * self.seconds)
        os.kill(process.pid, number)
        return support.finish(words, process, started, 60)

    def parts(self):
        """Moments over the whole time, also shortly after the start and before the end; some are
        early, since the time was measured when the machine may have been busier."""
        fixed = [0.02, 0.15, 0.35, 0.95]
        return fixed + [self.random.uniform(0, 1.05) for _ in range(self.rounds - len(fixed))]

    def next_backup_works(self):
        summary = self.backup(self.bank)
        self.restore(summary["backup"], self.folder / "restored.db")
        self.assertEqual(bank.problems(self.folder / "restored.db"), [])
        self.assertEqual([b["id"] for b in self.backups()], [summary["backup"]])
        self.check("--read-data")
        for path in self.folder.glob("restored*"):
            path.unlink()

    def by_signal(self, number):
        stopped = 0
        before = sorted(os.listdir(self.folder))
        for part in self.parts():
            outcome = self.interrupted(number, part)
            context = f"signal {number} at {part:.3f} of {self.seconds:.2f} s{outcome}"
            if outcome.code == support.OK:
                self.assertEqual(len(self.backups()), 1, f"it was too late: {context}")
                continue
            # A signal may come before the program has begun to listen.
            if outcome.code == 128 + number and part < 0.1:
                continue
            self.assertEqual(outcome.code, support.INTERRUPTED, context)
            self.assertLess(outcome.seconds, self.seconds * part + 5, f"too slow: {context}")
            stopped += 1
            self.assert_nothing_left()
            self.assertEqual(sorted(os.listdir(self.folder)), before, f"left behind: {context}")
            self.next_backup_works()
        self.assertGreater(stopped, 0, "no backup was interrupted: all were too quick")
        print(f"measured: {stopped} of {self.rounds} backups ended by signal {number}, all clean")

    def test_sigint(self):
        self.by_signal(signal.SIGINT)

    def test_sigterm(self):
        self.by_signal(signal.SIGTERM)

    def test_twice_the_same_signal(self):
        """Impatient people press ^C again. It may end at once then, but nothing may be visible."""
        self.fresh_repo()
        words = self.words("backup", self.bank, "--compression", "max")
        process = support.start(words, self.env())
        time.sleep(0.5 * self.seconds)
        for _ in range(2):
            os.kill(process.pid, signal.SIGINT)
            time.sleep(0.01)
        outcome = support.finish(words, process, time.monotonic(), 60)
        if outcome.code != support.OK:
            self.assertEqual(outcome.code, support.INTERRUPTED, str(outcome))
            self.assertEqual(self.backups(), [])
            self.next_backup_works()

    def kill(self, which):
        restic = restic_tool.Restic(which, self.folder, self.repo)
        killed = 0
        for part in self.parts():
            outcome = self.interrupted(signal.SIGKILL, part)
            context = f"SIGKILL at {part:.3f} of {self.seconds:.2f} s{outcome}"
            if outcome.code == support.OK:
                continue
            self.assertEqual(outcome.code, 128 + signal.SIGKILL, context)
            if self.backups():
                # killed after its last write, which is that of the snapshot
                self.restore("latest", self.folder / "restored.db")
                self.assertEqual(bank.problems(self.folder / "restored.db"), [], context)
                (self.folder / "restored.db").unlink()
                continue
            killed += 1
            self.check("--read-data")
            # takes away locks of processes that are no more; restic would not check before
            restic("unlock")
            restic.check()
            self.next_backup_works()
            restic("unlock")
            restic.check()
        self.assertGreater(killed, 0, "no backup was killed half-way: all were too quick")
        print(f"measured: {killed} of {self.rounds} backups killed half-way, nothing visible, "
              f"restic {restic.version} content")

    def test_sigkill_system_restic(self):
        self.kill("system")

    def test_sigkill_next_restic(self):
        self.kill("next")

# SPDX-License-Identifier: Apache-2.0
"""Backups copied to another repository, by us and by restic."""

import hashlib
import os
import signal
import time

import bank
import restic_tool
import support

OTHER_PASSWORD = "another horse"


class Copy(support.Case):
    rare = ("test_with_system_restic",)
    time_max = 300

    def setUp(self):
        super().setUp()
        self.bank = bank.make(self.folder / "bank.db", accounts=5000)
        self.init()
        self.other = self.folder / "other"
        self.password_file = self.folder / "other-password"
        self.password_file.write_text(OTHER_PASSWORD + "\n")
        self.stillpoint("init", env=self.at_other())
        self.expected = {}
        for _ in range(3):
            bank.fill(self.bank, 2, seed=self.random.random())
            made = self.backup(self.bank)["backup"]
            self.expected[made] = self.digest(made)

    def at_other(self):
        return {"STILLPOINT_REPOSITORY": self.other, "STILLPOINT_PASSWORD": OTHER_PASSWORD}

    def digest(self, backup, **how):
        return hashlib.sha256(self.dump(backup, "bank/data/bank.db", **how)).hexdigest()

    def copy_words(self, *arguments):
        return ("copy", "--to", self.other, "--to-password-file", self.password_file, *arguments)

    def copy(self, *arguments, **how):
        return self.stillpoint(*self.copy_words(*arguments), "--json", **how).last_json()

    def restic(self, which="system"):
        """On the other repository."""
        restic = restic_tool.Restic(which, self.folder, self.other)
        env = restic.env
        restic.env = lambda **more: env(**{"RESTIC_PASSWORD": OTHER_PASSWORD, **more})
        return restic

    def assert_same_there(self, summary):
        for one in summary["backups"]:
            self.assertEqual(self.digest(one["copy"], env=self.at_other()),
                             self.expected[one["backup"]])
        self.check("--read-data", env=self.at_other())

    def test_all_backups_and_again(self):
        planned = self.copy("--dry-run")
        self.assertEqual([one["copy"] for one in planned["backups"]], [None] * 3)
        self.assertEqual(self.stillpoint("list", "--json", env=self.at_other()).json(), [])
        summary = self.copy()
        self.assertEqual([one["backup"] for one in summary["backups"]], list(self.expected))
        self.assertGreater(summary["bytes_stored"], 0)
        self.assert_same_there(summary)
        self.restic().check()
        # all that a backup says of itself is said there
        for one in summary["backups"]:
            here = self.stillpoint("show", one["backup"], "--json").json()
            there = self.stillpoint("show", one["copy"], "--json", env=self.at_other()).json()
            self.assertEqual({**here, "id": ""}, {**there, "id": ""})
        again = self.copy()
        self.assertEqual([one["was_there"] for one in again["backups"]], [True] * 3)
        self.assertEqual([one["copy"] for one in again["backups"]],
                         [one["copy"] for one in summary["backups"]])
        self.assertEqual(again["bytes_stored"], 0)
        self.restore("latest", self.folder / "restored.db", env=self.at_other())
        self.assertEqual(bank.problems(self.folder / "restored.db"), [])

    def test_single_backups(self):
        first, _, last = self.expected
        summary = self.copy("latest:bank", first[:10])
        self.assertEqual([one["backup"] for one in summary["backups"]], [first, last])
        self.assertEqual(len(self.stillpoint("list", "--json", env=self.at_other()).json()), 2)
        self.fails(*self.copy_words("--system", "nobody"), expect=support.FAILURE,
                   says=["nobody"])

    def with_restic(self, which):
        """Each knows what the other has copied."""
        restic = self.restic(which)
        self.copy(next(iter(self.expected)))
        password = self.folder / "own-password"
        password.write_text(support.PASSWORD)
        restic("copy", "--from-repo", self.repo, "--from-password-file", password)
        self.assertEqual(len(restic.snapshots()), 3)
        self.assertEqual([one["was_there"] for one in self.copy()["backups"]], [True] * 3)
        restic.check()

    def test_with_system_restic(self):
        self.with_restic("system")

    def test_with_next_restic(self):
        self.with_restic("next")

    def test_refusals(self):
        error = self.fails("copy", "--to", self.other, expect=support.WRONG_PASSWORD)
        self.assertIn("--to-password-file", error["advice"])
        self.fails("copy", "--to", self.folder / "nothing", expect=support.NO_REPOSITORY)
        self.fails("copy", "--to", self.repo, expect=support.FAILURE, says=["same repository"])

    def test_killed_at_any_moment(self):
        started = time.monotonic()
        self.copy()
        seconds = time.monotonic() - started
        for part in (0.1, 0.3, 0.5, *(self.random.uniform(0.1, 1) for _ in range(3))):
            self.other = self.folder / f"other-{part}"
            self.stillpoint("init", env=self.at_other())
            words = self.words(*self.copy_words())
            begun = time.monotonic()
            process = support.start(words, self.env())
            time.sleep(part * seconds)
            os.kill(process.pid, signal.SIGKILL)
            support.finish(words, process, begun, 60)
            self.check("--read-data", env=self.at_other())
            self.assert_same_there(self.copy())
            self.assertEqual(len(self.stillpoint("list", "--json", env=self.at_other()).json()), 3)
            self.restic().check()

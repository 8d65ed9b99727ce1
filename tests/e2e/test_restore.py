# SPDX-License-Identifier: Apache-2.0
"""Restore: nothing that exists is touched until the new data is complete; then one switch."""

import os
import pty
import shutil
import signal
import subprocess
import time

import bank
import mounts
import support


class Restore(support.Case):
    time_max = 240
    full = "full-restore"

    def setUp(self):
        super().setUp()
        (self.folder / "srv").mkdir()
        self.bank = bank.make(self.folder / "srv/bank.db", accounts=5000)
        self.init()
        self.transfer(10)
        self.backup(self.bank)
        self.transfer(5)

    def transfer(self, number):
        db = bank.connect(self.bank)
        for _ in range(number):
            bank.transfer(db, 5000, self.random)
        db.close()

    def before_files(self):
        return sorted(p for p in self.bank.parent.glob("bank_before_*")
                      if not p.name.endswith(("-wal", "-shm", "-journal")))

    def assert_old(self, message=""):
        self.assertEqual(bank.problems(self.bank), [], message)
        self.assertEqual(bank.count(self.bank), 15, f"the old data was touched {message}")
        self.assertEqual(sorted(os.listdir(self.bank.parent)), ["bank.db"], message)

    def assert_new(self, message=""):
        self.assertEqual(bank.problems(self.bank), [], message)
        self.assertEqual(bank.count(self.bank), 10, f"not the backup's data {message}")
        kept = self.before_files()
        self.assertEqual(len(kept), 1, f"where is the old data? {os.listdir(self.bank.parent)}")
        self.assertEqual(bank.problems(kept[0]), [], message)
        self.assertEqual(bank.count(kept[0]), 15, message)

    def test_in_place(self):
        self.stillpoint("restore", "latest", "--yes")
        self.assert_new()
        names = sorted(os.listdir(self.bank.parent))
        self.assertEqual(len(names), 2, f"staging is left behind: {names}")

    def test_twice_keeps_both(self):
        self.stillpoint("restore", "latest", "--yes")
        self.stillpoint("restore", "latest", "--yes")
        self.assertEqual(sorted(bank.count(path) for path in self.before_files()), [10, 15])

    def test_owner_and_mode_stay(self):
        self.bank.chmod(0o640)
        if os.geteuid() == 0:
            os.chown(self.bank, 12345, 12346)
        before = self.bank.stat()
        self.stillpoint("restore", "latest", "--yes")
        after = self.bank.stat()
        self.assertEqual((after.st_mode, after.st_uid, after.st_gid),
                         (before.st_mode, before.st_uid, before.st_gid))

    def test_database_by_name(self):
        target = self.folder / "elsewhere.db"
        self.stillpoint("restore", "latest", "--database", "bank", "--to", f"bank={target}",
                        "--yes")
        self.assertEqual(bank.count(target), 10)
        self.assert_old()
        error = self.fails("restore", "latest", "--database", "bnak", "--yes",
                           expect=support.FAILURE, code="not_found", says=["bnak"])
        self.assertIn("bank", error["message"] + error["advice"])

    def test_dry_run(self):
        outcome = self.stillpoint("restore", "latest", "--dry-run")
        self.assertIn(str(self.bank), outcome.out + outcome.err)
        self.assert_old()

    def test_without_yes_and_terminal(self):
        outcome = self.stillpoint("restore", "latest", expect=None)
        self.assertIn(outcome.code, (support.FAILURE, support.USAGE), str(outcome))
        self.assertIn("--yes", outcome.err)
        self.assert_old()

    def answer(self, text):
        """Answers the question on a terminal."""
        ours, theirs = pty.openpty()
        words = self.words("restore", "latest")
        process = subprocess.Popen(words, env=self.env(TERM="xterm"), stdin=theirs, stderr=theirs,
                                   stdout=subprocess.PIPE, start_new_session=True)
        os.close(theirs)
        seen = b""
        try:
            while b"?" not in seen and process.poll() is None:
                seen += os.read(ours, 1000)
            os.write(ours, text)
            while True:
                seen += os.read(ours, 1000)
        except OSError:
            pass  # so a terminal tells that the other side has gone
        out = process.communicate(timeout=60)[0]
        os.close(ours)
        return support.Outcome(words, process.returncode, out, seen, 0)

    def test_asks_on_a_terminal(self):
        outcome = self.answer(b"no\n")
        self.assertNotEqual(outcome.code, support.OK, str(outcome))
        self.assertIn("bank.db", outcome.err, f"it does not say what would be replaced{outcome}")
        self.assert_old(str(outcome))
        outcome = self.answer(b"yes\n")
        self.assertEqual(outcome.code, support.OK, str(outcome))
        self.assert_new(str(outcome))

    def test_open_by_another_process(self):
        with bank.held(self.bank, "SELECT count(*) FROM accounts") as pid:
            self.fails("restore", "latest", "--yes", expect=support.FAILURE, code="busy",
                       says=[pid])
            self.assertEqual(self.before_files(), [])
        self.assert_old()

    def test_old_journal_is_not_applied_to_the_new_data(self):
        """A crashed application leaves transactions in the journal: they go with the old data."""
        hot = self.folder / "hot"
        hot.mkdir()
        db = bank.connect(self.bank)
        bank.transfer(db, 5000, self.random)
        for path in self.bank.parent.iterdir():
            shutil.copy(path, hot)
        db.close()
        self.assertTrue((hot / "bank.db-wal").stat().st_size > 0)
        for name in ("bank.db", "bank.db-wal"):
            shutil.copy(hot / name, self.bank.parent)
        self.stillpoint("restore", "latest", "--yes")
        self.assertEqual(bank.problems(self.bank), [])
        self.assertEqual(bank.count(self.bank), 10)
        self.assertEqual([bank.count(path) for path in self.before_files()], [16])

    def test_no_space(self):
        place = self.folder / "small"
        mounts.small(self, place, 1)
        bank.fill(self.bank, 4)
        self.backup(self.bank)
        self.fails("restore", "latest", "--to", place / "bank.db", "--yes",
                   expect=support.FAILURE, code="no_space")
        self.assertEqual(os.listdir(place), [])

    def test_damaged_backup_is_not_restored(self):
        packs = [p for p in (self.repo / "data").rglob("*") if p.is_file()]
        largest = max(packs, key=lambda pack: pack.stat().st_size)
        data = bytearray(largest.read_bytes())
        data[len(data) // 3] ^= 1
        largest.chmod(0o600)
        largest.write_bytes(data)
        self.fails("restore", "latest", "--yes", expect=support.FAILURE, code="corrupt")
        self.assert_old()
        self.stillpoint("verify", "latest", expect=support.FAILURE)

    def test_verify(self):
        self.stillpoint("verify")
        self.stillpoint("verify", "latest:bank")
        self.stillpoint("verify", "--scratch", "here", cwd=self.folder)  # a relative path
        self.assertEqual(os.listdir(self.folder / "here"), [])

    def interrupted(self, number):
        """Signals at random moments: the target is the old or the new, never anything else."""
        bank.fill(self.bank, 48, seed=1)
        self.backup(self.bank)
        self.transfer(5)
        shutil.copytree(self.bank.parent, self.folder / "original")
        started = time.monotonic()
        self.stillpoint("restore", "latest", "--to", self.folder / "timing.db", "--yes")
        seconds, rounds, ended = time.monotonic() - started, 50 if support.FULL else 5, 0
        for part in [0.5] + [self.random.uniform(0, 1.1) for _ in range(rounds - 1)]:
            shutil.rmtree(self.bank.parent)
            shutil.copytree(self.folder / "original", self.bank.parent)
            words = self.words("restore", "latest", "--yes")
            started = time.monotonic()
            process = support.start(words, self.env())
            time.sleep(part * seconds)
            os.kill(process.pid, number)
            outcome = support.finish(words, process, started, 60)
            self.check_interrupted(number, outcome, f"at {part:.3f} of {seconds:.2f} s{outcome}")
            ended += outcome.code != support.OK
        self.assertGreater(ended, 0, "no restore was interrupted: all were too quick")
        print(f"measured: {ended} of {rounds} restores ended by signal {number}: old or new")

    def check_interrupted(self, number, outcome, context):
        self.assertIn(outcome.code, (support.OK, support.INTERRUPTED, 128 + number), context)
        self.assertEqual(bank.problems(self.bank), [], context)
        self.assertIn(bank.count(self.bank), (15, 20), context)
        if bank.count(self.bank) == 15:
            self.assertEqual([bank.count(path) for path in self.before_files()], [20], context)
        elif outcome.code == support.INTERRUPTED:
            self.assertEqual(os.listdir(self.bank.parent), ["bank.db"], f"left behind {context}")
        self.stillpoint("restore", "latest", "--yes")
        self.assertEqual(bank.count(self.bank), 15, f"the next run {context}")

    def test_sigint(self):
        self.interrupted(signal.SIGINT)

    def test_sigkill(self):
        self.interrupted(signal.SIGKILL)

# SPDX-License-Identifier: Apache-2.0
"""Space that is freed: in two phases, beside backups, killed at any moment, and with restic."""

import hashlib
import os
import signal
import threading
import time

import bank
import restic_tool
import sealing
import support

SOON = "0.001s"  # a grace that is no time, unlike none


class Base(support.Case):
    time_max = 300

    def setUp(self):
        super().setUp()
        self.bank = bank.make(self.folder / "bank.db", accounts=20000)
        self.init()

    def rewrite_bank(self, mebibytes=8):
        """Most of the bank is other data afterwards."""
        db = bank.connect(self.bank)
        db.execute("DROP TABLE IF EXISTS filler")
        db.close()
        bank.fill(self.bank, mebibytes, seed=self.random.random())

    def some_backups(self, number=3):
        """Their ids. Packs are small, so that many are needed in part."""
        made = []
        for _ in range(number):
            self.rewrite_bank()
            made.append(self.backup(self.bank, "--pack-size", "4")["backup"])
        return made

    def forget(self, *ids):
        for snapshot in ids:
            (self.repo / "snapshots" / snapshot).unlink()

    def prune(self, *arguments, **how):
        summary = self.stillpoint("prune", *arguments, "--json", "-q", **how).last_json()
        self.assertEqual(summary["type"], "summary", summary)
        return summary

    def packs(self):
        return {path.name: path.stat().st_size for path in (self.repo / "data").glob("*/*")}

    def sha256_of(self, backup):
        return hashlib.sha256(self.dump(backup, "bank/data/bank.db")).hexdigest()

    def assert_pruned(self):
        """Nothing waits, nothing is unneeded."""
        would = self.prune("--dry-run", "--max-unused", "0")
        for what in ("deleted", "retired", "orphaned", "waiting"):
            self.assertEqual(would[what], {"packs": 0, "bytes": 0}, would)
        self.assertEqual(would["before"]["packs"], len(self.packs()))
        self.assertEqual(list(self.repo.glob("retired/*")), [])


class Prune(Base):
    def test_two_phases(self):
        first, second, third = self.some_backups()
        before, whole = self.packs(), self.sha256_of(third)
        self.forget(first, second)
        would = self.prune("--dry-run", "--max-unused", "0")
        self.assertEqual(self.packs(), before)
        did = self.prune("--max-unused", "0")
        self.assertEqual(did["retired"], would["retired"])
        self.assertGreater(did["retired"]["bytes"], sum(before.values()) // 3, did)
        self.assertEqual(did["deleted"]["packs"], 0)
        self.assertLessEqual(before.items(), self.packs().items(), "nothing is deleted yet")
        self.check("--read-data")
        again = self.stillpoint("prune")
        self.assertIn("waiting", again.out)
        self.assertEqual(self.prune()["waiting"], did["waiting"])
        swept = self.prune("--grace", SOON)
        self.assertEqual(swept["deleted"], did["retired"])
        self.check("--read-data")
        self.assertEqual(self.sha256_of(third), whole)
        self.assert_pruned()
        self.assert_no_locks()

    def test_at_once(self):
        first, second = self.some_backups(2)
        whole = self.sha256_of(second)
        self.forget(first)
        lock = sealing.add_lock(self.repo, support.PASSWORD, exclusive=False)
        self.fails("prune", "--grace", "0", expect=support.LOCKED, code="locked",
                   says=["elsewhere"])
        lock.unlink()
        did = self.prune("--grace", "0", "--max-unused", "0")
        self.assertEqual(did["deleted"], did["retired"])
        self.assertEqual(self.sha256_of(second), whole)
        self.assert_pruned()

    def test_missing_pack(self):
        self.some_backups(1)
        name = max(self.packs(), key=self.packs().get)
        (self.repo / "data" / name[:2] / name).unlink()
        before = sorted(self.repo.rglob("*"))
        self.fails("prune", expect=support.FAILURE, code="corrupt", says=[name])
        self.assertEqual(sorted(self.repo.rglob("*")), before)

    def test_wrong_limits(self):
        self.fails("prune", "--max-unused", "much", expect=support.FAILURE, code="invalid",
                   says=["much"])
        self.stillpoint("prune", "--grace", "soon", expect=support.USAGE)

    def test_killed(self):
        """At any moment: every backup stays whole, and the next prune goes on."""
        kept = self.some_backups(1)
        wholes = {kept[0]: self.sha256_of(kept[0])}
        seconds = 0.3
        for number in range(30 if support.FULL else 4):
            made = self.some_backups(2)
            self.forget(made[0])
            wholes[made[1]] = self.sha256_of(made[1])
            words = self.words("prune", "--max-unused", "0", "--grace", SOON)
            process = support.start(words, self.env())
            time.sleep(self.random.uniform(0, seconds))
            os.kill(process.pid, signal.SIGKILL)
            support.finish(words, process, time.monotonic(), 60)
            self.check("--read-data")
            for backup, whole in wholes.items():
                self.assertEqual(self.sha256_of(backup), whole, f"round {number}")
        started = time.monotonic()
        self.prune("--max-unused", "0", "--grace", SOON)
        print(f"a whole prune takes {time.monotonic() - started:.2f} s")
        self.prune("--max-unused", "0", "--grace", SOON)
        for backup, whole in wholes.items():
            self.assertEqual(self.sha256_of(backup), whole)
        self.assert_pruned()

    def test_beside_backups(self):
        """Prune after prune while backups are made of data that was just retired."""
        self.some_backups(1)
        originals = [self.bank.read_bytes()]
        self.rewrite_bank()
        originals.append(self.bank.read_bytes())
        stop, failed = threading.Event(), []

        def go_on_pruning():
            try:
                while not stop.is_set():
                    self.prune("--max-unused", "0", "--grace", SOON, timeout=300)
            except AssertionError as error:
                failed.append(error)

        pruner = threading.Thread(target=go_on_pruning)
        pruner.start()
        try:
            kept = []
            for number in range(40 if support.FULL else 5):
                for path in self.folder.glob("bank.db-*"):
                    path.unlink()
                self.bank.write_bytes(originals[number % 2])
                kept.append(self.backup(self.bank, "--pack-size", "4")["backup"])
                self.check()
                if number % 3 == 2:
                    self.forget(*kept)
                    kept = []
        finally:
            stop.set()
            pruner.join()
        self.assertEqual(failed, [])
        self.backup(self.bank)
        self.prune("--max-unused", "0", "--grace", SOON)
        self.prune("--max-unused", "0", "--grace", SOON)
        self.check("--read-data")
        self.restore("latest", self.folder / "restored.db")
        self.assertEqual(bank.problems(self.folder / "restored.db"), [])
        self.assert_pruned()


class RepairIndex(Base):
    def test_lost_index(self):
        (backup,) = self.some_backups(1)
        whole = self.sha256_of(backup)
        for path in self.repo.glob("index/*"):
            path.unlink()
        self.check(expect=support.FAILURE)
        would = self.stillpoint("repair", "index", "--dry-run", "--json", "-q").last_json()
        self.assertEqual(would["added"]["packs"], len(self.packs()))
        self.assertEqual(list(self.repo.glob("index/*")), [])
        did = self.stillpoint("repair", "index", "--json", "-q").last_json()
        self.assertEqual(did["added"], would["added"])
        self.check("--read-data")
        self.assertEqual(self.sha256_of(backup), whole)
        self.assertIn("nothing to repair", self.stillpoint("repair", "index").out)

    def test_unreadable_pack(self):
        self.some_backups(1)
        name = sorted(self.packs())[0]
        path = self.repo / "data" / name[:2] / name
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-1])
        outcome = self.stillpoint("repair", "index", expect=support.LEFT_OUT)
        self.assertIn(name, outcome.out)
        self.assertTrue(path.exists(), "a pack is never deleted")


class WithRestic(Base):
    which = ""

    def setUp(self):
        super().setUp()
        self.restic = restic_tool.Restic(self.which, self.folder, self.repo)

    def test_restic_agrees_after_each_phase(self):
        first, second, third = self.some_backups()
        self.restic("forget", first, second)
        for arguments in (["--max-unused", "0"], ["--grace", SOON, "--repack-small"],
                          ["--grace", SOON]):
            self.prune(*arguments)
            self.restic.check()
            self.check("--read-data")
        self.assertEqual([s["id"] for s in self.restic.snapshots()], [third])
        self.restic("restore", "latest", "--target", self.folder / "by-restic")
        self.assertEqual(bank.problems(self.folder / "by-restic/bank/data/bank.db"), [])

    def test_restic_prunes_beside_retired_packs(self):
        first, second, third = self.some_backups()
        self.forget(first)
        self.assertGreater(self.prune("--max-unused", "0")["retired"]["packs"], 0)
        self.restic("forget", "--prune", "--max-unused", "0", second)
        self.restic.check()
        self.check("--read-data")
        whole = self.sha256_of(third)
        self.prune("--grace", SOON)
        self.prune("--grace", SOON)
        self.assertEqual(self.sha256_of(third), whole)
        self.restic.check()
        self.assertEqual(list(self.repo.glob("retired/*")), [])

    def test_a_lock_of_ours_is_understood(self):
        """With the keys that restic does not know."""
        self.rewrite_bank(48)
        words = self.words("backup", self.bank, "--limit-rate", "1MiB")
        process = support.start(words, self.env())
        try:
            until = time.monotonic() + 60
            while not (locks := list(self.repo.glob("locks/*"))) and time.monotonic() < until:
                time.sleep(0.05)
            shown = self.restic("--no-lock", "cat", "lock", locks[0].name).out
            self.assertIn(f'"pid": {process.pid}', shown)
            self.assertNotEqual(self.restic("prune", expect=None).code, 0, "we are at work")
            self.restic("snapshots")
        finally:
            os.kill(process.pid, signal.SIGKILL)
            support.finish(words, process, time.monotonic(), 60)
        self.restic("unlock")
        self.assert_no_locks()
        self.restic("prune")

    def test_restic_at_work_holds_the_switch_up(self):
        first, _ = self.some_backups(2)
        self.forget(first)
        indexes = sorted(self.repo.glob("index/*"))
        lock = sealing.add_lock(self.repo, support.PASSWORD, exclusive=False)
        words = self.words("prune", "--max-unused", "0", "-q")
        process = support.start(words, self.env())
        until = time.monotonic() + 60
        while not list(self.repo.glob("retired/*")) and time.monotonic() < until:
            time.sleep(0.05)
        for path in indexes:
            self.assertTrue(path.exists(), "an index file that restic has read")
        lock.unlink()
        outcome = support.finish(words, process, time.monotonic(), 60)
        self.assertEqual(outcome.code, support.OK, outcome)
        self.restic.check()
        self.assertNotEqual(sorted(self.repo.glob("index/*")), indexes)


class WithSystemRestic(WithRestic):
    daily = False
    which = "system"


class WithNextRestic(WithRestic):
    which = "next"


class OfRestic(support.Case):
    """A repository that restic made and wrote."""

    time_max = 300
    which = ""

    def test_pruned_by_us(self):
        restic = restic_tool.Restic(self.which, self.folder, self.repo)
        restic("init", "--repository-version", "2")
        source = self.folder / "source"
        source.mkdir()
        for number in range(4):
            for name in range(200):
                (source / f"file-{name}").write_bytes(self.random.randbytes(20_000))
            (source / "stays").write_bytes(b"the same all the time" * 1000)
            os.makedirs(source / f"folder-{number}/in/it", exist_ok=True)
            restic("backup", ".", "--pack-size", "4", cwd=source)
        ids = [s["id"] for s in restic.snapshots()]
        restic("forget", *ids[:2])
        summary = self.stillpoint("prune", "--max-unused", "0", "--json", "-q").last_json()
        self.assertGreater(summary["retired"]["bytes"], 6_000_000, summary)
        self.stillpoint("prune", "--grace", SOON, "--max-unused", "0")
        restic.check()
        self.check("--read-data")
        restic("restore", ids[-1], "--target", self.folder / "restored")
        for path in source.rglob("*"):
            again = self.folder / "restored" / path.relative_to(source)
            if path.is_file():
                self.assertEqual(again.read_bytes(), path.read_bytes(), path)
            else:
                self.assertTrue(again.is_dir(), path)
        size = sum(p.stat().st_size for p in (self.repo / "data").glob("*/*"))
        self.assertLess(size, 2 * 200 * 20_000 * 1.1)


class OfSystemRestic(OfRestic):
    daily = False
    which = "system"


class OfNextRestic(OfRestic):
    which = "next"


del WithRestic, OfRestic  # unittest would run them too

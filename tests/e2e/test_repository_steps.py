# SPDX-License-Identifier: Apache-2.0
"""Whatever is done to a repository ends at every step by SIGKILL, hangs, fails, or is stopped while
others go on: what was finished stays whole, and whoever comes next needs no help."""

import os
import signal
import time

import steps
import support
from repository_world import PRUNE, World


class Base(World):
    full = "full-repository-kill"

    def run_with_trouble(self, name, at, do, reads=False, **more):
        """The outcome, and the name of the step at which it came (None: it was through before)."""
        self.fresh(name)
        env = {**self.env(**more), **self.steps.env(at=at, do=do, reads=reads)}
        words = self.words(*self.operations()[name].words, "--json")
        outcome = support.run(words, env, timeout=60)
        return outcome, self.steps.struck()

    def some_steps(self, taken):
        if support.FULL:
            return [number for number, _ in taken]
        return steps.one_of_each(taken, self.random)

    def steps_of(self, name, **how):
        """Those of a run that nothing happens to. A sync changes nothing that a kill leaves."""
        self.fresh(name)
        self.stillpoint(*self.operations()[name].words, "-q", env=self.steps.env(**how))
        taken = self.steps.taken()
        self.attempted = self.digest("latest") if name == "backup" else None
        self.assertGreater(len(taken), 4, f"{name} takes no steps")
        return taken

    def aftermath(self, name, context, restic=False):
        if self.operations()[name].helpless:
            return self.assert_goes_on(name, context)
        self.assert_sound(name, context, restic)
        self.assert_goes_on(name, context)


class Killed(Base):
    daily = True
    rare = ("test_restore", "test_forget", "test_copy", "test_repair", "test_key_change")

    def kill_at_every_step(self, name):
        taken = [step for step in self.steps_of(name) if not step[1].startswith("sync")]
        attempted = self.attempted
        numbers = self.some_steps(taken)
        by_restic = self.random.choice(numbers)
        killed = []
        for at in numbers:
            outcome, struck = self.run_with_trouble(name, at, "kill")
            if struck is None:
                continue  # threads take their steps in another order
            self.assertEqual(outcome.code, 128 + signal.SIGKILL, str(outcome))
            killed.append(struck)
            self.attempted = attempted
            self.aftermath(name, f"{name} killed before step {at}, {struck}",
                           restic=support.FULL or at == by_restic)
        print(f"measured: {name} killed at {len(killed)} of {len(taken)} steps: "
              f"{', '.join(sorted(set(killed)))}")
        self.assertGreater(len(killed), len(numbers) // 2)

    def test_backup(self):
        self.kill_at_every_step("backup")

    def test_restore(self):
        self.kill_at_every_step("restore")

    def test_prune(self):
        self.kill_at_every_step("prune")

    def test_forget(self):
        self.kill_at_every_step("forget")

    def test_copy(self):
        self.kill_at_every_step("copy")

    def test_repair(self):
        self.kill_at_every_step("repair")

    def test_key_change(self):
        self.kill_at_every_step("key")


class Hangs(Base):
    """A storage that does not answer: a network share whose server is gone."""

    def hang(self, name):
        """The command ends by itself, says who does not answer, and is in nobody's way."""
        taken = self.steps_of(name, reads=True)
        attempted = self.attempted
        numbers = [number for number, _ in taken]
        for at in numbers if support.FULL else self.random.sample(numbers, 2):
            outcome, struck = self.run_with_trouble(name, at, "hang", reads=True,
                                                    STILLPOINT_TEST_STORAGE_ANSWER_MS=300)
            if struck is None:
                continue
            self.assertEqual(outcome.code, support.FAILURE, f"hung at {struck}{outcome}")
            self.assertIn("no answer", outcome.error()["message"])
            self.assertIn(str(self.disk), outcome.error()["message"], "which storage it is")
            self.assertTrue(outcome.error()["advice"])
            self.attempted = attempted
            self.aftermath(name, f"{name} hung at step {at}, {struck}")

    def test_every_operation(self):
        for name in self.operations():
            if name != "restore":  # its target is no storage: that is the file system's own
                with self.subTest(name):
                    self.hang(name)

    def test_interrupted(self):
        """The first SIGINT waits for the call that is under way, the second for nothing."""
        taken = self.steps_of("backup")
        at = next(number for number, name in taken if name.startswith("rename repo/data"))
        self.fresh()
        words = self.words("backup", self.bank)
        process = support.start(words, {**self.env(), **self.steps.env(at=at, do="hang")})
        self.wait_until(lambda: self.steps.struck() is not None)
        os.kill(process.pid, signal.SIGINT)
        self.assertIn(b"once more", [process.stderr.readline() for _ in range(2)][1])
        # Others are not in its way: only those who want to be alone are, while its lock lives.
        attempted, self.attempted = self.attempted, None
        made = self.backup(self.bank)["backup"]
        self.known[made] = self.digest(made)
        self.stillpoint("prune", "-q")
        self.fails("key", "change", "--new-password-file", self.folder / "new-password",
                   expect=support.LOCKED, says=[process.pid])
        os.kill(process.pid, signal.SIGINT)
        outcome = support.finish(words, process, time.monotonic(), 20)
        self.assertEqual(outcome.code, support.INTERRUPTED, str(outcome))
        self.attempted = attempted
        self.aftermath("backup", "backup interrupted while it hung")

    def wait_until(self, happens):
        limit = time.monotonic() + 60
        while not happens():
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.002)


class Fails(Base):
    """The kernel says that it did not work."""

    def fail(self, name, do, wanted):
        taken = [step for step in self.steps_of(name, reads=True) if wanted(step[1])]
        attempted = self.attempted
        for at in self.some_steps(taken):
            outcome, struck = self.run_with_trouble(name, at, do, reads=True)
            if struck is None:
                continue
            self.assertIn(outcome.code, (support.OK, support.FAILURE), f"{do} at {struck}{outcome}")
            if outcome.code == support.FAILURE:
                self.assertTrue(outcome.error()["advice"])
            self.attempted = attempted
            self.aftermath(name, f"{name}: {do} at step {at}, {struck}")

    def test_once(self):
        """What may pass is tried again."""
        for name in self.operations():
            with self.subTest(name):
                self.fail(name, "fail", lambda step: True)

    def test_full_disk(self):
        """… in the middle of a write, and from there on."""
        for name in self.operations():
            with self.subTest(name):
                self.fail(name, "short", lambda step: step.startswith("write"))


class Stopped(Base):
    """A laptop that sleeps in the middle of it, for so long that others call it dead."""

    def stop(self, name, robbed):
        taken = [step for step in self.steps_of(name) if steps.visible(step[1])]
        attempted = self.attempted
        ends = []
        for at in self.some_steps(taken):
            self.attempted = attempted
            known = dict(self.known)
            ends.append(self.stopped_at(name, at, robbed))
            self.aftermath(name, f"{name} stopped at step {at}, {self.struck}")
            self.known = known
        print(f"measured: {name} stopped, robbed: {robbed}: {ends}")

    def stopped_at(self, name, at, robbed):
        """How it ends after it was stopped, and others have worked meanwhile."""
        self.fresh(name)
        words = self.words(*self.operations()[name].words, "--json")
        process = support.start(words, {**self.env(), **self.steps.env(at=at, do="stop")})
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        self.struck = self.steps.struck()
        if robbed:  # as whoever locks next does it to a lock that is half an hour old
            for lock in self.repo.glob("locks/*"):
                lock.unlink()
        locked = name == "prune" and any(self.repo.glob("locks/*"))
        others = support.LOCKED if locked else support.OK
        for _ in range(2):
            self.stillpoint(*PRUNE, "-q", expect=others)
        made = self.backup(self.bank)["backup"]
        self.known[made] = self.digest(made)
        if robbed:
            self.stillpoint(*PRUNE, "-q")
        os.kill(process.pid, signal.SIGCONT)
        outcome = support.finish(words, process, time.monotonic(), 60)
        if not robbed:
            self.assertEqual(outcome.code, support.OK, f"{self.struck}{outcome}")
        if outcome.code == support.OK and name == "backup":
            done = outcome.last_json()["backup"]
            self.known[done] = self.digest(done)
            self.assertEqual(self.known[done], self.attempted)
        elif outcome.code != support.OK:
            self.assertIn(outcome.error()["code"], ("locked", "unavailable", "not_found"),
                          str(outcome))
        return f"{outcome.code} at {self.struck}"

    def test_a_backup(self):
        """While its lock is there, nothing that it needs is deleted."""
        self.stop("backup", robbed=False)

    def test_a_backup_that_lost_its_lock(self):
        self.stop("backup", robbed=True)

    def test_a_prune(self):
        self.stop("prune", robbed=False)

    def test_a_prune_that_lost_its_lock(self):
        self.stop("prune", robbed=True)

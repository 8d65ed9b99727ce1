# SPDX-License-Identifier: Apache-2.0
"""What every end-to-end test uses: the program, a folder of its own, commands and how they end."""

import json
import os
import pathlib
import random
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("STILLPOINT") or str(ROOT / "build/dev/src/cli/stillpoint")
FULL = os.environ.get("STILLPOINT_FULL") == "1"
PASSWORD = "correct horse battery staple"

# The exit codes that are promised (docs/user/scripting.md).
OK, FAILURE, USAGE, LEFT_OUT = 0, 1, 2, 3
NO_REPOSITORY, LOCKED, WRONG_PASSWORD, UNPROVEN, INTERRUPTED = 10, 11, 12, 20, 130


class Outcome:
    """What a command did. Texts keep bytes that are no UTF-8."""

    def __init__(self, command, code, out, err, seconds):
        self.command = command
        # as a shell tells it: 128 + signal
        self.code = code if code >= 0 else 128 - code
        self.out_bytes = out
        self.out = out.decode("utf-8", "surrogateescape")
        self.err = err.decode("utf-8", "surrogateescape")
        self.seconds = seconds

    def __str__(self):
        words = " ".join(shlex.quote(os.fsdecode(word)) for word in self.command)
        return (f"\n$ {words}\nexit code {self.code} after {self.seconds:.1f} s\n"
                f"--- stdout\n{self.out[-2000:]}\n--- stderr\n{self.err[-4000:]}\n---")

    def json(self):
        return self._parse(self.out)

    def last_json(self):
        """The last of JSON lines."""
        return self._parse((self.out.strip().splitlines() or [""])[-1])

    def error(self):
        """The JSON error on stderr. Talk may stand around it."""
        for line in reversed(self.err.splitlines()):
            if line.startswith("{"):
                found = self._parse(line)
                if found.get("type") == "error":
                    return found
        raise AssertionError(f"no JSON line of type error on stderr{self}")

    def _parse(self, text):
        try:
            return json.loads(text)
        except ValueError as error:
            raise AssertionError(f"this is not JSON ({error}): {text[:500]!r}{self}") from error


def clean_environment(folder, **more):
    """Nothing of the caller's configuration, and a home of the test's own."""
    ours = ("STILLPOINT_", "RESTIC_", "XDG_")
    env = {k: v for k, v in os.environ.items() if not k.startswith(ours) and k != "STILLPOINT"}
    env.update(HOME=str(folder), XDG_CACHE_HOME=str(folder / "cache"), LC_ALL="C.UTF-8")
    env.update({k: str(v) for k, v in more.items() if v is not None})
    return env


def finish(command, process, started, timeout, given=None):
    """Waits for a process; one that hangs is killed with its children and told."""
    try:
        out, err = process.communicate(given, timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        outcome = Outcome(command, process.returncode, out, err, time.monotonic() - started)
        raise AssertionError(f"did not end within {timeout} s{outcome}") from None
    return Outcome(command, process.returncode, out, err, time.monotonic() - started)


def run(command, env, cwd=None, timeout=120, given=None):
    started = time.monotonic()
    process = start(command, env, cwd, subprocess.DEVNULL if given is None else subprocess.PIPE)
    return finish(command, process, started, timeout, given)


def start(command, env, cwd=None, stdin=subprocess.DEVNULL):
    """In a session of its own: without a terminal, and killable as a whole."""
    return subprocess.Popen(command, env=env, cwd=cwd, stdin=stdin, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, start_new_session=True)


def seeded(name):
    """Random choices that can be repeated: STILLPOINT_SEED=… chooses the same again."""
    seed = os.environ.get("STILLPOINT_SEED") or str(random.SystemRandom().getrandbits(32))
    print(f"{name}: STILLPOINT_SEED={seed}")
    return random.Random(f"{seed} {name}")


class Case(unittest.TestCase):
    """A test with its own folder, password and place for a repository."""

    time_max = 120  # seconds, for ctest
    alone = False  # nothing else may run beside it: it is about moments
    processors = 1  # that it keeps busy
    daily = True  # else it runs by its label only: another one shows nearly the same every day
    rare = ()  # the methods of which the same is true
    full = ""  # a label: with STILLPOINT_FULL=1 the test does more, and is run so by that label
    full_time_max = 7200

    def setUp(self):
        if not os.access(BINARY, os.X_OK):
            self.fail(f"{BINARY} is not there: ./dev build, or set STILLPOINT")
        self.random = seeded(self.id())
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="stillpoint-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.repo = self.folder / "repo"
        self.state = self.folder / "state"

    def env(self, **more):
        """None takes a variable away."""
        env = dict(STILLPOINT_REPOSITORY=self.repo, STILLPOINT_PASSWORD=PASSWORD)
        return clean_environment(self.folder, **{**env, **more})

    def words(self, *arguments):
        return [BINARY, *(a if isinstance(a, bytes) else str(a) for a in arguments),
                "--state-dir", str(self.state)]

    def stillpoint(self, *arguments, expect=OK, env=None, **how):
        """Runs the program, which has to end with that exit code (None: any)."""
        outcome = run(self.words(*arguments), self.env(**(env or {})), **how)
        self.assertLess(outcome.code, 131, f"it ended by a signal{outcome}")
        self.assertNotIn("Sanitizer", outcome.err, f"a sanitizer complains{outcome}")
        if expect is not None:
            self.assertEqual(outcome.code, expect, f"the exit code should be {expect}{outcome}")
        return outcome

    def fails(self, *arguments, expect, code=None, says=(), **how):
        """A failure as --json tells it: with exit code, name, words in the message, and advice."""
        outcome = self.stillpoint(*arguments, "--json", expect=expect, **how)
        error = outcome.error()
        self.assertEqual(error["exit_code"], expect, f"exit_code of the JSON error{outcome}")
        if code:
            self.assertEqual(error["code"], code, f"the error's code{outcome}")
        for word in says:
            self.assertIn(str(word).lower(), error["message"].lower(), f"the message{outcome}")
        self.assertTrue(error.get("advice"), f"the error does not say what to do{outcome}")
        return error

    def init(self):
        return self.stillpoint("init")

    def backup(self, *arguments, **how):
        """The summary of a backup that succeeded."""
        outcome = self.stillpoint("backup", *arguments, "--json", **how)
        summary = outcome.last_json()
        self.assertEqual(summary.get("type"), "summary", f"the last JSON line{outcome}")
        self.assertRegex(summary.get("backup", ""), "^[0-9a-f]{64}$", f"the backup's id{outcome}")
        return summary

    def backups(self):
        return self.stillpoint("list", "--json").json()

    def dump(self, backup, path, **how):
        return self.stillpoint("dump", backup, path, **how).out_bytes

    def restore(self, backup, target, **how):
        return self.stillpoint("restore", backup, "--to", target, "--yes", **how)

    def check(self, *arguments, **how):
        return self.stillpoint("check", *arguments, **how)

    def assert_nothing_left(self):
        """After a run that ended by itself: no locks, no half-written files, nothing visible."""
        self.assert_no_locks()
        strange = [p for p in self.repo.rglob("*") if p.is_file() and p != self.repo / "config"
                   and not (len(p.name) == 64 and set(p.name) <= set("0123456789abcdef"))]
        self.assertEqual(strange, [], "files in the repository that restic's format does not know")
        self.assertEqual(self.backups(), [], "a backup is visible that was never completed")

    def assert_no_locks(self):
        locks = sorted(p.name for p in self.repo.glob("locks/*"))
        self.assertEqual(locks, [], "locks are left in the repository")

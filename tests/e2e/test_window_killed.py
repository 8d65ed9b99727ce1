# SPDX-License-Identifier: Apache-2.0
"""kill -9 at any moment, SIGSTOP, the loss of the machine, a network that is cut: nobody stays
paused beyond the limit that is told."""

import os
import re
import shutil
import signal
import subprocess
import time

import applications
import restic_tool
import support
import test_window

NOT_HELD, STILL_HELD = test_window.NOT_HELD, test_window.STILL_HELD


class Killed(test_window.Window):
    """kill -9 at any moment: nobody stays paused."""

    full = "full-pause-kill"
    time_max = 300
    limit = 5  # seconds after the death

    def guards(self, process):
        """The guard of a hold that runs: its child that is no command."""
        listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(process.pid)],
                                capture_output=True, text=True, check=False).stdout
        return [int(line.split()[0]) for line in listed.splitlines() if "guard-window" in line]

    def test_at_random_moments(self):
        rounds = 200 if support.FULL else 20
        slowest, hurt = 0, 0
        for number in range(rounds):
            for app in self.apps:
                app.tell("in")
            _, process = self.start_hold("-m", "20000", command=("sleep", "0.05"))
            # half of them while they drain, half while the command runs or after it
            if self.random.random() < 0.5:
                time.sleep(self.random.uniform(0, 0.15))
            else:
                self.apps[0].wait_until_paused()
                for app in self.apps:
                    app.tell("all out")
                time.sleep(self.random.uniform(0, 0.1))
            hurt += any([app.paused() for app in self.apps])
            process.kill()
            died = time.monotonic()
            process.communicate()
            slowest = max(slowest, self.assert_let_go(died, f"round {number}"))
            for app in self.apps:
                app.tell("all out")
        self.assertGreater(hurt, 0, "never killed while somebody was paused")
        print(f"measured: {rounds} kills, {hurt} while paused; open after at most {slowest:.2f} s")

    def assert_let_go(self, died, message):
        """Nobody stays paused, and what is left of the run is found by the next."""
        for app in self.apps:
            app.wait_until_open(self.limit)
        took = time.monotonic() - died
        # A journal whose guard was not there yet stays for the next start.
        deadline = time.monotonic() + 1.5
        while self.journals() and time.monotonic() < deadline:
            time.sleep(0.02)
        if self.journals():
            self.stillpoint("admin", "unpause", "--journal")
        self.assertEqual(self.journals(), [], message)
        self.assertEqual([app.paused() for app in self.apps], [False] * len(self.apps), message)
        return took

    # What is asked of an instance, in the order in which it happens: looked at; paused; looked at
    # again; for the last time; let go. Of each the moment before it is done, and before the answer.
    CALLS = [("CheckPaused", 1), ("Pause", 1), ("CheckPaused", 2), ("CheckPaused", 3),
             ("Unpause", 1)]

    def start_stopped(self, *arguments):
        """A run that begins when it is told to: by SIGCONT."""
        words = ["sh", "-c", 'kill -STOP $$; exec "$@"', "sh", *self.words(*arguments)]
        process = support.start(words, self.env())
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        return words, process

    def test_at_every_call(self):
        """Killed by the application itself."""
        for call, number in self.CALLS:
            for done in (0, 1):
                words, process = self.start_stopped("hold", "-a", self.addresses, "--", "true")
                self.apps[0].tell(f"strike {call} {process.pid} {number} {done}")
                os.kill(process.pid, signal.SIGCONT)
                outcome = support.finish(words, process, time.monotonic(), 30)
                message = f"{call} {number}, done: {done}{outcome}"
                self.assertEqual(outcome.code, 128 + signal.SIGKILL, message)
                self.assert_let_go(time.monotonic(), message)
                self.apps[0].tell("strike - 0 0 0")

    def traced(self, *arguments):
        """A hold whose main thread is traced: how it ended, and what it called, once its journal
        was begun."""
        trace = self.folder / "trace"
        words = ["strace", "-qq", "-o", str(trace), *arguments, *self.words(
            "hold", "-a", self.addresses, "--", "true")]
        outcome = support.run(words, self.env())
        if outcome.code == 127 or "ptrace" in outcome.err:
            self.skipTest(f"nobody can be traced here: {outcome.err}")
        calls, counts, begun = [], {}, False
        for line in trace.read_text(errors="replace").splitlines():
            name = re.match(r"(\w+)\(", line)
            if not name:
                continue
            counts[name[1]] = counts.get(name[1], 0) + 1
            begun = begun or ".window" in line
            if begun:
                calls.append((name[1], counts[name[1]]))
        return outcome, calls

    def test_at_every_system_call(self):
        """From the journal's on; in the quick suite at some of them."""
        if shutil.which("strace") is None:
            if {"strace", "all"} & set(os.environ.get("STILLPOINT_REQUIRE", "").split(",")):
                self.fail("strace is not there")
            self.skipTest("strace is not there")
        outcome, calls = self.traced()
        self.assertEqual(outcome.code, support.OK, str(outcome))
        names = {name for name, _ in calls}
        self.assertTrue({"fsync", "unlink"} <= names or {"fdatasync", "unlink"} <= names, names)
        # Waiting for others is most of it: of that only some.
        waits = [call for call in calls if call[0] in ("futex", "poll", "clock_nanosleep")]
        steps = [call for call in calls if call not in waits]
        if not support.FULL:
            steps = sorted(self.random.sample(steps, 15), key=calls.index)
        steps += self.random.sample(waits, min(len(waits), 40 if support.FULL else 5))
        killed = 0
        for name, number in steps:
            outcome, _ = self.traced("-e", f"trace={name}",
                                     "-e", f"inject={name}:signal=KILL:when={number}")
            message = f"{name} {number}{outcome}"
            killed += outcome.code == 128 + signal.SIGKILL
            # On a busy machine an application may not answer in time: then nobody is paused.
            self.assertIn(outcome.code, (support.OK, 128 + signal.SIGKILL, test_window.NOT_HELD),
                          message)
            self.assert_let_go(time.monotonic(), message)
        self.assertGreater(killed, len(steps) // 2)
        print(f"measured: killed at {killed} of {len(steps)} system calls, all let go")

    def test_the_guard_too(self):
        """Both are killed: the next start of anything lets go."""
        for command in (("list",), ("admin", "unpause", "--journal"), ("--version",)):
            _, process = self.hold_until_killed()
            guards = self.guards(process)
            self.assertEqual(len(guards), 1)
            os.kill(guards[0], signal.SIGKILL)
            process.kill()
            process.communicate()
            time.sleep(0.3)
            self.assertEqual([app.paused() for app in self.apps], [True] * 3)
            self.assertEqual(len(self.journals()), 1)
            self.stillpoint(*command, expect=None)
            if command == ("--version",):  # does nothing else, and so not this
                self.stillpoint("admin", "unpause", "--journal")
            self.assert_all_open()
            self.assertEqual(self.journals(), [])

    def test_stopped(self):
        """SIGSTOP of the tool: the guard lets go when the time is over, and the window is void."""
        words, process = self.hold_until_killed("--hold-max", "1", "-m", "1000")
        started = time.monotonic()
        os.kill(process.pid, signal.SIGSTOP)
        for app in self.apps:
            app.wait_until_open(timeout=40)
        took = time.monotonic() - started
        os.kill(process.pid, signal.SIGCONT)
        outcome = support.finish(words, process, started, 60)
        self.assertEqual(outcome.code, NOT_HELD, str(outcome))
        self.assertEqual(self.journals(), [])
        self.assertEqual([app.count("Unpause") for app in self.apps], [1, 1, 1])
        print(f"measured: SIGSTOP with --hold-max 1: open after {took:.1f} s")

    def test_the_machine_is_lost(self):
        """The repository has a copy of the journal, and another machine lets go by it."""
        self.init()
        other = self.folder / "another machine"
        _, process = self.hold_until_killed("--repo", self.repo, "-m", "1", "--hold-max", "1")
        copies = list(self.repo.glob("windows/*"))
        self.assertEqual(len(copies), 1)
        self.assertNotIn(self.apps[0].address.encode(), copies[0].read_bytes())
        os.kill(self.guards(process)[0], signal.SIGKILL)
        process.kill()
        process.communicate()
        shutil.rmtree(self.state)
        restic_tool.Restic("system", self.folder, self.repo).check()
        whom = self.words("admin", "unpause", "--journal", "--repo", self.repo)
        # not yet: its time is not over
        self.elsewhere(whom, other, 0)
        self.assertEqual([app.paused() for app in self.apps], [True] * 3)
        self.elsewhere(whom, other, 600)
        self.assert_all_open()
        self.assertEqual(list(self.repo.glob("windows/*")), [])

    def elsewhere(self, words, state, later):
        """As a machine of another name, whose clock is that many seconds later."""
        script = f"hostname elsewhere && exec faketime -f +{later}s \"$@\""
        outcome = support.run(["unshare", "-u", "sh", "-c", script, "sh", *words],
                              self.env(STILLPOINT_STATE_DIR=state, DONT_FAKE_MONOTONIC="1"))
        if outcome.code == 127 or "unshare" in outcome.err:
            self.skipTest(f"no other machine here: {outcome.err}")
        self.assertEqual(outcome.code, support.OK, str(outcome))

    def test_a_copy_of_a_window_that_was_let_go(self):
        """The guard has let go, but cannot open the repository: nobody is unpaused twice."""
        self.init()
        _, process = self.hold_until_killed("--repo", self.repo)
        process.kill()
        process.communicate()
        self.assert_all_open()
        self.apps[0].wait(lambda: not self.journals(), "the journal gone")
        self.assertEqual(len(list(self.repo.glob("windows/*"))), 1)
        calls = [app.calls() for app in self.apps]
        words = self.words("admin", "unpause", "--journal", "--repo", self.repo)
        outcome = support.run(["faketime", "-f", "+600s", *words],
                              self.env(DONT_FAKE_MONOTONIC="1"))
        self.assertEqual(outcome.code, support.OK, str(outcome))
        self.assertEqual(list(self.repo.glob("windows/*")), [])
        self.assertEqual([app.calls() for app in self.apps], calls)

    def test_a_journal_that_is_torn(self):
        """Killed before the journal was whole, nobody had been asked yet."""
        folder = self.state / "windows"
        folder.mkdir(parents=True)
        (folder / "20260101T000000Z-0000000000000000.window").write_text('{"version":1,"id":"')
        self.stillpoint("admin", "unpause", "--journal")
        self.assertEqual(self.journals(), [])

    def test_a_journal_of_a_newer_version(self):
        folder = self.state / "windows"
        folder.mkdir(parents=True)
        (folder / "20260101T000000Z-0000000000000000.window").write_text('{"version":2}\n')
        self.fails("admin", "unpause", "--journal", expect=support.FAILURE, code="unsupported",
                   says=["newer version"])
        self.assertEqual(len(self.journals()), 1)


class CutNetwork(test_window.Window):
    """Applications in a network namespace of their own, whose link goes down."""

    count = 0
    time_max = 180

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0 or subprocess.run(["unshare", "-n", "true"], check=False).returncode:
            self.skipTest("no network namespaces here")
        name = f"sp{os.getpid()}"
        net = self.random.randrange(1, 250)
        self.link = f"{name}h"
        holder = subprocess.Popen(["unshare", "-n", "sleep", "600"])
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        enter = ["nsenter", "-t", str(holder.pid), "-n"]
        own = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{holder.pid}/ns/net") == own:
            time.sleep(0.01)
        self.ip("link", "add", self.link, "type", "veth", "peer", "name", f"{name}n", "netns",
                str(holder.pid))
        self.addCleanup(subprocess.run, ["ip", "link", "del", self.link], capture_output=True,
                        check=False)
        self.ip("addr", "add", f"10.213.{net}.1/24", "dev", self.link)
        self.ip("link", "set", self.link, "up")
        for words in (["addr", "add", f"10.213.{net}.2/24", "dev", f"{name}n"],
                      ["link", "set", f"{name}n", "up"]):
            subprocess.run([*enter, "ip", *words], check=True)
        self.apps = [applications.Application(self, f"10.213.{net}.2", prefix=enter),
                     applications.Application(self)]

    @staticmethod
    def ip(*words):
        outcome = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
        if outcome.returncode:
            raise support.unittest.SkipTest(f"ip {' '.join(words)}: {outcome.stderr}")

    def test_while_paused(self):
        words, process = self.hold_until_killed("--json", "--timeout", "2")
        self.ip("link", "set", self.link, "down")
        started = time.monotonic()
        self.apps[1].wait_until_open(timeout=40)
        print(f"measured: the other one open {time.monotonic() - started:.1f} s after the cut")
        outcome = support.finish(words, process, started, 60)
        self.assertEqual(outcome.code, STILL_HELD, str(outcome))
        self.assertIn(self.apps[0].address + " may still be paused", outcome.error()["message"])
        self.assertTrue(self.apps[0].paused())
        self.heals()

    def test_while_it_drains(self):
        """It closes its gate when nobody can tell it any more that the pause was given up."""
        self.apps[0].tell("in")
        words, process = self.start_hold("--json", "-m", "3000", "--timeout", "2")
        self.apps[0].wait_until_paused()
        self.ip("link", "set", self.link, "down")
        started = time.monotonic()
        self.apps[0].tell("all out")
        outcome = support.finish(words, process, started, 60)
        self.assertEqual(outcome.code, STILL_HELD, str(outcome))
        self.assertFalse(self.apps[1].paused())
        print(f"measured: the other one open {time.monotonic() - started:.1f} s after the cut")
        self.assertTrue(self.apps[0].paused())
        self.heals()

    def heals(self):
        """Nobody starts anything: the guard goes on trying."""
        self.ip("link", "set", self.link, "up")
        healed = time.monotonic()
        self.apps[0].wait_until_open(timeout=40)
        print(f"measured: open {time.monotonic() - healed:.1f} s after the network was back")
        self.apps[0].wait(lambda: not self.journals(), "the journal gone", 20)

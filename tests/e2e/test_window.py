# SPDX-License-Identifier: Apache-2.0
"""Pausing applications by hand and for a command."""

import json
import os
import pathlib
import signal
import time

import applications
import support

NOT_HELD, STILL_HELD = 21, 22


class Window(support.Case):
    """Some applications under load."""

    alone = True
    count = 3

    def setUp(self):
        super().setUp()
        self.apps = [applications.Application(self) for _ in range(self.count)]
        for app in self.apps:
            app.tell("work 2")

    def env(self, **more):
        return super().env(**{"STILLPOINT_STATE_DIR": self.state, **more})

    @property
    def addresses(self):
        return ",".join(app.address for app in self.apps)

    def journals(self):
        return sorted(self.state.glob("windows/*"))

    def hold(self, *arguments, command=("true",), **how):
        return self.stillpoint("--state-dir", self.state, "hold", *arguments, "--", *command, **how)

    def words(self, *arguments):
        # what stands behind "--" is the command's
        return [support.BINARY, *map(str, arguments)]

    def assert_all_open(self):
        for app in self.apps:
            app.wait_until_open(timeout=10)

    def start_hold(self, *arguments, command=("sleep", "60"), whom=None):
        whom = whom or ("-a", self.addresses)
        words = self.words("hold", *whom, *arguments, "--", *command)
        return words, support.start(words, self.env())

    def hold_until_killed(self, *arguments, whom=None):
        """A hold whose command runs."""
        running = self.folder / "running"
        running.unlink(missing_ok=True)
        started = self.start_hold(*arguments, whom=whom,
                                  command=("sh", "-c", f"touch {running}; exec sleep 60"))
        deadline = time.monotonic() + 30
        while not running.exists():
            self.assertLess(time.monotonic(), deadline, "the command does not run")
            time.sleep(0.002)
        return started


class ByHand(Window):
    def test_pause_check_unpause(self):
        answer = self.stillpoint("admin", "pause", "-a", self.addresses, "--json").json()
        self.assertEqual([one["address"] for one in answer["instances"]],
                         sorted(app.address for app in self.apps))
        asked = self.stillpoint("admin", "check-paused", "-a", self.addresses, "--json").json()
        self.assertEqual({one["address"]: one["paused"] for one in asked["instances"]},
                         {app.address: True for app in self.apps})
        before = [app.tell("worked") for app in self.apps]
        time.sleep(0.1)
        self.assertEqual([app.tell("worked") for app in self.apps], before)
        self.stillpoint("admin", "unpause", "-a", self.addresses)
        self.assert_all_open()
        self.assertEqual(self.journals(), [])

    def test_statistics(self):
        asked = self.stillpoint("admin", "stats", "-a", self.addresses, "--json").json()
        self.assertEqual([one["stats"]["outstanding"] for one in asked["instances"]], [0, 0, 0])

    def test_partial_failure_leaves_nobody_paused(self):
        self.apps[1].tell("behave pause_in_progress")
        self.fails("admin", "pause", "-a", self.addresses, expect=NOT_HELD, code="not_held",
                   says=[self.apps[1].address, "somebody else is pausing it"])
        self.assert_all_open()
        self.assertEqual(self.apps[1].count("Unpause"), 0)

    def test_what_is_wrong_is_told(self):
        for words, says in (
                (["admin", "pause"], "no instances were named"),
                (["admin", "pause", "-a", "::1:60053"], "brackets"),
                (["admin", "pause", "-a", "bank"], "no port"),
                (["admin", "pause", "-a", "bank:1", "--ca-root-cert-path", "x"], "--tls"),
                (["admin", "pause", "-a", "bank:1", "--tls", "--ca-root-cert-path", "/no/file"],
                 "/no/file"),
                (["hold", "-a", self.addresses, "--", "/no/program"], "no program")):
            error = self.fails_before_dashes(words)
            self.assertIn(says, error["message"])
        self.assertEqual([app.count("Pause") for app in self.apps], [0, 0, 0])

    def fails_before_dashes(self, words):
        at = words.index("--") if "--" in words else len(words)
        outcome = self.stillpoint(*words[:at], "--json", *words[at:], expect=support.FAILURE)
        return outcome.error()

    def test_paused_for_a_time(self):
        """It is let go without us when the time is over."""
        started = time.monotonic()
        self.stillpoint("admin", "pause", "-a", self.addresses, "--for", "1")
        self.assertTrue(all(app.paused() for app in self.apps))
        self.assertEqual(len(self.journals()), 1)
        for app in self.apps:
            app.wait_until_open(timeout=20)
        self.assertGreater(time.monotonic() - started, 1)
        print(f"measured: paused --for 1, open after {time.monotonic() - started:.1f} s")

    def test_paused_for_a_time_and_unpaused_by_hand(self):
        """Then the guard does not unpause what somebody else pauses later."""
        self.stillpoint("admin", "pause", "-a", self.addresses, "--for", "1")
        self.stillpoint("admin", "unpause", "-a", self.addresses)
        self.assertEqual(self.journals(), [])
        self.assertEqual([app.count("Unpause") for app in self.apps], [1, 1, 1])


class Hold(Window):
    def test_nothing_happens_while_the_command_runs(self):
        script = f"cat {self.folder}/go; echo done"
        os.mkfifo(self.folder / "go")
        words, process = self.start_hold("--json", "--evidence", str(self.folder / "evidence"),
                                         command=("sh", "-c", script))
        for app in self.apps:
            app.wait_until_paused()
        with open(self.folder / "go", "w", encoding="ascii"):  # the command runs
            before = [app.tell("worked") for app in self.apps]
            time.sleep(0.2)
            self.assertEqual([app.tell("worked") for app in self.apps], before)
        outcome = support.finish(words, process, time.monotonic(), 60)
        self.assertEqual(outcome.code, support.OK, str(outcome))
        self.assertEqual(outcome.out.splitlines()[0], "done")
        told = outcome.last_json()
        self.assertEqual((told["type"], told["verdict"], told["against"]), ("hold", "paused", []))
        evidence = json.loads((self.folder / "evidence").read_text())
        told.pop("type")
        self.assertEqual(evidence, told)
        self.assertLess(evidence["pause_start_timestamp_ms"], evidence["pause_end_timestamp_ms"])
        self.assert_all_open()
        self.assertEqual(self.journals(), [])

    def test_the_exit_code_is_the_commands(self):
        outcome = self.hold("-a", self.addresses, command=("sh", "-c", "exit 7"), expect=7)
        self.assertEqual(outcome.out, "")
        self.assert_all_open()

    def test_the_deadline_ends_the_command_too(self):
        marker = self.folder / "survived"
        started = time.monotonic()
        outcome = self.hold("-a", self.addresses, "--hold-max", "0.5", expect=NOT_HELD,
                            command=("sh", "-c", f"sleep 20; touch {marker}"))
        self.assertLess(time.monotonic() - started, 15)
        self.assertIn("longer than", outcome.err)
        self.assert_all_open()
        self.assertFalse(marker.exists())

    def test_an_interrupt_lets_go(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            words, process = self.hold_until_killed()
            os.kill(process.pid, number)
            outcome = support.finish(words, process, time.monotonic(), 30)
            self.assertEqual(outcome.code, support.INTERRUPTED, str(outcome))
            self.assert_all_open()
            self.assertEqual(self.journals(), [])

    def void(self, event, says):
        """The event happens while the command runs; the window is void at once and says so."""
        words, process = self.hold_until_killed("--json", "--timeout", "1")
        started = time.monotonic()
        event(self.apps[1])
        for app in (self.apps[0], self.apps[2]):
            app.wait_until_open(timeout=10)
        print(f"measured: the others open {time.monotonic() - started:.2f} s after the event")
        outcome = support.finish(words, process, started, 30)
        self.assertIn(outcome.code, (NOT_HELD, STILL_HELD), str(outcome))
        error = outcome.error()
        self.assertIn(self.apps[1].address, error["message"])
        self.assertIn(says, error["message"])
        self.assertNotIn(self.apps[0].address, error["message"])
        return outcome

    def test_one_that_lets_go(self):
        self.assertEqual(self.void(lambda app: app.tell("unpause"), "not paused any more").code,
                         NOT_HELD)

    def test_one_that_restarts(self):
        self.assertEqual(self.void(lambda app: app.tell("restart"), "restarted").code, NOT_HELD)

    def test_one_that_dies(self):
        outcome = self.void(lambda app: app.process.kill(), "may still be paused")
        self.assertEqual(outcome.code, STILL_HELD)
        self.assertIn("admin unpause --journal", outcome.error()["advice"])
        self.assertEqual(len(self.journals()), 1)
        self.stillpoint("admin", "unpause", "--journal", "--forget", "--timeout", "1")
        self.assertEqual(self.journals(), [])

    def test_one_that_hangs(self):
        """SIGSTOP: its kernel still has the connection, but it does not answer."""
        def stop(app):
            os.kill(app.process.pid, signal.SIGSTOP)
        outcome = self.void(stop, "does not answer")
        self.assertEqual(outcome.code, STILL_HELD)
        os.kill(self.apps[1].process.pid, signal.SIGCONT)
        self.stillpoint("list", expect=None)  # any command lets go what was left
        self.apps[1].wait_until_open()
        self.apps[1].wait(lambda: not self.journals(), "the journal gone")

    def test_one_that_never_answers_the_pause(self):
        self.apps[1].tell("behave pause_hangs")
        outcome = self.hold("-a", self.addresses, "-m", "200", expect=NOT_HELD)
        self.assertIn(self.apps[1].address, outcome.err)
        self.assert_all_open()


class Names(Window):
    """Instances behind an SRV record."""

    count = 2

    def setUp(self):
        super().setUp()
        self.dns = applications.Dns(self)
        self.dns.hosts["bank.test"] = ["127.0.0.1"]
        self.set(self.apps)
        self.named = ("--srv", "_admin._tcp.bank.test", "--dns-server", self.dns.address)

    def set(self, apps):
        self.dns.srv["_admin._tcp.bank.test"] = [("bank.test", app.port) for app in apps]

    def test_all_that_the_name_has(self):
        told = self.hold(*self.named, "--json").last_json()
        self.assertEqual([one["address"] for one in told["instances"]],
                         sorted(f"bank.test:{app.port}" for app in self.apps))
        self.assertEqual([app.count("Pause") for app in self.apps], [1, 1])
        self.assert_all_open()

    def test_one_that_appears(self):
        late = applications.Application(self)
        words, process = self.hold_until_killed("--json", whom=self.named)
        self.set([*self.apps, late])
        outcome = support.finish(words, process, time.monotonic(), 30)
        self.assertEqual(outcome.code, NOT_HELD, str(outcome))
        self.assertIn(f"bank.test:{late.port} (127.0.0.1) appeared", outcome.error()["message"])
        self.assert_all_open()
        self.assertEqual(late.count("Unpause"), 0)

    def test_a_name_that_nobody_has(self):
        outcome = self.stillpoint("admin", "pause", "--json", "--srv", "_none._tcp.test",
                                  "--dns-server", self.dns.address, expect=None)
        self.assertNotEqual(outcome.code, support.OK)
        self.assertIn("_none._tcp.test", outcome.error()["message"])


class Encrypted(Window):
    count = 0

    def test_ipv6(self):
        app = applications.Application(self, ip="::1")
        self.assertRegex(app.address, r"^\[::1\]:[0-9]+$")
        told = self.hold("-a", app.address, "--json").last_json()
        self.assertEqual(told["instances"][0]["address"], app.address)
        self.assertEqual(app.count("Pause"), 1)

    def test_tls(self):
        authority, pair = applications.certificate(self.folder)
        app = applications.Application(self, tls=pair)
        check = ("admin", "check-paused", "-a", app.address, "--timeout", "5", "--json")
        trusted = ("--tls", "--ca-root-cert-path", authority, "--override-authority", "bank.test")
        asked = self.stillpoint(*check, *trusted).json()
        self.assertEqual(asked["instances"][0]["paused"], False)
        pem = pathlib.Path(authority).read_text(encoding="ascii")
        self.stillpoint(*check, "--tls", "--ca-root-cert-pem", pem, "--override-authority",
                        "bank.test")
        # the address is not in the certificate, the authority is unknown, or it is not TLS at all
        named_otherwise = (*trusted[:-1], "x.test")
        for words in (("--tls", "--ca-root-cert-path", authority), ("--tls",), (),
                      named_otherwise):
            error = self.fails(*check, *words, expect=support.FAILURE, code="unavailable")
            self.assertIn(app.address, error["message"])
        self.hold("-a", app.address, *trusted)
        self.assertEqual(app.count("Pause"), 1)

    def test_tls_with_the_address_in_the_certificate(self):
        authority, pair = applications.certificate(self.folder, addresses=["127.0.0.1"])
        app = applications.Application(self, tls=pair)
        self.hold("-a", app.address, "--tls", "--ca-root-cert-path", authority)
        self.assertEqual(app.count("Pause"), 1)

    def test_a_journal_remembers_how_to_speak_tls(self):
        authority, pair = applications.certificate(self.folder)
        app = applications.Application(self, tls=pair)
        words = self.words("hold", "-a", app.address, "--tls", "--ca-root-cert-path", authority,
                           "--override-authority", "bank.test", "--", "sleep", "60")
        process = support.start(words, self.env())
        app.wait_until_paused()
        os.unlink(authority)
        process.kill()
        process.communicate()
        app.wait_until_open(timeout=20)

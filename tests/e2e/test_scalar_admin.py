# SPDX-License-Identifier: Apache-2.0
"""Against what is in use: Scalar's Java clients, and the gate of ScalarDB Server 3.13."""

import pathlib
import re
import time

import applications
import support
import test_window

EXAMPLE = str(pathlib.Path(applications.PAUSABLE).parent / "pausable_example")
TOOL = str(pathlib.Path(support.BINARY).parent / "scalar-admin")
STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z UTC \(\d{13}\)"


class Example(applications.Process):
    """examples/pausable: the gate library as applications use it."""

    def __init__(self, case, ip="127.0.0.1", tls=()):
        super().__init__(case, [EXAMPLE, f"{ip}:0", *tls])
        self.address = f"{ip}:{self.port}"

    def transfers(self):
        return int(self.tell("").split()[0])

    def stands_still(self):
        before = self.tell("")
        time.sleep(0.05)
        return before == self.tell("") and before.endswith("sum 1000000")


def plain(text):
    """What differs between two runs made equal."""
    text = re.sub(INSTANT, "INSTANT", re.sub(STAMP, "STAMP", text))
    return re.sub(r"127\.0\.0\.1:\d+|localhost[:.]\d+", "ADDRESS", text)


class JavaClients(support.Case):
    """The real clients against the gate library."""

    alone = True
    time_max = 180
    WAITS = {"2.2.1": ((), ("-n",), ("-m", "20000")), "1.2.0": ((), ("-n",)),
             "1.0.0": ((), ("-w",))}

    def all_commands(self, version, *whom, java=(), how=()):
        app = self.app
        for wait in self.WAITS[version]:
            outcome = applications.java_tool(self, "-c", "pause", *whom, *how, *wait,
                                             version=version, java=java)
            self.assertEqual(outcome.code, 0, str(outcome))
            self.assertTrue(app.stands_still())
        if version != "1.0.0":
            asked = applications.java_tool(self, "-c", "check_paused", *whom, *how,
                                           version=version, java=java)
            self.assertIn('"true"', asked.out, str(asked))
        outcome = applications.java_tool(self, "-c", "unpause", *whom, *how, version=version,
                                         java=java)
        self.assertEqual(outcome.code, 0, str(outcome))
        before = app.transfers()
        deadline = time.monotonic() + 20
        while app.transfers() <= before:
            self.assertLess(time.monotonic(), deadline, "it does not go on")

    def test_version_2(self):
        self.app = Example(self)
        self.all_commands("2.2.1", "-a", self.app.address)

    def test_version_2_with_tls(self):
        authority, pair = applications.certificate(self.folder)
        self.app = Example(self, tls=pair)
        self.all_commands("2.2.1", "-a", self.app.address,
                          how=("--tls", "--ca-root-cert-path", authority, "--override-authority",
                               "bank.test"))

    def test_version_1_by_srv(self):
        for version in ("1.2.0", "1.0.0"):
            with self.subTest(version):
                self.version_1_by_srv(version)

    def version_1_by_srv(self, version):
        self.app = Example(self)
        dns = applications.Dns(self)
        dns.srv["_admin._tcp.bank.test"] = [("localhost", self.app.port)]
        java = (f"-Ddns.server={dns.address}",)
        self.all_commands(version, "-s", "_admin._tcp.bank.test.", java=java)
        stats = applications.java_tool(self, "-c", "stats", "-s", "_admin._tcp.bank.test.",
                                       version=version, java=java)
        self.assertEqual(stats.code, 0, str(stats))
        self.assertIn("outstanding", stats.out)


class OldGate(support.Case):
    """The real gate of ScalarDB Server 3.13.6, with its flaws."""

    alone = True
    time_max = 180

    def setUp(self):
        super().setUp()
        self.server = applications.OldServer(self)
        self.whom = ("-a", self.server.address)

    def env(self, **more):
        return super().env(STILLPOINT_STATE_DIR=self.state, **more)

    def words(self, *arguments):
        return [support.BINARY, *map(str, arguments)]

    def paused(self):
        asked = self.stillpoint("admin", "check-paused", *self.whom, "--json").json()
        return asked["instances"][0]["paused"]

    def test_held_and_let_go(self):
        outcome = self.stillpoint("hold", *self.whom, "--json", "--", TOOL, "-c", "check_paused",
                                  *self.whom)
        self.assertIn('"true"', outcome.out)
        self.assertEqual(outcome.last_json()["verdict"], "paused")
        self.assertFalse(self.paused())

    def test_work_that_does_not_end(self):
        self.assertEqual(self.server.tell("in"), "in true")
        self.fails("admin", "pause", *self.whom, "-m", "200", expect=test_window.NOT_HELD,
                   says=["in time"])
        self.assertFalse(self.paused())

    def test_unpaused_while_it_drains(self):
        """(a) The pause is answered with OK, and the gate is open."""
        self.server.tell("in")
        words = self.words("hold", *self.whom, "--json", "--", "true")
        process = support.start(words, self.env())
        deadline = time.monotonic() + 30
        while not self.paused():
            self.assertLess(time.monotonic(), deadline)
        self.stillpoint("admin", "unpause", *self.whom)
        self.server.tell("out")
        outcome = support.finish(words, process, time.monotonic(), 40)
        self.assertEqual(outcome.code, test_window.NOT_HELD, str(outcome))
        self.assertIn("not paused any more", outcome.error()["message"])
        self.assertFalse(self.paused())

    def test_a_second_pause_does_not_cancel_the_first(self):
        """(b) Here it does, when it fails: so it is not even asked for."""
        self.stillpoint("admin", "pause", *self.whom)
        self.fails("admin", "pause", *self.whom, "-m", "50", expect=test_window.NOT_HELD,
                   says=["paused already"])
        self.assertTrue(self.paused())
        self.stillpoint("admin", "unpause", *self.whom)
        self.assertFalse(self.paused())

    def test_killed_while_it_drains(self):
        """(c) The server goes on, and would stay paused."""
        self.server.tell("in")
        process = support.start(self.words("hold", *self.whom, "--", "sleep", "60"), self.env())
        deadline = time.monotonic() + 30
        while not self.paused():
            self.assertLess(time.monotonic(), deadline)
        process.kill()
        process.communicate()
        self.server.tell("out")
        while self.paused() or list(self.state.glob("windows/*")):
            self.assertLess(time.monotonic(), deadline, "it stays paused")
        self.assertFalse(self.paused())

    def test_a_negative_time(self):
        """(d) The gate takes it; the Java client, too."""
        outcome = self.tool("-c", "pause", *self.whom, "-m", "-1", expect=1)
        self.assertIn("out of range", outcome.err)
        self.assertFalse(self.paused())

    def tool(self, *words, expect=0):
        outcome = support.run([TOOL, *words], self.env())
        self.assertEqual(outcome.code, expect, str(outcome))
        return outcome

    def test_under_the_name_of_the_java_tool(self):
        """The same lines and exit codes as the Java tool's."""
        for words in (("-c", "check_paused"), ("-c=PAUSE",), ("--command=check_paused",),
                      ("-c", "pause"), ("-c", "UNPAUSE"), ("-c", "pause", "-n"),
                      ("-c", "unpause")):
            ours = self.tool(*words, *self.whom)
            theirs = applications.java_tool(self, *words, *self.whom)
            self.assertEqual((theirs.code, plain(theirs.out)), (ours.code, plain(ours.out)),
                             f"{words}{theirs}{ours}")
            self.assertEqual(ours.err, "")

    def test_words_of_version_1(self):
        self.tool("-c", "pause", *self.whom, "-w")
        self.assertTrue(self.paused())
        self.tool("-c", "unpause", *self.whom)
        self.tool("-c", "pause", *self.whom, "-w", "-n", expect=2)

    def test_failures_under_the_name_of_the_java_tool(self):
        for code, words in ((2, ()), (2, ("-c", "nonsense", *self.whom)), (1, ("-c", "pause")),
                            (1, ("-c", "pause", *self.whom, "-s", "x")), (0, ("-h",)),
                            (1, ("-c", "pause", "-a", "127.0.0.1")),
                            (1, ("-c", "check_paused", "-a", "127.0.0.1:1")),
                            (2, ("-c", "pause", *self.whom, "-m", "5x"))):
            self.tool(*words, expect=code)
            theirs = applications.java_tool(self, *words)
            self.assertEqual(theirs.code, code, f"{words}{theirs}")

    def test_partial_pauses_are_undone(self):
        """The Java tool leaves the one paused that could be reached."""
        both = ("-a", f"{self.server.address},127.0.0.1:1")
        self.tool("-c", "pause", *both, expect=1)
        self.assertFalse(self.paused())

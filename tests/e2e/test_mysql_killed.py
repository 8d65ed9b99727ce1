# SPDX-License-Identifier: Apache-2.0
"""kill -9 at any moment of a restore: the old or the new tables, never some of both, and what is
left can be completed or undone."""

import time

import mysql_bank
import mysql_case
import support


class Killed(mysql_case.MysqlCase):
    time_max = 300
    full = "full-mysql-killed"
    # What it says is committed is so.
    options = ("--innodb-flush-log-at-trx-commit=1",)

    def setUp(self):
        super().setUp()
        mysql_bank.make(self.server, 3000)
        # A trigger and a view, so that the switch is no single statement.
        self.server.sql("CREATE TRIGGER noting BEFORE INSERT ON transfers FOR EACH ROW SET"
                        " NEW.amount = NEW.amount; CREATE VIEW rich AS SELECT id FROM accounts"
                        " WHERE balance > 1100", "savings")
        self.both = self.url(schemas="checking,savings")
        self.init()
        self.backup(self.both)
        self.new = self.look()

    def look(self):
        return self.server.dump("checking"), self.server.dump("savings")

    def change(self):
        self.server.sql("UPDATE checking.accounts SET balance = balance - 1;"
                        "UPDATE savings.accounts SET balance = balance + 1")
        return self.look()

    def settled(self):
        """What a killed restore's sessions had begun is undone a moment later."""
        until = time.monotonic() + 20
        query = ("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'root' AND id <>"
                 " CONNECTION_ID() AND host LIKE '127.0.0.1%'")
        while self.server.sql(query) != "0" and time.monotonic() < until:
            time.sleep(0.02)

    def found(self, known):
        """Which of these is there."""
        try:
            now = self.look()
        except AssertionError:  # a view without its tables, or a schema that is not there
            return "neither"
        return next((name for name, one in known.items() if one == now), "neither")

    def test_at_any_moment(self):
        started = time.monotonic()
        self.stillpoint("restore", "latest", "--yes")
        length = time.monotonic() - started
        self.stillpoint("cleanup", self.both, "--yes", "--old")
        rounds = 40 if support.FULL else 6
        seen = {"old": 0, "new": 0, "neither": 0}
        for number in range(rounds):
            old = self.change()
            process = support.start(self.words("restore", "latest", "--yes"), self.env())
            # Most of the interesting moments are at the end.
            time.sleep(length * (1 - self.random.random() ** 2) * 1.05)
            process.kill()
            process.communicate()
            self.settled()
            seen[self.found({"old": old, "new": self.new})] += 1
            self.recover(number, old)
        print(f"measured: {rounds} kills of a restore of {length:.1f} s; afterwards there was "
              f"{seen}")

    def recover(self, number, old):
        """What is there is then the old or the new, and nothing is left over."""
        if number % 2:
            self.stillpoint("restore", "latest", "--yes", "--resume")
            self.assertEqual(self.look(), self.new)
        else:
            self.stillpoint("cleanup", self.both, "--yes")
            self.assertIn(self.look(), (old, self.new))
        self.stillpoint("cleanup", self.both, "--yes", "--old")
        self.assert_schemas("checking", "savings")

    def test_the_server_dies_at_any_moment(self):
        rounds, interrupted = 30 if support.FULL else 4, 0
        started = time.monotonic()
        self.stillpoint("restore", "latest", "--yes")
        length = time.monotonic() - started
        self.stillpoint("cleanup", self.both, "--yes", "--old")
        for number in range(rounds):
            old = self.change()
            process = support.start(self.words("restore", "latest", "--yes"), self.env())
            time.sleep(length * (1 - self.random.random() ** 2))
            self.server.kill()
            outcome = support.finish([], process, time.monotonic(), 60)
            interrupted += outcome.code != 0
            self.server.start()
            with self.subTest(number=number, outcome=str(outcome)):
                self.recover(number, old)
        print(f"measured: {interrupted} of {rounds} restores lost their server")

    def test_interrupted_by_a_signal(self):
        old = self.change()
        process = support.start(self.words("restore", "latest", "--yes"), self.env())
        until = time.monotonic() + 60
        while len(self.server.schemas()) < 4 and process.poll() is None:
            self.assertLess(time.monotonic(), until)
            time.sleep(0.005)
        process.terminate()
        outcome = support.finish([], process, time.monotonic(), 60)
        if outcome.code:
            self.assertIn(outcome.code, (support.INTERRUPTED, 143), str(outcome))
            self.assertEqual(self.look(), old)
            self.assert_schemas("checking", "savings")
        self.assert_no_locks()

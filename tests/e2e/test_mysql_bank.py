# SPDX-License-Identifier: Apache-2.0
"""Backups of two schemas while money moves between them at full speed are of one instant; dumps of
one schema after the other are not. And a restore under load never shows money of two instants."""

import statistics
import time

import mysql_bank
import mysql_case
import support

ACCOUNTS = 5000


class UnderLoad(mysql_case.MysqlCase):
    time_max = 300
    full = "full-mysql-load"

    def setUp(self):
        super().setUp()
        mysql_bank.make(self.server, ACCOUNTS)
        self.both = self.url(schemas="checking,savings")

    def load(self, **how):
        return mysql_bank.Load(self.server, ACCOUNTS, self.random, **how)

    def test_every_backup_is_consistent(self):
        rounds, seconds = 50 if support.FULL else 3, []
        self.init()
        for number in range(rounds):
            with self.load():
                before = mysql_bank.count(self.server)
                started = time.monotonic()
                summary = self.backup(self.both)
                seconds.append(time.monotonic() - started)
                after = mysql_bank.count(self.server)
            self.assertGreater(after, before, "nobody wrote during the backup")
            self.assertEqual(summary["verdict"], "proven", summary)
            self.stillpoint("restore", "latest", "--to", self.url(suffix="_r"), "--yes")
            self.assertEqual(mysql_bank.problems(self.server, "_r"), [], f"backup {number} is torn")
            self.assertTrue(before <= mysql_bank.count(self.server, "_r") <= after)
            self.server.sql("DROP DATABASE checking_r; DROP DATABASE savings_r")
        self.assertEqual(mysql_bank.problems(self.server), [], "the bank itself")
        print(f"measured: {rounds} backups under load, {mysql_bank.count(self.server)} transfers, "
              f"0 inconsistent; a backup took {statistics.median(seconds):.2f} s (median)")

    def test_one_schema_after_the_other_is_torn(self):
        """The control: without it nobody knows that the check above can fail at all."""
        torn, tries = [], 0
        with self.load():
            while not torn and tries < 20:
                tries += 1
                for schema in ("checking", "savings"):
                    self.server.sql(f"DROP DATABASE IF EXISTS {schema}_torn")
                    self.server.create(f"{schema}_torn", "\n".join(self.server.dump(schema)))
                torn = mysql_bank.problems(self.server, "_torn")
        self.assertTrue(torn, f"{tries} copies without a common snapshot were all consistent")

    def test_a_restore_under_load_shows_one_instant(self):
        """The load goes on in the new tables; the old ones are whole as well."""
        self.init()
        self.backup(self.both)
        with self.load(may_fail=True):
            self.stillpoint("restore", "latest", "--yes")
            before = mysql_bank.count(self.server)
            until = time.monotonic() + 20
            while mysql_bank.count(self.server) < before + 20 and time.monotonic() < until:
                time.sleep(0.02)
        self.assertGreater(mysql_bank.count(self.server), before, "nobody writes any more")
        # The kept schemas refer to nothing of the new ones.
        (checking,), (savings,) = self.kept("checking"), self.kept("savings")
        self.assertEqual(checking[len("checking"):], savings[len("savings"):])
        suffix = checking[len("checking"):]
        self.assertEqual(mysql_bank.problems(self.server, suffix), [])

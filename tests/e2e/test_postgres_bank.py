# SPDX-License-Identifier: Apache-2.0
"""Backups of PostgreSQL while money moves between two schemas at full speed are of one instant;
dumps of one schema after the other are not."""

import statistics
import time

import postgres_bank
import postgres_case
import support

ACCOUNTS = 20000


class UnderLoad(postgres_case.PostgresCase):
    time_max = 300
    full = "full-postgres-load"

    def setUp(self):
        super().setUp()
        postgres_bank.make(self.server, "bank", ACCOUNTS)

    def load(self):
        return postgres_bank.load(self.server, "bank", self.random, ACCOUNTS)

    def test_every_backup_is_consistent(self):
        rounds, seconds = 50 if support.FULL else 5, []
        self.init()
        for number in range(rounds):
            seconds.append(self.one_round(number))
        self.assertEqual(postgres_bank.problems(self.server, "bank"), [], "the bank itself")
        self.assertEqual(len(self.backups()), rounds)
        self.check("--read-data", timeout=600)
        print(f"measured: {rounds} backups under load, "
              f"{postgres_bank.count(self.server, 'bank')} transfers, 0 inconsistent; a backup "
              f"took {statistics.median(seconds):.2f} s (median)")

    def one_round(self, number):
        with self.load():
            before = postgres_bank.count(self.server, "bank")
            started = time.monotonic()
            summary = self.backup(self.url("bank"))
            seconds = time.monotonic() - started
            after = postgres_bank.count(self.server, "bank")
        self.assertGreater(after, before, "nobody wrote during the backup")
        self.assertEqual(summary["verdict"], "proven", summary)
        self.restored(summary["backup"], "restored")
        self.assertEqual(postgres_bank.problems(self.server, "restored"), [],
                         f"backup {number} is torn")
        found = postgres_bank.count(self.server, "restored")
        self.assertTrue(before <= found <= after,
                        f"backup {number} has {found} transfers, not {before} to {after}")
        self.server.psql("DROP DATABASE restored")
        return seconds

    def test_one_schema_after_the_other_is_torn(self):
        """The control: without it nobody knows that the check above can fail at all."""
        tries_max, torn, tries = 20, [], 0
        with self.load():
            while not torn and tries < tries_max:
                tries += 1
                torn = self.dump_one_by_one()
        self.assertTrue(torn, f"{tries} copies without a common snapshot were all consistent")
        print(f"measured: copy {tries} without a common snapshot was torn: {torn[0]}")

    def dump_one_by_one(self):
        self.server.psql("DROP DATABASE IF EXISTS torn")
        self.server.create("torn")
        for schema in ("checking", "savings"):
            file = self.server.folder.path / f"{schema}.dump"
            self.server.tool("pg_dump", "-Fc", "-Z0", "-n", schema, "-f", file, db="bank")
            self.server.tool("pg_restore", file, db="torn")
        return postgres_bank.problems(self.server, "torn")

    def test_two_databases_opened_together(self):
        """`consistency: together` under load: the evidence tells that somebody wrote in between."""
        postgres_bank.make(self.server, "other", 100)
        config = self.folder / "stillpoint.yaml"
        config.write_text("systems: {both: {consistency: together, databases: {"
                          f"bank: '{self.url('bank')}', other: '{self.url('other')}'}}}}}}\n")
        self.init()
        self.assertEqual(self.backup("both", "--config", config)["verdict"], "proven")
        with postgres_bank.load(self.server, "other", self.random, 100):
            seen = {self.stillpoint("backup", "both", "--config", config, expect=None).code
                    for _ in range(5)}
        self.assertLessEqual(seen, {support.OK, support.UNPROVEN})
        self.assertIn(support.UNPROVEN, seen, "it did not see that others committed in between")

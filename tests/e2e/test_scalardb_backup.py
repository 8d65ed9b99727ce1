# SPDX-License-Identifier: Apache-2.0
"""Backups of real ScalarDB at work are exact cuts: with the commit gate, in a pause, of one
database alone."""

import itertools

import scalardb_case
import support

GAP_MS = 200
# databases, the coordinator's, window; group commit, async commit, write-set logging
ROWS = (
    ("PS", "P", "gate", False, False, False),
    ("PS", "S", "pause", True, True, True),
    ("PM", "P", "gate", False, True, True),
    ("PM", "M", "pause", True, False, False),
    ("PSM", "S", "gate", False, False, False),
    ("PSM", "M", "gate", False, True, True),
    ("PSM", "P", "gate", True, False, True),
    ("PSM", "P", "pause", False, True, False),
)


class Matrix(scalardb_case.ScalardbCase):
    """One row a test."""

    full = "full-scalardb-matrix"
    full_time_max = 3600
    rounds = 30 if support.FULL else 3
    between = 300 if support.FULL else 50  # transactions

    def row(self, number):
        self.exact(*ROWS[number])

    def exact(self, kinds, coordinator, window, group, asynchronous, logging):
        how = dict(group_commit=True, slot_capacity=4) if group else {}
        self.make(kinds, coordinator, async_commit=asynchronous, write_set_logging=logging, **how)
        self.work(self.between)
        backups = [self.one(window, number) for number in range(self.rounds)]
        counts = self.app.stop()
        log, places = self.written(), scalardb_case.Places(self, self.system)
        for number, backup in enumerate(backups):
            manifest = self.manifest(backup)
            self.assert_window(manifest, window, number)
            copy = self.read(backup, places)
            self.assert_exact(manifest, copy, log)
            print(manifest["verdict"], copy.answer)
        print(counts)

    def one(self, window, number):
        """A backup while all work; every other gate's openings are far apart."""
        how = {"one_snapshot": (), "gate": ("--window", "gate"),
               "pause": ("--window", "pause", *self.pausing())}
        gap = GAP_MS if window == "gate" and number % 2 else None
        backup = self.take(*how[window], gap=gap)
        self.app.run_until(self.between)
        return backup

    def assert_window(self, manifest, window, number):
        if window == "pause":
            self.assert_told(manifest, "pause", ("proven", "paused"))
        elif window == "one_snapshot":
            self.assert_told(manifest, "one_snapshot")
        else:
            self.assert_told(manifest, "commit_gate")
            opened = scalardb_case.openings(manifest)
            apart = opened[-1] - opened[0]
            wanted = GAP_MS * 1000 * (len(opened) - 1) if number % 2 else 0
            self.assertGreaterEqual(apart, wanted)

    def test_postgresql_and_sqlite_gate(self):
        self.row(0)

    def test_postgresql_and_sqlite_pause_groups_async_logging(self):
        """SQLite has the coordinator."""
        self.row(1)

    def test_postgresql_and_mariadb_gate_async_logging(self):
        self.row(2)

    def test_postgresql_and_mariadb_pause_groups(self):
        """MariaDB has the coordinator."""
        self.row(3)

    def test_three_gate_at_sqlite(self):
        self.row(4)

    def test_three_gate_at_mariadb_async_logging(self):
        self.row(5)

    def test_three_gate_groups_logging(self):
        self.row(6)

    def test_three_pause_async(self):
        self.row(7)

    def test_postgresql_alone_groups_async_logging(self):
        """Needs neither gate nor pause."""
        self.exact("P", "P", "one_snapshot", True, True, True)


class Rows(support.Case):
    def test_cover_all_pairs(self):
        """Every value of a column is beside every value of every other that is possible with it."""
        for one, other in itertools.combinations(range(6), 2):
            there = {(row[one], row[other]) for row in ROWS}
            columns = ({row[place] for row in ROWS} for place in (one, other))
            impossible = {("PS", "M"), ("PM", "S")}
            self.assertEqual(there, set(itertools.product(*columns)) - impossible)

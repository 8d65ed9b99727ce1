# SPDX-License-Identifier: Apache-2.0
"""`verify` replays ScalarDB's recovery over every record of a stored backup: it finds nothing in
good ones, and what is wrong in others."""

import contextlib

import scalardb_case
import support

# A record of which it is known that the state of its transaction is not the oldest.
ANY = ("ctid = (SELECT ctid FROM bank_a.accounts WHERE tx_state = 3 "
       "ORDER BY tx_committed_at DESC LIMIT 1)")
STATE_OF_ANY = f"tx_id = (SELECT tx_id FROM bank_a.accounts WHERE {ANY})"
# What is done by hand to the database, what it is called, and how the backup is judged.
DAMAGE = {
    "a transaction's row is gone": (
        f"DELETE FROM coordinator.state WHERE {STATE_OF_ANY}", "without_state", "doubtful"),
    "a record is prepared again": (
        "UPDATE bank_a.accounts SET tx_state = 1, tx_version = 1 WHERE " + ANY, None, "sound"),
    "it was aborted": (
        f"UPDATE coordinator.state SET tx_state = 4 WHERE {STATE_OF_ANY}", "aborted",
        "contradicted"),
    "an unknown state": (
        f"UPDATE bank_a.accounts SET tx_state = 5 WHERE {ANY}", "state", "contradicted"),
    "no transaction": (
        f"UPDATE bank_a.accounts SET tx_id = NULL WHERE {ANY}", "state", "contradicted"),
    "a version of nothing": (
        f"UPDATE bank_a.accounts SET tx_version = 0 WHERE {ANY}", "version", "contradicted"),
    "a version too far": (
        "UPDATE bank_a.accounts SET tx_state = 1, tx_version = 9, before_tx_version = 5, "
        f"before_tx_id = tx_id, before_tx_state = 3 WHERE {ANY}", "version", "contradicted"),
    "an image that stayed": (
        f"UPDATE bank_a.accounts SET before_tx_id = tx_id, before_tx_version = 1 WHERE {ANY}",
        "image", "contradicted"),
    "an image that was not committed": (
        "UPDATE bank_a.accounts SET tx_state = 1, tx_version = 3, before_tx_version = 2, "
        f"before_tx_id = tx_id, before_tx_state = 1 WHERE {ANY}", "state", "contradicted"),
}
EXIT_CODES = {"sound": support.OK, "doubtful": support.UNPROVEN, "contradicted": support.FAILURE}


class Verify(scalardb_case.ScalardbCase):
    def verified(self, backup, judgement):
        outcome = self.stillpoint("verify", backup, "--json", expect=EXIT_CODES[judgement])
        found = outcome.last_json()
        self.assertEqual(found["judgement"], judgement, str(outcome))
        return found["records"]

    def unproven(self, *arguments, **env):
        """Kept, whatever speaks against it."""
        return self.backup(*self.whom(), *arguments, "--allow-unproven",
                           env={scalardb_case.KEEP: "torn", **env})["backup"]

    def wrong(self, records):
        return {name for name, count in records["wrong"].items() if count}

    def test_good_backups(self):
        """Of all three kinds of databases, while all work: nothing is found."""
        self.make("PSM", group_commit=True, slot_capacity=4, async_commit=True)
        self.work(100)
        for how in (("--window", "gate"), ("--window", "pause", *self.pausing())):
            backup = self.take(*how)
            records = self.verified(backup, "sound")
            self.assertEqual(self.wrong(records), set())
            self.app.run_until(50)
        self.app.stop()
        whole = self.take("--window", "gate")
        records = self.verified(whole, "sound")
        self.assertEqual(records["states"], self.states())
        self.assertEqual(records["records"] + records["imported"], self.records())
        self.assertEqual(records["records"], records["committed"] + records["forward"]
                         + records["back"] + records["expired"] + records["in_flight"])
        text = self.stillpoint("verify", whole).out
        self.assertIn("is sound", text)
        self.stillpoint("verify", whole, "--restore")

    def states(self):
        return len(self.system.databases[self.system.coordinator].rows(
            self.system.coordinator_namespace, "state", ["tx_id"]))

    def records(self):
        return sum(len(database.rows(name_space, table, ["1"]))
                   for name_space, database in zip(self.system.namespaces, self.system.databases)
                   for table in self.tables(database, name_space))

    def tables(self, database, name_space):
        rows = database.rows("scalardb", "metadata", ["full_table_name", "column_name"])
        return {name.partition(".")[2] for name, column in rows
                if name.startswith(f"{name_space}.") and column == "tx_version"}

    def test_what_is_wrong_is_found(self):
        self.make("P")
        self.work(100)
        self.app.stop()
        for name, (sql, wrong, judgement) in DAMAGE.items():
            with self.subTest(name), self.damaged(sql):
                records = self.verified(self.unproven(), judgement)
                self.assertEqual(self.wrong(records), {wrong} if wrong else set())
                if wrong:
                    self.assertIn("bank_a.accounts", str(records["named"]))
                    text = self.stillpoint("verify", expect=EXIT_CODES[judgement]).out
                    self.assertRegex(text, rf"is {judgement}(.|\n)*{wrong}: [1-9](.|\n)*"
                                     r"record \d+ of bank_a.accounts, transaction ")

    @contextlib.contextmanager
    def damaged(self, sql):
        """Afterwards all is as it was."""
        server = self.system.databases[0].server
        saved = {"bank_a.accounts": "saved_accounts", "coordinator.state": "saved_states"}
        for table, copy in saved.items():
            server.psql(f"CREATE TABLE {copy} AS TABLE {table}", "bank")
        try:
            server.psql(sql, "bank")
            yield
        finally:
            for table, copy in saved.items():
                server.psql(f"TRUNCATE {table}; INSERT INTO {table} TABLE {copy}; "
                            f"DROP TABLE {copy}", "bank")

    def test_torn_ones(self):
        """Two that were taken one after the other, and put together."""
        self.make("PS")
        self.work(50)
        found = set()
        for _ in range(10):
            backup = self.unproven("--window", "gate", **{scalardb_case.GAP: "200",
                                                          scalardb_case.GATE: "early"})
            outcome = self.stillpoint("verify", backup, "--json", expect=None)
            found.add(outcome.last_json()["judgement"])
            if found - {"sound"}:
                break
            self.app.run_until(20)
        self.assertNotEqual(found, {"sound"})

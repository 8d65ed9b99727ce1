# SPDX-License-Identifier: Apache-2.0
"""The layer scalardl. Scalar DL's servers cannot be had freely: the bank on ScalarDB stands for the
Ledger, and another for the Auditor, since both store by ScalarDB and are paused in the same way."""

import json

import scalardb
import scalardb_case
import scalardb_cut
import support

NOT_HELD = 21


class LedgerAndAuditor(scalardb_case.ScalardbCase):
    rare = ("test_an_auditor_over_two_databases", "test_two_names_of_one_database")
    layer = "scalardl"

    def make_both(self):
        """The Ledger on PostgreSQL, the Auditor on MariaDB; only the Ledger is paused."""
        self.make("P")
        self.auditor_system = scalardb.System([self.mariadb()])
        self.auditor_log = self.folder / "auditor.log"
        self.auditor = scalardb.Application(self).open(self.auditor_system, self.auditor_log).make()
        self.auditor_properties = self.auditor_system.write(self.folder / "auditor.properties")

    def configure(self, auditor=True, pause=None, **more):
        """The system "books" of stillpoint.yaml. JSON is YAML."""
        system = {"layer": "scalardl", "ledger": str(self.properties), **more}
        if auditor:
            system["auditor"] = [str(self.auditor_properties)]
        if pause != "nobody":
            system["window"] = {"pause": {"addresses": [self.app.address], "drain_max": "20s"}}
        path = self.folder / "stillpoint.yaml"
        path.write_text(json.dumps({"systems": {"books": system}}), encoding="utf-8")
        self.configured = ("--config", path)

    def whom(self):
        return ("books", *self.configured)

    def copy(self, backup, name, system, place):
        url, copy = place
        self.stillpoint("restore", backup, "--database", name, "--to", url, "--yes",
                        *self.configured)
        return self.app.read(system.of([copy()]))

    def test_both_are_one_backup(self):
        """Also with the Auditor at work, whom nobody pauses: what it holds is recovered lazily."""
        self.make_both()
        self.configure()
        self.work(50)
        self.auditor.start(seed=2)
        self.auditor.run_until(50)
        manifest = self.back_up()
        self.app.run_until(20)  # it is let go
        self.assert_told(manifest, "pause", ("proven", "paused"))
        self.assertEqual({one["name"]: one["kind"] for one in manifest["databases"]},
                         {"ledger": "postgresql", "auditor": "mysql"})
        self.assertEqual(manifest["layer_settings"]["coordinators"],
                         "coordinator in ledger, coordinator in auditor")
        ledger, auditor = self.system.databases[0], self.auditor_system.databases[0]
        self.auditor.stop()
        self.app.stop()
        copied = self.copy(manifest["id"], "ledger", self.system, (
            ledger.server.url("copy"), lambda: scalardb.Postgres(ledger.server, "copy")))
        self.assert_exact(manifest, copied, self.written())
        fresh = self.mariadb()
        copied = self.copy(manifest["id"], "auditor", self.auditor_system,
                           (fresh.server.url(), lambda: fresh))
        # it was not paused: its instant is that of its snapshot
        self.assertEqual(copied.problems(scalardb_cut.Log(self.auditor_log)), [])
        self.alone_is_refused(manifest["id"])
        self.assertEqual(auditor.server.schemas(), fresh.server.schemas())

    def alone_is_refused(self, backup):
        """Back to where they came from go both or none."""
        for words in (("--database", "auditor"), ("--database", "ledger", "--in-place"),
                      ("--database", "ledger", "--table", "bank_a.accounts")):
            self.fails("restore", backup, *words, "--yes", *self.configured, expect=1,
                       code="invalid", says=("scalardl", "another point"))
        told = self.stillpoint("restore", backup, "--database", "auditor", "--alone", "--dry-run",
                               *self.configured, "--json").json()
        self.assertEqual([one["name"] for one in told["databases"]], ["auditor"])

    def test_an_auditor_over_two_databases(self):
        """Is paused with the Ledger, or there is no backup."""
        self.make("P")
        self.auditor_system = scalardb.System([self.mariadb(), self.sqlite()])
        log = self.folder / "auditor.log"
        self.auditor = scalardb.Application(self).open(self.auditor_system, log).make()
        self.auditor_properties = self.auditor_system.write(self.folder / "auditor.properties")
        self.configure()
        self.work(20)
        self.auditor.start(seed=3)
        self.auditor.run_until(50)
        gap = {scalardb_case.GAP: "200"}
        error = self.fails("backup", *self.whom(), expect=NOT_HELD, code="not_held",
                           says=("transaction", "coordinator.state"), env=gap)
        self.assertIn("not among those that are paused", error["advice"])
        self.assert_nothing_left()
        manifest = self.back_up(*self.pausing(self.app, self.auditor), gap=200)
        self.assertEqual([one["name"] for one in manifest["databases"]],
                         ["ledger", "auditor.storage_0", "auditor.storage_1"])
        self.app.stop()
        self.auditor.stop()

    def test_one_database_is_paused_too(self):
        self.make_both()
        self.configure(auditor=False)
        self.work(20)
        plan = self.stillpoint("plan", *self.whom(), "--json").json()
        self.assertEqual(plan["branch"], "pause")
        self.assertIn("always", plan["reason"])
        manifest = self.back_up()
        self.assertEqual(manifest["plan"]["branch"], "pause")
        self.fails("plan", *self.whom(), "--window", "gate", expect=1, code="unsupported",
                   says=("always paused",))
        self.configure(pause="nobody")
        self.fails("backup", *self.whom(), expect=1, code="unsupported",
                   says=("nobody is known who could be paused",))

    def test_two_names_of_one_database(self):
        """Is one database in the backup."""
        self.make("P")
        self.auditor_properties = self.properties
        self.configure()
        manifest = self.back_up()
        self.assertEqual([one["name"] for one in manifest["databases"]], ["ledger"])


class OnlyTimes(scalardb_case.ScalardbCase):
    """A Ledger in a service that can be brought back to a time, and no more."""

    def configure(self):
        ledger = self.folder / "ledger.properties"
        ledger.write_text("scalar.db.storage=cosmos\nscalar.db.contact_points=https://x.invalid/\n"
                          "scalar.db.password=secret-of-cosmos\n", encoding="utf-8")
        path = self.folder / "stillpoint.yaml"
        path.write_text(json.dumps({"systems": {"books": {
            "layer": "scalardl", "ledger": str(ledger), "auditor": str(self.properties),
            "window": {"pause": {"addresses": [self.app.address]}}}}}), encoding="utf-8")
        return ("books", "--config", path)

    def test_restore_point(self):
        self.make("P")
        whom = self.configure()
        error = self.fails("backup", *whom, expect=1, code="unsupported", says=("cosmos", "ledger"))
        self.assertIn("restore-point", error["advice"])
        self.work(20)
        outcome = self.stillpoint("restore-point", *whom, "--hold", "1s", "--json")
        point = outcome.last_json()
        self.assertNotIn("secret-of-cosmos", outcome.out + outcome.err)
        self.app.run_until(20)
        self.assertEqual(point["verdict"], "unproven")
        self.assertEqual([one["name"] for one in point["databases"]], ["auditor"])
        examined = {one["database"]: one["kind"] for one in point["evidence"]}
        self.assertEqual(examined["ledger"], "not_examined")
        self.assertEqual(examined["auditor"], "write_mark")
        log = scalardb_cut.Log(self.log)
        begin, end = (scalardb_case.micros(point["window"][name]) for name in ("begin", "end"))
        self.assertGreaterEqual(end - begin, 1_000_000)
        self.assertEqual(log.commits_within(begin, end), 0)
        self.app.stop()

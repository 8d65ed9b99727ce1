# SPDX-License-Identifier: Apache-2.0
"""What the gate and the pause do not hold: without them copies are wrong, and who is behind our
back is noticed."""

import scalardb
import scalardb_case
import scalardb_cut
import support

GAP_MS = 200
NOT_HELD = 21


class WithoutAWindow(scalardb_case.ScalardbCase):
    """Where the gate is not shut, copies are wrong: it is the gate that makes the others right."""

    rare = ("test_postgresql_and_sqlite",)
    full = "full-scalardb-controls"
    full_time_max = 3600
    rounds = 20 if support.FULL else 3

    def together(self):
        """The same databases without their layer: as names of a configuration."""
        config = self.folder / "together.yaml"
        lines = [f"      storage_{place}: {url}\n" for place, url
                 in enumerate(scalardb_case.urls_of(self.system))]
        config.write_text("systems:\n  bank:\n    consistency: together\n    databases:\n"
                          + "".join(lines))
        return ("bank", "--config", config)

    def one(self, whom, gap, **hooks):
        hooks[scalardb_case.GAP] = str(gap)
        summary = self.backup(*whom, "--allow-unproven", env=hooks)
        self.app.run_until(30)
        return summary

    def wrong_copies(self, kinds):
        """Held by nothing, 20 and 200 ms apart; and by a gate that is opened before the last."""
        self.make(kinds)
        self.work(50)
        gate = (*self.whom(), "--window", "gate")
        ways = {"none, 20 ms": lambda: self.one(self.together(), 20),
                "none, 200 ms": lambda: self.one(self.together(), 200),
                "gate, early": lambda: self.one(gate, 20, **{
                    scalardb_case.GATE: "early", scalardb_case.KEEP: "torn"})}
        # 20 ms are few transactions where a machine is busy.
        rounds = {"none, 20 ms": 3 * self.rounds}
        backups = {name: [way() for _ in range(rounds.get(name, self.rounds))]
                   for name, way in ways.items()}
        self.app.stop()
        log, places = self.written(), scalardb_case.Places(self, self.system)
        for way, summaries in backups.items():
            read, wrong, noticed = 0, 0, 0
            for summary in summaries:
                problems = self.read(summary["backup"], places).problems(log)
                read += 1
                wrong += bool(problems)
                noticed += bool(problems) and summary["verdict"] == "unproven"
                if wrong and not support.FULL:
                    break
            print(f"measured: {way}: {wrong} of {read} wrong, {noticed} of them noticed")
            if way == "gate, early":
                self.assertEqual(noticed, wrong, "it is noticed, and kept only for this test")
            self.assertGreater(wrong, 0, f"{way}: all {read} copies are exact")

    def test_postgresql_and_mariadb(self):
        self.wrong_copies("PM")

    def test_postgresql_and_sqlite(self):
        self.wrong_copies("PS")


class BehindOurBack(scalardb_case.ScalardbCase):
    """What the properties do not tell."""

    rare = ("test_a_coordinator_elsewhere", "test_the_properties_of_both")

    def second(self, system, log=None):
        """Another application, at work; without a log of its own on the bank of the first."""
        app = scalardb.Application(self).open(system, log or self.log)
        if log:
            app.make()
        app.start(seed=self.random.getrandbits(32))
        app.run_until(100)
        return app

    def assert_refused(self, *arguments, codes=(support.UNPROVEN,), says=(), **how):
        """Said plainly, and nothing is kept."""
        outcome = self.stillpoint("backup", *self.whom(), *arguments, "--json", expect=None, **how)
        self.assertIn(outcome.code, codes, str(outcome))
        error = outcome.error()
        print(error["message"])
        for word in says:
            self.assertIn(word, error["message"], str(outcome))
        self.assertTrue(error["advice"], str(outcome))
        self.assert_nothing_left()

    def test_one_phase_commit(self):
        """The application has it, and the properties that we got have not."""
        self.make("PS", one_phase_commit=True)
        theirs = self.properties
        self.properties = scalardb.System(self.system.databases).write(self.folder / "ours")
        self.work(200)
        self.assert_refused("--window", "gate", says=["bank_", "transaction", "coordinator"])
        kept = self.back_up("--window", "gate", "--allow-unproven")
        self.assertEqual(kept["verdict"], "unproven")
        self.assertIn("coordinator_rows", [kind for kind, _ in self.against(kept)])
        # Who says so is not given the gate.
        self.properties = theirs
        self.fails("backup", *self.whom(), "--window", "gate", expect=support.FAILURE,
                   says=["one_phase_commit"])
        plan = self.stillpoint("plan", *self.whom(), *self.pausing(), "--json").last_json()
        self.assertEqual(plan["branch"], "pause")
        self.assertIn("one_phase_commit", plan["reason"])

    def test_an_application_that_is_not_paused(self):
        """The second of two; with both of them it is right."""
        self.make("PS")
        self.work(50)
        other = self.second(self.system)
        for _ in range(5 if support.FULL else 2):
            self.assert_refused("--window", "pause", *self.pausing(),
                                codes=(NOT_HELD,), says=("transaction", "coordinator.state"),
                                env={scalardb_case.GAP: str(GAP_MS)})
        manifest = self.back_up("--window", "pause", *self.pausing(self.app, other), gap=GAP_MS)
        self.assert_told(manifest, "pause", ("proven", "paused"))
        self.app.stop()
        other.stop()
        copy = self.read(manifest["id"], scalardb_case.Places(self, self.system))
        self.assert_exact(manifest, copy, self.written())

    def test_another_coordinator_in_the_same_databases(self):
        """It is found in ScalarDB's metadata, and held as well."""
        self.make("PS")
        other = scalardb.System(self.system.databases, 1, ("other_a", "other_b"),
                                coordinator_namespace="commits")
        self.work(50)
        app = self.second(other, self.folder / "other_log")
        manifest = self.back_up("--window", "gate", gap=GAP_MS)
        self.assert_told(manifest, "commit_gate")
        self.assertIn("commits", str(manifest["layer_settings"]["coordinators"]))
        plan = self.stillpoint("plan", *self.whom(), "--json").last_json()
        self.assertIn("commits in storage_1", str(plan["warnings"]))
        self.assert_exact_of_each(manifest, self.system, app, other)

    def assert_exact_of_each(self, manifest, whole, app, other):
        """The copy, of databases that `whole` has, has the bank and the other."""
        self.app.stop()
        app.stop()
        copies = self.restored(manifest["id"], scalardb_case.Places(self, whole)).databases
        self.assert_exact(manifest, self.app.read(self.system.of(copies[:2])), self.written())
        self.assert_exact(manifest, app.read(other.of(copies)),
                          scalardb_cut.Log(self.folder / "other_log"))

    def elsewhere(self):
        """Another application with tables in the same databases, and a coordinator in a third."""
        first, second = self.system.databases
        third = scalardb.Postgres(first.server, "elsewhere")
        return scalardb.System([first, second, third], 2, ("other_a", "other_b"),
                               coordinator_namespace="commits")

    def test_a_coordinator_elsewhere(self):
        """Nobody has named it: its transactions have no row that could be found; or one that was
        torn is seen."""
        self.make("PS")
        self.work(50)
        self.second(self.elsewhere(), self.folder / "other_log")
        self.assert_refused("--window", "gate", codes=(support.UNPROVEN, NOT_HELD),
                            says=["other_", "transaction", "coordinator"])

    def test_the_properties_of_both(self):
        self.make("PS")
        other = self.elsewhere()
        self.work(50)
        app = self.second(other, self.folder / "other_log")
        theirs = other.write(self.folder / "other.properties")
        manifest = self.back_up("--properties", theirs, "--window", "gate", gap=GAP_MS)
        self.assert_told(manifest, "commit_gate")
        self.assertEqual({one["name"] for one in manifest["databases"]},
                         {"storage_0", "storage_1", "storage_2"})
        self.assert_exact_of_each(manifest, other, app, other)

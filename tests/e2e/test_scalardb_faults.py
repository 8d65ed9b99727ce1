# SPDX-License-Identifier: Apache-2.0
"""What stands in the way of a window over ScalarDB's databases: it is tried again, or refused and
said plainly; nothing is left, and applications do not wait long."""

import os
import pathlib
import signal
import subprocess
import time

import postgres
import scalardb
import scalardb_case
import scalardb_watch
import support

POOLER = "/usr/sbin/pgbouncer"
NOT_HELD = 21


class InTheWay(scalardb_case.ScalardbCase):
    """The coordinator in PostgreSQL, if nothing else is said."""

    wait_max = 2.5  # seconds that a commit may take on a busy machine: 0.2 of it are the gate's
    pooler = False

    def postgres(self):
        return super().postgres(max_prepared_transactions="5")

    @property
    def first(self):
        return self.system.databases[0]

    def session(self):
        return postgres.Session(self, self.first.server, self.first.name)

    def started(self, *arguments, **env):
        """Its end, as a function, and its process."""
        words = self.words("backup", *self.whom(), *arguments, "--json")
        process = support.start(words, self.env(**env))
        self.addCleanup(process.kill)
        return process, lambda: support.finish(words, process, time.monotonic(), 90)

    def manifest_of(self, outcome):
        self.assertEqual(outcome.code, support.OK, str(outcome))
        return self.manifest(outcome.last_json()["backup"])

    def assert_refused(self, *arguments, says, code="unsupported", **how):
        error = self.fails("backup", *self.whom(), *arguments, expect=support.FAILURE, code=code,
                           says=says, **how)
        print(error["message"], "/", error["advice"])
        self.assert_nothing_left()
        self.assert_no_sessions()

    def assert_no_sessions(self):
        """But for a pooler's, who keeps the names of those who used them."""
        query = ("SELECT application_name, state, query FROM pg_stat_activity"
                 " WHERE application_name ILIKE '%stillpoint%'")
        if self.pooler:
            query += " AND state <> 'idle'"
        until = time.monotonic() + 5
        while (left := self.first.server.psql(query)) and time.monotonic() < until:
            time.sleep(0.02)
        self.assertEqual(left, "")

    def assert_exact_at_the_end(self, *manifests, begin=None):
        """The bank is stopped; since `begin` no commit has waited long."""
        end = time.time()
        self.app.stop()
        log, places = self.written(), scalardb_case.Places(self, self.system)
        if begin:
            longest = log.longest_commit(begin * 1e6, end * 1e6) / 1e6
            print(f"measured: longest commit {longest:.2f} s")
            self.assertLess(longest, self.wait_max)
        for manifest in manifests:
            self.assert_exact(manifest, self.read(manifest["id"], places), log)

    def assert_tried_again(self, manifest, says):
        self.assert_told(manifest, "commit_gate")
        failures = [one.get("failure", "") for one in manifest["gate"]["tries"]]
        print(failures)
        self.assertGreater(len(failures), 1)
        self.assertIn(says.lower(), failures[0].lower())
        self.assertEqual(failures[-1], "")


class Faults(InTheWay):
    rare = ("test_vacuum_of_the_coordinator", "test_who_wants_to_alter_the_coordinator",
            "test_a_password_that_is_changed", "test_a_table_that_is_being_altered")

    def test_vacuum_of_the_coordinator(self):
        """It is in the way of the lock, and is not waited for long."""
        self.make("PS")
        self.work(1500)
        vacuum, asking = self.session(), self.session()
        vacuum("SET vacuum_cost_limit = 1; SET vacuum_cost_delay = 60")
        vacuum.send("VACUUM coordinator.state")
        while asking("SELECT count(*) FROM pg_stat_progress_vacuum") == ["0"]:
            time.sleep(0.01)
        begin = time.time()
        manifest = self.back_up("--window", "gate")
        vacuum.receive()
        self.assert_tried_again(manifest, "psql")
        self.assert_exact_at_the_end(manifest, begin=begin)

    def test_a_prepared_transaction(self):
        """Nobody would notice it: commits go on. The gate cannot be shut until it is gone."""
        self.make("PS")
        self.work(50)
        session = self.session()
        session("BEGIN; DELETE FROM coordinator.state WHERE tx_id = 'none';"
                " PREPARE TRANSACTION 'forgotten'")
        begin = time.time()
        process, end = self.started("--window", "gate")
        time.sleep(3)  # some tries
        self.assertIsNone(process.poll())
        session("ROLLBACK PREPARED 'forgotten'")
        manifest = self.manifest_of(end())
        self.assert_tried_again(manifest, "forgotten")
        self.assert_exact_at_the_end(manifest, begin=begin)

    def test_a_table_that_is_being_altered(self):
        self.make("PS")
        session = self.session()
        session("BEGIN; ALTER TABLE bank_a.accounts ADD COLUMN more int")
        self.assert_refused("--lock-wait", "1", says=["bank_a.accounts"], code="busy")
        session("COMMIT")
        self.work(50)
        manifest = self.back_up("--window", "gate")
        self.assert_exact_at_the_end(manifest)

    def test_who_wants_to_alter_the_coordinator(self):
        """He waits for us, and all commits for him: it is we who give way, in the time that we may
        wait for locks."""
        self.make("PS")
        self.work(50)
        vacuum, alters, asking = self.session(), self.session(), self.session()
        vacuum("BEGIN; LOCK TABLE coordinator.state IN SHARE UPDATE EXCLUSIVE MODE")
        _, end = self.started("--window", "gate", "--lock-wait", "2")
        while asking("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'ShareLock'"
                     " AND relation = 'coordinator.state'::regclass") == ["0"]:
            time.sleep(0.01)
        begin = time.time()
        alters.send("ALTER TABLE coordinator.state ADD COLUMN note text")
        while asking("SELECT count(*) FROM pg_locks WHERE NOT granted"
                     " AND mode = 'AccessExclusiveLock'") == ["0"]:
            time.sleep(0.01)
        vacuum("COMMIT")
        alters.receive()
        print(f"measured: altered after {time.time() - begin:.2f} s")
        self.app.run_until(20, timeout=10)
        outcome = end()
        kept = []
        if outcome.code == support.OK:
            kept.append(self.manifest_of(outcome))
        else:
            print(outcome.error()["message"], "/", outcome.error()["advice"])
            self.assertEqual(outcome.error()["code"], "busy", str(outcome))
            self.assertIn("coordinator.state", outcome.error()["message"])
            self.assert_nothing_left()
        self.assert_no_sessions()
        self.wait_max += 2
        self.assert_exact_at_the_end(*kept, begin=begin)

    def pooled(self):
        """PgBouncer before the first database, which lends sessions a transaction each."""
        if not os.access(POOLER, os.X_OK):
            self.skipTest("pgbouncer is not installed")
        folder = postgres.Folder()
        self.addCleanup(folder.remove)
        port = postgres.free_port()
        (folder.path / "users.txt").write_text('"postgres" ""\n')
        (folder.path / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={self.first.server.port} user=postgres\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = any\nauth_file = {folder.path}/users.txt\npool_mode = transaction\n"
            "ignore_startup_parameters = extra_float_digits\n")
        words = [*postgres.as_server_user()] or ["setpriv"]
        process = subprocess.Popen([*words, "--pdeathsig=KILL", POOLER, "-q",
                                    str(folder.path / "pgbouncer.ini")])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.pooler = True
        until = time.monotonic() + 30
        while subprocess.run([postgres.BIN / "pg_isready", "-q", "-h", "127.0.0.1", "-p",
                              str(port)], check=False).returncode:
            self.assertLess(time.monotonic(), until, "pgbouncer does not answer")
            time.sleep(0.02)
        return port

    def test_a_pooler(self):
        """Its lock would be somebody's in the next moment."""
        self.make("PS")
        text = pathlib.Path(self.properties).read_text(encoding="utf-8")
        self.properties = self.folder / "pooled.properties"
        self.properties.write_text(
            text.replace(f":{self.first.server.port}/", f":{self.pooled()}/"), encoding="utf-8")
        for window in ("gate", "pause"):
            whom = self.pausing() if window == "pause" else ()
            self.assert_refused("--window", window, *whom, says=["pooler"])
        self.app.start()
        self.app.run_until(20)

    def test_a_standby_of_the_coordinator(self):
        """Nothing can be locked there."""
        self.make("PS")
        self.follow()
        self.assert_refused("--window", "gate", says=["standby"])

    def test_a_standby_beside_the_coordinator(self):
        """What is committed elsewhere may not have come to it yet."""
        self.make("PS", "S")
        self.follow()
        self.assert_refused("--window", "gate", says=["standby"])

    def follow(self):
        """The properties name a standby of the first database."""
        standby = postgres.standby(self, self.first.server)
        copies = [scalardb.Postgres(standby, self.first.name), self.system.databases[1]]
        self.properties = self.system.of(copies).write(self.folder / "standby.properties")

    def test_a_password_that_is_changed(self):
        """While the gate is shut: whoever needs another session then says that it is refused."""
        self.make("PS")
        server = self.first.server
        server.psql("CREATE ROLE backup SUPERUSER LOGIN PASSWORD 'first secret'")
        access = server.data / "pg_hba.conf"
        access.write_text("host all backup 127.0.0.1/32 scram-sha-256\n" + access.read_text())
        server.reload()
        self.use_role("backup", "first secret")
        self.work(50)
        gate = scalardb_watch.AtPostgres(self, self.first)
        process, end = self.started("--window", "gate", **{scalardb_case.GAP: "500"})
        while process.poll() is None and not gate.shut():
            time.sleep(0.001)
        server.psql("ALTER ROLE backup PASSWORD 'second secret'")
        outcome = end()
        self.assertNotIn("secret", outcome.out + outcome.err)
        kept = []
        if outcome.code == support.OK:
            kept.append(self.manifest_of(outcome))
        else:
            error = outcome.error()
            print(error["message"], "/", error["advice"])
            self.assertIn("password", error["message"] + error["advice"], str(outcome))
            self.assertEqual(error["exit_code"], support.FAILURE)
            self.assert_nothing_left()
        self.assert_no_sessions()
        self.fails("backup", *self.whom(), expect=support.FAILURE, says=["password"])
        self.use_role("backup", "second secret")
        kept.append(self.back_up("--window", "gate"))
        self.assert_exact_at_the_end(*kept)

    def use_role(self, name, password):
        """In the properties of the first database."""
        text = pathlib.Path(self.system.write(self.folder / "role")).read_text(encoding="utf-8")
        text = text.replace("username=postgres", f"username={name}", 1)
        text = text.replace("password=postgres", f"password={password}", 1)
        self.properties = self.folder / "role.properties"
        self.properties.write_text(text, encoding="utf-8")

    def test_rights(self):
        """Who may only read is told what is missing."""
        self.make("PS")
        self.first.server.psql("CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader")
        self.use_role("reader", "")
        outcome = self.stillpoint("backup", *self.whom(), "--window", "gate", "--json", expect=1)
        self.assertIn('GRANT UPDATE ON "coordinator"."state" TO reader;', outcome.error()["advice"])
        self.first.server.psql("GRANT UPDATE ON coordinator.state TO reader", self.first.name)
        self.assert_told(self.back_up("--window", "gate"), "commit_gate")

    def test_a_file_in_rollback_mode(self):
        """While it is read nobody can write to it: said before, or copied at once."""
        self.wait_max += 2
        self.make("PS")
        self.app.end()
        path = self.system.databases[1].path
        scalardb.Sqlite(path, "DELETE")
        self.app = scalardb.Application(self).open(self.system, self.log)
        self.work(20)
        begin = time.time()
        outcome = self.stillpoint("backup", *self.whom(), "--window", "gate", "--json", expect=None)
        if outcome.code != support.OK:
            self.assertIn("WAL", outcome.error()["message"] + outcome.error()["advice"])
            print(outcome.error()["message"])
            self.assert_nothing_left()
        else:
            self.assert_exact_at_the_end(self.manifest_of(outcome), begin=begin)


class Stays(InTheWay):
    """What never goes away."""

    full = "full-scalardb-faults"

    def test_a_prepared_transaction(self):
        """It is tried for a minute, or until we are interrupted."""
        self.make("PS")
        self.work(50)
        session = self.session()
        session("BEGIN; DELETE FROM coordinator.state WHERE tx_id = 'none';"
                " PREPARE TRANSACTION 'forgotten'")
        begin = time.time()
        if support.FULL:
            error = self.fails("backup", *self.whom(), "--window", "gate", expect=NOT_HELD,
                               code="not_held", says=["forgotten"])
            print(error["message"], "/", error["advice"])
        else:
            process, end = self.started("--window", "gate")
            time.sleep(3)
            process.send_signal(signal.SIGINT)
            outcome = end()
            self.assertEqual(outcome.code, support.INTERRUPTED, str(outcome))
        self.assert_nothing_left()
        self.assert_no_sessions()
        self.assert_exact_at_the_end(begin=begin)
        session("ROLLBACK PREPARED 'forgotten'")

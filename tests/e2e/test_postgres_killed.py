# SPDX-License-Identifier: Apache-2.0
"""Restores that end half-way: killed at any moment, interrupted, refused. The target is untouched
until the switch; what is left is resumed or cleaned up."""

import os
import signal
import threading
import time

import postgres
import support
import test_postgres_faults as faults


class HalfWay(faults.Faults):
    rare = ("test_sigkill_then_again", "test_sigint")
    full = "full-postgres-kill"

    def setUp(self):
        super().setUp()
        self.backup(self.url("bank"))
        self.new_target()
        self.seconds = min(self.time_of_one() for _ in range(2))

    def time_of_one(self):
        started = time.monotonic()
        self.restored("latest", "target")
        seconds = time.monotonic() - started
        self.new_target()
        return seconds

    def interrupted(self, number, part, *arguments):
        self.new_target()
        words = ["restore", "latest", "--to", self.url("target"), "--yes", *arguments]
        words = self.words(*words, "--json")
        started = time.monotonic()
        process = support.start(words, self.env())
        time.sleep(part * self.seconds)
        os.kill(process.pid, number)
        outcome = support.finish(words, process, started, 60)
        return outcome, f"signal {number} at {part:.3f} of {self.seconds:.2f} s{outcome}"

    def staged(self):
        return set(self.server.databases()) - {"postgres", "template0", "template1", "bank",
                                               "target", *self.kept("target")}

    def no_children(self, message):
        """pg_dump and pg_restore of ours have gone with us, or go soon; so do our sessions."""
        until = time.monotonic() + 10
        while (sessions := self.sessions()) and time.monotonic() < until:
            time.sleep(0.05)
        self.assertEqual(sessions, "", message)

    def sessions(self):
        """But for the test's own: the last one may not have ended yet."""
        return self.server.psql("SELECT pid, query FROM pg_stat_activity WHERE backend_type = "
                                "'client backend' AND application_name <> 'psql'")

    def assert_gone_on_with(self, message):
        """Nothing staged is left but a database that was killed before it had its mark: whose it is
        nobody knows, so that only cleanup takes it away."""
        marks = ("SELECT count(shobj_description(oid, 'pg_database')) FROM pg_database "
                 "WHERE datname =")
        for name in self.staged():
            self.assertEqual(self.server.psql(f"{marks} {postgres.literal(name)}"), "0", message)
            self.stillpoint("cleanup", self.url("target"), "--yes")
        self.assertEqual(self.staged(), set(), message)

    def test_sigkill_then_resume(self):
        killed = 0
        for part in self.moments():
            outcome, message = self.interrupted(signal.SIGKILL, part)
            if outcome.code == support.OK:
                continue
            killed += 1
            self.no_children(message)
            if not self.kept("target"):
                self.assert_old("target", message)
            self.stillpoint("restore", "latest", "--to", self.url("target"), "--yes", "--resume")
            self.assert_same(self.url("bank"), self.url("target"), message=message)
            self.assert_connectable("target", message)
            self.assert_gone_on_with(message)
            for kept in self.kept("target")[:1]:
                self.assert_old(kept, message)
            self.assert_cleanup_finds_nothing(self.url("target"))
        self.assertGreater(killed, 0, "no restore was killed: all were too quick")
        print(f"measured: {killed} of {self.rounds} restores killed and resumed, all equal")

    def test_sigkill_then_cleanup(self):
        killed = 0
        for part in self.moments():
            outcome, message = self.interrupted(signal.SIGKILL, part)
            if outcome.code == support.OK:
                continue
            killed += 1
            self.no_children(message)
            self.assert_restored_or_old(message)
            self.assert_cleanup_finds_nothing(self.url("target"))
        self.assertGreater(killed, 0, "no restore was killed: all were too quick")

    def test_sigkill_then_again(self):
        """Without --resume and without cleanup the next restore works too."""
        for part in (0.3, 0.6):
            self.interrupted(signal.SIGKILL, part)
            self.restored("latest", "target")
            self.assert_same(self.url("bank"), self.url("target"))

    def test_resume_of_another_backup(self):
        """Staged data is of one backup: it is not mixed with that of another."""
        self.interrupted(signal.SIGKILL, 0.6)
        self.server.psql("DELETE FROM a WHERE id % 2 = 0; UPDATE b SET id = id + 1", "bank")
        self.backup(self.url("bank"))
        self.stillpoint("restore", "latest", "--to", self.url("target"), "--yes", "--resume",
                        expect=None)
        self.restored("latest", "target")
        self.assert_same(self.url("bank"), self.url("target"))

    def by_signal(self, number):
        ended = 0
        for part in self.moments():
            outcome, message = self.interrupted(number, part)
            if outcome.code == support.OK or (outcome.code == 128 + number and part < 0.1):
                continue
            ended += 1
            self.assertEqual(outcome.code, support.INTERRUPTED, message)
            self.assert_old("target", message)
            self.assertEqual(self.staged(), set(), f"staging is left: {message}")
            self.assertEqual(self.kept("target"), [], message)
            self.assert_connectable("target", message)
        self.assertGreater(ended, 0, "no restore was interrupted: all were too quick")

    def test_sigint(self):
        self.by_signal(signal.SIGINT)

    def test_sigterm(self):
        self.by_signal(signal.SIGTERM)

    def test_drill_killed(self):
        words = self.words("verify", "latest")
        process = support.start(words, self.env())
        time.sleep(0.6 * self.seconds)
        os.kill(process.pid, signal.SIGKILL)
        outcome = support.finish(words, process, time.monotonic(), 60)
        self.no_children(str(outcome))
        self.server.create("bank_drill_stillpoint_" + "0" * 16, "")  # killed before its mark
        self.stillpoint("cleanup", self.url("bank"), "--yes")
        self.assert_databases("bank", "target")

    def test_sigkill_of_a_backup(self):
        """The server lets go of snapshot and locks by itself."""
        words = self.words("backup", self.url("bank"), "--limit-rate", "5MiB")
        process = support.start(words, self.env())
        until = time.monotonic() + 30
        while not self.sessions() and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(1)
        os.kill(process.pid, signal.SIGKILL)
        outcome = support.finish(words, process, time.monotonic(), 60)
        self.assertEqual(outcome.code, 137, f"it was too quick{outcome}")
        self.no_children(str(outcome))
        self.server.psql("SET lock_timeout = '1s'; DROP TABLE a", "bank")
        self.assertEqual(len(self.backups()), 1)


class Fence(faults.Faults):
    def setUp(self):
        super().setUp()
        self.backup(self.url("bank"))
        self.server.create("target", faults.OLD)
        self.server.psql("ALTER DATABASE target SET work_mem = '7MB'; "
                         "COMMENT ON DATABASE target IS 'stays'; "
                         "GRANT CREATE ON DATABASE target TO pg_monitor; "
                         "ALTER DATABASE target CONNECTION LIMIT 40")

    def test_target_is_in_use(self):
        session = postgres.Session(self, self.server, "target")
        pid = session("SET application_name = 'the till'; SELECT pg_backend_pid()")[0]
        outcome = self.stillpoint("restore", "latest", "--to", self.url("target"), "--yes",
                                  "--json", expect=support.FAILURE)
        error = outcome.error()
        self.assertEqual(error["code"], "busy", str(outcome))
        self.assertIn(pid, error["message"], str(outcome))
        self.assertIn("the till", error["message"], str(outcome))
        self.assertIn("--force", error["advice"], str(outcome))
        # that session was not disturbed, and others get in again
        self.assertEqual(session("SELECT count(*) FROM old"), ["1000"])
        self.assert_old("target")
        self.assertEqual(self.kept("target"), [])

    def test_force_cuts(self):
        session = postgres.Session(self, self.server, "target")
        session("BEGIN; DELETE FROM old")
        self.stillpoint("restore", "latest", "--to", self.url("target"), "--yes", "--force")
        self.assert_old(self.kept("target")[0], "what was not committed is not there")
        self.assert_same(self.url("bank"), self.url("target"), ("database ",))

    def test_nobody_slips_in(self):
        """Clients that connect again and again, as pools do: they see the old or the new data."""
        stopped, seen = threading.Event(), set()

        def knock():
            while not stopped.is_set():
                try:
                    seen.add(self.server.psql("SELECT coalesce(to_regclass('old')::text, "
                                              "to_regclass('a')::text)", "target"))
                except AssertionError:
                    seen.add("refused")

        threads = [threading.Thread(target=knock) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            outcome = self.stillpoint("restore", "latest", "--to", self.url("target"), "--yes",
                                      "--force", expect=None)
        finally:
            stopped.set()
            for thread in threads:
                thread.join()
        self.assertEqual(outcome.code, support.OK, str(outcome))
        self.assertLessEqual(seen, {"old", "a", "refused"})
        self.assertEqual(self.server.psql("SELECT count(*) FROM a", "target"), str(faults.ROWS))

    def test_owner_settings_and_privileges_stay(self):
        self.restored("latest", "target")
        self.assertEqual(self.server.psql(
            "SELECT datconnlimit, shobj_description(d.oid, 'pg_database'), setconfig, "
            "has_database_privilege('pg_monitor', d.oid, 'CREATE') FROM pg_database d "
            "JOIN pg_db_role_setting s ON s.setdatabase = d.oid WHERE datname = 'target'"),
            "40|stays|{work_mem=7MB}|t")
        self.assert_old(self.kept("target")[0])

    def test_kept_databases_are_listed_and_dropped(self):
        self.restored("latest", "target")
        kept = self.kept("target")
        self.assertEqual(len(kept), 1)
        listed = self.stillpoint("cleanup", self.url("target"), "--old")
        self.assertIn(kept[0], listed.out + listed.err)
        self.stillpoint("cleanup", self.url("target"), "--yes")
        self.assertEqual(self.kept("target"), kept, "old data goes only when it is asked for")
        self.stillpoint("cleanup", self.url("target"), "--old", "--yes")
        self.assert_databases("bank", "target")

    def test_template_and_current_database(self):
        """Restoring into `postgres`, over which we would connect, or into a template."""
        for name in ("template0", "template1"):
            self.fails("restore", "latest", "--to", self.url(name), "--yes",
                       expect=support.FAILURE)
        self.assert_databases("bank", "target")

    def test_prepared_transaction_in_the_way(self):
        """It keeps the database from being renamed or dropped: it is named."""
        self.server.settings["max_prepared_transactions"] = "5"
        self.server.restart()
        self.server.psql("BEGIN; INSERT INTO old VALUES (7); PREPARE TRANSACTION 'held back'",
                         "target")
        self.fails("restore", "latest", "--to", self.url("target"), "--yes",
                   expect=support.FAILURE, says=["held back"])
        self.assert_old("target")
        self.server.psql("ROLLBACK PREPARED 'held back'", "target")
        self.restored("latest", "target")

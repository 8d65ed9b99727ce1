# SPDX-License-Identifier: Apache-2.0
"""Servers that crash, networks that break, disks that are full: nothing half-done is visible,
nothing is left behind that is not found, and the next run works."""

import pathlib
import shlex
import socket
import subprocess
import time

import mounts
import postgres
import postgres_case
import support
import tcp_proxy

MANY_ROWS = 40000
ROWS = MANY_ROWS if support.FULL else 12000
MAKE = """
CREATE TABLE a AS SELECT g AS id, repeat(md5(g::text), 20) AS v FROM generate_series(1, {0}) g;
CREATE TABLE b AS SELECT g AS id, sha512(g::text::bytea) AS v FROM generate_series(1, {0}) g;
ALTER TABLE a ADD PRIMARY KEY (id);
CREATE INDEX ON a(v); CREATE INDEX ON b(v);
SELECT lo_from_bytea(5000, convert_to(repeat('large', 100000), 'UTF8'));
"""
OLD = "CREATE TABLE old AS SELECT g AS id FROM generate_series(1, 1000) g"


class Faults(postgres_case.PostgresCase):
    time_max = 300
    full = "full-postgres-faults"
    rows = ROWS

    def setUp(self):
        super().setUp()
        self.rounds = 40 if support.FULL else 4
        self.server.create("bank", MAKE.format(self.rows))
        self.init()

    def moments(self):
        """Parts of the time, or of the bytes, of a whole run."""
        return [0.02, 0.5, 0.98] + [self.random.random() for _ in range(self.rounds - 3)]

    def assert_old(self, name, message=""):
        self.assertEqual(self.server.psql("SELECT count(*), sum(id) FROM old", name),
                         "1000|500500", f"the target was touched {message}")

    def assert_restored_or_old(self, message):
        """The target is the old or the new, whole; whatever else is there, cleanup takes away."""
        if self.kept("target"):
            self.assert_same(self.url("bank"), self.url("target"), message=message)
            self.assert_old(self.kept("target")[0], message)
            self.stillpoint("cleanup", self.url("target"), "--old", "--yes")
        else:
            self.assert_old("target", message)
            self.stillpoint("cleanup", self.url("target"), "--yes")
        self.assert_no_sessions()
        self.assert_databases("bank", "target", message=message)
        self.assert_connectable("target", message)

    def assert_connectable(self, name, message=""):
        """No fence is left up: neither of privileges nor of limits nor of settings."""
        found = self.server.psql("SELECT datallowconn, datconnlimit FROM pg_database WHERE "
                                 f"datname = {postgres.literal(name)}")
        self.assertEqual(found, "t|-1", f"a fence is left {message}")
        self.server.psql("CREATE TEMP TABLE written AS SELECT 1", name)

    def new_target(self):
        for name in ("target", *self.kept("target")):
            self.server.psql(f"DROP DATABASE IF EXISTS {postgres.quoted(name)}")
        self.server.create("target", OLD)

    def is_failed_well(self, outcome, message):
        """By an error that says what to do, and soon."""
        self.assertEqual(outcome.code, support.FAILURE, message)
        self.assertTrue(outcome.error()["advice"], message)
        self.assertLess(outcome.seconds, 60, message)

    def disturbed(self, words, disturb):
        """Starts the program and disturbs it; how it ended."""
        words = self.words(*words, "--json")
        started = time.monotonic()
        process = support.start(words, self.env())
        disturb()
        outcome = support.finish(words, process, started, 120)
        self.assertLess(outcome.code, 131, f"it ended by a signal{outcome}")
        return outcome


class Crash(Faults):
    rare = ("test_during_backup", "test_nobody_answers")

    def crash_at(self, seconds):
        def crash():
            time.sleep(seconds)
            self.server.kill()
            self.server.start()
        return crash

    def test_during_backup(self):
        started = time.monotonic()
        self.backup(self.url("bank"))
        seconds, failed = time.monotonic() - started, 0
        for part in self.moments():
            count = len(self.backups())
            outcome = self.disturbed(["backup", self.url("bank"), "--limit-rate", "40MiB"],
                                     self.crash_at(part * seconds))
            message = f"crash at {part:.3f} of {seconds:.2f} s{outcome}"
            if outcome.code == support.OK:
                self.assertEqual(len(self.backups()), count + 1, message)
                continue
            failed += 1
            self.is_failed_well(outcome, message)
            self.assertEqual(len(self.backups()), count, f"it is visible: {message}")
            self.assert_no_locks()
            self.assert_no_sessions()
        self.assertGreater(failed, 0, "no crash met a backup")
        self.assert_same(*self.round_trip("bank"))
        print(f"measured: {failed} of {self.rounds} backups failed by a crash of the server")

    def test_during_restore(self):
        self.backup(self.url("bank"))
        self.new_target()
        started = time.monotonic()
        self.restored("latest", "target")
        seconds, failed = time.monotonic() - started, 0
        for part in self.moments():
            self.new_target()
            outcome = self.disturbed(
                ["restore", "latest", "--to", self.url("target"), "--yes"],
                self.crash_at(part * seconds))
            message = f"crash at {part:.3f} of {seconds:.2f} s{outcome}"
            if outcome.code != support.OK:
                failed += 1
                self.is_failed_well(outcome, message)
            self.assert_restored_or_old(message)
        self.assertGreater(failed, 0, "no crash met a restore")
        self.new_target()
        self.restored("latest", "target")
        self.assert_same(self.url("bank"), self.url("target"))
        print(f"measured: {failed} of {self.rounds} restores failed by a crash of the server")

    def test_server_is_down(self):
        self.server.stop()
        outcome = self.stillpoint("backup", self.url("bank"), "--json", expect=support.FAILURE)
        self.assertEqual(outcome.error()["code"], "unavailable", str(outcome))
        self.assertLess(outcome.seconds, 30, str(outcome))
        self.assert_nothing_left()

    def test_nobody_answers(self):
        """Something listens and says nothing: also that has a limit."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        port = listener.getsockname()[1]
        outcome = self.stillpoint("backup", self.url("bank", port=port), "--json",
                                  expect=support.FAILURE)
        self.assertLess(outcome.seconds, 60, str(outcome))


class Network(Faults):
    def setUp(self):
        super().setUp()
        self.proxy = tcp_proxy.Proxy(self, self.server.port)

    def through(self, database):
        return self.url(database, port=self.proxy.port)

    def bytes_of(self, *words):
        """How many pass in a whole run."""
        self.proxy.heal()
        self.stillpoint(*words)
        return self.proxy.passed

    def test_during_backup(self):
        whole = self.bytes_of("backup", self.through("bank"))
        self.assertGreater(whole, 10 * 2**20)
        # between the first bytes are the phases in which little is said
        points = [self.random.randrange(1, 30000) for _ in range(self.rounds // 2)]
        points += [int(part * whole * 0.98) for part in self.moments()]
        for point in points:
            count = len(self.backups())
            self.proxy.break_after(max(point, 1))
            outcome = self.disturbed(["backup", self.through("bank")], lambda: None)
            message = f"cut after {point} of {whole} bytes{outcome}"
            self.is_failed_well(outcome, message)
            self.assertEqual(len(self.backups()), count, f"it is visible: {message}")
            self.assert_no_locks()
            self.assert_no_sessions()
        self.proxy.heal()
        self.backup(self.through("bank"))
        self.assert_same(self.url("bank"), self.restored("latest", "copy"))

    def test_during_restore(self):
        self.backup(self.url("bank"))
        self.new_target()
        whole = self.bytes_of("restore", "latest", "--to", self.through("target"), "--yes")
        points = [self.random.randrange(1, 30000) for _ in range(self.rounds // 2)]
        points += [whole - self.random.randrange(1, 5000) for _ in range(self.rounds // 2)]
        points += [int(part * whole) for part in self.moments()]
        failed = 0
        for point in points:
            self.new_target()
            self.proxy.break_after(max(point, 1))
            outcome = self.disturbed(
                ["restore", "latest", "--to", self.through("target"), "--yes"], lambda: None)
            message = f"cut after {point} of {whole} bytes{outcome}"
            if outcome.code != support.OK:
                failed += 1
                self.is_failed_well(outcome, message)
            self.proxy.heal()
            self.assert_restored_or_old(message)
        self.assertGreater(failed, 0, "no restore was cut off")
        print(f"measured: {failed} of {len(points)} restores cut off: the old or the new")

    def test_terminated_by_an_administrator(self):
        """pg_terminate_backend on every session of ours, again and again."""
        self.backup(self.url("bank"))
        kill = ("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
                "backend_type = 'client backend' AND application_name !~ '^psql' "
                "AND pid <> pg_backend_pid()")

        def cut():
            until = time.monotonic() + 60
            while self.server.psql(kill) == "0" and time.monotonic() < until:
                time.sleep(0.01)

        outcome = self.disturbed(["backup", self.url("bank"), "--limit-rate", "10MiB"], cut)
        self.is_failed_well(outcome, str(outcome))
        self.new_target()
        outcome = self.disturbed(["restore", "latest", "--to", self.url("target"), "--yes"], cut)
        self.assert_restored_or_old(str(outcome))


class SlowConsumer(Faults):
    def test_the_snapshot_has_a_deadline(self):
        """A repository that takes too little keeps the server's old rows for so long only."""
        outcome = self.stillpoint("backup", self.url("bank"), "--limit-rate", "1MiB",
                                  "--snapshot-max", "0.0005", "--json", expect=support.FAILURE)
        self.is_failed_well(outcome, str(outcome))
        self.assertIn("--snapshot-max", outcome.error()["advice"])
        self.assert_no_sessions()
        self.assertEqual(self.backups(), [])
        self.backup(self.url("bank"))


class NoSpace(Faults):
    rows = MANY_ROWS  # more than there is room for

    def small_place(self, mebibytes):
        """For the server's user, on a file system of its own."""
        place = self.server.place("small")
        mounts.small(self, place, mebibytes)
        return postgres.give(place)

    def test_tablespace_is_full(self):
        """The staging database lies where the old one does."""
        place = self.small_place(24)
        self.server.psql(f"CREATE TABLESPACE small LOCATION '{place}'")
        self.server.create("target", OLD, how="TABLESPACE small")
        self.backup(self.url("bank"))
        self.fails("restore", "latest", "--to", self.url("target"), "--yes",
                   expect=support.FAILURE, code="no_space")
        self.assert_old("target")
        self.assert_databases("bank", "target", message="staging is left on the full disk")
        self.assert_connectable("target")

    def test_whole_server_is_full(self):
        """Its log of transactions cannot be written either: it goes down and comes back."""
        folder = postgres.Folder()
        self.addCleanup(folder.remove)
        mounts.small(self, folder.path / "small", 110)
        small = self.new_server(data=postgres.give(folder.path / "small") / "data",
                                settings={"max_wal_size": "64MB"})
        small.create("target", OLD)
        self.backup(self.url("bank"))
        outcome = self.stillpoint("restore", "latest", "--to", small.url("target"), "--yes",
                                  "--json", expect=support.FAILURE, timeout=300)
        self.assertIn(outcome.error()["code"], ("no_space", "unavailable"), str(outcome))
        mounts.change(folder.path / "small", "size=400m")
        if small.process.poll() is not None:
            small.start()
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                small.psql("SELECT 1")
                break
            except AssertionError:
                time.sleep(0.1)  # it recovers
        self.assertEqual(small.psql("SELECT sum(id) FROM old", "target"), "500500")
        self.stillpoint("cleanup", small.url("target"), "--yes")
        self.assertEqual(small.databases(), ["postgres", "target", "template0", "template1"])
        self.stillpoint("restore", "latest", "--to", small.url("target"), "--yes")
        self.assert_same(self.url("bank"), small.url("target"))

    def test_repository_is_full(self):
        """While a database is read: the sessions end, the locks go."""
        place = self.folder / "small"
        mounts.small(self, place, 2)
        self.stillpoint("init", "--repo", place / "repo")
        self.fails("backup", self.url("bank"), "--repo", place / "repo", expect=support.FAILURE,
                   code="no_space")
        self.assert_no_sessions()

    def test_reader_of_our_output_is_gone(self):
        """`stillpoint backup | head -1`: nothing hangs."""
        words = " ".join(shlex.quote(word) for word in
                         self.words("backup", self.url("bank"), "--json"))
        done = subprocess.run(["bash", "-c", f"{words} | head -n 1"], env=self.env(), check=False,
                              capture_output=True, timeout=120, cwd=pathlib.Path("/"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_no_sessions()

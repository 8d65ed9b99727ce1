# SPDX-License-Identifier: Apache-2.0
"""Tables that change their shape while they are backed up. What PostgreSQL's TRUNCATE and rewriting
ALTER did is seen by older snapshots too: a table may look empty. So the backup has to wait, or to
fail by name; what it never does is to be empty without a word."""

import threading
import time

import postgres
import postgres_case
import support

ROWS = 2000
SUM = ROWS * (ROWS + 1) // 2


class Changes:
    """Runs statements in a loop, until stopped. They may fail: the loop goes on."""

    def __init__(self, server, database, *statements):
        self.server, self.database, self.statements = server, database, statements
        self.stopped = threading.Event()
        self.done, self.failures = 0, []
        self.thread = threading.Thread(target=self.loop)

    def loop(self):
        while not self.stopped.is_set():
            for sql in self.statements:
                try:
                    self.server.psql(sql, self.database)
                    self.done += 1
                except AssertionError as error:
                    self.failures.append(str(error))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join(120)


class Shapes(postgres_case.PostgresCase):
    rare = ("test_truncate_and_fill", "test_drop_then_create", "test_rename", "test_vacuum_full",
            "test_add_and_drop_columns", "test_partitions", "test_indexes",
            "test_new_tables_all_the_time")
    time_max = 180
    full = "full-postgres-ddl"

    def setUp(self):
        super().setUp()
        self.server.create("bank", f"""
            CREATE TABLE calm AS SELECT g AS id, g AS v FROM generate_series(1, {ROWS}) g;
            CREATE TABLE restless AS SELECT * FROM calm;
            CREATE TABLE filler AS SELECT g AS id, repeat(md5(g::text), 30) AS v
              FROM generate_series(1, 20000) g;
            CREATE VIEW restless_view AS SELECT id FROM restless;""")
        self.init()

    def during(self, *statements, states=((ROWS, SUM),), must_succeed=False,
               name="restless"):
        """Backups while these run. Each is of one of those states of `restless` (rows and sum of
        ids), or names it."""
        rounds, good, bad = 30 if support.FULL else 2, 0, 0
        with Changes(self.server, "bank", *statements) as changes:
            for _ in range(rounds):
                outcome = self.stillpoint("backup", self.url("bank"), "--json", expect=None)
                if outcome.code == support.OK:
                    self.is_one_of(outcome.last_json()["backup"], states)
                    good += 1
                else:
                    self.is_by_name(outcome, name)
                    bad += 1
        self.assertGreater(changes.done, 0, f"nothing was changed: {changes.failures[-1:]}")
        self.assert_no_sessions("bank")
        if must_succeed:
            self.assertGreater(good, 0, "no backup succeeded")
        print(f"measured: {changes.done} changes during {rounds} backups: {good} right, "
              f"{bad} failed by name")

    def is_one_of(self, backup, states):
        self.restored(backup, "copy")
        for table, allowed in (("calm", ((ROWS, SUM),)), ("restless", states)):
            exists = self.server.psql(f"SELECT to_regclass('{table}')", "copy")
            found = None
            if exists:
                row = self.server.psql(f"SELECT count(*), coalesce(sum(id), 0) FROM {table}",
                                       "copy")
                found = tuple(int(value) for value in row.split("|"))
            self.assertIn(found, allowed, f"{table} in backup {backup}")
        self.server.psql("DROP DATABASE copy")

    def is_by_name(self, outcome, name):
        error = outcome.error()
        self.assertEqual(outcome.code, support.FAILURE, str(outcome))
        self.assertIn(name, error["message"], f"the table is not named{outcome}")
        self.assertTrue(error["advice"], str(outcome))

    def test_truncate_and_fill(self):
        """In one transaction: nobody ever saw it empty."""
        self.during("BEGIN; TRUNCATE restless; INSERT INTO restless SELECT * FROM calm; COMMIT")

    def test_truncate(self):
        """In two: an empty table is one of the states."""
        self.during("TRUNCATE restless", "INSERT INTO restless SELECT * FROM calm",
                    states=((ROWS, SUM), (0, 0)))

    def test_drop_and_create(self):
        self.during("BEGIN; DROP TABLE restless CASCADE; "
                    "CREATE TABLE restless AS SELECT * FROM calm; COMMIT", must_succeed=False)

    def test_drop_then_create(self):
        self.during("DROP TABLE restless CASCADE", "CREATE TABLE restless AS SELECT * FROM calm",
                    states=((ROWS, SUM), None), must_succeed=False)

    def test_rename(self):
        self.during("BEGIN; ALTER TABLE restless RENAME TO old; "
                    "CREATE TABLE restless AS SELECT * FROM calm; DROP TABLE old CASCADE; COMMIT",
                    must_succeed=False)

    def test_rewriting_alter(self):
        self.server.psql("DROP VIEW restless_view", "bank")
        self.during("ALTER TABLE restless ALTER id TYPE bigint",
                    "ALTER TABLE restless ALTER id TYPE integer")

    def test_vacuum_full(self):
        self.during("UPDATE restless SET v = v + 1", "VACUUM FULL restless", "CLUSTER restless "
                    "USING by_id", "CREATE INDEX IF NOT EXISTS by_id ON restless(id)")

    def test_add_and_drop_columns(self):
        self.during("ALTER TABLE restless ADD COLUMN more int DEFAULT 5",
                    "ALTER TABLE restless DROP COLUMN more",
                    "ALTER TABLE restless ADD COLUMN random float8 DEFAULT random()",
                    "ALTER TABLE restless DROP COLUMN random")

    def test_indexes(self):
        self.during("CREATE INDEX CONCURRENTLY by_v ON restless(v)",
                    "REINDEX INDEX CONCURRENTLY by_v", "DROP INDEX CONCURRENTLY by_v")

    def test_partitions(self):
        self.server.psql("CREATE TABLE parts(id int, v int) PARTITION BY RANGE (id); "
                         "DROP VIEW restless_view; ALTER TABLE parts ATTACH PARTITION restless "
                         f"FOR VALUES FROM (0) TO ({ROWS + 1})", "bank")
        self.during("ALTER TABLE parts DETACH PARTITION restless", "ALTER TABLE parts ATTACH "
                    f"PARTITION restless FOR VALUES FROM (0) TO ({ROWS + 1})", name="public.")

    def test_new_tables_all_the_time(self):
        """They are in the backup as of its snapshot, or not."""
        self.during("CREATE TABLE IF NOT EXISTS fresh AS SELECT 1 AS id",
                    "DROP TABLE IF EXISTS fresh, fresh2", "CREATE TABLE fresh2(id int)",
                    name="fresh")

    def test_sequences(self):
        """nextval is not undone by any snapshot; the sequence is never behind the rows."""
        self.server.psql("CREATE TABLE numbered(id serial, v int)", "bank")
        with Changes(self.server, "bank", "INSERT INTO numbered(v) SELECT g FROM "
                     "generate_series(1, 100) g") as changes:
            for number in range(3):
                backup = self.backup(self.url("bank"))["backup"]
                self.restored(backup, f"copy{number}")
        self.assertGreater(changes.done, 0)
        for number in range(3):
            row = self.server.psql("SELECT (SELECT coalesce(max(id), 0) FROM numbered), last_value "
                                   "FROM numbered_id_seq", f"copy{number}").split("|")
            self.assertGreaterEqual(int(row[1]), int(row[0]), "the sequence is behind the rows")


class Locked(postgres_case.PostgresCase):
    def setUp(self):
        super().setUp()
        self.server.create("bank", "CREATE TABLE calm AS SELECT 1 AS id; "
                                   "CREATE TABLE restless AS SELECT 1 AS id")
        self.init()

    def test_exclusive_lock(self):
        """It waits some seconds, then names the table and who holds it."""
        session = postgres.Session(self, self.server, "bank")
        pid = session("BEGIN; LOCK restless; SELECT pg_backend_pid()")[0]
        outcome = self.stillpoint("backup", self.url("bank"), "--json", expect=support.FAILURE)
        self.assertEqual(outcome.error()["code"], "busy", str(outcome))
        for word in ("restless", pid):
            self.assertIn(word, outcome.error()["message"], str(outcome))
        self.assertLess(outcome.seconds, 30, str(outcome))
        self.assert_nothing_left()
        session("COMMIT")
        self.backup(self.url("bank"))

    def test_waiting_disturbs_nobody_for_long(self):
        """Behind our waiting lock nobody else has to wait: ACCESS SHARE conflicts with few."""
        holder = postgres.Session(self, self.server, "bank")
        holder("BEGIN; ALTER TABLE restless ADD x int")
        words = self.words("backup", self.url("bank"))
        process = support.start(words, self.env())
        self.server.psql("SET lock_timeout = '2s'; INSERT INTO calm VALUES (2)", "bank")
        holder("COMMIT")
        outcome = support.finish(words, process, time.monotonic(), 60)
        self.assertEqual(outcome.code, support.OK, str(outcome))
        self.assertIn("x", self.dumped_schema())

    def dumped_schema(self):
        paths = [line.split()[-1] for line in self.stillpoint("ls", "latest").out.splitlines()]
        path = next(path for path in paths if path.endswith("schema/pre-data.sql"))
        return self.dump("latest", path).decode()

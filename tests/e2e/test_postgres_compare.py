# SPDX-License-Identifier: Apache-2.0
"""The measure itself: two databases are the same where they are, and every difference is named."""

import pathlib
import sys
import time

import postgres_case
import postgres_compare
import support

# A change, and the beginning of the name under which it has to be told.
PLANTED = (
    ("UPDATE shop.customer SET spent = spent + 1 WHERE id = 10", "rows of shop.customer"),
    ("DELETE FROM shop.no_columns WHERE ctid = (SELECT min(ctid) FROM shop.no_columns)",
     "rows of shop.no_columns"),
    ("UPDATE shop.no_key SET b = '' WHERE ctid = (SELECT min(ctid) FROM shop.no_key "
     "WHERE b IS NULL)", "rows of shop.no_key"),
    ("UPDATE shop.event SET body = 'other' WHERE id = 1200", "rows of shop.event"),
    ("UPDATE types.numbers SET n = n + 1e-20 WHERE id = 7", "rows of types.numbers"),
    ("UPDATE types.numbers SET n = 0.1 WHERE id = 10", "rows of types.numbers"),
    ("UPDATE types.bytes SET b = NULL WHERE id = 1", "rows of types.bytes"),
    ("SELECT nextval('shop.never_called')", "sequence shop.never_called"),
    ("SELECT nextval('\"Sch.ema \"\"x\"\" é\".\"Seq\nuence.\"\"1\"\"\"')", "sequence \"Sch.ema"),
    ("SELECT lo_put(70003, 5, 'x')", "large objects"),
    ("ALTER LARGE OBJECT 70001 OWNER TO clerk", "large objects"),
    ("ALTER TABLE shop.customer ALTER note SET STORAGE EXTERNAL", "table shop.customer"),
    ("ALTER TABLE shop.orders SET TABLESPACE pg_default", "table shop.orders"),
    ("ALTER TABLE shop.no_rows SET UNLOGGED", "table shop.no_rows"),
    ("ALTER TABLE shop.in_own_am SET ACCESS METHOD heap", "table shop.in_own_am"),
    ("ALTER TABLE shop.event DETACH PARTITION shop.event_2025", "table attach shop.event_2025"),
    ("ALTER TABLE shop.customer ENABLE TRIGGER never", "trigger shop.customer never"),
    ("DROP INDEX shop.orders_brin", "index shop.orders_brin"),
    ("GRANT DELETE ON shop.orders TO clerk", "acl shop.TABLE orders"),
    ("ALTER TABLE shop.orders OWNER TO shop_owner", "table shop.orders"),
    ("COMMENT ON COLUMN shop.orders.at IS 'x'", "comment shop.COLUMN orders.at"),
    ("REFRESH MATERIALIZED VIEW shop.spent_by_level; UPDATE shop.customer SET spent = 1 "
     "WHERE id < 100; REFRESH MATERIALIZED VIEW shop.spent_by_level",
     "rows of shop.spent_by_level"),
    ("REFRESH MATERIALIZED VIEW shop.of_matview WITH NO DATA", "rows of shop.of_matview"),
    ("CREATE FUNCTION shop.half(text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
     "function shop.half(text)"),
    ("ALTER DATABASE b SET work_mem = '5MB'", "database settings"),
    ("ALTER DATABASE b OWNER TO clerk", "database owner"),
    ("GRANT CREATE ON DATABASE b TO auditor", "database privileges"),
    ("ALTER POLICY own_rows ON shop.secret USING (true)", "policy shop.secret own_rows"),
    ("ALTER SUBSCRIPTION from_elsewhere SET (binary = false)", "subscription from_elsewhere"),
    ("ALTER PUBLICATION a_few ADD TABLE shop.no_key", "publication table shop.a_few no_key"),
    ("ALTER EXTENSION pg_trgm SET SCHEMA public", "extension pg_trgm"),
    ("DROP TABLE \"Sch.ema \"\"x\"\" é\".\"é\"", "table Sch.ema \"x\" é.é"),
    ("ALTER EVENT TRIGGER not_now ENABLE", "event trigger not_now"),
)


class Compare(postgres_case.PostgresCase):
    extensions = postgres_case.SQL / "extension"

    def setUp(self):
        super().setUp()
        postgres_case.every_object(self.server, "a")
        self.server.tool("pg_dump", "-Fc", "-f", self.server.folder.path / "dump", db="a")
        self.server.create("b", owner="shop_owner")
        self.server.tool("pg_restore", self.server.folder.path / "dump", db="b")

    def same(self, *ignore):
        return postgres_compare.same(self.url("a"), self.url("b"), (*postgres_case.KNOWN, *ignore))

    def test_dump_and_restore(self):
        """What pg_dump brings back is equal; what it leaves to others is named."""
        self.assertEqual(self.same("database "), [])
        left = {difference.split(":")[0] for difference in self.same()}
        self.assertEqual(left, {"database comment", "database limits", "database privileges",
                                "database settings"})

    def test_planted_differences(self):
        original = postgres_compare.everything(self.url("a"))
        known = set(self.same())
        for sql, name in PLANTED:
            self.server.psql(sql, "b")
            now = postgres_compare.everything(self.url("b"))
            found = postgres_compare.differences(original, now, postgres_case.KNOWN)
            new = [difference for difference in found if difference not in known]
            self.assertTrue(any(difference.startswith(name) for difference in new),
                            f"{sql}: is not told as {name!r} but as {new}")
            known |= set(new)

    def test_names_are_kept_apart(self):
        """What differs is told once, by the name of its own."""
        self.server.psql("UPDATE \"Sch.ema \"\"x\"\" é\".\"TABLE\" SET id = 8", "b")
        self.assertEqual([d.split(":")[0] for d in self.same("database ")],
                         ["rows of \"Sch.ema \"\"x\"\" é\".\"TABLE\""])


class Helpers(postgres_case.PostgresCase):
    def test_crash_and_restart(self):
        self.server.create("a", "CREATE TABLE t AS SELECT generate_series(1, 1000) g")
        self.server.kill()
        self.server.start()
        self.assertEqual(self.server.psql("SELECT count(*) FROM t", "a"), "1000")
        self.assertIn("was not properly shut down", self.server.log.read_text())

    def test_nothing_stays_when_the_test_is_killed(self):
        """A process that makes a server and is killed: server and folder go."""
        program = ("import os, signal, sys; sys.path.insert(0, sys.argv[1]); import postgres; "
                   "server = postgres.Server(); "
                   "print(server.folder.path, server.process.pid, flush=True); "
                   "os.kill(os.getpid(), signal.SIGKILL)")
        words = [sys.executable, "-B", "-c", program, str(support.ROOT / "tests/e2e")]
        outcome = support.run(words, self.env())
        self.assertEqual(outcome.code, 137, str(outcome))
        folder, pid = outcome.out.split()
        self.eventually(lambda: not pathlib.Path(folder).exists(), f"{folder} stays")
        self.eventually(lambda: not pathlib.Path(f"/proc/{pid}").exists(), f"{pid} runs")

    def eventually(self, condition, message, seconds=30):
        until = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), until, message)
            time.sleep(0.02)

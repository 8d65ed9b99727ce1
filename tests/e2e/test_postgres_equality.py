# SPDX-License-Identifier: Apache-2.0
"""What comes back equals what went in: every kind of object, every type, odd names, large sizes."""

import os
import time

import postgres
import postgres_bank
import postgres_case
import support


class EveryObject(postgres_case.PostgresCase):
    rare = ("test_twice_through", "test_one_reader_and_writer")
    extensions = postgres_case.SQL / "extension"

    def setUp(self):
        super().setUp()
        postgres_case.every_object(self.server, "shop")
        self.init()

    def test_round_trip(self):
        self.assert_same(*self.round_trip("shop"))

    def test_twice_through(self):
        """A backup of what was restored: nothing wears off, nothing piles up."""
        original, _ = self.round_trip("shop")
        _, again = self.round_trip("shop_copy")
        self.assert_same(original, again)

    def test_one_reader_and_writer(self):
        self.backup(self.url("shop"), "--jobs", "1")
        self.assert_same(self.url("shop"), self.restored("latest", "alone", "--jobs", "1"))

    def test_onto_itself(self):
        """The data goes back to what it was; the rest stays as it is; the old data is kept."""
        self.backup(self.url("shop"))
        self.server.create("wanted", how="TEMPLATE shop")
        self.server.psql("TRUNCATE shop.orders CASCADE; DROP TABLE shop.no_key CASCADE; "
                         "SELECT lo_unlink(70003)", "shop")
        self.stillpoint("restore", "latest", "--yes")
        # a copy by TEMPLATE lacks what stands outside of the database: compared above
        self.assert_same(self.url("wanted"), self.url("shop"),
                         (*postgres_case.KNOWN, "database ", "subscription"))
        self.assertEqual(len(self.kept("shop")), 1)
        kept = self.kept("shop")[0]
        self.assertEqual(self.server.psql("SELECT count(*) FROM shop.orders", kept), "0")
        self.assertEqual(self.server.psql("SELECT rolname, setconfig FROM pg_db_role_setting "
                                          "JOIN pg_database d ON d.oid = setdatabase LEFT JOIN "
                                          "pg_roles r ON r.oid = setrole WHERE datname = 'shop' "
                                          "AND rolname = 'clerk'"),
                         "clerk|{statement_timeout=5min}")

    def test_to_another_server(self):
        """Roles and tablespaces are made by hand there, from what the backup says of them."""
        self.backup(self.url("shop"))
        other = self.new_server()
        postgres_case.make_cluster(other)
        self.stillpoint("restore", "latest", "--to", other.url("shop"), "--yes")
        self.assert_same(self.url("shop"), other.url("shop"))

    def test_to_another_server_without_owners(self):
        """Where the roles are missing it says so, and can do without."""
        self.backup(self.url("shop"), "--exclude-table", "shop.*")
        other = self.new_server()
        error = self.fails("restore", "latest", "--to", other.url("shop"), "--yes",
                           expect=support.FAILURE)
        self.assertIn("shop_owner", error["message"] + error["advice"])
        self.assertEqual(other.databases(), ["postgres", "template0", "template1"])

    def test_into_an_empty_database(self):
        self.backup(self.url("shop"))
        self.server.create("prepared", owner="shop_owner")
        self.restored("latest", "prepared", "--in-place")
        self.assert_same(self.url("shop"), self.url("prepared"),
                         (*postgres_case.KNOWN, "database "))
        self.assertEqual(self.kept("prepared"), [])
        # now it is not empty any more
        self.fails("restore", "latest", "--to", self.url("prepared"), "--in-place", "--yes",
                   expect=support.FAILURE)

    def test_drill(self):
        self.backup(self.url("shop"))
        self.stillpoint("verify", "latest")
        self.assert_databases("shop")
        self.assert_no_sessions()

    def test_same_bytes_again(self):
        """Nothing changed: nothing but the manifest and the folders is new."""
        self.backup(self.url("shop"))
        summary = self.backup(self.url("shop"))
        self.assertLess(summary["bytes_new"], summary["bytes_read"] / 5, summary)


class Sizes(postgres_case.PostgresCase):
    rare = ("test_many_partitions", "test_pgbench_under_load")
    time_max = 240
    full = "full-postgres-sizes"

    def setUp(self):
        super().setUp()
        self.init()

    def equal(self, sql, *arguments, **how):
        self.server.create("large", sql)
        self.assert_same(*self.round_trip("large", *arguments, **how))

    def test_large_values(self):
        mib = 100 if support.FULL else 20
        self.equal(f"CREATE TABLE t(id int, b bytea, t text); "
                   f"INSERT INTO t SELECT 1, decode(repeat('00ff5c', {mib * 2**20 // 3}), 'hex'); "
                   f"INSERT INTO t SELECT 2, NULL, repeat(E'\\t\\\\N\\n', {mib * 2**20 // 4}); "
                   "INSERT INTO t VALUES (3, '', '')", timeout=600)

    def test_many_tables(self):
        tables = 1000 if support.FULL else 250
        self.equal(f"""DO $$ BEGIN FOR i IN 1..{tables} LOOP
            EXECUTE format('CREATE TABLE t%s(id serial PRIMARY KEY, v text UNIQUE)', i);
            EXECUTE format('INSERT INTO t%s(v) SELECT g::text FROM generate_series(1, %s) g',
                           i, i % 7);
            IF i % 100 = 0 THEN COMMIT; END IF; END LOOP; END $$""", timeout=600)

    def test_many_partitions(self):
        self.equal("""CREATE TABLE p(at date, id int, v text, PRIMARY KEY (at, id))
            PARTITION BY RANGE (at);
            DO $$ BEGIN FOR i IN 0..199 LOOP
            EXECUTE format('CREATE TABLE p%s PARTITION OF p FOR VALUES FROM (%L) TO (%L)', i,
                           date '2026-01-01' + i, date '2026-01-01' + i + 1); END LOOP; END $$;
            CREATE INDEX ON p(v);
            INSERT INTO p SELECT date '2026-01-01' + g % 200, g, 'v' || g
            FROM generate_series(1, 20000) g""")

    def test_many_columns(self):
        columns = ", ".join(f"c{i} {('int', 'text', 'numeric')[i % 3]}" for i in range(500))
        values = ", ".join((f"g + {i}", "'t' || g", "NULL")[i % 3] for i in range(500))
        self.equal(f"CREATE TABLE wide({columns}); "
                   f"INSERT INTO wide SELECT {values} FROM generate_series(1, 300) g")

    def test_big_table(self):
        """Many ranges of pages, some of them empty, some with nothing but dead rows."""
        rows = 5 * 2**30 // 1100 if support.FULL else 60000
        self.server.create("large", f"""CREATE TABLE big(id bigint, t text, b bytea);
            INSERT INTO big SELECT g, repeat(md5(g::text), 16), sha512(g::text::bytea) ||
              decode(repeat(md5((g % 1000)::text), 26), 'hex') FROM generate_series(1, {rows}) g;
            DELETE FROM big WHERE id BETWEEN {rows // 3} AND {rows // 2};
            UPDATE big SET t = 'changed' WHERE id % 10 = 0""")
        size = int(self.server.psql("SELECT pg_table_size('big')", "large"))
        started = time.monotonic()
        urls = self.round_trip("large", timeout=3600)
        seconds = time.monotonic() - started
        self.assert_same(*urls)
        print(f"measured: a table of {size / 1e6:.0f} MB there and back in {seconds:.1f} s")

    def test_pgbench_under_load(self):
        """Under load the sums agree; at rest everything is equal."""
        scale = 50 if support.FULL else 5
        self.server.create("bench")
        self.server.tool("pgbench", "-i", "-q", "-s", str(scale), "bench")
        with postgres_bank.Load(self.server, "bench", clients=4,
                                seed=self.random.getrandbits(31)):
            self.backup(self.url("bench"), timeout=900)
        self.restored("latest", "loaded", timeout=900)
        sums = self.server.psql(
            "SELECT sum(abalance) FROM pgbench_accounts UNION ALL SELECT sum(bbalance) FROM "
            "pgbench_branches UNION ALL SELECT sum(tbalance) FROM pgbench_tellers UNION ALL "
            "SELECT sum(delta) FROM pgbench_history", "loaded").split()
        self.assertEqual(len(set(sums)), 1, f"not of one instant: {sums}")
        self.assertGreater(int(self.server.psql("SELECT count(*) FROM pgbench_history",
                                                "loaded")), 0)
        self.assert_same(*self.round_trip("bench", timeout=900))


class Odd(postgres_case.PostgresCase):
    def setUp(self):
        super().setUp()
        self.init()

    def test_empty_database(self):
        self.server.create("nothing")
        self.assert_same(*self.round_trip("nothing"))

    def test_names_of_databases(self):
        for name in ("Bank", "the bank's \"own\"", "ba-nk.x/y%41", "bänk 😀", "x" * 50):
            with self.subTest(name):
                self.server.create(name, "CREATE TABLE t AS SELECT 'x' AS v")
                self.assert_same(*self.round_trip(name))

    def test_longest_name(self):
        """The names of staging and kept databases have to fit as well."""
        name = "n" * 63
        self.server.create(name, "CREATE TABLE t AS SELECT 1 AS v")
        self.backup(self.url(name))
        self.server.psql("UPDATE t SET v = 2", name)
        self.stillpoint("restore", "latest", "--yes")
        self.assertEqual(self.server.psql("SELECT v FROM t", name), "1")
        others = set(self.server.databases()) - {"postgres", "template0", "template1", name}
        self.assertEqual([self.server.psql("SELECT v FROM t", db) for db in others], ["2"])

    def test_other_encoding(self):
        self.server.create("latin", "CREATE TABLE t AS SELECT U&'\\00e9\\00ff' AS v",
                           how="ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
        self.server.create("bytes", how="ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' "
                                        "TEMPLATE template0")
        self.server.psql("CREATE TABLE t(v text); INSERT INTO t VALUES (E'\\xff\\xfe')", "bytes")
        for name in ("latin", "bytes"):
            with self.subTest(name):
                self.round_trip(name)
                query = "SELECT encode(v::bytea, 'hex') FROM t"
                self.assertEqual(self.server.psql(query, f"{name}_copy"),
                                 self.server.psql(query, name))
                query = ("SELECT pg_encoding_to_char(encoding), datcollate FROM pg_database "
                         "WHERE datname = current_database()")
                self.assertEqual(self.server.psql(query, f"{name}_copy"),
                                 self.server.psql(query, name))

    def test_temporary_tables_of_others(self):
        """They belong to their sessions: not read, not waited for."""
        self.server.create("bank", "CREATE TABLE t AS SELECT 1 AS v")
        session = postgres.Session(self, self.server, "bank")
        session("CREATE TEMP TABLE mine AS SELECT 1; BEGIN; LOCK mine")
        self.round_trip("bank")
        session("COMMIT")

    def test_by_socket(self):
        """Hosts that are folders, as URL and as parameters."""
        self.server.create("bank", "CREATE TABLE t AS SELECT 1 AS v")
        place = f"host={self.server.socket}&port={self.server.port}"
        self.backup(f"postgresql:///bank?{place}&user=postgres")
        self.stillpoint("restore", "latest", "--to",
                        f"postgresql:///there?{place}&user=postgres", "--yes")
        self.assert_same(self.url("bank"), self.url("there"))

    def test_nothing_is_changed(self):
        """A backup leaves no trace in the database, nor in the folder where it ran."""
        self.server.create("bank", "CREATE TABLE t AS SELECT 1 AS v")
        query = ("SELECT xmin, * FROM pg_database; SELECT count(*), max(oid) FROM pg_class; "
                 "SELECT * FROM pg_replication_slots; SELECT * FROM pg_prepared_xacts")
        before = self.server.psql(query, "bank"), sorted(os.listdir(self.folder))
        self.backup(self.url("bank"))
        after = self.server.psql(query, "bank"), sorted(os.listdir(self.folder))
        self.assertEqual(after[0], before[0])
        self.assertEqual(set(after[1]) - set(before[1]) - {"state"}, set())

# SPDX-License-Identifier: Apache-2.0
"""Some tables only: into the backup, and out of it."""

import postgres_case
import support

SETUP = """
CREATE SCHEMA shop;
CREATE TABLE shop.customer(id int PRIMARY KEY, name text);
INSERT INTO shop.customer SELECT g, 'name ' || g FROM generate_series(1, 500) g;
CREATE TABLE shop.orders(id serial PRIMARY KEY, customer int REFERENCES shop.customer,
  total numeric);
INSERT INTO shop.orders(customer, total) SELECT g % 500 + 1, g FROM generate_series(1, 2000) g;
CREATE TABLE shop."Log.1"(at timestamptz, line text);
INSERT INTO shop."Log.1" SELECT now(), 'x' || g FROM generate_series(1, 100) g;
CREATE INDEX log_line ON shop."Log.1"(line);
CREATE TABLE event(at date NOT NULL, id int) PARTITION BY RANGE (at);
CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO event SELECT date '2025-06-01' + g % 500, g FROM generate_series(1, 1000) g;
"""


class Selection(postgres_case.PostgresCase):
    def setUp(self):
        super().setUp()
        self.server.create("shop", SETUP)
        self.init()

    def tables(self, database):
        """Rows of each table that is there."""
        rows = self.server.psql(
            "SELECT format('%I.%I', n.nspname, c.relname), (xpath('/row/n/text()', query_to_xml("
            "format('SELECT count(*) AS n FROM %I.%I', n.nspname, c.relname), false, true, '')))[1]"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE relkind = 'r' "
            "AND nspname IN ('shop', 'public') ORDER BY 1", database)
        return {name: int(count) for name, count in (row.split("|") for row in rows.splitlines())}

    def hash(self, database, table):
        return self.server.psql(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) "
                                f"FROM {table} t", database)

    def taken(self, *arguments):
        """What a backup with these arguments brings back."""
        outcome = self.stillpoint("backup", self.url("shop"), *arguments, expect=None)
        self.assertIn(outcome.code, (support.OK, 3), str(outcome))
        self.restored("latest", "copy")
        return self.tables("copy")

    def test_one_table(self):
        self.assertEqual(self.taken("--table", "shop.customer"), {"shop.customer": 500})

    def test_pattern(self):
        self.assertEqual(self.taken("--table", "shop.*"),
                         {"shop.customer": 500, "shop.orders": 2000, 'shop."Log.1"': 100})

    def test_odd_name(self):
        self.assertEqual(self.taken("--table", 'shop."Log.1"'), {'shop."Log.1"': 100})

    def test_exclude(self):
        self.assertEqual(self.taken("--exclude-table", 'shop."Log.1"', "--exclude-table",
                                    "public.event_2025"),
                         {"shop.customer": 500, "shop.orders": 2000,
                          "public.event_2026": self.tables("shop")["public.event_2026"]})

    def test_one_partition(self):
        found = self.taken("--table", "public.event_2025")
        self.assertEqual(found, {"public.event_2025": self.tables("shop")["public.event_2025"]})

    def test_by_configuration(self):
        config = self.folder / "stillpoint.yaml"
        config.write_text(f"""systems: {{shop: {{databases: {{shop: {{url: '{self.url("shop")}',
            tables: ['shop.*'], exclude_tables: ['shop.orders']}}}}}}}}\n""")
        self.backup("shop", "--config", config)
        self.restored("latest", "copy")
        self.assertEqual(self.tables("copy"), {"shop.customer": 500, 'shop."Log.1"': 100})

    def test_unknown_names(self):
        """A name that means nothing is an error, not an empty backup."""
        for arguments in (["--table", "shop.custmer"], ["--exclude-table", "nowhere.*"]):
            error = self.fails("backup", self.url("shop"), *arguments, expect=support.FAILURE,
                               code="not_found", says=[arguments[1]])
            self.assertTrue(error["advice"])
        self.assertEqual(self.backups(), [])
        self.backup(self.url("shop"))
        self.fails("restore", "latest", "--to", self.url("shop"), "--table", "shop.nothing",
                   "--yes", expect=support.FAILURE, code="not_found", says=["shop.nothing"])

    def test_restore_one_table_under_another_name(self):
        """Beside what is there; nothing is replaced."""
        self.backup(self.url("shop"))
        before = self.hash("shop", "shop.customer")
        self.server.psql("DELETE FROM shop.orders; DELETE FROM shop.customer WHERE id > 100",
                         "shop")
        self.restored("latest", "shop", "--table", "shop.customer=shop.rescued")
        self.assertEqual(self.hash("shop", "shop.rescued"), before)
        self.assertEqual(self.tables("shop")["shop.customer"], 100)
        self.assertEqual(self.kept("shop"), [])
        index = self.server.psql("SELECT count(*) FROM pg_index WHERE indrelid = "
                                 "'shop.rescued'::regclass AND indisprimary", "shop")
        self.assertEqual(index, "1", "the primary key did not come along")

    def test_restore_a_table_that_is_gone(self):
        self.backup(self.url("shop"))
        before = self.hash("shop", 'shop."Log.1"')
        self.server.psql('DROP TABLE shop."Log.1"', "shop")
        self.restored("latest", "shop", "--table", 'shop."Log.1"')
        self.assertEqual(self.hash("shop", 'shop."Log.1"'), before)
        self.assertEqual(self.server.psql("SELECT to_regclass('shop.log_line')", "shop"),
                         "shop.log_line")

    def test_restore_a_table_that_is_there(self):
        self.backup(self.url("shop"))
        self.fails("restore", "latest", "--to", self.url("shop"), "--table", "shop.customer",
                   "--yes", expect=support.FAILURE, code="already_exists", says=["customer"])
        self.assertEqual(self.tables("shop")["shop.customer"], 500)

    def test_restore_one_partition(self):
        """It is attached where its bounds are free, and refused where they are others'."""
        self.backup(self.url("shop"))
        before = self.hash("shop", "event")
        self.server.psql("DROP TABLE event_2025", "shop")
        self.restored("latest", "shop", "--table", "public.event_2025")
        self.assertEqual(self.hash("shop", "event"), before)
        self.server.psql("DROP TABLE event_2025; CREATE TABLE half PARTITION OF event FOR VALUES "
                         "FROM ('2025-07-01') TO ('2026-01-01')", "shop")
        self.fails("restore", "latest", "--to", self.url("shop"), "--table", "public.event_2025",
                   "--yes", expect=support.FAILURE, says=["event_2025"])
        self.assertEqual(self.server.psql("SELECT to_regclass('event_2025')", "shop"), "")

    def test_whole_table_of_partitions(self):
        """Named by its root, a partitioned table comes with all that belongs to it."""
        self.assertEqual(sum(self.taken("--table", "public.event").values()), 1000)

# SPDX-License-Identifier: Apache-2.0
"""Roles that may little, and settings that would get in the way."""

import time

import postgres
import postgres_case
import support

SETUP = """
CREATE SCHEMA shop;
CREATE TABLE shop.customer AS SELECT g AS id, repeat(md5(g::text), 30) AS v
  FROM generate_series(1, 10000) g;
CREATE TABLE shop."se cret"(id int);
INSERT INTO shop."se cret" VALUES (1);
CREATE SEQUENCE shop.number;
SELECT nextval('shop.number');
CREATE MATERIALIZED VIEW shop.summary AS SELECT count(*) FROM shop.customer;
"""


class Rights(postgres_case.PostgresCase):
    def setUp(self):
        super().setUp()
        self.server.psql("CREATE ROLE backup LOGIN; CREATE ROLE keeper LOGIN CREATEDB")
        self.server.create("shop", SETUP)
        self.init()
        self.as_backup = self.url("shop", user="backup")

    def missing_grants(self):
        outcome = self.stillpoint("plan", self.as_backup, expect=None)
        lines = [line.strip(" -\t") for line in (outcome.out + outcome.err).splitlines()]
        return [line for line in lines if line.startswith(("GRANT ", "ALTER "))]

    def test_plan_says_what_is_missing(self):
        """Exactly that makes it work: run what it prints, and the backup is whole."""
        error = self.fails("backup", self.as_backup, expect=support.FAILURE, code="denied")
        self.assertIn("GRANT", error["advice"] + error["message"])
        grants = self.missing_grants()
        self.assertTrue(grants, "plan prints no GRANT")
        self.server.psql("\n".join(line.rstrip(";") + ";" for line in grants), "shop")
        self.assertEqual(self.missing_grants(), [])
        self.backup(self.as_backup)
        copy = self.restored("latest", "copy")
        # the grants themselves are part of the schema by now
        self.assert_same(self.url("shop"), copy)

    def test_one_table_without_rights(self):
        """It is named before anything is read."""
        self.server.psql('GRANT USAGE ON SCHEMA shop TO backup; GRANT SELECT ON ALL TABLES IN '
                         'SCHEMA shop TO backup; GRANT SELECT ON ALL SEQUENCES IN SCHEMA shop TO '
                         'backup; REVOKE SELECT ON shop."se cret" FROM backup', "shop")
        before = set(self.repo.rglob("data/*/*"))
        error = self.fails("backup", self.as_backup, expect=support.FAILURE, code="denied",
                           says=["se cret"])
        self.assertIn('GRANT SELECT ON', error["advice"] + error["message"])
        self.assertEqual(set(self.repo.rglob("data/*/*")), before, "data was read before")
        self.assert_no_sessions()
        # without that table it works
        self.stillpoint("backup", self.as_backup, "--exclude-table", 'shop."se cret"',
                        expect=None)
        self.assertEqual(len(self.backups()), 1)

    def test_row_security(self):
        """A policy would hide rows from us: that is no backup."""
        self.server.psql("GRANT USAGE ON SCHEMA shop TO backup; GRANT SELECT ON ALL TABLES IN "
                         "SCHEMA shop TO backup; GRANT SELECT ON ALL SEQUENCES IN SCHEMA shop TO "
                         "backup; ALTER TABLE shop.customer ENABLE ROW LEVEL SECURITY; CREATE "
                         "POLICY few ON shop.customer USING (id < 5)", "shop")
        self.fails("backup", self.as_backup, expect=support.FAILURE, says=["customer"])
        self.server.psql("ALTER ROLE backup BYPASSRLS")
        self.backup(self.as_backup)
        self.restored("latest", "copy")
        self.assertEqual(self.server.psql("SELECT count(*) FROM shop.customer", "copy"), "10000")

    def test_pg_read_all_data(self):
        self.server.psql("GRANT pg_read_all_data TO backup")
        self.backup(self.as_backup)
        self.assert_same(self.url("shop"), self.restored("latest", "copy"))

    def test_impatient_settings(self):
        """Of the role, the database and the server: a backup takes longer than any of them."""
        self.server.psql("GRANT pg_read_all_data TO backup")
        for name in ("statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout",
                     "idle_session_timeout"):
            self.server.psql(f"ALTER ROLE backup SET {name} = '300ms'; "
                             f"ALTER DATABASE shop SET {name} = '300ms'")
        self.server.psql("ALTER ROLE backup SET search_path = nowhere; "
                         "ALTER ROLE backup SET DateStyle = 'German'; "
                         "ALTER ROLE backup SET client_encoding = 'LATIN1'; "
                         "ALTER ROLE backup SET default_transaction_isolation = 'read committed'; "
                         "ALTER ROLE backup SET default_transaction_deferrable = on; "
                         "ALTER ROLE backup SET extra_float_digits = -15; "
                         "ALTER ROLE backup SET standard_conforming_strings = off; "
                         "ALTER ROLE backup SET bytea_output = 'escape'; "
                         "ALTER ROLE backup SET quote_all_identifiers = on")
        self.server.psql("CREATE TABLE shop.odd AS SELECT 0.1::float8 AS f, now() AS t, "
                         "'é\\'::text AS e, '\\x00ff'::bytea AS b", "shop")
        outcome = self.stillpoint("backup", self.as_backup, "--limit-rate", "4MiB")
        self.assertGreater(outcome.seconds, 1, "it was too quick to meet a timeout")
        self.assert_same(self.url("shop"), self.restored("latest", "copy"))

    def test_impatient_settings_at_restore(self):
        self.backup(self.url("shop"))
        self.server.psql("CREATE ROLE impatient LOGIN SUPERUSER; "
                         "ALTER ROLE impatient SET statement_timeout = '50ms'; "
                         "ALTER ROLE impatient SET lock_timeout = '50ms'; "
                         "ALTER ROLE impatient SET default_transaction_read_only = on; "
                         "ALTER ROLE impatient SET DateStyle = 'German'; "
                         "ALTER ROLE impatient SET client_encoding = 'LATIN1'; "
                         "ALTER ROLE impatient SET search_path = nowhere; "
                         "ALTER ROLE impatient SET idle_in_transaction_session_timeout = '50ms'")
        self.stillpoint("restore", "latest", "--to", self.url("copy", user="impatient"), "--yes")
        self.assert_same(self.url("shop"), self.url("copy"), ("database owner",))

    def test_restore_without_createdb(self):
        """It is said before anything is made; into a prepared database it works."""
        self.backup(self.url("shop"))
        self.server.create("old", "CREATE TABLE t(i int)", owner="backup")
        for target in ("old", "new"):
            error = self.fails("restore", "latest", "--to", self.url(target, user="backup"),
                               "--yes", expect=support.FAILURE, code="denied")
            self.assertIn("CREATEDB", error["message"] + error["advice"])
        self.assert_databases("shop", "old")
        self.server.create("prepared", owner="backup")
        self.stillpoint("restore", "latest", "--to", self.url("prepared", user="backup"),
                        "--in-place", "--no-owner", "--yes")
        query = "SELECT count(*), md5(string_agg(v, '' ORDER BY id)) FROM shop.customer"
        self.assertEqual(self.server.psql(query, "prepared"), self.server.psql(query, "shop"))

    def test_restore_as_no_superuser(self):
        """Who may create databases gets one of its own by --no-owner."""
        self.backup(self.url("shop"))
        self.stillpoint("restore", "latest", "--to", self.url("mine", user="keeper"), "--yes",
                        "--no-owner")
        owners = self.server.psql("SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE "
                                  "relnamespace = 'shop'::regnamespace UNION SELECT "
                                  "pg_get_userbyid(datdba) FROM pg_database "
                                  "WHERE datname = 'mine'", "mine")
        self.assertEqual(owners, "keeper")

    def test_too_few_connections(self):
        """As many readers as there is room for; or an error that says so."""
        self.server.psql("GRANT pg_read_all_data TO backup; ALTER ROLE backup CONNECTION LIMIT 1")
        outcome = self.stillpoint("backup", self.as_backup, "--json", expect=None)
        if outcome.code != support.OK:
            self.assertIn("connection", outcome.error()["message"].lower(), str(outcome))
            self.assertTrue(outcome.error()["advice"], str(outcome))
        self.server.psql("ALTER ROLE backup CONNECTION LIMIT 3")
        self.stillpoint("backup", self.as_backup, "--jobs", "1")

    def test_standby(self):
        """A server that replays another's log: read, and told so."""
        self.server.psql("GRANT pg_read_all_data TO backup")
        standby = postgres.standby(self, self.server)
        backup = self.backup(standby.url("shop"))["backup"]
        self.assert_same(self.url("shop"), self.restored(backup, "copy"))
        self.fails("restore", backup, "--to", standby.url("other"), "--yes",
                   expect=support.FAILURE, says=["standby"])

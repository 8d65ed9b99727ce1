# SPDX-License-Identifier: Apache-2.0
"""What the tests of PostgreSQL share: a server, databases with something in them, backups."""

import pathlib
import time
import urllib.parse

import postgres
import postgres_compare
import support

SQL = pathlib.Path(__file__).parent / "sql"
# What no logical dump brings back, or brings back in another place.
KNOWN = (
    # An enum's values are hashed by their oids, which are others afterwards: pg_dump too loads such
    # tables by their root, whose rows are compared as well.
    "rows of shop.by_enum_",
    # An extension says itself which of its rows belong into a dump.
    "rows of till.cache",
)


def fill(server, database, *names):
    """Runs scripts of tests/e2e/sql in a database."""
    file = server.folder.path / "lines.csv"
    if not file.exists():
        file.write_text("one|two\nthree|four\n")
    for name in names:
        text = (SQL / f"{name}.sql").read_text(encoding="utf-8")
        for word, value in (("FILE", file), ("PORT", server.port), ("DATABASE", database)):
            text = text.replace(f"@{word}@", str(value))
        server.psql(text, database)


def make_cluster(server):
    """The roles and tablespaces that objects.sql needs."""
    text = (SQL / "cluster.sql").read_text(encoding="utf-8")
    text = text.replace("@PLACE@", str(server.place("fast")))
    server.psql(text.replace("@PLACE2@", str(server.place("slow"))))


def every_object(server, database):
    """A database with one of everything."""
    make_cluster(server)
    server.create(database, owner="shop_owner")
    fill(server, database, "types", "objects", "names")
    return server.url(database)


class PostgresCase(support.Case):
    """A test with a server of its own."""

    time_max = 180
    settings = {}
    hba = postgres.TRUST
    extensions = None

    def setUp(self):
        super().setUp()
        self.server = self.new_server()

    def new_server(self, **how):
        return postgres.Server(self, **{"settings": self.settings, "hba": self.hba,
                                        "extensions": self.extensions, **how})

    def env(self, **more):
        """Without the caller's PG… variables."""
        return {name: value for name, value in super().env(**more).items()
                if not name.startswith("PG") or name in more}

    def url(self, database, **how):
        return self.server.url(database, **how)

    def assert_same(self, one, other, ignore=KNOWN, message=""):
        found = postgres_compare.same(one, other, ignore)
        self.assertEqual(found, [], f"{len(found)} differences {message}:\n" + "\n".join(found))

    def assert_no_sessions(self, database=None):
        """Nobody of ours is connected any more, holds locks or snapshots, nor will soon."""
        query = ("SELECT pid, datname, usename, application_name, state, left(query, 200) "
                 "FROM pg_stat_activity WHERE backend_type = 'client backend' "
                 "AND pid <> pg_backend_pid() AND application_name !~ '^(psql|pgbench)'")
        if database:
            query += f" AND datname = {postgres.literal(database)}"
        until = time.monotonic() + 10
        while (found := self.server.psql(query)) and time.monotonic() < until:
            time.sleep(0.02)  # a backend notices a moment later that its client is gone
        self.assertEqual(found, "", "sessions are left behind")

    def assert_databases(self, *names, message=""):
        """These are there and no others: no staging databases."""
        expected = sorted({"postgres", "template0", "template1", *names})
        self.assertEqual(sorted(self.server.databases()), expected, message)

    def kept(self, name):
        """The databases in which restores kept what was there before."""
        return [db for db in self.server.databases() if db.startswith(f"{name}_before_")]

    def assert_cleanup_finds_nothing(self, *where):
        outcome = self.stillpoint("cleanup", *where, "--yes", "--json")
        self.assertNotIn('"name"', outcome.out, f"cleanup found something{outcome}")

    def restored(self, backup, database, *arguments, **how):
        """Restores into that database of the test's server; its URL."""
        url = self.url(database)
        self.stillpoint("restore", backup, "--to", url, "--yes", *arguments, **how)
        return url

    def round_trip(self, database, *arguments, **how):
        """Backed up and restored beside; the URLs of both."""
        summary = self.backup(self.url(database), *arguments, **how)
        self.assertEqual(summary["verdict"], "proven", summary)
        copy = self.restored(summary["backup"], f"{database}_copy", **how)
        self.assert_no_sessions()
        return self.url(database), copy


def database_of(url):
    return urllib.parse.unquote(urllib.parse.urlsplit(url).path[1:])

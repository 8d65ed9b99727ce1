# SPDX-License-Identifier: Apache-2.0
"""What the tests of MySQL and MariaDB share: a server, schemas with something in them, backups."""

import difflib
import pathlib
import re
import urllib.parse

import mysql
import support

SQL = pathlib.Path(__file__).parent / "sql"


class MysqlCase(support.Case):
    """A test with a server of its own."""

    time_max = 180
    options = ()

    def setUp(self):
        super().setUp()
        self.server = self.new_server()

    def new_server(self, **how):
        return mysql.Server(self, **{"options": self.options, **how})

    def env(self, **more):
        """Without the caller's MYSQL… variables."""
        return {name: value for name, value in super().env(**more).items()
                if not name.startswith("MYSQL") or name in more}

    def url(self, schema="", **how):
        return self.server.url(schema, **how)

    def rental(self, schema="rental"):
        """A shop that lends films: one of every kind of object."""
        text = (SQL / "mysql_rental.sql").read_text(encoding="utf-8")
        if mysql.MYSQLD:
            text = re.sub(r"^-- MariaDB only$.*?^-- end$", "", text, flags=re.M | re.S)
        self.server.create(schema, text, how="CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
        return self.url(schema)

    def assert_same(self, one, other, message=""):
        """Of two pairs of a server and a schema."""
        found = [line for line in difflib.unified_diff(one[0].dump(one[1]), other[0].dump(other[1]),
                                                       "one", "other", n=0, lineterm="")]
        self.assertEqual(found, [], f"differences {message}:\n" + "\n".join(found)[:4000])

    def assert_schemas(self, *names, message=""):
        """These are there and no others: nothing staged."""
        self.assertEqual(sorted(self.server.schemas()), sorted(names), message)

    def kept(self, name):
        """The schemas in which restores kept what was there before."""
        return [one for one in self.server.schemas() if one.startswith(f"{name}_before_")]

    def assert_cleanup_finds_nothing(self, *where):
        outcome = self.stillpoint("cleanup", *where, "--yes", "--json")
        self.assertNotIn('"name"', outcome.out, f"cleanup found something{outcome}")

    def restored(self, backup, schema, *arguments, server=None, **how):
        """Restores into that schema of the test's server, or of another; its URL."""
        url = (server or self.server).url(schema)
        self.stillpoint("restore", backup, "--to", url, "--yes", *arguments, **how)
        return url


def schema_of(url):
    return urllib.parse.unquote(urllib.parse.urlsplit(url).path[1:])

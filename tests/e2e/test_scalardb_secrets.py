# SPDX-License-Identifier: Apache-2.0
"""Passwords of ScalarDB's properties open the databases and are told to nobody."""

import postgres
import scalardb
import scalardb_case
import support

PASSWORD = "ge/he@im:%41?#&'\" x"
USER = "se:cret@user"


class Secrets(scalardb_case.ScalardbCase):
    def make_strict(self):
        """A server that wants that password, which is all that a URL may have to escape."""
        server = postgres.Server(self)
        quoted = PASSWORD.replace("'", "''")
        server.psql(f"CREATE ROLE \"{USER}\" SUPERUSER LOGIN PASSWORD '{quoted}'")
        database = scalardb.Postgres(server)
        self.system = scalardb.System([database])
        self.log = self.folder / "log"
        self.app = scalardb.Application(self).open(self.system, self.log).make()
        (server.data / "pg_hba.conf").write_text(
            "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        server.reload()
        self.init()
        return server

    def write(self, port, password):
        self.properties = self.folder / "bank.properties"
        self.properties.write_text(
            "scalar.db.storage=jdbc\n"
            f"scalar.db.contact_points=jdbc:postgresql://127.0.0.1:{port}/bank\n"
            f"scalar.db.username={USER}\nscalar.db.password=${{env:BANK_PASSWORD}}\n",
            encoding="utf-8")
        self.known = {"BANK_PASSWORD": password}

    def tells_nothing(self, *arguments, **how):
        outcome = self.stillpoint(*arguments, *self.whom(), "--verbose", env=self.known, **how)
        for secret in (PASSWORD, "ge/he", "ge%2Fhe", "he@im", "wrong-one"):
            self.assertNotIn(secret, outcome.out + outcome.err, str(outcome.command[1:3]))
        return outcome

    def test_every_command(self):
        server = self.make_strict()
        self.write(server.port, PASSWORD)
        self.tells_nothing("plan")
        self.tells_nothing("backup")
        self.tells_nothing("verify", "latest")
        told = self.tells_nothing("restore", "latest", "--dry-run", "--json").json()
        self.assertNotIn(PASSWORD, str(told))
        for path in (*self.repo.rglob("*"), *self.state.rglob("*")):
            if path.is_file():
                self.assertNotIn(b"he@im", path.read_bytes(), path)
        self.assertNotIn("he@im", self.dump("latest", "manifest.json").decode())

    def test_a_wrong_one(self):
        server = self.make_strict()
        self.write(server.port, "wrong-one")
        outcome = self.tells_nothing("backup", expect=support.FAILURE)
        self.assertIn("database", outcome.err)
        self.write(server.port, None)
        outcome = self.tells_nothing("backup", expect=support.FAILURE)
        self.assertIn("BANK_PASSWORD", outcome.err)
        self.assert_nothing_left()

# SPDX-License-Identifier: Apache-2.0
"""Passwords of MySQL: where they may come from, and that they appear nowhere."""

import pathlib

import mysql_case
import support

SECRET = "s3cret'\"\\ /@:%ä"


class Secrets(mysql_case.MysqlCase):
    def setUp(self):
        super().setUp()
        quoted = SECRET.replace("\\", "\\\\").replace("'", "\\'")
        self.server.sql(f"CREATE USER backup@'127.0.0.1' IDENTIFIED BY '{quoted}';"
                        "GRANT ALL ON *.* TO backup@'127.0.0.1'")
        self.server.create("shop", "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (7)")
        self.url_alone = self.url("shop", user="backup")
        self.init()

    def assert_hidden(self, outcome):
        for text in (outcome.out, outcome.err):
            self.assertNotIn(SECRET, text)
            self.assertNotIn("s3cret", text)

    def test_every_way_in(self):
        file = self.folder / "password"
        file.write_text(SECRET + "\n")
        file.chmod(0o600)
        options = self.folder / "options.cnf"
        inner = SECRET.replace("\\", "\\\\")
        options.write_text(f'[client]\nuser=backup\npassword="{inner}"\n')
        options.chmod(0o600)
        config = self.folder / "stillpoint.yaml"
        config.write_text("systems: {shop: {databases: {shop: {url: '" + self.url_alone
                          + f"', password_file: {file}}}}}}}}}\n")
        ways = (([self.url("shop", user="backup", password=SECRET)], {}),
                ([self.url_alone], {"MYSQL_PWD": SECRET}),
                ([self.server.url("shop", user="", **{"defaults-file": options})], {}),
                (["shop", "--config", config], {}))
        for arguments, env in ways:
            outcome = self.stillpoint("backup", *arguments, env=env)
            self.assert_hidden(outcome)
            self.assert_hidden(self.stillpoint("show", "latest", "--json"))
        # A restore to where it came from finds the password in the configuration.
        self.assert_hidden(self.stillpoint("restore", "latest", "--yes", "--config", config))
        self.assert_hidden(self.stillpoint("verify", "latest", "--config", config))
        self.assert_hidden(self.stillpoint("cleanup", "shop", "--config", config, "--yes", "--old"))
        self.assert_schemas("shop")
        for path in pathlib.Path(self.state).rglob("*"):
            if path.is_file():
                self.assertNotIn(b"s3cret", path.read_bytes(), str(path))

    def test_a_wrong_one(self):
        error = self.fails("backup", self.url("shop", user="backup", password="wr0ng"),
                           expect=support.FAILURE, code="denied", says=["access denied"])
        self.assertNotIn("wr0ng", str(error))
        self.fails("backup", f"mysql://backup:a@b:c@127.0.0.1:{self.server.port}/shop",
                   expect=support.FAILURE, code="invalid")

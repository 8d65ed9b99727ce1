# SPDX-License-Identifier: Apache-2.0
"""Who alters tables while they are backed up waits; what comes or goes meanwhile does no harm."""

import time

import mysql
import mysql_case
import support


class Altered(mysql_case.MysqlCase):
    def test_while_it_is_read(self):
        self.server.create("shop", "CREATE TABLE large (id int PRIMARY KEY, v longtext);"
                           "CREATE TABLE small (id int PRIMARY KEY); INSERT INTO small VALUES (1)")
        for number in range(16):
            self.server.sql(f"INSERT INTO shop.large SELECT {number},"
                            f" REPEAT(SHA2({number}, 256), 8192)")
        before = self.server.dump("shop")
        self.init()
        process = self.start_backup("--limit-rate", "2MiB")
        self.wait_for_readers()
        sessions = []
        for statement in ("ALTER TABLE large ADD COLUMN w int", "TRUNCATE TABLE small",
                          "CREATE TABLE more (id int)", "INSERT INTO more VALUES (1)"):
            sessions.append(mysql.Session(self, self.server, "shop"))
            sessions[-1].send(statement)
            time.sleep(0.1)  # so that they queue in this order
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, f"{out}{err}")
        for session in sessions:
            self.assertNotIn("ERROR", session.receive())
        self.assertEqual(self.server.sql("SELECT COUNT(*) FROM small", "shop"), "0")
        self.assertIn("`w`", "".join(self.server.dump("shop")))
        self.restored("latest", "then")
        self.assertEqual(self.server.dump("then"), before)

    def start_backup(self, *arguments):
        return support.start(self.words("backup", self.url("shop"), *arguments), self.env())

    def wait_for_readers(self):
        """Until rows are read."""
        until = time.monotonic() + 30
        query = ("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE"
                 " 'SELECT `id`, `v` FROM%'")
        while self.server.sql(query) == "0":
            self.assertLess(time.monotonic(), until, "nobody reads")

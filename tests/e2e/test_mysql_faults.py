# SPDX-License-Identifier: Apache-2.0
"""What goes wrong around a backup or restore of MySQL is named, with what to do, and leaves nothing
behind."""

import os
import time

import mounts
import mysql
import mysql_case
import support


class Faults(mysql_case.MysqlCase):
    def setUp(self):
        super().setUp()
        self.server.create("shop", "CREATE TABLE t (id int PRIMARY KEY, v longblob);"
                           "INSERT INTO t VALUES (1, 'a'), (2, 'b')")
        self.init()

    def refused(self, *arguments, says, code, expect=support.FAILURE, **how):
        return self.fails("restore", "latest", "--yes", *arguments, expect=expect, code=code,
                          says=says, **how)

    def test_settings_of_the_server_that_forbid_a_restore(self):
        self.backup(self.url("shop"))
        self.server.sql("SET GLOBAL local_infile = 0")
        error = self.refused(says=["local_infile is off"], code="denied")
        self.assertIn("SET GLOBAL local_infile = 1", error["advice"])
        self.server.sql("SET GLOBAL local_infile = 1; SET GLOBAL read_only = 1")
        self.refused(says=["read-only"], code="denied")
        self.server.sql("SET GLOBAL read_only = 0")
        self.assert_schemas("shop")

    def test_a_value_that_is_larger_than_a_packet(self):
        """Reading it back is what the limit keeps from; loading it does not."""
        self.server.sql("SET GLOBAL max_allowed_packet = 64 * 1048576")
        self.server.sql("INSERT INTO shop.t SELECT 3, REPEAT('0123456789abcdef', 1048576 + 16)")
        before = self.server.sql("SELECT GROUP_CONCAT(SHA2(v, 256) ORDER BY id) FROM shop.t")
        self.backup(self.url("shop"))
        other = self.new_server(options=("--max-allowed-packet=64M",))
        self.restored("latest", "shop", server=other)
        self.assertEqual(other.sql("SELECT GROUP_CONCAT(SHA2(v, 256) ORDER BY id) FROM shop.t"),
                         before)
        small = self.new_server(options=("--max-allowed-packet=1M",))
        outcome = self.stillpoint("restore", "latest", "--to", small.url("shop"), "--yes", "--json",
                                  expect=None)
        if outcome.code:
            self.assertEqual(small.schemas(), [])
        else:
            small.sql("SET GLOBAL max_allowed_packet = 64 * 1048576")
            self.assertEqual(small.sql("SELECT GROUP_CONCAT(SHA2(v, 256) ORDER BY id) FROM shop.t"),
                             before)

    def test_definers_that_are_gone(self):
        self.server.sql("CREATE USER boss@localhost; GRANT ALL ON shop.* TO boss@localhost;"
                        "CREATE DEFINER=boss@localhost TRIGGER shop.tr BEFORE INSERT ON shop.t"
                        " FOR EACH ROW SET NEW.id = NEW.id")
        self.backup(self.url("shop"))
        other = self.new_server()
        where = ("--to", other.url("shop"))
        error = self.refused(*where, says=["'boss'@'localhost'", "trigger shop.tr"],
                             code="not_found")
        self.assertIn("--no-owner", error["advice"])
        self.assertEqual(other.schemas(), [])
        self.stillpoint("restore", "latest", *where, "--yes", "--no-owner")
        self.assertIn("root", other.sql("SELECT definer FROM information_schema.triggers"
                                        " WHERE trigger_schema = 'shop'"))
        other.sql("INSERT INTO shop.t VALUES (9, NULL)")

    def test_a_replica_that_does_not_acknowledge(self):
        """Every commit of the server waits for it."""
        self.backup(self.url("shop"))
        other = self.new_server()
        setting = "rpl_semi_sync_master"
        if mysql.MYSQLD:
            setting = "rpl_semi_sync_source"
            other.sql(f"INSTALL PLUGIN {setting} SONAME 'semisync_source.so'")
        other.sql(f"SET GLOBAL {setting}_timeout = 3600000; SET GLOBAL {setting}_enabled = 1")
        where = ("--to", other.url("shop"))
        error = self.refused(*where, says=["wait for a semi-synchronous replica"], code="busy",
                             timeout=60)
        self.assertIn(f"{setting}_enabled", error["advice"])
        other.sql(f"SET GLOBAL {setting}_enabled = 0")
        if mysql.MYSQLD:  # the wait cannot be ended there, and the session with it is lost
            self.stillpoint("cleanup", other.url("shop"), "--yes")
        self.assertEqual(other.schemas(), [])
        self.stillpoint("restore", "latest", *where, "--yes")
        self.assertEqual(other.dump("shop"), self.server.dump("shop"))

    def test_who_holds_the_old_tables_is_named(self):
        self.backup(self.url("shop"))
        self.server.sql("CREATE USER clerk@localhost; GRANT ALL ON shop.* TO clerk@localhost")
        clerk = mysql.Session(self, self.server, "shop", user="clerk")
        clerk.run("START TRANSACTION; UPDATE t SET v = 'mine'")
        self.refused(says=["clerk@localhost", "in use"], code="busy")
        self.assert_schemas("shop")
        clerk.run("COMMIT")
        number = clerk.run("SELECT CONNECTION_ID()")
        clerk.run("START TRANSACTION; SELECT COUNT(*) FROM t")
        self.stillpoint("restore", "latest", "--yes", "--force")
        self.assertEqual(self.server.sql("SELECT COUNT(*) FROM information_schema.processlist"
                                         f" WHERE id = {number}"), "0")

    def test_the_server_dies_while_a_restore_loads(self):
        self.server.sql("INSERT INTO shop.t SELECT seq, REPEAT(SHA2(seq, 256), 100) FROM"
                        " (WITH RECURSIVE n(seq) AS (SELECT 10 UNION ALL SELECT seq + 1 FROM n"
                        " WHERE seq < 1000) SELECT seq FROM n) x")
        before = self.server.dump("shop")
        self.backup(self.url("shop"))
        self.server.sql("DELETE FROM shop.t")
        process = support.start(self.words("restore", "latest", "--yes"), self.env())
        until = time.monotonic() + 60
        while len(self.server.schemas()) < 2 and process.poll() is None:
            self.assertLess(time.monotonic(), until)
            time.sleep(0.005)
        self.server.kill()
        outcome = support.finish([], process, time.monotonic(), 60)
        self.server.start()
        if outcome.code:
            self.assertEqual(self.server.sql("SELECT COUNT(*) FROM shop.t"), "0", str(outcome))
            self.stillpoint("restore", "latest", "--yes", "--resume")
        self.assertEqual(self.server.dump("shop"), before)
        self.stillpoint("cleanup", self.url("shop"), "--yes", "--old")
        self.assert_schemas("shop")

    def test_a_full_disk(self):
        self.server.sql("INSERT INTO shop.t WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL"
                        " SELECT i + 1 FROM n WHERE i < 999) SELECT i, REPEAT(SHA2(i, 512), 400)"
                        " FROM n")
        self.backup(self.url("shop"))
        place = self.folder / "small"
        # An empty MySQL server takes twice as much as one of MariaDB.
        mounts.small(self, place, 400 if mysql.MYSQLD else 200)
        for folder in (self.folder, place):
            os.chmod(folder, 0o777)
        other = mysql.Server(self, data=place / "data", options=("--skip-log-bin",))
        filler = place / "filler"
        disk = os.statvfs(place)
        filler.write_bytes(b"x" * (disk.f_bavail * disk.f_frsize - 25 * 2**20))
        # Over TCP the server's disk is not ours to see: it runs full on the way.
        self.refused("--to", other.url("shop"), says=["full"], code="no_space", timeout=100)
        self.assertEqual(other.schemas(), [])
        socket = f"mysql://root@/shop?socket={other.socket}"
        self.refused("--to", socket, says=["has room for"], code="no_space")
        filler.unlink()
        self.stillpoint("restore", "latest", "--to", other.url("shop"), "--yes")
        self.assertEqual(other.sql("CHECKSUM TABLE shop.t"),
                         self.server.sql("CHECKSUM TABLE shop.t"))

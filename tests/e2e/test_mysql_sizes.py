# SPDX-License-Identifier: Apache-2.0
"""Many tables, partitions and columns, large tables and values: there and back."""

import re
import time

import mysql
import mysql_case
import support


class Sizes(mysql_case.MysqlCase):
    time_max = 240
    full = "full-mysql-sizes"
    options = ("--max-allowed-packet=1G",
               *(["--cte-max-recursion-depth=10000000"] if mysql.MYSQLD else []))

    def setUp(self):
        super().setUp()
        self.init()

    def there_and_back(self, sql, **how):
        """MariaDB has tables of numbers, seq_1_to_9."""
        if mysql.MYSQLD:
            sql = re.sub(r"seq_1_to_(\d+)", r"(WITH RECURSIVE n(seq) AS (SELECT 1 UNION ALL SELECT"
                         r" seq + 1 FROM n WHERE seq < \1) SELECT seq FROM n) numbers", sql)
        self.server.create("large", sql)
        self.backup(self.url("large"), **how)
        self.restored("latest", "back", **how)

    def equal(self, sql, **how):
        self.there_and_back(sql, **how)
        self.assert_same((self.server, "large"), (self.server, "back"))

    def test_many_tables(self):
        self.equal("".join(
            f"CREATE TABLE t{i}(id int AUTO_INCREMENT PRIMARY KEY, v varchar(20) UNIQUE);"
            f"INSERT INTO t{i} SELECT seq, seq FROM seq_1_to_{i % 7 + 1};"
            for i in range(1000 if support.FULL else 150)), timeout=600)

    def test_many_partitions(self):
        partitions = ", ".join(f"PARTITION p{i} VALUES LESS THAN ({i + 1})" for i in range(200))
        self.equal("CREATE TABLE p(day int, id int, v varchar(20), PRIMARY KEY (day, id), KEY (v))"
                   f" PARTITION BY RANGE (day) ({partitions});"
                   "INSERT INTO p SELECT seq % 200, seq, CONCAT('v', seq) FROM seq_1_to_20000")

    def test_many_columns(self):
        columns = ", ".join(f"c{i} {('int', 'text', 'decimal(20,5)')[i % 3]}" for i in range(500))
        values = ", ".join((f"seq + {i}", "CONCAT('t', seq)", "NULL")[i % 3] for i in range(500))
        self.equal(f"CREATE TABLE wide(id int PRIMARY KEY, {columns});"
                   f"INSERT INTO wide SELECT seq, {values} FROM seq_1_to_300")

    def test_large_values(self):
        mib = 100 if support.FULL else 20
        self.there_and_back(
            "CREATE TABLE t(id int PRIMARY KEY, b longblob, t longtext);"
            f"INSERT INTO t VALUES (1, REPEAT(UNHEX('00ff5c'), {mib * 2**20 // 3}), NULL),"
            f" (2, NULL, REPEAT('\\t\\\\N\\n', {mib * 2**20 // 4})), (3, '', '')", timeout=600)
        query = "SELECT id, LENGTH(b), SHA2(b, 256), LENGTH(t), SHA2(t, 256) FROM t ORDER BY id"
        values = [self.server.sql(query, schema) for schema in ("large", "back")]
        self.assertEqual(*values)
        self.assertIn(str(mib * 2**20 // 4 * 4), values[0])

    def test_big_table(self):
        """Ranges of the primary key, some of them empty."""
        rows = 5 * 2**30 // 1250 if support.FULL else 60000
        started = time.monotonic()
        self.there_and_back(
            "CREATE TABLE big(id bigint PRIMARY KEY, t text, b varbinary(700), KEY (b(8)));"
            "INSERT INTO big SELECT seq * 3, REPEAT(SHA2(seq, 256), 8), "
            f"UNHEX(REPEAT(SHA2(seq, 512), 10)) FROM seq_1_to_{rows};"
            f"DELETE FROM big WHERE id BETWEEN {rows} AND {rows * 3 // 2}", timeout=3600)
        size = int(self.server.sql("SELECT data_length + index_length FROM "
                                   "information_schema.tables WHERE table_schema = 'large'"))
        one, other = (self.server.sql(f"CHECKSUM TABLE {schema}.big").split()[1]
                      for schema in ("large", "back"))
        self.assertEqual(one, other)
        print(f"measured: a table of {size / 1e6:.0f} MB made, backed up and restored in "
              f"{time.monotonic() - started:.1f} s")

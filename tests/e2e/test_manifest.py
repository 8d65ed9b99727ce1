# SPDX-License-Identifier: Apache-2.0
"""What stands in a backup's manifest.json is what docs/formats/manifest.schema.json says."""

import copy
import json

import bank
import manifest_schema
import mysql
import postgres_case
import support


class Sqlite(support.Case):
    def test_fits_its_schema(self):
        self.init()
        database = bank.make(self.folder / "bank.db", accounts=100)
        self.backup(database, "--label", "first")
        manifest = json.loads(self.dump("latest", "manifest.json"))
        self.assertEqual(manifest_schema.problems(manifest), [])
        spoiled = copy.deepcopy(manifest)
        spoiled["verdict"] = "perhaps"
        del spoiled["databases"][0]["files"]
        spoiled["extra"] = 1
        self.assertEqual(len(manifest_schema.problems(spoiled)), 3)


class Servers(postgres_case.PostgresCase):
    def test_fit_the_same_schema(self):
        self.init()
        self.server.create("shop", "CREATE TABLE t(n int PRIMARY KEY); INSERT INTO t VALUES (1)")
        where = [self.server.url("shop")]
        other = mysql.Server(self)
        other.create("shop", "CREATE TABLE t(n INT PRIMARY KEY); INSERT INTO t VALUES (1)")
        where.append(other.url("shop"))
        for url in where:
            self.backup(url)
            manifest = json.loads(self.dump("latest", "manifest.json"))
            self.assertEqual(manifest_schema.problems(manifest), [], url)

# SPDX-License-Identifier: Apache-2.0
"""Makes the repository of a version: make.py VERSION. See README.md."""

import hashlib
import json
import pathlib
import shutil
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

import bank  # noqa: E402
import mysql  # noqa: E402
import mysql_case  # noqa: E402
import postgres  # noqa: E402
import support  # noqa: E402

VERSION = None
ORDERS = """
CREATE TABLE orders(id serial PRIMARY KEY, item text NOT NULL, price numeric(10,2), at timestamptz);
CREATE INDEX ON orders(item);
INSERT INTO orders(item, price, at)
  SELECT 'item ' || g, g / 7.0, timestamptz '2026-01-01' + g * interval '1h'
  FROM generate_series(1, 500) g;
"""


class Make(support.Case):
    """Two backups of three databases, and one of a single file."""

    def runTest(self):
        self.repo = HERE / VERSION / "repository"
        self.assertFalse(self.repo.exists(), "a folder is never changed")
        server = postgres.Server(self)
        server.create("orders", ORDERS)
        maria = mysql.Server(self)
        maria.create("rental", (mysql_case.SQL / "mysql_rental.sql").read_text(encoding="utf-8"),
                     how="CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
        cart = bank.make(self.folder / "cart.db", accounts=200)
        config = self.folder / "stillpoint.yaml"
        config.write_text("systems:\n  shop:\n    databases:\n"
                          f"      orders: {server.url('orders')}\n"
                          f"      rental: {maria.url('rental')}\n"
                          f"      cart: {cart}\n")
        self.init()
        self.backup("shop", "--config", config, "--label", "first")
        writer = bank.connect(cart)
        for _ in range(50):
            bank.transfer(writer, 200, self.random)
        writer.close()
        server.psql("DELETE FROM orders WHERE id % 5 = 0", "orders")
        self.backup("shop", "--config", config)
        self.backup(cart)
        contents = {"version": VERSION, "password": support.PASSWORD,
                    "backups": [self.contents(one) for one in self.backups()]}
        (HERE / VERSION / "contents.json").write_text(json.dumps(contents, indent=1) + "\n")
        shutil.rmtree(self.repo / "tmp", ignore_errors=True)

    def contents(self, backup):
        files = {}
        listed = self.stillpoint("ls", backup["id"], "--json").out.splitlines()
        for entry in map(json.loads, listed):
            if entry["type"] == "file":
                path = entry["path"]
                files[path] = hashlib.sha256(self.dump(backup["id"], path)).hexdigest()
        return {"id": backup["id"], "system": backup["system"], "label": backup["label"],
                "verdict": backup["verdict"], "files": files}


if __name__ == "__main__":
    VERSION = sys.argv[1]
    sys.exit(not unittest.TextTestRunner().run(Make()).wasSuccessful())

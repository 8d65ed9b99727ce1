#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes SQLite files for chunk_sizes in the current folder: `before`, and what it becomes."""

import os
import random
import shutil
import sqlite3

BYTES = 128_000_000
UPDATE = "UPDATE orders SET total = total + 1, day = '2027-01-01' WHERE "


def words_of(chance, words):
    return " ".join(chance.choice(words) for _ in range(chance.randint(20, 160)))


def make(path, chance):
    """A table and an index, rows of 100 to 1,200 bytes. The number of rows."""
    words = [f"{chance.choice('bcdfgklmnprst')}{chance.randrange(10 ** chance.randint(1, 4))}"
             for _ in range(5000)]
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE orders(id INTEGER PRIMARY KEY, customer TEXT, total INT, note TEXT,"
               " day TEXT)")
    db.execute("CREATE INDEX by_customer ON orders(customer)")
    rows = 0
    while os.path.getsize(path) < BYTES:
        db.executemany("INSERT INTO orders VALUES(?, ?, ?, ?, ?)", [
            (rows + i, f"c{chance.randrange(10 ** 6):07}", chance.randrange(10 ** 6),
             words_of(chance, words), f"2026-{chance.randint(1, 12):02}") for i in range(5000)])
        rows += 5000
        db.commit()
    db.close()
    return rows


def change(name, statement):
    shutil.copy("before", name)
    db = sqlite3.connect(name)
    db.execute(statement)
    db.commit()
    db.close()


def main():
    rows = make("before", random.Random(5))
    part = rows // 50
    change("scattered-2%", UPDATE + "id % 50 = 3")
    change("scattered-0.05%", UPDATE + "id % 2000 = 3")
    change("clustered-2%", UPDATE + f"id BETWEEN {rows // 3} AND {rows // 3 + part}")
    change("appended-2%", f"INSERT INTO orders SELECT id + {rows}, customer, total + 1,"
           f" substr(note, 9) || substr(note, 1, 8), day FROM orders WHERE id < {part}")


if __name__ == "__main__":
    main()

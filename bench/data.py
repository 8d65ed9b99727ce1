# SPDX-License-Identifier: Apache-2.0
"""Generated data for measurements: the same bytes for the same seed.

One SQLite database of mixed content: prose, JSON events, page-like records, random blobs, zeros.
"""

import json
import random
import sqlite3
import struct

MIB = 1 << 20
# Of the prose that servers make themselves.
WORDS = ("the order was sent to customer after payment and will arrive on monday by carrier "
         "please leave it at door number seven if nobody opens returned goods must be in original "
         "box with label invoice number total amount including tax discount voucher").split()


def words(rng, count=20_000):
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    weights = [12, 9, 8, 7.5, 7, 6.7, 6.3, 6, 6, 4.3, 4, 2.8, 2.8, 2.4, 2.2, 2.4, 2, 1.9, 1, 1.5,
               2, .8, .15, .1, .15, .07]
    return ["".join(rng.choices(letters, weights, k=rng.randint(2, 11))) for _ in range(count)]


def prose(rng, vocabulary, cumulative, length):
    text = " ".join(rng.choices(vocabulary, cum_weights=cumulative, k=length // 6))
    return text[:length]


def event(rng, number, vocabulary):
    return json.dumps({
        "id": number, "at": 1_700_000_000 + number * 7 + rng.randint(0, 6),
        "user": rng.randint(1, 50_000), "kind": rng.choice(["view", "click", "order", "login"]),
        "amount": round(rng.random() * 500, 2), "session": "%016x" % rng.getrandbits(64),
        "agent": rng.choice(vocabulary[:40]), "path": "/" + "/".join(rng.choices(vocabulary, k=3))})


def record(rng, number):
    """A kilobyte as databases write it: counters, times, small integers, padding."""
    fields = struct.pack("<QQIIHH", number, 1_700_000_000_000 + number * 13, rng.randint(0, 5000),
                         rng.randint(0, 9), number % 7, 0)
    return (fields * 12 + rng.randbytes(280) + b"\0" * 400)[:1024]


def make_database(path, mib=400, seed=1):
    """Rows by kind: 25 % prose, 25 % events, 30 % records, 15 % random, 5 % zeros."""
    rng = random.Random(seed)
    vocabulary = words(rng)
    cumulative = []
    total = 0.0
    for rank in range(len(vocabulary)):
        total += 1 / (rank + 3)
        cumulative.append(total)
    db = sqlite3.connect(path)
    db.executescript("""PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;
        CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT);
        CREATE TABLE events(id INTEGER PRIMARY KEY, body TEXT);
        CREATE TABLE records(id INTEGER PRIMARY KEY, body BLOB);
        CREATE TABLE files(id INTEGER PRIMARY KEY, body BLOB);
        CREATE INDEX events_session ON events(substr(body, -30));""")

    def fill(table, share, size, make):
        for number in range(int(mib * MIB * share) // size):
            db.execute(f"INSERT INTO {table}(body) VALUES (?)", (make(number),))
        db.commit()

    fill("notes", .25, 1500, lambda n: prose(rng, vocabulary, cumulative, rng.randint(200, 2800)))
    fill("events", .21, 190, lambda n: event(rng, n, vocabulary))
    fill("records", .30, 1024, lambda n: record(rng, n))
    fill("files", .15, 20_000, lambda n: rng.randbytes(20_000))
    fill("files", .05, 50_000, lambda n: b"\0" * 50_000)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()

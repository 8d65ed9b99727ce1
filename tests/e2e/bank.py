# SPDX-License-Identifier: Apache-2.0
"""A bank in SQLite: accounts whose balances never change in sum, and every transfer on record. So a
copy of the database tells by itself whether it is of one instant.

As a program: bank.py PATH SEED      transfers at full speed until stdin is closed
"""

import contextlib
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time

START_BALANCE = 1000
# Some width, so that the accounts fill many pages.
PAD = "." * 100
HOLD = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute(sys.argv[2]).fetchall()
print("held", flush=True)
sys.stdin.read()
"""


def connect(path):
    db = sqlite3.connect(path, timeout=30, isolation_level=None)
    # A crash of the machine is not what is tested, and waiting for the disk would slow the writers.
    db.execute("PRAGMA synchronous=OFF")
    return db


def make(path, accounts=1000, journal="WAL", page_size=4096, autocheckpoint=None):
    db = connect(path)
    db.execute(f"PRAGMA page_size={page_size}")
    db.execute(f"PRAGMA journal_mode={journal}")
    if autocheckpoint:
        db.execute(f"PRAGMA wal_autocheckpoint={autocheckpoint}")
    db.executescript("""
        BEGIN;
        CREATE TABLE accounts(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL, pad TEXT);
        CREATE TABLE transfers(id INTEGER PRIMARY KEY AUTOINCREMENT,
          source INTEGER NOT NULL, target INTEGER NOT NULL, amount INTEGER NOT NULL);
        CREATE INDEX transfers_by_source ON transfers(source);
        CREATE VIEW rich AS SELECT id FROM accounts WHERE balance > 2000;
        COMMIT;""")
    db.execute("BEGIN")
    db.executemany("INSERT INTO accounts VALUES(?,?,?)",
                   ((i, START_BALANCE, PAD) for i in range(accounts)))
    db.execute("COMMIT")
    db.close()
    return pathlib.Path(path)


def fill(path, mebibytes, seed=0):
    """Adds a table of bytes that compress to about half."""
    rng = random.Random(seed)
    db = connect(path)
    db.execute("CREATE TABLE IF NOT EXISTS filler(data TEXT)")
    db.execute("BEGIN")
    for _ in range(mebibytes):
        db.execute("INSERT INTO filler VALUES(?)", (rng.randbytes(2**19).hex(),))
    db.execute("COMMIT")
    if db.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def transfer(db, accounts, rng):
    source, target = rng.sample(range(accounts), 2)
    amount = rng.randrange(1, 100)
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE accounts SET balance=balance-? WHERE id=?", (amount, source))
    db.execute("INSERT INTO transfers(source,target,amount) VALUES(?,?,?)",
               (source, target, amount))
    db.execute("UPDATE accounts SET balance=balance+? WHERE id=?", (amount, target))
    db.execute("COMMIT")


def count(path):
    """How many transfers there are."""
    db = connect(path)
    try:
        return db.execute("SELECT count(*) FROM transfers").fetchone()[0]
    finally:
        db.close()


def problems(path):
    """What is wrong with a bank: an empty list where it is consistent."""
    try:
        db = sqlite3.connect(f"file:{path}?mode=rw", uri=True)
    except sqlite3.Error as error:
        return [f"cannot be opened: {error}"]
    try:
        return list(find_problems(db))
    except sqlite3.Error as error:
        return [f"cannot be read: {error}"]
    finally:
        db.close()


def find_problems(db):
    for (line,) in db.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield f"integrity_check: {line}"
    wrong = db.execute("""
        SELECT count(*), min(a.id) FROM accounts a
        LEFT JOIN (SELECT source, sum(amount) s FROM transfers GROUP BY source) o ON o.source=a.id
        LEFT JOIN (SELECT target, sum(amount) s FROM transfers GROUP BY target) i ON i.target=a.id
        WHERE a.balance <> ? - ifnull(o.s,0) + ifnull(i.s,0)""", (START_BALANCE,)).fetchone()
    if wrong[0]:
        yield f"{wrong[0]} balances differ from their transfers, the first of account {wrong[1]}"
    accounts, total = db.execute("SELECT count(*), sum(balance) FROM accounts").fetchone()
    if total != accounts * START_BALANCE:
        yield f"the balances sum up to {total} instead of {accounts * START_BALANCE}"


@contextlib.contextmanager
def held(path, statement):
    """Another process has the database open and has executed that statement. (A process of its own:
    SQLite's locks vanish when their process closes any descriptor of the file.)"""
    holder = subprocess.Popen([sys.executable, "-c", HOLD, path, statement],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if holder.stdout.readline() != b"held\n":
            raise AssertionError(f"the holder could not execute {statement}")
        yield holder.pid
    finally:
        holder.communicate()


class Writers:
    """Processes that make transfers: with Writers(path, 4, rng) as writers: …"""

    def __init__(self, path, number, rng):
        self.path = path
        self.processes = [
            subprocess.Popen([sys.executable, "-B", __file__, path, str(rng.getrandbits(32))],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(number)]

    def __enter__(self):
        before = count(self.path)
        until = time.monotonic() + 30
        while count(self.path) < before + 100 and time.monotonic() < until:
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """The number of transfers they made; a writer that failed is an error."""
        made, wrong = 0, []
        for process in self.processes:
            try:
                out, err = process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
            if process.returncode:
                wrong.append(err.decode())
            else:
                made += int(out)
        self.processes = []
        if wrong:
            raise AssertionError("a writer was disturbed: " + "\n".join(wrong))
        return made


def write_until_stopped(path, seed):
    """The end of stdin is the end: then no writer outlives its test."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stopped = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()
    rng = random.Random(seed)
    db = connect(path)
    accounts = db.execute("SELECT count(*) FROM accounts").fetchone()[0]
    made = 0
    while not stopped.is_set():
        transfer(db, accounts, rng)
        made += 1
    db.close()
    print(made)


if __name__ == "__main__":
    write_until_stopped(sys.argv[1], sys.argv[2])

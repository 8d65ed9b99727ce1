# SPDX-License-Identifier: Apache-2.0
"""A bank in MySQL, over two schemas: money moves from checking to savings and back, the sum never
changes, and every transfer is on record. So a copy tells by itself whether it is of one instant.

As a program: mysql_bank.py ACCOUNTS SEED     transfers as SQL, for ever, to a client's stdin
"""

import random
import signal
import subprocess
import sys
import time

import mysql

START_BALANCE = 1000
MAKE = """
CREATE DATABASE checking; CREATE DATABASE savings;
CREATE TABLE checking.accounts(id int PRIMARY KEY, balance bigint NOT NULL, pad text);
CREATE TABLE savings.accounts(id int PRIMARY KEY, balance bigint NOT NULL, pad text);
CREATE TABLE savings.transfers(id bigint AUTO_INCREMENT PRIMARY KEY, source int NOT NULL,
  target int NOT NULL, amount int NOT NULL, KEY by_source (source), KEY by_target (target));
INSERT INTO checking.accounts WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
  WHERE i < {n}) SELECT i, {balance}, repeat('.', 100) FROM n;
INSERT INTO savings.accounts SELECT * FROM checking.accounts;
"""
PROBLEMS = """
SELECT CONCAT('the balances sum up to ', total, ' instead of ', wanted) FROM (SELECT
  (SELECT SUM(balance) FROM {c}.accounts) + (SELECT SUM(balance) FROM {s}.accounts) total,
  ((SELECT COUNT(*) FROM {c}.accounts) + (SELECT COUNT(*) FROM {s}.accounts)) * {balance} wanted)
  sums WHERE NOT (total <=> wanted)
UNION ALL
SELECT CONCAT('checking: account ', id, ' has ', balance) FROM (SELECT a.id, a.balance,
  COALESCE(SUM(t.amount), 0) moved FROM {c}.accounts a LEFT JOIN {s}.transfers t ON t.source = a.id
  GROUP BY a.id, a.balance) x WHERE balance <> {balance} - moved
UNION ALL
SELECT CONCAT('savings: account ', id, ' has ', balance) FROM (SELECT a.id, a.balance,
  COALESCE(SUM(t.amount), 0) moved FROM {s}.accounts a LEFT JOIN {s}.transfers t ON t.target = a.id
  GROUP BY a.id, a.balance) x WHERE balance <> {balance} + moved
LIMIT 10
"""


def make(server, accounts):
    # The server's limit on recursion is 1000 by default.
    server.sql("SET SESSION max_recursive_iterations = 1000000;" * (not mysql.MYSQLD)
               + "SET SESSION cte_max_recursion_depth = 1000000;" * bool(mysql.MYSQLD)
               + MAKE.format(balance=START_BALANCE, n=accounts))


def problems(server, suffix=""):
    """What is wrong with it: an empty list where it is of one instant."""
    names = {"c": f"checking{suffix}", "s": f"savings{suffix}"}
    found = server.sql(PROBLEMS.format(balance=START_BALANCE, **names)).splitlines()
    if server.sql(f"SELECT COUNT(*) FROM {names['c']}.accounts") == "0":
        found.append("there are no accounts")
    return found


def count(server, suffix=""):
    return int(server.sql(f"SELECT COUNT(*) FROM savings{suffix}.transfers"))


class Load:
    """Transfers at full speed beside a test: with Load(…): …  Unless it may be, it must not be
    disturbed."""

    def __init__(self, server, accounts, rng, clients=3, may_fail=False):
        self.server, self.accounts, self.may_fail = server, accounts, may_fail
        self.seeds = [rng.getrandbits(31) for _ in range(clients)]
        self.processes = []

    def __enter__(self):
        before = count(self.server)
        for seed in self.seeds:
            source = subprocess.Popen([sys.executable, "-B", __file__, str(self.accounts),
                                       str(seed)], stdout=subprocess.PIPE)
            words = ["setpriv", "--pdeathsig=KILL", *self.server.client("mariadb"), "--batch",
                     *(["--force"] if self.may_fail else [])]
            client = subprocess.Popen(words, stdin=source.stdout, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE, env=mysql.environment())
            source.stdout.close()
            self.processes.append((source, client))
        until = time.monotonic() + 30
        while count(self.server) < before + 30:
            if time.monotonic() > until or any(c.poll() is not None for _, c in self.processes):
                raise AssertionError(f"nobody writes: {self.end()}")
            time.sleep(0.02)
        return self

    def end(self):
        told = b""
        for source, client in self.processes:
            client.send_signal(signal.SIGKILL)
            source.kill()
            source.wait()
            told += client.communicate()[1]
        return told.decode(errors="replace")[-2000:]

    def __exit__(self, kind, *_):
        ended = [client.poll() for _, client in self.processes]
        told = self.end()
        if kind is None and not self.may_fail and (any(e is not None for e in ended) or told):
            raise AssertionError(f"the load was disturbed: {told}")


def main(accounts, seed):
    rng = random.Random(seed)
    while True:
        source, target = rng.randint(1, accounts), rng.randint(1, accounts)
        amount = rng.randint(-100, 100)
        print("START TRANSACTION;"
              f"UPDATE checking.accounts SET balance = balance - {amount} WHERE id = {source};"
              "INSERT INTO savings.transfers(source, target, amount) VALUES "
              f"({source}, {target}, {amount});"
              f"UPDATE savings.accounts SET balance = balance + {amount} WHERE id = {target};"
              "COMMIT;", flush=True)


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]))
    except BrokenPipeError:
        pass

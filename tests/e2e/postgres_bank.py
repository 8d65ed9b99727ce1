# SPDX-License-Identifier: Apache-2.0
"""A bank in PostgreSQL, over two schemas: money moves from checking to savings and back, the sum
never changes, and every transfer is on record. So a copy tells by itself whether it is of one
instant."""

import signal
import subprocess
import time

import postgres

START_BALANCE = 1000
MAKE = """
CREATE SCHEMA checking; CREATE SCHEMA savings;
CREATE TABLE checking.accounts(id int PRIMARY KEY, balance bigint NOT NULL, pad text);
CREATE TABLE savings.accounts(id int PRIMARY KEY, balance bigint NOT NULL, pad text);
CREATE TABLE savings.transfers(id bigserial PRIMARY KEY, source int NOT NULL, target int NOT NULL,
  amount int NOT NULL);
INSERT INTO checking.accounts SELECT g, {balance}, repeat('.', 100) FROM generate_series(1, {n}) g;
INSERT INTO savings.accounts SELECT g, {balance}, repeat('.', 100) FROM generate_series(1, {n}) g;
ANALYZE;
"""
# Out of one account in checking, into one in savings; a negative amount goes the other way.
TRANSFER = """
\\set source random(1, {n})
\\set target random(1, {n})
\\set amount random(-100, 100)
BEGIN;
UPDATE checking.accounts SET balance = balance - :amount WHERE id = :source;
INSERT INTO savings.transfers(source, target, amount) VALUES (:source, :target, :amount);
UPDATE savings.accounts SET balance = balance + :amount WHERE id = :target;
END;
"""
PROBLEMS = """
SELECT 'the balances sum up to ' || total || ' instead of ' || wanted FROM (SELECT
  (SELECT sum(balance) FROM checking.accounts) + (SELECT sum(balance) FROM savings.accounts) total,
  ((SELECT count(*) FROM checking.accounts) + (SELECT count(*) FROM savings.accounts)) * {balance}
  wanted) sums WHERE total IS DISTINCT FROM wanted
UNION ALL
SELECT 'checking: account ' || id || ' has ' || balance || ' instead of ' || {balance} - moved
  FROM (SELECT a.id, a.balance, coalesce(sum(t.amount), 0) moved FROM checking.accounts a
  LEFT JOIN savings.transfers t ON t.source = a.id GROUP BY a.id) c
  WHERE balance <> {balance} - moved
UNION ALL
SELECT 'savings: account ' || id || ' has ' || balance || ' instead of ' || {balance} + moved
  FROM (SELECT a.id, a.balance, coalesce(sum(t.amount), 0) moved FROM savings.accounts a
  LEFT JOIN savings.transfers t ON t.target = a.id GROUP BY a.id) s
  WHERE balance <> {balance} + moved
LIMIT 10
"""


def make(server, name, accounts=20000):
    server.create(name, MAKE.format(balance=START_BALANCE, n=accounts))
    return server.url(name)


def problems(server, name):
    """What is wrong with it: an empty list where it is of one instant."""
    found = server.psql(PROBLEMS.format(balance=START_BALANCE), name).splitlines()
    if server.psql("SELECT count(*) FROM checking.accounts", name) == "0":
        found.append("there are no accounts")
    return found


def count(server, name):
    return int(server.psql("SELECT count(*) FROM savings.transfers", name))


class Load:
    """pgbench at full speed beside a test: with Load(…): … It must not be disturbed."""

    def __init__(self, server, name, script=None, clients=4, seed=0, options=()):
        self.server, self.name = server, name
        words = ["setpriv", "--pdeathsig=KILL", postgres.BIN / "pgbench", "-n", "-c", str(clients),
                 "-T", "100000", f"--random-seed={seed}", *options]
        if script is not None:
            path = server.folder.path / "script.sql"
            path.write_text(script)
            words += ["-f", path]
        self.words = [*words, name]
        self.process = None

    def __enter__(self):
        env = postgres.environment(PGHOST=self.server.socket, PGPORT=self.server.port,
                                   PGUSER="postgres")
        before = self.commits()
        self.process = subprocess.Popen(self.words, env=env, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + 30
        while self.commits() < before + 100:
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"pgbench does not write: {self.end()}")
            time.sleep(0.02)
        return self

    def commits(self):
        return int(self.server.psql("SELECT xact_commit FROM pg_stat_database WHERE datname = "
                                    + postgres.literal(self.name)))

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        return self.process.communicate()[1]

    def __exit__(self, kind, *_):
        ended = self.process.poll()
        told = self.end()
        if kind is None and (ended is not None or "ERROR" in told or "aborted" in told):
            raise AssertionError(f"the load was disturbed: {told}")


def load(server, name, rng, accounts=20000, clients=4):
    return Load(server, name, TRANSFER.format(n=accounts), clients, rng.getrandbits(31))

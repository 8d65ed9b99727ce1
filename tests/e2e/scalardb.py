# SPDX-License-Identifier: Apache-2.0
"""A bank over several databases that real ScalarDB holds together (tests/scalardb), and copies.

    system = scalardb.System([scalardb.Postgres(server), scalardb.Sqlite(path)], coordinator=0)
    app = scalardb.Application(self)
    app.open(system, log)                     # then make(), start(), run_until(300), stop()
    copy = app.read(system.of([…]))           # copies, also of other systems, one after another
    problems = copy.problems(scalardb_cut.Log(log))
"""

import functools
import os
import pathlib
import shutil
import sqlite3
import tempfile
import time
import unittest

import applications
import mysql
import scalardb_cut
import support

FOLDER = support.ROOT / "build/tools/scalardb"
NAMESPACES = ("bank_a", "bank_b", "bank_c")
ACCOUNTS = 200
START_BALANCE = 1000  # as in tests/scalardb/Bank.java
# ScalarDB's pools give up when a first connection is not answered within five seconds, which cannot
# be set, and happens where a machine is busy with other tests.
POOL_TRIES = 3
OPTIONS = {
    "isolation": "isolation_level",
    "group_commit": "coordinator.group_commit.enabled",
    # by default 20: fewer threads than that wait 40 ms for each other, 65 transactions a second
    "slot_capacity": "coordinator.group_commit.slot_capacity",
    "async_commit": "async_commit.enabled",
    "one_phase_commit": "one_phase_commit.enabled",
    "write_set_logging": "coordinator.write_set_logging.enabled",
    "coordinator_namespace": "coordinator.namespace",
}


@functools.lru_cache
def class_path():
    """Skips the test where ScalarDB is not there."""
    if shutil.which("java") is None or not (FOLDER / "classes/complete").is_file():
        why = "Java or ScalarDB's jars are not there (tools/scalardb_jars.sh build/tools/scalardb)"
        if {"java", "all"} & set(os.environ.get("STILLPOINT_REQUIRE", "").split(",")):
            raise AssertionError(why)
        raise unittest.SkipTest(why)
    return f"{FOLDER}/jars/*:{FOLDER}/classes"


class Postgres:
    """A database of a PostgreSQL server; ScalarDB's namespaces are schemas in it."""

    def __init__(self, server, name="bank"):
        self.server, self.name = server, name
        if name not in server.databases():
            server.create(name)

    def settings(self):
        return {"contact_points": f"jdbc:postgresql://127.0.0.1:{self.server.port}/{self.name}",
                "username": "postgres", "password": "postgres"}

    def rows(self, namespace, table, columns):
        """As lists of texts."""
        found = self.server.psql(f"SELECT {', '.join(columns)} FROM {namespace}.{table}", self.name)
        return [line.split("|") for line in found.splitlines()]

    def dump(self, path):
        """A plain copy, as another tool takes it."""
        self.server.tool("pg_dump", "-Fc", "-f", str(path), db=self.name)

    def load(self, path, server):
        """That copy as a new database of a server."""
        copy = Postgres(server, f"copy_{path.name.replace('.', '_').replace('-', '_')}")
        server.tool("pg_restore", "--exit-on-error", str(path), db=copy.name)
        return copy


class Maria:
    """A MariaDB server; ScalarDB's namespaces are databases of it."""

    def __init__(self, server):
        self.server = server

    def settings(self):
        return {"contact_points": f"jdbc:mariadb://127.0.0.1:{self.server.port}/",
                "username": "root", "password": ""}

    def rows(self, namespace, table, columns):
        found = self.server.sql(f"SELECT {', '.join(columns)} FROM {namespace}.{table}")
        return [line.split("\t") for line in found.splitlines()]

    def dump(self, path):
        mysql.checked([*self.server.client("mariadb-dump"), "--single-transaction", "--hex-blob",
                       f"--result-file={path}", "--databases", *self.server.schemas()],
                      env=mysql.environment())

    def load(self, path, server):
        """In place of all that the server has."""
        for name in server.schemas():
            server.sql(f"DROP DATABASE {mysql.quoted(name)}")
        server.sql(path.read_text(encoding="utf-8"))
        return Maria(server)


class Sqlite:
    """A file; ScalarDB's namespaces are prefixes of its tables."""

    def __init__(self, path, journal="WAL"):
        self.path = pathlib.Path(path)
        self._run(f"PRAGMA journal_mode={journal}")

    def _run(self, sql):
        db = sqlite3.connect(self.path, timeout=30)
        try:
            return db.execute(sql).fetchall()
        finally:
            db.close()

    def settings(self):
        return {"contact_points": f"jdbc:sqlite:{self.path}?busy_timeout=10000",
                "username": "", "password": ""}

    def rows(self, namespace, table, columns):
        found = self._run(f"SELECT {', '.join(columns)} FROM \"{namespace}${table}\"")
        return [[str(value) for value in row] for row in found]

    def dump(self, path):
        source, target = sqlite3.connect(self.path, timeout=30), sqlite3.connect(path)
        try:
            source.backup(target)
        finally:
            target.close()
            source.close()

    def load(self, path, place):
        return Sqlite(shutil.copy(path, place))


class System:
    """Databases and how ScalarDB is set up over them. With several, each has one namespace, and
    `coordinator` is the place of the one that commits."""

    def __init__(self, databases, coordinator=0, namespaces=None, **options):
        """For `options` see OPTIONS; a name that is not there is ScalarDB's own of a setting."""
        self.databases = list(databases)
        self.coordinator = coordinator
        self.namespaces = namespaces or NAMESPACES[:max(2, len(self.databases))]
        self.options = options

    def of(self, databases):
        """The same over copies."""
        return System(databases, self.coordinator, self.namespaces, **self.options)

    @property
    def coordinator_namespace(self):
        return self.options.get("coordinator_namespace", "coordinator")

    def properties(self):
        found = {"scalar.db.transaction_manager": "consensus-commit",
                 # the log tells who had written what was read
                 "scalar.db.consensus_commit.include_metadata.enabled": True}
        if len(self.databases) == 1:
            found["scalar.db.storage"] = "jdbc"
            found |= {f"scalar.db.{k}": v for k, v in self.databases[0].settings().items()}
        else:
            found |= self._several()
        for name, value in self.options.items():
            known = OPTIONS.get(name)
            found[f"scalar.db.consensus_commit.{known}" if known else name] = value
        return found

    def _several(self):
        first = "scalar.db.multi_storage"
        names = [f"storage_{place}" for place in range(len(self.databases))]
        places = dict(zip(self.namespaces, names), **{
            self.coordinator_namespace: names[self.coordinator]})
        found = {"scalar.db.storage": "multi-storage", f"{first}.storages": ",".join(names),
                 f"{first}.namespace_mapping": ",".join(f"{n}:{p}" for n, p in places.items()),
                 f"{first}.default_storage": names[0]}
        for name, database in zip(names, self.databases):
            settings = {"storage": "jdbc", **database.settings()}
            found |= {f"{first}.storages.{name}.{k}": v for k, v in settings.items()}
        return found

    def write(self, path):
        """The file that an application is started with."""
        lines = [f"{name}={str(value).lower() if isinstance(value, bool) else value}\n"
                 for name, value in self.properties().items()]
        pathlib.Path(path).write_text("".join(lines), encoding="utf-8")
        return path

    def committed(self):
        """The transactions that its coordinator has as COMMITTED."""
        children = "tx_child_ids" if self.options.get("group_commit") else "''"
        rows = self.databases[self.coordinator].rows(
            self.coordinator_namespace, "state",
            ["tx_id", f"coalesce({children}, '')", "tx_state"])
        return scalardb_cut.committed(rows)


class Copy:
    """What was read of a system through ScalarDB."""

    def __init__(self, system, cut, answer, lines, accounts):
        self.system, self.cut, self.answer, self.accounts = system, cut, answer, accounts
        self.total = int(answer.split()[1]) if lines else None
        self.records = {}  # item: (value, transaction)
        for line in lines:
            item, rest = line.split("=")
            value, transaction = rest.split("@")
            self.records[item] = (int(value), transaction)

    def problems(self, log, **when):
        """An empty list if it is an exact cut (for `when` see scalardb_cut.exact_cut)."""
        if self.total is None:
            return [self.answer]
        wanted = len(self.system.namespaces) * self.accounts * START_BALANCE
        wrong = [f"the sum is {self.total} instead of {wanted}"] if self.total != wanted else []
        return (wrong + scalardb_cut.later_ahead(self.records, self.system.namespaces)
                + scalardb_cut.exact_cut(log, self.cut, self.records, **when))


class Application(applications.Process):
    """The bank's process (tests/scalardb/Main.java). `address` is where it can be paused."""

    def __init__(self, case):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bank-", dir=case.folder))
        self.accounts = ACCOUNTS
        logger = "-Dorg.slf4j.simpleLogger."
        super().__init__(case, [
            "java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            f"{logger}defaultLogLevel=error", f"{logger}logFile={self.folder}/errors",
            "-cp", class_path(), "Main"])
        self.address = f"127.0.0.1:{self.port}"

    def tell(self, command, timeout=120):
        answer = self._ask(command, timeout)
        for _ in range(POOL_TRIES - 1):
            if "PoolInitializationException" in answer:
                answer = self._ask(command, timeout)
        if answer.startswith("failed"):
            raise AssertionError(f"{command}: {answer}")
        return answer

    def _ask(self, command, timeout):
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        return self._line(timeout)

    def errors(self):
        """What ScalarDB and the bank complain of."""
        path = self.folder / "errors"
        return path.read_text(errors="replace") if path.exists() else ""

    def open(self, system, log, accounts=ACCOUNTS):
        """Which databases, and where to log. A second process may go on with the same."""
        self.accounts = accounts
        file = system.write(self.folder / "database.properties")
        self.tell(f"open {file} {log} {','.join(system.namespaces)} {accounts}")
        return self

    def make(self):
        """The tables and the accounts."""
        self.tell("schema")
        return self

    def start(self, threads=8, seed=0):
        self.tell(f"start {threads} {seed}")

    @staticmethod
    def _counts(answer):
        words = answer.split()
        return dict(zip(words[::2], map(int, words[1::2])))

    def stats(self):
        """{"ok": …, "conflict": …, "unknown": …, "error": …}"""
        return self._counts(self.tell("stats"))

    def stop(self):
        """The stats when all threads have ended."""
        return self._counts(self.tell("stop"))

    def run_until(self, count, timeout=120):
        """Until that many transactions more have succeeded."""
        deadline = time.monotonic() + timeout
        wanted = self.stats()["ok"] + count
        while self.stats()["ok"] < wanted:
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.stats()} after {timeout} s: {self.errors()[-2000:]}")
            time.sleep(0.02)

    def read(self, system):
        """All records of a system, through ScalarDB; its coordinator is captured before."""
        cut = system.committed()
        place = pathlib.Path(tempfile.mkdtemp(prefix="copy-", dir=self.folder))
        file, records = system.write(place / "database.properties"), place / "records"
        try:
            answer = self.tell(f"read {file} {records} {','.join(system.namespaces)}", timeout=180)
        except AssertionError as error:
            return Copy(system, cut, str(error), [], self.accounts)
        return Copy(system, cut, answer, records.read_text().splitlines(), self.accounts)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""./dev bench mysql: Stillpoint beside mariadb-dump, mydumper and mariabackup, interleaved, as
ratios.

    mysql.py [--stillpoint PROGRAM] [--scale 15] [--rounds 3] [--write-rounds 3] [--peers-only]
             [--output FILE.md]

The server is the bench's own MariaDB, in a temporary folder, with a binary log and without fsync.
Wall seconds; CPU seconds of the client and its children; CPU seconds of the server. Besides, how
long a client that inserts all the time has to wait while each of them backs up.
"""

import pathlib
import shutil
import statistics
import sys
import threading
import time

import measure
import mysql_data
import servers
from servers import DB, PASSWORDS, TICKS, Stillpoint, Tool, ratios, steps_table, ticks

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/e2e"))
import mysql  # noqa: E402

SETTINGS = ["--innodb-buffer-pool-size=128M", "--innodb-log-file-size=96M",
            "--innodb-doublewrite=1",
            "--innodb-flush-log-at-trx-commit=1", "--max-allowed-packet=64M"]
DUMP, DUMPER, PLAIN = "mariadb-dump | zstd -3 -T2", "mydumper -t 2 -c", "mydumper -t 2"
BACKUP, LOGGED = "mariabackup | zstd -3 -T2", "myloader -t 2 -e"


class DumpZstd(Tool):
    def login(self):
        return f"--no-defaults --socket={self.bench.server.socket} --user=root"

    def backup(self):
        return self.shell(f"mariadb-dump {self.login()} --single-transaction --routines --events "
                          f"{DB} | zstd -q -3 -T2 > {self.repo}/dump.zst")

    def restore(self, target):
        return self.shell(f"zstd -q -d -c {self.repo}/dump.zst | "
                          f"mariadb {self.login()} {target}")


class Dumper(Tool):
    """Rows in pieces: it would read a table by one thread otherwise. Debian's compresses by gzip
    only."""

    compress = "-c"

    def login(self):
        return f"-S {self.bench.server.socket} -u root -t 2"

    def backup(self):
        return self.shell(f"mydumper {self.login()} -B {DB} -r 100000 -G -E -R {self.compress} "
                          f"-o {self.repo}/dump")

    def restore(self, target, how=""):
        return self.shell(f"myloader {self.login()} -B {target} -d {self.repo}/dump {how}")

    def restore_logged(self, target):
        """myloader keeps what it does from the binary log unless it is told otherwise."""
        return self.restore(target, "-e")


class DumperPlain(Dumper):
    compress = ""


class MariaBackup(Tool):
    """Physical backups of the whole server."""

    def backup(self):
        return self.shell(
            f"mariabackup --no-defaults --backup --stream=mbstream --parallel=2 "
            f"--datadir={self.bench.server.data} --socket={self.bench.server.socket} --user=root "
            f"--target-dir={self.repo}/temporary | zstd -q -3 -T2 > {self.repo}/backup.zst")

    def restore(self, target):
        """Into an empty folder: what is missing for a running server is its start."""
        place = self.bench.folder / target
        place.mkdir()
        usage = self.shell(f"zstd -q -d -c {self.repo}/backup.zst | mbstream -x -C {place} && "
                           f"mariabackup --no-defaults --prepare --target-dir={place}")
        shutil.rmtree(place)
        return usage


class Writer:
    """Inserts all the time, a statement a commit, and keeps the time that each has taken."""

    def __init__(self, server):
        self.session = mysql.Session(None, server, DB)
        self.times = []
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.write)

    def write(self):
        while not self.ends.is_set():
            begin = time.monotonic()
            self.session.run("INSERT INTO writes (v) VALUES (REPEAT('x', 80))")
            self.times.append(1000 * (time.monotonic() - begin))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.thread.join()
        self.session.close()


class Bench(servers.Bench):
    def __init__(self, options):
        super().__init__(options, mysql.Server(options=SETTINGS))
        self.environment = {**PASSWORDS, **mysql.environment()}
        kinds = {DUMP: DumpZstd, DUMPER: Dumper, PLAIN: DumperPlain, BACKUP: MariaBackup}
        if not options.peers_only:
            kinds["stillpoint"] = Stillpoint
        self.tools = [make(self, name) for name, make in kinds.items()]
        self.waits = {}

    def server_cpu(self):
        return ticks(self.server.process.pid, False) / TICKS

    def round(self):
        """Every tool backs up, then every tool restores."""
        for tool in self.tools:
            tool.fresh()
            self.note("backup", tool, tool.backup, True)
        for tool in self.tools:
            self.restore(tool, tool.restore, tool.name.replace("mydumper", "myloader"))
            if tool.name == DUMPER:
                self.restore(tool, tool.restore_logged, LOGGED)

    def restore(self, tool, run, name):
        if isinstance(tool, DumpZstd):
            self.server.create("restored")
        self.note("restore", tool, lambda: run("restored"), name=name)
        if not isinstance(tool, MariaBackup):
            self.compare(name)
        for schema in self.server.schemas():  # what it made, and what ours kept
            if schema != DB:
                self.server.sql(f"DROP DATABASE {mysql.quoted(schema)}")
        self.server.sql("RESET MASTER")

    def compare(self, name):
        """A restore that is quick and wrong is none."""
        for table in ("accounts", "orders", "files"):
            one, other = (self.server.sql(f"CHECKSUM TABLE {schema}.{table}").split()[1]
                          for schema in (DB, "restored"))
            if one != other:
                raise RuntimeError(f"{name} restored another {table}")

    def write_waits(self):
        """The longest insert beside each, and for as long without any."""
        for tool in [*self.tools, None]:
            with Writer(self.server) as writer:
                if tool is None:
                    time.sleep(3)
                else:
                    tool.fresh()
                    tool.backup()
            name = "no backup" if tool is None else tool.name
            self.waits.setdefault(name, []).append(writer.times)
            print(f"inserts beside {name}: {len(writer.times)}, longest "
                  f"{max(writer.times):.1f} ms", file=sys.stderr)
        self.server.sql("TRUNCATE TABLE writes", DB)


def goals_table(bench):
    goals, steps = measure.Goals(), bench.steps
    if bench.options.peers_only:
        return goals.table()
    backup, restore, ours = steps["backup"], steps["restore"], "stillpoint"
    goals.at_most(f"backup, wall / {DUMPER}", 0.6, ratios(backup, "wall", ours, DUMPER))
    goals.ratio(f"backup, wall / {PLAIN} (no compression)", ratios(backup, "wall", ours, PLAIN))
    goals.ratio(f"backup, wall / {DUMP}", ratios(backup, "wall", ours, DUMP))
    goals.ratio(f"backup, wall / {BACKUP}", ratios(backup, "wall", ours, BACKUP))
    goals.at_most(f"backup, client CPU / {DUMP}", 1.0, ratios(backup, "cpu", ours, DUMP))
    goals.ratio(f"backup, server CPU / {DUMP}", ratios(backup, "server", ours, DUMP))
    goals.ratio(f"backup, bytes / {DUMP}", ratios(backup, "bytes", ours, DUMP))
    loader = DUMPER.replace("mydumper", "myloader")
    goals.at_most(f"restore, wall / {LOGGED} (with binary log, as ours)", 0.7,
                  ratios(restore, "wall", ours, LOGGED))
    goals.at_most(f"restore, wall / {loader} (without)", 0.7, ratios(restore, "wall", ours, loader))
    goals.ratio(f"restore, wall / {DUMP}", ratios(restore, "wall", ours, DUMP))
    goals.ratio(f"restore, client CPU / {LOGGED}", ratios(restore, "cpu", ours, LOGGED))
    goals.ratio(f"restore, server CPU / {LOGGED}", ratios(restore, "server", ours, LOGGED))
    return goals.table()


def waits_table(waits):
    lines = ["| inserts beside | a second | median ms | 99.9 % ms | longest ms (of each round) |",
             "|---|---:|---:|---:|---:|"]
    for name, rounds in waits.items():
        def middle(value):
            return statistics.median(value(times) for times in rounds)
        row = [f"{middle(lambda times: 1000 * len(times) / sum(times)):.0f}",
               f"{middle(statistics.median):.2f}",
               f"{middle(lambda times: sorted(times)[len(times) * 999 // 1000]):.1f}",
               f"{middle(max):.1f} ({', '.join(f'{max(times):.1f}' for times in rounds)})"]
        lines.append(f"| {name.replace('|', chr(92) + '|')} | " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def parse():
    parser = servers.parser(__doc__)
    parser.add_argument("--write-rounds", type=int, default=3)
    return servers.parsed(parser)


def main():
    options = parse()
    bench = Bench(options)
    try:
        size = mysql_data.make(bench.server, DB, options.scale)
        print(f"a database of {size / 1e6:.0f} MB", file=sys.stderr)
        for _ in range(options.rounds):
            bench.round()
        for _ in range(options.write_rounds):
            bench.write_waits()
        goals = goals_table(bench)
        waits = waits_table(bench.waits)
        print(goals + "\n\n" + steps_table(bench.steps) + "\n" + waits)
        if options.output:
            versions = [f"MariaDB {bench.server.sql('SELECT VERSION()')}",
                        mysql.checked(["mydumper", "--version"]).split(",")[0]]
            page = servers.page(bench, "MariaDB: beside mariadb-dump, mydumper and mariabackup",
                                "./dev bench mysql", versions, size, goals, waits)
            pathlib.Path(options.output).write_text(page, encoding="utf-8")
    finally:
        bench.server.close()


if __name__ == "__main__":
    main()

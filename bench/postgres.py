#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""./dev bench postgres: Stillpoint beside pg_dump, restic and pgBackRest, interleaved, as ratios.

    postgres.py [--stillpoint PROGRAM] [--restic PROGRAM] [--scale 15] [--rounds 3] [--updates 3]
                [--load-seconds 20] [--limit-rate 8MiB] [--peers-only] [--output FILE.md]

The server is the bench's own, in a temporary folder, with fsync off. Wall seconds; CPU seconds of
the client and its children; CPU seconds of the server: of the postmaster and all its processes,
also those that have ended.
"""

import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time

import measure
import postgres_data
import servers
from servers import DB, PASSWORDS, TICKS, Stillpoint, Tool, ratios, steps_table, ticks

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/e2e"))
import postgres  # noqa: E402

SETTINGS = {"autovacuum": "on", "shared_buffers": "128MB", "max_wal_size": "4GB",
            "wal_level": "replica", "max_wal_senders": "5", "full_page_writes": "on"}


class DumpFolder(Tool):
    """What people use for large databases."""

    def backup(self):
        return self.shell(f"{postgres.BIN}/pg_dump -Fd -j2 -f {self.repo}/dump {DB}")

    def restore(self, target):
        return self.shell(f"{postgres.BIN}/pg_restore -j2 -d {target} {self.repo}/dump")

    def analyze(self, target):
        return self.shell(f"{postgres.BIN}/vacuumdb -q -j2 --analyze-only {target}")


class DumpZstd(Tool):
    def backup(self):
        return self.shell(f"{postgres.BIN}/pg_dump -Z0 {DB} | "
                          f"zstd -q -3 -T2 > {self.repo}/dump.zst")


class DumpRestic(Tool):
    def restic(self, words):
        return f"{shlex.quote(self.bench.options.restic)} -q -r {self.repo}/r --no-cache {words}"

    def backup(self):
        self.shell(self.restic("init"))
        return self.again()

    def again(self):
        return self.shell(f"{postgres.BIN}/pg_dump {DB} | "
                          + self.restic("backup --stdin --stdin-filename dump.sql"))


class PgBackRest(Tool):
    """Physical backups of the whole server. The archive is off: the backup's own WAL is not needed
    for what is measured here. It runs as the server's user."""

    more = ""

    def words(self, command, options="", data=None):
        """In a file of configuration every command skips what it does not know."""
        server, config = self.bench.server, self.bench.folder / f"{self.repo.name}.conf"
        config.write_text(
            f"[global]\nrepo1-path={self.repo}\nlock-path={self.bench.server.folder.path}/lock\n"
            "log-level-file=off\nlog-level-console=error\nprocess-max=2\ncompress-type=zst\n"
            f"repo1-retention-full=99\nstart-fast=y\narchive-check=n\n{self.more}"
            f"[bench]\npg1-path={data or server.data}\npg1-port={server.port}\n"
            f"pg1-socket-path={server.socket}\npg1-user=postgres\n", encoding="ascii")
        return " ".join([*postgres.as_server_user(), "pgbackrest", "--stanza=bench",
                         f"--config={config}", options, command])

    def backup(self):
        self.shell(self.words("stanza-create"))
        return self.run("full")

    def again(self):
        return self.run("incr")

    def run(self, kind):
        return self.shell(self.words("backup", f"--type={kind}"))

    def restore(self, target):
        """Into an empty folder: what is missing for a running server is its start."""
        place = self.bench.folder / "restored"
        place.mkdir()
        postgres.give(place)
        usage = self.shell(self.words("restore", data=place))
        shutil.rmtree(place)
        return usage


class PgBackRestBlocks(PgBackRest):
    """Block incremental: standard since 2.46, in Debian 12's 2.45 as beta."""

    more = "repo1-bundle=y\nrepo1-block=y\nbeta=y\n"
    restore = None


class Bench(servers.Bench):
    def __init__(self, options):
        super().__init__(options, postgres.Server(settings=SETTINGS))
        self.server.place("lock")
        self.environment = {**PASSWORDS, "PGHOST": str(self.server.socket),
                            "PGPORT": str(self.server.port), "PGUSER": "postgres"}
        kinds = {"pg_dump -Fd -j2": DumpFolder, "pg_dump -Z0 | zstd -3 -T2": DumpZstd,
                 "pg_dump | restic": DumpRestic, "pgBackRest": PgBackRest,
                 "pgBackRest, blocks": PgBackRestBlocks}
        if not options.peers_only:
            kinds["stillpoint"] = Stillpoint
        self.tools = [make(self, name) for name, make in kinds.items()]

    def give(self, path):
        postgres.give(path, 0o755)

    def server_cpu(self):
        """Backends that have ended are in what the postmaster says of its children."""
        until = time.monotonic() + 10
        query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        while self.server.psql(query) != "1" and time.monotonic() < until:
            time.sleep(0.02)
        total = ticks(self.server.process.pid, True)
        for pid in self.server.children():
            try:
                total += ticks(pid, True)
            except OSError:
                continue  # it ends now: its ticks are missing from this sum
        return total / TICKS

    def round(self):
        """Every tool backs up, then every tool restores."""
        for tool in self.tools:
            tool.fresh()
            self.note("backup", tool, tool.backup, True)
        for tool in self.tools:
            if tool.restore is None:
                continue
            if not isinstance(tool, PgBackRest):
                self.server.psql("DROP DATABASE IF EXISTS restored")
                if not isinstance(tool, Stillpoint):
                    self.server.create("restored")
            self.note("restore", tool, lambda tool=tool: tool.restore("restored"))
            if tool.analyze:
                self.note("analyze", tool, lambda tool=tool: tool.analyze("restored"))
        self.server.psql("DROP DATABASE IF EXISTS restored")

    def update(self):
        """2 % of the rows change; what does the next backup add?"""
        postgres_data.update(self.server, DB)
        for tool in self.tools:
            if tool.again is not None:
                self.note("after 2 % updates", tool, tool.again, True)

    def pgbench(self, beside=None):
        """Transactions a second while something runs all the time."""
        words = [postgres.BIN / "pgbench", "-n", "-N", "-c4", "-j1", "-T",
                 str(self.options.load_seconds), DB]
        load = subprocess.Popen(words, env={**os.environ, **self.environment},
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while beside and load.poll() is None:
            beside()
        out, err = load.communicate()
        if load.returncode:
            raise RuntimeError(f"pgbench: {err}")
        return float(next(line for line in out.splitlines() if line.startswith("tps")).split()[2])

    def impact(self):
        """Each beside what pgbench makes alone right before. A run that is under way at the end of
        pgbench goes on after it: only what pgbench saw counts."""
        ratios = {}
        for tool in self.tools:
            run = {DumpFolder: None, DumpZstd: tool.backup, PgBackRest: None, DumpRestic: None,
                   PgBackRestBlocks: None}.get(type(tool), getattr(tool, "throttled", None))
            if run is None:
                continue
            alone = self.pgbench()
            beside = self.pgbench(run)
            ratios[tool.name] = beside / alone
            print(f"pgbench beside {tool.name}: {beside:.0f} of {alone:.0f} tps", file=sys.stderr)
        return ratios


def goals_table(bench, impact):
    goals = measure.Goals()
    steps, fd, z0 = bench.steps, "pg_dump -Fd -j2", "pg_dump -Z0 | zstd -3 -T2"
    if not bench.options.peers_only:
        backup, restore = steps["backup"], steps["restore"]
        goals.at_most("backup, wall / -Fd -j2", 0.6, ratios(backup, "wall", "stillpoint", fd))
        goals.at_most("backup, client CPU / -Z0 | zstd -3", 1.0,
                      ratios(backup, "cpu", "stillpoint", z0))
        goals.ratio("backup, server CPU / -Z0 | zstd -3",
                    ratios(backup, "server", "stillpoint", z0))
        goals.ratio("backup, bytes / -Z0 | zstd -3", ratios(backup, "bytes", "stillpoint", z0))
        goals.ratio("backup, wall / pgBackRest", ratios(backup, "wall", "stillpoint", "pgBackRest"))
        goals.at_most("restore, wall / pg_restore -j2", 0.7,
                      ratios(restore, "wall", "stillpoint", fd))
        analyzed = [usage.wall / (theirs.wall + after.wall) for usage, theirs, after in
                    zip(restore["stillpoint"], restore[fd], steps["analyze"][fd])]
        goals.ratio("restore, wall / pg_restore -j2, vacuumdb -j2 --analyze-only", analyzed)
        goals.ratio("restore, client CPU / pg_restore -j2",
                    ratios(restore, "cpu", "stillpoint", fd))
        goals.ratio("restore, server CPU / pg_restore -j2",
                    ratios(restore, "server", "stillpoint", fd))
        if "after 2 % updates" in steps:
            for peer in ("pg_dump | restic", "pgBackRest", "pgBackRest, blocks"):
                goals.ratio(f"bytes added after 2 % updates / {peer}",
                            ratios(steps["after 2 % updates"], "bytes", "stillpoint", peer))
    for tool in {name for found in impact for name in found}:
        values = [found[tool] for found in impact]
        if tool == "stillpoint":
            goals.at_least(f"pgbench beside stillpoint --limit-rate {bench.options.limit_rate}",
                           0.9, values)
        else:
            goals.ratio(f"pgbench beside {tool}", values)
    return goals.table()


def page(bench, size, goals):
    options = bench.options
    versions = [f"PostgreSQL {bench.server.psql('SHOW server_version')}",
                postgres.checked([options.restic, "version"]).split(" compiled")[0],
                postgres.checked(["pgbackrest", "version"]).strip()]
    return servers.page(bench, "PostgreSQL: beside pg_dump, restic and pgBackRest",
                        "./dev bench postgres", versions, size, goals)


def parse():
    parser = servers.parser(__doc__)
    parser.add_argument("--restic", default=os.environ.get("RESTIC", "restic"))
    parser.add_argument("--updates", type=int, default=3)
    parser.add_argument("--load-seconds", type=int, default=20)
    parser.add_argument("--load-rounds", type=int, default=3)
    parser.add_argument("--limit-rate", default="8MiB")
    return servers.parsed(parser)


def main():
    options = parse()
    bench = Bench(options)
    try:
        size = postgres_data.make(bench.server, DB, options.scale)
        print(f"a database of {size / 1e6:.0f} MB", file=sys.stderr)
        for _ in range(options.rounds):
            bench.round()
        for _ in range(options.updates):
            bench.update()
        impact = [bench.impact() for _ in range(options.load_rounds)]
        goals = goals_table(bench, impact)
        print(goals + "\n\n" + steps_table(bench.steps))
        if options.output:
            pathlib.Path(options.output).write_text(page(bench, size, goals), encoding="utf-8")
    finally:
        bench.server.close()


if __name__ == "__main__":
    main()

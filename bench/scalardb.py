#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""./dev bench scalardb: how long commits wait for the commit gate, and what backups take from an
application on real ScalarDB over PostgreSQL, SQLite and MariaDB; beside the procedure by hand with
Scalar's Java client.

    scalardb.py [--stillpoint PROGRAM] [--windows 200] [--large-windows 30] [--rows 5000000]
                [--accounts 20000] [--threads 8,2] [--rounds 3] [--limit-rate 3MiB]
                [--output FILE.md]

Each window is of a whole backup. "Asked to released" is from asking for the coordinator's lock to
the answer that it is released, as the manifest tells it; what the application saw is from its own
log of all commits.
"""

import argparse
import bisect
import datetime
import os
import pathlib
import platform
import statistics
import sys
import time

import measure

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/e2e"))
import applications  # noqa: E402
import scalardb  # noqa: E402
import scalardb_case  # noqa: E402
import support  # noqa: E402

WARM_UP = 2000  # transactions: Java is slow at first
MANY_ROWS = """
INSERT INTO coordinator.state (tx_id, tx_state, tx_created_at)
SELECT gen_random_uuid()::text, 3, (extract(epoch FROM now()) * 1000)::bigint - 86400000 - g
FROM generate_series(1, {}) g;
"""


def quantile(values, part):
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def steps(begin, end, count):
    return [begin + (end - begin) * i / count for i in range(count)]


class Commits:
    """The application's commits that succeeded, by the time of their end; seconds."""

    def __init__(self, log):
        self.all = sorted((end / 1e6, begin / 1e6) for outcome, begin, end in log.ends.values()
                          if outcome == "ok")
        self.ends = [end for end, _ in self.all]

    def count(self, begin, end):
        return bisect.bisect(self.ends, end) - bisect.bisect(self.ends, begin)

    def within(self, begin, end):
        return self.all[bisect.bisect(self.ends, begin):bisect.bisect(self.ends, end)]

    def longest(self, begin, end):
        """Of those that overlap it. None takes longer than some seconds."""
        return max((e - b for e, b in self.within(begin, end + 10) if b <= end), default=0)

    def standstill(self, begin, end):
        """The longest time without any, near it."""
        near = self.ends[max(0, bisect.bisect(self.ends, begin) - 1):
                         bisect.bisect(self.ends, end) + 1]
        return max((b - a for a, b in zip(near, near[1:])), default=0)


class Bench(scalardb_case.ScalardbCase):
    def __init__(self, options):
        super().__init__("id")
        self.options, self.lines = options, []
        self.goals = measure.Goals()

    def pace(self, threads):
        """The application at work, warmed up."""
        self.app.start(threads=threads, seed=1)
        self.app.run_until(WARM_UP)

    def one(self, *arguments):
        """From when to when it ran, and its id."""
        begin = time.time()
        backup = self.take("--window", "gate", *arguments)
        return begin, time.time(), backup

    def windows(self, name, count, threads, goal):
        self.pace(threads)
        backups = []
        for number in range(count):
            backups.append(self.one()[2])
            self.say(f"{name}: window {number + 1} of {count}", end="\r")
        # what is normal
        normal_begin = time.time()
        time.sleep(20)
        normal_end = time.time()
        self.app.stop()
        commits = Commits(self.written())
        tries = [self.manifest(backup)["gate"]["tries"] for backup in backups]
        stops, beyond, stills = [], [], []
        for last in (one[-1] for one in tries):
            begin = scalardb_case.micros(last["asked"]) / 1e6
            stop = (last["waited_us"] + last["held_us"]) / 1e6
            stops.append(1000 * stop)
            beyond.append(1000 * (commits.longest(begin, begin + stop) - stop))
            stills.append(1000 * commits.standstill(begin, begin + stop))
        normal = [1000 * (e - b) for e, b in commits.within(normal_begin, normal_end)]
        usual = [1000 * commits.longest(at, at + stop / 1000) for at, stop in zip(
            steps(normal_begin, normal_end - 1, count), stops)]
        rate = len(normal) / (normal_end - normal_begin)
        self.row(name, f"{rate:.0f}", stops)
        self.row(f"{name}: no commit at all for", "", stills)
        self.row(f"{name}: longest commit less the hold", "", beyond)
        self.row(f"{name}: longest commit as long after, without a backup", "", usual)
        self.row(f"{name}: commits without a backup", "", normal)
        more = sum(len(one) > 1 for one in tries)
        self.lines.append(f"| {name}: windows that needed more than one try | | {more} of {count} "
                          "| | | |")
        if goal:
            self.goals.at_most(f"{name}: asked to released, p50 ms", 6,
                               [quantile(stops, 0.5)])
            self.goals.at_most(f"{name}: asked to released, p99 ms", 30, [quantile(stops, 0.99)])
            self.goals.at_most(f"{name}: longest commit less the hold, ms", 50, [max(beyond)])

    def row(self, name, rate, values):
        self.lines.append(f"| {name} | {rate} | " + " | ".join(
            f"{value:.1f}" for value in (min(values), quantile(values, 0.5),
                                         quantile(values, 0.99), max(values))) + " |")
        self.say(self.lines[-1])

    @staticmethod
    def say(text, end="\n"):
        print(text, file=sys.stderr, end=end, flush=True)

    def throughput(self, threads):
        """Of the application while a backup runs, over that of the same time before and after."""
        for name, arguments in (("", ()), (f" with --limit-rate {self.options.limit_rate}",
                                           ("--limit-rate", self.options.limit_rate))):
            self.pace(threads)
            times = []
            for _ in range(self.options.rounds):
                time.sleep(max(5, times[-1][1] - times[-1][0] if times else 5))
                times.append(self.one(*arguments)[:2])
            time.sleep(times[-1][1] - times[-1][0])
            self.app.stop()
            commits = Commits(self.written())
            ratios = []
            for begin, end in times:
                before = commits.count(2 * begin - end, begin)
                after = commits.count(end, 2 * end - begin)
                ratios.append(2 * commits.count(begin, end) / (before + after))
            seconds = statistics.median(end - begin for begin, end in times)
            what = f"transactions while a backup of {seconds:.0f} s runs{name}, over those without"
            if arguments:
                self.goals.at_least(what, 0.9, ratios)
            else:
                self.goals.ratio(what, ratios)

    def by_hand(self, name, rounds):
        """Java's pause, plain dumps one after the other, Java's unpause."""
        self.pace(8)
        times = []
        for number in range(rounds):
            begin = time.time()
            applications.java_tool(self, "-c", "pause", "-a", self.app.address)
            for place, database in enumerate(self.system.databases):
                path = self.folder / f"by_hand_{place}"
                path.unlink(missing_ok=True)
                database.dump(path)
            applications.java_tool(self, "-c", "unpause", "-a", self.app.address)
            times.append((begin, time.time()))
            self.say(f"{name} {number + 1}", end="\r")
            self.app.run_until(500)
        self.app.stop()
        commits = Commits(self.written())
        self.row(name, "", [1000 * commits.standstill(*one) for one in times])

    def run_all(self):
        options = self.options
        self.make("PSM", accounts=options.accounts)
        for threads in options.threads:
            self.windows(f"{threads} threads", options.windows, threads,
                         threads == options.threads[-1])
        self.by_hand("by hand with the Java client: no commit at all for", options.rounds)
        self.grow(options.rows // 5)
        threads = options.threads[-1]
        self.throughput(threads)
        self.grow(options.rows - options.rows // 5)
        self.windows(f"{threads} threads, {options.rows:,} coordinator rows",
                     options.large_windows, threads, True)
        self.by_hand(f"by hand, {options.rows:,} coordinator rows: no commit at all for", 2)

    def grow(self, rows):
        self.say(f"{rows:,} more rows for the coordinator")
        server = self.system.databases[0].server
        server.psql(MANY_ROWS.format(rows), "bank")
        server.psql("VACUUM ANALYZE coordinator.state", "bank")

    def page(self):
        options = self.options
        return "\n".join([
            "# ScalarDB: how long commits wait", "",
            f"By `./dev bench scalardb --windows {options.windows} --large-windows "
            f"{options.large_windows} --rounds {options.rounds}` on {datetime.date.today()}: "
            f"{os.cpu_count()} cores, {platform.system()} {platform.release()}; ScalarDB 3.19.1 "
            "over PostgreSQL 15 (coordinator), SQLite and MariaDB 10.11, all on the same machine, "
            "fsync off; transfers at full speed.", "", "```", self.goals.table(), "```", "",
            "| | commits a second | min ms | p50 ms | p99 ms | max ms |",
            "|---|---:|---:|---:|---:|---:|", *self.lines, "",
            "The first line of a series is from asking for the coordinator's lock to the answer "
            "that it was released. \"As long after\" is the same, of intervals of the same lengths "
            "in which no backup was taken: how late an application's slowest commit is when "
            "nobody holds it. It and all servers share the processors with the backup.", ""])


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stillpoint", default=support.BINARY)
    parser.add_argument("--windows", type=int, default=200)
    parser.add_argument("--large-windows", type=int, default=30)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--accounts", type=int, default=20_000, help="in each database")
    parser.add_argument("--threads", default="8,2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit-rate", default="3MiB")
    parser.add_argument("--output")
    options = parser.parse_args()
    options.threads = [int(one) for one in options.threads.split(",")]
    support.BINARY = os.path.abspath(options.stillpoint)
    return options


def main():
    options = parse()
    scalardb.class_path()
    applications.jars()
    bench = Bench(options)
    try:
        bench.setUp()
        bench.run_all()
        print(bench.page())
        if options.output:
            pathlib.Path(options.output).write_text(bench.page(), encoding="utf-8")
    finally:
        bench.doCleanups()


if __name__ == "__main__":
    main()

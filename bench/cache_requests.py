#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many objects commands read from the storage, without a cache, with an empty one, and with one
that is filled. By strace, of a repository in a folder; numbers only, no times.

    cache_requests.py [--stillpoint PROGRAM] [--backups 200]
"""

import argparse
import collections
import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile

# How a folder's storage opens an object, as strace -y prints it.
GET = re.compile(r'openat\(\d+<([^>]*)>, "([^"]+)", O_RDONLY\|O_NONBLOCK\|O_NOFOLLOW')
KINDS = ("index", "snapshots", "data")
STATES = ("no cache", "empty cache", "filled cache")


class Measurement:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.repo = os.path.join(folder, "repo")
        self.cache = os.path.join(folder, "cache")
        self.database = os.path.join(folder, "bank.db")
        self.environment = dict(os.environ, STILLPOINT_PASSWORD="bench")

    def stillpoint(self, *words, repo=None, under=()):
        command = [*under, self.options.stillpoint, "--repo", repo or self.repo, "--state-dir",
                   os.path.join(self.folder, "state"), "--quiet", *words]
        subprocess.run(command, env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def change(self, number):
        with contextlib.closing(sqlite3.connect(self.database)) as database, database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, x BLOB)")
            database.executemany("INSERT INTO t(x) VALUES(?)", [(os.urandom(1000),)] * 20)
            database.execute("DELETE FROM t WHERE id % 17 = ?", (number % 17,))

    def make(self):
        self.stillpoint("init")
        for number in range(self.options.backups):
            self.change(number)
            self.stillpoint("backup", self.database, "--cache", "off")

    def requests(self, words, *cache):
        """Of a copy of the repository, so that every run finds the same."""
        copy = os.path.join(self.folder, "copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.repo, copy)
        log = os.path.join(self.folder, "strace")
        self.stillpoint(*words, *cache, repo=copy,
                        under=("strace", "-f", "-y", "-e", "trace=openat", "-o", log))
        counts = collections.Counter()
        with open(log, encoding="utf-8") as lines:
            for line in lines:
                found = GET.search(line)
                if found and found.group(1) == copy:
                    counts[found.group(2).split("/")[0]] += 1
        return counts

    def measure(self, words):
        on = ("--cache", "on", "--cache-dir", self.cache)
        shutil.rmtree(self.cache, ignore_errors=True)
        return [self.requests(words, "--cache", "off"), self.requests(words, *on),
                self.requests(words, *on)]


def row_of(name, state, counts):
    others = sum(count for kind, count in counts.items() if kind not in KINDS)
    figures = [*(counts[kind] for kind in KINDS), others, sum(counts.values())]
    return f"| {name} | {state} | " + " | ".join(str(figure) for figure in figures) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stillpoint", default="build/dev/src/cli/stillpoint")
    parser.add_argument("--backups", type=int, default=200)
    options = parser.parse_args()
    options.stillpoint = os.path.abspath(options.stillpoint)
    with tempfile.TemporaryDirectory(prefix="stillpoint-bench-") as folder:
        measurement = Measurement(options, os.path.realpath(folder))
        measurement.make()
        print("| command | | index | records | packs | others | all |")
        print("|---|---|---:|---:|---:|---:|---:|")
        commands = (("list",), ("ls", "latest"), ("backup", measurement.database), ("prune",))
        for words in commands:
            for state, counts in zip(STATES, measurement.measure(words)):
                print(row_of(words[0], state, counts), flush=True)


if __name__ == "__main__":
    main()

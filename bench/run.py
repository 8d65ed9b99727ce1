#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""./dev bench: Stillpoint beside restic on the same data, interleaved, as ratios.

    run.py [--stillpoint PROGRAM] [--restic PROGRAM] [--mib 1000] [--rounds 3]

Both derive a key from the password in each run, at about the same cost (0.2 s): with much less data
that is most of what is measured.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

import data
import measure

PASSWORD = {"STILLPOINT_PASSWORD": "bench", "RESTIC_PASSWORD": "bench"}


class Round:
    """One backup, check and restore by both programs, in fresh repositories."""

    def __init__(self, options, database, folder):
        self.options, self.database, self.folder = options, database, folder
        self.ours = os.path.join(folder, "ours")
        self.theirs = os.path.join(folder, "theirs")

    def stillpoint(self, *words):
        return measure.run([self.options.stillpoint, "--repo", self.ours, "--quiet", *words],
                           PASSWORD)

    def restic(self, *words):
        return measure.run([self.options.restic, "--repo", self.theirs, "--no-cache", *words],
                           PASSWORD)

    def step(self, name):
        """The same job by both; restores are followed by the check that ours contains."""
        target = os.path.join(self.folder, "restored")
        measure.forget(self.ours)
        measure.forget(self.theirs)
        if name == "init":
            return self.stillpoint("init"), self.restic("init")
        if name == "backup":
            return self.stillpoint("backup", self.database), self.restic("backup", self.database)
        if name == "check":
            return self.stillpoint("check", "--read-data"), self.restic("check", "--read-data")
        os.makedirs(target)
        copy = os.path.join(target, "copy.db")
        if name == "dump":
            path = "bench/data/bench.db"
            pair = (self.stillpoint("dump", "latest", path, "--output", copy),
                    self.restic("restore", "latest", "--target", target))
        else:
            ours = self.stillpoint("restore", "latest", "--to", copy)
            theirs = self.restic("restore", "latest", "--target", target)
            checked = measure.run(["sqlite3", target + self.database, "PRAGMA integrity_check"])
            theirs.cpu += checked.cpu
            theirs.wall += checked.wall
            pair = (ours, theirs)
        shutil.rmtree(target)
        return pair


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stillpoint", default=os.environ.get("STILLPOINT"))
    parser.add_argument("--restic", default=os.environ.get("RESTIC", "restic"))
    parser.add_argument("--mib", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not options.stillpoint:
        parser.error("name the program: --stillpoint or STILLPOINT")
    options.stillpoint = os.path.abspath(options.stillpoint)
    return options


def main():
    options = parse()
    goals = measure.Goals()
    version = subprocess.run([options.restic, "version"], capture_output=True, text=True,
                             check=True)
    goals.fact("peer", version.stdout.split(" compiled")[0])
    goals.fact("data", f"{options.mib} MiB of rows, seed 1, {options.rounds} rounds")
    ratios = {}

    def note(name, ours, theirs):
        ratios.setdefault(name, []).append(ours / theirs)

    with tempfile.TemporaryDirectory(prefix="stillpoint-bench-") as base:
        database = os.path.join(base, "bench.db")
        data.make_database(database, options.mib)
        for number in range(options.rounds):
            folder = os.path.join(base, f"round-{number}")
            os.mkdir(folder)
            this = Round(options, database, folder)
            this.step("init")
            for step in ("backup", "check", "restore", "dump"):
                ours, theirs = this.step(step)
                note(step + " cpu", ours.cpu, theirs.cpu)
                note(step + " wall", ours.wall, theirs.wall)
                note(step + " memory", ours.rss_mib, theirs.rss_mib)
                print(f"round {number} {step}: CPU {ours.cpu:.2f} and {theirs.cpu:.2f} s, wall "
                      f"{ours.wall:.2f} and {theirs.wall:.2f} s, memory {ours.rss_mib:.0f} and "
                      f"{theirs.rss_mib:.0f} MiB", file=sys.stderr)
            note("stored", measure.folder_bytes(this.ours), measure.folder_bytes(this.theirs))
            shutil.rmtree(folder)
    goals.at_most("first backup, CPU / restic", 0.45, ratios["backup cpu"])
    goals.at_most("first backup, wall / restic", 0.5, ratios["backup wall"])
    goals.at_most("first backup, bytes stored / restic", 1.05, ratios["stored"])
    goals.at_most("restore of the file, CPU / restic", 0.5, ratios["dump cpu"])
    goals.ratio("restore with its check, CPU / restic + sqlite3's integrity_check",
                ratios["restore cpu"])
    goals.at_most("check --read-data, CPU / restic", 0.6, ratios["check cpu"])
    print(goals.table())


if __name__ == "__main__":
    main()

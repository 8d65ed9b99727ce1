# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks beside the tools of a database server share: tools that back up and restore,
one after the other in every round; wall seconds, CPU seconds of the client and of the server."""

import argparse
import datetime
import os
import platform
import shutil
import statistics
import sys

import measure

DB = "bench"
PASSWORDS = {"STILLPOINT_PASSWORD": "bench", "RESTIC_PASSWORD": "bench"}
TICKS = os.sysconf("SC_CLK_TCK")


def ticks(pid, with_children):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:15 if with_children else 13])


class Tool:
    """One way to back up and restore, with a repository of its own."""

    def __init__(self, bench, name):
        self.bench, self.name = bench, name
        self.repo = bench.folder / type(self).__name__

    def fresh(self):
        shutil.rmtree(self.repo, ignore_errors=True)
        self.repo.mkdir()
        self.bench.give(self.repo)

    def shell(self, text, env=None):
        return measure.run(["bash", "-o", "pipefail", "-c", text],
                           {**self.bench.environment, **(env or {})})

    def stored(self):
        return measure.folder_bytes(self.repo)

    restore = None  # the tool cannot, or it is not compared
    analyze = None  # what a user has to run after it
    again = None    # a second backup is no smaller than the first


class Stillpoint(Tool):
    def stillpoint(self, *words, rate=None):
        command = [self.bench.options.stillpoint, "--repo", str(self.repo / "r"), "--quiet", *words]
        if rate:
            command += ["--limit-rate", rate]
        return measure.run(command, self.bench.environment)

    def backup(self):
        self.stillpoint("init")
        return self.again()

    def again(self):
        return self.stillpoint("backup", self.bench.server.url(DB))

    def throttled(self):
        """A first backup: it reads, compresses and writes everything."""
        self.fresh()
        self.stillpoint("init")
        return self.stillpoint("backup", self.bench.server.url(DB),
                               rate=self.bench.options.limit_rate)

    def restore(self, target):
        return self.stillpoint("restore", "latest", "--to", self.bench.server.url(target), "--yes")


class Bench:
    """Derived ones have a server, the environment of the tools, and how to sum the server's CPU."""

    def __init__(self, options, server):
        self.options, self.server = options, server
        self.folder = server.folder.path / "repositories"
        self.folder.mkdir()
        self.steps = {}

    def give(self, path):
        """The server's user shall own it, where that makes a difference."""

    def server_cpu(self):
        raise NotImplementedError

    def note(self, step, tool, run, stored=None, name=None):
        """Runs it between two looks at the server's CPU. `name`: if not the tool's own."""
        name = name or tool.name
        before, bytes_before = self.server_cpu(), stored and tool.stored()
        usage = run()
        usage.server = self.server_cpu() - before
        usage.bytes = tool.stored() - bytes_before if stored else None
        self.steps.setdefault(step, {}).setdefault(name, []).append(usage)
        size = f", {usage.bytes / 1e6:.1f} MB" if stored else ""
        print(f"{step}, {name}: wall {usage.wall:.2f} s, CPU {usage.cpu:.2f} s, server "
              f"{usage.server:.2f} s, {usage.rss_mib:.0f} MiB of memory{size}", file=sys.stderr)


def median(step, tool, field):
    return statistics.median(getattr(usage, field) for usage in step[tool])


def steps_table(steps):
    lines = []
    for name, step in steps.items():
        lines += [f"| {name} | wall s | client CPU s | server CPU s | memory MiB | MB |",
                  "|---|---:|---:|---:|---:|---:|"]
        for tool, usages in step.items():
            stored = (f"{median(step, tool, 'bytes') / 1e6:.1f}"
                      if usages[0].bytes is not None else "")
            row = [f"{median(step, tool, field):.2f}" for field in ("wall", "cpu", "server")]
            lines.append(f"| {tool.replace('|', chr(92) + '|')} | " + " | ".join(row)
                         + f" | {median(step, tool, 'rss_mib'):.0f} | {stored} |")
        lines.append("")
    return "\n".join(lines)


def ratios(step, field, ours, theirs):
    """Of each round, in which both ran one after the other."""
    return [getattr(a, field) / getattr(b, field) for a, b in zip(step[ours], step[theirs])]


def page(bench, title, command, versions, size, goals, more=""):
    options = bench.options
    return "\n".join([
        f"# {title}", "",
        f"By `{command} --scale {options.scale} --rounds {options.rounds}` on "
        f"{datetime.date.today()}: {os.cpu_count()} cores, {platform.system()} "
        f"{platform.release()}; {', '.join(versions)}.",
        f"A database of {size / 1e6:.0f} MB; server on the same machine, fsync off. Medians of "
        "whole commands, interleaved.", "", "```", goals, "```", "",
        steps_table(bench.steps), *([more] if more else [])])


def parser(description):
    """What all of them understand."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--stillpoint", default=os.environ.get("STILLPOINT"))
    options.add_argument("--scale", type=int, default=15)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--peers-only", action="store_true")
    options.add_argument("--output")
    return options


def parsed(options):
    found = options.parse_args()
    if not found.stillpoint and not found.peers_only:
        options.error("name the program: --stillpoint or STILLPOINT")
    if found.stillpoint:
        found.stillpoint = os.path.abspath(found.stillpoint)
    return found

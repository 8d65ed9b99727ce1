# SPDX-License-Identifier: Apache-2.0
"""Measuring commands: CPU and wall seconds of whole processes, interleaved, compared by ratio."""

import os
import statistics
import subprocess
import time


class Usage:
    def __init__(self, cpu, wall, rss_mib):
        self.cpu, self.wall, self.rss_mib = cpu, wall, rss_mib


def run(command, env=None):
    """Runs a command and its children to the end; raises where it fails."""
    begin = time.monotonic()
    process = subprocess.Popen(command, env={**os.environ, **(env or {})},
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    stderr = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command}: exit {process.returncode}: {stderr.decode()}")
    return Usage(usage.ru_utime + usage.ru_stime, time.monotonic() - begin,
                 usage.ru_maxrss / 1024)


def forget(path):
    """Drops the files below a folder from the page cache: both read from the disk, as at night."""
    for folder, _, names in os.walk(path):
        for name in names:
            descriptor = os.open(os.path.join(folder, name), os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def folder_bytes(path):
    total = 0
    for folder, _, names in os.walk(path):
        total += sum(os.path.getsize(os.path.join(folder, name)) for name in names)
    return total


class Goals:
    """Collects rows of goal, value, PASS or MISS."""

    def __init__(self):
        self.rows = []

    def at_most(self, name, goal, values, detail=""):
        value = statistics.median(values)
        self.rows.append((name, f"<= {goal}", f"{value:.3f}",
                          f"{min(values):.3f} to {max(values):.3f}",
                          "PASS" if value <= goal else "MISS", detail))

    def at_least(self, name, goal, values):
        value = statistics.median(values)
        self.rows.append((name, f">= {goal}", f"{value:.3f}",
                          f"{min(values):.3f} to {max(values):.3f}",
                          "PASS" if value >= goal else "MISS", ""))

    def ratio(self, name, values):
        """Without a goal: most of it is the same work on both sides."""
        self.rows.append((name, "", f"{statistics.median(values):.3f}",
                          f"{min(values):.3f} to {max(values):.3f}", "", ""))

    def fact(self, name, text):
        self.rows.append((name, "", text, "", "", ""))

    def table(self):
        rows = [("what", "goal", "median", "range", "", "")] + self.rows
        widths = [max(len(row[i]) for row in rows) for i in range(6)]
        return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
                         for row in rows)

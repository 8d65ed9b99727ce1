# SPDX-License-Identifier: Apache-2.0
"""How long an application stands still: Stillpoint's `hold -- true` beside Scalar's Java tool.

An application with four threads whose transactions take 5 ms is paused and let go again. "beyond"
is what is more than the drain itself: from the first request to pause until all had answered that
they are let go, less the time until the slowest had drained. The Java tool tells no drain: shown is
the time from its "Pause completed" to its "Unpause started", run one after the other.

usage: bench/pause.py    ROUNDS in the environment
"""

import os
import pathlib
import re
import statistics
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/e2e"))
import applications  # noqa: E402
import support  # noqa: E402
import test_scalar_admin  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", "20"))


def milliseconds(text):
    """Of RFC 3339 times of one day, with nanoseconds."""
    hours, minutes, seconds = re.search(r"T(\d+):(\d+):([\d.]+)Z", text).groups()
    return (int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000


def show(name, values):
    print(f"{name}: min {min(values):.1f}, median {statistics.median(values):.1f}, "
          f"max {max(values):.1f} ms ({len(values)} rounds)")


class Bench(support.Case):
    def words(self, *arguments):
        return [support.BINARY, *map(str, arguments)]

    def test_stillpoint(self):
        for count in (1, 8):
            apps = [test_scalar_admin.Example(self) for _ in range(count)]
            whom = ",".join(app.address for app in apps)
            drains, beyond = [], []
            for _ in range(ROUNDS):
                told = self.stillpoint("hold", "-a", whom, "--json", "--", "true", env={
                    "STILLPOINT_STATE_DIR": self.state}).last_json()
                drain = max(one["drain_us"] for one in told["instances"]) / 1000
                drains.append(drain)
                beyond.append(milliseconds(told["let_go"]) - milliseconds(told["asked"]) - drain)
            show(f"stillpoint, {count} instances, drain", drains)
            show(f"stillpoint, {count} instances, beyond it", beyond)

    def test_java(self):
        app = test_scalar_admin.Example(self)
        gaps = []
        for _ in range(max(3, ROUNDS // 5)):
            paused = applications.java_tool(self, "-c", "pause", "-a", app.address)
            let_go = applications.java_tool(self, "-c", "unpause", "-a", app.address)
            first, second = (int(re.search(r"\((\d{13})\)", one.out).group(1))
                             for one in (paused, let_go))
            gaps.append(second - first)
        show("the Java tool, 1 instance, paused to unpausing", gaps)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

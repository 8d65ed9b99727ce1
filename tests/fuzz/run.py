#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fuzzes every decoder for a while, and keeps what was found worth keeping.

usage: run.py BUILD SECONDS [TARGET...]

BUILD holds the programs of the preset `fuzz`. Inputs are gathered in BUILD/corpus. Those that reach
what no other reaches are kept in tests/fuzz/corpus/TARGET.txt, one a line, in base64, for
fuzz_replay_test. Prints a table for docs/measurements. Exit code 1 when an input broke a decoder:
it is kept in BUILD/found.
"""

import base64
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
INPUT_BYTES_MAX = 4096
KEPT_BYTES_MAX = 64 * 1024  # of a target, in base64


class Target:
    def __init__(self, build, program):
        self.name = program.name.removeprefix("fuzz_")
        self.program = program
        self.gathered = build / "corpus" / self.name
        self.found = build / "found"
        self.kept = HERE / "corpus" / f"{self.name}.txt"

    def prepare(self):
        """The example of targets.cpp, and what earlier runs kept."""
        self.found.mkdir(parents=True, exist_ok=True)
        self.gathered.mkdir(parents=True, exist_ok=True)
        subprocess.run([self.program], check=True, stderr=subprocess.DEVNULL,
                       env=os.environ | {"STILLPOINT_EXAMPLE": str(self.gathered / "example")})
        if self.kept.exists():
            for number, line in enumerate(self.kept.read_text("ascii").split()):
                (self.gathered / f"kept-{number}").write_bytes(base64.b64decode(line))

    def fuzz(self, seconds):
        """(executions, edges reached, failed): libFuzzer's own figures."""
        run = subprocess.run(
            [self.program, self.gathered, f"-max_total_time={seconds}", "-timeout=10",
             f"-max_len={INPUT_BYTES_MAX}", "-rss_limit_mb=2048", "-print_final_stats=1",
             f"-artifact_prefix={self.found}/{self.name}-"],
            capture_output=True, encoding="utf-8", errors="replace", check=False)
        done = re.search(r"stat::number_of_executed_units: (\d+)", run.stderr)
        edges = re.findall(r"cov: (\d+)", run.stderr)
        if run.returncode != 0:
            print(run.stderr[-4000:], file=sys.stderr)
        return int(done[1]) if done else 0, int(edges[-1]) if edges else 0, run.returncode != 0

    def keep(self):
        """The smallest set of inputs that reaches all that is reached; their number."""
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([self.program, "-merge=1", f"-max_len={INPUT_BYTES_MAX}", folder,
                            self.gathered], check=True, stderr=subprocess.DEVNULL)
            inputs = [path.read_bytes() for path in pathlib.Path(folder).iterdir()]
        lines, size = [], 0
        for one in sorted(inputs, key=lambda one: (len(one), one)):
            line = base64.b64encode(one).decode("ascii")
            size += len(line) + 1
            if size > KEPT_BYTES_MAX:
                break
            if line:
                lines.append(line)
        self.kept.parent.mkdir(exist_ok=True)
        self.kept.write_text("".join(line + "\n" for line in lines), "ascii")
        return len(lines)


def main(build, seconds, *names):
    build = pathlib.Path(build).resolve()
    programs = sorted((build / "tests" / "fuzz").glob("fuzz_*"))
    targets = [Target(build, one) for one in programs if os.access(one, os.X_OK) and one.is_file()]
    unknown = set(names) - {target.name for target in targets}
    if unknown or not targets:
        sys.exit(f"run.py: there is no target {' '.join(sorted(unknown)) or 'at all'} in {build}")
    broken = 0
    print("| target | seconds | inputs tried | edges reached | inputs kept | broken |")
    print("|---|---:|---:|---:|---:|---:|")
    for target in targets:
        if names and target.name not in names:
            continue
        target.prepare()
        tried, edges, failed = target.fuzz(seconds)
        broken += failed
        print(f"| {target.name} | {seconds} | {tried:,} | {edges:,} | {target.keep()} |"
              f" {int(failed)} |", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    if len(sys.argv) < 3 or not sys.argv[2].isdecimal():
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))

# SPDX-License-Identifier: Apache-2.0
"""Adds up the results of ctest: prints what failed and what was skipped, then the count.

usage: count_tests.py RESULT.xml...                       the count is the last line
       count_tests.py --report LABEL COMMIT RESULT.xml    a page for docs/measurements instead
       count_tests.py --broken NAME LOG RESULT.xml        writes RESULT.xml: one test that failed
Exit code 1 when something failed or nothing ran.
"""

import os
import platform
import re
import sys
import xml.etree.ElementTree as ElementTree
from datetime import datetime, timezone

OUTPUT_LINES_MAX = 80


class Test:
    def __init__(self, case, file):
        self.name = case.get("name")
        self.stage = os.path.splitext(os.path.basename(file))[0]
        self.seconds = float(case.get("time", 0))
        self.output = case.findtext("system-out") or ""
        self.state = state_of(case, self.output)


def state_of(case, output):
    """Only a test that said so itself was skipped: a missing program or a crash is a failure."""
    skipped = case.find("skipped")
    if case.get("status") == "disabled":
        return "skipped"
    if skipped is not None and skipped.get("message", "").startswith("SKIP_"):
        return "failed" if is_required(reason_of(output)) else "skipped"
    return "passed" if case.get("status") == "run" else "failed"


def is_required(reason):
    required = [w for w in os.environ.get("STILLPOINT_REQUIRE", "").split(",") if w]
    return "all" in required or any(re.search(rf"\b{re.escape(w)}\b", reason) for w in required)


def reason_of(output):
    """From Python's 'SKIPPED: reason', or GoogleTest's reason in the line after 'Skipped'."""
    found = (re.search(r"^SKIPPED: (.*)$", output, re.M)
             or re.search(r"Skipped\n(.+)$", output, re.M))
    return found.group(1).strip() if found else "no reason given"


def read(files):
    return [Test(case, file) for file in files
            for case in ElementTree.parse(file).getroot().iter("testcase")]


def print_problems(tests):
    for test in tests:
        if test.state == "skipped":
            print(f"skipped: {test.stage}: {test.name}: {reason_of(test.output)}")
    for test in tests:
        if test.state == "failed":
            print(f"\nFAILED: {test.stage}: {test.name}")
            print("\n".join(test.output.splitlines()[-OUTPUT_LINES_MAX:]))


def count(tests):
    """0 where something passed and nothing failed."""
    passed = sum(test.state == "passed" for test in tests)
    failed = sum(test.state == "failed" for test in tests)
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


def machine():
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = int(file.readline().split()[1]) // 1024
    system = f"{platform.system()} {platform.release()}"
    return f"{os.cpu_count()} cores, {memory} MiB of memory, {system}"


def report(label, commit, file):
    tests = read([file])
    seed = os.environ.get("STILLPOINT_SEED", "")
    print(f"# {label}, {datetime.now(timezone.utc):%Y-%m-%d}\n")
    print(f"- commit: {commit}\n- machine: {machine()}\n- seed: {seed}")
    print(f"- command: `STILLPOINT_SEED={seed} ./dev test --full --only {label}`\n")
    print("| test | result | seconds |\n| --- | --- | ---: |")
    for test in tests:
        print(f"| {test.name} | {test.state} | {test.seconds:.1f} |")
    measured = [line for test in tests
                for line in re.findall(r"^measured: (.*)$", test.output, re.M)]
    if measured:
        print("\nMeasured:\n")
        print("\n".join(f"- {line}" for line in measured))
    print()
    return count(tests)


def failed_part(output):
    """From where ninja tells which command failed on; all when it tells of none."""
    start = re.search(r"^(FAILED|ninja): ", output, re.M)
    lines = (output[start.start():] if start else output).splitlines()
    lines = lines[:OUTPUT_LINES_MAX] if start else lines[-OUTPUT_LINES_MAX:]
    # A command of the compiler is longer than what it complains of.
    return "\n".join(line for line in lines if len(line) < 1000)


def write_broken(name, log, file):
    suite = ElementTree.Element("testsuite")
    case = ElementTree.SubElement(suite, "testcase", name=name, time="0", status="fail")
    with open(log, encoding="utf-8", errors="replace") as text:
        # what XML cannot hold is left out
        output = re.sub(r"[^\t\n\x20-\ud7ff]", "", text.read())
    output = failed_part(output)
    ElementTree.SubElement(case, "system-out").text = output
    ElementTree.ElementTree(suite).write(file)


def main(arguments):
    if arguments[:1] == ["--broken"]:
        write_broken(*arguments[1:])
        return 0
    if arguments[:1] == ["--report"]:
        return report(*arguments[1:])
    tests = read(arguments)
    print_problems(tests)
    return count(tests)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

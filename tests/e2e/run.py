# SPDX-License-Identifier: Apache-2.0
"""Runs one end-to-end test by its name, or lists them for CMake.

usage: run.py MODULE.CLASS.METHOD...    exit code 77 when all were skipped
       run.py --list
"""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


def tests_of(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_of(item)
        else:
            yield item


def print_list():
    """A line a test: what its class says of it (support.Case)."""
    loader = unittest.TestLoader()
    for test in tests_of(loader.discover(HERE, pattern="test_*.py")):
        if loader.errors:
            raise SystemExit("\n".join(loader.errors))
        method = test.id().rpartition(".")[2]
        daily = test.daily and method not in test.rare
        words = [test.id(), test.time_max, int(test.alone), test.processors, int(daily)]
        if test.full or not daily:
            words += [test.full or "full-rest", test.full_time_max]
        print(*words)


def main(arguments):
    sys.path.insert(0, HERE)
    if arguments == ["--list"]:
        print_list()
        return 0
    suite = unittest.defaultTestLoader.loadTestsFromNames(arguments)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    for _, reason in result.skipped:
        print(f"SKIPPED: {reason}")
    if not result.wasSuccessful():
        return 1
    return 77 if result.testsRun == len(result.skipped) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

# SPDX-License-Identifier: Apache-2.0
"""The steps by which a program changes a folder, and what may go wrong at each (tests/steps)."""

import pathlib
import re

import support

LIBRARY = pathlib.Path(support.BINARY).resolve().parents[2] / "tests/steps/libsteps.so"


class Steps:
    """Programs with the environment of `env` have their steps below `root` watched."""

    def __init__(self, root, log):
        self.root, self.log = root, log

    def env(self, at=None, do=None, reads=False):
        self.log.unlink(missing_ok=True)
        more = {"LD_PRELOAD": LIBRARY, "STEPS_ROOT": self.root, "STEPS_LOG": self.log}
        if at is not None:
            more.update(STEPS_AT=at, STEPS_DO=do)
        if reads:
            more["STEPS_READS"] = "1"
        return {name: str(value) for name, value in more.items()}

    def taken(self):
        """Of the last program: (number, name), where names are as "rename repo/data/NN/ID"."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [(int(line.split(" ", 1)[0]), self._name(line)) for line in lines]

    def struck(self):
        """The name of the step at which something was done to the last program, if any."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return next((self._name(line) for line in lines if line.split(" ")[1] == "*"), None)

    def _name(self, line):
        name = line.replace(" * ", " ").split(" ", 1)[1].replace(f"{self.root}/", "")
        name = re.sub("[0-9a-f]{64}", "ID", name)
        name = re.sub("data/[0-9a-f]{2}(/|$)", r"data/NN\1", name)
        return re.sub("tmp/[0-9]+-[0-9a-f]+|stillpoint-[0-9a-f]+", "TEMPORARY", name)


def visible(name):
    """Whether others see it. Folders, and files that are being made, matter to nobody."""
    return name.startswith(("rename ", "unlink ", "link ")) and "TEMPORARY" not in name


def one_of_each(taken, rng):
    """The numbers of these steps: for each name that others see one, and one of all others."""
    numbers = {}
    for number, name in taken:
        numbers.setdefault(name if visible(name) else "", []).append(number)
    return sorted(rng.choice(some) for some in numbers.values())

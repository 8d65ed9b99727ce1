# SPDX-License-Identifier: Apache-2.0
"""A disk that loses its power: of what a program wrote, only that remains of which fsync was called
(tests/power_loss).

As a program: power_loss.py FOLDER      calls fsync for everything in it, and for itself
"""

import os
import pathlib
import shutil
import subprocess
import sys

import support

LIBRARY = pathlib.Path(support.BINARY).resolve().parents[2] / "tests/power_loss/libpower_loss.so"


class Disk:
    """Programs with the environment of `env` write below `root`; `remains` shows what lasts."""

    def __init__(self, case, name):
        self.case = case
        self.root = case.folder / name
        self.records = case.folder / f"{name}.records"
        self.begin()

    def begin(self, like=None):
        """Empty, or like that folder, lasting."""
        for folder in (self.root, self.records):
            shutil.rmtree(folder, ignore_errors=True)
        self.records.mkdir()
        if like is None:
            self.root.mkdir()
        else:
            shutil.copytree(like, self.root)
        subprocess.run([sys.executable, "-B", __file__, str(self.root)], check=True,
                       env={**os.environ, **self.env()})
        (self.records / "log").unlink()

    def env(self, at=None, forget=None):
        more = {"LD_PRELOAD": LIBRARY, "POWER_LOSS_ROOT": self.root,
                "POWER_LOSS_RECORDS": self.records}
        if at is not None:
            more["POWER_LOSS_AT"] = at
        if forget is not None:
            more["POWER_LOSS_FORGET"] = forget
        return {name: str(value) for name, value in more.items()}

    def remains(self, target):
        """Makes the folder that the next start of the machine would find."""
        shutil.rmtree(target, ignore_errors=True)
        self._folder("root", target)
        return target

    def _folder(self, key, target):
        target.mkdir()
        for kind, below, name in self._names(key):
            if kind == "d":
                self._folder(below, target / name)
            elif (self.records / below).exists():
                shutil.copyfile(self.records / below, target / name)
            else:
                (target / name).touch()  # the name lasts and the bytes do not

    def _names(self, key):
        record = self.records / key
        if not record.exists():
            return []
        return [line.split(" ", 2) for line in record.read_text().splitlines()]

    def syncs(self):
        """Of the last program: of each fsync its number, what lasts by it ("data/ab/12…"; of a
        folder "data/ab/", of the root "/"), and whether it was the last of it."""
        called = [line.split(" ", 3) for line in
                  (self.records / "log").read_text().splitlines()]
        names = {}
        self._name_all("root", "", names)
        keys = [key for _, _, key, _ in called]
        return [(int(number), names.get(key, pathlib.Path(path).name), key not in keys[place + 1:])
                for place, (number, _, key, path) in enumerate(called)]

    def _name_all(self, key, path, names):
        names[key] = path or "/"
        for kind, below, name in self._names(key):
            if kind == "d":
                self._name_all(below, f"{path}{name}/", names)
            else:
                names[below] = path + name


def sync_all(root):
    for folder, _, files in os.walk(root):
        for name in [*files, "."]:
            descriptor = os.open(os.path.join(folder, name), os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)


if __name__ == "__main__":
    sync_all(sys.argv[1])

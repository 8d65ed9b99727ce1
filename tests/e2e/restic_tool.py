# SPDX-License-Identifier: Apache-2.0
"""restic as it is found: the system's, and Debian 13's that tools/restic_next.sh fetches."""

import contextlib
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import unittest

import support

NEXT = support.ROOT / "build/tools/restic-next/restic/usr/bin/restic"


@functools.lru_cache
def version_of(binary):
    out = subprocess.run([binary, "version"], capture_output=True, text=True, check=True).stdout
    return re.search(r"restic ([0-9.]+)", out).group(1)


def find(which):
    """The program for "system" or "next"; skips the test without it."""
    if which == "system":
        binary = shutil.which("restic")
    else:
        binary = os.environ.get("STILLPOINT_RESTIC_NEXT") or str(NEXT)
    if not binary or not os.access(binary, os.X_OK):
        how = "it is not installed" if which == "system" else "run tools/restic_next.sh"
        raise unittest.SkipTest(f"restic: no {which} restic: {how}")
    return binary


class Restic:
    """restic on one repository, with the password of the tests."""

    def __init__(self, which, folder, repo):
        self.binary = find(which)
        self.version = version_of(self.binary)
        self.folder = folder
        self.repo = repo
        print(f"restic {self.version}")

    def env(self, **more):
        base = dict(RESTIC_REPOSITORY=self.repo, RESTIC_PASSWORD=support.PASSWORD,
                    RESTIC_CACHE_DIR=self.folder / "restic-cache", RESTIC_PROGRESS_FPS="0.1")
        return support.clean_environment(self.folder, **{**base, **more})

    def __call__(self, *arguments, expect=0, cwd=None, env=None, timeout=300):
        words = [self.binary, *(a if isinstance(a, bytes) else str(a) for a in arguments)]
        outcome = support.run(words, self.env(**(env or {})), cwd=cwd, timeout=timeout)
        if expect is not None and outcome.code != expect:
            raise AssertionError(f"restic {self.version} should end with {expect}{outcome}")
        return outcome

    def check(self):
        """Reads every byte. restic calls damage by words too, so that no complaint goes unseen."""
        outcome = self("check", "--read-data")
        if "no errors were found" not in outcome.out or "error:" in outcome.err.lower():
            raise AssertionError(f"restic {self.version} is not content{outcome}")
        return outcome

    def snapshots(self):
        return self("snapshots", "--json").json() or []

    def paths(self, snapshot="latest"):
        """What `restic ls` names, without the snapshot's own line."""
        lines = self("ls", "--json", snapshot).out.splitlines()
        return [node["path"] for node in map(json.loads, lines)
                if node.get("struct_type") == "node" or node.get("message_type") == "node"]

    @contextlib.contextmanager
    def mounted(self):
        """The mount point. Skips where file systems in user space do not work."""
        if not os.path.exists("/dev/fuse"):
            raise unittest.SkipTest("fuse: there is no /dev/fuse")
        point = self.folder / f"mount-{self.version}"
        point.mkdir()
        words = [self.binary, "mount", str(point)]
        process = support.start(words, self.env(PATH=self._path_with_fusermount()))
        try:
            self._wait_for_mount(process, point)
            yield point
        finally:
            if os.path.ismount(point):
                subprocess.run([self._fusermount(), "-u", "-z", str(point)], check=True)
            try:
                process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()

    @staticmethod
    def _wait_for_mount(process, point):
        until = time.monotonic() + 30
        while not os.path.ismount(point):
            if process.poll() is not None or time.monotonic() > until:
                process.kill()
                err = process.communicate()[1].decode(errors="replace").strip()
                raise unittest.SkipTest(f"fuse: restic mount does not work here: {err[-200:]}")
            time.sleep(0.1)

    @staticmethod
    def _fusermount():
        found = shutil.which("fusermount3") or shutil.which("fusermount")
        if not found:
            raise unittest.SkipTest("fuse: fusermount3 is not installed (package fuse3)")
        return found

    def _path_with_fusermount(self):
        """restic calls `fusermount`; package fuse3 may have it under its own name only."""
        tools = pathlib.Path(self.folder) / "path"
        tools.mkdir(exist_ok=True)
        link = tools / "fusermount"
        if not link.exists():
            link.symlink_to(self._fusermount())
        return f"{tools}:{os.environ['PATH']}"

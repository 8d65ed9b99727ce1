# SPDX-License-Identifier: Apache-2.0
"""Small and read-only file systems, for root."""

import os
import subprocess
import unittest


def small(test, folder, mebibytes):
    """A file system of its own at `folder`, until the test ends."""
    if os.geteuid() != 0:
        raise unittest.SkipTest("root: only root can mount file systems")
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise unittest.SkipTest(f"root: mounting a tmpfs is not permitted here: {done.stderr}")
    test.addCleanup(subprocess.run, ["umount", "--lazy", str(folder)], check=True)


def change(folder, option):
    """ "ro", "rw", or "size=100m" """
    subprocess.run(["mount", "-o", f"remount,{option}", str(folder)], check=True)

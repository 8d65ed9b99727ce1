# SPDX-License-Identifier: Apache-2.0
"""The password comes in by several ways and goes out by none."""

import os
import pathlib
import shlex
import time

import bank
import support

SECRET = "hunter2-is-no-password"


class Secrets(support.Case):
    def setUp(self):
        super().setUp()
        self.bank = bank.make(self.folder / "bank.db", accounts=20000)
        bank.fill(self.bank, 16)
        self.file = self.folder / "password"
        self.file.write_text(SECRET + "\n")
        self.command = f"cat {shlex.quote(str(self.file))}"

    def ways(self):
        """Arguments and environment of each way in which a password is given."""
        yield [], {"STILLPOINT_PASSWORD": SECRET}
        yield [], {"STILLPOINT_PASSWORD_FILE": self.file}
        yield [], {"STILLPOINT_PASSWORD_COMMAND": self.command}
        yield ["--password-file", self.file], {}
        yield ["--password-command", self.command], {}
        yield [], {"RESTIC_PASSWORD": SECRET}
        yield [], {"RESTIC_PASSWORD_FILE": self.file}
        yield [], {"RESTIC_PASSWORD_COMMAND": self.command}

    def test_every_way_opens(self):
        self.stillpoint("init", env={"STILLPOINT_PASSWORD": SECRET})
        for arguments, env in self.ways():
            self.stillpoint("list", *arguments, env={"STILLPOINT_PASSWORD": None, **env})

    def test_ours_before_restics(self):
        self.stillpoint("init", env={"STILLPOINT_PASSWORD": SECRET})
        self.stillpoint("list", env={"STILLPOINT_PASSWORD": SECRET, "RESTIC_PASSWORD": "other"})
        self.stillpoint("list", env={"STILLPOINT_PASSWORD": SECRET,
                                     "RESTIC_REPOSITORY": self.folder / "nowhere"})
        self.stillpoint("list", env={"STILLPOINT_REPOSITORY": None, "RESTIC_REPOSITORY": self.repo,
                                     "STILLPOINT_PASSWORD": SECRET})

    def test_not_as_an_argument(self):
        self.stillpoint("list", "--password", SECRET, expect=support.USAGE)

    def test_command_that_fails(self):
        error = self.fails("init", "--password-command", "echo oh dear >&2; exit 3",
                           expect=support.FAILURE, env={"STILLPOINT_PASSWORD": None})
        self.assertNotIn(SECRET, str(error))

    def test_seen_nowhere(self):
        for number, (arguments, env) in enumerate(self.ways()):
            env = {"STILLPOINT_PASSWORD": None, **env, "STILLPOINT_REPOSITORY": None}
            repo = self.folder / f"repo-{number}"
            for words in (["init"], ["backup", self.bank, "--compression", "max"],
                          ["show", "latest"], ["dump", "latest", "manifest.json"], ["check"]):
                outcome = self.watched(*words, "--repo", repo, "--verbose", *arguments, env=env)
                self.assertNotIn(SECRET, outcome.out, f"on stdout{outcome}")
                self.assertNotIn(SECRET, outcome.err, f"on stderr{outcome}")
            self.assert_not_in_files(repo)
        if self.state.exists():
            self.assert_not_in_files(self.state)

    def watched(self, *arguments, env):
        """Runs the program and reads meanwhile, as ps does, every command line of the machine."""
        words = self.words(*arguments)
        started = time.monotonic()
        process = support.start(words, self.env(**env))
        seen = []
        while process.poll() is None:
            seen += [line for line in command_lines() if SECRET.encode() in line]
            time.sleep(0.005)
        outcome = support.finish(words, process, started, 60)
        self.assertEqual(outcome.code, support.OK, str(outcome))
        self.assertEqual(seen, [], "ps shows the password")
        return outcome

    def assert_not_in_files(self, folder):
        for path in folder.rglob("*"):
            if path.is_file():
                self.assertNotIn(SECRET.encode(), path.read_bytes(), f"in {path}")


def command_lines():
    for process in pathlib.Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            try:
                yield (process / "cmdline").read_bytes()
            except OSError:
                continue  # it has ended

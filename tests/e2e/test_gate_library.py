# SPDX-License-Identifier: Apache-2.0
"""libstillpoint-gate as an application's developer gets it: installed, found by CMake, linked."""

import os
import pathlib
import subprocess

import applications
import support

BUILD = pathlib.Path(support.BINARY).resolve().parents[2]


class Installed(support.Case):
    time_max = 240

    def cmake(self, *words):
        env = {k: v for k, v in os.environ.items() if k != "DESTDIR"}
        outcome = subprocess.run(["cmake", *map(str, words)], capture_output=True, text=True,
                                 env=env, check=False)
        self.assertEqual(outcome.returncode, 0, outcome.stdout + outcome.stderr)

    def test_the_example_builds_and_can_be_paused(self):
        prefix = self.folder / "usr"
        self.cmake("--install", BUILD, "--component", "gate", "--prefix", prefix)
        headers = sorted(p.name for p in (prefix / "include/stillpoint").iterdir())
        self.assertEqual(headers, ["admin_server.h", "gate.h"])
        example = self.folder / "example"
        self.cmake("-S", support.ROOT / "examples/pausable", "-B", example,
                   f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Debug")
        self.cmake("--build", example)
        app = applications.Process(self, [str(example / "pausable_example"), "127.0.0.1:0"])
        self.assertTrue(app.tell("").endswith("sum 1000000") or app.tell("").count("transfers"))
        self.stillpoint("hold", "-a", f"127.0.0.1:{app.port}", "--evidence",
                        self.folder / "evidence", "--", "true", env={
                            "STILLPOINT_STATE_DIR": self.state})

    def words(self, *arguments):
        return [support.BINARY, *map(str, arguments)]

# SPDX-License-Identifier: Apache-2.0
"""What ./dev demo shows is so."""

import support


class Demo(support.Case):
    time_max = 300

    def test_it_ends_well(self):
        env = self.env(STILLPOINT=support.BINARY, STILLPOINT_REPOSITORY=None,
                       STILLPOINT_PASSWORD=None)
        outcome = support.run(["bash", str(support.ROOT / "examples/demo.sh")], env, timeout=280)
        self.assertEqual(outcome.code, 0, str(outcome))
        self.assertIn("everything was as it should be", outcome.out)

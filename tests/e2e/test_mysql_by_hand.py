# SPDX-License-Identifier: Apache-2.0
"""A restore with nothing but restic and the client mariadb: exactly the commands of
docs/user/mysql.md, section "By hand"."""

import re

import mysql
import mysql_case
import restic_tool
import support

PAGE = support.ROOT / "docs/user/mysql.md"


def recipe():
    """The blocks of commands below the heading, in order."""
    text = PAGE.read_text(encoding="utf-8")
    section = re.search(r"^## By hand$(.*?)(?=^## |\Z)", text, re.M | re.S)
    return "\n".join(re.findall(r"^```\n(.*?)^```$", section.group(1), re.M | re.S))


class ByHand(mysql_case.MysqlCase):
    def test_on_a_fresh_server(self):
        self.rental("shop")
        self.init()
        self.backup(self.url("shop"))
        (self.folder / "password").write_text(support.PASSWORD + "\n")
        other = self.new_server()
        text = recipe()
        for word, place in (("/var/backups/shop", self.repo), ("/srv/night", self.folder / "night"),
                            ("/etc/stillpoint/password", self.folder / "password"),
                            ("--host=db1", f"--no-defaults --socket={other.socket}")):
            self.assertIn(word, text, "the recipe has changed: change the test")
            text = text.replace(word, str(place))
        programs = self.folder / "programs"
        programs.mkdir()
        (programs / "restic").symlink_to(restic_tool.find("system"))
        env = mysql.environment(PATH=f"{programs}:/usr/bin:/bin")
        env["HOME"] = str(self.folder)
        outcome = support.run(["bash", "-uo", "pipefail", "-c", text], env, timeout=150)
        self.assertEqual(outcome.code, 0, str(outcome))
        # Modes that go with strict mode, columns without SRID: MySQL warns of what it takes.
        harmless = ("Event scheduler", "deprecated", "Code 1300", "Code 3135", "Code 3674")
        warnings = [line for line in outcome.out.splitlines() if "Warning" in line
                    and not any(word in line for word in harmless)]
        self.assertEqual(warnings, [], str(outcome))
        self.assert_same((self.server, "shop"), (other, "shop"))

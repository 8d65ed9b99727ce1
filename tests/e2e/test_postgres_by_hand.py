# SPDX-License-Identifier: Apache-2.0
"""A restore with nothing but restic, psql and pg_restore: exactly the commands of
docs/user/postgresql.md, section "By hand"."""

import re

import postgres
import postgres_case
import postgres_compare
import restic_tool
import support

# What the page tells to do by what database.json says.
AT_DATABASE = (*postgres_case.KNOWN, "database ")
PAGE = support.ROOT / "docs/user/postgresql.md"


def recipe():
    """The blocks of commands below the heading, in order."""
    text = PAGE.read_text(encoding="utf-8")
    section = re.search(r"^## By hand$(.*?)(?=^## |\Z)", text, re.M | re.S)
    return re.findall(r"^```\n(.*?)^```$", section.group(1), re.M | re.S)


class ByHand(postgres_case.PostgresCase):
    time_max = 240
    extensions = postgres_case.SQL / "extension"
    edits = ""

    def setUp(self):
        super().setUp()
        postgres_case.every_object(self.server, "bank")
        self.init()
        self.backup(self.url("bank"))
        (self.folder / "password").write_text(support.PASSWORD + "\n")

    def commands(self, server):
        """As they stand there, but for the places, which are the test's."""
        text = "\n".join(recipe())
        for word, place in (("/var/backups/bank", self.repo), ("/srv/night", self.folder / "night"),
                            ("/etc/stillpoint/password", self.folder / "password"),
                            ("db1", server.socket)):
            self.assertIn(word, text, "the recipe has changed: change the test")
            text = text.replace(word, str(place))
        into = f"cd {self.folder}/night/bank\n"
        return text.replace(into, into + self.edits)

    def by_hand(self, server):
        """Nothing of Stillpoint is in reach."""
        place = self.folder / "programs"
        place.mkdir()
        (place / "restic").symlink_to(restic_tool.find("system"))
        env = postgres.environment(PGPORT=server.port, HOME=self.folder,
                                   PATH=f"{place}:{postgres.BIN}:/usr/bin:/bin")
        words = ["bash", "-uo", "pipefail", "-c", self.commands(server)]
        outcome = support.run(words, env, timeout=200)
        self.assertEqual(outcome.code, 0, str(outcome))
        return outcome

    def test_beside_the_original(self):
        self.by_hand(self.server)
        self.assert_same(self.url("bank"), self.url("bank_night"), AT_DATABASE)

    def test_on_a_fresh_server(self):
        """Roles and tablespaces come from the backup; only the folders of the tablespaces have to
        be others here, since both servers run on the same machine."""
        other = self.new_server()
        edits = ""
        for old in self.server.psql("SELECT pg_tablespace_location(oid) FROM pg_tablespace "
                                    "WHERE spcname !~ '^pg_'").splitlines():
            edits += f"sed -i 's|{old}|{other.place(old.rsplit('/', 1)[1])}|' "
            edits += "schema/tablespaces.sql\n"
        self.edits = edits
        self.by_hand(other)
        self.assert_same(self.url("bank"), other.url("bank_night"), AT_DATABASE)
        ours = postgres_compare.globals_of(self.url("postgres"))
        theirs = postgres_compare.globals_of(other.url("postgres"))
        self.assertEqual([line for line in theirs if "TABLESPACE" not in line],
                         [line for line in ours if "TABLESPACE" not in line])

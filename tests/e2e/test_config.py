# SPDX-License-Identifier: Apache-2.0
"""stillpoint.yaml: what is wrong in it is told with its place; systems of several databases."""

import bank
import support


class Config(support.Case):
    time_max = 180

    def setUp(self):
        super().setUp()
        self.accounts = bank.make(self.folder / "accounts.db")
        self.orders = bank.make(self.folder / "orders.db")
        self.file = self.folder / "stillpoint.yaml"
        (self.folder / "password").write_text(support.PASSWORD + "\n")
        self.bare = {"STILLPOINT_REPOSITORY": None, "STILLPOINT_PASSWORD": None}

    def write(self, text):
        self.file.write_text(text)

    def write_shop(self, consistency="separate"):
        self.write(f"""\
repository: {{url: {self.repo}, password_file: {self.folder}/password}}
systems:
  shop:
    consistency: {consistency}
    databases:
      accounts: sqlite://{self.accounts}
      orders: {self.orders}
""")

    def broken(self, text, line, column, *says):
        """An error that tells the place in one of the usual ways."""
        self.write(text)
        outcome = self.stillpoint("plan", "--config", self.file, expect=None, env=self.bare)
        self.assertIn(outcome.code, (support.FAILURE, support.USAGE), str(outcome))
        self.assertRegex(outcome.err, rf":{line}:{column}\b|line {line},? column {column}\b",
                         f"where is it?{outcome}")
        for word in ("stillpoint.yaml", *says):
            self.assertIn(word, outcome.err, str(outcome))

    def test_unknown_key_at_the_top(self):
        self.broken("repository: {url: /x}\nsytems: {}\n", 2, 1, "sytems", "did you mean",
                    "systems")

    def test_unknown_key_further_down(self):
        self.broken("repository:\n  url: /x\n  pasword_file: /y\n", 3, 3, "pasword_file",
                    "did you mean", "password_file")

    def test_unknown_key_of_a_system(self):
        self.broken("systems:\n  shop:\n    database: {a: /x.db}\n", 3, 5, "database",
                    "did you mean", "databases")

    def test_key_twice(self):
        self.broken("systems: {}\nsystems: {}\n", 2, 1, "systems")

    def test_no_yaml(self):
        self.write("systems: {a: [\n")
        outcome = self.stillpoint("plan", "--config", self.file, expect=None, env=self.bare)
        self.assertIn(outcome.code, (support.FAILURE, support.USAGE), str(outcome))
        self.assertRegex(outcome.err, r":\d+:\d+\b|line \d+")

    def test_missing_file(self):
        self.fails("plan", "--config", self.folder / "nosuch.yaml", expect=support.FAILURE,
                   says=["nosuch.yaml"], env=self.bare)

    def test_unknown_system(self):
        self.write_shop()
        self.stillpoint("init", "--config", self.file, env=self.bare)
        outcome = self.stillpoint("backup", "shpo", "--config", self.file, expect=None,
                                  env=self.bare)
        self.assertIn(outcome.code, (support.FAILURE, support.USAGE), str(outcome))
        self.assertIn("shop", outcome.err, f"which systems are there?{outcome}")

    def test_found_in_the_working_folder(self):
        self.write_shop()
        self.stillpoint("init", env=self.bare, cwd=self.folder)
        plan = self.stillpoint("plan", env=self.bare, cwd=self.folder)
        self.assertIn("shop", plan.out)

    def test_two_databases(self):
        self.write_shop()
        self.init()
        with bank.Writers(self.accounts, 1, self.random), \
                bank.Writers(self.orders, 1, self.random):
            self.backup("shop", "--config", self.file)
        for name in ("accounts", "orders"):
            target = self.folder / f"restored-{name}.db"
            self.stillpoint("restore", "latest:shop", "--database", name, "--to",
                            f"{name}={target}", "--yes")
            self.assertEqual(bank.problems(target), [])
        manifest = self.dump("latest:shop", "manifest.json")
        self.assertNotIn(support.PASSWORD.encode(), manifest)

    def test_together_is_proven_or_refused(self):
        """Two databases of one instant under load: only when nobody wrote in between."""
        self.write_shop("together")
        self.init()
        quiet = self.backup("shop", "--config", self.file)
        self.assertEqual(quiet["verdict"], "proven", "nobody wrote")
        refused, tries = 0, 0
        with bank.Writers(self.accounts, 2, self.random), \
                bank.Writers(self.orders, 2, self.random):
            while not refused and tries < 30:
                tries += 1
                outcome = self.stillpoint("backup", "shop", "--config", self.file, "--json",
                                          expect=None)
                self.assertIn(outcome.code, (support.OK, support.UNPROVEN), str(outcome))
                if outcome.code == support.UNPROVEN:
                    refused += 1
                    self.assertEqual(outcome.error()["code"], "unproven", str(outcome))
                else:
                    self.assertEqual(outcome.last_json()["verdict"], "proven", str(outcome))
            self.assertTrue(refused, f"{tries} backups under load, and none was refused")
            self.assertEqual(len(self.backups()), tries, "a refused backup is visible")
            allowed = self.backup("shop", "--config", self.file, "--allow-unproven")
        self.assertIn(allowed["verdict"], ("proven", "unproven"))

# SPDX-License-Identifier: Apache-2.0
"""What changed from one backup to another, and what a part of a check reads."""

import contextlib

import bank
import restic_tool
import support


class Diff(support.Case):
    def setUp(self):
        super().setUp()
        self.bank = bank.make(self.folder / "bank.db", accounts=5000)
        self.init()
        self.first = self.backup(self.bank, "--label", "first")["backup"]

    def diff(self, before, after):
        return self.stillpoint("diff", before, after, "--json").json()

    def change(self, *statements):
        with contextlib.closing(bank.connect(self.bank)) as db:
            for statement in statements:
                db.execute(statement)

    def test_nothing_changed(self):
        self.backup(self.bank, "--label", "second")
        found = self.diff("first", "second")
        self.assertEqual([(d["name"], d["change"], d["objects"], d["files"], d["settings"])
                          for d in found["databases"]], [("bank", "same", [], [], [])])
        self.assertGreater(found["shared"]["bytes"], 500_000)

    def test_what_changed(self):
        self.change("CREATE TABLE news(t TEXT)", "INSERT INTO news VALUES('x'),('y')",
                    "DELETE FROM accounts WHERE id < 10", "DROP TABLE transfers")
        second = self.backup(self.bank)["backup"]
        found = self.diff("first", "latest")
        self.assertEqual((found["before"]["id"], found["after"]["id"], found["by_files"]),
                         (self.first, second, False))
        (database,) = found["databases"]
        self.assertEqual(database["change"], "changed")
        changes = {o["name"]: (o["change"], o["rows_before"], o["rows_after"])
                   for o in database["objects"] if o["kind"] == "table"}
        self.assertEqual(changes["news"], ("added", None, 2))
        self.assertEqual(changes["accounts"], ("changed", 5000, 4990))
        self.assertEqual(changes["transfers"], ("removed", 0, None))
        self.assertIn("schema/schema.sql", [file["path"] for file in database["files"]])
        only = found["only_after"]
        self.assertGreater(only["bytes"], 0)
        self.assertGreater(only["bytes"], only["stored"], "it is compressed")
        shown = self.stillpoint("diff", "first", "latest").out
        for words in ("added    table news (2 rows)", "accounts (5,000 -> 4,990 rows)",
                      "removed  table transfers", "schema/schema.sql", "only in after:"):
            self.assertIn(words, shown)

    def test_content_without_checksums_is_not_called_the_same(self):
        self.change("UPDATE accounts SET pad = 'other' WHERE id = 7")
        self.backup(self.bank)
        (database,) = self.diff("first", "latest")["databases"]
        changes = {o["name"]: o["change"] for o in database["objects"]}
        self.assertEqual(changes["accounts"], "unknown")
        self.assertEqual([f["path"] for f in database["files"]], ["data/bank.db"])

    def test_other_databases(self):
        self.backup(bank.make(self.folder / "shop.db"))
        found = self.diff("latest:bank", "latest:shop")
        self.assertEqual({d["name"]: d["change"] for d in found["databases"]},
                         {"bank": "removed", "shop": "added"})

    def test_restics_backups(self):
        restic = restic_tool.Restic("system", self.folder, self.repo)
        source = self.folder / "source"
        source.mkdir()
        (source / "same").write_bytes(b"s" * 1000)
        (source / "other").write_bytes(b"one")
        (source / "gone").write_bytes(b"gone")
        restic("backup", ".", cwd=source)
        (source / "other").write_bytes(b"three")
        (source / "gone").unlink()
        (source / "new").write_bytes(b"new file")
        restic("backup", ".", cwd=source)
        first, second = [s["id"] for s in restic.snapshots() if not s.get("tags")]
        found = self.diff(first, second)
        self.assertTrue(found["by_files"])
        changes = {f["path"].rsplit("/", 1)[-1]: (f["change"], f["bytes_before"], f["bytes_after"])
                   for f in found["files"]}
        self.assertEqual(changes, {"other": ("changed", 3, 5), "gone": ("removed", 4, 0),
                                   "new": ("added", 0, 8)})
        self.assertEqual((found["shared"]["bytes"], found["only_before"]["bytes"],
                          found["only_after"]["bytes"]), (1000, 7, 13))
        self.assertTrue(self.diff(self.first, second)["by_files"])

    def test_unknown_names(self):
        self.fails("diff", "first", "nosuch", expect=support.FAILURE, code="not_found")


class CheckASubset(support.Case):
    def setUp(self):
        super().setUp()
        self.bank = bank.make(self.folder / "bank.db")
        bank.fill(self.bank, 60, seed=self.random.random())
        self.init()
        self.backup(self.bank, "--pack-size", "4", "--compression", "off")

    def subset(self, *words, **how):
        outcome = self.stillpoint("check", "--read-data-subset", *words, "--json", **how)
        return outcome.last_json()

    def test_parts_together_read_all(self):
        whole = self.check("--read-data", "--json").last_json()
        self.assertGreater(whole["packs"], 8)
        parts = [self.subset(f"{number}/3") for number in (1, 2, 3)]
        self.assertEqual(sum(part["packs_read"] for part in parts), whole["packs"])
        self.assertEqual(sum(part["bytes_read"] for part in parts), whole["bytes_read"])
        self.assertEqual({part["seed"] for part in parts}, {0})

    def test_shares_and_sizes(self):
        packs = self.subset("100%")["packs"]
        self.assertEqual(self.subset("100%")["packs_read"], packs)
        self.assertEqual(self.subset("1%")["packs_read"], 1)
        some = self.subset("20M")
        self.assertIn(some["packs_read"], range(2, 7))
        again = self.subset("20M", "--seed", some["seed"])
        self.assertEqual((again["seed"], again["bytes_read"]), (some["seed"], some["bytes_read"]))
        shown = self.check("--read-data-subset", "50%").out
        self.assertIn("--seed ", shown)

    def test_damage_is_found_by_the_part_that_has_it(self):
        packs = [p for p in (self.repo / "data").rglob("*") if p.is_file()]
        damaged = max(packs, key=lambda pack: pack.stat().st_size)
        data = bytearray(damaged.read_bytes())
        data[len(data) // 2] ^= 1
        damaged.chmod(0o600)
        damaged.write_bytes(data)
        part = int(damaged.name[:2], 16) % 4 + 1
        for number in range(1, 5):
            expect = support.FAILURE if number == part else support.OK
            report = self.subset(f"{number}/4", expect=expect)
            self.assertEqual(damaged.name in "".join(report["errors"]), number == part)

    def test_usage(self):
        for words in ("0/3", "4/3", "1/300", "0%", "101%", "x", ""):
            self.stillpoint("check", "--read-data-subset", words, expect=support.USAGE)
        self.stillpoint("check", "--read-data", "--read-data-subset", "1/2", expect=support.USAGE)

# SPDX-License-Identifier: Apache-2.0
"""Repositories that earlier versions wrote (tests/compat) stay readable, and go on being used."""

import hashlib
import json
import shutil

import bank
import mysql
import postgres
import restic_tool
import support

FOLDER = support.ROOT / "tests/compat"


def digest(content):
    return hashlib.sha256(content).hexdigest()


class EarlierVersions(support.Case):
    time_max = 300

    def versions(self):
        """Each time with a copy of its repository."""
        found = sorted(FOLDER.glob("*/contents.json"))
        self.assertTrue(found, f"{FOLDER} holds no repository")
        for path in found:
            contents = json.loads(path.read_text())
            shutil.rmtree(self.repo, ignore_errors=True)
            shutil.copytree(path.parent / "repository", self.repo)
            with self.subTest(version=contents["version"]):
                yield contents

    def env(self, **more):
        return {name: value for name, value in super().env(**more).items()
                if not name.startswith(("PG", "MYSQL")) or name in more}

    def test_every_file_comes_back(self):
        for contents in self.versions():
            listed = {one["id"]: one for one in self.backups()}
            self.assertEqual(sorted(listed), sorted(one["id"] for one in contents["backups"]))
            self.check("--read-data")
            restic = restic_tool.Restic("system", self.folder, self.repo)
            restic.check()
            for backup in contents["backups"]:
                for word in ("system", "label", "verdict"):
                    self.assertEqual(listed[backup["id"]][word], backup[word])
                target = self.folder / "restored"
                restic("restore", backup["id"], "--target", target)
                found = {str(path.relative_to(target)): digest(path.read_bytes())
                         for path in target.rglob("*") if path.is_file()}
                self.assertEqual(found, backup["files"])
                shutil.rmtree(target)
                lines = self.stillpoint("ls", backup["id"], "--json").out.splitlines()
                paths = [one["path"] for one in map(json.loads, lines) if one["type"] == "file"]
                self.assertEqual(sorted(paths), sorted(backup["files"]))
                for path in self.random.sample(paths, 3):
                    self.assertEqual(digest(self.dump(backup["id"], path)), backup["files"][path])

    def test_databases_are_restored(self):
        server, maria = postgres.Server(self), mysql.Server(self)
        for number, contents in enumerate(self.versions()):
            first = next(one for one in contents["backups"] if one["label"] == "first")
            orders, rental = f"orders_{number}", f"rental_{number}"
            cart = self.folder / f"cart_{number}.db"
            for name, target in (("orders", server.url(orders)), ("rental", maria.url(rental)),
                                 ("cart", cart)):
                self.stillpoint("restore", first["id"], "--database", name, "--to", target, "--yes")
            self.assertEqual(bank.problems(cart), [])
            self.assertEqual(server.psql("SELECT count(*), sum(price) FROM orders", orders).strip(),
                             "500|17892.86")
            self.assertEqual(maria.sql("SELECT count(*) > 0 FROM film", rental).strip(), "1")

    def test_they_go_on_being_used(self):
        for contents in self.versions():
            cart = bank.make(self.folder / "cart.db", accounts=200)
            new = self.backup(cart)["backup"]
            self.assertEqual({one["id"] for one in self.backups()},
                             {new} | {one["id"] for one in contents["backups"]})
            self.check("--read-data")
            cart.unlink()

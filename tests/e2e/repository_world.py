# SPDX-License-Identifier: Apache-2.0
"""A small repository in which everything can be done, commands that do it, and whether all of it is
sound afterwards."""

import dataclasses
import hashlib
import shutil

import bank
import restic_tool
import sealing
import steps
import support

SOON = "0.001s"  # a grace that is no time, unlike none
NEW_PASSWORD = "new horse"
PRUNE = ("prune", "--max-unused", "0", "--grace", SOON)


@dataclasses.dataclass
class Operation:
    """What is run; whether it needs no help before backups can be read again; where it stores."""
    words: tuple
    helpless: bool = False  # only it itself makes the repository sound
    to_other: bool = False


class World(support.Case):
    """`known` are the backups that were finished, with the SHA-256 of their bank. `fresh` begins
    anew."""

    time_max = 300
    daily = False  # most of it: by ./dev test --full --only full-repository-kill

    def setUp(self):
        super().setUp()
        if not steps.LIBRARY.exists():
            self.fail(f"{steps.LIBRARY} is not there: ./dev build")
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        self.repo, self.other = self.disk / "repo", self.disk / "other"
        self.steps = steps.Steps(self.disk, self.folder / "steps.log")
        for name, password in (("password", support.PASSWORD), ("new-password", NEW_PASSWORD)):
            (self.folder / name).write_text(password + "\n")
        self.bank = bank.make(self.folder / "bank.db", accounts=300)
        for repo in (self.repo, self.other):
            self.stillpoint("init", env={"STILLPOINT_REPOSITORY": repo})
            sealing.make_key_cheap(repo, support.PASSWORD)
        (self.first_key,) = (path.relative_to(self.repo) for path in self.repo.glob("keys/*"))
        self.known = {}
        self.fill()
        self.template = self.folder / "template"
        shutil.copytree(self.disk, self.template)

    def fill(self):
        """Backups that share most of their data. Of those that are gone already, packs are to be
        deleted by a prune, and others to be retired or rewritten."""
        ids = [self.changed_backup() for _ in range(4)]
        self.forget_now(ids[0])
        self.stillpoint("prune", "--max-unused", "0", "-q")
        self.forget_now(ids[1])
        self.change()
        self.attempted = None

    def operations(self):
        to = ("--to", self.other, "--to-password-file", self.folder / "password")
        return {"backup": Operation(("backup", self.bank)),
                "restore": Operation(("restore", "latest", "--to", self.disk / "restored.db",
                                      "--yes")),
                "prune": Operation(PRUNE),
                "forget": Operation(("forget", "--keep-last", "1")),
                "copy": Operation(("copy", *to), to_other=True),
                "repair": Operation(("repair", "index"), helpless=True),
                "key": Operation(("key", "change", "--new-password-file",
                                  self.folder / "new-password"))}

    def fresh(self, name=""):
        shutil.rmtree(self.disk)
        shutil.copytree(self.template, self.disk)
        if name == "repair":
            for path in self.repo.glob("index/*"):
                path.unlink()

    def change(self):
        """Some pages of the bank, so that its next backup shares the others."""
        db = bank.connect(self.bank)
        for _ in range(5):
            bank.transfer(db, 300, self.random)
        db.execute("CREATE TABLE IF NOT EXISTS filler(data BLOB)")
        db.execute("INSERT INTO filler VALUES(?)", (self.random.randbytes(200_000),))
        db.close()

    def changed_backup(self):
        self.change()
        made = self.backup(self.bank)["backup"]
        self.known[made] = self.digest(made)
        return made

    def forget_now(self, backup):
        (self.repo / "snapshots" / backup).unlink()
        del self.known[backup]

    def digest(self, backup, path="bank/data/bank.db", **how):
        return hashlib.sha256(self.dump(backup, path, **how)).hexdigest()

    def at(self, repo, password=support.PASSWORD):
        return {"env": {"STILLPOINT_REPOSITORY": repo, "STILLPOINT_PASSWORD": password}}

    def at_repo(self):
        """With a password that opens it; there is always one."""
        if (self.repo / self.first_key).exists():
            return self.at(self.repo)
        sealing.make_key_cheap(self.repo, NEW_PASSWORD)  # it has to open what is there
        return self.at(self.repo, NEW_PASSWORD)

    def listed(self, how):
        return {one["id"] for one in self.stillpoint("list", "--json", **how).json()}

    def assert_sound(self, name="", context="", restic=False):
        """`check` is clean, finished backups are there and as they were, and whatever else is
        visible is whole. Of operation `name`, what it was to change may have changed or not."""
        how = self.at_repo() if name == "key" else self.at(self.repo)
        self.stillpoint("check", "--read-data", **how)
        listed = self.listed(how)
        staying = set(self.known)
        if name == "forget":
            staying = {max(self.known, key=list(self.known).index)}
        self.assertLessEqual(staying, listed, f"finished backups are gone: {context}")
        for backup in self.some_of(listed):
            whole = self.known.get(backup, self.attempted)
            self.assertEqual(self.digest(backup, **how), whole, f"{backup}: {context}")
        if name == "copy":
            self.stillpoint("check", "--read-data", **self.at(self.other))
            for backup in self.some_of(self.listed(self.at(self.other))):
                self.assertIn(self.digest(backup, **self.at(self.other)), self.known.values())
        if restic:
            self.assert_restic_content(how)

    def some_of(self, backups):
        """All where there is time, else one, and any that no command has told of. (`check` has
        read every byte.)"""
        if support.FULL or len(backups) < 2:
            return backups
        return {*(backups - set(self.known)), self.random.choice(sorted(backups))}

    def assert_restic_content(self, how):
        restic = restic_tool.Restic("system", self.folder, self.repo)
        env = restic.env
        password = how["env"]["STILLPOINT_PASSWORD"]
        restic.env = lambda **more: env(**{"RESTIC_PASSWORD": password, **more})
        restic("unlock")  # those of processes that are no more
        restic.check()

    def assert_pruned(self, how):
        """Two prunes, and nothing is left over that nobody needs."""
        for _ in range(2):
            self.stillpoint(*PRUNE, "-q", **how)
        would = self.stillpoint("prune", "--max-unused", "0", "--dry-run", "--json", "-q",
                                **how).last_json()
        for what in ("deleted", "retired", "orphaned", "waiting"):
            self.assertEqual(would[what]["packs"], 0, would)
        repo = how["env"]["STILLPOINT_REPOSITORY"]
        self.assertEqual([*repo.glob("retired/*"), *repo.glob("locks/*")], [])

    def assert_goes_on(self, name, context):
        """The same again needs no help; prune then finds nothing odd."""
        operation = self.operations()[name]
        how = self.at_repo() if name == "key" else self.at(self.repo)
        self.stillpoint(*operation.words, **how)
        if name in ("restore", "forget", "key"):
            return
        if name == "backup":  # each makes one more
            self.attempted = self.digest("latest")
        self.assert_pruned(self.at(self.other if operation.to_other else self.repo))
        self.assert_sound(name, f"the same again, {context}")

# SPDX-License-Identifier: Apache-2.0
"""The power goes. What a command has said to be done is there afterwards, and what was there before
is never harmed. With any one fsync left out, something is lost: so the tests see."""

import pathlib
import re
import shutil

import bank
import power_loss
import support

# What a backup is made of. Locks and temporary files may be lost.
NEEDED = ("repo/data/", "repo/index/", "repo/snapshots/", "repo/keys/", "repo/config")
# Whether they are needed depends on which folders are there already.
FOLDERS_OF_FOLDERS = ("repo/", "repo/data/")


class PowerLoss(support.Case):
    time_max = 600
    full = "full-power-loss"

    def setUp(self):
        super().setUp()
        if not power_loss.LIBRARY.exists():
            self.fail(f"{power_loss.LIBRARY} is not there: ./dev build")
        self.disk = power_loss.Disk(self, "disk")
        self.left = self.folder / "left"
        self.bank = bank.make(self.folder / "bank.db", accounts=300)
        self.repo = self.disk.root / "repo"

    def on_disk(self, *words, at=None, forget=None, expect=support.OK):
        """Runs the program on the disk whose power may go."""
        (self.disk.records / "log").unlink(missing_ok=True)
        if at is not None:
            outcome = support.run(self.words(*words), self.env(**self.disk.env(at=at)))
            self.assertEqual(outcome.code, 137, f"the power did not go at fsync {at}{outcome}")
            return outcome
        return self.stillpoint(*words, "--json", env=self.disk.env(forget=forget), expect=expect)

    def after_the_loss(self):
        """The commands that follow are run on what has lasted."""
        return dict(env={"STILLPOINT_REPOSITORY": self.disk.remains(self.left) / "repo"})

    def what_is_wrong(self, backup, copy):
        """With what has lasted of a repository that should have that backup of this file."""
        how = self.after_the_loss()
        checked = self.stillpoint("check", "--read-data", expect=None, **how)
        if checked.code != support.OK:
            return f"check: {checked.out}{checked.err}"
        listed = self.stillpoint("list", "--json", **how).json()
        if backup not in [one["id"] for one in listed]:
            return "the backup is not listed"
        found = self.stillpoint("dump", backup, "bank/data/bank.db", expect=None, **how)
        if found.code != support.OK or found.out_bytes != copy:
            return f"the backup does not give back what was backed up{found}"
        return ""

    def first_backup(self):
        """A repository with one backup, lasting; the backup and its bytes."""
        self.on_disk("init")
        first = self.on_disk("backup", self.bank).last_json()["backup"]
        copy = self.dump(first, "bank/data/bank.db")
        kept = self.folder / "kept"
        shutil.copytree(self.disk.root, kept)
        return kept, first, copy

    def change(self):
        bank.fill(self.bank, 1, seed=self.random.random())

    def needed_ones(self):
        """Those fsyncs of the last command that are of what a backup is made of, where no later
        one makes up for it: number and name."""
        return [(number, name) for number, name, last in self.disk.syncs()
                if last and (name.startswith(NEEDED) or name in ("/", "repo/"))]

    def test_what_is_done_lasts(self):
        kept, first, copy = self.first_backup()
        self.assertEqual(self.what_is_wrong(first, copy), "")
        self.change()
        second = self.on_disk("backup", self.bank).last_json()["backup"]
        self.assertEqual(self.what_is_wrong(first, copy), "")
        self.assertEqual(self.what_is_wrong(second, self.dump(second, "bank/data/bank.db")), "")
        self.assertTrue((kept / "repo/config").exists())

    def test_at_every_moment_of_a_backup(self):
        kept, first, copy = self.first_backup()
        self.change()
        self.on_disk("backup", self.bank)
        moments = len(self.disk.syncs())
        self.assertGreater(moments, 5)
        chosen = range(1, moments + 1)
        for at in chosen if support.FULL else sorted(self.random.sample(chosen, moments // 2)):
            with self.subTest(at=at):
                self.disk.begin(kept)
                self.on_disk("backup", self.bank, at=at)
                self.assertEqual(self.what_is_wrong(first, copy), "")
                how = self.after_the_loss()
                for path in pathlib.Path(how["env"]["STILLPOINT_REPOSITORY"]).glob("locks/*"):
                    path.unlink()  # of a machine that is gone; it would expire
                again = self.backup(self.bank, **how)["backup"]
                self.stillpoint("check", "--read-data", **how)
                listed = [one["id"] for one in self.stillpoint("list", "--json", **how).json()]
                self.assertIn(again, listed)
                self.assertIn(first, listed)
        print(f"measured: the power went at {'each' if support.FULL else 'half'} of the {moments} "
              "fsyncs of a backup")

    def test_a_backup_needs_every_fsync(self):
        kept, _, _ = self.first_backup()
        self.change()
        self.on_disk("backup", self.bank)
        needed, missed = [], []
        for number, _ in self.needed_ones():
            self.disk.begin(kept)
            done = self.on_disk("backup", self.bank, forget=number).last_json()["backup"]
            copy = self.dump(done, "bank/data/bank.db")
            # packs may come in another order than before
            name = dict(self.needed_ones()).get(number)
            if name and self.what_is_wrong(done, copy):
                needed.append(name)
            elif name and name not in FOLDERS_OF_FOLDERS:
                missed.append(name)
        self.assertEqual(missed, [], "without these nothing was lost")
        kinds = {re.sub("[0-9a-f]{64}", "ID", re.sub("data/../", "data/NN/", name))
                 for name in needed}
        self.assertLessEqual({"repo/data/NN/ID", "repo/data/NN/", "repo/index/ID", "repo/index/",
                              "repo/snapshots/ID", "repo/snapshots/"}, kinds)
        print(f"measured: each of these fsyncs is needed: {', '.join(needed)}")

    def test_a_new_repository_needs_every_fsync(self):
        self.on_disk("init")
        self.assertEqual(self.stillpoint("list", "--json", **self.after_the_loss()).json(), [])
        needed = self.needed_ones()
        self.assertGreaterEqual(len(needed), 4, "config, key, their folders")
        missed = []
        for number, name in needed:
            self.disk.begin()
            self.on_disk("init", forget=number)
            outcome = self.stillpoint("list", "--json", expect=None, **self.after_the_loss())
            if outcome.code == support.OK:
                missed.append(name)
        self.assertEqual(missed, [], "without these nothing was lost")

    def test_a_restored_file_lasts(self):
        self.repo = self.folder / "repo"
        self.init()
        backup = self.backup(self.bank)["backup"]
        target = self.disk.root / "restored.db"
        self.on_disk("restore", backup, "--to", target, "--yes")
        self.disk.remains(self.left)
        self.assertEqual(bank.problems(self.left / "restored.db"), [])
        needed = [(number, name) for number, name, last in self.disk.syncs()
                  if last and name in ("/", "restored.db")]
        self.assertEqual({name for _, name in needed}, {"/", "restored.db"})
        for number, name in needed:
            self.disk.begin()
            self.on_disk("restore", backup, "--to", target, "--yes", forget=number)
            self.disk.remains(self.left)
            lost = (not (self.left / "restored.db").exists()
                    or (self.left / "restored.db").read_bytes() != target.read_bytes())
            self.assertTrue(lost, f"without the fsync of {name} nothing was lost")

# SPDX-License-Identifier: Apache-2.0
"""Repositories that cannot be used: each has its exit code, and its error says what to do."""

import bank
import mounts
import restic_tool
import sealing
import support


class Unusable(support.Case):
    def setUp(self):
        super().setUp()
        self.bank = bank.make(self.folder / "bank.db")

    def commands(self):
        """One of each kind: writing, listing, reading."""
        return (["backup", self.bank], ["list"], ["check"], ["ls", "latest"],
                ["restore", "latest", "--to", self.folder / "x.db", "--yes"])

    def test_no_repository(self):
        for command in self.commands():
            error = self.fails(*command, expect=support.NO_REPOSITORY, code="no_repository",
                               says=[self.repo])
            self.assertIn("init", error["advice"], "how to make one")

    def test_empty_folder_is_no_repository(self):
        self.repo.mkdir()
        self.fails("list", expect=support.NO_REPOSITORY, code="no_repository")
        self.assertEqual(list(self.repo.iterdir()), [])

    def test_no_repository_named(self):
        self.fails("list", expect=support.FAILURE, code="invalid", says=["repository"],
                   env={"STILLPOINT_REPOSITORY": None})

    def test_wrong_password(self):
        self.init()
        for command in self.commands():
            error = self.fails(*command, expect=support.WRONG_PASSWORD, code="wrong_password",
                               env={"STILLPOINT_PASSWORD": "wrong-secret"})
            self.assertNotIn("wrong-secret", str(error))
        self.assert_no_locks()

    def test_no_password(self):
        self.init()
        self.fails("list", expect=support.FAILURE, code="invalid", says=["password"],
                   env={"STILLPOINT_PASSWORD": None})

    def test_init_twice(self):
        self.init()
        before = sorted(self.repo.rglob("*"))
        self.fails("init", expect=support.FAILURE, code="already_exists", says=[self.repo])
        self.assertEqual(sorted(self.repo.rglob("*")), before)

    def test_init_leaves_other_peoples_folders_alone(self):
        self.repo.mkdir()
        (self.repo / "holiday.jpg").write_bytes(b"x")
        self.stillpoint("init", expect=None)
        self.assertEqual((self.repo / "holiday.jpg").read_bytes(), b"x")

    def test_version_1(self):
        restic = restic_tool.Restic("system", self.folder, self.repo)
        restic("init", "--repository-version", "1")
        for command in self.commands():
            self.fails(*command, expect=support.FAILURE, code="unsupported", says=["version 1"])

    def test_version_3(self):
        self.init()
        sealing.change_version(self.repo, support.PASSWORD, 3)
        for command in self.commands():
            self.fails(*command, expect=support.FAILURE, code="unsupported", says=["version 3"])

    def test_damaged_config(self):
        self.init()
        config = self.repo / "config"
        config.chmod(0o600)
        sealed = config.read_bytes()
        config.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
        self.fails("list", expect=support.FAILURE, code="corrupt", says=["config"])


class Locked(support.Case):
    def setUp(self):
        super().setUp()
        self.bank = bank.make(self.folder / "bank.db")
        self.init()

    def lock(self, **how):
        return sealing.add_lock(self.repo, support.PASSWORD, **how)

    def test_exclusive_lock_of_another_host(self):
        lock = self.lock(exclusive=True)
        self.fails("backup", self.bank, expect=support.LOCKED, code="locked", says=["elsewhere"])
        self.assertEqual([p.name for p in lock.parent.iterdir()], [lock.name])
        lock.unlink()
        self.backup(self.bank)

    def test_shared_lock_of_another_host(self):
        self.lock(exclusive=False)
        self.backup(self.bank)

    def test_stale_lock(self):
        """restic calls a lock stale that nobody has refreshed for half an hour."""
        self.lock(exclusive=True, age_minutes=45)
        self.backup(self.bank)


class Media(support.Case):
    def setUp(self):
        super().setUp()
        self.bank = bank.make(self.folder / "bank.db")

    def test_read_only(self):
        """Nothing can be written, but all can be read: it may be the last copy."""
        mounts.small(self, self.repo, 64)
        self.init()
        self.backup(self.bank)
        mounts.change(self.repo, "ro")
        self.fails("backup", self.bank, expect=support.FAILURE, code="denied", says=["read-only"])
        self.assertEqual(len(self.backups()), 1)
        self.assertTrue(self.dump("latest", "bank/data/bank.db"))
        self.restore("latest", self.folder / "restored.db")
        self.assertEqual(bank.problems(self.folder / "restored.db"), [])

    def test_full(self):
        bank.fill(self.bank, 64, seed=self.random.random())
        mounts.small(self, self.repo, 16)
        self.init()
        self.fails("backup", self.bank, expect=support.FAILURE, code="no_space")
        self.assert_nothing_left()
        self.fails("backup", self.bank, expect=support.FAILURE, code="no_space")
        mounts.change(self.repo, "size=256m")
        self.backup(self.bank)
        self.check("--read-data")
        self.restore("latest", self.folder / "restored.db")
        self.assertEqual(bank.problems(self.folder / "restored.db"), [])

    def test_storage_check(self):
        self.repo.mkdir()
        self.stillpoint("storage", "check", self.repo)
        left = [path for path in self.repo.rglob("*") if path.is_file()]
        self.assertEqual(left, [], "the check left something behind")

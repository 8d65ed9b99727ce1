# SPDX-License-Identifier: Apache-2.0
"""The passwords of a repository: each known one opens it, in either program, and there is one left
at any time."""

import bank
import restic_tool
import sealing
import support

SECOND, THIRD = "second-hunter2", "third-hunter3"


class Base(support.Case):
    time_max = 300

    def setUp(self):
        super().setUp()
        self.bank = bank.make(self.folder / "bank.db")
        self.init()
        self.backup(self.bank)

    def file(self, password):
        path = self.folder / f"file-of-{password}"
        path.write_text(password + "\n")
        return path

    def keys(self, password=support.PASSWORD):
        env = {"STILLPOINT_PASSWORD": password}
        return self.stillpoint("key", "list", "--json", env=env).json()

    def key_in_use(self, password=support.PASSWORD):
        (key,) = [key for key in self.keys(password) if key["in_use"]]
        return key["id"]

    def assert_opens(self, *passwords):
        for password in passwords:
            env = {"STILLPOINT_PASSWORD": password}
            self.assertEqual(len(self.stillpoint("list", "--json", env=env).json()), 1)
            self.check("--read-data", env=env)

    def assert_locked_out(self, *passwords):
        for password in passwords:
            self.fails("list", expect=support.WRONG_PASSWORD, env={"STILLPOINT_PASSWORD": password})


class Keys(Base):
    def test_add(self):
        outcome = self.stillpoint("key", "add", "--new-password-file", self.file(SECOND), "--json")
        added = outcome.json()["added"]
        self.assert_opens(support.PASSWORD, SECOND)
        self.assertEqual(self.key_in_use(SECOND), added)
        self.assertEqual({key["id"] for key in self.keys()},
                         {path.name for path in (self.repo / "keys").iterdir()})
        self.assertEqual([key["problem"] for key in self.keys()], ["", ""])
        self.assert_locked_out(THIRD)
        self.assert_no_locks()

    def test_every_way_of_a_new_password(self):
        command = f"cat '{self.file(SECOND)}'"
        for words, env in ((["--new-password-command", command], {}),
                           ([], {"STILLPOINT_NEW_PASSWORD": SECOND}),
                           ([], {"STILLPOINT_NEW_PASSWORD_FILE": self.file(SECOND)}),
                           ([], {"STILLPOINT_NEW_PASSWORD_COMMAND": command})):
            added = self.stillpoint("key", "add", *words, "--json", env=env)
            self.assertNotIn(SECOND, added.out + added.err)
            self.assert_opens(SECOND)
            self.stillpoint("key", "remove", added.json()["added"])
            self.assert_locked_out(SECOND)
        self.fails("key", "add", expect=support.FAILURE, code="invalid", says=["new password"])

    def test_remove(self):
        self.stillpoint("key", "add", "--new-password-file", self.file(SECOND))
        own = self.key_in_use()
        other = self.key_in_use(SECOND)
        self.fails("key", "remove", own, expect=support.FAILURE, code="invalid", says=["in use"])
        self.fails("key", "remove", "0" * 64, expect=support.FAILURE, code="not_found")
        removed = self.stillpoint("key", "remove", other[:12])
        self.assertIn("master key", removed.out, "it has to say what removing does not do")
        self.assert_opens(support.PASSWORD)
        self.assert_locked_out(SECOND)

    def test_remove_the_one_in_use(self):
        own = self.key_in_use()
        for password in (support.PASSWORD, THIRD):
            self.fails("key", "remove", own, "--other-password-file", self.file(password),
                       expect=support.WRONG_PASSWORD, code="wrong_password")
        self.assert_opens(support.PASSWORD)
        self.stillpoint("key", "add", "--new-password-file", self.file(SECOND))
        self.stillpoint("key", "remove", own, "--other-password-file", self.file(SECOND))
        self.assert_opens(SECOND)
        self.assert_locked_out(support.PASSWORD)

    def test_change(self):
        old = self.key_in_use()
        outcome = self.stillpoint("key", "change", "--new-password-file", self.file(SECOND),
                                  "--json").json()
        self.assertEqual(outcome["removed"], old)
        self.assert_opens(SECOND)
        self.assert_locked_out(support.PASSWORD)
        self.assertEqual([key["id"] for key in self.keys(SECOND)], [outcome["added"]])
        self.backup(self.bank, env={"STILLPOINT_PASSWORD": SECOND})

    def test_while_somebody_works(self):
        """A key is added beside others; removed only when nobody else works on the repository."""
        lock = sealing.add_lock(self.repo, support.PASSWORD, exclusive=False)
        self.stillpoint("key", "add", "--new-password-file", self.file(SECOND))
        for words in (["remove", self.key_in_use(SECOND)],
                      ["change", "--new-password-file", self.file(THIRD)]):
            self.fails("key", *words, expect=support.LOCKED, code="locked", says=["elsewhere"])
        lock.unlink()
        self.assert_opens(support.PASSWORD, SECOND)
        self.assert_locked_out(THIRD)

    def test_no_more_than_are_tried(self):
        first = sorted((self.repo / "keys").iterdir())[0]
        for number in range(19):
            (self.repo / "keys" / f"{number:064x}").write_bytes(b"{}")
        self.fails("key", "add", "--new-password-file", self.file(SECOND), expect=support.FAILURE,
                   code="invalid", says=["20 keys"])
        self.assertTrue(first.exists())

    def test_damaged_key_is_told(self):
        (self.repo / "keys" / ("0" * 64)).write_bytes(b"no key")
        problems = {key["id"]: key["problem"] for key in self.keys()}
        self.assertTrue(problems["0" * 64])
        self.stillpoint("key", "remove", "0" * 64)
        self.assertNotIn("0" * 64, [key["id"] for key in self.keys()])


class WithRestic(Base):
    which = "system"
    daily = False

    def setUp(self):
        super().setUp()
        self.restic = restic_tool.Restic(self.which, self.folder, self.repo)

    def test_ours_open_in_restic(self):
        self.stillpoint("key", "add", "--new-password-file", self.file(SECOND))
        self.assertEqual(len(self.restic("snapshots", "--json",
                                         env={"RESTIC_PASSWORD": SECOND}).json()), 1)
        self.stillpoint("key", "change", "--new-password-file", self.file(THIRD))
        self.restic("check", "--read-data", env={"RESTIC_PASSWORD": THIRD})
        listed = self.restic("key", "list", "--json", env={"RESTIC_PASSWORD": THIRD}).json()
        self.assertEqual(len(listed), 2)
        self.assertNotEqual(self.restic("snapshots", expect=None).code, 0, "the old password")

    def test_restics_open_in_ours(self):
        self.restic("key", "add", "--new-password-file", self.file(SECOND))
        self.assert_opens(support.PASSWORD, SECOND)
        key = self.key_in_use(SECOND)
        (found,) = [one for one in self.keys() if one["id"] == key]
        self.assertTrue(found["host"] and found["user"] and found["created"])
        self.stillpoint("key", "remove", key)
        self.assert_locked_out(SECOND)
        self.restic.check()


class WithNextRestic(WithRestic):
    which = "next"
    daily = True

# SPDX-License-Identifier: Apache-2.0
"""A cache before the repository: the same answers, whatever becomes of it; no damage is hidden."""

import os
import shutil
import threading

import bank
import mounts
import support

ON = ("--cache", "on")
OFF = ("--cache", "off")


class Cache(support.Case):
    rare = ("test_a_poisoned_one_is_as_good_as_none",)
    time_max = 300

    def setUp(self):
        super().setUp()
        self.bank = bank.make(self.folder / "bank.db", accounts=3000)
        self.root = self.state / "cache"
        self.init()

    def rewrite_bank(self):
        db = bank.connect(self.bank)
        db.execute("DROP TABLE IF EXISTS filler")
        db.close()
        bank.fill(self.bank, 1, seed=self.random.random())

    def some_backups(self, number=3):
        for _ in range(number):
            self.rewrite_bank()
            self.backup(self.bank, *ON)

    def copies(self):
        """The cached files; paths below the folder of the repository."""
        found = [p for p in self.root.rglob("*") if p.is_file()
                 and p.name not in ("usage", "CACHEDIR.TAG")]
        return {p.relative_to(self.root).relative_to(p.relative_to(self.root).parts[0]): p
                for p in found}

    def look(self, *options):
        """What the repository says of itself, and the newest backup's bytes."""
        backups = self.stillpoint("list", "--json", *options).json()
        contents = [self.stillpoint("ls", b["id"], "--json", *options).out for b in backups]
        shown = self.stillpoint("show", "latest", "--json", *options).json()
        data = self.stillpoint("dump", "latest", "bank/data/bank.db", *options).out_bytes
        return backups, contents, shown, data

    def restored(self, *options):
        target = self.folder / f"restored-{self.random.getrandbits(32)}.db"
        self.stillpoint("restore", "latest", "--to", target, "--yes", *options)
        self.assertEqual(bank.problems(target), [])
        return target.read_bytes()

    def assert_all_equal(self):
        """Three times: a cache is filled, is used, and is as good as none."""
        plain = self.look(*OFF)
        self.assertEqual(self.look(*ON), plain)
        self.assertEqual(self.look(*ON), plain)
        self.assertEqual(self.restored(*ON), plain[3])

    def flip(self, path, at):
        data = bytearray(path.read_bytes())
        data[at] ^= 1
        path.chmod(0o600)
        path.write_bytes(data)

    def test_all_is_the_same_with_it_without_it_and_after_it_was_deleted(self):
        self.some_backups()
        self.assert_all_equal()
        self.assertTrue(self.copies())
        shutil.rmtree(self.root)
        self.assert_all_equal()
        for folder in list(self.root.iterdir()):
            shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
        self.assert_all_equal()
        self.backup(self.bank, *ON)
        self.check("--read-data")

    def test_what_is_kept_and_how(self):
        self.some_backups()
        self.look(*ON)
        copies = self.copies()
        kinds = {path.parts[0] for path in copies}
        self.assertEqual(kinds, {"index", "snapshots", "trees"})
        for relative, path in copies.items():
            self.assertEqual(path.stat().st_mode & 0o777, 0o600, path)
            if relative.parts[0] != "trees":
                self.assertEqual(path.read_bytes(), (self.repo / relative).read_bytes(), relative)
        folders = [self.root, *(p for p in self.root.rglob("*") if p.is_dir())]
        self.assertEqual({p.stat().st_mode & 0o777 for p in folders}, {0o700})
        self.assertEqual(len(list(self.root.glob("*/CACHEDIR.TAG"))), 1)
        data = sum(p.stat().st_size for p in (self.repo / "data").rglob("*") if p.is_file())
        kept = sum(p.stat().st_size for p in copies.values())
        self.assertLess(kept, data / 10, "the data of the backups is not kept")

    def test_a_poisoned_one_is_as_good_as_none(self):
        self.some_backups(2)
        self.look(*ON)
        before = self.copies()
        contents = [path.read_bytes() for path in before.values()]
        for poison in (os.urandom, lambda size: self.random.choice(contents),
                       lambda size: os.urandom(size // 2), lambda size: b""):
            for path in before.values():
                path.write_bytes(poison(path.stat().st_size))
            self.assert_all_equal()
            self.backup(self.bank, *ON)
        for path in self.copies().values():
            path.write_bytes(os.urandom(path.stat().st_size))
        self.stillpoint("prune", "--grace", "0", *ON)
        self.assert_all_equal()
        self.check("--read-data", *ON)

    def test_check_and_the_drill_find_what_is_sound_in_the_cache_only(self):
        self.some_backups(1)
        self.look(*ON)
        self.check(*ON)
        trees = [path for path in self.copies() if path.parts[0] == "trees"]
        self.assertTrue(trees)
        drills = []
        for tree in trees:
            pack = tree.parts[1]
            stored = self.repo / "data" / pack[:2] / pack
            at = int(tree.name.split("-")[0]) + 20
            self.flip(stored, at)
            self.stillpoint("ls", "latest", *ON)
            self.stillpoint("ls", "latest", *OFF, expect=support.FAILURE)
            self.check(*ON, expect=support.FAILURE)
            # It needs some of the folders only.
            plain = self.stillpoint("verify", *OFF, expect=None).code
            self.stillpoint("verify", *ON, expect=plain)
            drills.append(plain)
            self.flip(stored, at)
        self.assertIn(support.FAILURE, drills)
        for stored in (*self.repo.glob("index/*"), *self.repo.glob("snapshots/*")):
            self.flip(stored, 40)
            self.stillpoint("ls", "latest", *ON)
            self.check(*ON, expect=support.FAILURE)
            self.flip(stored, 40)
        self.check(*ON)

    def test_what_is_gone_is_gone(self):
        self.some_backups()
        self.look(*ON)
        for record in list(self.repo.glob("snapshots/*"))[1:]:
            record.unlink()
        self.assertEqual(len(self.stillpoint("list", "--json", *ON).json()), 1)
        self.stillpoint("prune", "--grace", "0", *ON)
        stored = {p.name for p in self.repo.rglob("*") if p.is_file()}
        for relative in self.copies():
            self.assertIn(relative.parts[1], stored, f"{relative} is still in the cache")
        self.assert_all_equal()

    def test_others_work_beside_it_and_delete_it(self):
        self.some_backups(2)
        problems = []
        done = threading.Event()

        def readers():
            while not done.is_set():
                outcome = self.stillpoint("ls", "latest", *ON, expect=None)
                if outcome.code != support.OK:
                    problems.append(str(outcome))

        def deleter():
            while not done.wait(0.05):
                shutil.rmtree(self.root, ignore_errors=True)

        threads = [threading.Thread(target=work) for work in (readers, readers, deleter)]
        for thread in threads:
            thread.start()
        try:
            self.some_backups(3)
        finally:
            done.set()
            for thread in threads:
                thread.join()
        self.assertEqual(problems, [])
        self.assert_all_equal()

    def test_it_is_refused_where_others_may_write_to_it(self):
        self.root.mkdir(parents=True)
        self.root.chmod(0o777)
        outcome = self.stillpoint("backup", self.bank, *ON)
        self.assertIn("others may write to", outcome.err)
        self.assertEqual(list(self.root.iterdir()), [])
        self.root.chmod(0o700)
        self.assert_all_equal()
        self.assertTrue(self.copies())

    def test_a_full_disk_is_no_failure(self):
        self.some_backups()
        place = self.folder / "small"
        mounts.small(self, place, 1)
        (place / "filler").write_bytes(bytes(1 << 20 - 1))
        with open(place / "filler", "ab", buffering=0) as filler:
            try:
                while filler.write(bytes(4096)):
                    pass
            except OSError:
                pass
        for _ in range(2):
            outcome = self.stillpoint("ls", "latest", "--cache-dir", place / "cache", *ON)
            self.assertIn("cache", outcome.err)
        self.backup(self.bank, "--cache-dir", place / "cache", *ON)

    def test_on_a_disk_of_this_machine_there_is_none_unless_asked(self):
        self.backup(self.bank)
        self.backup(self.bank, "--cache", "auto")
        self.assertFalse(self.root.exists())
        place = self.folder / "elsewhere"
        config = self.folder / "stillpoint.yaml"
        config.write_text(f"cache: {{use: on, dir: {place}, size: 2MiB}}\n")
        self.backup(self.bank, "--config", config)
        self.assertTrue(list(place.glob("*/index/*")))
        self.assertFalse(self.root.exists())
        config.write_text("cache: on\n")
        self.backup(self.bank, "--config", config)
        self.assertTrue(self.copies())

    def test_sizes_and_words_that_are_wrong(self):
        for words in (["--cache-size", "1KiB"], ["--cache-size", "much"], ["--cache-size", "-5GiB"],
                      ["--cache", "maybe"]):
            self.stillpoint("list", *words, expect=support.USAGE)
        config = self.folder / "stillpoint.yaml"
        for text, place in (("cache: maybe\n", ":1:8"), ("cache: {size: 5}\n", ":1:15"),
                            ("cache: {sise: 1GiB}\n", ":1:9")):
            config.write_text(text)
            outcome = self.stillpoint("list", "--config", config, expect=None)
            self.assertNotEqual(outcome.code, support.OK)
            self.assertIn(f"stillpoint.yaml{place}", outcome.err)

    def test_it_stays_small(self):
        self.some_backups(2)
        before = set(self.copies())
        other = self.root / f"{4711:064x}"  # another repository's: the bound is for all
        for number in range(500):
            old = other / "trees" / f"{number % 7:064x}" / f"{number}-4096"
            old.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            old.write_bytes(bytes(4096))
            os.utime(old, (number + 1, number + 1))
        (self.root / "usage").unlink()  # as if others had not counted
        self.backup(self.bank, *ON, "--cache-size", "1MiB")
        size = sum(-(-p.stat().st_size // 4096) * 4096 for p in self.root.rglob("*")
                   if p.is_file() and p.name not in ("usage", "CACHEDIR.TAG"))
        self.assertLessEqual(size, 1 << 20)
        self.assertLess(before, set(self.copies()), "what was used goes last")
        self.assertTrue((other / "trees" / f"{499 % 7:064x}" / "499-4096").exists())

    def test_cleanup_removes_it_when_nobody_uses_it(self):
        self.some_backups(1)
        self.look(*ON)

        def caches(*words):
            return self.stillpoint("cleanup", self.bank, *words, "--json").json()["caches"]

        self.assertEqual(caches(), [])
        (folder,) = (p for p in self.root.iterdir() if p.is_dir())
        (self.root / "mine").write_text("mine")
        os.utime(folder, (1, 1))
        (found,) = caches()
        self.assertEqual((found["repository"], found["removed"]), (folder.name, False))
        self.assertGreater(found["bytes"], 0)
        self.assertTrue(folder.exists())
        self.assertIn("left over: the cache of repository",
                      self.stillpoint("cleanup").out)  # without a database, too
        self.assertTrue(caches("--yes")[0]["removed"])
        self.assertFalse(folder.exists())
        self.assertTrue((self.root / "mine").exists())
        self.assertEqual(caches(), [])
        self.assert_all_equal()

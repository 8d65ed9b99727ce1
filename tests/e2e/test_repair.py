# SPDX-License-Identifier: Apache-2.0
"""Damaged packs: what can be read is saved, backups do without what is lost, and say so."""

import hashlib
import os
import signal
import time

import bank
import postgres_case
import restic_tool
import support

SOON = "0.001s"  # a grace that is no time, unlike none


class Base(support.Case):
    time_max = 300

    def json_of(self, *arguments, **how):
        summary = self.stillpoint(*arguments, "--json", "-q", **how).last_json()
        self.assertEqual(summary["type"], "summary", summary)
        return summary

    def packs(self):
        return {path.name: path for path in (self.repo / "data").glob("*/*")}

    def everything(self):
        return sorted((p, p.stat().st_size) for p in self.repo.rglob("*") if p.is_file())

    def sha256_of(self, backup, path):
        return hashlib.sha256(self.dump(backup, path)).hexdigest()

    @staticmethod
    def write(path, content):
        path.chmod(0o600)
        path.write_bytes(content)

    def flip(self, path, at=1000):
        content = bytearray(path.read_bytes())
        content[at] ^= 1
        self.write(path, bytes(content))

    def assert_mended(self):
        """Damage is not a matter of opinion: ours, and restic's where there is one."""
        self.check("--read-data")


class Shop(Base):
    """A system of two databases, backed up twice. A pack of the second backup is damaged, which
    holds pages of `orders` and nothing else."""

    daily = False  # with a restic they are
    full = "full-repair"

    def setUp(self):
        super().setUp()
        self.cart = bank.make(self.folder / "cart.db", accounts=2000)
        self.orders = bank.make(self.folder / "orders.db", accounts=2000)
        self.config = self.folder / "stillpoint.yaml"
        self.config.write_text("systems:\n  shop:\n    databases:\n"
                               f"      cart: {self.cart}\n      orders: {self.orders}\n")
        self.init()
        self.earlier = self.back_up(seed=1)
        before = self.packs()
        self.hurt = self.back_up(seed=2)
        # Those that are full: the manifest is in the last one.
        fresh = {n: p for n, p in self.packs().items() if n not in before}
        self.pack = max(fresh.values(), key=lambda path: path.stat().st_size)
        self.assertGreater(self.pack.stat().st_size, 4 << 20)
        self.sums = {(b, d): self.sha256_of(b, f"{d}/data/{d}.db")
                     for b in (self.earlier, self.hurt) for d in ("cart", "orders")}

    def back_up(self, seed):
        db = bank.connect(self.orders)
        db.execute("DROP TABLE IF EXISTS filler")
        db.close()
        bank.fill(self.orders, 12, seed=seed)
        return self.backup("shop", "--config", self.config, "--pack-size", "4")["backup"]

    def flipped(self):
        self.flip(self.pack)

    def truncated(self):
        self.write(self.pack, self.pack.read_bytes()[:1 << 20])

    def deleted(self):
        self.pack.unlink()

    def repair_packs(self):
        name = self.pack.name
        outcome = self.check("--read-data", expect=support.FAILURE)
        self.assertIn(name, outcome.out)
        before = self.everything()
        would = self.json_of("repair", "packs", name[:10], "--dry-run", expect=support.LEFT_OUT)
        self.assertEqual(self.everything(), before)
        did = self.json_of("repair", "packs", "--damaged", expect=support.LEFT_OUT)
        for what in ("damaged", "blobs_saved", "bytes_saved", "blobs_lost", "lost", "retired"):
            self.assertEqual(did[what], would[what], what)
        self.assertEqual([text.split(":")[0] for text in did["damaged"]], [name])
        self.assertEqual(len(did["lost"]), min(did["blobs_lost"], 1000))
        self.assertIn("none is damaged", self.stillpoint("repair", "packs", "--damaged").out)
        return did

    def repair_snapshots(self):
        before = self.everything()
        would = self.json_of("repair", "snapshots", "--dry-run", expect=support.LEFT_OUT)
        self.assertEqual(self.everything(), before)
        did = self.json_of("repair", "snapshots", "--forget", expect=support.LEFT_OUT)
        (one,), (told,) = did["damaged"], would["damaged"]
        self.assertEqual((one["backup"], one["left_out"]), (self.hurt, ["orders/data/orders.db"]))
        self.assertEqual(told["left_out"], one["left_out"])
        self.assertEqual((one["manifest_lost"], one["all_lost"], one["forgotten"]),
                         (False, False, True))
        self.assertEqual([b["id"] for b in self.backups()], [self.earlier, one["repaired"]])
        return one["repaired"]

    def assert_says_what_it_is(self, repaired):
        (listed,) = [b for b in self.backups() if b["id"] == repaired]
        self.assertEqual((listed["verdict"], listed["label"]), ("damaged", ""))
        self.assertIn("damaged", self.stillpoint("list").out)
        shown = self.stillpoint("show", repaired, "--json").json()
        self.assertEqual(shown["verdict"], "damaged")
        self.assertEqual([d.get("lost") for d in shown["databases"]],
                         [None, ["orders/data/orders.db"]])
        self.assertIn("LOST:      orders/data/orders.db", self.stillpoint("show", repaired).out)
        paths = self.stillpoint("ls", repaired).out
        self.assertIn("cart/data/cart.db", paths)
        self.assertNotIn("orders/data/orders.db", paths)

    def assert_restores_what_is_whole(self, repaired):
        for target in ([], ["--to", f"orders={self.folder}/new.db"], ["--database", "orders"]):
            error = self.fails("restore", repaired, "--yes", *target, expect=support.FAILURE,
                               code="corrupt", says=["orders", "orders/data/orders.db"])
            self.assertIn("--database cart", error["advice"])
        self.fails("restore", "latest:shop", "--dry-run", expect=support.FAILURE, code="corrupt",
                   says=["orders/data/orders.db"])
        self.fails("verify", repaired, expect=support.FAILURE, code="corrupt",
                   says=["orders/data/orders.db"])
        self.assertFalse((self.folder / "new.db").exists())
        self.assertEqual(list(self.folder.glob("*stillpoint-*")), [], "nothing is staged")
        self.assertEqual(list(self.folder.glob("*_before_*")), [], "nothing is replaced")
        self.assert_restored(repaired, self.hurt, "cart")
        self.assertEqual(self.sha256_of(repaired, "cart/data/cart.db"),
                         self.sums[self.hurt, "cart"])
        for database in ("cart", "orders"):
            self.assert_restored(self.earlier, self.earlier, database)

    def assert_restored(self, backup, original, database):
        target = self.folder / f"restored-{backup[:8]}-{database}.db"
        self.stillpoint("restore", backup, "--database", database, "--to", target, "--yes")
        found = hashlib.sha256(target.read_bytes()).hexdigest()
        self.assertEqual(found, self.sums[original, database], f"{database} of {original}")
        self.assertEqual(bank.problems(target), [])
        target.unlink()

    def test_flipped(self):
        self.round(self.flipped, saves=True)

    def test_truncated(self):
        self.round(self.truncated, saves=True)

    def test_deleted(self):
        self.round(self.deleted, saves=False)

    def round(self, damage, saves):
        damage()
        did = self.repair_packs()
        self.assertEqual(did["blobs_saved"] > 0, saves, did)
        self.assertEqual(self.pack.exists(), saves, "it is deleted by a later prune only")
        self.fails("prune", expect=support.FAILURE, code="corrupt")
        self.fails("restore", self.hurt, "--database", "orders", "--to", self.folder / "new.db",
                   "--yes", expect=support.FAILURE, code="corrupt")
        repaired = self.repair_snapshots()
        self.assert_mended()
        self.assert_says_what_it_is(repaired)
        self.assert_restores_what_is_whole(repaired)
        self.assertIn("nothing to repair", self.stillpoint("repair", "snapshots").out)
        for _ in range(2):
            self.stillpoint("prune", "--max-unused", "0", "--grace", SOON)
        self.assertFalse(self.pack.exists())
        self.assert_mended()
        self.assert_restores_what_is_whole(repaired)
        self.assert_no_locks()

    def test_originals_are_kept(self):
        self.flipped()
        self.repair_packs()
        made = [self.json_of("repair", "snapshots", self.hurt[:12],
                             expect=support.LEFT_OUT)["damaged"][0] for _ in range(2)]
        self.assertEqual([(one["was_there"], one["forgotten"]) for one in made],
                         [(False, False), (True, False)])
        self.assertEqual(made[0]["repaired"], made[1]["repaired"])
        self.assertEqual(len(self.backups()), 3)
        shown = self.stillpoint("show", "latest:shop", "--json").json()
        self.assertEqual(shown["id"], made[0]["repaired"], "not its original")
        self.stillpoint("forget", self.hurt)
        self.assert_mended()

    def test_stored_again(self):
        """A backup of the same data stores what was lost: all are whole again."""
        self.flipped()
        self.repair_packs()
        self.backup("shop", "--config", self.config)
        self.assert_mended()
        self.assertIn("nothing to repair", self.stillpoint("repair", "snapshots").out)
        for backup in (self.earlier, self.hurt):
            for database in ("cart", "orders"):
                self.assert_restored(backup, backup, database)

    def test_killed(self):
        """At any moment: what could be read is there, and the next run goes on."""
        self.flipped()
        for _ in range(20 if support.FULL else 5):
            words = self.words("repair", "packs", "--damaged", "-q")
            process = support.start(words, self.env())
            time.sleep(self.random.uniform(0, 0.2))
            os.kill(process.pid, signal.SIGKILL)
            support.finish(words, process, time.monotonic(), 60)
            for database in ("cart", "orders"):
                self.assertEqual(self.sha256_of(self.earlier, f"{database}/data/{database}.db"),
                                 self.sums[self.earlier, database])
        self.stillpoint("repair", "packs", "--damaged", expect=None)
        self.repair_snapshots()
        self.assert_mended()

    def test_wrong_words(self):
        self.fails("repair", "packs", "zz", expect=support.FAILURE, code="not_found", says=["zz"])
        self.stillpoint("repair", "packs", expect=support.USAGE)
        self.stillpoint("repair", "packs", "ab", "--damaged", expect=support.USAGE)
        self.fails("repair", "snapshots", "tomorrow", expect=support.FAILURE, code="not_found")
        sound = self.json_of("repair", "packs", self.pack.name)
        self.assertEqual((sound["sound"], sound["damaged"]), ([self.pack.name], []))


class LostManifest(Base):
    def test_what_is_left_can_be_read(self):
        path = bank.make(self.folder / "bank.db", accounts=2000)
        self.init()
        self.backup(path)
        before = self.packs()
        backup = self.backup(path)["backup"]  # new are its manifest and its folders
        fresh = [p for n, p in self.packs().items() if n not in before]
        self.assertEqual(len(fresh), 2)
        hidden = self.folder / "hidden"
        for pack in fresh:
            pack.rename(hidden)
            if self.stillpoint("ls", backup, expect=None).code == support.OK:
                break
            hidden.rename(pack)
        self.stillpoint("repair", "packs", "--damaged", expect=support.LEFT_OUT)
        outcome = self.stillpoint("repair", "snapshots", "--forget", expect=support.LEFT_OUT)
        self.assertIn("LOST: manifest.json", outcome.out)
        self.assertIn("cannot be restored any more", outcome.out)
        error = self.fails("restore", "latest", "--to", self.folder / "new.db",
                           expect=support.FAILURE, code="corrupt", says=["manifest", "lost"])
        self.assertIn("dump", error["advice"])
        self.assertEqual([b["verdict"] for b in self.backups()], ["proven", "damaged"])
        dumped = self.folder / "dumped.db"
        dumped.write_bytes(self.dump("latest", "bank/data/bank.db"))
        self.assertEqual(bank.problems(dumped), [])
        self.assert_mended()


class Tables(Base, postgres_case.PostgresCase):
    """Of a database that lacks something, single tables whose own files are there."""

    def test_one_table(self):
        self.server.create("shop", "CREATE TABLE small AS SELECT g AS id FROM "
                                   "generate_series(1, 1000) g")
        url = self.server.url("shop")
        self.init()
        self.backup(url)
        before = self.packs()
        self.server.psql("CREATE TABLE big AS SELECT g AS id, md5(g::text) || md5((g + 1)::text) "
                         "AS v FROM generate_series(1, 400000) g", "shop")
        self.backup(url, "--pack-size", "4")
        fresh = [p for n, p in self.packs().items() if n not in before]
        pack = max(fresh, key=lambda path: path.stat().st_size)
        self.assertGreater(pack.stat().st_size, 4 << 20)
        self.flip(pack, at=2 << 20)  # at its front are the small files of the schema
        self.stillpoint("repair", "packs", "--damaged", expect=support.LEFT_OUT)
        (one,) = self.json_of("repair", "snapshots", "--forget",
                              expect=support.LEFT_OUT)["damaged"]
        (lost,) = one["left_out"]
        self.assertIn("big", lost)
        self.server.psql("DROP TABLE small; DROP TABLE big", "shop")
        databases = self.server.databases()
        for table in ([], ["--table", "public.big"]):
            self.fails("restore", "latest", "--to", url, "--yes", *table, expect=support.FAILURE,
                       code="corrupt", says=["shop", lost])
        self.assertEqual(self.server.databases(), databases, "nothing is staged")
        self.stillpoint("restore", "latest", "--to", url, "--yes", "--table", "public.small")
        self.assertEqual(self.server.psql("SELECT count(*), sum(id) FROM small", "shop"),
                         "1000|500500")
        self.assertEqual(self.server.psql("SELECT to_regclass('big') IS NULL", "shop"), "t")
        self.assert_mended()


class WithRestic(Shop):
    which = ""

    def setUp(self):
        restic_tool.find(self.which)  # without it nothing has to be made
        super().setUp()
        self.restic = restic_tool.Restic(self.which, self.folder, self.repo)

    def assert_mended(self):
        super().assert_mended()
        self.restic.check()
        tags = [snapshot.get("tags", []) for snapshot in self.restic.snapshots()]
        damaged = [t for t in tags if "damaged" in t]
        self.assertEqual([t for t in tags if "repaired" in t], damaged)


class WithSystemRestic(WithRestic):
    which = "system"


class WithNextRestic(WithRestic):
    which = "next"
    daily = True


class OfRestic(Base):
    """A backup that restic made: what it says of files and folders stays as it is."""

    which = ""

    def test_repaired_by_us(self):
        restic = restic_tool.Restic(self.which, self.folder, self.repo)
        restic("init", "--repository-version", "2")
        source = self.folder / "source"
        (source / "folder/in it").mkdir(parents=True)
        (source / "folder/in it/link").symlink_to("nowhere <&>")
        for name in range(40):
            (source / f"folder/file-{name}").write_bytes(self.random.randbytes(300_000))
        (source / "empty").write_bytes(b"")
        restic("backup", ".", "--pack-size", "4", cwd=source)
        sound = (source / "folder/file-0").read_bytes()
        self.flip(max(self.packs().values(), key=lambda path: path.stat().st_size))
        self.stillpoint("repair", "packs", "--damaged", expect=support.LEFT_OUT)
        did = self.json_of("repair", "snapshots", "--forget", expect=support.LEFT_OUT)
        (lost,) = did["damaged"][0]["left_out"]
        self.check("--read-data")
        restic.check()
        (left,) = restic.snapshots()
        self.assertEqual(left["tags"], ["repaired"])
        self.assertEqual(left["original"], did["damaged"][0]["backup"])
        restic("restore", "latest", "--target", self.folder / "restored")
        self.assertEqual((source / "folder/file-0").read_bytes(), sound)
        self.assert_same(source, self.folder / "restored", lost)

    def assert_same(self, source, restored, lost):
        there = {p.relative_to(restored).as_posix() for p in restored.rglob("*")}
        wanted = {p.relative_to(source).as_posix() for p in source.rglob("*")}
        self.assertEqual(wanted - there, {lost})
        for path in wanted & there:
            was, now = source / path, restored / path
            self.assertEqual(was.lstat().st_mode, now.lstat().st_mode, path)
            self.assertEqual(was.lstat().st_mtime_ns, now.lstat().st_mtime_ns, path)
            if was.is_symlink():
                self.assertEqual(os.readlink(was), os.readlink(now))
            elif was.is_file():
                self.assertEqual(was.read_bytes(), now.read_bytes(), path)


class OfSystemRestic(OfRestic):
    daily = False
    which = "system"


class OfNextRestic(OfRestic):
    which = "next"


del WithRestic, OfRestic  # unittest would run them too

# SPDX-License-Identifier: Apache-2.0
"""Backups are forgotten as restic forgets snapshots, and never more than was asked for."""

import datetime
import json

import bank
import restic_tool
import sealing
import support

PERIODS = ("hourly", "daily", "weekly", "monthly", "yearly")


class Forget(support.Case):
    def setUp(self):
        super().setUp()
        self.bank = bank.make(self.folder / "bank.db")
        self.init()
        self.ids = [self.backup(self.bank, "--label", f"number-{n}")["backup"] for n in range(4)]

    def left(self):
        return [backup["id"] for backup in self.backups()]

    def forget(self, *words, **how):
        return self.stillpoint("forget", *words, "--json", **how).last_json()

    def test_by_a_policy(self):
        planned = self.forget("--keep-last", "2", "--dry-run")
        self.assertTrue(planned["dry_run"])
        self.assertEqual(self.left(), self.ids, "a dry run changes nothing")
        done = self.forget("--keep-last", "2")
        (system,) = done["systems"]
        self.assertEqual(system["system"], "bank")
        self.assertEqual([b["id"] for b in system["forget"]], self.ids[1::-1])
        self.assertEqual([b["id"] for b in system["keep"]], self.ids[:1:-1])
        self.assertEqual([b["reasons"] for b in system["keep"]], [["last"], ["last"]])
        self.assertEqual(planned["systems"], done["systems"])
        self.assertEqual(self.left(), self.ids[2:])
        self.check("--read-data")
        self.restore("latest", self.folder / "restored.db")
        self.assertEqual(bank.problems(self.folder / "restored.db"), [])
        self.assertEqual(self.forget("--keep-last", "2")["systems"][0]["forget"], [])
        self.assert_no_locks()

    def test_by_name(self):
        self.forget("number-1", self.ids[3][:10])
        self.assertEqual(self.left(), [self.ids[0], self.ids[2]])
        self.forget("latest:bank")
        self.assertEqual(self.left(), [self.ids[0]])
        self.fails("forget", "nosuch", expect=support.FAILURE, code="not_found")
        self.forget("latest")  # the last one, since it was named
        self.assertEqual(self.left(), [])

    def test_what_is_shown(self):
        shown = self.stillpoint("forget", "--keep-last", "1", "--keep-tag", "number-1", "--dry-run")
        lines = [line.split() for line in shown.out.splitlines() if "number-" in line]
        self.assertEqual([line[5] for line in lines], ["keep", "forget", "keep", "forget"], shown)
        self.assertIn("tag number-1", shown.out)
        self.assertIn("2 backups would be forgotten", shown.out)
        self.assertIn("prune", self.stillpoint("forget", "--keep-last", "3").out)
        self.assertEqual(self.stillpoint("forget", "--keep-last", "2", "--quiet").out, "")

    def test_nothing_without_being_asked(self):
        for words in ([], ["--keep-last", "0"], ["--keep-daily", "0", "--system", "bank"],
                      ["--allow-empty"], ["latest", "--keep-last", "1"],
                      ["latest", "--system", "bank"]):
            self.fails("forget", *words, expect=support.FAILURE, code="invalid")
        for words in (["--keep-last", "-2"], ["--keep-within", "5w"], ["--keep-within", ""]):
            self.stillpoint("forget", *words, expect=support.USAGE)
        error = self.fails("forget", "--keep-tag", "nosuch", expect=support.FAILURE, code="invalid",
                           says=["4 backups of bank"])
        self.assertIn("--allow-empty", error["advice"])
        self.fails("forget", "--keep-last", "1", "--system", "bnak", expect=support.FAILURE,
                   code="not_found", says=["bnak"])
        self.assertEqual(self.left(), self.ids)

    def test_everything_of_a_system(self):
        shop = self.backup(bank.make(self.folder / "shop.db"))["backup"]
        self.forget("--system", "bank", "--allow-empty")
        self.assertEqual(self.left(), [shop])

    def test_other_programs_backups(self):
        restic = restic_tool.Restic("system", self.folder, self.repo)
        for _ in range(2):
            restic("backup", str(self.bank), "--host", "laptop")
        foreign = [s["id"] for s in restic.snapshots() if s["hostname"] == "laptop"]
        outcome = self.forget("--keep-last", "1")
        self.assertIn("--foreign", outcome["notes"][0])
        self.assertEqual(self.left(), [self.ids[3], *foreign])
        self.fails("forget", foreign[0], expect=support.FAILURE, code="invalid", says=["not made"])
        self.forget("--keep-last", "1", "--foreign")
        self.assertEqual(self.left(), [self.ids[3], foreign[1]])
        restic.check()

    def test_a_record_that_cannot_be_read(self):
        record = self.repo / "snapshots" / self.ids[0]
        record.chmod(0o600)
        record.write_bytes(record.read_bytes()[:-1])
        outcome = self.stillpoint("forget", "--keep-last", "1", "--json", expect=support.LEFT_OUT)
        self.assertEqual([u["id"] for u in outcome.last_json()["unreadable"]], [self.ids[0]])
        left = sorted(p.name for p in (self.repo / "snapshots").iterdir())
        self.assertEqual(left, sorted([self.ids[0], self.ids[3]]))
        told = self.stillpoint("forget", "--keep-last", "1", "--quiet", expect=support.LEFT_OUT)
        self.assertIn(self.ids[0], told.err)

    def test_locked(self):
        sealing.add_lock(self.repo, support.PASSWORD, exclusive=True)
        self.fails("forget", "--keep-last", "1", expect=support.LOCKED, code="locked")
        self.assertEqual(len(list((self.repo / "snapshots").iterdir())), 4)


class AsRestic(support.Case):
    """Both programs keep the same of the same backups, by policies made at random."""

    which = "system"
    daily = False
    time_max = 600
    full = "full-forget"
    policies = 200 if support.FULL else 15
    records = 90

    def setUp(self):
        super().setUp()
        self.restic = restic_tool.Restic(self.which, self.folder, self.repo)
        self.init()
        first = self.backup(bank.make(self.folder / "bank.db"))["backup"]
        self.example = json.loads(self.restic("cat", "snapshot", first).out)
        self.key = sealing.master_key(self.repo, support.PASSWORD)
        (self.repo / "snapshots" / first).unlink()
        for _ in range(self.records):
            self.add_record()

    def add_record(self):
        """Close together or years apart, a few in the future, and on clocks of several zones."""
        rng = self.random
        hours = rng.choice((30, 24 * 40, 24 * 800, 24 * 3000))
        zone = datetime.timezone(datetime.timedelta(minutes=rng.choice((0, 0, 120, -480, 330))))
        when = datetime.datetime.now(zone) - datetime.timedelta(seconds=rng.uniform(-9e4, 3600)
                                                                + 3600 * rng.uniform(0, hours))
        tags = [tag for tag in ("stillpoint", "proven", "a", "b") if rng.random() < 0.5]
        host = rng.choice(("bank", "bank", "shop"))
        record = {**self.example, "time": when.isoformat(), "tags": tags or None,
                  "hostname": host, "paths": rng.choice(([f"/stillpoint/{host}"], ["/b", "/a"]))}
        sealing.add_record(self.repo, self.key, record)

    def age(self):
        parts = [f"{self.random.randrange(most)}{unit}"
                 for unit, most in (("y", 4), ("m", 15), ("d", 40), ("h", 60))
                 if self.random.random() < 0.4]
        return "".join(parts) or "5d"

    def policy(self):
        """Pairs of an option and its value. The first keeps something in any case."""
        rng = self.random
        always = [("--keep-last", str(rng.randrange(1, 5))),
                  ("--keep-" + rng.choice(PERIODS), str(rng.randrange(1, 12))),
                  ("--keep-within", f"{rng.randrange(1, 90)}d"),
                  ("--keep-within-" + rng.choice(PERIODS), f"{rng.randrange(1, 30)}m")]
        chosen = dict([rng.choice(always)])
        for period in PERIODS:
            if rng.random() < 0.35:
                count = rng.choice(("1", "2", "3", "10", "unlimited"))
                chosen.setdefault("--keep-" + period, count)
            if rng.random() < 0.2:
                chosen.setdefault("--keep-within-" + period, self.age())
        if rng.random() < 0.3:
            chosen["--keep-tag"] = rng.choice(("a", "a,b", "proven"))
        return chosen

    def is_old(self):
        """0.16 brought "unlimited", and keeps the oldest while a rule is not full."""
        return tuple(map(int, self.restic.version.split("."))) < (0, 16)

    def kept_by_restic(self, policy):
        unlimited = "100000" if self.is_old() else "unlimited"
        words = [w if w != "unlimited" else unlimited for p in policy.items() for w in p]
        words = [f"{words[i]}={words[i + 1]}" for i in range(0, len(words), 2)]
        outcome = self.restic("forget", *words, "--dry-run", "--json", env={"TZ": "UTC"})
        groups = json.loads([l for l in outcome.out.splitlines() if l.startswith("[")][-1])
        return {snapshot["id"] for group in groups for snapshot in group["keep"] or []}

    def kept_by_us(self, policy):
        words = [word for pair in policy.items() for word in pair]
        outcome = self.stillpoint("forget", *words, "--foreign", "--dry-run", "--json")
        return {b["id"] for system in outcome.last_json()["systems"] for b in system["keep"]
                if not self.is_old() or any(not r.startswith("oldest") for r in b["reasons"])}

    def test_the_same_are_kept(self):
        sizes = set()
        for _ in range(self.policies):
            policy = self.policy()
            theirs, ours = self.kept_by_restic(policy), self.kept_by_us(policy)
            self.assertEqual(ours, theirs, f"policy {policy}")
            sizes.add(len(ours))
        self.assertGreater(len(sizes), 5, "the policies were too much alike to tell anything")


class AsNextRestic(AsRestic):
    which = "next"
    daily = True

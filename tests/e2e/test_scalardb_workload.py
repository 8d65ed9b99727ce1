# SPDX-License-Identifier: Apache-2.0
"""The bank on real ScalarDB and the judgement of its copies, without Stillpoint taking any: what is
right is found right, what is wrong is found wrong."""

import time

import mysql
import postgres
import scalardb
import scalardb_cut
import support


class Bank(support.Case):
    """PostgreSQL, which holds the coordinator if nothing else is said, and others."""

    time_max = 300
    full = "full-scalardb"
    full_time_max = 1800
    transactions = 5000 if support.FULL else 400
    rounds = 20 if support.FULL else 5  # if not full, at most
    apart = 0.2  # seconds

    def make(self, *others, **options):
        """The bank at work."""
        first = scalardb.Postgres(postgres.Server(self))
        self.system = scalardb.System([first, *others], **options)
        self.log = self.folder / "log"
        self.app = scalardb.Application(self).open(self.system, self.log).make()
        self.app.start(seed=self.random.getrandbits(32))
        self.app.run_until(self.transactions // 4)

    def sqlite(self):
        return scalardb.Sqlite(self.folder / "bank_b.db")

    def mariadb(self):
        return scalardb.Maria(mysql.Server(self))

    def copy_places(self):
        """Where copies are loaded: fresh servers, and a folder for files."""
        files = self.folder / "copies"
        files.mkdir()
        kinds = {scalardb.Postgres: lambda: postgres.Server(self),
                 scalardb.Maria: lambda: mysql.Server(self), scalardb.Sqlite: lambda: files}
        return [kinds[type(database)]() for database in self.system.databases]

    def dump(self, name, apart=0.0):
        """Plain copies, one database after the other."""
        paths = []
        for place, database in enumerate(self.system.databases):
            time.sleep(apart if place else 0)
            paths.append(self.folder / f"{name}_{place}")
            database.dump(paths[-1])
        return paths

    def read(self, paths, places):
        """What ScalarDB finds in plain copies."""
        copies = [database.load(path, place) for database, path, place
                  in zip(self.system.databases, paths, places)]
        return self.app.read(self.system.of(copies))

    def problems(self, copy, **when):
        return copy.problems(scalardb_cut.Log(self.log), **when)

    def assert_exact(self, copy, **when):
        print(copy.answer)
        found = self.problems(copy, **when)
        self.assertEqual(found, [], f"{len(found)} problems; errors:\n{self.app.errors()[-4000:]}")

    def end_exactly(self):
        """Stopped, the databases hold exactly what is committed, and all that was said to be."""
        self.app.run_until(self.transactions)
        counts = self.app.stop()
        print(counts)
        log = scalardb_cut.Log(self.log)
        # accounts and probes are made by transactions, too, which are no transfers
        self.assertGreaterEqual(log.count(), counts["ok"])
        self.assertGreaterEqual(counts["ok"], self.transactions)
        # a server may time out on a busy machine; if it were often, some business would not work
        self.assertLess(100 * (counts["unknown"] + counts["error"]), self.transactions,
                        self.app.errors()[-4000:])
        self.assert_exact(self.app.read(self.system), acknowledged_until=time.time() * 1e6)

    def copies_taken_in_a_pause(self):
        """The way to copy, load and read is not what makes the others wrong."""
        self.stillpoint("admin", "pause", "-a", self.app.address)
        begin = self.app.stats()
        begin_time = time.time() * 1e6
        paths = self.dump("paused", self.apart)
        end_time = time.time() * 1e6
        self.assertEqual(self.app.stats(), begin)
        self.stillpoint("admin", "unpause", "-a", self.app.address)
        self.app.run_until(10)
        log = scalardb_cut.Log(self.log)
        self.assertEqual(log.commits_within(begin_time, end_time), 0)
        self.assertEqual(log.longest_commit(begin_time, end_time), 0)
        return paths, dict(acknowledged_until=begin_time, begun_after=end_time)

    def work_and_copy(self):
        """Copies taken in a pause and of the end are exact; of those taken apart at work, some are
        not (nearly all, but luck is possible)."""
        places = self.copy_places()
        apart = [self.dump(f"apart{number}", self.apart) for number in range(self.rounds)]
        paused, when = self.copies_taken_in_a_pause()
        self.end_exactly()
        self.assert_exact(self.read(paused, places), **when)
        wrong = 0
        for paths in apart:
            found = self.problems(self.read(paths, places))
            print(f"taken apart: {len(found)} problems: {found[:2]}")
            wrong += bool(found)
            if wrong and not support.FULL:
                break
        self.assertGreater(wrong, 0, f"copies taken {self.apart} s apart were all exact")


class Workload(Bank):
    """With all that commits can be set to; other combinations: test_scalardb_backup.py."""

    def test_group_commit(self):
        """A row of the coordinator stands for many; and commits go on behind the application."""
        self.make(self.mariadb(), group_commit=True, slot_capacity=4, async_commit=True,
                  write_set_logging=True)
        self.work_and_copy()
        cut = self.system.committed()
        groups = {transaction.split("$")[0] for transaction in cut}
        print(f"{len(cut)} transactions in {len(groups)} groups")
        self.assertLess(len(groups), len(cut) / 2)


class Killed(Bank):
    rare = ("test_log_outlives_a_kill",)

    def test_log_outlives_a_kill(self):
        """Whatever is committed had been logged; who was in the middle is recovered."""
        self.make(self.sqlite(), group_commit=True, slot_capacity=4)
        self.app.run_until(self.transactions)
        self.app.process.kill()
        self.app.process.wait()
        killed = time.time() * 1e6
        self.app = scalardb.Application(self).open(self.system, self.log)
        self.assert_exact(self.app.read(self.system), acknowledged_until=killed)
        self.app.start(seed=self.random.getrandbits(32))
        self.end_exactly()


class Judgement(support.Case):
    """What exact_cut says of a small log: T1 makes two records, T2 and T3 change the first, T3
    deletes the second."""

    LINES = ("w T1 a.x.1=10@- a.x.2=20@-", "e T1 ok 100 200", "w T2 a.x.1=11@T1", "e T2 ok 300 400",
             "w T3 a.x.1=12@T2 a.x.2=deleted@T1", "e T3 ok 500 600", "w T4 a.x.1=13@T3",
             "e T4 conflict 700 800", "w T5 a.x.1=99@T")

    def judge(self, cut, records, **when):
        path = self.folder / "log"
        path.write_text("\n".join(self.LINES))  # the last line was cut off
        return scalardb_cut.exact_cut(scalardb_cut.Log(path), set(cut), records, **when)

    def test_cuts(self):
        first, second = {"a.x.1": (10, "T1"), "a.x.2": (20, "T1")}, {"a.x.1": (12, "T3")}
        for cut, records, when, said in (
                (("T1",), first, {}, ()),
                (("T1", "T2", "T3"), second, {}, ()),
                ((), {}, {}, ()),
                # another value, another writer of the same value, a record too few, one too many
                (("T1",), {**first, "a.x.1": (11, "T1")}, {}, ("11 of T1 instead of 10 of T1",)),
                (("T1",), {**first, "a.x.1": (10, "T0")}, {}, ("10 of T0 instead of 10 of T1",)),
                (("T1",), {"a.x.1": (10, "T1")}, {}, ("a.x.2: nothing instead of 20",)),
                (("T1", "T2", "T3"), {**second, "a.x.2": (20, "T1")}, {}, ("instead of nothing",)),
                # T3 builds on T2
                (("T1", "T3"), second, {}, ("a.x.1: T3 has replaced T2, which is not in",
                                            "12 of T3 instead of 10 of T1")),
                (("T1", "T9"), first, {}, ("T9: committed, but never logged",)),
                (("T1",), first, {"acknowledged_until": 200}, ()),
                (("T1",), first, {"acknowledged_until": 401}, ("T2: acknowledged before",)),
                (("T1",), first, {"begun_after": 100}, ()),
                (("T1",), first, {"begun_after": 99}, ("T1: begun after the cut",))):
            found = self.judge(cut, records, **when)
            with self.subTest(cut=cut, records=records, found=found):
                self.assertEqual(len(found), len(said))
                for problem, words in zip(sorted(found), sorted(said)):
                    self.assertIn(words, problem)

    def test_commits_at_a_time(self):
        self.judge((), {})
        log = scalardb_cut.Log(self.folder / "log")
        self.assertEqual((log.count(), log.count("conflict")), (3, 1))
        self.assertEqual(log.longest_commit(400, 499), 100)
        self.assertEqual(log.longest_commit(401, 499), 0)
        self.assertEqual(log.commits_within(300, 599), 1)

    def test_rows_of_a_coordinator(self):
        """Alone, a group, a late one of a group, aborted ones."""
        rows = [("one", "", "3"), ("two", "", "4"), ("group", "c1,c2", "3"), ("gone", "c1", "4"),
                ("group$c3", "", "3"), ("late", "", "4"), ("late$c1", "", "3")]
        self.assertEqual(scalardb_cut.committed(rows),
                         {"one", "group$c1", "group$c2", "group$c3", "late$c1"})

    def test_probes(self):
        def records(*counters):
            return {f"{name}.probe.{probe}": (value, "T") for (name, probe), value in zip(
                (("a", 0), ("b", 0), ("a", 1), ("b", 1)), counters)}
        self.assertEqual(scalardb_cut.later_ahead(records(5, 4, 7, 7), ("a", "b")), [])
        self.assertEqual(len(scalardb_cut.later_ahead(records(4, 5, 7, 7), ("a", "b"))), 1)
        self.assertEqual(len(scalardb_cut.later_ahead(records(5, 5, 8, 7), ("a", "b"))), 1)

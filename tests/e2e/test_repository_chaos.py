# SPDX-License-Identifier: Apache-2.0
"""Commands are killed and stopped at random, alone and beside each other: what was finished stays
whole, and nothing is left over at the end."""

import os
import signal
import time

import bank
import support
from repository_world import PRUNE, World

KEPT = 3  # of each system, by the policy


class Chaos(World):
    daily = True
    full = "full-repository-kill"

    def setUp(self):
        super().setUp()
        self.first_key_bytes = (self.repo / self.first_key).read_bytes()
        self.known = {}  # those of fill() are not told from each other by their system
        self.seconds = {}

    def took(self, name, started):
        """Of several times the shortest: in others the machine was busy, and kills came late."""
        seconds = time.monotonic() - started
        self.seconds[name] = min(seconds, self.seconds.get(name, seconds))

    def note(self, backup, system):
        self.known[backup] = (system, self.digest_of(backup, system))

    def digest_of(self, backup, system):
        return self.digest(backup, path=f"{system}/data/{system}.db")

    def look(self, context, every=False):
        """`check` is clean; of what was finished nothing is gone that no policy forgets; what is
        visible and nobody was told of is whole. All are known from here on."""
        self.check("--read-data")
        listed = self.backups()
        systems = {one["id"]: one["system"] for one in listed}
        order = [one["id"] for one in sorted(listed, key=lambda one: one["time"])]
        for backup, (system, _) in list(self.known.items()):
            if backup in systems:
                continue
            newer = [one for one in order if systems[one] == system]
            self.assertGreaterEqual(len(newer), KEPT, f"{backup} is gone: {context}")
            del self.known[backup]
        for backup in order:
            if backup not in self.known:
                self.assert_consistent(backup, systems[backup])
                self.note(backup, systems[backup])
        for backup in order if every else [self.random.choice(order)]:
            system, whole = self.known[backup]
            self.assertEqual(self.digest_of(backup, system), whole, f"{backup}: {context}")

    def assert_consistent(self, backup, system):
        path = self.folder / "dumped.db"
        path.write_bytes(self.dump(backup, f"{system}/data/{system}.db"))
        self.assertEqual(bank.problems(path), [])
        path.unlink()

    def at_the_end(self):
        self.stillpoint("forget", "--keep-last", str(KEPT))
        self.look("at the end", every=True)
        self.assert_pruned(self.at(self.repo))
        self.look("after the last prune", every=True)
        self.assert_restic_content(self.at(self.repo))
        strange = [p for p in self.repo.rglob("*") if p.is_file() and p != self.repo / "config"
                   and p.parent != self.repo / "tmp" and len(p.name) != 64]
        self.assertEqual(strange, [])


class Kills(Chaos):
    def put_key_back(self):
        """A key of our own is cheap, whichever password is in force."""
        self.at_repo()
        for path in self.repo.glob("keys/*"):
            path.unlink()
        (self.repo / self.first_key).write_bytes(self.first_key_bytes)

    def test_at_random(self):
        rounds = 300 if support.FULL else 20
        killed = {}
        self.look("at the beginning")
        words = {**{name: one.words for name, one in self.operations().items()},
                 "forget": ("forget", "--keep-last", str(KEPT)), "check": ("check", "--read-data")}
        for number in range(rounds):
            name = self.random.choice(sorted(words))
            self.change()
            if self.kill(words[name], self.random.uniform(0, self.seconds.get(name, 0.3))):
                killed[name] = killed.get(name, 0) + 1
            context = f"round {number}: {name}"
            if name == "key":
                self.put_key_back()
            if name == "repair":
                self.stillpoint(*words[name])
            self.look(context)
            started = time.monotonic()
            self.stillpoint(*words[name])
            self.took(name, started)
            if name == "key":
                self.put_key_back()
        self.at_the_end()
        self.check("--read-data", **self.at(self.other))
        print(f"measured: killed half-way, of {rounds}: {killed}")
        self.assertGreater(sum(killed.values()), rounds // 6)

    def kill(self, words, seconds):
        """Whether it was not through by then."""
        words = self.words(*words)
        process = support.start(words, self.env())
        time.sleep(seconds)
        process.kill()
        outcome = support.finish(words, process, time.monotonic(), 60)
        self.assertIn(outcome.code, (support.OK, 128 + signal.SIGKILL), str(outcome))
        return outcome.code != support.OK


class Together(Chaos):
    """Two writers and a pruner at once, each killed, stopped, or robbed of its lock at random."""

    def setUp(self):
        super().setUp()
        self.banks = [bank.make(self.folder / f"{name}.db", accounts=300) for name in ("a", "b")]
        self.look("at the beginning")

    def change_both(self):
        for self.bank in self.banks:
            self.change()

    def start_all(self, number):
        commands = [("backup", path, "--json") for path in self.banks]
        commands.append((PRUNE if number % 2 else ("forget", "--keep-last", str(KEPT))) + ("-q",))
        all_words = [self.words(*command) for command in commands]
        return [(words, support.start(words, self.env())) for words in all_words]

    def fates(self, processes):
        """(seconds, what, which), in the order of time."""
        some = []
        for words, process in processes:
            what = self.random.choice(("nothing", "kill", "stop", "stop", "rob"))
            some.append((self.random.uniform(0, self.seconds.get("all", 0.3)), what, process))
        return sorted(some, key=lambda fate: fate[0])

    def rob(self, process):
        """Its lock goes, as if it had been silent for half an hour."""
        for lock in self.stillpoint("unlock", "--json").json()["locks"]:
            if lock["pid"] == process.pid:
                (self.repo / "locks" / lock["id"]).unlink(missing_ok=True)

    def one_round(self, number):
        self.change_both()
        started = time.monotonic()
        processes = self.start_all(number)
        fate_of = {}
        for seconds, what, process in self.fates(processes):
            time.sleep(max(0.0, started + seconds - time.monotonic()))
            fate_of[process] = what
            if what == "kill":
                process.kill()
                process.wait()  # as a zombie it would count as alive
            elif what != "nothing":
                os.kill(process.pid, signal.SIGSTOP)
        outcomes = {}
        frozen = [p for _, p in processes if fate_of[p] in ("stop", "rob") and p.poll() is None]
        for words, process in processes:
            if process not in frozen:
                outcomes[process] = support.finish(words, process, started, 120)
        self.took("all", started)
        self.while_frozen(frozen, fate_of)
        for words, process in processes:
            if process in frozen:
                os.kill(process.pid, signal.SIGCONT)
                outcomes[process] = support.finish(words, process, started, 120)
        self.judge(processes, fate_of, outcomes)
        return [f"{fate_of[p]}: {outcomes[p].code}" for _, p in processes]

    def while_frozen(self, frozen, fate_of):
        for process in frozen:
            if fate_of[process] == "rob":
                self.rob(process)
        for _ in range(2 if frozen else 0):
            outcome = self.stillpoint(*PRUNE, "-q", expect=None)
            if outcome.code != support.OK:  # another prune is among them, and keeps its lock
                self.assertEqual(outcome.code, support.LOCKED, str(outcome))

    def judge(self, processes, fate_of, outcomes):
        for place, (_, process) in enumerate(processes):
            fate, outcome = fate_of[process], outcomes[process]
            allowed = {"kill": (support.OK, 128 + signal.SIGKILL),
                       "rob": (support.OK, support.LOCKED, support.FAILURE)}
            self.assertIn(outcome.code, allowed.get(fate, (support.OK,)), f"{fate}{outcome}")
            if place < len(self.banks) and outcome.code == support.OK:
                made, system = outcome.last_json()["backup"], self.banks[place].stem
                self.assert_consistent(made, system)
                self.note(made, system)

    def test_two_writers_and_a_pruner(self):
        ends = []
        for number in range(200 if support.FULL else 8):
            ends.append(self.one_round(number))
            self.look(f"round {number}: {ends[-1]}")
        self.at_the_end()
        print(f"measured: {ends}")

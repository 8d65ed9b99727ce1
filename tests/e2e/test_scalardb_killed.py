# SPDX-License-Identifier: Apache-2.0
"""kill -9 and SIGSTOP at any moment of a backup's window: commits go on within the limit, nobody
stays paused, nothing is left, and the next backup works."""

import os
import signal
import time

import scalardb
import scalardb_case
import scalardb_watch
import support

GAP_MS = 150
HOLD_MAX = 1.0


class Struck(scalardb_case.ScalardbCase):
    """A bank over PostgreSQL, SQLite and MariaDB."""

    alone = True
    full = "full-scalardb-kill"
    time_max = 300
    full_time_max = 3600
    slack = 4  # seconds that a busy machine may need besides

    def begin(self, coordinator, kinds="PSM"):
        self.make(kinds, coordinator)
        self.work(100)
        self.rows = []  # of what was struck: (moment, the commits are back)
        self.known = []  # backups

    def started(self):
        process = support.start(self.words("backup", *self.whom(), *self.window(), "--json"),
                                self.env(**{scalardb_case.GAP: GAP_MS}))
        self.addCleanup(process.kill)  # who is stopped would stay so when the test fails
        return process

    def wait_for(self, condition, process):
        """False if the process ended before."""
        while process.poll() is None:
            if condition():
                return True
            time.sleep(0.0005)
        return False

    def moment(self, process, condition):
        """Mostly within the window, or at any other."""
        if self.random.random() < 0.2:
            time.sleep(self.random.uniform(0, 1.5))
        elif self.wait_for(condition, process):
            gaps = len(self.system.databases) - 1
            time.sleep(self.random.uniform(0, gaps * GAP_MS / 1000))

    def strike(self, number, condition, limit):
        process = self.started()
        self.moment(process, condition)
        struck = time.time()
        process.send_signal(number)
        self.app.run_until(20, timeout=limit)
        self.rows.append((struck, time.time()))
        return process

    def kill(self, condition):
        process = self.strike(signal.SIGKILL, condition, self.slack)
        process.communicate()
        self.assert_nothing_stays()
        self.assert_visible()

    def stop(self, condition, limit):
        """It goes on afterwards, and whatever it then says that it has is right."""
        process = self.strike(signal.SIGSTOP, condition, limit)
        process.send_signal(signal.SIGCONT)
        outcome = support.finish(["backup"], process, time.monotonic(), 60)
        if outcome.code == support.OK:
            self.known.append(outcome.last_json()["backup"])
        else:
            error = outcome.error()
            print(error["message"])
            self.assertIn(error["exit_code"], (support.FAILURE, support.UNPROVEN, 21), str(outcome))
        self.assert_nothing_stays()
        self.assert_visible()

    def assert_visible(self):
        self.assertEqual({one["id"] for one in self.backups()}, set(self.known))

    def strike_all(self, condition, limit):
        """What was struck does not hinder the next."""
        rounds = [self.kill] * self.kills + [lambda when: self.stop(when, limit)] * self.stops
        self.random.shuffle(rounds)
        for number, strike in enumerate(rounds):
            strike(condition)
            if number % 3 == 0 or number == len(rounds) - 1:
                self.known.append(self.take(*self.window()))
        self.end()

    def assert_nothing_stays(self):
        """No session, no lock, no process of ours; and no journal of a pause, unless its guard had
        not begun."""
        until = time.monotonic() + self.slack
        while (left := self.left()) and time.monotonic() < until:
            time.sleep(0.02)
        self.assertEqual(left, [])

    def left(self):
        found = [f"process {name}" for name in scalardb_watch.processes_in(self.folder)]
        for database in self.system.databases:
            if isinstance(database, scalardb.Postgres):
                found += database.server.psql(
                    "SELECT application_name, query FROM pg_stat_activity"
                    " WHERE application_name ILIKE '%stillpoint%'").splitlines()
                found += database.server.psql(
                    "SELECT mode FROM pg_locks WHERE mode = 'ShareLock'"
                    " AND relation = to_regclass('coordinator.state')",
                    database.name).splitlines()
            elif isinstance(database, scalardb.Maria):
                found += self.sessions(database.server)
        return found

    def sessions(self, server):
        """Of others than the bank and this question."""
        ports = scalardb_watch.connected_ports(self.app.process.pid)
        told = server.sql("SELECT host, info FROM information_schema.processlist"
                          " WHERE user = 'root' AND id <> connection_id()").splitlines()
        return [f"MariaDB: {line}" for line in told
                if int(line.split("\t")[0].rpartition(":")[2] or 0) not in ports]

    def end(self):
        """All that was kept is exact, and no commit waited longer than it may."""
        self.app.stop()
        log, places = self.written(), scalardb_case.Places(self, self.system)
        longest = max(log.longest_commit(a * 1e6, b * 1e6) for a, b in self.rows) / 1e6
        gaps = max(b - a for a, b in self.rows)
        within = sum(self.stood_still(log, struck) for struck, _ in self.rows)
        print(f"measured: {len(self.rows)} struck, {within} of them while nobody could commit; "
              f"commits back after at most {gaps:.2f} s, longest commit {longest:.2f} s")
        if len(self.rows) >= 20:  # of fewer, all may have come too early or too late
            self.assertGreater(within, 0)
        self.assertLess(longest, HOLD_MAX + self.slack)
        for backup in self.known if support.FULL else self.known[-4:]:
            manifest = self.manifest(backup)
            self.assert_told(manifest, self.branch, ("proven", "paused"))
            self.assert_exact(manifest, self.read(backup, places), log)

    @staticmethod
    def stood_still(log, moment):
        return not any(outcome == "ok" and 0 < moment - end / 1e6 < 0.03
                       for outcome, _, end in log.ends.values())


class Gate(Struck):
    """The coordinator in each kind."""

    branch = "commit_gate"
    kills, stops = (40, 27) if support.FULL else (4, 3)

    def window(self):
        return ("--window", "gate")

    def strike_at(self, coordinator, kind):
        self.begin(coordinator)
        gate = kind(self, self.system.databases[self.system.coordinator])
        self.strike_all(gate.shut, HOLD_MAX + self.slack)

    def test_postgresql(self):
        self.strike_at("P", scalardb_watch.AtPostgres)

    def test_mariadb(self):
        self.strike_at("M", scalardb_watch.AtMaria)

    def test_sqlite(self):
        self.strike_at("S", scalardb_watch.AtSqlite)


class Pause(Struck):
    branch = "pause"
    kills, stops = (40, 27) if support.FULL else (4, 2)
    drain_max, hold_max = 10, 5  # generous: the machine is busy, and nobody is asked again

    def begin(self, coordinator, kinds="PS"):
        super().begin(coordinator, kinds)
        self.config = self.folder / "stillpoint.yaml"
        self.config.write_text(
            "systems:\n  bank:\n    layer: scalardb\n"
            f"    properties: {self.properties}\n    window:\n      use: pause\n      pause:\n"
            f"        addresses: [{self.app.address}]\n"
            f"        drain_max: {self.drain_max}s\n        hold_max: {self.hold_max}s\n")

    def whom(self):
        return ("bank", "--config", self.config)

    def window(self):
        return ()

    def journals(self):
        return list(self.state.glob("windows/*"))

    def quiet(self):
        """Nobody has written to the log for a while: that is how a drained pause looks."""
        return self.journals() and time.time() - os.path.getmtime(self.log) > 0.03

    def moment(self, process, _):
        """While they drain, or while all are paused."""
        super().moment(process, self.random.choice([self.journals, self.quiet]))

    def left(self):
        return super().left() + [f"journal {path}" for path in self.journals()]

    def assert_nothing_stays(self):
        """A journal whose guard had not begun is left to the next start."""
        until = time.monotonic() + self.slack
        while self.left() and time.monotonic() < until:
            time.sleep(0.02)
        if self.journals():
            self.stillpoint("admin", "unpause", "--journal")
        self.assertEqual(self.left(), [])

    def test_at_random_moments(self):
        """The guard of one that is stopped waits until everything that it may wait for is over."""
        self.begin("P")
        # two calls of 5 s each, 3 s of grace for an answer, 2 s for the guard
        self.strike_all(self.journals, self.drain_max + self.hold_max + 15 + self.slack)

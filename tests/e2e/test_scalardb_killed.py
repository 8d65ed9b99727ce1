# SPDX-License-Identifier: Apache-2.0
"""kill -9 and SIGSTOP at any moment of a backup's window: commits go on within the limit, nobody
stays paused, nothing is left, and the next backup works."""

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
        self.known = []  # manifests

    def started(self):
        return support.start(self.words("backup", *self.whom(), *self.window(), "--json"),
                             self.env(**{scalardb_case.GAP: GAP_MS}))

    def wait_for(self, condition, process):
        """False if the process ended before."""
        while process.poll() is None:
            if condition():
                return True
            time.sleep(0.0005)
        return False

    def moment(self, process, condition):
        """Mostly within the window, or shortly before or after it."""
        if self.random.random() < 0.2:
            time.sleep(self.random.uniform(0, 1))
        elif self.wait_for(condition, process):
            time.sleep(self.random.uniform(0, 3 * GAP_MS / 1000))

    def strike(self, number, condition, limit):
        process = self.started()
        self.moment(process, condition)
        struck = time.time()
        process.send_signal(number)
        self.app.run_until(20, timeout=limit)
        back = time.time()
        self.rows.append((struck, back))
        self.assertLess(back - struck, limit)
        return process

    def kill(self, condition):
        process = self.strike(signal.SIGKILL, condition, self.slack)
        process.communicate()
        self.assert_nothing_stays()
        self.next_works()

    def stop(self, condition, limit):
        """It goes on afterwards, and whatever it then says that it has is right."""
        process = self.strike(signal.SIGSTOP, condition, limit)
        process.send_signal(signal.SIGCONT)
        outcome = support.finish(["backup"], process, time.monotonic(), 60)
        if outcome.code == support.OK:
            self.known.append(self.manifest(outcome.last_json()["backup"]))
        else:
            error = outcome.error()
            print(error["message"])
            self.assertIn(error["exit_code"], (support.FAILURE, support.UNPROVEN, 21), str(outcome))
        self.assert_nothing_stays()
        self.next_works()

    def next_works(self):
        """What was struck is not visible, and does not hinder."""
        self.assertEqual({one["id"] for one in self.backups()}, {one["id"] for one in self.known})
        manifest = self.back_up(*self.window())
        self.assert_told(manifest, self.branch, ("proven", "paused"))
        self.known.append(manifest)

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

    def end(self, normal):
        """All that was kept is exact, and no commit waited longer than it may."""
        self.app.stop()
        log, places = self.written(), scalardb_case.Places(self, self.system)
        longest = max(log.longest_commit(a * 1e6, b * 1e6) for a, b in self.rows) / 1e6
        gaps = max(b - a for a, b in self.rows)
        print(f"measured: {len(self.rows)} struck; commits back after at most {gaps:.2f} s, "
              f"longest commit {longest:.2f} s")
        self.assertLess(longest, normal + self.slack)
        for manifest in self.known if support.FULL else self.known[-4:]:
            self.assert_exact(manifest, self.read(manifest["id"], places), log)


class Gate(Struck):
    """The coordinator in each kind."""

    branch = "commit_gate"
    kills, stops = (40, 27) if support.FULL else (4, 3)

    def window(self):
        return ("--window", "gate")

    def strike_all(self, coordinator, kind):
        self.begin(coordinator)
        place = self.system.coordinator
        gate = kind(self, self.system.databases[place])
        for _ in range(self.kills):
            self.kill(gate.shut)
        for _ in range(self.stops):
            self.stop(gate.shut, HOLD_MAX + self.slack)
        self.end(HOLD_MAX)

    def test_postgresql(self):
        self.strike_all("P", scalardb_watch.AtPostgres)

    def test_mariadb(self):
        self.strike_all("M", scalardb_watch.AtMaria)

    def test_sqlite(self):
        self.strike_all("S", scalardb_watch.AtSqlite)


class Pause(Struck):
    branch = "pause"
    kills, stops = (40, 27) if support.FULL else (4, 2)
    drain_max = 2

    def begin(self, coordinator, kinds="PS"):
        super().begin(coordinator, kinds)
        self.config = self.folder / "stillpoint.yaml"
        self.config.write_text(
            "systems:\n  bank:\n    layer: scalardb\n"
            f"    properties: {self.properties}\n    window:\n      use: pause\n      pause:\n"
            f"        addresses: [{self.app.address}]\n"
            f"        drain_max: {self.drain_max}s\n        hold_max: {HOLD_MAX:.0f}s\n")

    def whom(self):
        return ("bank", "--config", self.config)

    def window(self):
        return ()

    def journals(self):
        return list(self.state.glob("windows/*"))

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
        for _ in range(self.kills):
            self.kill(self.journals)
        for _ in range(self.stops):
            self.stop(self.journals, 2 * self.drain_max + HOLD_MAX + 12)
        self.end(HOLD_MAX)

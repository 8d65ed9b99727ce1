# SPDX-License-Identifier: Apache-2.0
"""One instant in the logs of several databases, marked while all services are paused."""

import datetime
import email.utils
import http.server
import json
import os
import shutil
import signal
import threading
import time
import unittest

import applications
import manifest_schema
import mysql
import postgres
import postgres_case
import support

NOT_HELD, STILL_HELD = 21, 22
HOUR = 3600


def seconds(text):
    """Of an RFC 3339 time with nanoseconds."""
    whole, fraction = text.rstrip("Z").split(".")
    moment = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc)
    return moment.timestamp() + float("0." + fraction)


class FrontEnd:
    """An HTTP server whose clock is ahead; it refuses everything, and tells the time."""

    def __init__(self, case, ahead):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self):
                self.send_response_only(403)
                self.send_header("Date", email.utils.formatdate(time.time() + ahead, usegmt=True))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        case.addCleanup(thread.join)
        case.addCleanup(self.server.server_close)
        case.addCleanup(self.server.shutdown)


class RestorePoint(postgres_case.PostgresCase):
    """Some applications under load."""

    alone = True
    count = 2

    def setUp(self):
        super().setUp()
        self.apps = [applications.Application(self) for _ in range(self.count)]
        for app in self.apps:
            app.tell("work 2")
        self.init()

    @property
    def addresses(self):
        return ",".join(app.address for app in self.apps)

    def mark(self, *arguments, **how):
        """The restore point; applications are let go and nothing else is left."""
        outcome = self.stillpoint("restore-point", "-a", self.addresses, *arguments, "--json",
                                  **how)
        self.assert_all_open()
        self.assertEqual(list(self.state.glob("windows/*")), [])
        self.assertEqual(list(self.repo.glob("windows/*")), [])
        point = outcome.last_json()
        self.assertEqual(point["type"], "restore_point", str(outcome))
        return point

    def refused(self, *arguments, code, says, paused=0):
        error = self.fails("restore-point", "-a", self.addresses, *arguments, code=code,
                           expect={"not_held": NOT_HELD}.get(code, support.FAILURE), says=says)
        self.assert_all_open()
        self.assertEqual([app.count("Pause") for app in self.apps], [paused] * self.count)
        self.assertEqual(self.backups(), [])
        return error

    def assert_all_open(self):
        for app in self.apps:
            app.wait_until_open(timeout=10)

    def in_window(self, *arguments):
        """Starts it and waits until all are paused."""
        words = self.words("restore-point", "-a", self.addresses, *arguments, "--json")
        process = support.start(words, self.env())
        for app in self.apps:
            app.wait_until_paused()
        return lambda: support.finish(words, process, time.monotonic(), 60)

    def point_of(self, point, name):
        return next(one for one in point["databases"] if one["name"] == name)["restore_point"]

    def assert_kept(self, point):
        """As a backup without data, whose manifest says the same and fits its schema."""
        self.assertEqual([one["id"] for one in self.backups()], [point["backup"]])
        self.assertEqual(self.backups()[0]["verdict"], point["verdict"])
        manifest = json.loads(self.dump(point["backup"], "manifest.json"))
        self.assertEqual(manifest_schema.problems(manifest), [])
        self.assertEqual(manifest["window"], point["window"])
        self.assertEqual(manifest["evidence"], point["evidence"])
        self.assertEqual([one["restore_point"] for one in manifest["databases"]],
                         [one["restore_point"] for one in point["databases"]])
        shown = self.stillpoint("show", point["backup"]).out
        for one in point["databases"]:
            for told in (one["restore_point"].get("position"),
                         one["restore_point"].get("clock", {}).get("restore_time")):
                self.assertIn(told or "", shown)
        self.assertIn(point["window"]["end"], shown)
        self.check("--read-data")
        for command in (("restore", "latest", "--yes"), ("verify", "latest")):
            self.fails(*command, expect=support.FAILURE, code="invalid", says=["no data"])


class Named(RestorePoint):
    settings = {"wal_level": "replica", "max_wal_senders": "5"}
    hba = postgres.TRUST + "local replication all trust\n"

    def setUp(self):
        super().setUp()
        self.other = self.new_server()
        self.server.create("ledger", "CREATE TABLE entries(n int)")
        self.other.create("auditor", "CREATE TABLE entries(n int)")
        self.where = (self.server.url("ledger"), self.other.url("auditor"))

    def logged(self, server, position):
        """What pg_waldump shows of restore points in that segment: name and end of each."""
        name, _, lsn, _, segment = position.split()
        out = postgres.checked([postgres.BIN / "pg_waldump", "--rmgr=XLOG", "--path",
                                server.data / "pg_wal", segment, "--end", lsn])
        self.assertEqual(out.count("RESTORE_POINT"), 1, out)
        self.assertIn(f"RESTORE_POINT {name}", out)
        return name

    def test_a_named_point_in_the_log_of_each_database(self):
        self.server.psql("ALTER SYSTEM SET wal_writer_delay = '4s'")
        self.server.restart()
        point = self.mark(*self.where)
        self.server.kill()  # a crash: what is not in the files by now is lost
        self.assertEqual(point["verdict"], "proven", point)
        names = {self.logged(server, self.point_of(point, name)["position"])
                 for server, name in ((self.server, "ledger"), (self.other, "auditor"))}
        self.assertEqual(len(names), 1)
        window = point["window"]
        begin, end = seconds(window["begin"]), seconds(window["end"])
        self.assertEqual(window["hold_rule"], "measured")
        for name in ("ledger", "auditor"):
            clock = self.point_of(point, name)["clock"]
            self.assertLessEqual(clock["ahead_low_us"], 0)  # it is the same clock
            self.assertGreaterEqual(clock["ahead_high_us"], 0)
            self.assertLessEqual(begin, seconds(clock["restore_time"]))
            self.assertLess(seconds(clock["restore_time"]), end)
        print(f"measured: two servers, paused for {end - begin:.3f} s")
        self.assertLess(end - begin, 3)
        self.assert_kept(point)

    def recovered(self, base, target):
        """What a server has that is restored to the target."""
        data = self.server.folder.path / f"restored-{target[0]}"
        shutil.copytree(base, data)
        (data / "recovery.signal").touch()
        archive = self.server.folder.path / "archive"
        for path in [data, *data.rglob("*")]:
            if os.geteuid() == 0:
                shutil.chown(path, "postgres", "postgres")
        data.chmod(0o700)
        restored = postgres.Server(self, data=data, fresh=False, settings={
            "restore_command": f"cp {archive}/%f %p", "recovery_target_action": "promote",
            target[0]: target[1]})
        return restored.psql("SELECT string_agg(n::text, ' ' ORDER BY n) FROM entries", "ledger")

    def test_a_restore_to_it_has_what_was_before_and_nothing_after(self):
        archive = self.server.place("archive")
        self.server.settings.update(archive_mode="on",
                                    archive_command=f"cp %p {archive}/%f")
        self.server.restart()
        base = self.server.place("base")
        self.server.tool("pg_basebackup", "-D", base, "-X", "none", "--checkpoint=fast")
        self.server.psql("INSERT INTO entries VALUES (1)", "ledger")
        point = self.point_of(self.mark(self.where[0], "--hold", "300ms"), "ledger")
        self.server.psql("INSERT INTO entries VALUES (2)", "ledger")
        self.server.psql("SELECT pg_switch_wal(); INSERT INTO entries VALUES (3)", "ledger")
        self.server.psql("SELECT pg_switch_wal()")
        deadline = time.monotonic() + 30
        while self.server.psql("SELECT last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() "
                               "- 16777216) FROM pg_stat_archiver") != "t":
            self.assertLess(time.monotonic(), deadline, "the log is not archived")
            time.sleep(0.02)
        name = point["position"].split()[0]
        moment = point["clock"]["restore_time"].replace("Z", "+00")  # it knows no Z so early
        for target in (("recovery_target_name", name), ("recovery_target_time", moment)):
            self.assertEqual(self.recovered(base, target), "1", target)

    def test_who_may(self):
        self.server.psql("CREATE ROLE backup LOGIN", "ledger")
        url = self.server.url("ledger", user="backup")
        error = self.refused(url, code="denied", says=["ledger"])
        grant = error["advice"].split(": ", 1)[1]
        self.server.psql(grant, "ledger")
        self.assertEqual(self.mark(url)["verdict"], "proven")

    def test_somebody_writes_in_the_window(self):
        """It cannot be told who: no proof any more, but all were paused."""
        config = self.folder / "stillpoint.yaml"
        config.write_text("systems:\n  books:\n    databases:\n"
                          f"      ledger: {self.where[0]}\n      auditor: {self.where[1]}\n")
        finish = self.in_window("books", "--config", config, "--hold", "2s")
        time.sleep(0.5)
        self.other.psql("INSERT INTO entries VALUES (1)", "auditor")
        outcome = finish()
        self.assertEqual(outcome.code, support.OK, str(outcome))
        point = outcome.last_json()
        self.assertEqual((point["verdict"], point["system"]), ("paused", "books"))
        against = [one["database"] for one in point["evidence"] if not one["holds"]]
        self.assertEqual(against, ["auditor"])
        self.assert_kept(point)

    def test_a_server_that_dies_in_the_window(self):
        finish = self.in_window(*self.where, "--hold", "3s")
        time.sleep(0.3)
        self.other.kill()
        outcome = finish()
        self.assertEqual(outcome.error()["code"], "unavailable", str(outcome))
        self.assertIn("auditor", outcome.error()["message"])
        self.assert_all_open()
        self.assertEqual(self.backups(), [])

    def test_one_that_lets_go(self):
        finish = self.in_window(*self.where, "--hold", "20s")
        started = time.monotonic()
        self.apps[0].tell("unpause")
        outcome = finish()
        self.assertLess(time.monotonic() - started, 10)
        self.assertEqual(outcome.code, NOT_HELD, str(outcome))
        self.assertIn(self.apps[0].address, outcome.error()["message"])
        self.assert_all_open()
        self.assertEqual(self.backups(), [])

    def test_killed_in_the_window(self):
        words = self.words("restore-point", "-a", self.addresses, *self.where, "--hold", "20s")
        process = support.start(words, self.env())
        for app in self.apps:
            app.wait_until_paused()
        process.kill()
        process.communicate()
        self.assert_all_open()
        self.assertEqual(self.backups(), [])
        self.assert_no_sessions()

    def test_an_interrupt_lets_go(self):
        words = self.words("restore-point", "-a", self.addresses, *self.where, "--hold", "20s")
        process = support.start(words, self.env())
        for app in self.apps:
            app.wait_until_paused()
        process.send_signal(signal.SIGINT)
        outcome = support.finish(words, process, time.monotonic(), 30)
        self.assertEqual(outcome.code, support.INTERRUPTED, str(outcome))
        self.assert_all_open()
        self.assertEqual((self.backups(), list(self.state.glob("windows/*"))), ([], []))


class Mysql(RestorePoint):
    """Its log has no names, but positions and GTIDs."""

    def setUp(self):
        support.Case.setUp(self)
        self.apps = [applications.Application(self) for _ in range(self.count)]
        self.init()
        self.server = mysql.Server(self)
        self.server.create("ledger", "CREATE TABLE entries(n INT PRIMARY KEY)")
        self.server.sql("INSERT INTO entries VALUES (1)", "ledger")

    def recovered(self, logs, *target):
        """What a new server has when those logs were replayed there up to the target."""
        other = mysql.Server(self)
        words = ["mariadb-binlog", "--no-defaults", "--database=ledger", *target, *logs]
        replayed = mysql.checked(words, env=mysql.environment(TZ="UTC"))
        other.sql(replayed)
        return other.sql("SELECT GROUP_CONCAT(n ORDER BY n) FROM entries", "ledger")

    @unittest.skipIf(mysql.MYSQLD, "mariadb-binlog reads the logs of MariaDB")
    def test_a_replay_up_to_it_has_what_was_before_and_nothing_after(self):
        """Its log is not on disk at once here: it is brought there, which begins a new file."""
        begun = self.server.sql("SHOW MASTER STATUS").split()[0]
        point = self.mark(self.server.url("ledger"))
        self.server.kill()
        self.server.start()
        self.assertEqual(point["verdict"], "proven", point)
        self.assertEqual(point["window"]["hold_rule"], "measured")
        told = self.point_of(point, "ledger")
        place, gtids = told["position"].split(", GTID ")
        name, position = place.split(":")
        self.assertEqual(name, begun)
        self.server.sql("INSERT INTO entries VALUES (2); FLUSH BINARY LOGS;"
                        "INSERT INTO entries VALUES (3)", "ledger")
        logs = sorted(self.server.data.glob("binlog.[0-9]*"))
        self.assertGreater(len(logs), 2)
        moment = told["clock"]["restore_time"][:19].replace("T", " ")
        past = [log for log in logs if log.name <= name]
        self.assertEqual(self.recovered(past, f"--stop-position={position}"), "1")
        self.assertEqual(self.recovered(logs, f"--stop-position={gtids}"), "1")
        self.assertEqual(self.recovered(logs, f"--stop-datetime={moment}"), "1")
        self.assertEqual(self.recovered(logs), "1,2,3")  # what the test would see
        self.assert_kept(point)

    def test_who_may(self):
        self.server.sql("CREATE USER backup@'127.0.0.1'; SET GLOBAL sync_binlog = 0")
        url = self.server.url("", user="backup")
        for _ in range(2):  # to see the end of the log, and to bring it to disk
            self.server.sql(self.refused(url, code="denied", says=["log"])["advice"])
        self.assertEqual(self.mark(url, "--hold", "100ms")["verdict"], "proven")

    def test_somebody_writes_in_the_window(self):
        finish = self.in_window(self.server.url("ledger"), "--hold", "2s")
        time.sleep(0.5)
        self.server.sql("INSERT INTO entries VALUES (2)", "ledger")
        point = finish().last_json()
        self.assertEqual(point["verdict"], "paused", point)

    def test_what_has_no_log_of_everything_is_refused(self):
        self.server.stop()
        self.server.options += ["--binlog-ignore-db=ledger"]
        self.server.start()
        self.refused(self.server.url("ledger"), code="unsupported", says=["filtered"])
        self.server.stop()
        self.server.options += ["--skip-log-bin"]
        self.server.start()
        self.refused(self.server.url("ledger"), code="unsupported", says=["no binary log"])


class Refused(RestorePoint):
    settings = {"wal_level": "minimal", "max_wal_senders": "0"}

    def test_before_anybody_is_paused(self):
        for url, code, says in (
                (self.server.url("postgres"), "unsupported", "wal_level is minimal"),
                (self.folder / "bank.db", "unsupported", "no log"),
                ("nothing://x", "unsupported", "no such kind")):
            self.refused(url, code=code, says=[says])
        for words, code, says in (
                (("--clock", "ftp://x"), "invalid", "http"),
                (("--clock", "x=http://127.0.0.1:1/"), "unavailable", "127.0.0.1:1"),
                (("--time-zone", "Atlantis/Old"), "not_found", "time zone"),
                (("--label", "latest"), "invalid", "label")):
            self.refused(*words, code=code, says=[says])
        for hold in ("x", "-3s", "5 parsecs"):
            self.stillpoint("restore-point", "-a", self.addresses, "--hold", hold,
                            expect=support.USAGE)
        self.assertEqual([app.count("Pause") for app in self.apps], [0, 0])

    def test_one_cannot_be_paused(self):
        self.apps[1].tell("behave pause_in_progress")
        self.refused("--hold", "1s", code="not_held", says=[self.apps[1].address], paused=1)


class Unexamined(RestorePoint):
    """Without PostgreSQL: databases of which little is known, or nothing."""

    def setUp(self):
        support.Case.setUp(self)
        self.apps = [applications.Application(self) for _ in range(self.count)]
        self.init()

    def test_nothing_is_known(self):
        """It takes ten seconds, and says so; its verdict is that nothing was proven."""
        started = time.monotonic()
        point = self.mark("--label", "nightly", "--system", "bank")
        self.assertGreater(time.monotonic() - started, 10)
        self.assertEqual((point["verdict"], point["system"], point["label"]),
                         ("unproven", "bank", "nightly"))
        self.assertEqual(point["window"]["hold_rule"], "unmeasured")
        self.assertGreaterEqual(point["window"]["held_us"], 10_000_000)
        self.assertEqual([one["kind"] for one in point["evidence"] if not one["holds"]],
                         ["not_examined"])
        self.assertTrue(any("10.0 s" in text for text in point["warnings"]), point)
        self.assertTrue(any(text.startswith("unproven: ") for text in point["warnings"]), point)
        unsynchronised = any("not synchronised" in text for text in point["warnings"])
        self.assertEqual(unsynchronised, not point["window"]["own_clock"]["synchronised"])
        self.assert_kept(point)

    def test_a_front_end_whose_clock_is_wrong(self):
        front_end = FrontEnd(self, HOUR)
        point = self.mark("--clock", f"orders={front_end.url}?secret=1")
        window, marked = point["window"], self.point_of(point, "orders")
        self.assertEqual(point["verdict"], "unproven")
        self.assertEqual((window["hold_rule"], marked["kind"]), ("measured", "clock_time"))
        clock = marked["clock"]
        self.assertLessEqual(clock["ahead_low_us"], HOUR * 1e6)
        self.assertGreaterEqual(clock["ahead_high_us"], HOUR * 1e6)
        restore = seconds(clock["restore_time"]) - HOUR
        self.assertLessEqual(seconds(window["begin"]), restore)
        self.assertLess(restore, seconds(window["end"]))
        self.assertEqual(restore % 1, 0)
        print(f"measured: a clock of whole seconds, paused for {window['held_us'] / 1e6:.2f} s, "
              f"known to {(clock['ahead_high_us'] - clock['ahead_low_us']) / 1e3:.0f} ms")
        self.assertEqual(point["databases"][0]["url"], front_end.url)
        self.assert_kept(point)

    def test_a_window_too_short_for_a_clock(self):
        front_end = FrontEnd(self, 0)
        point = self.mark("--clock", f"orders={front_end.url}", "--hold", "10ms")
        self.assertNotIn("restore_time", self.point_of(point, "orders")["clock"])
        self.assertTrue(any("--hold" in text for text in point["warnings"]), point)

    def test_two_services_in_one_window(self):
        """Each has a name of its own. Nobody is let go before all were paused."""
        dns = applications.Dns(self)
        dns.hosts["bank.test"] = ["127.0.0.1"]
        whom = ["--dns-server", dns.address]
        for name, app in zip(("_ledger._tcp.bank.test", "_auditor._tcp.bank.test"), self.apps):
            dns.srv[name] = [("bank.test", app.port)]
            whom += ["--srv", name]
        outcome = self.stillpoint("restore-point", *whom, "--hold", "100ms", "--json",
                                  "--print-only")
        told = outcome.last_json()["window"]["instances"]
        self.assertEqual(sorted(one["address"] for one in told),
                         sorted(f"bank.test:{app.port}" for app in self.apps))
        for app in self.apps:
            calls = [call for call in app.calls() if not call.startswith("Check")]
            self.assertEqual(calls, ["Pause wait 30000", "Unpause"])

    def test_as_scalar_admin_for_kubernetes_tells_it(self):
        point = self.mark("--hold", "50ms", "--time-zone", "Asia/Tokyo", "--print-only")
        self.assertEqual((point["timezone"], point["backup"]), ("Asia/Tokyo", ""))
        for end in ("start", "end"):
            moment = datetime.datetime.fromisoformat(point[f"pause_{end}_date_time"])
            tokyo = datetime.timezone(datetime.timedelta(hours=9))
            milliseconds = moment.replace(tzinfo=tokyo).timestamp() * 1000
            self.assertEqual(round(milliseconds), point[f"pause_{end}_timestamp_ms"])
        self.assertLess(point["pause_start_timestamp_ms"], point["pause_end_timestamp_ms"])
        self.assertEqual(self.backups(), [])

# SPDX-License-Identifier: Apache-2.0
"""Several databases are restored together: all of them, or none, whenever it is killed, and while
clients write all the time."""

import os
import signal
import sqlite3
import subprocess
import threading
import time

import mysql
import postgres
import postgres_case
import restic_tool
import support
import tcp_proxy

MAKE = """
CREATE TABLE generation(g text);
CREATE TABLE written(n bigint);
CREATE TABLE filler AS SELECT g AS id, md5(g::text) AS v FROM generate_series(1, 2000) g;
INSERT INTO generation VALUES ('new');
"""


class Clients:
    """Write into all databases in turn, each time over a new connection, and note into which
    generation they wrote, and when."""

    def __init__(self, case):
        self.case, self.events, self.stopped = case, [], threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(k,)) for k in range(2)]
        for thread in self.threads:
            thread.start()

    def run(self, k):
        writes = self.case.writes()
        while not self.stopped.is_set():
            for write in writes[k:] + writes[:k]:
                begun = time.monotonic()
                try:
                    generation = write()
                except (AssertionError, subprocess.SubprocessError, sqlite3.Error):
                    continue  # it is closed
                self.events.append((begun, time.monotonic(), generation, write.__name__))
                time.sleep(0.02)

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        return self.events


class Several(postgres_case.PostgresCase):
    time_max = 300
    full = "full-several"
    names = ["cart", "accounts", "orders"]
    points_count = 5
    near_the_end = 6000  # bytes between us and the server that is cut off: the switch

    def setUp(self):
        super().setUp()
        self.other = self.new_server()
        self.server.create("accounts", MAKE)
        self.other.create("orders", MAKE)
        self.cart = self.folder / "cart.db"
        with sqlite3.connect(self.cart) as cart:
            cart.executescript("PRAGMA journal_mode=WAL; CREATE TABLE generation(g); "
                               "CREATE TABLE written(n); INSERT INTO generation VALUES('new')")
        cart.close()
        more = self.more()
        self.proxy = tcp_proxy.Proxy(self, self.port_to_break())
        self.config = self.folder / "stillpoint.yaml"
        self.config.write_text(
            "systems:\n  shop:\n    databases:\n"
            f"      cart: {self.cart}\n"
            f"      accounts: {self.server.url('accounts', port=self.port_of(self.server))}\n"
            f"      orders: {self.other.url('orders')}\n"
            + more.replace("PORT", str(self.proxy.port)))
        self.init()
        self.stillpoint("backup", "shop", "--config", self.config)
        self.proxy.heal()

    def more(self):
        """Another database, as a line of the configuration."""
        return ""

    def port_to_break(self):
        return self.server.port

    def port_of(self, server):
        return self.proxy.port if self.proxy.to[1] == server.port else server.port

    def writes(self):
        return [self.write_accounts, self.write_orders, self.write_cart]

    def write_accounts(self):
        return self.server.psql("INSERT INTO written VALUES (1); SELECT g FROM generation",
                                "accounts")

    def write_orders(self):
        return self.other.psql("INSERT INTO written VALUES (1); SELECT g FROM generation",
                               "orders")

    def write_cart(self):
        cart = sqlite3.connect(self.cart, timeout=0.05)
        try:
            with cart:
                cart.execute("INSERT INTO written VALUES (1)")
                return cart.execute("SELECT g FROM generation").fetchone()[0]
        finally:
            cart.close()

    def make_old(self):
        """What is there is not what was backed up; nothing else is there."""
        self.stillpoint("cleanup", "shop", "--config", self.config, "--old", "--yes")
        for server, name in ((self.server, "accounts"), (self.other, "orders")):
            server.psql("UPDATE generation SET g = 'old'", name)
        cart = sqlite3.connect(self.cart)
        with cart:
            cart.execute("UPDATE generation SET g = 'old'")
        cart.close()

    def generations(self):
        return {write() for write in self.writes()}

    def words_of_restore(self):
        return self.words("restore", "latest", "--config", self.config, "--yes", "--force",
                          "--json")

    def restore(self):
        return support.run(self.words_of_restore(), self.env())

    def assert_none_went_back(self, events, message):
        """Nobody wrote into something old after somebody had written into something new."""
        first_new = min((event[1] for event in events if event[2] == "new"), default=None)
        if first_new is not None:
            late = [event for event in events if event[2] == "old" and event[0] > first_new]
            self.assertEqual(late, [], message)

    def assert_nothing_is_left(self, message):
        self.assertEqual(len(self.generations()), 1, f"mixed {message}")
        outcome = self.stillpoint("cleanup", "shop", "--config", self.config, "--json")
        self.assertEqual(outcome.last_json()["leftovers"], [], message)
        self.fails("restore", "--resume", "--config", self.config, expect=support.FAILURE,
                   code="not_found")

    def test_all_are_restored_and_the_old_ones_kept(self):
        self.make_old()
        outcome = self.restore()
        self.assertEqual(outcome.code, support.OK, str(outcome))
        done = outcome.last_json()["databases"]
        self.assertEqual([one["name"] for one in done], self.names)
        self.assertTrue(all(one["kept"] and (one["rows"] or one["name"] == "cart")
                            for one in done), str(outcome))
        self.assertEqual(self.generations(), {"new"})
        kept = next(one["kept"] for one in done if one["name"] == "orders")
        self.assertEqual(self.other.psql("SELECT g FROM generation", kept), "old")

    def user(self):
        """Somebody who is in one of them."""
        session = postgres.Session(self, self.other, "orders")
        session("SELECT 1")
        return session

    def test_one_in_use_undoes_all(self):
        self.make_old()
        user = self.user()
        words = [word for word in self.words_of_restore() if word != "--force"]
        outcome = support.run(words, self.env())
        self.assertEqual(outcome.error()["code"], "busy", str(outcome))
        user.close()
        self.assertEqual(self.generations(), {"old"})
        self.assert_nothing_is_left(str(outcome))

    def whole(self):
        """How many bytes pass between us and one of the servers."""
        self.make_old()
        self.proxy.heal()
        outcome = self.restore()
        self.assertEqual(outcome.code, support.OK, str(outcome))
        return self.proxy.passed

    def points(self, whole):
        """Mostly the end, where the switch is."""
        count = 40 if support.FULL else self.points_count
        near = self.near_the_end
        return [max(1, int(whole - self.random.triangular(0, near, near / 6)))
                for _ in range(count)]

    def finish(self, message):
        """Completes or undoes it: True where there was a switch to go on with."""
        self.proxy.heal()
        how = self.random.choice(["--resume", "--undo"])
        words = self.words("restore", how, "--force", "--config", self.config, "--json")
        until = time.monotonic() + 60
        while True:
            outcome = support.run(words, self.env())
            if how == "--undo" and outcome.code and outcome.error()["code"] == "invalid":
                words[words.index(how)] = "--resume"  # clients have been let in
                continue
            # the clients have the file open all the time, for a moment each
            busy = outcome.code != support.OK and outcome.error()["code"] == "busy"
            if not busy or time.monotonic() > until:
                break
        if outcome.code != support.OK:
            self.assertEqual(outcome.error()["code"], "not_found", f"{message}{outcome}")
            return False
        return True

    def what_is_there(self):
        """Clients make and remove their own files all the time."""
        files = sorted(path.name for path in self.folder.glob("cart*")
                       if not path.name.endswith(("-wal", "-shm", "-journal")))
        return self.server.databases(), self.other.databases(), files

    def assert_cleanup_spares_it(self, message):
        """What is needed to go on is no leftover."""
        self.proxy.heal()
        journals = list(self.state.glob("*.switch"))
        before = self.what_is_there()
        if not journals:
            return
        self.stillpoint("cleanup", "shop", "--config", self.config, "--old", "--yes", expect=3)
        self.assertEqual(self.what_is_there(), before, message)
        self.restic_check()

    def restic_check(self):
        """restic does not mind the journal."""
        restic_tool.Restic("system", self.folder, self.repo)("check", "--no-lock")

    def one_round(self, message, disturb):
        self.make_old()
        clients = Clients(self)
        try:
            outcome = disturb()
            message += str(outcome)
            time.sleep(0.2)  # clients go on meanwhile
            self.assert_cleanup_spares_it(message)
            finished = outcome.code != support.OK and self.finish(message)
        finally:
            events = clients.stop()
        self.proxy.heal()
        self.assert_none_went_back(events, message)
        self.stillpoint("cleanup", "shop", "--config", self.config, "--old", "--yes")
        self.assert_nothing_is_left(message)
        return finished

    def test_killed_at_any_moment(self):
        whole, finished = self.whole(), 0
        for point in self.points(whole):
            def kill(point=point):
                words = self.words_of_restore()
                process = support.start(words, self.env())
                self.proxy.break_after(point, lambda: os.kill(process.pid, signal.SIGKILL))
                outcome = support.finish(words, process, time.monotonic(), 120)
                self.proxy.cut()
                return outcome
            finished += self.one_round(f"killed after {point} of {whole} bytes", kill)
        print(f"measured: {finished} interrupted switches completed or undone")

    def test_a_server_is_cut_off_at_any_moment(self):
        whole, finished = self.whole(), 0
        for point in self.points(whole):
            def cut(point=point):
                self.proxy.break_after(point)
                return self.restore()
            finished += self.one_round(f"cut after {point} of {whole} bytes", cut)
        print(f"measured: {finished} interrupted switches completed or undone")


class SeveralWithMariadb(Several):
    """The same with a fourth, and the network to that one breaks."""

    rare = ("test_killed_at_any_moment", "test_a_server_is_cut_off_at_any_moment")
    names = ["cart", "accounts", "orders", "ledger"]
    points_count = 3
    near_the_end = 40000

    def more(self):
        self.maria = mysql.Server(self)
        self.maria.create("ledger", """
            CREATE TABLE generation(g varchar(10));
            CREATE TABLE written(n bigint);
            CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
              WHERE i < 900) SELECT i AS id, SHA2(i, 256) AS v FROM n;
            CREATE TRIGGER kept BEFORE INSERT ON written FOR EACH ROW SET NEW.n = NEW.n + 1;
            CREATE VIEW seen AS SELECT g FROM generation;
            INSERT INTO generation VALUES ('new')""")
        return f"      ledger: {self.maria.url('ledger', port='PORT')}\n"

    def port_to_break(self):
        return self.maria.port

    def writes(self):
        return [*super().writes(), self.write_ledger]

    def write_ledger(self):
        return self.maria.sql("INSERT INTO written VALUES (1); SELECT g FROM generation", "ledger")

    def make_old(self):
        super().make_old()
        self.maria.sql("UPDATE generation SET g = 'old'", "ledger")

    def what_is_there(self):
        return *super().what_is_there(), self.maria.schemas()

    def user(self):
        session = mysql.Session(self, self.maria, "ledger")
        session.run("START TRANSACTION; SELECT * FROM generation")
        return session

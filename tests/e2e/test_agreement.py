# SPDX-License-Identifier: Apache-2.0
"""One application writes to MariaDB, PostgreSQL and SQLite in turn: what backups of all three claim
about how they agree."""

import sqlite3
import threading
import time

import mysql
import mysql_case
import postgres
import postgres_case
import support
import tcp_proxy

ACCOUNTS, START, UNPROVEN = 50, 1000, 20
ROUNDS = 50 if support.FULL else 4
TABLES = """
CREATE TABLE accounts(id int PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE transfers(n int PRIMARY KEY, source int, target int, amount int);
""" + "".join(f"INSERT INTO accounts VALUES ({i}, {START});\n" for i in range(ACCOUNTS))
PROBLEMS = f"""
SELECT count(*) FROM accounts a WHERE a.balance <> {START}
  - COALESCE((SELECT sum(amount) FROM transfers WHERE source = a.id), 0)
  + COALESCE((SELECT sum(amount) FROM transfers WHERE target = a.id), 0)
  OR (SELECT sum(balance) FROM accounts) <> {ACCOUNTS * START}
  OR (SELECT count(*) FROM transfers) <> (SELECT COALESCE(max(n), 0) FROM transfers)
"""
LAST = "SELECT COALESCE(max(n), 0) FROM transfers"


def transfer(n, source, target, amount):
    return "; ".join((
        "BEGIN", f"UPDATE accounts SET balance = balance - {amount} WHERE id = {source}",
        f"INSERT INTO transfers VALUES ({n}, {source}, {target}, {amount})",
        f"UPDATE accounts SET balance = balance + {amount} WHERE id = {target}", "COMMIT"))


class Application:
    """Makes the n-th transfer in MariaDB, then in PostgreSQL, then in SQLite; then the next."""

    def __init__(self, case):
        self.case, self.n, self.problem = case, 0, None
        self.maria = mysql.Session(case, case.maria, "ledger")
        self.postgres = postgres.Session(case, case.postgres, "orders")
        self.pause, self.stopped = 0.0, threading.Event()
        self.going = threading.Event()
        self.resting = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        case.addCleanup(self.stop)

    def run(self):
        cart = sqlite3.connect(self.case.cart, timeout=30, isolation_level=None)
        try:
            while not self.stopped.is_set():
                if not self.going.is_set():
                    self.resting.set()
                    self.going.wait(0.1)
                    continue
                self.write(cart)
        except Exception as problem:  # shown by the test
            self.problem = problem
        finally:
            self.resting.set()
            cart.close()

    def write(self, cart):
        source, target = self.case.random.sample(range(ACCOUNTS), 2)
        sql = transfer(self.n + 1, source, target, self.case.random.randrange(1, 100))
        answer = self.maria.run(sql)
        if answer:
            raise AssertionError(answer)
        time.sleep(self.pause)
        self.postgres(sql)
        time.sleep(self.pause)
        cart.executescript(sql)
        self.n += 1
        time.sleep(self.pause)

    def write_on(self, pause):
        self.pause = pause
        self.resting.clear()
        self.going.set()

    def rest(self):
        """Returns when nothing is under way."""
        self.going.clear()
        if not self.resting.wait(60) or self.problem:
            raise AssertionError(f"the application: {self.problem}")

    def stop(self):
        self.stopped.set()
        self.thread.join()


class Gate(tcp_proxy.Proxy):
    """Passes everything on, but does something before it passes on a certain word, once."""

    word, then = None, None

    def before(self, word, then):
        self.then, self.word = then, word

    def forward(self, source, target):
        try:
            while data := source.recv(65536):
                if self.word and self.word in data.upper():
                    self.word = None
                    self.then()
                target.sendall(data)
            self.drop(source)
            self.drop(target)
        except OSError:
            self.drop(source)
            self.drop(target)


class Agreement(postgres_case.PostgresCase, mysql_case.MysqlCase):
    time_max = 240
    full = "full-agreement"

    def setUp(self):
        support.Case.setUp(self)
        self.maria = mysql.Server(self)
        self.postgres = postgres.Server(self)
        self.maria.create("ledger", TABLES)
        self.postgres.create("orders", TABLES)
        self.cart = self.folder / "cart.db"
        with sqlite3.connect(self.cart) as cart:
            cart.executescript("PRAGMA journal_mode=WAL;" + TABLES)
        cart.close()
        self.init()

    def configure(self, consistency, maria_port=None, postgres_port=None):
        config = self.folder / f"{consistency}.yaml"
        config.write_text(
            f"systems:\n  shop:\n    consistency: {consistency}\n    databases:\n"
            f"      ledger: {self.maria.url('ledger', port=maria_port)}\n"
            f"      orders: {self.postgres.url('orders', port=postgres_port)}\n"
            f"      cart: {self.cart}\n")
        return config

    def ask_all(self, sql, suffix=""):
        """What the three say: those of the application, or restored ones."""
        cart = sqlite3.connect(f"{self.cart}{suffix}")
        try:
            return (int(self.maria.sql(sql, f"ledger{suffix}")),
                    int(self.postgres.psql(sql, f"orders{suffix}")),
                    cart.execute(sql).fetchone()[0])
        finally:
            cart.close()

    def restored(self, backup, config):
        """Restores all beside the application's; the last transfer in each."""
        for name, url in (("ledger", self.maria.url("ledger_new")),
                          ("orders", self.postgres.url("orders_new")),
                          ("cart", f"{self.cart}_new")):
            if name == "cart":
                for suffix in ("", "-wal", "-shm"):
                    (self.folder / f"cart.db_new{suffix}").unlink(missing_ok=True)
                url = f"sqlite://{url}"
            self.stillpoint("restore", backup, "--config", config, "--database", name,
                            "--to", url, "--yes")
        self.assertEqual(self.ask_all(PROBLEMS, "_new"), (0, 0, 0), "a balance is wrong")
        last = self.ask_all(LAST, "_new")
        self.maria.sql("DROP DATABASE ledger_new")
        for schema in self.maria.schemas():
            if schema.startswith("ledger_new_before"):
                self.maria.sql(f"DROP DATABASE {schema}")
        self.postgres.psql("DROP DATABASE orders_new")
        return last

    def backup_of(self, config):
        """The summary; None where it was refused because somebody wrote."""
        outcome = self.stillpoint("backup", "shop", "--config", config, "--json", expect=None)
        if outcome.code == UNPROVEN:
            return None
        self.assertEqual(outcome.code, support.OK, str(outcome))
        return outcome.last_json()

    def test_separate_each_balances_by_itself(self):
        config, application = self.configure("separate"), Application(self)
        application.write_on(0)
        lasts = []
        for _ in range(ROUNDS):
            before = application.n
            summary = self.backup_of(config)
            self.assertIsNotNone(summary, "it claims nothing that writes could refute")
            last = self.restored(summary["backup"], config)
            lasts.append(last)
            self.assertGreaterEqual(min(last), before)
        application.rest()
        self.assertEqual(self.ask_all(PROBLEMS), (0, 0, 0))
        self.assertGreater(application.n, ROUNDS)
        print(f"measured: {ROUNDS} backups during {application.n} times 3 transfers: {lasts[-4:]}")

    def test_together_is_proven_or_refused(self):
        """Of one instant are three databases that the application has not got further in than one
        step: then the numbers are n, n, n or n + 1, n, n or n + 1, n + 1, n."""
        config, application = self.configure("together"), Application(self)
        proven = refused = 0
        for number in range(ROUNDS):
            resting = number % 4 == 0
            before = application.n
            if not resting:
                # Often enough to be met, and not always.
                application.write_on(self.random.choice((0, 0.002, 0.01, 0.05)))
            summary = self.backup_of(config)
            after = application.n
            application.rest()
            if summary is None:
                refused += 1
                self.assertFalse(resting, "nobody wrote")
                self.assertGreaterEqual(application.n, max(before, after))
                continue
            proven += 1
            ledger, orders, cart = self.restored(summary["backup"], config)
            self.assertTrue(ledger >= orders >= cart >= ledger - 1, (ledger, orders, cart))
            self.assertGreaterEqual(cart, before)
        # At full speed, more than a thousand commits a second, it is met soon.
        application.write_on(0)
        tries = 0
        while refused == 0 and tries < 40:
            refused += self.backup_of(config) is None
            tries += 1
        application.rest()
        self.assertGreater(refused, 0, f"never in {tries} backups at full speed")
        print(f"measured: {proven} proven, {refused} refused, the last after {tries} more")

    def assert_seen(self, config, arm, name, begin, commit):
        """A transaction that was begun before the backup is committed between the openings."""
        met = threading.Event()

        def between():
            met.set()
            commit()

        begin()
        arm(between)
        error = self.fails("backup", "shop", "--config", config, expect=UNPROVEN)
        self.assertTrue(met.is_set(), "the opening was not met")
        self.assertIn(f"{name} was written", error["message"])
        self.assertEqual(self.backups(), [], "it is not visible")

    def test_an_older_transaction_that_commits_between_the_openings(self):
        maria = Gate(self, self.maria.port)
        orders = Gate(self, self.postgres.port)
        config = self.configure("together", maria.port, orders.port)
        older = transfer(1, 1, 2, 3).removesuffix("; COMMIT")

        # The marks are taken in the order of the configuration, and then the snapshots are opened.
        def at_ledger(then):
            orders.before(b"PG_CURRENT_SNAPSHOT",
                          lambda: maria.before(b"WITH CONSISTENT SNAPSHOT", then))

        def at_orders(then):
            orders.before(b"PG_CURRENT_WAL_LSN", then)

        writer = postgres.Session(self, self.postgres, "orders")
        self.assert_seen(config, at_ledger, "orders",
                         lambda: (writer(older), self.postgres.psql(
                             "UPDATE accounts SET balance = balance WHERE id = 9", "orders")),
                         lambda: writer("COMMIT"))
        cart = sqlite3.connect(self.cart, isolation_level=None, check_same_thread=False)
        self.addCleanup(cart.close)
        self.assert_seen(config, at_ledger, "cart",
                         lambda: [cart.execute(one) for one in older.split("; ")],
                         lambda: cart.execute("COMMIT"))
        ledger = mysql.Session(self, self.maria, "ledger")
        self.assert_seen(config, at_orders, "ledger",
                         lambda: self.assertEqual(ledger.run(older), ""),
                         lambda: ledger.run("COMMIT"))
        self.assertEqual(self.ask_all(LAST), (1, 1, 1))
        self.assertIsNotNone(self.backup_of(config), "nobody writes any more")

# SPDX-License-Identifier: Apache-2.0
"""MariaDB servers of a test's own, in temporary folders. They and their folders go when the test
ends, also by SIGKILL. STILLPOINT_TEST_MYSQLD names the program of a MySQL server to be used
instead."""

import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import time
import unittest
import urllib.parse

import postgres

MYSQLD = os.environ.get("STILLPOINT_TEST_MYSQLD")
START_MAX, STOP_MAX = 120, 60  # seconds
checked, free_port = postgres.checked, postgres.free_port


def program():
    if MYSQLD:
        return MYSQLD
    for place in ("/usr/sbin/mariadbd", "/usr/libexec/mariadbd", "/usr/local/sbin/mariadbd"):
        if os.path.exists(place):
            return place
    raise unittest.SkipTest("mysql: mariadbd is not installed")


def as_server_user():
    """Words before a command: the server refuses to run as root."""
    words = ["setpriv", "--pdeathsig=KILL"]
    if os.geteuid() == 0:
        user = pwd.getpwnam("mysql")
        words += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return words


def environment(**more):
    """Nothing of the caller's MYSQL… variables, nor of files in a home."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MYSQL", "MARIADB"))}
    env.update(LC_ALL="C.UTF-8", HOME="/nonexistent", **{k: str(v) for k, v in more.items()})
    return env


def quoted(name):
    return "`" + name.replace("`", "``") + "`"


class Folder(postgres.Folder):
    """A temporary folder that the server's user owns."""

    def __init__(self):
        super().__init__()
        if os.geteuid() == 0:
            shutil.chown(self.path, "mysql", "mysql")


class Server:
    """With a test it stops when that ends; else call close()."""

    def __init__(self, test=None, options=(), data=None, arguments=None):
        """`data`: where its files shall be, if not in the server's own folder."""
        self.program = program()
        self.folder = Folder()
        if test is not None:
            test.addCleanup(self.close)
        self.data = pathlib.Path(data or self.folder.path / "data")
        self.socket = self.folder.path / "socket"
        self.log = self.folder.path / "log"
        self.options = [*options, *(arguments or [])]
        self.process = None
        self.port = free_port()
        self.make()
        self.start()

    def careless(self):
        """Files that no test needs to outlive a power cut; and a folder of its own for temporary
        tables, since a server removes those of all others when it starts."""
        words = [f"--tmpdir={self.folder.path}", "--innodb-flush-log-at-trx-commit=0",
                 "--innodb-doublewrite=0"]
        if not MYSQLD:
            words += ["--innodb-flush-method=nosync", "--debug-no-sync", "--sync-frm=0",
                      "--innodb-log-file-size=4M"]
        return words

    def make(self):
        if MYSQLD:
            words = [MYSQLD, "--no-defaults", "--initialize-insecure"]
        else:
            words = ["mariadb-install-db", "--no-defaults", "--skip-test-db",
                     "--auth-root-authentication-method=normal", "--skip-name-resolve"]
        checked([*as_server_user(), *words, f"--datadir={self.data}", *self.careless()],
                cwd=self.folder.path, env=environment())
        (self.folder.path / "init.sql").write_text(
            "CREATE USER IF NOT EXISTS root@'127.0.0.1';\n"
            "GRANT ALL PRIVILEGES ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n")

    def start(self):
        """Also again, after kill() or stop(); then it has the same port."""
        words = [*as_server_user(), self.program, "--no-defaults", f"--datadir={self.data}",
                 f"--socket={self.socket}", f"--port={self.port}", "--bind-address=127.0.0.1",
                 f"--pid-file={self.folder.path}/pid", "--skip-name-resolve", "--server-id=1",
                 f"--init-file={self.folder.path}/init.sql", "--innodb-buffer-pool-size=64M",
                 "--local-infile=1", "--character-set-server=utf8mb4",
                 f"--log-bin={self.data}/binlog", *self.careless(), *self.options]
        if MYSQLD:
            words.append("--mysqlx=OFF")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.folder.path, env=environment(),
                                            start_new_session=True)
        until = time.monotonic() + START_MAX
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"the server does not start: {self.tail()}")
            time.sleep(0.02)

    def answers(self):
        return subprocess.run([*self.client("mariadb"), "-e", "DO 1"], env=environment(),
                              capture_output=True, check=False).returncode == 0

    def tail(self):
        return self.log.read_text(errors="replace")[-4000:]

    def stop(self, number=signal.SIGTERM):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(STOP_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def kill(self):
        """As a crash."""
        self.stop(signal.SIGKILL)

    def close(self):
        self.stop(signal.SIGKILL)
        self.folder.remove()

    def url(self, schema="", user="root", password=None, host=None, port=None, **more):
        words = urllib.parse.quote(user, safe="")
        if password is not None:
            words += ":" + urllib.parse.quote(password, safe="")
        query = "?" + urllib.parse.urlencode(more, safe=",") if more else ""
        name = urllib.parse.quote(schema, safe="")
        return f"mysql://{words}@{host or '127.0.0.1'}:{port or self.port}/{name}{query}"

    def client(self, name, user="root"):
        return [name, "--no-defaults", f"--socket={self.socket}", f"--user={user}",
                "--default-character-set=utf8mb4"]

    def sql(self, text, schema="", user="root"):
        """The answer, a line a row, columns divided by tabs."""
        words = [*self.client("mariadb", user), "--batch", "--skip-column-names", "--binary-mode",
                 *([schema] if schema else [])]
        return checked(words, input=text.encode("utf-8", "surrogateescape"),
                       env=environment()).rstrip("\n")

    def create(self, name, sql="", how=""):
        """A new schema with that in it."""
        self.sql(f"CREATE DATABASE {quoted(name)} {how}")
        if sql:
            self.sql(sql, name)
        return name

    def schemas(self):
        """Those that are not the server's own."""
        own = ("information_schema", "performance_schema", "mysql", "sys")
        return [name for name in self.sql("SHOW DATABASES").splitlines() if name not in own]

    def dump(self, schema):
        """Everything that another tool finds in a schema, without what changes each time."""
        text = checked([*self.client("mariadb-dump"), "--skip-lock-tables", "--routines",
                        "--triggers", "--events", "--hex-blob", "--skip-dump-date",
                        "--order-by-primary", "--skip-comments", "--skip-extended-insert",
                        *(["--skip-triggers"] if MYSQLD else []), schema], env=environment())
        if MYSQLD:
            return self.as_mysql_tells(text.splitlines()) + self.triggers(schema)
        # A restore makes the head of a trigger's statement anew, with backquotes.
        return [line.replace("`", "") if "TRIGGER" in line else line for line in text.splitlines()]

    @staticmethod
    def as_mysql_tells(lines):
        """MySQL names a column's character set, too, once its collation was named when it was made:
        so it does for a table that was made by the statement that MySQL itself told."""
        return [re.sub(r" CHARACTER SET (\w+)(?= COLLATE \1_)", "", line) for line in lines]

    def triggers(self, schema):
        """MySQL tells them in the order of their making, over all events of a table."""
        told = self.sql("SELECT trigger_name, event_object_table, action_timing,"
                        " event_manipulation, action_order, action_statement, sql_mode, definer,"
                        " character_set_client, collation_connection, database_collation"
                        " FROM information_schema.triggers"
                        f" WHERE trigger_schema = '{schema}' ORDER BY 1")
        return [f"-- trigger {line}" for line in told.splitlines()]


class Session:
    """A connection that stays: it holds transactions and locks. With a test it ends when that
    does; else call close()."""

    MARK = "end of the answer"

    def __init__(self, test, server, schema="", user="root"):
        words = [*server.client("mariadb", user), "--batch", "--skip-column-names", "--unbuffered",
                 "--force", *([schema] if schema else [])]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, env=environment())
        if test is not None:
            test.addCleanup(self.close)

    def send(self, sql):
        """Without waiting for the answer, which receive() gives."""
        self.process.stdin.write(f"{sql};\nSELECT '{self.MARK}';\n")
        self.process.stdin.flush()

    def receive(self):
        lines = []
        for line in self.process.stdout:
            if line.rstrip("\n") == self.MARK:
                return "\n".join(lines)
            lines.append(line.rstrip("\n"))
        return "\n".join([*lines, "(the session has ended)"])

    def run(self, sql):
        self.send(sql)
        return self.receive()

    def close(self):
        self.process.kill()
        self.process.communicate()

# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL servers of a test's own, in temporary folders. They and their folders go when the test
ends, also by SIGKILL.

STILLPOINT_TEST_POSTGRES names the folder of another version's programs.
"""

import atexit
import functools
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

BIN = pathlib.Path(os.environ.get("STILLPOINT_TEST_POSTGRES", "/usr/lib/postgresql/15/bin"))
START_MAX, STOP_MAX = 60, 60  # seconds
SETTINGS = {
    "fsync": "off", "full_page_writes": "off", "autovacuum": "off",
    "shared_buffers": "64MB", "max_connections": "60", "log_line_prefix": "'%m [%p] %a %d '",
    "listen_addresses": "'127.0.0.1'", "timezone": "'UTC'", "jit": "off"}
TRUST = "local all all trust\nhost all all 127.0.0.1/32 trust\n"
# Outlives its test, since it is nobody's child, and then removes what the test left.
WARDEN = """
import os, shutil, signal, sys, time
if os.fork():
    os._exit(0)
sys.stdin.buffer.read()
folder = sys.argv[1]
def ours(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return folder.encode() in file.read()
    except OSError:
        return False
for number in (signal.SIGQUIT, signal.SIGKILL):
    for pid in [pid for pid in os.listdir("/proc") if pid.isdigit() and pid != str(os.getpid())]:
        if ours(pid):
            os.kill(int(pid), number)
            until = time.monotonic() + 10
            while ours(pid) and time.monotonic() < until:
                time.sleep(0.02)
shutil.rmtree(folder, ignore_errors=True)
"""


def as_server_user():
    """Words before a command: PostgreSQL's server refuses to run as root."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam("postgres")
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def give(path, mode=0o700):
    """The path belongs to who runs the server."""
    if os.geteuid() == 0:
        shutil.chown(path, "postgres", "postgres")
    os.chmod(path, mode)
    return path


class Folder:
    """A temporary folder that the server's user can reach, and that never stays behind."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="stillpoint-pg-"))
        self.warden = subprocess.Popen([sys.executable, "-c", WARDEN, str(self.path)],
                                       stdin=subprocess.PIPE, start_new_session=True)
        self.warden.wait()  # for its first half; the second waits for the end of stdin
        give(self.path, 0o755)
        atexit.register(self.remove)

    def remove(self):
        atexit.unregister(self.remove)
        shutil.rmtree(self.path, ignore_errors=True)
        self.warden.stdin.close()


def checked(command, **how):
    """Runs a command to its end; its stdout as text."""
    done = subprocess.run(command, capture_output=True, timeout=600, check=False, **how)
    if done.returncode:
        raise AssertionError(f"{command}: exit code {done.returncode}: "
                             f"{done.stderr.decode(errors='replace')[-4000:]}")
    return done.stdout.decode("utf-8", "surrogateescape")


@functools.lru_cache(maxsize=None)
def template():
    """A fresh cluster, made once in a process."""
    if not (BIN / "initdb").exists():
        raise unittest.SkipTest(f"postgresql: no server's programs in {BIN}")
    folder = Folder()
    data = folder.path / "data"
    checked([*as_server_user(), BIN / "initdb", "--no-sync", "--auth=trust", "--username=postgres",
             "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", "--pgdata", data],
            cwd=folder.path, env=environment())
    return folder, data


def environment(**more):
    """Nothing of the caller's PG… variables."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    env.update(LC_ALL="C.UTF-8", **{k: str(v) for k, v in more.items()})
    return env


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def literal(text):
    return "'" + text.replace("'", "''") + "'"


def conninfo(**words):
    """host=… port=…, with values quoted."""
    def quote(value):
        return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"
    return " ".join(f"{name}={quote(value)}" for name, value in words.items())


class Server:
    """With a test it stops when that ends; else call close()."""

    def __init__(self, test=None, settings=None, hba=TRUST, extensions=None, data=None,
                 fresh=True):
        """`extensions`: a folder of control files and scripts that this server has besides.
        `data`: where the cluster shall be, if not in the server's own folder; or is, if not
        `fresh`."""
        self.folder = Folder()
        if test is not None:
            test.addCleanup(self.close)
        self.data = data or self.folder.path / "data"
        self.socket = self.folder.path
        self.log = self.folder.path / "log"
        self.given, self.settings = settings, {**SETTINGS, **(settings or {})}
        self.bin = self.private_bin(extensions) if extensions else BIN
        self.process = None
        if fresh:
            subprocess.run(["cp", "-a", "--reflink=auto", template()[1], self.data], check=True)
            (self.data / "pg_hba.conf").write_text(hba)
        self.port = free_port()
        self.start()

    def private_bin(self, extensions):
        """A copy of the server looks for its extensions beside itself."""
        share = pathlib.Path(checked([BIN / "pg_config", "--sharedir"]).strip())
        # what the places have in common is relative: …/lib/postgresql/15/bin
        prefix = pathlib.Path(os.path.commonpath([share, BIN]))
        root = self.folder.path / "prefix"
        ours = root / share.relative_to(prefix)
        (ours / "extension").mkdir(parents=True)
        for path in share.iterdir():
            if path.name != "extension":
                (ours / path.name).symlink_to(path)
        for path in [*(share / "extension").iterdir(), *pathlib.Path(extensions).iterdir()]:
            place = ours / "extension" / path.name
            if path.parent == share / "extension":
                place.symlink_to(path)
            else:
                shutil.copy(path, place)
        libraries = pathlib.Path(checked([BIN / "pg_config", "--pkglibdir"]).strip())
        bin_folder = root / BIN.relative_to(prefix)
        bin_folder.mkdir(parents=True)
        (root / libraries.relative_to(prefix)).symlink_to(libraries)
        shutil.copy(BIN / "postgres", bin_folder)
        return bin_folder

    def start(self, wait=True):
        """Also again, after kill() or stop(); then it has the same port."""
        for _ in range(5):
            words = [*as_server_user()] or ["setpriv"]
            words += ["--pdeathsig=QUIT", self.bin / "postgres", "-D", self.data, "-p",
                      str(self.port), "-k", self.socket]
            for name, value in self.settings.items():
                words += ["-c", f"{name}={value.strip(chr(39))}"]
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log,
                                                stderr=log, cwd=self.folder.path,
                                                env=environment(), start_new_session=True)
            if not wait or self.is_ready():
                return
            if b"could not bind" not in self.log.read_bytes():
                break
            self.port = free_port()
        raise AssertionError(f"PostgreSQL does not start: {self.tail()}")

    def tail(self):
        return self.log.read_text(errors="replace")[-4000:]

    def is_ready(self):
        """postmaster.pid says so, as it does to pg_ctl; and it has to be of this start."""
        until = time.monotonic() + START_MAX
        while time.monotonic() < until and self.process.poll() is None:
            try:
                lines = (self.data / "postmaster.pid").read_text().splitlines()
            except OSError:
                lines = []
            if lines and lines[0] == str(self.process.pid) and lines[-1].strip() == "ready":
                return True
            time.sleep(0.01)
        return False

    def children(self):
        """Processes of this server besides the postmaster."""
        if self.process is None:
            return []
        found = []
        for path in pathlib.Path("/proc").iterdir():
            try:
                fields = (path / "stat").read_text().rsplit(")", 1)[1].split()
            except (OSError, IndexError):
                continue
            if path.name.isdigit() and fields[1] == str(self.process.pid):
                found.append(int(path.name))
        return found

    def kill(self):
        """As a crash: SIGKILL to all of it at once."""
        children = self.children()
        self.process.kill()
        for pid in [*children, *self.children()]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        until = time.monotonic() + STOP_MAX
        while any(is_alive(pid) for pid in children) and time.monotonic() < until:
            time.sleep(0.005)

    def stop(self, number=signal.SIGINT):
        """SIGTERM waits for the clients, SIGINT cuts them, SIGQUIT does not even tidy up."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(STOP_MAX)
        except subprocess.TimeoutExpired:
            self.kill()

    def restart(self):
        self.stop()
        self.start()

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def close(self):
        self.stop(signal.SIGQUIT)
        self.folder.remove()

    def url(self, db="postgres", user="postgres", password=None, host=None, port=None, **more):
        words = urllib.parse.quote(user, safe="")
        if password is not None:
            words += ":" + urllib.parse.quote(password, safe="")
        query = "?" + urllib.parse.urlencode(more) if more else ""
        name = urllib.parse.quote(db, safe="")
        return f"postgresql://{words}@{host or '127.0.0.1'}:{port or self.port}/{name}{query}"

    def dsn(self, db="postgres", user="postgres"):
        return conninfo(host=self.socket, port=self.port, dbname=db, user=user)

    def psql(self, sql, db="postgres", user="postgres", **env):
        """The answer, a line a row, columns divided by |."""
        return checked([BIN / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-f", "-", "-d",
                        self.dsn(db, user)],
                       input=sql.encode("utf-8", "surrogateescape"),
                       env=environment(**env)).rstrip("\n")

    def tool(self, name, *words, db=None, user="postgres", **how):
        """A program of PostgreSQL's, connected to this server; `db` goes first."""
        first = ["-d", self.dsn(db, user)] if db is not None else []
        how.setdefault("env", environment(PGHOST=self.socket, PGPORT=self.port, PGUSER=user))
        return checked([BIN / name, *first, *words], **how)

    def create(self, name, sql="", owner="postgres", how=""):
        """A new database with that in it."""
        self.psql(f"CREATE DATABASE {quoted(name)} OWNER {quoted(owner)} {how}")
        if sql:
            self.psql(sql, name)
        return name

    def databases(self):
        return self.psql("SELECT datname FROM pg_database ORDER BY 1").splitlines()

    def place(self, name):
        """A folder that the server may use: for tablespaces, files of file_fdw."""
        path = self.folder.path / name
        path.mkdir()
        return give(path)


def standby(test, server):
    """A server that follows another one, and has all that is there now."""
    with open(server.data / "pg_hba.conf", "a", encoding="ascii") as access:
        access.write("host replication all 127.0.0.1/32 trust\n")
    server.reload()
    folder = Folder()
    test.addCleanup(folder.remove)
    data = folder.path / "data"
    server.tool("pg_basebackup", "-D", data, "-R", "-c", "fast", "-X", "stream", "-h", "127.0.0.1")
    for path in [data, *data.rglob("*")]:
        give(path, 0o700 if path.is_dir() else 0o600)
    follower = Server(test, server.given, data=data, fresh=False)
    now = server.psql("SELECT pg_current_wal_lsn()")
    until = time.monotonic() + START_MAX
    while follower.psql(f"SELECT pg_last_wal_replay_lsn() >= '{now}'") != "t":
        if time.monotonic() > until:
            raise AssertionError(f"the standby does not catch up: {follower.tail()}")
        time.sleep(0.05)
    return follower


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Session:
    """A connection that stays: it holds transactions, locks and temporary tables."""

    MARK = "end of the answer"

    def __init__(self, test, server, db, user="postgres"):
        self.process = subprocess.Popen(
            [BIN / "psql", "-XAtq", "-d", server.dsn(db, user)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment())
        test.addCleanup(self.close)

    def send(self, sql):
        """Without waiting for the answer, which receive() gives."""
        self.process.stdin.write(f"{sql}\n;\n\\echo {self.MARK}\n")
        self.process.stdin.flush()

    def receive(self):
        lines = []
        for line in self.process.stdout:
            if line.rstrip("\n") == self.MARK:
                break
            lines.append(line.rstrip("\n"))
        wrong = [line for line in lines if line.startswith(("ERROR:", "FATAL:", "psql: error"))]
        if wrong:
            raise AssertionError("\n".join(lines))
        return lines

    def __call__(self, sql):
        self.send(sql)
        return self.receive()

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()

# SPDX-License-Identifier: Apache-2.0
"""Sees from outside what a backup of ScalarDB holds, and what it leaves."""

import fcntl
import os
import pathlib
import struct

import postgres

WRITE_LOCK = 120  # its byte in SQLite's -shm file


class AtPostgres:
    """Sees the gate's lock in a database of PostgreSQL, from outside."""

    def __init__(self, case, database):
        self.server = database.server
        self.ask = postgres.Session(case, database.server, database.name)

    def shut(self):
        return self.ask("SELECT count(*) FROM pg_locks WHERE mode = 'ShareLock' AND granted"
                        " AND relation = 'coordinator.state'::regclass") != ["0"]


class AtMaria:
    """MariaDB tells nobody who holds a table: what it was told is in its log."""

    def __init__(self, _, database):
        self.path = database.server.folder.path / "statements"
        self.path.touch()
        os.chmod(self.path, 0o666)
        database.server.sql(f"SET GLOBAL general_log_file = '{self.path}';"
                            "SET GLOBAL general_log = ON")
        self.file = open(self.path, "rb")

    def shut(self):
        return b"LOCK TABLES" in self.file.read()


class AtSqlite:
    """Whose the write lock of the file's log is."""

    def __init__(self, case, database):
        self.path, self.case = f"{database.path}-shm", case

    def shut(self):
        asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, WRITE_LOCK, 1, 0)
        with open(self.path, "rb+") as file:
            told = struct.unpack("hhqqi4x", fcntl.fcntl(file, fcntl.F_GETLK, asked))
        return told[0] != fcntl.F_UNLCK and told[4] != self.case.app.process.pid


def processes_in(folder):
    """Programs whose home is that folder: the program's and what it starts."""
    home, found = f"HOME={folder}\0".encode(), []
    for path in pathlib.Path("/proc").iterdir():
        try:
            if path.name.isdigit() and home in (path / "environ").read_bytes():
                words = (path / "cmdline").read_bytes().split(b"\0")
                found += [b" ".join(words).decode(errors="replace")] if any(words) else []
        except OSError:
            pass
    return found


def connected_ports(pid):
    """Of a process's TCP connections."""
    sockets = set()
    for path in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets.add(os.readlink(path))
        except OSError:
            pass
    found = set()
    for name in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if f"socket:[{fields[9]}]" in sockets:
                found.add(int(fields[1].rpartition(":")[2], 16))
    return found

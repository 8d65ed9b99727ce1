# SPDX-License-Identifier: Apache-2.0
"""Applications that can be paused, as processes: our own and ScalarDB's; and a DNS server."""

import ctypes
import functools
import os
import pathlib
import select
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

import support

PAUSABLE = os.environ.get("STILLPOINT_PAUSABLE") or str(
    pathlib.Path(support.BINARY).resolve().parents[2] / "tests/pausable/pausable")
JARS = support.ROOT / "build/tools/scalar-admin"


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Process:
    """A program that answers a line with a line, and first tells its port."""

    def __init__(self, case, words, prefix=()):
        self.process = subprocess.Popen([*prefix, *words], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, preexec_fn=_die_with_parent)
        case.addCleanup(self.end)
        self.buffer = b""
        first = self._line(60)
        if not first.startswith("port "):
            raise AssertionError(f"{words[0]} says {first!r} instead of its port")
        self.port = int(first.split()[1])

    def _line(self, timeout=30):
        deadline = time.monotonic() + timeout
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise AssertionError(f"no answer within {timeout} s")
            piece = os.read(self.process.stdout.fileno(), 65536)
            if not piece:
                raise AssertionError("the application ended")
            self.buffer += piece
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode()

    def tell(self, command):
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        return self._line()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Application(Process):
    """tests/pausable: the newest semantics, or what `behave` says."""

    def __init__(self, case, ip="127.0.0.1", tls=None, prefix=()):
        super().__init__(case, [PAUSABLE, ip, *(tls or ())], prefix)
        self.ip = ip
        self.address = f"[{ip}]:{self.port}" if ":" in ip else f"{ip}:{self.port}"

    def paused(self):
        return self.tell("paused") == "true"

    def calls(self):
        return [call for call in self.tell("calls").split(";") if call]

    def count(self, name):
        return sum(1 for call in self.calls() if call.startswith(name))

    def wait(self, condition, what, timeout=30):
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"within {timeout} s not: {what}")
            time.sleep(0.002)

    def wait_until_paused(self):
        self.wait(self.paused, "paused")

    def wait_until_open(self, timeout=30):
        self.wait(lambda: not self.paused(), "open", timeout)


@functools.lru_cache
def jars(version="2.2.1"):
    """The class path with scalar-admin of that version; skips the test where it is not there."""
    folder = JARS / version
    if shutil.which("java") is None or not (folder / "complete").is_file():
        if {"java", "all"} & set(os.environ.get("STILLPOINT_REQUIRE", "").split(",")):
            raise AssertionError("Java or the jars are not there (tools/scalar_admin_jars.sh)")
        raise unittest.SkipTest("Java or the jars are not there (tools/scalar_admin_jars.sh)")
    return f"{folder}/*"


class OldServer(Process):
    """The real service and gate of ScalarDB Server 3.13."""

    def __init__(self, case, ip="127.0.0.1", tls=None):
        source = str(support.ROOT / "tests/java/OldServer.java")
        super().__init__(case, ["java", "-XX:TieredStopAtLevel=1", "-cp", jars(), source, ip,
                                *(tls or ())])
        self.address = f"[{ip}]:{self.port}" if ":" in ip else f"{ip}:{self.port}"


def java_tool(case, *words, version="2.2.1", java=(), **how):
    """The Java client."""
    command = ["java", "-XX:TieredStopAtLevel=1", *java, "-cp", jars(version),
               "com.scalar.admin.AdminCommand", *map(str, words)]
    return support.run(command, support.clean_environment(case.folder), **how)


def certificate(folder, name="bank.test", addresses=()):
    """A certificate of an own authority: the paths of authority, certificate and key."""
    files = ("ca", "ca_key", "cert", "key", "request")
    paths = {what: str(folder / f"{what}.pem") for what in files}
    names = ",".join([f"DNS:{name}", *(f"IP:{address}" for address in addresses)])
    (folder / "extensions").write_text(f"subjectAltName={names}\n")

    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", paths["ca_key"], "-out",
            paths["ca"], "-days", "2", "-subj", "/CN=an authority of the test")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", paths["key"], "-out",
            paths["request"], "-subj", f"/CN={name}")
    openssl("x509", "-req", "-in", paths["request"], "-CA", paths["ca"], "-CAkey", paths["ca_key"],
            "-CAcreateserial", "-out", paths["cert"], "-days", "2", "-extfile",
            str(folder / "extensions"))
    return paths["ca"], (paths["cert"], paths["key"])


class Dns:
    """SRV and A records over UDP on a free port; `srv` and `hosts` may change at any time."""

    def __init__(self, case):
        self.srv = {}  # name: [(host, port)]
        self.hosts = {}  # name: [IPv4 address]
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.ended = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        case.addCleanup(self._end)

    def _end(self):
        self.ended = True
        self.thread.join()
        self.socket.close()

    def _serve(self):
        self.socket.settimeout(0.1)
        while not self.ended:
            try:
                query, client = self.socket.recvfrom(4096)
            except socket.timeout:
                continue
            self.socket.sendto(self._answer(query), client)

    @staticmethod
    def _encode(name):
        return b"".join(bytes([len(p)]) + p.encode() for p in name.split(".") if p) + b"\0"

    def _answer(self, query):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind = struct.unpack(">H", query[at + 1:at + 3])[0]
        name = ".".join(labels).lower()
        known = name in self.srv or name in self.hosts
        data = []
        if kind == 33:
            data = [struct.pack(">HHH", 0, 1, port) + self._encode(host)
                    for host, port in self.srv.get(name, [])]
        elif kind == 1:
            data = [socket.inet_aton(address) for address in self.hosts.get(name, [])]
        records = b"".join(struct.pack(">HHHIH", 0xC00C, kind, 1, 0, len(one)) + one
                           for one in data)
        flags = 0x8580 | (0 if known else 3)
        return (query[:2] + struct.pack(">HHHHH", flags, 1, len(data), 0, 0) + query[12:at + 5]
                + records)

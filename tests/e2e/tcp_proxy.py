# SPDX-License-Identifier: Apache-2.0
"""A network that breaks when a test wants it: it passes bytes on to a server, counts them, and cuts
every connection after so many."""

import socket
import struct
import threading


class Proxy:
    def __init__(self, test, port):
        self.to = ("127.0.0.1", port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.open = set()
        self.passed = 0
        self.limit = None
        self.at_limit = self.cut
        self.closed = False
        threading.Thread(target=self.accept, daemon=True).start()
        test.addCleanup(self.close)

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                broken = self.is_broken()
            if broken:
                reset(client)
                continue
            try:
                server = socket.create_connection(self.to, timeout=10)
            except OSError:
                reset(client)
                continue
            server.settimeout(None)
            with self.lock:
                self.open |= {client, server}
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self.forward, args=pair, daemon=True).start()

    def is_broken(self):
        return self.closed or (self.limit is not None and self.passed >= self.limit)

    def forward(self, source, target):
        """At the limit the last piece is passed on in part, so that messages are torn too."""
        try:
            while data := source.recv(65536):
                with self.lock:
                    left = len(data) if self.limit is None else self.limit - self.passed
                    part = data[:max(left, 0)]
                    self.passed += len(part)
                    broken = self.is_broken()
                target.sendall(part)
                if broken:
                    self.at_limit()
                    return
            target.shutdown(socket.SHUT_WR)
        except OSError:
            self.drop(source)
            self.drop(target)

    def drop(self, one):
        with self.lock:
            known = one in self.open
            self.open.discard(one)
        if known:
            reset(one)

    def cut(self):
        """All connections, at once, as a router does that has forgotten them."""
        with self.lock:
            all_open, self.open = self.open, set()
        for one in all_open:
            reset(one)

    def break_after(self, count, then=None):
        """From then on nothing passes, and nobody gets in, until heal(). All connections are cut,
        unless something else is to be done."""
        with self.lock:
            self.passed, self.limit, self.at_limit = 0, count, then or self.cut

    def heal(self):
        with self.lock:
            self.passed, self.limit = 0, None

    def close(self):
        self.closed = True
        self.listener.close()
        self.cut()


def reset(connection):
    """Ends it with RST instead of FIN."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()

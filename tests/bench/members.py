# SPDX-License-Identifier: MIT
"""Members of a cluster to measure: servers on one database, a proxy that can cut their links, and single clients."""
import contextlib
import os
import shutil
import socket
import sqlite3
import threading
import time

from rig import field, varint_at

SECRET = "0123456789abcdef0123456789abcdef\n"
CLIENT = "/synctv.client.ClientService/"
LINK_S = 60


def cpu_s(process):
    """User and system time, of all its threads."""
    return time.clock_gettime(~process.pid << 3 | 2)  # as clock_getcpuclockid() makes it


def wait_until(look, what, every_s=0.005):
    """Returns how many seconds it took."""
    began = time.monotonic()
    while not look():
        if time.monotonic() > began + LINK_S:
            raise RuntimeError(f"not in {LINK_S} s: {what}")
        time.sleep(every_s)
    return time.monotonic() - began


class Cluster:
    """In `with`: members a, b, … that are linked. `url` None = a copy of the seeded file of SQLite's."""

    def __init__(self, lab, n, url=None, heartbeat_ms=5000, proxy=False):
        self.lab, self.names, self.heartbeat_ms = lab, [chr(ord("a") + i) for i in range(n)], heartbeat_ms
        self.url = url
        self.proxies = {name: Proxy() for name in self.names} if proxy else {}
        self.servers, self.logs = {}, {}
        self.stack = contextlib.ExitStack()

    def _start(self, name):
        lab = self.lab
        secret = lab.path("secret")
        with open(secret, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(SECRET)
        options = ["--cluster-secret-file", secret, "--node-id", name, "--heartbeat-ms", str(self.heartbeat_ms)]
        if name in self.proxies:
            proxy = self.proxies[name]
            options += ["--cluster-listen", f"127.0.0.1:{proxy.target}", "--advertise", f"127.0.0.1:{proxy.port}"]
        lab.n_files += 1
        self.logs[name] = lab.path(f"log-{lab.n_files}")
        with open(self.logs[name], "wb") as log:
            self.servers[name] = self.stack.enter_context(lab.server(self.url, options, log=log))

    def said(self, name, what):
        """How often the log of this member says it."""
        with open(self.logs[name], encoding="utf-8", errors="replace") as log:
            return log.read().count(what)

    def is_linked(self):
        return all(self.said(name, f"there is a link to node {other}") for name in self.names for other in self.names
                   if other != name)

    def __enter__(self):
        if self.url is None:
            lab = self.lab
            lab.n_files += 1
            self.url = lab.path(f"cluster-{lab.n_files}.db")
            with contextlib.closing(sqlite3.connect(lab.database)) as db:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            shutil.copy(lab.database, self.url)
        try:
            for name in self.names:
                self._start(name)
            wait_until(self.is_linked, "links of all with all")
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_):
        self.stack.close()
        for proxy in self.proxies.values():
            proxy.close()

    def __iter__(self):
        return iter(self.servers.values())


class Proxy:
    """In the way of the links to one member. `open` = False: it refuses connections, and those that there were are cut."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.target = free.getsockname()[1]
        self.is_open = True
        self.passed_at = 0.0  # when a connection came through last
        self.sockets = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if not self.is_open:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            self.passed_at = time.monotonic()
            self.sockets |= {client, server}
            for source, sink in ((client, server), (server, client)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source, sink):
        with contextlib.suppress(OSError):
            while (data := source.recv(1 << 18)):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            self.sockets.discard(end)

    def cut(self):
        self.is_open = False
        for end in list(self.sockets):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def heal(self):
        self.is_open = True

    def close(self):
        self.cut()
        self.listener.close()


# ---- single clients ----------------------------------------------------------------------------------------------


def fields(message):
    """Of a protobuf message: number -> the last value, an int or bytes."""
    found, at = {}, 0
    while at < len(message):
        tag, at = varint_at(message, at)
        if tag & 7 == 0:
            found[tag >> 3], at = varint_at(message, at)
            continue
        size = {1: 8, 5: 4}.get(tag & 7)
        if size is None:
            size, at = varint_at(message, at)
        found[tag >> 3] = message[at:at + size]
        at += size
    return found


class Person:
    """User n of the database at one member. Raises ImportError without grpcio."""

    def __init__(self, lab, server, n):
        import grpc  # pylint: disable=import-outside-toplevel
        self.channel = grpc.insecure_channel(f"127.0.0.1:{server.port}", [("grpc.use_local_subchannel_pool", 1)])
        self.metadata = [("authorization", "Bearer " + lab.tokens[n])]

    def call(self, method, request):
        return fields(self.channel.unary_unary(CLIENT + method)(request, metadata=self.metadata, timeout=30))

    def room_info(self, room):
        return self.call("GetRoomInfo", field(1, room))

    def close(self):
        self.channel.close()


class Follower:
    """A stream of somebody's: what has come last of each kind, by the number of the payload, and when."""

    def __init__(self, person, room):
        self.seen, self.ended_at = {}, None
        self.over = threading.Event()
        self.call = person.channel.stream_stream(CLIENT + "MessageStream")(
            self._nothing(), metadata=[*person.metadata, ("x-room-id", room)])
        threading.Thread(target=self._read, daemon=True).start()
        wait_until(lambda: self.seen, "the first message of a stream")

    def _nothing(self):
        self.over.wait()
        yield from ()

    def _read(self):
        with contextlib.suppress(Exception):
            for message in self.call:
                for number, value in fields(message).items():
                    if number >= 10:
                        self.seen[number] = value
        self.ended_at = time.monotonic()

    def close(self):
        self.over.set()
        self.call.cancel()

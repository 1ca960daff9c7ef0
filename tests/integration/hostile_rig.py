# SPDX-License-Identifier: MIT
"""What the suites of hostile clients share: what a server uses of the machine while it is attacked, somebody who goes
on being served meanwhile, and HTTP/2 that no library would send."""
import contextlib
import os
import re
import resource
import selectors
import socket
import struct
import sys
import threading
import time

import grpc

from harness import DEADLINE, SERVER_BINARY, diag, eventually, test
from client import CHANNEL_OPTIONS, SERVICE, chat, pb, register

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "faults"))
# pylint: disable=wrong-import-position,unused-import
from h2 import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, RST_STREAM,  # noqa: E402,F401
                SETTINGS, WINDOW_UPDATE, number)

MIB = 1 << 20
PRIORITY_FRAME = 2
GOAWAY = 7

with open(SERVER_BINARY, "rb") as binary:
    SANITIZED = re.search(rb"__[at]san_init", binary.read()) is not None


def many(count):
    """So many, or as many as take as long under a sanitizer."""
    return count // 5 if SANITIZED else count


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


# Thousands of connections want as many descriptors, here and in the server, which inherits the limit.
N_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
N_FILES = 20000 if N_FILES == resource.RLIM_INFINITY else min(N_FILES, 20000)
resource.setrlimit(resource.RLIMIT_NOFILE, (N_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


# ---- the server's share of the machine ---------------------------------------------------------------------------


class Victim:
    """A server that is going to be attacked, and what it used of the machine before."""

    FILES_MORE = 4  # that it may have open afterwards: of storage, and who comes and goes

    def __init__(self, server):
        self.server = server
        self.base = self.memory("VmRSS")
        self.base_files = self.n_files()

    def memory(self, key):
        with open(f"/proc/{self.server.pid}/status", encoding="ascii") as file:
            return int(re.search(rf"^{key}:\s+(\d+) kB", file.read(), re.M).group(1)) * 1024

    def n_files(self):
        return len(os.listdir(f"/proc/{self.server.pid}/fd"))

    def cpu_us(self):
        """The time that its threads have had, to the nanosecond that the scheduler counts."""
        total = 0
        for task in os.listdir(f"/proc/{self.server.pid}/task"):
            with open(f"/proc/{self.server.pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
        return total / 1000

    def forget_peak(self):
        with open(f"/proc/{self.server.pid}/clear_refs", "w", encoding="ascii") as file:
            file.write("5")

    @contextlib.contextmanager
    def watched(self, name, bound=64 * MIB):
        """Meanwhile the server's memory may not grow by more than this, and afterwards it has no more connections than
        before. Sanitizers keep what was freed: with them the peak is only told."""
        self.forget_peak()
        try:
            yield
            self.is_left_alone()
        finally:
            more = self.tell(name)
        assert SANITIZED or more <= bound, f"{mib(more)} more, {mib(bound)} were allowed"

    def attack(self, name, **bounds):
        """Registers a test during which the server is watched."""
        def register_attack(function):
            def attack():
                with self.watched(name, **bounds):
                    function()
            test(name)(attack)
        return register_attack

    def is_left_alone(self):
        """The server has read all that was sent, has seen its end, and has closed."""
        assert self.server.process.poll() is None, "the server is gone: " + self.server.stderr()
        eventually(lambda: self.n_files() <= self.base_files + self.FILES_MORE,
                   f"{self.base_files} files were open before")

    def tell(self, name):
        """Prints the peak, keeps it for tell_peaks(), and returns what is above the base."""
        if self.server.process.poll() is not None:
            return 0
        peak, now = self.memory("VmHWM"), self.memory("VmRSS")
        peaks.append((peak, name))
        diag(f"peak {mib(peak)}, {mib(peak - self.base)} above the base; then {mib(now)}, {self.n_files()} files")
        return peak - self.base


peaks = []


def tell_peaks():
    diag("peaks of memory:")
    for peak, name in peaks:
        diag(f"{mib(peak):>10}  {name}")


def mib(size):
    return f"{size / MIB:.1f} MiB"


# ---- who must not suffer -----------------------------------------------------------------------------------------


class Witness:
    """One who goes on calling, chatting and connecting anew while others attack, and wants all answered in time."""

    def __init__(self, server):
        self.address = server.address
        self.patience = 25  # seconds; a server that still serves needs milliseconds, one that waits for a stuck peer 30 s
        self.person = register(server, "witness")
        self.stream = self.person.stream(self.person.CreateRoom(name="the witness's").room.id)
        self.stream.expect("room_state")
        self.condition = threading.Condition()
        self.rounds = 0
        self.trouble = None
        self.over = True

    def __enter__(self):
        self.over, self.trouble, self.rounds, self.slowest = False, None, 0, 0
        self.thread = threading.Thread(target=self._go_on, daemon=True)
        self.thread.start()
        self.sees(1)
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.sees(3)
        self.over = True
        self.thread.join()
        if kind is None:
            diag(f"the witness was served {self.rounds} times, each in {self.slowest * 1000:.0f} ms at most")
            assert self.trouble is None, self.trouble

    def sees(self, rounds):
        """Waits until so many rounds more were served."""
        with self.condition:
            until = self.rounds + rounds
            assert self.condition.wait_for(lambda: self.rounds >= until or self.trouble, self.patience * rounds)
            assert self.trouble is None, self.trouble

    def _go_on(self):
        try:
            while not self.over:
                started = time.monotonic()
                self._round()
                with self.condition:
                    self.slowest = max(self.slowest, time.monotonic() - started)
                    self.rounds += 1
                    self.condition.notify_all()
        except Exception as error:  # pylint: disable=broad-except
            with self.condition:
                self.trouble = f"the witness was let down after {time.monotonic() - started:.1f} s: {error!r}"
                self.condition.notify_all()

    def _round(self):
        self.person.GetProfile(_timeout=self.patience)
        self.stream.send(chat=chat(f"still here {self.rounds}"))
        self.stream.expect("chat", content=f"still here {self.rounds}", timeout=self.patience)
        with grpc.insecure_channel(self.address, CHANNEL_OPTIONS) as channel:
            channel.unary_unary(path_of("GetProfile"))(b"", metadata=self.person.metadata, timeout=self.patience)


# ---- HTTP/2 ------------------------------------------------------------------------------------------------------


def path_of(method):
    return f"/{SERVICE.full_name}/{method}"


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    """With a `length` that need not be true."""
    length = len(payload) if length is None else length
    return struct.pack(">I", length)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", key, value) for key, value in pairs))


def string(value):
    value = value.encode() if isinstance(value, str) else value
    return number(len(value), 7, 0) + value


def header(name, value):
    """A field that nobody is to remember."""
    return b"\0" + string(name) + string(value)


def call_headers(method, token="", more=()):
    fields = [(":method", "POST"), (":scheme", "http"), (":path", path_of(method)), (":authority", "x"),
              ("content-type", "application/grpc"), ("te", "trailers"), *more]
    if token:
        fields.append(("authorization", "Bearer " + token))
    return b"".join(header(name, value) for name, value in fields)


def message(payload=b"", flag=0, length=None):
    """As gRPC frames it; the flag 1 = compressed, the length need not be true."""
    return struct.pack(">BI", flag, len(payload) if length is None else length) + payload


class Raw:
    """A connection on which anything may be said. What comes back is thrown away, but for its end."""

    def __init__(self, address, hello=PREFACE + settings(), source="127.0.0.1"):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=DEADLINE, source_address=(source, 0))
        self.socket.setblocking(False)
        self.left = memoryview(hello)
        self.tail = b""
        self.hung_up = False

    def say(self, data):
        self.left = memoryview(bytes(self.left) + data)

    def write(self):
        try:
            self.left = self.left[self.socket.send(self.left):]
        except BlockingIOError:
            pass
        except OSError:
            self.hung_up = True

    def read(self):
        try:
            data = self.socket.recv(1 << 18)
            self.tail = (self.tail + data)[-4096:]
            self.hung_up = not data
        except BlockingIOError:
            pass
        except OSError:
            self.hung_up = True

    def close(self):
        self.socket.close()


def serve(connections, done, what, reads=True, timeout=DEADLINE):
    """Sends what is left to be sent and reads what comes, until done() or all were hung up on."""
    until = time.monotonic() + timeout
    with selectors.DefaultSelector() as selector:
        for one in connections:
            selector.register(one.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, one)
        while not done() and selector.get_map():
            assert time.monotonic() < until, f"not in {timeout} s: {what}"
            for key, mask in selector.select(0.05):
                one, wanted = key.data, selectors.EVENT_READ if reads else 0
                if mask & selectors.EVENT_READ:
                    one.read()
                if mask & selectors.EVENT_WRITE:
                    one.write()
                wanted |= selectors.EVENT_WRITE if one.left else 0
                if one.hung_up or not wanted:
                    selector.unregister(one.socket)
                elif wanted != key.events:
                    selector.modify(one.socket, wanted, one)


def pour(connections, data=b"", reads=True, timeout=2 * DEADLINE, enough=lambda: False):
    """Sends this on all of them, as far as they take it. Returns how many have hung up."""
    for one in connections:
        one.say(data)
    serve(connections, lambda: enough() or not any(one.left and not one.hung_up for one in connections),
          "all is sent", reads, timeout)
    return sum(one.hung_up for one in connections)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Floods of frames, connections and calls that are begun and not ended, and bombs, while somebody else goes on being
served. Peak memory is told for each and bounded."""
import socket
import ssl
import struct
import subprocess
import threading
import time
import zlib

import grpc

from harness import DEADLINE, NO_LIMITS, Server, diag, equal, eventually, run, temp_path, test
from client import CHANNEL_OPTIONS, movie, pb, register
from hostile_rig import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, MIB, N_FILES, PING, PREFACE,
                         PRIORITY_FRAME, RST_STREAM, SETTINGS, WINDOW_UPDATE, Raw, Victim, Witness, call_headers, frame,
                         header, many, message, path_of, pour, serve, settings, string, tell_peaks)
from h2 import Connection, Loop

N_STREAMS = 1000
LIMITS = {"limits": {**NO_LIMITS["limits"], "streams_per_user": N_STREAMS}}
CANCEL = struct.pack(">I", 8)
HELLO = PREFACE + settings()
NO_WINDOW = PREFACE + settings((4, 0))
LIST_SERVICES = b"\x3a\x01*"  # asked of the reflection service


def acquainted(address, count, hello=HELLO):
    """Connections on which the server's settings have come and are acknowledged."""
    connections = [Raw(address, hello) for _ in range(count)]
    serve(connections, lambda: all(one.tail for one in connections), "the server's settings")
    for one in connections:
        one.say(frame(SETTINGS, ACK))
    return connections


class Scene:
    """A server that nobody has attacked before, its witness, and mallory, who has a room to attack from."""

    def __enter__(self):
        self.server = Server("--log-level", "error", config=LIMITS).__enter__()
        self.witness = Witness(self.server)
        mallory = register(self.server, "mallory")
        self.token = mallory.access_token
        self.room = [("x-room-id", mallory.CreateRoom(name="hall").room.id)]
        mallory.close()
        with self.witness:
            self.witness.sees(5)
        self.victim = Victim(self.server)
        return self

    def __exit__(self, kind, value, trace):
        self.server.__exit__(kind, value, trace)

    def headers(self, stream, method="GetProfile", flags=END_HEADERS, more=()):
        return frame(HEADERS, flags, stream, call_headers(method, self.token, more))

    def stream_headers(self, stream):
        return self.headers(stream, "MessageStream", more=self.room)

    def flood(self, data, count=4, reads=True, hung_up=False, stranger=False):
        """Sends this on several connections, to the end or until the witness has been served often enough meanwhile. A
        stranger does not acknowledge settings."""
        connections = ([Raw(self.server.address, HELLO) for _ in range(count)] if stranger else
                       acquainted(self.server.address, count))
        with self.witness:
            pour(connections, data, reads, enough=lambda: not reads and self.witness.rounds >= 20)
            if hung_up:
                serve(connections, lambda: False, "the server hangs up")
                equal([one.hung_up for one in connections], [True] * count)
        for one in connections:
            one.close()

    def half_open(self, begin, hello=HELLO, count=many(30), each=100):
        """Thousands of calls that are begun and not gone on with."""
        connections = acquainted(self.server.address, count, hello)
        with self.witness:
            pour(connections, b"".join(begin(i) for i in streams_until(each)))
            self.witness.sees(5)
        for one in connections:
            one.close()

    def all_streams_are_free(self):
        """Mallory may open as many as anybody, as soon as those that there were are over."""
        def can_open_all():
            loop = Loop()
            streams = [connection.call("MessageStream", token=self.token, metadata=self.room, last=False)
                       for connection in [Connection(loop, self.server.address) for _ in range(N_STREAMS // 100)]
                       for _ in range(100)]
            loop.run_until(lambda: all(one.messages or one.ended is not None for one in streams), "first messages")
            loop.close()
            return all(one.messages for one in streams)
        eventually(can_open_all, f"{N_STREAMS} streams of mallory's", 60, every=1)

    def obedient(self, count, data, method, last=True, more=()):
        """Calls that send this as far as the windows allow. Returns how they ended."""
        loop = Loop()
        calls = [Connection(loop, self.server.address).call(method, token=self.token, metadata=list(more))
                 for _ in range(count)]
        with self.witness:
            for call in calls:
                call.outbox += data
                call.closing = last
                call.connection.pump(call)
            loop.run_until(lambda: all(call.ended is not None for call in calls), "an answer", 60)
        loop.close()
        return [call.ended for call in calls]


class GoingOn:
    """What _go_on() does in a thread, until `over` at the end of the block."""

    def __init__(self):
        self.over = False
        self.thread = threading.Thread(target=self._go_on, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, value, trace):
        self.over = True
        self.thread.join()


class Endless(GoingOn):
    """A connection on which the same is sent as fast as the server takes it, until the end of the block."""

    def __init__(self, address, data):
        super().__init__()
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=DEADLINE)
        self.socket.sendall(HELLO)
        self.data = data * (2**20 // len(data))

    def _go_on(self):
        while not self.over:
            self.socket.sendall(self.data)

    def __exit__(self, kind, value, trace):
        super().__exit__(kind, value, trace)
        self.socket.close()


class Comers(GoingOn):
    """One who connects and hangs up at once, from many addresses, some thousand times: new connections of others wait behind
    those in the kernel's queue, which is not what is tested."""

    def __init__(self, address, how):
        super().__init__()
        host, port = address.rsplit(":", 1)
        self.target, self.how = (host, int(port)), how
        self.count = 0

    def _go_on(self):
        while not self.over and self.count < 4000:
            self.count += 1
            with socket.create_connection(self.target, timeout=DEADLINE,
                                          source_address=(f"127.0.2.{self.count % 250 + 1}", 0)) as one:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, self.how)

    def __exit__(self, kind, value, trace):
        super().__exit__(kind, value, trace)
        diag(f"{self.count} came and went")


def attack(name, bound=64 * MIB):
    """Registers a test of one attack on one server."""
    def register_attack(function):
        def attack_it():
            with Scene() as scene, scene.victim.watched(name, bound):
                function(scene)
        test(name)(attack_it)
    return register_attack


def streams_until(count):
    return range(1, 2 * count, 2)


# ---- calls that are taken back -----------------------------------------------------------------------------------


@attack("rapid reset: calls are taken back as fast as they are made")
def _(scene):
    for begin in (lambda i: scene.headers(i),
                  lambda i: scene.headers(i) + frame(DATA, 0, i, message()),
                  lambda i: scene.headers(i) + frame(DATA, END_STREAM, i, message())):
        scene.flood(b"".join(begin(i) + frame(RST_STREAM, 0, i, CANCEL) for i in streams_until(many(2500))))


@attack("rapid reset of streams: none of them stays")
def _(scene):
    scene.flood(b"".join(scene.stream_headers(i) + frame(RST_STREAM, 0, i, CANCEL) for i in streams_until(many(2500))))
    scene.all_streams_are_free()


@attack("calls that the server itself takes back as soon as they are made")
def _(scene):
    for rest in (lambda i: frame(WINDOW_UPDATE, 0, i, struct.pack(">I", 0)),
                 lambda i: frame(WINDOW_UPDATE, 0, i, struct.pack(">I", 2**31 - 1)) * 2,
                 lambda i: frame(DATA, END_STREAM, i, message()) + frame(DATA, 0, i, message()),
                 lambda i: frame(DATA, END_STREAM, i, message()) + frame(HEADERS, END_HEADERS | END_STREAM, i),
                 lambda i: frame(DATA, END_STREAM, i, message(b"x", length=100))):
        scene.flood(b"".join(scene.headers(i) + rest(i) for i in streams_until(many(2500))))
    for more in ([("grpc-timeout", "1n")], [("x-much", "m" * 9000)]):
        scene.flood(b"".join(scene.headers(i, more=more) for i in streams_until(many(1000))))


@attack("calls made while as many are open as may be are refused, however many")
def _(scene):
    scene.flood(b"".join(scene.headers(i) for i in streams_until(many(5000))))


@attack("calls beyond the limit of who does not acknowledge it are hung up on, whatever ids come before")
def _(scene):
    calls = b"".join(scene.headers(i) for i in streams_until(many(2500)))
    for first in (b"", scene.headers(0), scene.headers(2**31 - 2)):
        scene.flood(first + calls, hung_up=True, stranger=True)


# ---- frames that want an answer, or mean nothing -----------------------------------------------------------------


@attack("a flood of PING is hung up on, whether its answers are read or not")
def _(scene):
    for reads in (True, False):
        scene.flood(b"".join(frame(PING, 0, 0, struct.pack(">Q", i)) for i in range(many(50_000))), reads=reads,
                    hung_up=reads)


@attack("a flood of PING on a stream that is written to")
def _(scene):
    # What is written on a connection forgives the pings before it.
    pings = b"".join(frame(PING, 0, 0, struct.pack(">Q", i)) for i in range(10))
    nothing = frame(DATA, 0, 1, message(b"\xff"))
    scene.flood(scene.stream_headers(1) + b"".join(nothing + pings for _ in range(2000)))


@attack("floods of GOAWAY, PRIORITY, SETTINGS, empty DATA and unknown frames are hung up on")
def _(scene):
    for data in (frame(GOAWAY, 0, 0, bytes(8)), frame(PRIORITY_FRAME, 0, 1, struct.pack(">IB", 3, 255)),
                 settings((4, 65535)), frame(SETTINGS, ACK), frame(99, 0, 1, bytes(1000))):
        scene.flood(data * many(50_000), count=2, hung_up=True)
    scene.flood(scene.stream_headers(1) + frame(DATA, 0, 1) * many(50_000), count=2, hung_up=True)


@attack("who goes on sending for ever keeps nobody waiting")
def _(scene):
    with Endless(scene.server.address, frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1))), scene.witness:
        scene.witness.sees(50)


@attack("who connects and hangs up as fast as can be keeps nobody waiting", bound=32 * MIB)
def _(scene):
    for how in (struct.pack("ii", 0, 0), struct.pack("ii", 1, 0)):  # FIN, RST
        with Comers(scene.server.address, how), scene.witness:
            scene.witness.sees(5)


@attack("a flood of SETTINGS costs no memory, whether its answers are read or not")
def _(scene):
    for reads in (True, False):
        scene.flood(b"".join(settings((4, 65535 + i % 2), (1, i % 4096)) for i in range(many(50_000))), reads=reads)


@attack("SETTINGS that change the window of a hundred streams to and fro")
def _(scene):
    scene.flood(b"".join(scene.stream_headers(i) for i in streams_until(100)) +
          b"".join(settings((4, i % 2 * (2**31 - 1))) for i in range(5000)))


@attack("floods of PRIORITY, WINDOW_UPDATE, RST_STREAM, unknown frames and answers nobody asked for")
def _(scene):
    n = many(50_000)
    for data in (b"".join(frame(PRIORITY_FRAME, 0, 2 * i + 1, struct.pack(">IB", 2 * i + 3, 255)) for i in range(n)),
                 frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)) * n,
                 frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 2**31 - 1)) * 2,
                 b"".join(frame(WINDOW_UPDATE, 0, 2 * i + 1, struct.pack(">I", 1)) for i in range(n)),
                 b"".join(frame(RST_STREAM, 0, 2 * i + 1, CANCEL) for i in range(n)),
                 frame(99, 255, 1, b"unknown") * n,
                 frame(SETTINGS, ACK) * n, frame(PING, ACK, 0, b"whatever") * n):
        scene.flood(data, count=2)


@attack("floods of empty DATA, with and without padding, on an open call and on a closed one")
def _(scene):
    for data in (frame(DATA, 0, 1), frame(DATA, 8, 1, b"\0"), frame(DATA, 8, 1, b"\xff" + b"\0" * 255)):
        scene.flood(scene.headers(1) + data * many(50_000), count=2)
        scene.flood(scene.stream_headers(1) + data * many(50_000), count=2)
        scene.flood(scene.headers(1) + frame(DATA, END_STREAM, 1, message()) + data * many(50_000), count=2)


@attack("a stream of empty messages, and one of messages of one byte in frames of one byte")
def _(scene):
    scene.flood(scene.stream_headers(1) + frame(DATA, 0, 1, message() * 500) * 10, count=2)
    scene.flood(scene.headers(1) + b"".join(frame(DATA, 0, 1, b"\0") for _ in range(many(50_000))), count=2)
    # half a message, byte by byte: as much as the window takes
    scene.flood(scene.headers(1) + frame(DATA, 0, 1, message(length=60_000)) + frame(DATA, 0, 1, b"x") * many(50_000),
                count=2)


# ---- headers without end -----------------------------------------------------------------------------------------


def endless(first, piece, count):
    """HEADERS that go on and on."""
    return frame(HEADERS, 0, 1, first) + frame(CONTINUATION, 0, 1, piece) * count


@attack("CONTINUATION without end: empty, of small fields, and of a field announced as 1 GiB")
def _(scene):
    scene.flood(endless(call_headers("GetProfile"), b"", 100_000), count=2)
    scene.flood(endless(call_headers("GetProfile"), header("x-more", "more") * 100, 10_000), count=2)


@attack("a header field announced as 1 GiB is not collected")
def _(scene):
    announced = b"\0" + string("x-huge") + b"\x7f" + b"\x81\xff\xff\xff\x03"
    scene.flood(endless(call_headers("GetProfile") + announced, b"y" * 16384, 2048), count=2)


@attack("a number of the header block that never ends")
def _(scene):
    scene.flood(endless(call_headers("GetProfile") + b"\0\x7f", b"\x80" * 16384, 1024), count=2)


@attack("header fields that are remembered once and meant a thousand times")
def _(scene):
    remember = b"\x40" + string("x-bomb") + string("b" * 3900)
    block = call_headers("GetProfile", scene.token) + remember + b"\xbe" * 16000
    scene.flood(frame(HEADERS, END_HEADERS, 1, block[:16384]))
    scene.flood(endless(block[:12000], b"\xbe" * 16384, 200), count=2)


# ---- begun and not ended -----------------------------------------------------------------------------------------


@attack("thousands of connections that say nothing, half a preface, the preface alone or half a frame", bound=128 * MIB)
def _(scene):
    each = many(min(N_FILES // 8, 750))
    hellos = (b"", PREFACE[:7], PREFACE, PREFACE + settings() + frame(HEADERS, 0, 1, b"\0" * 9, length=1000))
    with scene.witness:
        started = time.monotonic()
        connections = [Raw(scene.server.address, hello, f"127.0.1.{i % 100}") for hello in hellos for i in range(each)]
        hung_up_on = pour(connections)
        if time.monotonic() < started + 9:  # each of them has 10 s
            equal(hung_up_on, 0, "connections that were hung up on")
        scene.witness.sees(5)
    for one in connections:
        one.close()


@attack("more connections than an address may have are turned away, in plain sight of those of others")
def _(scene):
    with scene.witness:
        connections = [Raw(scene.server.address, source=f"127.0.1.{i % 2}") for i in range(2 * 300)]
        serve(connections, lambda: sum(one.hung_up for one in connections) == 2 * (300 - 256),
              "those too many are turned away")
        scene.witness.sees(3)
        for one in connections:
            one.close()

        def is_served_again():
            again = Raw(scene.server.address, source="127.0.1.0")
            pour([again], frame(PING, 0, 0, b"are you?"))
            serve([again], lambda: b"are you?" in again.tail, "an answer, or the end")
            again.close()
            return b"are you?" in again.tail
        eventually(is_served_again, "an address that has few again is served")


@attack("thousands of calls without a body, or with one that was announced and never sent", bound=96 * MIB)
def _(scene):
    scene.half_open(lambda i: scene.headers(i))
    scene.half_open(lambda i: scene.headers(i) + frame(DATA, 0, i, b"\0"))
    scene.half_open(lambda i: scene.headers(i) + frame(DATA, 0, i, message(b"half", length=1000)))
    scene.half_open(lambda i: scene.headers(i, "Login") + frame(DATA, 0, i, message(b"half", length=2**32 - 1)))


@attack("thousands of calls whose answers nobody takes")
def _(scene):
    scene.half_open(lambda i: scene.headers(i) + frame(DATA, END_STREAM, i, message()), hello=NO_WINDOW)


# Of 780 MiB: 64 MiB for an address, and what encoding them takes.
@attack("large answers that nobody takes", bound=384 * MIB)
def _(scene):
    owner = register(scene.server, "collector")
    room = owner.CreateRoom(name="archive").room.id
    for i in range(60):
        owner.AddMovie(room_id=room, movie=movie(name=f"{i}", headers={f"h{k}": "x" * 1000 for k in range(8)}))
    wanted = message(pb.GetMovieListRequest(room_id=room, page_size=100).SerializeToString())
    token, scene.token = scene.token, owner.access_token
    scene.half_open(lambda i: scene.headers(i, "GetMovieList") + frame(DATA, END_STREAM, i, wanted), hello=NO_WINDOW,
                    count=16)
    scene.token = token
    equal(len(owner.GetMovieList(room_id=room, page_size=100).movies), 60)


@attack("streams that need no sign-in: a few on each connection", bound=32 * MIB)
def _(scene):
    for path in ("/grpc.health.v1.Health/Watch", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"):
        block = call_headers("").replace(string(path_of("")), string(path))
        scene.half_open(lambda i: frame(HEADERS, END_HEADERS, i, block) + frame(DATA, 0, i, message()))


@attack("small messages and pieces of messages keep little of what comes between them", bound=96 * MIB)
def _(scene):
    def path(name):
        return frame(HEADERS, END_HEADERS, 1, call_headers("").replace(string(path_of("")), string(name)))
    other = frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)) * 5000
    piece, begun = frame(DATA, 0, 1, b"x" * 24), frame(DATA, 0, 1, message(length=900_000))
    whole, first = frame(DATA, 0, 1, message(b"x" * 24)), frame(DATA, 0, 1, message())
    question = frame(DATA, 0, 1, message(LIST_SERVICES))
    reflection = path("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
    for hello, begin, unit in ((HELLO, scene.headers(1) + begun, piece),
                               (HELLO, scene.headers(1), whole),
                               (HELLO, scene.stream_headers(1) + begun, piece),
                               (NO_WINDOW, scene.stream_headers(1), whole),
                               (HELLO, path("/grpc.health.v1.Health/Watch") + first, whole),
                               (HELLO, path("/grpc.health.v1.Health/Watch") + first + begun, piece),
                               (NO_WINDOW, reflection, question)):
        connections = acquainted(scene.server.address, 2, hello)
        with scene.witness:
            pour(connections, begin + (unit + other) * many(2000))
        for one in connections:
            one.close()


@attack("small messages with much between them, on many connections: all are read in turn")
def _(scene):
    unit = frame(DATA, 0, 1, message(b"x" * 24)) + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)) * 400
    connections = acquainted(scene.server.address, 40, NO_WINDOW)
    with scene.witness:
        cut_off = pour(connections, scene.stream_headers(1) + unit * many(3000))
    equal(cut_off, 0, "connections cut off")
    for one in connections:
        one.close()


@attack("thousands of streams whose messages nobody takes")
def _(scene):
    scene.half_open(lambda i: scene.stream_headers(i), hello=NO_WINDOW, count=many(20))
    scene.all_streams_are_free()


@attack("calls whose requests never come, from many addresses: no more than fit", bound=192 * MIB)
def _(scene):
    calls = b"".join(scene.headers(i) for i in streams_until(100))
    connections = [Raw(scene.server.address, HELLO + frame(SETTINGS, ACK), f"127.0.1.{i % 4}") for i in range(120)]
    with scene.witness:
        serve(connections, lambda: all(one.tail for one in connections), "the server's settings")
        cut_off = pour(connections, calls)
        serve(connections, lambda: any(one.hung_up for one in connections), "some are cut off")
        scene.witness.sees(5)
    diag(f"{cut_off} of {len(connections)} were cut off at once")
    for one in connections:
        one.close()


class Patient:
    """Shows signs of life on connections where nothing else happens, from the start of this suite to its end."""

    def __init__(self):
        self.server = Server("--log-level", "warn", config=LIMITS).__enter__()
        self.victim = Victim(self.server)
        mallory = register(self.server, "mallory")
        room = [("x-room-id", mallory.CreateRoom(name="hall").room.id)]
        self.late, self.silent = acquainted(self.server.address, 2)
        self.late.say(frame(HEADERS, END_HEADERS, 1, call_headers("GetProfile", mallory.access_token)))
        self.silent.say(frame(HEADERS, END_HEADERS, 1, call_headers("MessageStream", mallory.access_token, room)))
        mallory.close()
        self.started = time.monotonic()
        self.thread = threading.Thread(target=self._wait, daemon=True)
        self.thread.start()

    def _wait(self):
        while time.monotonic() < self.started + 90 and not self.late.hung_up:
            pour([self.late, self.silent], frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)))
            time.sleep(0.5)
        self.took = time.monotonic() - self.started


# ---- bombs -------------------------------------------------------------------------------------------------------


def zipped(size, how):
    """So many zeros; the checksum at the end is of fewer."""
    packer = zlib.compressobj(9, zlib.DEFLATED, how)
    first = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + again * (size // MIB - 1) + packer.flush()


@attack("a GiB of zeros in less than a MiB is not unpacked", bound=16 * MIB)
def _(scene):
    for encoding, how in (("gzip", 31), ("deflate", 15), ("gzip", 15), ("identity", 31), ("br", 31), (None, 31)):
        bomb = zipped(900 * MIB, how)
        assert len(bomb) < MIB, len(bomb)
        more = [("grpc-encoding", encoding)] if encoding else []
        for method in ("CreateRoom", "MessageStream"):
            ends = scene.obedient(1, message(bomb, flag=1), method, more=more + scene.room)
            assert ends != [""] or method == "MessageStream", f"{encoding}: the bomb was taken"


@attack("messages announced as 4 GiB and sent: who sends them is cut off, nobody else", bound=256 * MIB)
def _(scene):
    piece = message(bytes(64 * MIB), length=2**32 - 1)
    ends = scene.obedient(many(20), piece, "GetProfile", last=False)
    ends += scene.obedient(2, piece, "MessageStream", last=False)
    assert all(ends), ends


# ---- what is no attack -------------------------------------------------------------------------------------------


def certificate():
    cert, key = temp_path("cert.pem"), temp_path("key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", "/CN=server", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", cert],
                   check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=DEADLINE)
    return cert, key


def refused_bodies(channel):
    """Large bodies of calls that are answered before they are read, beside a call that goes on."""
    watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"")
    next(watch)
    for method in ("Nope", "CreateRoom"):
        for _ in range(many(200)):
            try:
                channel.unary_unary(path_of(method))(b"x" * 900_000, timeout=DEADLINE)
            except grpc.RpcError as error:
                assert error.code() in (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNAUTHENTICATED), error
    assert not watch.done()
    watch.cancel()


@test("large bodies of calls that are refused cut nobody off, with and without TLS")
def _():
    cert, key = certificate()
    with Server("--log-level", "error", config=LIMITS) as server:
        with grpc.insecure_channel(server.address, CHANNEL_OPTIONS) as channel:
            refused_bodies(channel)
    with Server("--log-level", "error", "--tls-cert", cert, "--tls-key", key, config=LIMITS) as server:
        with open(cert, "rb") as file:
            credentials = grpc.ssl_channel_credentials(file.read())
        with grpc.secure_channel(server.address, credentials, CHANNEL_OPTIONS) as channel:
            refused_bodies(channel)


# ---- TLS ---------------------------------------------------------------------------------------------------------


class Secret:
    """A connection through TLS."""

    def __init__(self, address):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=DEADLINE)
        self.inbox, self.outbox = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.ssl = context.wrap_bio(self.inbox, self.outbox)
        self._when_something_comes(self.ssl.do_handshake)

    def _when_something_comes(self, function):
        while True:
            try:
                return function()
            except ssl.SSLWantReadError:
                self.flush()
                data = self.socket.recv(1 << 16)
                self.inbox.write(data) if data else self.inbox.write_eof()

    def flush(self):
        self.socket.sendall(self.outbox.read())

    def read(self):
        return self._when_something_comes(lambda: self.ssl.read(1 << 16))

    def is_hung_up_on(self, data):
        """Sends this, together with what the handshake has left to be sent, and waits: less long than until the server
        hangs up on one who does not answer its PINGs."""
        self.socket.settimeout(20)
        try:
            self.ssl.write(data)
            self.flush()
            while self.read():
                pass
        except TimeoutError:
            return False
        except OSError:
            pass
        finally:
            self.socket.close()
        return True


def is_cut_off(address, data):
    """Sends this through TLS, once the server's settings have come; whether the server hangs up then."""
    secret = Secret(address)
    secret.ssl.write(HELLO)
    secret.read()
    return secret.is_hung_up_on(data)


@test("behind TLS the same are cut off")
def _():
    cert, key = certificate()
    with Server("--log-level", "error", "--tls-cert", cert, "--tls-key", key, config=LIMITS) as server:
        with open(cert, "rb") as file:
            person = register(server, "somebody", credentials=grpc.ssl_channel_credentials(file.read()))
        victim = Victim(server)
        acknowledged = frame(SETTINGS, ACK)
        calls = b"".join(frame(HEADERS, END_HEADERS, i, call_headers("GetProfile")) for i in streams_until(many(2500)))
        taken_back = b"".join(frame(HEADERS, END_HEADERS, i, call_headers("GetProfile")) +
                              frame(RST_STREAM, 0, i, CANCEL) for i in streams_until(many(5000)))
        with victim.watched("attacks behind TLS"):
            assert is_cut_off(server.address, acknowledged + endless(call_headers("GetProfile"), b"", 10_000))
            assert is_cut_off(server.address, acknowledged + taken_back)
            assert is_cut_off(server.address, calls)
            assert is_cut_off(server.address, frame(HEADERS, END_HEADERS, 2**31 - 2) + calls)
            equal(person.GetProfile().user.username, "somebody")


@test("behind TLS settings cannot be acknowledged before they are sent")
def _():
    cert, key = certificate()
    with Server("--log-level", "warn", "--tls-cert", cert, "--tls-key", key, config=LIMITS) as server:
        calls = b"".join(frame(HEADERS, END_HEADERS, i, call_headers("GetProfile")) for i in streams_until(many(2500)))
        with Victim(server).watched("an early acknowledgement"):
            assert Secret(server.address).is_hung_up_on(HELLO + frame(SETTINGS, ACK) + calls)
            assert Secret(server.address).is_hung_up_on(HELLO + frame(SETTINGS, ACK))
        eventually(lambda: "settings that were not sent" in server.stderr(), "the server says why")


@test("a call whose request does not come is cut off after a minute, and a silent stream is not")
def _():
    patient.thread.join(100)
    assert patient.late.hung_up and not patient.silent.hung_up
    assert patient.took >= 60, patient.took
    eventually(lambda: "waits for the request" in patient.server.stderr(), "the server says why")
    patient.silent.close()
    patient.victim.is_left_alone()
    patient.server.__exit__(None, None, None)


@test("the peaks of memory, once more")
def _():
    tell_peaks()


patient = Patient()
run()

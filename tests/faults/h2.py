# SPDX-License-Identifier: MIT
"""As much HTTP/2 and gRPC as it takes to be many clients in one thread, or one that misbehaves.

A Loop has Connections, a Connection has Calls. What comes is handed to on_message(call, bytes) and on_end(call, text); a
call that ends well has text "". A connection may stop reading, and close in ways that no gRPC library offers.
"""
import re
import selectors
import socket
import struct
import time

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, PADDED, PRIORITY = 1, 4, 8, 32
ACK = 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
TABLE_MAX = 4000  # bytes of headers that both sides remember
WINDOW_MAX = 2**31 - 1


def frame(kind, flags, stream_id, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream_id) + payload


def grpc_message(payload):
    return struct.pack(">BI", 0, len(payload)) + payload


def number(value, bits, first):
    """An integer as HPACK writes it."""
    limit = (1 << bits) - 1
    if value < limit:
        return bytes((first | value,))
    out, value = [first | limit], value - limit
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + [value])


def text(value):
    value = value.encode()
    return number(len(value), 7, 0) + value


class HeaderTable:
    """What the server remembers of the headers we have sent: the newest has number 62."""

    def __init__(self):
        self.added = {}
        self.size = 0

    def encode(self, headers):
        out = []
        for name, value in headers:
            if (name, value) in self.added:
                out.append(number(62 + len(self.added) - 1 - self.added[name, value], 7, 0x80))
                continue
            self.size += 32 + len(name) + len(value)
            known = self.size <= TABLE_MAX
            if known:
                self.added[name, value] = len(self.added)
            out.append((b"\x40" if known else b"\x00") + text(name) + text(value))
        return b"".join(out)


class Call:
    def __init__(self, connection, stream_id, window):
        self.connection = connection
        self.id = stream_id
        self.window = window
        self.outbox = bytearray()
        self.closing = False  # half-closes when the outbox is empty
        self.closed = False  # half-closed
        self.inbox = bytearray()
        self.taken = 0  # bytes since the last WINDOW_UPDATE
        self.messages = 0
        self.ended = None  # "" or what the trailers say
        self.tag = None  # the user's
        self.on_message = None  # (call, bytes)
        self.on_end = None  # (call, text)

    def send(self, message, last=False):
        self.outbox += grpc_message(message.SerializeToString())
        self.closing = self.closing or last
        self.connection.pump(self)

    def half_close(self):
        self.closing = True
        self.connection.pump(self)

    def reset(self):
        self.connection.write(frame(RST_STREAM, 0, self.id, struct.pack(">I", 8)))
        self.connection.calls.pop(self.id, None)


class Connection:
    def __init__(self, loop, address, window=WINDOW_MAX, receive_buffer=None):
        """@window           what a stream may be sent before it is read
        @receive_buffer   of the socket, in bytes; None = the system's default"""
        self.loop = loop
        self.host = address
        self.table = HeaderTable()
        self.calls = {}
        self.waiting = {}  # calls whose outbox waits for a window
        self.next_id = 1
        self.window = self.initial_window = 65535  # for what we send
        self.own_window = window
        self.out, self.in_ = bytearray(), bytearray()
        self.block = bytearray()  # of a header block that goes on
        self.taken = 0
        self.reading = True
        self.over = None  # why it has ended
        host, _, port = address.rpartition(":")
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect((host, int(port)))
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.events = selectors.EVENT_READ
        loop.selector.register(self.socket, self.events, self)
        loop.connections.add(self)
        settings = struct.pack(">HIHI", 2, 0, 4, window)
        self.write(PREFACE + frame(SETTINGS, 0, 0, settings))
        if window > 65535:
            self.write(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", WINDOW_MAX - 65535)))

    # ---- calls ----

    def call(self, method, message=None, token="", metadata=(), last=True, service="synctv.client.ClientService"):
        """Without `last` it is a stream that goes on."""
        headers = [(":method", "POST"), (":scheme", "http"), (":path", f"/{service}/{method}"),
                   (":authority", self.host), ("content-type", "application/grpc"), ("te", "trailers")]
        if token:
            headers.append(("authorization", "Bearer " + token))
        call = Call(self, self.next_id, self.initial_window)
        self.next_id += 2
        self.calls[call.id] = call
        self.write(frame(HEADERS, END_HEADERS, call.id, self.table.encode(headers + list(metadata))))
        if message is not None:
            call.send(message, last)
        return call

    def pump(self, call):
        """Writes what the windows allow."""
        while call.outbox and call.window > 0 and self.window > 0:
            size = min(len(call.outbox), call.window, self.window, 16384)
            call.closed = call.closing and size == len(call.outbox)
            self.write(frame(DATA, END_STREAM if call.closed else 0, call.id, bytes(call.outbox[:size])))
            del call.outbox[:size]
            call.window -= size
            self.window -= size
        if call.outbox:
            self.waiting[call.id] = call
            return
        self.waiting.pop(call.id, None)
        if call.closing and not call.closed:
            call.closed = True
            self.write(frame(DATA, END_STREAM, call.id))

    # ---- the socket ----

    def write(self, data):
        if self.over is None:
            self.out += data
            self.flush()

    def flush(self):
        try:
            while self.out:
                del self.out[:self.socket.send(self.out)]
        except BlockingIOError:
            pass
        except OSError as error:
            self.end(str(error))
            return
        self.watch()

    def watch(self):
        wanted = (selectors.EVENT_READ if self.reading else 0) | (selectors.EVENT_WRITE if self.out else 0)
        if wanted == self.events or self.over is not None:
            return
        if self.events == 0:
            self.loop.selector.register(self.socket, wanted, self)
        elif wanted == 0:
            self.loop.selector.unregister(self.socket)
        else:
            self.loop.selector.modify(self.socket, wanted, self)
        self.events = wanted

    def stop_reading(self):
        self.reading = False
        self.watch()

    def go_on_reading(self):
        self.reading = True
        self.watch()

    def close(self):
        self.end("closed here")

    def end(self, why):
        if self.over is not None:
            return
        self.over = why
        if self.events:
            self.loop.selector.unregister(self.socket)
        self.loop.connections.discard(self)
        self.socket.close()
        for call in list(self.calls.values()):
            self.end_call(call, "connection: " + why)

    def read(self):
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError as error:
            self.end(str(error))
            return
        if not data:
            self.end("EOF")
            return
        self.in_ += data
        at = 0
        while self.over is None and len(self.in_) >= at + 9:
            size = int.from_bytes(self.in_[at:at + 3], "big")
            if len(self.in_) < at + 9 + size:
                break
            kind, flags = self.in_[at + 3], self.in_[at + 4]
            stream_id = int.from_bytes(self.in_[at + 5:at + 9], "big")
            self.take(kind, flags, stream_id, bytes(self.in_[at + 9:at + 9 + size]))
            at += 9 + size
        del self.in_[:at]

    # ---- frames ----

    def take(self, kind, flags, stream_id, payload):
        call = self.calls.get(stream_id)
        if kind == DATA:
            self.take_data(call, flags, payload)
        elif kind in (HEADERS, CONTINUATION):
            self.take_headers(call, kind, flags, payload)
        elif kind == RST_STREAM and call:
            self.end_call(call, f"reset {int.from_bytes(payload, 'big')}")
        elif kind == SETTINGS and not flags & ACK:
            self.take_settings(payload)
        elif kind == PING and not flags & ACK:
            self.write(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE:
            self.take_window(call, stream_id, int.from_bytes(payload, "big"))

    def take_data(self, call, flags, payload):
        size = len(payload)
        if flags & PADDED:
            payload = payload[1:len(payload) - payload[0]]
        self.taken += size
        if self.taken > 1 << 20 or self.own_window <= 65535:
            self.write(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", self.taken)))
            self.taken = 0
        if call is None:
            return
        call.taken += size
        if call.taken > self.own_window // 2:
            self.write(frame(WINDOW_UPDATE, 0, call.id, struct.pack(">I", call.taken)))
            call.taken = 0
        call.inbox += payload
        at = 0
        while len(call.inbox) >= at + 5:
            size = int.from_bytes(call.inbox[at + 1:at + 5], "big")
            if len(call.inbox) < at + 5 + size:
                break
            call.messages += 1
            if call.on_message:
                call.on_message(call, bytes(call.inbox[at + 5:at + 5 + size]))
            at += 5 + size
        del call.inbox[:at]
        if flags & END_STREAM:
            self.end_call(call, "no trailers")

    def take_headers(self, call, kind, flags, payload):
        if kind == HEADERS:
            at = 1 if flags & PADDED else 0
            end = len(payload) - (payload[0] if flags & PADDED else 0)
            self.block = bytearray(payload[at + (5 if flags & PRIORITY else 0):end])
            self.trailers = bool(flags & END_STREAM)
        else:
            self.block += payload
        if flags & END_HEADERS and self.trailers and call:
            # gRPC's core writes texts as they are. What fails has grpc-message or a status of its own.
            words = b" ".join(re.findall(rb"[ -~]{4,}", bytes(self.block))).decode()
            self.end_call(call, words if "grpc-message" in words or call.messages == 0 else "")

    def take_settings(self, payload):
        for key, value in struct.iter_unpack(">HI", payload):
            if key == 4:
                for call in self.calls.values():
                    call.window += value - self.initial_window
                self.initial_window = value
        self.write(frame(SETTINGS, ACK, 0))
        self.pump_all()

    def take_window(self, call, stream_id, increment):
        if stream_id == 0:
            self.window += increment
        elif call:
            call.window += increment
        self.pump_all()

    def pump_all(self):
        for call in list(self.waiting.values()):
            self.pump(call)

    def end_call(self, call, why):
        if call.ended is not None:
            return
        call.ended = why
        self.calls.pop(call.id, None)
        self.waiting.pop(call.id, None)
        if call.on_end:
            call.on_end(call, why)


class Loop:
    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.connections = set()

    def run_until(self, done, what, timeout=30):
        """Serves the connections until done() is true."""
        until = time.monotonic() + timeout
        while not done():
            left = until - time.monotonic()
            assert left > 0, f"not in {timeout} s: {what() if callable(what) else what}"
            self.turn(min(left, 0.1))

    def turn(self, timeout):
        for key, mask in self.selector.select(timeout):
            connection = key.data
            if mask & selectors.EVENT_WRITE:
                connection.flush()
            if mask & selectors.EVENT_READ and connection.over is None:
                connection.read()

    def ask(self, call, timeout=30):
        """Waits for the one answer to a call: (bytes or None, why it failed)."""
        got = []
        call.on_message = lambda _, message: got.append(message)
        self.run_until(lambda: call.ended is not None, "an answer", timeout)
        return (got[0] if got else None), call.ended

    def close(self):
        for connection in list(self.connections):
            connection.close()
        self.selector.close()

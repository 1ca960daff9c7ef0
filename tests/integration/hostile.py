#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clients that mean no good: after each of them the server is there and serves others."""
import base64
import hashlib
import hmac
import json
import os
import random
import socket
import time

import grpc

from harness import DEADLINE, NO_LIMITS, PASSWORD, Server, equal, eventually, run, test, write_file
from client import Failure, chat, check_failure, fails, models, movie, pb, register
from hostile_rig import PREFACE, Victim, frame, tell_peaks, varint

SECRET = b"0123456789abcdef0123456789abcdef"
SERVICE = "/synctv.client.ClientService/"
CHANCE = random.Random(4711)

server = Server("--jwt-secret-file", write_file("secret", SECRET.decode()), config=NO_LIMITS)
HOST, PORT = server.address.rsplit(":", 1)
alice = register(server, "alice")
room = alice.CreateRoom(name="room").room
victim = Victim(server)


def still_serves():
    assert server.process.poll() is None, "the server is gone: " + server.stderr()
    equal(alice.GetProfile().user.id, alice.id)


def connect():
    return socket.create_connection((HOST, int(PORT)), timeout=DEADLINE)


# ---- bytes on the port ----

def talk(data):
    """Sends this and reads until the other side has enough, which it need not have."""
    with connect() as connection:
        connection.settimeout(0.3)
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except OSError:
            pass


@victim.attack("garbage, HTTP/1.1, TLS and broken HTTP/2 on the port do no harm")
def _():
    settings = frame(4)
    for data in (b"", b"\0", b"\n" * 100, os.urandom(65536), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(500), PREFACE, PREFACE + os.urandom(4096),
                 PREFACE + settings + frame(0, 1, 1, b"data on no stream"),
                 PREFACE + settings + frame(1, 4, 1, b"\xff" * 50),
                 PREFACE + settings + frame(1, 4, 0, b"\x82"), PREFACE + settings + frame(8, 0, 0, b"\0\0\0\0"),
                 PREFACE + settings + frame(4, 0, 0, b"\0" * 5), PREFACE + settings + frame(0, 0, 1, b"", 0xffffff),
                 PREFACE + settings + frame(3, 0, 99, b"\0\0\0\0") * 1000, PREFACE + settings * 2000,
                 PREFACE + settings + frame(6, 0, 0, b"ping....") * 2000, PREFACE + settings + frame(9, 4, 1, b"\x82"),
                 PREFACE + settings + frame(99, 255, 1, b"unknown")):
        talk(data)
        still_serves()
    eventually(lambda: "no HTTP/2" in server.stderr(), "the server says why")
    for _ in range(100):
        talk(PREFACE + settings + b"".join(
            frame(CHANCE.randrange(12), CHANCE.randrange(256), CHANCE.randrange(4),
                  CHANCE.randbytes(CHANCE.randrange(40)))
            for _ in range(20)))
    still_serves()


@victim.attack("more connections than an address may have are turned away, and those that were there go on")
def _():
    connections = []
    try:
        for _ in range(300):
            connections.append(connect())
        still_serves()
    finally:
        for connection in connections:
            connection.close()
    eventually(can_connect_anew, "a new connection after the flood")


def can_connect_anew():
    try:
        person = register_again()
    except grpc.RpcError:
        return False
    person.close()
    return True


def register_again():
    register_again.count += 1
    return register(server, f"visitor {register_again.count}")


register_again.count = 0


# ---- bytes in messages ----


def raw(method, data, **kwargs):
    call = alice.channel.unary_unary(SERVICE + method)
    return call(data, metadata=alice.metadata, timeout=DEADLINE, **kwargs)


def field(number, value):
    """A field of bytes, or a varint."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


@victim.attack("malformed protobuf is INVALID_ARGUMENT")
def _():
    for data in (b"\xff", b"\xff" * 100, b"\x0a\x05abc", b"\x0a\xff\xff\xff\xff\x0f", b"\x0b", b"\x07", b"\x00\x00",
                 b"\x0a" + b"\xff" * 9 + b"\x01", b"\x08" + b"\xff" * 11):
        fails("INVALID_ARGUMENT", "INVALID_ARGUMENT", raw, "CreateRoom", data, field=ANY)
    still_serves()


class Any:
    """Equal to everything: which field of broken bytes is named does not matter."""

    def __eq__(self, other):
        return True


ANY = Any()


@victim.attack("strings that are no UTF-8 or have a NUL in them are INVALID_ARGUMENT")
def _():
    for text in (b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"a\0b"):
        fails("INVALID_ARGUMENT", "INVALID_ARGUMENT", raw, "CreateRoom", field(1, text), field=ANY)
        fails("INVALID_ARGUMENT", "INVALID_ARGUMENT", raw, "AddMovie", field(1, room.id.encode()) + field(
            2, field(3, b"name") + field(4, b"https://example.org/") + field(10, field(1, b"X") + field(2, text))),
              field=ANY)
    still_serves()


@victim.attack("an enum nobody knows is INVALID_ARGUMENT")
def _():
    for number in (99, (1 << 64) - 1, 1 << 31):
        fails("INVALID_ARGUMENT", "INVALID_ARGUMENT", raw, "AddMovie", field(1, room.id.encode()) + field(
            2, field(3, b"name") + field(4, b"https://example.org/") + field(5, number)), field=ANY)
        fails("INVALID_ARGUMENT", "INVALID_ARGUMENT", raw, "CreateRoom", field(1, b"name") + field(
            4, field(8, number)), field=ANY)


@victim.attack("fields nobody knows are skipped, as protobuf wants it")
def _():
    data = field(1, b"from the future") + field(1000, b"what is this?") + field(2000, 7)
    answer = pb.CreateRoomResponse.FromString(raw("CreateRoom", data))
    equal(answer.room.name, "from the future")
    alice.DeleteRoom(room_id=answer.room.id)


@victim.attack("random changes of good requests never do harm")
def _():
    good = [("CreateRoom", pb.CreateRoomRequest(name="", settings=models.RoomSettings(max_members=3))),
            ("AddMovie", pb.AddMovieRequest(room_id="AAAAAAAAAAAA", movie=movie(
                headers={"a": "b"}, subtitles=[models.Subtitle(name="s", url="https://x", format="srt")]))),
            ("UpdateRoom", pb.UpdateRoomRequest(room_id="AAAAAAAAAAAA", room=models.Room(name="x"), fields=["name"])),
            ("ListRooms", pb.ListRoomsRequest(search="x", page_size=5, page_token="x"))]
    for _ in range(400):
        method, request = CHANCE.choice(good)
        data = bytearray(request.SerializeToString())
        for _ in range(CHANCE.randrange(1, 6)):
            where = CHANCE.randrange(len(data) + 1)
            if CHANCE.random() < 0.3:
                del data[where:where + CHANCE.randrange(8)]
            else:
                data[where:where + CHANCE.randrange(2)] = CHANCE.randbytes(CHANCE.randrange(1, 4))
        try:
            raw(method, bytes(data))
        except grpc.RpcError as error:
            failure = Failure(error)
            assert failure.code not in ("INTERNAL", "UNKNOWN", "UNAVAILABLE"), f"{failure} for {method} {bytes(data)}"
    still_serves()


@victim.attack("a message over 1 MiB is RESOURCE_EXHAUSTED, in a call and on a stream")
def _():
    try:
        raw("CreateRoom", field(1, b"x" * (1 << 20)))
        raise AssertionError("it went through")
    except grpc.RpcError as error:
        equal(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
    stream = alice.stream(room.id)
    stream.expect("room_state")
    stream.send(chat=chat("x" * (1 << 20)))
    end = stream.end()
    assert end.code in ("RESOURCE_EXHAUSTED", "CANCELLED"), end
    still_serves()


@victim.attack("messages made to grow in memory are refused")
def _():
    bomb = field(1, room.id.encode()) + field(2, b"\x5a\x00" * 400_000)  # empty subtitles
    fails("INVALID_ARGUMENT", "INVALID_ARGUMENT", raw, "AddMovie", bomb, field="movie.subtitles")
    nested = b""
    for _ in range(2000):
        nested = field(2, nested)
    try:
        raw("AddMovie", nested)
    except grpc.RpcError as error:
        equal(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
    still_serves()


@victim.attack("a compressed message is UNIMPLEMENTED and never inflated")
def _():
    for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
        try:
            raw("CreateRoom", field(1, b"x" * 500_000), compression=compression)
            raise AssertionError("it was inflated")
        except grpc.RpcError as error:
            equal(error.code(), grpc.StatusCode.UNIMPLEMENTED)
    still_serves()


@victim.attack("metadata over 8 KiB is refused, and so is a lot of it")
def _():
    refused = grpc.StatusCode.RESOURCE_EXHAUSTED
    cut_off = grpc.StatusCode.UNAVAILABLE  # with its connection, so that it has one of its own
    for metadata, codes in (([("x-much", "m" * 9000)], [refused]),
                            ([(f"x-many-{i}", "m" * 100) for i in range(200)], [refused, cut_off]),
                            ([("x-much", "m" * 1_000_000)], [refused, cut_off])):
        try:
            visitor = register_again()
            visitor.stub.GetProfile(pb.GetProfileRequest(), metadata=visitor.metadata + metadata, timeout=DEADLINE)
            raise AssertionError("it went through")
        except grpc.RpcError as error:
            assert error.code() in codes, f"{len(metadata)} pieces: {error}"
    still_serves()


@victim.attack("bad bytes on a stream get an answer, and too many of them end that stream alone")
def _():
    good = alice.stream(room.id)
    good.expect("room_state")
    method = alice.channel.stream_stream(SERVICE + "MessageStream", response_deserializer=pb.ServerMessage.FromString)
    messages = [b"\xff", b"\x0a\x02\xff\xfe" + field(11, field(2, b"hello")), field(13, field(2, 99)),
                field(11, field(2, b"a\0b"))]
    answers = method(iter(messages), metadata=alice.metadata + [("x-room-id", room.id)], timeout=DEADLINE)
    codes = [answer.error.code for answer in answers if answer.HasField("error")]
    equal(codes, ["INVALID_ARGUMENT"] * len(messages))
    flood = method(iter([b"\xff"] * 500), metadata=alice.metadata + [("x-room-id", room.id)], timeout=DEADLINE)
    try:
        for _ in flood:
            pass
        raise AssertionError("it ended well")
    except grpc.RpcError as error:
        check_failure(Failure(error), "RESOURCE_EXHAUSTED", "RATE_LIMITED")
    good.send(chat=chat("still here"))
    good.expect("chat", content="still here")
    good.close()


# ---- tokens ----


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sign(claims, key=SECRET, algorithm="HS256", header=None):
    header = header or {"alg": algorithm, "typ": "JWT"}
    body = encode(json.dumps(header).encode()) + "." + encode(json.dumps(claims).encode())
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(algorithm)
    return body + "." + (encode(hmac.new(key, body.encode(), digest).digest()) if digest else "")


def claims(**changes):
    own = json.loads(decode(alice.access_token.split(".")[1]))
    own.update(changes)
    return {key: value for key, value in own.items() if value is not None}


def profile_with(token):
    return alice.GetProfile(_metadata=[("authorization", "Bearer " + token)])


@victim.attack("a token that is signed as ours is taken, so the refusals below mean something")
def _():
    equal(profile_with(sign(claims(jti="A" * 21))).user.id, alice.id)


@victim.attack("forged tokens, and all algorithms but HS256, are TOKEN_INVALID")
def _():
    header, payload, signature = alice.access_token.split(".")
    for token in (sign(claims(), algorithm="none"), sign(claims(), algorithm="none", header={"alg": "None"}),
                  sign(claims(), algorithm="none", header={"typ": "JWT"}), sign(claims(), key=b"x" * 32),
                  sign(claims(), key=b""), sign(claims(), algorithm="HS384"), sign(claims(), algorithm="HS512"),
                  sign(claims(), header={"alg": "RS256", "typ": "JWT"}), header + "." + payload + ".",
                  header + "." + encode(json.dumps(claims(sub="AAAAAAAAAAAA")).encode()) + "." + signature,
                  encode(b'{"alg":"none","typ":"JWT"}') + "." + payload + "." + signature,
                  "." * 2, "..." , header, alice.refresh_token, "A" * 5000):
        fails("UNAUTHENTICATED", "TOKEN_INVALID", profile_with, token)
    still_serves()


@victim.attack("tokens of ours that say the wrong thing are refused")
def _():
    now = int(time.time())
    for changes in ({"aud": "synctv-cluster"}, {"aud": None}, {"iss": "somebody"}, {"iss": None}, {"sub": None},
                    {"sid": None}, {"exp": None}, {"exp": str(now + 60)}, {"exp": 1e300}, {"exp": -1},
                    {"iat": now + 100_000}, {"sub": "x"}, {"sub": 7}, {"sid": "../../etc"}, {"aud": ["synctv-client"]}):
        failure = refusal(sign(claims(**changes)))
        assert failure.reason in ("TOKEN_INVALID", "TOKEN_EXPIRED"), f"{changes}: {failure}"
    fails("UNAUTHENTICATED", "TOKEN_EXPIRED", profile_with, sign(claims(exp=now - 10, iat=now - 100)))
    fails("UNAUTHENTICATED", "SESSION_ENDED", profile_with, sign(claims(sid="A" * 12)))
    bob = register(server, "bob")
    fails("UNAUTHENTICATED", "SESSION_ENDED", profile_with, sign(claims(sub=bob.id)))
    still_serves()


def refusal(token):
    try:
        answer = profile_with(token)
    except grpc.RpcError as error:
        return Failure(error)
    raise AssertionError(f"the token was taken: {answer}")


@victim.attack("SQL, path and format characters are text like any other")
def _():
    for text in ("'; DROP TABLE users; --", "%s%s%n%x", "../../../etc/passwd", "\" OR 1=1", "a*b NEAR c", "x" * 64):
        made = alice.CreateRoom(name=text).room
        equal(made.name, text)
        equal([r.id for r in alice.ListRooms(search=text).rooms], [made.id])
        stream = alice.stream(made.id)
        stream.send(chat=chat(text))
        equal(stream.expect("chat").content, text)
        stream.close()
        alice.DeleteRoom(room_id=made.id)


@test("after all that the server ends well")
def _():
    tell_peaks()
    register(server, "the last one").Login(username="alice", password=PASSWORD)
    server.stop()


run()

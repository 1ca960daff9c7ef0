#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bad text in every string of every request: what the descriptor knows is what is tried, so nothing can be forgotten.

Bytes that are no text are INVALID_ARGUMENT wherever they stand. Text that makes no sense gets a clean answer: a status
with a reason, or what was asked for; nothing of the inside, and nothing of it in the log.
"""
import grpc
from google.protobuf.descriptor import FieldDescriptor

from harness import DEADLINE, NO_LIMITS, PASSWORD, Server, diag, equal, run, run_program, temp_path, test
from client import SERVICE, Failure, fails, login, movie, pb
from hostile_rig import (DATA, END_HEADERS, END_STREAM, HEADERS, MIB, PING, Raw, Victim, call_headers, frame, header,
                         path_of, pour, serve, tell_peaks, varint)

NO_TEXT = {
    "not UTF-8": b"\xff\xfe",
    "a lonely byte that goes on": b"a\x80",
    "a cut character": b"\xe2\x82",
    "an overlong slash": b"\xc0\xaf",
    "an overlong NUL": b"\xc0\x80",
    "an overlong letter in three bytes": b"\xe0\x80\xaf",
    "half of a pair": b"\xed\xa0\x80",
    "beyond Unicode": b"\xf4\x90\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "NUL": b"a\0b",
}
ODD_TEXT = {
    "empty": "",
    "control characters": "\x01\x1b[2J\r\n\x7f",
    "C1 controls": "\x85\x9b",
    "direction and joiners": "\u202e\u200b\u200d\ufeff",
    "no character": "\ufffe\uffff\U0010ffff",
    "formats, paths and SQL": "%s%n/../../etc/passwd'; DROP TABLE users; --",
    "11 of an id": "A" * 11,
    "13 of an id": "A" * 13,
    "an id with a slash": "AAAAAAAAAAA/",
    "an id with a letter of another alphabet": "AAAAAAAAAAA\u0410",
    "an id of nothing": "AAAAAAAAAAAA",
    "as long as fits": "x" * (MIB - 400),
    "many marks on one letter": "e" + "\u0301\u0316" * 5000,
}
UNCLEAN = ("INTERNAL", "UNKNOWN", "UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED", "DATA_LOSS")

database = "sqlite:" + temp_path("synctv.db")
run_program("user", "add", "root-of-it-all", "--role", "root", "--create", "--db", database, stdin=PASSWORD)
server = Server(db=database, config=NO_LIMITS)
root = login(server, "root-of-it-all")  # who may do everything, so that everything is looked at
room = root.CreateRoom(name="room").room
film = root.AddMovie(room_id=room.id, movie=movie()).movie
victim = Victim(server)

# What the fields that are not tried say, by name.
FILLERS = {"room_id": room.id, "movie_id": film.id, "user_id": "AAAAAAAAAAAA", "message_id": "AAAAAAAAAAAA",
           "name": "name", "url": "https://example.org/", "username": "somebody", "password": PASSWORD,
           "new_password": PASSWORD, "fields": "name", "format": "srt", "content": "content", "color": "#ffffff"}


def string_fields(descriptor, way=()):
    """The ways to all strings of a message: tuples of fields, the last one being the string."""
    for field in descriptor.fields:
        if field.type == FieldDescriptor.TYPE_STRING:
            yield way + (field,)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            yield from string_fields(field.message_type, way + (field,))


def of_bytes(field, value):
    return varint(field.number << 3 | 2) + varint(len(value)) + value


def pack(descriptor, way, value):
    """A message with this value at the end of the way, and fillers beside the way."""
    out = b""
    for field in descriptor.fields:
        if way and field is way[0]:
            out += of_bytes(field, value if len(way) == 1 else pack(field.message_type, way[1:], value))
        elif field.type == FieldDescriptor.TYPE_STRING and field.name in FILLERS and not field.containing_oneof:
            out += of_bytes(field, FILLERS[field.name].encode())
    return out


def name_of(way):
    return ".".join(field.name for field in way)


def unary_methods():
    return [method for method in SERVICE.methods if not method.client_streaming]


def ask(method, data):
    call = root.channel.unary_unary(path_of(method.name))
    return call(data, metadata=root.metadata, timeout=DEADLINE)


@victim.attack("bytes that are no text are INVALID_ARGUMENT in every string of every method")
def _():
    tried = 0
    for method in unary_methods():
        for way in string_fields(method.input_type):
            for what, value in NO_TEXT.items():
                try:
                    fails("INVALID_ARGUMENT", "INVALID_ARGUMENT", ask, method, pack(method.input_type, way, value),
                          field=".".join(field.name for field in way))
                except AssertionError as error:
                    raise AssertionError(f"{method.name}.{name_of(way)}, {what}: {error}") from None
                tried += 1
    assert tried > 800, tried
    equal(root.GetProfile().user.username, "root-of-it-all")


def check_clean(what, error):
    failure = Failure(error)
    assert failure.code not in UNCLEAN, f"{what}: {failure}"
    assert failure.reason and failure.domain == "synctv" and failure.text, f"{what}: {failure}"


@victim.attack("text that makes no sense gets a clean answer in every string of every method")
def _():
    refused = taken = 0
    for method in unary_methods():
        for way in string_fields(method.input_type):
            for what, value in ODD_TEXT.items():
                try:
                    ask(method, pack(method.input_type, way, value.encode()))
                    taken += 1
                except grpc.RpcError as error:
                    check_clean(f"{method.name}.{name_of(way)}, {what}", error)
                    refused += 1
        if method.name == "Logout":  # without a refresh token it is the caller's session that ends
            root.take(root.Login(username=root.name, password=PASSWORD))
    assert refused > 600, (refused, taken)
    diag(f"{refused} refused, {taken} taken")
    equal(root.GetMovieList(room_id=room.id).movies[0].name, "A movie")


@victim.attack("a string that alone is more than a message may be is refused by every method")
def _():
    for method in unary_methods():
        ways = list(string_fields(method.input_type))
        for way in ways[:1]:
            try:
                ask(method, pack(method.input_type, way, b"x" * MIB))
                raise AssertionError(f"{method.name} took it")
            except grpc.RpcError as error:
                equal(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED, method.name)


# ---- streams -----------------------------------------------------------------------------------------------------


def answers_on_a_stream(messages):
    """What comes of these: a stream of ErrorMessages, one for each that is refused."""
    method = root.channel.stream_stream(path_of("MessageStream"), response_deserializer=pb.ServerMessage.FromString)
    stream = method(iter(messages), metadata=root.metadata + [("x-room-id", room.id)], timeout=DEADLINE)
    return [answer.error for answer in stream if answer.HasField("error")]


def in_portions(items, size=16):  # as much nonsense as a stream may send at once
    return [items[i:i + size] for i in range(0, len(items), size)]


@victim.attack("on a stream bytes that are no text are INVALID_ARGUMENT in every string")
def _():
    descriptor = pb.ClientMessage.DESCRIPTOR
    tries = [(way, what, value) for way in string_fields(descriptor) for what, value in NO_TEXT.items()]
    assert len(tries) > 80, len(tries)
    for portion in in_portions(tries):
        errors = answers_on_a_stream([pack(descriptor, way, value) for way, _, value in portion])
        equal([error.code for error in errors], ["INVALID_ARGUMENT"] * len(portion),
              [f"{name_of(way)}, {what}" for way, what, _ in portion])


@victim.attack("on a stream text that makes no sense gets a clean answer in every string")
def _():
    descriptor = pb.ClientMessage.DESCRIPTOR
    for way in string_fields(descriptor):
        for portion in in_portions(list(ODD_TEXT.values()), 4):
            for error in answers_on_a_stream([pack(descriptor, way, value.encode()) for value in portion]):
                assert error.code not in UNCLEAN and error.code and error.message, f"{name_of(way)}: {error}"


# ---- metadata ----------------------------------------------------------------------------------------------------


@victim.attack("bad bytes in metadata are refused, and hurt only who sends them")
def _():
    bearer = b"Bearer " + root.access_token.encode()
    for value in [*NO_TEXT.values(), b"", b" ", b"\r\nx: y", b"\x7f", b"A" * 7000, b"AAAAAAAAAAA/", "\u00e9".encode()]:
        for name, full in (("authorization", value), ("authorization", b"Bearer " + value), ("x-room-id", value),
                           ("x-room-password", value), ("x-room-password-bin", value), ("grpc-timeout", value),
                           ("grpc-encoding", value), ("content-type", value), ("te", value), (":authority", value),
                           (value, b"value")):
            block = call_headers("MessageStream") + header("x-room-id", room.id) + header("authorization", bearer)
            block += header(name, full)
            one = Raw(server.address)
            pour([one], frame(HEADERS, END_HEADERS, 1, block) + frame(DATA, END_STREAM, 1))
            one.say(frame(PING, 0, 0, b"the last"))
            serve([one], lambda: b"the last" in one.tail, f"{name} {full}")
            one.close()
    equal(root.GetProfile().user.id, root.id)


@test("nothing of all that is in the log, and the server ends well")
def _():
    tell_peaks()
    root.close()
    log = server.stderr()
    assert "error" not in log and len(log) < 20_000, log[:5000]
    server.stop()


run()

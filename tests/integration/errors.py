#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every error that a client of one node can meet, with its code, reason, domain and details; and the limits."""
import os
import re
import sqlite3

import grpc

from harness import NO_LIMITS, PASSWORD, PROTO_DIR, Server, equal, eventually, run, run_program, temp_path, test
from client import (Failure, Limit, anonymous, chat, check_failure, fails, login, models, movie, pb, provoked, register)

LIMITS = {**NO_LIMITS["limits"], "rooms_per_user": 8, "memberships_per_user": 10, "movies_per_room": 80,
          "streams_per_user": 3}
NOBODY = "AAAAAAAAAAAA"  # an id of nobody and nothing

db_path = temp_path("synctv.db")
server = Server(db="sqlite:" + db_path, config={"limits": LIMITS})
alice = register(server, "alice", "alice@example.org")
bob = register(server, "bob")
stranger = register(server, "stranger")
room = alice.CreateRoom(name="Movie night").room
bob.JoinRoom(room_id=room.id)
film = alice.AddMovie(room_id=room.id, movie=movie(duration=100)).movie


def bearer(value):
    return [("authorization", value)]


# ---- who are you ----


@test("without a token a call is TOKEN_MISSING, and so is a stream")
def _():
    fails("UNAUTHENTICATED", "TOKEN_MISSING", anonymous(server).GetProfile)
    anonymous(server).stream(room.id).ends_with("UNAUTHENTICATED", "TOKEN_MISSING")
    fails("UNAUTHENTICATED", "TOKEN_MISSING", anonymous(server).Logout)
    fails("UNAUTHENTICATED", "TOKEN_MISSING", anonymous(server).RefreshToken)


@test("a token that is none is TOKEN_INVALID")
def _():
    for value in ("Bearer nonsense", "Bearer a.b.c", "Basic YWxpY2U6eA==", "Bearer",
                  "Bearer " + alice.access_token[:-2], "Bearer " + alice.access_token + "x"):
        fails("UNAUTHENTICATED", "TOKEN_INVALID", alice.GetProfile, _metadata=bearer(value))


@test("an access token of the past is TOKEN_EXPIRED, and its stream goes on")
def _():
    with Server(config={"auth": {"access_ttl_s": 10}, **NO_LIMITS}) as short:
        person = register(short, "somebody")
        own = person.CreateRoom(name="room").room
        stream = person.stream(own.id)
        stream.expect("room_state")

        def has_expired():
            try:
                person.GetProfile()
            except grpc.RpcError as error:
                check_failure(Failure(error), "UNAUTHENTICATED", "TOKEN_EXPIRED")
                return True
            return False
        eventually(has_expired, "the token expires")
        stream.send(chat=chat("still here"))
        stream.expect("chat", content="still here")
        person.take(person.RefreshToken(refresh_token=person.refresh_token))
        person.GetProfile()


@test("a session that was ended is SESSION_ENDED, and its streams end with the same")
def _():
    visitor = login(server, "bob")
    stream = visitor.stream(room.id)
    stream.expect("room_state")
    visitor.Logout()
    stream.ends_with("UNAUTHENTICATED", "SESSION_ENDED")
    fails("UNAUTHENTICATED", "SESSION_ENDED", visitor.GetProfile)


@test("a refresh token is good once, and once more after a lost answer; an older one ends the session")
def _():
    person = login(server, "stranger")
    first = person.refresh_token
    person.take(person.RefreshToken(refresh_token=first))
    person.take(person.RefreshToken(refresh_token=first))
    person.GetProfile()
    person.take(person.RefreshToken(refresh_token=person.refresh_token))
    fails("UNAUTHENTICATED", "SESSION_ENDED", person.RefreshToken, refresh_token=first)
    fails("UNAUTHENTICATED", "SESSION_ENDED", person.GetProfile)
    fails("UNAUTHENTICATED", "SESSION_ENDED", person.RefreshToken, refresh_token="x" * 43)


@test("a wrong name and a wrong password are the same LOGIN_FAILED")
def _():
    nobody = anonymous(server)
    one = fails("UNAUTHENTICATED", "LOGIN_FAILED", nobody.Login, username="alice", password="not this one")
    other = fails("UNAUTHENTICATED", "LOGIN_FAILED", nobody.Login, username="nobody", password="not this one")
    equal(one.text, other.text)
    fails("UNAUTHENTICATED", "LOGIN_FAILED", bob.ChangePassword, old_password="wrong one", new_password="new password")


@test("a taken name, whatever its letters look like, is USERNAME_TAKEN, an address EMAIL_TAKEN")
def _():
    nobody = anonymous(server)
    for name in ("alice", "ALICE", "ａｌｉｃｅ"):
        fails("ALREADY_EXISTS", "USERNAME_TAKEN", nobody.Register, username=name, password=PASSWORD)
    fails("ALREADY_EXISTS", "EMAIL_TAKEN", nobody.Register, username="someone", password=PASSWORD,
          email="Alice@Example.org")


@test("where registration needs approval a new account is USER_PENDING until an admin says yes")
def _():
    config = {"auth": {"registration": "approve"}, **NO_LIMITS}
    with Server(db="sqlite:" + temp_path("synctv.db"), config=config) as own:
        run_program("user", "add", "root", "--role", "root", "--db", own.db, stdin=PASSWORD)
        person = register(own, "newcomer")
        equal(person.GetProfile().user.status, models.USER_STATUS_PENDING)
        fails("PERMISSION_DENIED", "USER_PENDING", person.CreateRoom, name="room")
        fails("PERMISSION_DENIED", "USER_PENDING", person.JoinRoom, room_id=NOBODY)
        root = login(own, "root")
        root.SetUserStatus(user_id=person.id, status=models.USER_STATUS_ACTIVE)
        person.CreateRoom(name="room")
        root.SetUserStatus(user_id=person.id, status=models.USER_STATUS_BANNED)
        fails("PERMISSION_DENIED", "USER_BANNED", anonymous(own).Login, username="newcomer", password=PASSWORD)


@test("where registration is closed it is REGISTRATION_CLOSED")
def _():
    with Server(config={"auth": {"registration": "closed"}}) as own:
        fails("PERMISSION_DENIED", "REGISTRATION_CLOSED", anonymous(own).Register, username="newcomer",
              password=PASSWORD)


# ---- what may you do ----


@test("a wrong room password is ROOM_PASSWORD_WRONG")
def _():
    locked = alice.CreateRoom(name="locked", password="sesame", settings=models.RoomSettings(allow_guests=True)).room
    for password in ("", "wrong"):
        fails("PERMISSION_DENIED", "ROOM_PASSWORD_WRONG", bob.JoinRoom, room_id=locked.id, password=password)
        bob.stream(locked.id, password).ends_with("PERMISSION_DENIED", "ROOM_PASSWORD_WRONG")
    alice.DeleteRoom(room_id=locked.id)


@test("who is not in a room gets NOT_A_MEMBER")
def _():
    fails("PERMISSION_DENIED", "NOT_A_MEMBER", stranger.Play, room_id=room.id)
    fails("PERMISSION_DENIED", "NOT_A_MEMBER", stranger.GetMovieList, room_id=room.id)
    fails("PERMISSION_DENIED", "NOT_A_MEMBER", stranger.GetChatHistory, room_id=room.id)
    fails("PERMISSION_DENIED", "NOT_A_MEMBER", stranger.AddMovie, room_id=room.id, movie=movie())
    stranger.stream(room.id).ends_with("PERMISSION_DENIED", "NOT_A_MEMBER")
    face = stranger.GetRoomInfo(room_id=room.id)
    equal((face.room.name, face.room.HasField("settings"), face.HasField("state"), len(face.members)),
          ("Movie night", False, False, 0))


@test("who lacks a permission gets PERMISSION_DENIED, by call and on the stream")
def _():
    stream = bob.stream(room.id)
    stream.refuses("PERMISSION_DENIED", play_control=pb.PlayControlMessage(action=pb.PLAY_ACTION_PLAY))
    stream.refuses("PERMISSION_DENIED", seek=pb.SeekMessage(position=1))
    stream.close()
    fails("PERMISSION_DENIED", "PERMISSION_DENIED", bob.Pause, room_id=room.id)
    fails("PERMISSION_DENIED", "PERMISSION_DENIED", bob.KickMember, room_id=room.id, user_id=stranger.id)
    fails("PERMISSION_DENIED", "PERMISSION_DENIED", bob.RemoveMovie, room_id=room.id, movie_id=film.id)
    fails("PERMISSION_DENIED", "PERMISSION_DENIED", bob.UpdateRoom, room_id=room.id, password="mine now")
    fails("PERMISSION_DENIED", "PERMISSION_DENIED", bob.TransferRoom, room_id=room.id, user_id=bob.id)
    fails("PERMISSION_DENIED", "PERMISSION_DENIED", bob.BanMember, room_id=room.id, user_id=alice.id)
    fails("PERMISSION_DENIED", "PERMISSION_DENIED", bob.SetUserStatus, user_id=alice.id,
          status=models.USER_STATUS_BANNED)
    fails("PERMISSION_DENIED", "PERMISSION_DENIED", bob.SetMemberRole, room_id=room.id, user_id=bob.id,
          role=models.ROOM_ROLE_ADMIN)


@test("MEMBER_PENDING, MEMBER_KICKED and MEMBER_BANNED say why somebody is outside")
def _():
    own = alice.CreateRoom(name="by invitation", settings=models.RoomSettings(require_approval=True)).room
    bob.JoinRoom(room_id=own.id)
    fails("PERMISSION_DENIED", "MEMBER_PENDING", bob.GetMovieList, room_id=own.id)
    bob.stream(own.id).ends_with("PERMISSION_DENIED", "MEMBER_PENDING")
    alice.ApproveMember(room_id=own.id, user_id=bob.id)
    bob.GetMovieList(room_id=own.id)
    alice.KickMember(room_id=own.id, user_id=bob.id)
    fails("PERMISSION_DENIED", "MEMBER_KICKED", bob.JoinRoom, room_id=own.id)
    alice.BanMember(room_id=own.id, user_id=bob.id)
    fails("PERMISSION_DENIED", "MEMBER_BANNED", bob.JoinRoom, room_id=own.id)
    bob.stream(own.id).ends_with("PERMISSION_DENIED", "MEMBER_BANNED")
    alice.DeleteRoom(room_id=own.id)


# ---- what is there ----


@test("what does not exist is NOT_FOUND, each with its own reason")
def _():
    fails("NOT_FOUND", "ROOM_NOT_FOUND", alice.JoinRoom, room_id=NOBODY)
    fails("NOT_FOUND", "ROOM_NOT_FOUND", alice.GetRoomInfo, room_id=NOBODY)
    alice.stream(NOBODY).ends_with("NOT_FOUND", "ROOM_NOT_FOUND")
    fails("NOT_FOUND", "MOVIE_NOT_FOUND", alice.SetCurrentMovie, room_id=room.id, movie_id=NOBODY)
    fails("NOT_FOUND", "MOVIE_NOT_FOUND", alice.RemoveMovie, room_id=room.id, movie_id=NOBODY)
    fails("NOT_FOUND", "MEMBER_NOT_FOUND", alice.KickMember, room_id=room.id, user_id=stranger.id)
    fails("NOT_FOUND", "USER_NOT_FOUND", alice.BanMember, room_id=room.id, user_id=NOBODY)
    fails("NOT_FOUND", "MESSAGE_NOT_FOUND", alice.DeleteChatMessage, room_id=room.id, message_id=NOBODY)


@test("a hidden room is in no list of those outside, and GetRoomInfo shows no more than of any other")
def _():
    hidden = alice.CreateRoom(name="hideout", settings=models.RoomSettings(hidden=True)).room
    equal([r.id for r in stranger.ListRooms(search="hideout").rooms], [])
    equal([r.id for r in alice.ListRooms(search="hideout").rooms], [hidden.id])
    face = stranger.GetRoomInfo(room_id=hidden.id)
    assert not face.room.HasField("settings"), face
    alice.DeleteRoom(room_id=hidden.id)


@test("a search that is in vain for hundreds of rooms goes on with the next page, which finds what there is")
def _():
    limits = {**NO_LIMITS["limits"], "rooms_per_user": 2000, "memberships_per_user": 2000}
    with Server(config={"limits": limits}) as many:
        person = register(many, "collector")
        wanted = person.CreateRoom(name="abcabc").room  # has no gram that "abc" has not
        for _ in range(600):
            person.CreateRoom(name="abc")
        found, pages, token = [], 0, ""
        while pages == 0 or token:
            page = person.ListRooms(search="abcabc", page_token=token)
            found += [r.id for r in page.rooms]
            pages, token = pages + 1, page.next_page_token
        equal((found, pages), ([wanted.id], 2))


# ---- what you said ----


@test("a bad field is INVALID_ARGUMENT with its name")
def _():
    nobody = anonymous(server)
    cases = [
        (nobody.Register, {"username": "x", "password": PASSWORD}, "username"),
        (nobody.Register, {"username": " space", "password": PASSWORD}, "username"),
        (nobody.Register, {"username": "line\nbreak", "password": PASSWORD}, "username"),
        (nobody.Register, {"username": "n" * 33, "password": PASSWORD}, "username"),
        (nobody.Register, {"username": "newcomer", "password": "short"}, "password"),
        (nobody.Register, {"username": "newcomer", "password": "NewComer"}, "password"),
        (nobody.Register, {"username": "newcomer", "password": "p" * 129}, "password"),
        (nobody.Register, {"username": "newcomer", "password": PASSWORD, "email": "nowhere"}, "email"),
        (alice.CreateRoom, {"name": ""}, "name"),
        (alice.CreateRoom, {"name": "n" * 65}, "name"),
        (alice.CreateRoom, {"name": "room", "description": "d" * 501}, "description"),
        (alice.CreateRoom, {"name": "room", "password": "p" * 65}, "password"),
        (alice.CreateRoom, {"name": "room", "settings": models.RoomSettings(max_members=10001)},
         "settings.max_members"),
        (alice.CreateRoom, {"name": "room", "settings": models.RoomSettings(guest_permissions=1 << 63)},
         "settings.guest_permissions"),
        (alice.JoinRoom, {"room_id": ""}, "room_id"),
        (alice.JoinRoom, {"room_id": "not an id"}, "room_id"),
        (alice.ListRooms, {"page_size": -1}, "page_size"),
        (alice.ListRooms, {"page_token": "nonsense"}, "page_token"),
        (alice.AddMovie, {"room_id": room.id}, "movie"),
        (alice.AddMovie, {"room_id": room.id, "movie": movie(name="")}, "movie.name"),
        (alice.AddMovie, {"room_id": room.id, "movie": movie(url="file:///etc/passwd")}, "movie.url"),
        (alice.AddMovie, {"room_id": room.id, "movie": movie(url="javascript:alert(1)")}, "movie.url"),
        (alice.AddMovie, {"room_id": room.id, "movie": movie(url="https://example.org/" + "u" * 8192)}, "movie.url"),
        (alice.AddMovie, {"room_id": room.id, "movie": movie(duration=-1)}, "movie.duration"),
        (alice.AddMovie, {"room_id": room.id, "movie": movie(duration=float("nan"))}, "movie.duration"),
        (alice.AddMovie, {"room_id": room.id, "movie": movie(headers={"X": "1\r\nY: 2"})}, "movie.headers"),
        (alice.AddMovie, {"room_id": room.id, "movie": movie(headers={f"H{i}": "v" for i in range(17)})},
         "movie.headers"),
        (alice.AddMovie, {"room_id": room.id, "movie": movie(subtitles=[models.Subtitle(
            name="s", url="https://example.org/s", format="exe")])}, "movie.subtitles.format"),
        (alice.UpdateMovie, {"room_id": room.id, "movie": film, "fields": ["added_by"]}, "fields"),
        (alice.UpdateRoom, {"room_id": room.id}, "fields"),
        (alice.MoveMovie, {"room_id": room.id, "movie_id": film.id, "position": -1}, "position"),
        (alice.GetChatHistory, {"room_id": room.id, "limit": -1}, "limit"),
        (alice.SetMemberRole, {"room_id": room.id, "user_id": bob.id, "role": models.ROOM_ROLE_CREATOR}, "role"),
        (alice.TransferRoom, {"room_id": room.id, "user_id": alice.id}, "user_id"),
        (alice.ChangePassword, {"old_password": PASSWORD, "new_password": "short"}, "new_password"),
    ]
    for call, fields, field in cases:
        try:
            fails("INVALID_ARGUMENT", "INVALID_ARGUMENT", call, field=field, **fields)
        except AssertionError as error:
            raise AssertionError(f"{fields}: {error}") from None


@test("bad positions and rates are INVALID_ARGUMENT")
def _():
    alice.SetCurrentMovie(room_id=room.id, movie_id=film.id)
    for position in (-1, 101, float("nan"), float("inf")):
        fails("INVALID_ARGUMENT", "INVALID_ARGUMENT", alice.Seek, room_id=room.id, position=position, field="position")
        fails("INVALID_ARGUMENT", "INVALID_ARGUMENT", alice.Play, room_id=room.id, position=position, field="position")
    for rate in (0, 0.2, 4.1, -1, float("nan")):
        fails("INVALID_ARGUMENT", "INVALID_ARGUMENT", alice.SetPlaybackRate, room_id=room.id, rate=rate, field="rate")


@test("on a stream a bad message gets an ErrorMessage with in_reply_to, and the stream goes on")
def _():
    stream = alice.stream(room.id)
    stream.expect("room_state")
    for payload, field in (
            ({"chat": chat("")}, "content"),
            ({"chat": chat("c" * 501)}, "content"),
            ({"chat": chat("x", room_id=NOBODY)}, "room_id"),
            ({"danmaku": pb.DanmakuMessage(content="x", color="red")}, "color"),
            ({"danmaku": pb.DanmakuMessage(content="x", font_size=99)}, "font_size"),
            ({"danmaku": pb.DanmakuMessage(content="d" * 101)}, "content"),
            ({"seek": pb.SeekMessage(position=-1)}, "position"),
            ({"status": pb.StatusReport(position=float("inf"))}, "position")):
        stream.refuses("INVALID_ARGUMENT", field=field, **payload)
    stream.send(message_id="m" * 65, chat=chat("id is too long"))
    equal(stream.expect("error").code, "INVALID_ARGUMENT")
    stream.send(message_id="after", chat=chat("still here"))
    stream.expect("chat", client_message_id="after")
    stream.close()


@test("many messages that make no sense end the stream with RATE_LIMITED")
def _():
    stream = alice.stream(room.id)
    stream.expect("room_state")
    for _ in range(200):
        stream.outbox.put(pb.ClientMessage(message_id="nothing in it"))
    stream.ends_with("RESOURCE_EXHAUSTED", "RATE_LIMITED")


@test("a stale version is VERSION_CONFLICT, with the state as it is in the details")
def _():
    state = alice.Pause(room_id=room.id, position=7).state
    failure = fails("ABORTED", "VERSION_CONFLICT", alice.Play, room_id=room.id, expected_version=state.version - 1)
    equal([detail.type_url for detail in failure.extra], ["type.googleapis.com/synctv.client.RoomStateUpdate"])
    told = pb.RoomStateUpdate.FromString(failure.extra[0].value)
    equal((told.version, told.current_time, told.status), (state.version, 7, pb.PLAYBACK_STATUS_PAUSED))
    for call, fields in ((alice.Seek, {"position": 1}), (alice.SetPlaybackRate, {"rate": 2}),
                         (alice.SetCurrentMovie, {"movie_id": film.id}), (alice.Pause, {})):
        fails("ABORTED", "VERSION_CONFLICT", call, room_id=room.id, expected_version=1, **fields)
    equal(alice.GetRoomInfo(room_id=room.id).state.version, state.version)
    alice.Play(room_id=room.id, expected_version=state.version)


@test("CREATOR_CANNOT_LEAVE and NO_CURRENT_MOVIE are FAILED_PRECONDITION")
def _():
    fails("FAILED_PRECONDITION", "CREATOR_CANNOT_LEAVE", alice.LeaveRoom, room_id=room.id)
    own = alice.CreateRoom(name="nothing to see").room
    fails("FAILED_PRECONDITION", "NO_CURRENT_MOVIE", alice.Play, room_id=own.id)
    stream = alice.stream(own.id)
    stream.refuses("NO_CURRENT_MOVIE", play_control=pb.PlayControlMessage(action=pb.PLAY_ACTION_PLAY))
    stream.close()
    alice.DeleteRoom(room_id=own.id)


@test("a service or a method that does not exist is UNIMPLEMENTED")
def _():
    for path in ("/synctv.client.ClientService/Rewind", "/no.such.Service/Method", "/nonsense"):
        call = alice.channel.unary_unary(path)
        fails("UNIMPLEMENTED", "UNIMPLEMENTED", call, b"", timeout=30)


# ---- how much ----


@test("ROOM_FULL, ROOM_LIMIT, MOVIE_LIMIT and STREAM_LIMIT are RESOURCE_EXHAUSTED")
def _():
    rooms = [room] + [alice.CreateRoom(name="one more", settings=models.RoomSettings(max_members=2)).room
                      for _ in range(LIMITS["rooms_per_user"] - 1)]
    fails("RESOURCE_EXHAUSTED", "ROOM_LIMIT", alice.CreateRoom, name="one too many")
    many = register(server, "many")
    rooms += [many.CreateRoom(name="many's").room for _ in range(3)]
    joiner = register(server, "joiner")
    for one in rooms[:LIMITS["memberships_per_user"]]:
        joiner.JoinRoom(room_id=one.id)
    fails("RESOURCE_EXHAUSTED", "ROOM_LIMIT", joiner.JoinRoom, room_id=rooms[-1].id)
    fails("RESOURCE_EXHAUSTED", "ROOM_FULL", stranger.JoinRoom, room_id=rooms[1].id)
    streams = [stranger.stream() for _ in range(LIMITS["streams_per_user"])]
    for stream in streams:
        stream.fence()
    stranger.stream().ends_with("RESOURCE_EXHAUSTED", "STREAM_LIMIT")
    for stream in streams:
        stream.close()
    stranger.stream().fence()


@test("a page of movies is cut to what fits into 1 MiB, and MOVIE_LIMIT is RESOURCE_EXHAUSTED")
def _():
    own = register(server, "collector")
    shelf = own.CreateRoom(name="shelf").room
    big = movie(url="https://example.org/" + "u" * 1900, headers={f"Header-{i}": "v" * 1000 for i in range(14)})
    for _ in range(LIMITS["movies_per_room"]):
        own.AddMovie(room_id=shelf.id, movie=big)
    fails("RESOURCE_EXHAUSTED", "MOVIE_LIMIT", own.AddMovie, room_id=shelf.id, movie=movie())
    positions, token = [], ""
    while True:
        page = own.GetMovieList(room_id=shelf.id, page_size=1000, page_token=token)
        assert page.ByteSize() <= 1 << 20, page.ByteSize()
        positions += [m.position for m in page.movies]
        token = page.next_page_token
        if not token:
            break
    equal(positions, list(range(LIMITS["movies_per_room"])))


@test("a request that would take many times its size in memory is TOO_LARGE")
def _():
    fails("RESOURCE_EXHAUSTED", "TOO_LARGE", alice.UpdateRoom, room_id=room.id, fields=[""] * 400_000)


def futures(person, method, requests):
    """All at once; the Failures among the answers."""
    stub = getattr(person.stub, method)
    calls = [stub.future(request, metadata=person.metadata, timeout=300) for request in requests]
    errors = [call.exception() for call in calls]
    return [Failure(error) for error in errors if error is not None]


@test("more passwords at once than there is room for are OVERLOADED, and the rest are served")
def _():
    request = pb.LoginRequest(username="alice", password=PASSWORD)
    failures = []
    for _ in range(10):  # who is held up between asking and asking leaves time to serve them all
        failures = failures or futures(anonymous(server), "Login", [request] * 120)
    assert 0 < len(failures) < 120, f"{len(failures)} of 120 were refused"
    for failure in failures:
        check_failure(failure, "RESOURCE_EXHAUSTED", "OVERLOADED")


def limited(what, at_most_ms, failures):
    assert failures, f"{what}: nothing was refused"
    for failure in failures:
        check_failure(failure, "RESOURCE_EXHAUSTED", "RATE_LIMITED")
        assert int(failure.metadata["retry_after_ms"]) <= at_most_ms, f"{what}: {failure}"


@test("RATE_LIMITED says when to come again: sign-in, registration, passwords, calls")
def _():
    with Server() as strict:
        nobody = anonymous(strict)
        person = register(strict, "person")
        passwords, names = Limit(5), Limit(5)
        passwords.tries(person.ChangePassword, 20, old_password="wrong one", new_password="another one")
        equal(passwords.succeeded, 0)
        for name in ("person", "PERSON"):
            names.tries(nobody.Login, 10, username=name, password=PASSWORD)
        for what, limit in (("ChangePassword", passwords), ("sign-in as one", names)):
            limit.held()
            limited(what, 12_000, limit.refused)
        limited("registration", 120_000, futures(nobody, "Register", [
            pb.RegisterRequest(username=f"person {i}", password=PASSWORD) for i in range(40)]))
        failures = futures(nobody, "Login", [
            pb.LoginRequest(username=f"person {i}", password=PASSWORD) for i in range(60)])
        limited("sign-in from one address", 2000, [f for f in failures if f.reason != "LOGIN_FAILED"])
    with Server(config={"limits": {"calls_per_second": 1}}) as slow:
        limited("calls of a user", 1000, futures(register(slow, "person"), "GetProfile", [pb.GetProfileRequest()] * 100))


@test("RATE_LIMITED on a stream names the message: chat, danmaku, control, ping, status")
def _():
    with Server() as strict:
        person = register(strict, "person")
        own = person.CreateRoom(name="room").room
        person.SetCurrentMovie(room_id=own.id,
                               movie_id=person.AddMovie(room_id=own.id, movie=movie()).movie.id)
        stream = person.stream(own.id)
        stream.expect("room_state")
        for kind, at_once, payload in (
                ("chat", 10, {"chat": chat("spam")}),
                ("danmaku", 5, {"danmaku": pb.DanmakuMessage(content="spam")}),
                ("control", 20, {"seek": pb.SeekMessage(position=1)}),
                ("ping", 4, {"ping": pb.PingMessage(client_time=1)}),
                ("status", 2, {"status": pb.StatusReport(position=1)})):
            sent = [stream.send(message_id=f"{kind}-{i}", **payload) for i in range(at_once * 8)]
            error = stream.expect("error", code="RATE_LIMITED", where=lambda e: e.in_reply_to in sent)
            assert sent.index(error.in_reply_to) >= at_once, f"{kind}: refused after {error.in_reply_to}"
            assert int(error.details["retry_after_ms"]) > 0, error
        person.GetRoomInfo(room_id=own.id)


# ---- when things break ----


@test("STORAGE_UNAVAILABLE and INTERNAL tell nothing of the inside but a number that is in the log")
def _():
    path = temp_path("synctv.db")
    own = Server(db="sqlite:" + path, config=NO_LIMITS, complaints_expected=True)
    with own:
        person = register(own, "person")
        locked = sqlite3.connect(path, isolation_level=None)
        locked.execute("BEGIN EXCLUSIVE")
        failures = [fails("UNAVAILABLE", "STORAGE_UNAVAILABLE", person.CreateRoom, name="room")]
        locked.execute("ROLLBACK")
        hall = person.CreateRoom(name="room").room
        locked.execute("DROP TABLE chat")
        locked.close()
        failures.append(fails("INTERNAL", "INTERNAL", person.GetChatHistory, room_id=hall.id))
        for failure in failures:
            number = re.search(r"\(([\w-]{12})\)$", failure.text)
            assert number and number.group(1) in own.stderr(), failure
            assert "sql" not in failure.text.lower() and "chat" not in failure.text.lower(), failure
        person.GetProfile()


@test("every reason that a client of one node can meet was provoked")
def _():
    elsewhere = {
        "NO_MEMORY", "CANCELLED", "TIMEOUT",  # cannot be provoked at will, or are made by the client
        "NOT_CONNECTED", "NODE_UNAVAILABLE",  # of the client library
        "SHUTTING_DOWN",  # restart.py
        "SLOW_CONSUMER",  # streams.py
        "STORAGE_CORRUPT", "STORAGE_TOO_NEW",  # program.py
        "OUTCOME_UNKNOWN",  # contract/test_postgres.c
        "CLOCK_SKEW", "NODE_NOT_FOUND",  # between nodes: unit/test_peer_hostile.c
        "STREAM_NOT_FOUND", "ALREADY_PUBLISHING", "STALE_EPOCH",  # of live streams, which do not exist yet
    }
    with open(os.path.join(PROTO_DIR, "../lib/include/synctv/error.h"), encoding="utf-8") as header:
        reasons = set(re.findall(r"\bX\((\w+), -", header.read()))
    assert len(reasons) > 40, reasons
    equal(sorted(reasons - provoked - elsewhere), [])


@test("the server ends well")
def _():
    server.stop()


run()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each allocation of the server fails, one after the other, in every call: the call says so, and nothing else happens.

The server is linked for it (meson.build): the memory of the C core itself, which ends the process when there is none, stays.
"""
import itertools

import grpc

from faults import Control, Server, database, diag, equal, eventually, limits, run, test
from client import SERVICE, Failure, Person, chat, movie, pb, register

control = Control()
numbers = itertools.count(1)
WELL_SAID = {("RESOURCE_EXHAUSTED", "NO_MEMORY"), ("UNAVAILABLE", "STORAGE_UNAVAILABLE"),
             # Where there was no memory for the details either:
             ("RESOURCE_EXHAUSTED", "")}
swept = set()


def sweep(name, call, prepare=lambda: None):
    """Returns what call() returned when no allocation failed any more. `prepare` brings about what it needs, each time."""
    swept.add(name)
    failures = 0
    for n in itertools.count(1):
        assert n < 2000, f"{name}: there is no end"
        args = prepare()
        control.failed = 0
        control.fail_in = n
        try:
            answer = call() if args is None else call(args)
            failure = None
        except grpc.RpcError as error:
            failure = Failure(error)
        control.fail_in = 0
        if failure is None and not control.failed:
            diag(f"{name}: {n - 1} allocations, {failures} failures")
            return answer
        if failure is not None:
            assert control.failed, f"{name}, allocation {n}: {failure} though none failed"
            assert (failure.code, failure.reason) in WELL_SAID, f"{name}, allocation {n}: {failure}"
            failures += 1
    return None


def name():
    return f"name-{next(numbers)}"


server = Server("--log-level", "warn", config=limits(movies_per_room=10000), db=database()[1], env=control.env,
                complaints_expected=True)
host, guest = register(server, "host"), register(server, "guest")
stranger = Person(server.address)
room = host.CreateRoom(name="room").room
guest.JoinRoom(room_id=room.id)
film = host.AddMovie(room_id=room.id, movie=movie(headers={"A": "b"})).movie
host.SetCurrentMovie(room_id=room.id, movie_id=film.id)


@test("a server that finds no memory to start with says so")
def _():
    db = database()[1]
    ends = {}
    for n in itertools.count(1):
        control.failed = 0
        control.fail_in = n
        try:
            # What fails behind the ready line is another test's.
            with Server("--log-level", "warn", db=db, env=control.env, complaints_expected=True):
                control.fail_in = 0
                failed = control.failed
            ends["started"] = ends.get("started", 0) + 1
            if not failed:
                break
        except AssertionError as error:
            control.fail_in = 0
            assert control.failed, error
            end = str(error)
            assert end.startswith("ended with 2: synctv-server: ") and end.strip().count("\n") == 0, f"{n}: {end}"
            ends[end] = ends.get(end, 0) + 1
    diag(f"{n} starts: {ends}")


def somebody():
    return register(server, name())


def a_member(of=None):
    person = somebody()
    person.JoinRoom(room_id=(of or room).id)
    return person


@test("accounts")
def _():
    sweep("Register", lambda: stranger.Register(username=name(), password="correct horse", email=""))
    sweep("Login", lambda: stranger.Login(username="host", password="correct horse"))
    someone = somebody()

    def refresh():
        someone.take(stranger.RefreshToken(refresh_token=someone.refresh_token))
    sweep("RefreshToken", refresh)
    sweep("GetProfile", someone.GetProfile)
    sweep("ChangePassword", lambda: someone.ChangePassword(old_password="correct horse", new_password="correct horse"))
    sweep("Logout", lambda person: person.Logout(), somebody)


@test("rooms")
def _():
    sweep("CreateRoom", lambda: host.CreateRoom(name=name(), password="secret", description="d"))
    sweep("JoinRoom", lambda person: person.JoinRoom(room_id=room.id), somebody)
    sweep("LeaveRoom", lambda person: person.LeaveRoom(room_id=room.id), a_member)
    sweep("GetRoomInfo", lambda: host.GetRoomInfo(room_id=room.id))
    sweep("GetRoomInfo", lambda made: host.GetRoomInfo(room_id=made.id), lambda: guest.CreateRoom(name=name()).room)
    sweep("ListRooms", lambda: host.ListRooms(search="name", page_size=10))
    sweep("UpdateRoom", lambda: host.UpdateRoom(room_id=room.id, fields=["name", "description", "settings"], room={
        "name": name(), "description": name(), "settings": {"max_members": 5000}}, password=""))
    sweep("DeleteRoom", lambda made: host.DeleteRoom(room_id=made.id), lambda: host.CreateRoom(name=name()).room)

    def to_hand_over():
        made = host.CreateRoom(name=name()).room
        guest.JoinRoom(room_id=made.id)
        return made

    def transfer(made):
        try:
            host.TransferRoom(room_id=made.id, user_id=guest.id)
        except grpc.RpcError:
            # Whether it has happened or not: rooms in memory and in storage say the same.
            stored = {entry.id: entry.creator_id for entry in guest.ListRooms(joined=True, page_size=1).rooms}
            eventually(lambda: guest.GetRoomInfo(room_id=made.id).room.creator_id == stored[made.id], "one creator")
            raise
    sweep("TransferRoom", transfer, to_hand_over)


@test("members")
def _():
    sweep("ListMembers", lambda: host.ListMembers(room_id=room.id))
    sweep("SetMemberRole", lambda: host.SetMemberRole(room_id=room.id, user_id=guest.id, role="ROOM_ROLE_ADMIN"))
    host.SetMemberRole(room_id=room.id, user_id=guest.id, role="ROOM_ROLE_MEMBER")
    sweep("SetMemberPermissions", lambda: host.SetMemberPermissions(room_id=room.id, user_id=guest.id, added=1024))
    sweep("BanMember", lambda person: host.BanMember(room_id=room.id, user_id=person.id, reason="r"), a_member)

    def a_banned():
        person = a_member()
        host.BanMember(room_id=room.id, user_id=person.id)
        return person
    sweep("UnbanMember", lambda person: host.UnbanMember(room_id=room.id, user_id=person.id), a_banned)
    sweep("KickMember", lambda person: host.KickMember(room_id=room.id, user_id=person.id, reason="r"), a_member)
    closed = host.CreateRoom(name="closed", settings={"require_approval": True}).room
    sweep("ApproveMember", lambda person: host.ApproveMember(room_id=closed.id, user_id=person.id),
          lambda: a_member(closed))


@test("playlist and playback")
def _():
    def add():
        return host.AddMovie(room_id=room.id, movie=movie(headers={"A": "b", "C": "d"}, subtitles=[
            {"name": "n", "url": "https://example.org/s.srt", "format": "srt"}])).movie
    sweep("AddMovie", add)
    sweep("GetMovieList", lambda: host.GetMovieList(room_id=room.id))
    sweep("UpdateMovie", lambda: host.UpdateMovie(room_id=room.id, fields=["name"], movie={"id": film.id, "name": name()}))
    sweep("MoveMovie", lambda: host.MoveMovie(room_id=room.id, movie_id=film.id, position=next(numbers) % 3))
    sweep("SetCurrentMovie", lambda: host.SetCurrentMovie(room_id=room.id, movie_id=film.id))
    sweep("Play", lambda: host.Play(room_id=room.id, position=1))
    sweep("Pause", lambda: host.Pause(room_id=room.id))
    sweep("Seek", lambda: host.Seek(room_id=room.id, position=5))
    sweep("SetPlaybackRate", lambda: host.SetPlaybackRate(room_id=room.id, rate=1.5))
    sweep("RemoveMovie", lambda made: host.RemoveMovie(room_id=room.id, movie_id=made.id), add)
    sweep("ClearMovies", lambda: host.ClearMovies(room_id=room.id))
    host.SetCurrentMovie(room_id=room.id, movie_id=add().id)


def open_and_chat():
    """One stream, with one of everything; it may fail as a call does, or say so in an ErrorMessage and go on."""
    stream = guest.stream(room.id)
    sent = {}
    try:
        stream.expect("room_state")
        for what in ({"chat": chat("hello")}, {"danmaku": pb.DanmakuMessage(content="flies")},
                     {"status": pb.StatusReport(position=1)}, {"ping": pb.PingMessage(client_time=1)}):
            sent[stream.send(**what)] = list(what)[0]
        waiting = {"chat", "danmaku", "ping"}  # a status is not answered
        while waiting:
            try:
                message = stream.next()
            except AssertionError as error:
                if stream.failure is None:
                    raise TimeoutError(f"{waiting} are still to come, {sent} were sent") from error
                raise
            if message.HasField("error"):
                assert message.error.code in ("NO_MEMORY", "STORAGE_UNAVAILABLE", "NOT_CONNECTED"), message.error
                assert control.failed
                waiting.discard(sent.get(message.error.in_reply_to))
            else:
                waiting -= {message.WhichOneof("payload"), "ping" if message.HasField("pong") else None}
        stream.cancel()
    except AssertionError:
        if stream.failure in (None, "OK"):
            raise
        if (stream.failure.code, stream.failure.reason) not in WELL_SAID or not control.failed:
            raise AssertionError(f"allocation failed: {control.failed}, {stream.failure}") from None


@test("streams")
def _():
    sweep("MessageStream", open_and_chat)
    sweep("GetChatHistory", lambda: guest.GetChatHistory(room_id=room.id))

    def say():
        stream = guest.stream(room.id)
        stream.send("x" + name(), chat=chat("to be deleted"))
        message = stream.expect("chat", where=lambda said: said.user_id == guest.id and said.content != "hello")
        stream.cancel()
        return message
    sweep("DeleteChatMessage", lambda said: host.DeleteChatMessage(room_id=room.id, message_id=said.message_id), say)


@test("what follows a room goes on, or ends with a word")
def _():
    for n in range(1, 60):
        stream = guest.stream(room.id)
        stream.expect("room_state")
        control.failed = 0
        control.fail_in = n
        try:
            host.AddMovie(room_id=room.id, movie=movie())
        except grpc.RpcError:
            pass
        control.fail_in = 0
        try:
            host.Seek(room_id=room.id, position=n)
            stream.expect("room_state", cause=pb.STATE_CAUSE_SEEK, current_time=n)
            stream.cancel()
        except AssertionError:
            if stream.failure in (None, "OK") or stream.failure.reason != "NO_MEMORY":
                raise


@test("afterwards everything is as it was told, also from storage")
def _():
    rest = {method.name for method in SERVICE.methods} - swept
    equal(rest, {"ListUsers", "SetUserStatus", "CreatePublishKey", "GetPlayUrl", "StopLive"})
    info = host.GetRoomInfo(room_id=room.id)
    movies = host.GetMovieList(room_id=room.id, page_size=1000).movies
    equal([entry.position for entry in movies], list(range(len(movies))))
    members = {member.user_id for member in host.ListMembers(room_id=room.id, page_size=100).members}
    history = host.GetChatHistory(room_id=room.id, limit=100).messages
    server.stop()
    with Server(config=limits(), db=server.db) as again:
        for person in (host, guest):
            tokens = person.access_token
            person.close()
            person.__init__(again.address)
            person.access_token = tokens
        equal(host.GetRoomInfo(room_id=room.id).room.revision, info.room.revision)
        equal(host.GetMovieList(room_id=room.id, page_size=1000).movies, movies)
        equal({member.user_id for member in host.ListMembers(room_id=room.id, page_size=100).members}, members)
        equal(host.GetChatHistory(room_id=room.id, limit=100).messages, history)


run()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What comes on MessageStreams, in which order, to whom, and how they end."""
import queue
import threading
import time

import grpc

from harness import DEADLINE, NO_LIMITS, Server, diag, equal, run, test
from client import Failure, chat, check_failure, fails, kinds, login, models, movie, pb, register

NO_LIMITS["limits"].update(streams_per_user=1000, rooms_per_user=1000, memberships_per_user=1000)
server = Server(config=NO_LIMITS)
alice, bob, carol = (register(server, name) for name in ("alice", "bob", "carol"))


def new_room(*members, name="room", **fields):
    made = alice.CreateRoom(name=name, **fields).room
    for person in members:
        person.JoinRoom(room_id=made.id, password=fields.get("password", ""))
    return made


def add_movie(room, **fields):
    return alice.AddMovie(room_id=room.id, movie=movie(**fields)).movie


def control(action, **fields):
    return {"play_control": pb.PlayControlMessage(action=action, **fields)}


PLAY = control(pb.PLAY_ACTION_PLAY)


def streams_of_two(room):
    """Of alice and of bob. Nothing more comes on them by itself."""
    first = alice.stream(room.id)
    first.expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT)
    second = bob.stream(room.id)
    for stream in (first, second):
        stream.expect("member", change=pb.MEMBER_CHANGE_ONLINE, where=lambda told: told.member.user_id == bob.id)
        stream.fence()
    return first, second


def is_change(state):
    """It is not told again, as that of each playing room is every 10 s."""
    return state.cause != pb.STATE_CAUSE_RESYNC


# ---- order ----


@test("what is sent before the half-close is done and answered, then the stream ends well")
def _():
    room = new_room(bob)
    witness = bob.stream(room.id)
    for i in range(20):
        stream = alice.stream(room.id)
        stream.send(message_id=f"said {i}", chat=chat(f"good-bye {i}"))
        refused = stream.send(message_id=f"refused {i}", chat=chat(""))
        stream.close()
        equal(stream.next().room_state.cause, pb.STATE_CAUSE_SNAPSHOT)
        told = {kind: message for kind, message in zip(kinds(stream.came), stream.came)}
        equal((told["chat"].chat.content, told["error"].error.in_reply_to), (f"good-bye {i}", refused))
        witness.expect("chat", content=f"good-bye {i}")
    witness.cancel()


@test("a stream begins with the SNAPSHOT, also in the middle of everything")
def _():
    room = new_room(bob)
    film = add_movie(room)
    alice.SetCurrentMovie(room_id=room.id, movie_id=film.id, autoplay=True)
    sender = alice.stream(room.id)
    sender.expect("room_state")
    over = threading.Event()

    def chatter():
        while not over.is_set():
            sender.send(chat=chat("blah"))
            sender.expect("chat")
    thread = threading.Thread(target=chatter, daemon=True)
    thread.start()
    for _ in range(20):
        stream = bob.stream(room.id)
        state = stream.next().room_state
        equal((state.cause, state.movie_id, state.status), (
            pb.STATE_CAUSE_SNAPSHOT, film.id, pb.PLAYBACK_STATUS_PLAYING))
        first = stream.expect("chat").seq
        equal(stream.expect("chat").seq, first + 1)
        stream.cancel()
    over.set()
    thread.join()
    sender.close()


@test("what many send at once comes in one order to all")
def _():
    people = [alice, bob, carol]
    room = new_room(bob, carol)
    film = add_movie(room)
    alice.SetCurrentMovie(room_id=room.id, movie_id=film.id)
    streams = [person.stream(room.id) for person in people for _ in range(3)]
    for stream in streams:
        stream.expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT)
    rounds = 30
    for i in range(rounds):
        for number, stream in enumerate(streams):
            stream.send(message_id=f"{number}-{i}", chat=chat(f"{number} {i}"))
        streams[0].send(seek=pb.SeekMessage(position=i))
    seen = []
    for stream in streams:
        chats, versions = [], []
        while len(chats) < rounds * len(streams) or len(versions) < rounds:
            message = stream.next()
            if message.HasField("chat"):
                chats.append(message.chat)
            elif message.HasField("room_state"):
                versions.append(message.room_state.version)
        equal([told.seq for told in chats], list(range(1, len(chats) + 1)))
        equal(versions, sorted(set(versions)))
        seen.append(([told.message_id for told in chats], versions))
        for number in range(len(streams)):
            own = [told.content for told in chats if told.content.startswith(f"{number} ")]
            equal(own, [f"{number} {i}" for i in range(rounds)], "one sender's chat keeps its order")
    assert all(one == seen[0] for one in seen), "the streams differ"
    for stream in streams:
        stream.close()


# ---- chat ----


@test("a chat that is sent again comes back to its sender alone, as it was stored")
def _():
    room = new_room(bob)
    sender, other = alice.stream(room.id), bob.stream(room.id)
    sender.send(message_id="once", chat=chat("exactly once"))
    first = sender.expect("chat", client_message_id="once")
    equal(other.expect("chat"), first)
    sender.send(message_id="once", chat=chat("something else"))
    equal(sender.expect("chat"), first)
    sender.cancel()
    again = alice.stream(room.id)
    again.send(message_id="once", chat=chat("exactly once"))
    equal(again.expect("chat"), first)
    other.send(message_id="once", chat=chat("another person's id"))
    second = again.expect("chat")
    equal((second.seq, second.content), (2, "another person's id"))
    equal(other.expect("chat"), second)
    equal([m.seq for m in bob.GetChatHistory(room_id=room.id).messages], [2, 1])
    again.close()
    other.close()


@test("danmaku of the last seconds is replayed to who comes, and never stored")
def _():
    room = new_room(bob)
    sender = alice.stream(room.id)
    for i in range(3):
        sender.send(danmaku=pb.DanmakuMessage(content=f"number {i}", video_time=i))
        sender.expect("danmaku", content=f"number {i}")
    late = bob.stream(room.id)
    equal(late.next().WhichOneof("payload"), "room_state")
    equal([late.expect("danmaku").content for _ in range(3)], ["number 0", "number 1", "number 2"])
    equal(len(bob.GetChatHistory(room_id=room.id).messages), 0)
    default = alice.stream(room.id)
    sender.send(danmaku=pb.DanmakuMessage(content="plain"))
    plain = default.expect("danmaku", content="plain")
    equal((plain.color, plain.font_size, plain.position), ("#FFFFFF", 25, pb.DANMAKU_POSITION_SCROLL))
    for stream in (sender, late, default):
        stream.close()


# ---- playback ----


@test("who is off gets a RESYNC of their own, and who is not gets nothing")
def _():
    room = new_room(bob)
    film = add_movie(room, duration=1000)
    alice.SetCurrentMovie(room_id=room.id, movie_id=film.id)
    alice.Seek(room_id=room.id, position=100)
    right, wrong = streams_of_two(room)
    right.send(status=pb.StatusReport(movie_id=film.id, position=100.5))
    equal(kinds(right.fence()), [])
    wrong.send(status=pb.StatusReport(movie_id=film.id, position=102, buffering=True))
    equal(kinds(wrong.fence()), [])
    wrong.send(status=pb.StatusReport(movie_id=film.id, position=102))
    equal(wrong.expect("room_state", cause=pb.STATE_CAUSE_RESYNC).current_time, 100)
    wrong.send(status=pb.StatusReport(movie_id="AAAAAAAAAAAA", position=100))
    wrong.expect("room_state", cause=pb.STATE_CAUSE_RESYNC)
    equal(kinds(right.fence()), [])
    right.close()
    wrong.close()


@test("VERSION_CONFLICT on a stream is an error and then a RESYNC, to that stream alone")
def _():
    room = new_room(bob)
    film = add_movie(room)
    state = alice.SetCurrentMovie(room_id=room.id, movie_id=film.id).state
    mine, other = streams_of_two(room)
    mine.refuses("VERSION_CONFLICT", seek=pb.SeekMessage(position=9, expected_version=state.version - 1))
    resync = mine.expect("room_state")
    equal((resync.cause, resync.version, resync.current_time), (pb.STATE_CAUSE_RESYNC, state.version, 0))
    equal(kinds(other.fence()), [])
    mine.send(seek=pb.SeekMessage(position=9, expected_version=state.version))
    equal(other.expect("room_state", cause=pb.STATE_CAUSE_SEEK).current_time, 9)
    mine.close()
    other.close()


@test("of two who change the same version at once exactly one wins")
def _():
    room = new_room(bob)
    alice.SetMemberPermissions(room_id=room.id, user_id=bob.id, added=1 << 10)
    film = add_movie(room)
    version = alice.SetCurrentMovie(room_id=room.id, movie_id=film.id).state.version
    for i in range(20):
        calls = [person.stub.Seek.future(
            pb.SeekRequest(room_id=room.id, position=i + j, expected_version=version), metadata=person.metadata)
            for j, person in enumerate((alice, bob))]
        errors = [Failure(e) for e in (call.exception() for call in calls) if e]
        equal(len(errors), 1)
        check_failure(errors[0], "ABORTED", "VERSION_CONFLICT")
        version = max(call.result().state.version for call in calls if not call.exception())


@test("a playing room's position runs with the server's clock, and joining does not move it")
def _():
    room = new_room(bob)
    film = add_movie(room, duration=1000)
    stream = alice.stream(room.id)
    started = alice.SetCurrentMovie(room_id=room.id, movie_id=film.id, autoplay=True).state
    for _ in range(10):
        joined = bob.stream(room.id)
        now = joined.expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT)
        wanted = started.current_time + (now.updated_at - started.updated_at) / 1000
        assert abs(now.current_time - wanted) < 0.01, f"{now.current_time} instead of {wanted}"
        equal(now.version, started.version)
        joined.cancel()
    stream.expect("room_state", cause=pb.STATE_CAUSE_MOVIE)
    equal([m for m in stream.fence() if m.HasField("room_state") and is_change(m.room_state)], [])
    stream.close()


@test("the time a play command took on its way is made up for, a bad clock is not")
def _():
    room = new_room()
    film = add_movie(room, duration=1000)
    alice.SetCurrentMovie(room_id=room.id, movie_id=film.id)
    stream = alice.stream(room.id)
    stream.send(ping=pb.PingMessage(client_time=1))
    now = stream.expect("pong").server_send_time
    for age_ms, least, most in ((1000, 1, 1.5), (20_000, 1.5, 1.5), (40_000, 0, 0), (-60_000, 0, 0)):
        sent = time.monotonic()
        stream.send(timestamp=now - age_ms, **control(pb.PLAY_ACTION_PLAY, position=10))
        state = stream.expect("room_state", cause=pb.STATE_CAUSE_PLAY)
        # what is told is the position at updated_at, which may be a moment after the command was taken
        most += time.monotonic() - sent
        assert 10 + least <= state.current_time <= 10 + most + 0.1, f"{age_ms} ms: {state.current_time}"
    stream.close()


@test("a movie of known length that ends is followed as the room's setting says")
def _():
    settings = models.RoomSettings(auto_advance=models.AUTO_ADVANCE_NEXT)
    room = new_room(settings=settings)
    films = [add_movie(room, name=f"short {i}", duration=1) for i in range(2)]
    stream = alice.stream(room.id)
    started = alice.SetCurrentMovie(room_id=room.id, movie_id=films[0].id, autoplay=True).state
    follows = stream.expect("room_state", cause=pb.STATE_CAUSE_ENDED)
    equal((follows.movie_id, follows.status, follows.actor_id), (films[1].id, pb.PLAYBACK_STATUS_PLAYING, ""))
    took = (follows.updated_at - started.updated_at) / 1000
    assert 1.99 <= took < DEADLINE, f"a movie of 1 s + 1 s took {took} s"
    last = stream.expect("room_state", cause=pb.STATE_CAUSE_ENDED)
    equal((last.movie_id, last.status), (films[1].id, pb.PLAYBACK_STATUS_PAUSED))
    stream.close()


@test("of a movie of unknown length most of those who watch report the end")
def _():
    settings = models.RoomSettings(auto_advance=models.AUTO_ADVANCE_REPEAT_ALL)
    room = new_room(bob, carol, settings=settings)
    film = add_movie(room, duration=0)
    ended = {"status": pb.StatusReport(movie_id=film.id, position=1000, ended=True)}
    bobs, carols = bob.stream(room.id), carol.stream(room.id)
    alices = alice.stream(room.id)
    alice.SetCurrentMovie(room_id=room.id, movie_id=film.id, autoplay=True)
    bobs.send(**ended)
    carols.send(**ended)
    for stream in (alices, bobs, carols):
        stream.fence()
    alice.Seek(room_id=room.id, position=1000)  # so soon after its beginning that was not the end
    for stream in (alices, bobs, carols):
        stream.expect("room_state", cause=pb.STATE_CAUSE_SEEK)
    alices.send(**ended)  # in control, and one of three
    equal([m for m in alices.fence() if is_change(m.room_state)], [])
    carols.send(**ended)
    for stream in (alices, bobs, carols):
        equal(stream.expect("room_state", where=is_change).cause, pb.STATE_CAUSE_ENDED)
        stream.close()


@test("the length that most of those who watch report stands in the playlist")
def _():
    room = new_room(bob, carol)
    film = add_movie(room, duration=0)
    length = {"status": pb.StatusReport(movie_id=film.id, position=0, duration=5400)}
    alices, bobs, carols = alice.stream(room.id), bob.stream(room.id), carol.stream(room.id)
    alice.SetCurrentMovie(room_id=room.id, movie_id=film.id, autoplay=True)
    alices.send(**length)
    equal([m for m in alices.fence() if m.HasField("movies")], [])
    carols.send(**length)  # has to stand for a while
    for stream in (alices, bobs, carols):
        change = stream.expect("movies", change=pb.LIST_CHANGE_CHANGED)
        equal((change.movie.id, change.movie.duration, change.actor_id), (film.id, 5400, ""))
        stream.close()
    equal(alice.GetMovieList(room_id=room.id).movies[0].duration, 5400)


# ---- who follows what ----


@test("an unbound stream follows all rooms of its user, those joined or made later too")
def _():
    person = register(server, "wanderer")
    before = new_room(person, name="before")
    stream = person.stream()
    equal(stream.next().room_state.room_id, before.id)
    stream.expect("member", room_id=before.id, change=pb.MEMBER_CHANGE_ONLINE)
    later = new_room(person, name="later")
    stream.expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT, room_id=later.id)
    own = person.CreateRoom(name="own").room
    stream.expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT, room_id=own.id)
    for room in (before, later, own):
        stream.send(chat=chat("here", room.id))
        stream.expect("chat", room_id=room.id)
    person.LeaveRoom(room_id=before.id)
    stream.refuses("NOT_A_MEMBER", chat=chat("gone", before.id))
    stream.send(chat=chat("still there", later.id))
    stream.expect("chat", room_id=later.id)
    alice.KickMember(room_id=later.id, user_id=person.id)
    stream.expect("member", change=pb.MEMBER_CHANGE_KICKED, room_id=later.id)
    stream.send(chat=chat("and here", own.id))
    stream.expect("chat", room_id=own.id)
    stream.refuses("INVALID_ARGUMENT", field="room_id", chat=chat("where?"))
    stream.close()


@test("a guest watches with the room's password, sees no settings, and counts as online")
def _():
    room = new_room(password="sesame", settings=models.RoomSettings(allow_guests=True))
    film = add_movie(room)
    member = alice.stream(room.id)
    bob.stream(room.id).ends_with("PERMISSION_DENIED", "ROOM_PASSWORD_WRONG")
    guest = bob.stream(room.id, "sesame")
    guest.expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT)
    equal(bob.GetMovieList(room_id=room.id).total, 1)
    info = bob.GetRoomInfo(room_id=room.id)
    equal((info.room.online_count, info.room.member_count, info.room.HasField("settings")), (2, 1, False))
    alice.SetCurrentMovie(room_id=room.id, movie_id=film.id)
    guest.expect("room_state", cause=pb.STATE_CAUSE_MOVIE)
    guest.refuses("PERMISSION_DENIED", chat=chat("may I?"))
    guest.refuses("PERMISSION_DENIED", **PLAY)
    member.send(chat=chat("welcome"))
    guest.expect("chat", content="welcome")
    alice.UpdateRoom(room_id=room.id, fields=["description"], room=models.Room(description="new"))
    assert not guest.expect("room", where=lambda r: r.room.description == "new").room.HasField("settings")
    assert member.expect("room", where=lambda r: r.room.description == "new").room.HasField("settings")
    alice.UpdateRoom(room_id=room.id, fields=["settings"], room=models.Room())
    guest.ends_with("PERMISSION_DENIED", "NOT_A_MEMBER")
    member.close()


# ---- presence ----


@test("ONLINE comes with the first stream, a reconnect is silent, OFFLINE comes 10 s after the last one")
def _():
    room = new_room(bob)
    watcher = alice.stream(room.id)
    watcher.expect("member", change=pb.MEMBER_CHANGE_ONLINE)  # alice herself
    first = bob.stream(room.id)
    told = watcher.expect("member", change=pb.MEMBER_CHANGE_ONLINE)
    equal((told.member.user_id, told.member.online), (bob.id, True))
    second = bob.stream(room.id)
    second.expect("room_state")
    first.cancel()
    closed = time.monotonic()
    second.close()
    third = bob.stream(room.id)
    third.expect("room_state")
    told = kinds(watcher.fence())
    assert not told or time.monotonic() - closed > 9.9, told
    equal(alice.GetRoomInfo(room_id=room.id).room.online_count, 2)
    closed = time.monotonic()
    third.close()
    told = watcher.expect("member", timeout=60)
    took = time.monotonic() - closed
    equal((told.change, told.member.user_id, told.member.online), (pb.MEMBER_CHANGE_OFFLINE, bob.id, False))
    assert 9.9 < took < DEADLINE, f"after {took} s"
    equal(alice.GetRoomInfo(room_id=room.id).room.online_count, 1)
    watcher.close()


# ---- being put out ----


@test("who is kicked or banned sees it, and their bound streams end with the reason")
def _():
    room = new_room(bob, carol)
    watcher = alice.stream(room.id)
    for person, call, change, reason in (
            (bob, alice.KickMember, pb.MEMBER_CHANGE_KICKED, "MEMBER_KICKED"),
            (carol, alice.BanMember, pb.MEMBER_CHANGE_BANNED, "MEMBER_BANNED")):
        streams = [person.stream(room.id) for _ in range(2)]
        for stream in streams:
            stream.expect("room_state")
        call(room_id=room.id, user_id=person.id, reason="out")
        for stream in streams:
            told = stream.expect("member", change=change)
            equal((told.member.user_id, told.reason, told.actor_id), (person.id, "out", alice.id))
            end = stream.end()
            equal((end.code, end.reason), ("PERMISSION_DENIED", reason))
        watcher.expect("member", change=change)
        equal(alice.GetRoomInfo(room_id=room.id).room.online_count, 1)
    watcher.close()


@test("approval and roles change what an open stream may do at once")
def _():
    room = new_room(settings=models.RoomSettings(require_approval=True))
    film = add_movie(room)
    alice.SetCurrentMovie(room_id=room.id, movie_id=film.id)
    watcher = alice.stream(room.id)
    bob.JoinRoom(room_id=room.id)
    waiting = watcher.expect("member", change=pb.MEMBER_CHANGE_JOINED)
    equal(waiting.member.status, models.MEMBER_STATUS_PENDING)
    stream = bob.stream()
    stream.refuses("MEMBER_PENDING", chat=chat("may I?", room.id))
    alice.ApproveMember(room_id=room.id, user_id=bob.id)
    stream.expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT, room_id=room.id)
    seek = {"seek": pb.SeekMessage(room_id=room.id, position=5)}
    stream.refuses("PERMISSION_DENIED", **seek)
    alice.SetMemberRole(room_id=room.id, user_id=bob.id, role=models.ROOM_ROLE_ADMIN)
    stream.expect("member", change=pb.MEMBER_CHANGE_ROLE, where=lambda m: m.member.user_id == bob.id)
    stream.send(**seek)
    watcher.expect("room_state", cause=pb.STATE_CAUSE_SEEK, actor_id=bob.id)
    alice.SetMemberRole(room_id=room.id, user_id=bob.id, role=models.ROOM_ROLE_MEMBER)
    stream.refuses("PERMISSION_DENIED", **seek)
    stream.close()
    watcher.close()


@test("a deleted room says so on bound streams, which end, and on unbound ones, which go on")
def _():
    room, other = new_room(bob, name="to be deleted"), new_room(bob, name="to stay")
    bound, unbound = bob.stream(room.id), bob.stream()
    bound.expect("room_state")
    unbound.expect("room_state", room_id=other.id)
    alice.DeleteRoom(room_id=room.id)
    bound.expect("room", deleted=True)
    bound.ends_with("NOT_FOUND", "ROOM_NOT_FOUND")
    unbound.expect("room", deleted=True)
    unbound.send(chat=chat("still here", other.id))
    unbound.expect("chat", room_id=other.id)
    unbound.close()


# ---- slow readers ----


class NotReading:
    """A stream whose client takes the beginning and then no more."""

    def __init__(self, person, room_id):
        self.outbox = queue.Queue()
        self.call = person.stub.MessageStream(
            iter(self.outbox.get, None), metadata=person.metadata + [("x-room-id", room_id)], timeout=300)
        next(self.call)

    def read_to_the_end(self):
        count = 0
        try:
            for _ in self.call:
                count += 1
        except grpc.RpcError as error:
            return count, Failure(error)
        raise AssertionError(f"it ended well, with {count} messages")


@test("a reader that does not read is cut with SLOW_CONSUMER, and nobody else is delayed")
def _():
    sleeper = login(server, "bob")
    room = new_room(bob, carol)
    big = movie(headers={f"Header-{i}": "v" * 1000 for i in range(12)}, subtitles=[models.Subtitle(
        name="subtitle", url="https://example.org/" + "u" * 2000, format="srt")])
    film = alice.AddMovie(room_id=room.id, movie=big).movie
    slow = NotReading(sleeper, room.id)
    reader = carol.stream(room.id)
    reader.expect("room_state")
    updates, slowest = 1000, 0
    for i in range(updates):
        started = time.monotonic()
        revision = i
        alice.UpdateMovie(room_id=room.id, fields=["duration"], movie=models.Movie(id=film.id, duration=revision + 1))
        reader.expect("movies", where=lambda update: update.movie.duration == revision + 1)
        slowest = max(slowest, time.monotonic() - started)
    count, failure = slow.read_to_the_end()
    check_failure(failure, "RESOURCE_EXHAUSTED", "SLOW_CONSUMER")
    assert count < updates, f"{count} of {updates}"
    diag(f"got {count} of {updates} updates of 14 KB; the other reader waited at most {slowest * 1000:.0f} ms")
    again = sleeper.stream(room.id)
    equal(again.next().room_state.cause, pb.STATE_CAUSE_SNAPSHOT)
    equal(kinds([m for m in again.fence() if m.HasField("movies")]), [])
    reader.close()
    again.close()


@test("the server ends well")
def _():
    server.stop()


run()

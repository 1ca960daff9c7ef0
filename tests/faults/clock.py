#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The wall clock of the machine jumps, while the server runs and between two runs."""
import re
import time

from faults import Control, Server, database, equal, eventually, limits, run, test
from client import fails, login, movie, pb, register

HOUR = 3600 * 1000
JUMPS = {"two hours ahead": 2 * HOUR, "two hours back": -2 * HOUR, "three weeks ahead": 21 * 24 * HOUR,
         "to 1970": -int(time.time() - 86400) * 1000, "ten minutes ahead": HOUR // 6, "where it was": 0}
SLACK_S = 30  # that a machine may lose between two of our calls; the jumps are much longer


class NodeClock:
    """The node's clock beside our monotonic one: by what it is ahead."""

    def __init__(self, stream):
        self.stream = stream
        self.offset = self.sample()

    def sample(self):
        before = time.monotonic()
        self.stream.send(ping=pb.PingMessage(client_time=1))
        pong = self.stream.expect("pong")
        after = time.monotonic()
        return pong.server_send_time / 1000 - (before + after) / 2

    def wait_for(self, step_s):
        """Until it has made this step."""
        eventually(lambda: abs(self.sample() - self.offset - step_s) < SLACK_S, f"a step of {step_s} s", every=0.1)
        self.offset = self.sample()

    def is_now(self, ms):
        return abs(ms / 1000 - time.monotonic() - self.offset) < SLACK_S


def position_now(state, clock):
    """As a client works it out."""
    if state.status == pb.PLAYBACK_STATUS_PAUSED:
        return state.current_time
    return state.current_time + (time.monotonic() + clock.offset - state.updated_at / 1000) * state.rate


def steps(server):
    """What the log says of steps of the clock: [(seconds, direction)]"""
    return [(float(seconds), way) for seconds, way in
            re.findall(r"clock was ([0-9.]+) s (behind|ahead of) this machine's", server.stderr())]


@test("when the wall clock is set the node's clock follows and says so, and nothing that plays moves")
def _():
    control = Control()
    with Server(config=limits(), db=database()[1], env=control.env) as server:
        host, guest = register(server, "host"), register(server, "guest")
        room = host.CreateRoom(name="room").room
        guest.JoinRoom(room_id=room.id)
        film = host.AddMovie(room_id=room.id, movie=movie(duration=7200)).movie
        host.SetCurrentMovie(room_id=room.id, movie_id=film.id)
        stream = guest.stream(room.id)
        stream.expect("room_state")
        clock = NodeClock(host.stream(room.id))
        started = time.monotonic()
        state = host.Play(room_id=room.id, position=1000).state
        before = 0
        for number, (what, offset) in enumerate(JUMPS.items(), 1):
            control.clock_offset_ms = offset
            clock.wait_for((offset - before) / 1000)
            before = offset
            # The playhead, as it is told and as it is asked for.
            told = stream.expect("room_state", where=lambda state: clock.is_now(state.updated_at))
            equal(told.cause, pb.STATE_CAUSE_RESYNC)
            for person in (host, guest) if offset >= -2 * HOUR else ():  # what is renewed in 1970 is over in 1970
                person.take(person.RefreshToken(refresh_token=person.refresh_token))
            asked = host.GetRoomInfo(room_id=room.id).state
            assert told.version > state.version, (what, told.version, state.version)
            equal(asked.version, told.version)
            for state in (told, asked):
                drift = position_now(state, clock) - 1000 - (time.monotonic() - started)
                assert abs(drift) < SLACK_S, f"{what}: the movie jumped by {drift} s"
            # What is new has its time from the node's clock.
            again = login(server, "host")
            state = again.Seek(room_id=room.id, position=1000).state
            assert state.version > asked.version, (what, state.version, asked.version)
            assert clock.is_now(state.updated_at), what
            seen = stream.expect("room_state", cause=pb.STATE_CAUSE_SEEK)
            equal(seen.version, state.version)
            started = time.monotonic()
            stream.send(f"chat {offset}", chat=pb.ChatMessage(content=what))
            said = stream.expect("chat", client_message_id=f"chat {offset}")
            assert clock.is_now(said.timestamp), what
            again.Logout()
            fails("UNAUTHENTICATED", "SESSION_ENDED", again.GetProfile)
            equal(len(steps(server)), number)
        equal([said.content for said in guest.GetChatHistory(room_id=room.id).messages], list(reversed(JUMPS)))
        clock.stream.close()
        stream.close()


@test("a session outlives a clock that is years off for a while")
def _():
    control = Control()
    with Server(config=limits(), env=control.env) as server:
        host = register(server, "host")
        control.clock_offset_ms = 10 * 365 * 24 * HOUR
        eventually(lambda: len(steps(server)) == 1, "a step of ten years")
        fails("UNAUTHENTICATED", "TOKEN_EXPIRED", host.GetProfile)
        fails("UNAUTHENTICATED", "SESSION_ENDED", host.RefreshToken, refresh_token=host.refresh_token)
        control.clock_offset_ms = 0
        eventually(lambda: len(steps(server)) == 2, "a step back")
        equal(host.GetProfile().user.id, host.id)
        host.take(host.RefreshToken(refresh_token=host.refresh_token))


@test("a wall clock that is put right after the start is followed")
def _():
    control = Control()
    control.clock_offset_ms = -2 * HOUR
    with Server(config=limits(), env=control.env) as server:
        host = register(server, "host")
        room = host.CreateRoom(name="room").room
        film = host.AddMovie(room_id=room.id, movie=movie(duration=7200)).movie
        host.SetCurrentMovie(room_id=room.id, movie_id=film.id)
        stream = host.stream(room.id)
        stream.expect("room_state")
        host.Play(room_id=room.id, position=600)
        started = time.monotonic()
        control.clock_offset_ms = 0
        eventually(lambda: steps(server), "a line in the log")
        stream.send("late", chat=pb.ChatMessage(content="what time is it?"))
        said = stream.expect("chat", client_message_id="late")
        assert abs(said.timestamp / 1000 - time.time()) < SLACK_S, said
        host.take(host.RefreshToken(refresh_token=host.refresh_token))
        state = host.GetRoomInfo(room_id=room.id).state
        assert 600 <= state.current_time <= 601 + time.monotonic() - started, state
        (seconds, way), = steps(server)
        equal(way, "behind")
        assert abs(seconds - 7200) < SLACK_S, seconds
        stream.close()


@test("what played by a clock that was ahead plays on when the server starts again with one that is right")
def _():
    control = Control()
    db = database()[1]
    control.clock_offset_ms = 2 * HOUR
    with Server(config=limits(), db=db, env=control.env) as server:
        host = register(server, "host")
        room = host.CreateRoom(name="room").room
        film = host.AddMovie(room_id=room.id, movie=movie(duration=7200)).movie
        host.SetCurrentMovie(room_id=room.id, movie_id=film.id)
        version = host.Play(room_id=room.id, position=600).state.version
        started = time.monotonic()
    control.clock_offset_ms = 0
    at = 600
    for newer in (1, 0):  # the first start finds a state from the future
        with Server(config=limits(), db=db, env=control.env) as server:
            host = login(server, "host")
            stream = host.stream(room.id)
            first = stream.expect("room_state")
            looks = [lambda: host.GetRoomInfo(room_id=room.id).state]
            if newer:
                looks.append(lambda: stream.expect("room_state", cause=pb.STATE_CAUSE_RESYNC))  # each 10 s
            for look in looks:
                state = eventually(lambda: (state := look()).current_time > at + 1 and state, "the movie goes on", every=0.1)
                assert state.current_time <= 601 + time.monotonic() - started, state
                assert state.version >= first.version >= version + newer, (state, first, version)
                at = state.current_time
            version = host.Seek(room_id=room.id, position=at).state.version
            assert version > first.version
            stream.close()


def may_chat(stream):
    message_id = stream.send(chat=pb.ChatMessage(content="may I?"))
    while True:
        message = stream.next()
        if message.error.in_reply_to == message_id:
            equal(message.error.code, "RATE_LIMITED")
            return False
        if message.chat.client_message_id == message_id:
            return True


@test("what waits for a time goes on waiting as long as it should")
def _():
    control = Control()
    config = limits(chat_per_second=1)
    with Server(config=config, db="memory:", env=control.env) as server:
        host, guest = register(server, "host"), register(server, "guest")
        room = host.CreateRoom(name="room").room
        guest.JoinRoom(room_id=room.id)
        short = host.AddMovie(room_id=room.id, movie=movie(duration=2)).movie
        host.UpdateRoom(room_id=room.id, fields=["settings"], room={"settings": {"auto_advance": "AUTO_ADVANCE_OFF"}})
        stream = host.stream(room.id)
        host.KickMember(room_id=room.id, user_id=guest.id)
        started = time.monotonic()
        host.SetCurrentMovie(room_id=room.id, movie_id=short.id, autoplay=True)
        control.clock_offset_ms = 2 * HOUR
        ended = stream.expect("room_state", cause=pb.STATE_CAUSE_ENDED)
        took = time.monotonic() - started
        assert took > 2.9, took
        equal(ended.status, pb.PLAYBACK_STATUS_PAUSED)
        # Nobody is kept away for hours who was kicked for 30 s.
        control.clock_offset_ms = -2 * HOUR
        eventually(lambda: len(steps(server)) == 2, "both steps")
        guest.take(guest.RefreshToken(refresh_token=guest.refresh_token))
        guest.JoinRoom(room_id=room.id)
        # A rate that is used up is there again after a second, whatever the wall clock says.
        while may_chat(stream):
            pass
        control.clock_offset_ms = -4 * HOUR
        eventually(lambda: may_chat(stream), "a chat is taken again")
        stream.close()


@test("a server that starts again with another time goes on with its rooms")
def _():
    control = Control()
    db = database()[1]
    versions, positions = [], []
    room = film = refresh = None
    for offset in (0, 40 * 60 * 1000, -2 * HOUR, -2 * HOUR + 40 * 60 * 1000):
        control.clock_offset_ms = offset
        with Server(config=limits(), db=db, env=control.env) as server:
            if room is None:
                host = register(server, "host")
                room = host.CreateRoom(name="room").room
                film = host.AddMovie(room_id=room.id, movie=movie(duration=7200)).movie
                state = host.SetCurrentMovie(room_id=room.id, movie_id=film.id).state
            else:
                other = login(server, "host")
                # The access token of the run before lives an hour, whatever the clock of this one says.
                other.access_token = host.access_token
                equal(other.GetProfile().user.id, host.id)
                other.take(other.RefreshToken(refresh_token=refresh))
                host = other
                state = host.GetRoomInfo(room_id=room.id).state
                equal((state.version, state.current_time), (versions[-1], positions[-1]))
            for _ in range(3):
                positions.append(len(positions) * 10.0)
                versions.append(host.Seek(room_id=room.id, position=positions[-1]).state.version)
            refresh = host.refresh_token
    assert versions == sorted(set(versions)), versions


run()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The wall clock of the machine jumps, while the server runs and between two runs."""
import time

from faults import Control, Server, database, equal, eventually, limits, run, test
from client import fails, login, movie, pb, register

HOUR = 3600 * 1000
JUMPS = {"two hours ahead": 2 * HOUR, "two hours back": -2 * HOUR, "ten years ahead": 10 * 365 * 24 * HOUR,
         "to 1970": -int(time.time() - 86400) * 1000, "ten minutes ahead": HOUR // 6, "where it was": 0}
SLACK_S = 30  # that a machine may lose between two of our calls; the jumps are much longer


class NodeClock:
    """The node's clock beside our monotonic one: what it is ahead must stay the same."""

    def __init__(self, stream):
        self.stream = stream
        self.offset = self.sample()

    def sample(self):
        before = time.monotonic()
        self.stream.send(ping=pb.PingMessage(client_time=1))
        pong = self.stream.expect("pong")
        after = time.monotonic()
        assert pong.server_recv_time <= pong.server_send_time, pong
        return pong.server_send_time / 1000 - (before + after) / 2

    def check(self, what):
        step = self.sample() - self.offset
        assert abs(step) < SLACK_S, f"{what}: the node's clock made a step of {step} s"


def position_now(state, clock):
    """As a client works it out."""
    if state.status == pb.PLAYBACK_STATUS_PAUSED:
        return state.current_time
    return state.current_time + (time.monotonic() + clock.offset - state.updated_at / 1000) * state.rate


@test("when the wall clock jumps the node's clock goes on, tokens stay valid and nothing that plays moves")
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
        clock = NodeClock(stream)
        started = time.monotonic()
        state = host.Play(room_id=room.id, position=1000).state
        for what, offset in JUMPS.items():
            control.clock_offset_ms = offset
            clock.check(what)
            # Old tokens, and new ones, and what is limited by time.
            guest.take(guest.RefreshToken(refresh_token=guest.refresh_token))
            again = login(server, "host")
            info = again.GetRoomInfo(room_id=room.id)
            equal(host.GetRoomInfo(room_id=room.id).state.version, info.state.version)
            again.Logout()
            fails("UNAUTHENTICATED", "SESSION_ENDED", again.GetProfile)
            # The playhead.
            state = info.state
            drift = position_now(state, clock) - 1000 - (time.monotonic() - started)
            assert abs(drift) < SLACK_S, f"{what}: the movie jumped by {drift} s"
            newer = host.Seek(room_id=room.id, position=1000).state
            assert newer.version > state.version, (what, newer.version, state.version)
            assert abs(newer.updated_at / 1000 - time.monotonic() - clock.offset) < SLACK_S, what
            seen = stream.expect("room_state", cause=pb.STATE_CAUSE_SEEK)
            equal(seen.version, newer.version)
            started = time.monotonic()
            # What is stored has its time from the node's clock, too.
            stream.send(f"chat {offset}", chat=pb.ChatMessage(content=what))
            said = stream.expect("chat", client_message_id=f"chat {offset}")
            assert abs(said.timestamp / 1000 - time.monotonic() - clock.offset) < SLACK_S, what
        equal([said.content for said in guest.GetChatHistory(room_id=room.id).messages], list(reversed(JUMPS)))
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
        # Neither is the movie over nor may who was kicked come back.
        fails("PERMISSION_DENIED", "MEMBER_KICKED", guest.JoinRoom, room_id=room.id)
        ended = stream.expect("room_state", cause=pb.STATE_CAUSE_ENDED)
        took = time.monotonic() - started
        assert took > 2.9, took
        equal(ended.status, pb.PLAYBACK_STATUS_PAUSED)
        control.clock_offset_ms = -2 * HOUR
        fails("PERMISSION_DENIED", "MEMBER_KICKED", guest.JoinRoom, room_id=room.id)
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

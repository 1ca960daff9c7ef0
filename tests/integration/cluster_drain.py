#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A member of a cluster is stopped in good order: its people go to the others, and nobody else notices."""
import signal
import time

import grpc

from harness import diag, equal, eventually, run, test
from client import chat, check_failure, movie, pb
from cluster_rig import cluster, elsewhere, newcomers, outcome

from health_v1 import health_pb2, health_pb2_grpc

GUESTS, STREAMS = 12, 15


def online(person):
    return lambda told: told.member.user_id == person.id and told.change == pb.MEMBER_CHANGE_ONLINE


def people_at_two(a, b):
    """A room with alice and dave, who follow it at a, and bob, who does at b and sees both."""
    alice, bob, dave = newcomers(a, "alice", "bob", "dave")
    room = alice.CreateRoom(name="Movie night").room
    for person in (bob, dave):
        person.JoinRoom(room_id=room.id)
    film = alice.AddMovie(room_id=room.id, movie=movie("One")).movie
    alice.SetCurrentMovie(room_id=room.id, movie_id=film.id)
    at_b = elsewhere(b, bob)
    stream_b = at_b.stream(room.id)
    stream_b.expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT)
    ends = {}
    for person in (alice, dave):
        ends[person.id] = person.stream(room.id)
        ends[person.id].expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT)
    for person in (alice, dave):
        if person.id not in online_in(at_b, room):
            stream_b.expect("member", where=online(person))
    return alice, at_b, dave, room, stream_b, ends


def online_in(person, room):
    return {m.user_id for m in person.GetRoomInfo(room_id=room.id).members if m.online}


@test("who has a stream at a member that gets SIGTERM goes on at another: nobody sees them go, and nothing is missed")
def _():
    with cluster() as (a, b, c):
        alice, bob, dave, room, at_b, ends = people_at_two(a, b)
        at_a = ends[alice.id]
        at_a.send(message_id="before", chat=chat("before"))
        last = at_a.expect("chat", content="before").seq
        at_b.expect("chat", content="before")
        sought = alice.Pause(room_id=room.id, position=77.5).state
        at_b.expect("room_state", where=lambda state: state.version == sought.version)

        since = time.monotonic()
        a.send_signal(signal.SIGTERM)
        check_failure(at_a.end(), "UNAVAILABLE", "SHUTTING_DOWN")
        ended = time.monotonic()
        for i in range(3):
            at_b.send(message_id=f"m{i}", chat=chat(f"meanwhile {i}"))
            at_b.expect("chat", content=f"meanwhile {i}")
        chatted = time.monotonic()
        alice = elsewhere(b, alice)
        again = alice.stream(room.id)
        state = again.expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT)
        diag(f"from SIGTERM to the snapshot at another: {1000 * (time.monotonic() - since):.0f} ms, of which the stream "
             f"went on for {1000 * (ended - since):.0f}, and three chats took {1000 * (chatted - ended):.0f}")
        equal((state.version, state.current_time), (sought.version, 77.5))
        missed = alice.GetChatHistory(room_id=room.id, after_seq=last, limit=100).messages
        equal(sorted(m.content for m in missed), [f"meanwhile {i}" for i in range(3)])
        again.send(message_id="after", chat=chat("after"))
        at_b.expect("chat", content="after")
        equal(a.wait(), 0)
        a.check_stderr()

        # Dave does not come back. When that is told, alice has been away for long enough, too.
        seen = []
        at_b.expect("member", where=lambda m: seen.append(m) or
                    m.member.user_id == dave.id and m.change == pb.MEMBER_CHANGE_OFFLINE)
        equal([m for m in seen if m.member.user_id == alice.id], [])
        equal(online_in(bob, room), {alice.id, bob.id})
        at_c = elsewhere(c, bob)
        eventually(lambda: online_in(at_c, room) == {alice.id, bob.id}, "c sees the same", every=0.05)


@test("a member that is stopped says NOT_SERVING at once, refuses calls, and ends its streams one after the other")
def _():
    with cluster() as (a, b, _):
        alice, _, _, room, _, ends = people_at_two(a, b)
        health = health_pb2_grpc.HealthStub(grpc.insecure_channel(a.address))
        watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=60)
        equal(next(watch).status, health_pb2.HealthCheckResponse.SERVING)
        crowd = [ends[alice.id]]
        for person in newcomers(a, *["guest"] * GUESTS):
            person.JoinRoom(room_id=room.id)
            crowd += [person.stream(room.id) for _ in range(STREAMS)]
        for stream in crowd[1:]:
            stream.expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT)
        a.send_signal(signal.SIGTERM)
        equal(next(watch).status, health_pb2.HealthCheckResponse.NOT_SERVING)
        word, failure = outcome(alice.GetRoomInfo, room_id=room.id)
        assert word == "SHUTTING_DOWN" or failure.code in ("UNAVAILABLE", "CANCELLED"), failure
        since = time.monotonic()
        for stream in crowd:
            check_failure(stream.end(), "UNAVAILABLE", "SHUTTING_DOWN")
        diag(f"{len(crowd)} streams have ended within {1000 * (time.monotonic() - since):.0f} ms")
        equal(a.wait(), 0)
        a.check_stderr()


@test("a member that is alone stops at once")
def _():
    with cluster("a") as (a,):
        alice, = newcomers(a, "alice")
        room = alice.CreateRoom(name="Movie night").room
        streams = [alice.stream(room.id) for _ in range(5)]
        for stream in streams:
            stream.expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT)
        since = time.monotonic()
        a.send_signal(signal.SIGTERM)
        for stream in streams:
            check_failure(stream.end(), "UNAVAILABLE", "SHUTTING_DOWN")
        equal(a.wait(), 0)
        diag(f"stopped in {1000 * (time.monotonic() - since):.0f} ms")


run()

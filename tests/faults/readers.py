#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clients that do not read, stand still, or are gone without a word; and 10 000 streams."""
import os
import signal
import socket
import struct
import subprocess
import sys
import time

from faults import (DEADLINE, HERE, SANITIZED, Server, cpu_seconds, diag, environment, equal, limits, mib,
                    resident_bytes, run, test)
from client import pb, register
from h2 import Connection, Loop

N_STREAMS = 1000 if SANITIZED else 10000
STUCK_MAX = 1048576  # bytes that one who does not read may cost
IDLE_MAX = 40 * 1024  # and one to whom nothing happens
TEXT = "\u6620" * 500  # a chat of 1500 bytes
OPTIONS = ["--log-level", "warn"]
SOON = 15  # seconds: not delayed by one who does not read, who is cut after 30
SILENT = 10  # seconds: who says nothing for longer may be taken for gone, and is then hung up on without a word


def follow(loop, address, token, room_id, **how):
    connection = Connection(loop, address, **how)
    return connection.call("MessageStream", token=token, metadata=[("x-room-id", room_id)], last=False)


def is_told(why, since):
    """Whether one who stopped reading at some time was told why the stream has ended, as far as it is bound to be."""
    return "does not read fast enough" in why or (time.monotonic() - since > SILENT and "connection: " in why)


class Talk:
    """One who chats, and one who listens: how long a chat takes from the one to the other."""

    def __init__(self, loop, server, host, guest, room):
        self.loop = loop
        self.sender = follow(loop, server.address, host.access_token, room.id)
        self.listener = follow(loop, server.address, guest.access_token, room.id)
        self.heard = 0
        self.left = self.at_a_time = 0
        self.sent_at = {}
        self.delays = []
        self.sender.on_message = self.on_own
        self.listener.on_message = self.on_message
        loop.run_until(lambda: self.sender.messages and self.listener.messages, "snapshots")

    def say(self):
        if self.left > 0:
            self.left -= 1
            name = f"talk-{len(self.sent_at)}"
            self.sent_at[name] = time.monotonic()
            self.sender.send(pb.ClientMessage(message_id=name, chat=pb.ChatMessage(content=TEXT)))

    def on_own(self, _, data):
        if b"talk-" in data:
            self.say()

    def on_message(self, _, data):
        if b"talk-" in data:
            name = pb.ServerMessage.FromString(data).chat.client_message_id
            self.delays.append(time.monotonic() - self.sent_at[name])

    def chats(self, count, at_a_time=16):
        """Sends so many, and waits until all were heard. The slowest took so long."""
        self.left, self.delays = count, []
        for _ in range(at_a_time):
            self.say()
        self.loop.run_until(lambda: len(self.delays) == count,
                            lambda: f"{len(self.delays)} of {count} heard; {self.sender.ended} {self.listener.ended}", 60)
        return max(self.delays)


def people(server, *names):
    persons = [register(server, name) for name in names]
    room = persons[0].CreateRoom(name="room").room
    for person in persons[1:]:
        person.JoinRoom(room_id=room.id)
    return persons, room


@test("who does not read is cut, costs at most 1 MiB, and delays nobody")
def _():
    loop, n_stuck = Loop(), 20
    with Server(*OPTIONS, config=limits()) as server:
        (host, guest), room = people(server, "host", "guest")
        talk = Talk(loop, server, host, guest, room)
        talk.chats(100)
        # Half of them let nothing be sent any more, the others promise to take everything and do not.
        stuck = [follow(loop, server.address, guest.access_token, room.id, receive_buffer=4096,
                        **({} if i % 2 else {"window": 65535})) for i in range(n_stuck)]
        loop.run_until(lambda: all(call.messages for call in stuck), "snapshots")
        before = resident_bytes(server.pid)
        since = time.monotonic()
        for call in stuck:
            call.connection.stop_reading()
        count, slowest, worst = 0, 0, before
        while count < 5000:  # more than queue and kernel hold
            slowest = max(slowest, talk.chats(500))
            count += 500
            worst = max(worst, resident_bytes(server.pid))
        diag(f"{n_stuck} stuck readers, {count} chats of {len(TEXT.encode())} bytes: "
             f"{mib((worst - before) / n_stuck)} each, a chat took at most {slowest * 1000:.0f} ms")
        assert slowest < SOON, slowest
        if not SANITIZED:
            assert worst - before <= n_stuck * STUCK_MAX, mib(worst - before)
        for call in stuck:
            call.connection.go_on_reading()
        loop.run_until(lambda: all(call.ended is not None for call in stuck), "the end of the stuck")
        ends = [call.ended for call in stuck]
        assert all(is_told(end, since) for end in ends), set(ends)
        assert max(call.messages for call in stuck) < count
        again = follow(loop, server.address, guest.access_token, room.id)
        loop.run_until(lambda: again.messages, "a snapshot")
        loop.close()


@test("who stands still (SIGSTOP) delays nobody, and goes on with a new stream")
def _():
    loop = Loop()
    with Server(*OPTIONS, config=limits()) as server:
        (host, guest, still), room = people(server, "host", "guest", "still")
        talk = Talk(loop, server, host, guest, room)
        with subprocess.Popen([sys.executable, os.path.join(HERE, "follower.py"), server.address, still.access_token,
                               room.id], stdout=subprocess.PIPE, text=True, env=environment()) as follower:
            equal(follower.stdout.readline(), "open\n")
            since = time.monotonic()
            follower.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, follower.pid, os.WSTOPPED)
            slowest = max(talk.chats(500) for _ in range(16))  # 12 MB
            diag(f"beside one that stands still a chat took at most {slowest * 1000:.0f} ms")
            assert slowest < SOON, slowest
            follower.send_signal(signal.SIGCONT)
            line = follower.stdout.readline()
            assert is_told(line, since), line
            equal(follower.stdout.readline(), "open\n")
            follower.kill()
        loop.close()


def half_close(connection):
    connection.socket.shutdown(socket.SHUT_WR)


def reset(connection):
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@test("who is gone, with or without a word, is offline soon")
def _():
    ways = {
        "silent": Connection.stop_reading,  # the machine is there, nothing answers
        "half": half_close,
        "reset": reset,
        "closed": Connection.close,
    }
    loop, gone = Loop(), {}
    with Server(*OPTIONS, config=limits()) as server:
        (host, *others), room = people(server, "host", *ways)
        names = {person.id: person.name for person in others}
        watching = follow(loop, server.address, host.access_token, room.id)

        def on_message(_, data):
            member = pb.ServerMessage.FromString(data).member
            if member.change == pb.MEMBER_CHANGE_OFFLINE:
                gone[names[member.member.user_id]] = time.monotonic() - since

        watching.on_message = on_message
        calls = [follow(loop, server.address, person.access_token, room.id) for person in others]
        loop.run_until(lambda: watching.messages and all(call.messages for call in calls), "snapshots")
        since = time.monotonic()
        for call, way in zip(calls, ways.values()):
            way(call.connection)
        # 10 s until who is gone is offline; 20 s until the silent is asked and 10 s to answer.
        loop.run_until(lambda: len(gone) == len(ways), lambda: f"only {gone} are offline", 120)
        diag(", ".join(f"{name} after {seconds:.1f} s" for name, seconds in gone.items()))
        assert all(9 < gone[name] < 30 for name in gone if name != "silent"), gone
        assert gone["silent"] < 90, gone
        loop.close()


@test("who does not get to the end of the handshake is cut")
def _():
    with Server(*OPTIONS, config=limits()) as server:
        (host,), room = people(server, "host")
        host_, _, port = server.address.rpartition(":")
        mute = [socket.create_connection((host_, int(port))) for _ in range(50)]
        for i, connection in enumerate(mute):
            connection.sendall(b"PRI * HTTP/2.0\r\n"[:i])
        # A handshake has 10 s.
        until = time.monotonic() + DEADLINE
        for connection in mute:
            connection.settimeout(max(until - time.monotonic(), 0.1))
            try:
                while connection.recv(4096):
                    pass
            except ConnectionError:
                pass
            connection.close()
        equal(host.GetRoomInfo(room_id=room.id).room.id, room.id)


@test(f"{N_STREAMS} streams of one process")
def _():
    loop, per_connection, n_rooms = Loop(), 100, 10
    config = limits(streams_per_user=N_STREAMS, streams_per_connection=200, connections_per_address=1000)
    with Server(*OPTIONS, config=config) as server:
        users = [register(server, f"user{i}") for i in range(10)]
        rooms = [users[0].CreateRoom(name=f"room {i}").room for i in range(n_rooms)]
        for user in users[1:]:
            for room in rooms:
                user.JoinRoom(room_id=room.id)
        before, cpu, started = resident_bytes(server.pid), cpu_seconds(server.pid), time.monotonic()
        calls = []
        for i in range(N_STREAMS // per_connection):
            connection = Connection(loop, server.address)
            for _ in range(per_connection):
                calls.append(connection.call("MessageStream", token=users[i % 10].access_token,
                                             metadata=[("x-room-id", rooms[len(calls) % n_rooms].id)], last=False))
            if i % 10 == 9:
                loop.run_until(lambda: all(call.messages for call in calls), "snapshots", 60)
        loop.run_until(lambda: all(call.messages for call in calls), "snapshots", 60)
        each = (resident_bytes(server.pid) - before) / N_STREAMS
        diag(f"{N_STREAMS} streams opened in {time.monotonic() - started:.1f} s, {cpu_seconds(server.pid) - cpu:.2f} s "
             f"of CPU; {each / 1024:.1f} KiB each, {mib(resident_bytes(server.pid))} in all")
        assert SANITIZED or each <= IDLE_MAX, each
        heard = [call.messages for call in calls]
        started = time.monotonic()
        for i in range(n_rooms):
            calls[i].send(pb.ClientMessage(message_id="all", chat=pb.ChatMessage(content="to all")))
        loop.run_until(lambda: all(call.messages > n for call, n in zip(calls, heard)), "the chat", 60)
        diag(f"a chat in each room came to all {N_STREAMS} in {(time.monotonic() - started) * 1000:.0f} ms")
        assert not [call.ended for call in calls if call.ended is not None]
        # All of them go at once.
        loop.close()
        fresh = Loop()
        call = follow(fresh, server.address, users[0].access_token, rooms[0].id)
        fresh.run_until(lambda: call.messages, "a snapshot")
        fresh.close()


run()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A member of a cluster that is stopped for a while: what becomes of the others, and of it when it goes on."""
import contextlib
import signal
import threading
import time

from harness import diag, equal, eventually, run, test
from client import chat, models, movie, pb
from cluster_rig import (POSTGRES, at_once, cluster, elsewhere, last_word_on, lines_with, newcomers, outcome, says,
                         stop_with_lock, stop_without_lock)


@contextlib.contextmanager
def writing(person, room_id):
    """Writes without a pause."""
    over = threading.Event()

    def write():
        while not over.is_set():
            outcome(person.UpdateRoom, room_id=room_id, room=models.Room(description="busy"), fields=["description"])

    threads = [threading.Thread(target=write, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
    for thread in threads:
        thread.join(60)


@contextlib.contextmanager
def stopped(server, stop):
    stop(server)
    try:
        yield
    finally:
        server.send_signal(signal.SIGCONT)


def all_is_well(servers, alice, room):
    """Each member writes, and the others see it."""
    for number, server in enumerate(servers):
        there = elsewhere(server, alice)
        eventually(lambda there=there, number=number: outcome(
            there.AddMovie, room_id=room.id, movie=movie(f"By {number}"))[0] == "OK", f"{server.node_id} writes")
    for server in servers:
        there = elsewhere(server, alice)
        eventually(lambda there=there: {m.name for m in there.GetMovieList(room_id=room.id).movies} >= {
            f"By {number}" for number in range(len(servers))}, f"{server.node_id} sees all", every=0.1)


def not_here(name):
    """Instead of test(), where the database makes a test pointless."""
    return lambda function: function


# SQLite's lock is kept by a process that is stopped; PostgreSQL frees its locks.
on_postgres, on_sqlite = (test, not_here) if POSTGRES else (not_here, test)


@on_postgres("a member that is stopped in the middle of a write holds up the others for as long as PostgreSQL lets it")
def _():
    with cluster(complaints_expected=True) as servers:
        a, b, c = servers
        alice, = newcomers(a, "alice")
        room = alice.CreateRoom(name="Movie night").room
        with writing(elsewhere(b, alice), room.id), stopped(b, stop_with_lock):
            for server in (a, c, a):
                since = time.monotonic()
                elsewhere(server, alice).AddMovie(room_id=room.id, movie=movie("Meanwhile"))
                diag(f"a write waited for {time.monotonic() - since:.1f} s")
        all_is_well(servers, alice, room)
        for server in (a, c):
            assert len(lines_with(server, "lock timeout")) <= 1, server.stderr()


@on_sqlite("while a member that is stopped holds SQLite's lock, writes are refused, and playback and reads go on")
def _():
    with cluster(complaints_expected=True) as servers:
        a, b, c = servers
        alice, = newcomers(a, "alice")
        room = alice.CreateRoom(name="Movie night").room
        film = alice.AddMovie(room_id=room.id, movie=movie("One")).movie
        alice.SetCurrentMovie(room_id=room.id, movie_id=film.id)
        stream = alice.stream(room.id)
        stream.send(chat=chat("before"))
        stream.expect("chat", content="before")
        with writing(elsewhere(b, alice), room.id), stopped(b, stop_with_lock):
            at_c = elsewhere(c, alice)
            ends = at_once(lambda: at_c.CreateRoom(name="Refused"),
                           *20 * [lambda: alice.AddMovie(room_id=room.id, movie=movie("Refused"))])
            equal({word for word, _ in ends}, {"STORAGE_UNAVAILABLE"})
            played = alice.Play(room_id=room.id, position=42).state
            equal(stream.expect("room_state", cause=pb.STATE_CAUSE_PLAY).version, played.version)
            equal([m.name for m in alice.GetMovieList(room_id=room.id).movies], ["One"])
            equal([m.content for m in alice.GetChatHistory(room_id=room.id).messages], ["before"])
            equal(alice.JoinRoom(room_id=room.id).room.id, room.id)
            equal(len(at_c.ListRooms(joined=True).rooms), 1)
            for server in (a, c):
                says(server, " warn ", "in a row were not written")
        all_is_well(servers, alice, room)
        eventually(lambda: at_c.GetRoomInfo(room_id=room.id).state.version >= played.version,
                   "the playback is told at c", every=0.1)
        for server in (a, c):
            says(server, "are written again")
            says(server, "the database works again")
            equal(len(lines_with(server, "in a row were not written")), 1, server.stderr())
            equal(len(lines_with(server, "database is locked")), 1, server.stderr())
            assert len(lines_with(server, " error ")) <= 3, server.stderr()
        stream.close()


@test("a member that is stopped too long is declared dead; what it wakes up to is fenced, and then it goes on")
def _():
    with cluster(complaints_expected=True) as (a, b, c):
        alice, = newcomers(a, "alice")
        at_b = elsewhere(b, alice)
        room = alice.CreateRoom(name="Before").room
        stream = at_b.stream(room.id)
        stream.expect("room_state")
        with stopped(b, stop_without_lock):
            says(a, "node b is suspect")
            says(a, "node b is dead")
            says(c, "node b is dead")
            alice.UpdateRoom(room_id=room.id, room=models.Room(name="Meanwhile"), fields=["name"])
            ends = []
            threads = [threading.Thread(target=lambda number=number: ends.append(
                (number, outcome(at_b.CreateRoom, name=f"Woken {number}")[0]))) for number in range(4)]
            for thread in threads:
                thread.start()
        for thread in threads:
            thread.join(60)
        says(b, "was declared dead; it has registered anew")
        for server in (a, c):
            eventually(lambda server=server: "is alive" in last_word_on(server, "b"), "b is alive again")
        equal(len(ends), 4)
        assert {end for _, end in ends} <= {"OK", "STORAGE_UNAVAILABLE"}, ends
        stored = {room.name for room in alice.ListRooms(joined=True, page_size=50).rooms}
        for number, end in ends:
            equal(f"Woken {number}" in stored, end == "OK", f"a write that ended {end}")
        equal(at_b.CreateRoom(name="After").room.name, "After")
        stream.expect("room", where=lambda told: told.room.name == "Meanwhile")
        for server in (a, c):
            assert not [line for line in lines_with(server, "is dead") if "node b is dead" not in line], server.stderr()


run()

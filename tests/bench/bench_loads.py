# SPDX-License-Identifier: MIT
"""Rooms that come into memory: one large room at a time, and very many at once while others write."""
import contextlib
import statistics
import sys

from bench_calls import API
from bench_storage import movie
from rig import Driver, Missing, field, room_id

MANY = 10000
AT_ONCE = (125, 16)  # connections, calls on each
WRITERS = 8
EVERY_MS = 50


def loads(lab, table):
    measure(lab, table, "SQLite", lab.database)
    try:
        with lab.postgres() as database:
            measure(lab, table, "PostgreSQL", database.url)
    except Missing as missing:
        print(f"without PostgreSQL: {missing} is missing", file=sys.stderr)


def measure(lab, table, store, url):
    large(lab, table, store, url)
    many(lab, table, store, url)


def get_room(lab, user, room):
    return lab.tokens[user % lab.USERS], "", field(1, room)


def large(lab, table, store, url):
    """The first GetRoomInfo of a room with 1000 members and 1000 movies, each at a server that has just started."""
    delays = []
    for n in range(1, lab.LARGE_ROOMS + 1):
        with lab.server(url) as server, Driver(lab, server, path=API + "GetRoomInfo",
                                               targets=lab.targets([get_room(lab, n, f"b{n:011d}")])) as driver:
            driver("open")
            delays.append(driver("each")["max_us"])
    table.add("load a room", "1000 members, 1000 movies", store, p50_us=statistics.median(delays), p99_us=max(delays),
              note=f"{len(delays)} rooms, each by a server just started; of {lab.listed_rooms + lab.ROOMS} rooms")


def many(lab, table, store, url):
    """All rooms of a node that is gone, while somebody adds movies to other rooms."""
    usual, held_up, took, p50 = [], [], [], []
    for _ in range(lab.repetitions):
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(lab.server(url))
            others = range(lab.ROOMS - WRITERS, lab.ROOMS)
            writer = stack.enter_context(Driver(
                lab, server, path=API + "AddMovie", connections=WRITERS, calls=64,
                targets=lab.targets((lab.tokens[n % lab.USERS], "", movie(n)) for n in others)))
            targets = lab.targets(get_room(lab, n, room_id(n)) for n in range(1, AT_ONCE[0] + MANY + 1))
            with Driver(lab, server, path=API + "GetRoomInfo", targets=targets, connections=AT_ONCE[0],
                        calls=1) as first:
                first("open")
                first("run", 0.1)  # who they are is known now, without asking for it more often than may wait
            readers = stack.enter_context(Driver(lab, server, path=API + "GetRoomInfo", targets=targets,
                                                 connections=AT_ONCE[0], calls=AT_ONCE[1]))
            writer("open")
            readers("open")
            writer("pace", 0.5, EVERY_MS)  # statements are prepared, plans made
            usual.append(writer("pace", 2, EVERY_MS)["p50_us"])
            readers.send("each")
            longest, middle = 0, []
            while not readers.has_answered():
                answer = writer("pace", 0.5, EVERY_MS)
                longest = max(longest, answer["max_us"])
                middle.append(answer["p50_us"])
            took.append(readers.answer()["seconds"])
            held_up.append(longest - usual[-1])
            p50.append(statistics.median(middle))
    load = f"{MANY} rooms at once"
    table.add("AddMovie meanwhile", load, store, p50_us=statistics.median(p50), p99_us=statistics.median(held_up),
              note=f"usually {statistics.median(usual):.0f} µs; p99 is what the longest one took beyond that; "
                   f"the rooms took {statistics.median(took):.1f} s",
              held_up_ms=statistics.median(held_up) / 1000)

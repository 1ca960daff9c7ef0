# SPDX-License-Identifier: MIT
"""Durable writes beside bare SQLite and PostgreSQL, on the disk as it is and on a slow one; and how soon the server is
there."""
import contextlib
import os
import statistics
import sys

from bench_calls import API
from bench_streams import STREAM, chat
from rig import Driver, Missing, field, room_id

CLIENTS = 64


def movie(number):
    return field(1, room_id(number)) + field(2, field(3, "A film") + field(4, "https://example.org/film.mp4") +
                                             field(5, 1) + field(6, 5400.0))


def writes(lab, table):
    writes_in_sqlite(lab, table)
    writes_in_postgres(lab, table)


def writes_in_sqlite(lab, table):
    """AddMovie from 64 clients, each acknowledged when it is on disk."""
    rooms_used = 128
    for disk, preload in [("disk as it is", None), ("fsync + 5 ms", lab.program("slow_fsync.so"))]:
        results = {"AddMovie": [], "Seek": [], "SQLite, one a time": [], "SQLite, 64 a time": []}
        with lab.server(preload=preload) as server:
            for repetition in range(lab.repetitions):
                rooms = range(rooms_used, rooms_used + CLIENTS)
                rooms_used += CLIENTS
                for subject, path, body in [("AddMovie", "AddMovie", movie),
                                            ("Seek", "Seek", lambda n: field(1, room_id(n)) + field(2, 61.5))]:
                    targets = lab.targets((lab.tokens[n], "", body(n)) for n in rooms)
                    with Driver(lab, server, path=API + path, targets=targets, connections=CLIENTS,
                                calls=1) as driver:
                        driver("open")
                        results[subject].append(driver("run", lab.seconds))
                for subject, rows in [("SQLite, one a time", 1), ("SQLite, 64 a time", CLIENTS)]:
                    name = lab.path(f"floor-{bool(preload):d}-{rows}-{repetition}.db")
                    results[subject].append(lab.run("sqlite_floor", name, rows, lab.seconds, preload=preload))
                    for suffix in ["", "-wal", "-shm"]:
                        if os.path.exists(name + suffix):
                            os.unlink(name + suffix)
        rate = {subject: statistics.median(run["rate"] for run in runs) for subject, runs in results.items()}
        cpu = {subject: statistics.median(run["cpu_us"] for run in runs) for subject, runs in results.items()}
        faster = rate["AddMovie"] / rate["SQLite, one a time"]
        share = cpu["AddMovie"] / (cpu["Seek"] + cpu["SQLite, 64 a time"])
        table.add_group("durable write", disk, results, "SQLite, 64 a time", {
            "AddMovie": f"{faster:.1f} x the rate of one a time; CPU {share:.2f} x (Seek + a batched insert)"},
                        faster=faster, share=share)


def writes_in_postgres(lab, table):
    """AddMovie and chat from 64 clients, beside one connection that does the same."""
    seconds = 2 * lab.seconds
    rooms = range(128, 128 + CLIENTS)
    for disk, preload in [("disk as it is", None), ("fsync + 5 ms", lab.program("slow_fsync.so"))]:
        with contextlib.ExitStack() as stack:
            try:
                database = stack.enter_context(lab.postgres(preload))
            except Missing as missing:
                print(f"without PostgreSQL: {missing} is missing", file=sys.stderr)
                return
            server = stack.enter_context(lab.server(database.url))
            movies = stack.enter_context(Driver(
                lab, server, path=API + "AddMovie", connections=CLIENTS, calls=1,
                targets=lab.targets((lab.tokens[n], "", movie(n)) for n in rooms)))
            streams = stack.enter_context(Driver(
                lab, server, path=STREAM, connections=CLIENTS, streams=1, say=chat().hex(),
                targets=lab.targets((lab.tokens[n], room_id(n), b"") for n in rooms)))

            def measure(driver, command):
                before = database.cpu_s()
                answer = driver(command, seconds)
                return answer | {"backend_us": (database.cpu_s() - before) * 1e6 / max(1, answer["ops"])}

            movies("open")
            streams("open")
            streams("idle", 1.5)
            for subject, driver, command, what in [("AddMovie", movies, "run", "movie"),
                                                   ("chat", streams, "talk", "chat")]:
                floor = f"one connection, {what}"
                results = {subject: [], floor: []}
                measure(driver, command)  # statements are prepared, plans made
                for _ in range(lab.repetitions):
                    results[subject].append(measure(driver, command))
                    results[floor].append(lab.run("postgres_floor", database.url, what, rooms.stop, seconds))
                faster = statistics.median(ours["rate"] / other["rate"]
                                           for ours, other in zip(results[subject], results[floor]))
                notes = {name: f"PostgreSQL {statistics.median(run['backend_us'] for run in runs):.0f} µs"
                         for name, runs in results.items()}
                notes[subject] = f"{faster:.1f} x the rate of one connection; " + notes[subject]
                table.add_group("write in PostgreSQL", disk, results, floor, notes, faster=faster)


def start(lab, table):
    """From exec to the line that says ready."""
    for load, database in [("existing database", lab.database), ("new database", None)]:
        times = []
        for i in range(lab.repetitions + 2):
            url = database or lab.path(f"new-{i}.db")
            with lab.server(url) as server:
                times.append(server.start_ms)
        table.add("start", load, "synctv-server", p50_us=statistics.median(times) * 1000, p99_us=max(times) * 1000,
                  note=f"{os.path.getsize(url) / 1e6:.0f} MB")

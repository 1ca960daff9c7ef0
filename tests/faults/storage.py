#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The disk: full and with space again, standing still, read-only; and databases that are not what they should be."""
import ctypes
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import threading
import time

import grpc

from faults import (DEADLINE, SERVER_BINARY, Control, Server, database, diag, directory, environment, equal,
                    eventually, limits, mib, resident_bytes, run, temp_path, test)
from client import chat, fails, kinds, login, movie, pb, register
from h2 import Connection, Loop

HOLD_S = float(os.environ.get("FAULTS_HOLD_S", 30))  # how long a call of storage takes
WRITES_MAX = 4096  # that wait, store.h


# ---- a full disk ----


def storage_works(host, room):
    return host.AddMovie(room_id=room.id, movie=movie("while there is space")).movie


def survives_a_full_disk(server, fill, free):
    """fill() takes all space, free() gives it back; fill() may be called again."""
    host, guest = register(server, "host"), register(server, "guest")
    room = host.CreateRoom(name="room").room
    guest.JoinRoom(room_id=room.id)
    film = storage_works(host, room)
    host.SetCurrentMovie(room_id=room.id, movie_id=film.id)
    stream = guest.stream(room.id)
    stream.expect("room_state")
    stream.send("before", chat=chat("before"))
    stream.expect("chat", client_message_id="before")

    fill()
    stored = host.GetMovieList(room_id=room.id).total
    for _ in range(200):  # what SQLite has in hand already takes some more
        try:
            storage_works(host, room)
            stored += 1
        except Exception:  # pylint: disable=broad-except
            break
        fill()
    for _ in range(3):
        fails("UNAVAILABLE", "STORAGE_UNAVAILABLE", host.AddMovie, room_id=room.id, movie=movie("lost"))
        fails("UNAVAILABLE", "STORAGE_UNAVAILABLE", guest.LeaveRoom, room_id=room.id)
        fails("UNAVAILABLE", "STORAGE_UNAVAILABLE", host.UpdateRoom, room_id=room.id, fields=["name"], room={
            "name": "never"})
        stream.refuses("STORAGE_UNAVAILABLE", chat=chat("lost"))
        # Reading and playing go on.
        equal(host.GetMovieList(room_id=room.id).total, stored)
        equal([said.content for said in guest.GetChatHistory(room_id=room.id).messages], ["before"])
        equal(len(host.ListRooms(search="roo").rooms), 1)
        host.Play(room_id=room.id, position=10)
        stream.expect("room_state", cause=pb.STATE_CAUSE_PLAY)
        version = host.Pause(room_id=room.id, position=100).state.version
        stream.expect("room_state", cause=pb.STATE_CAUSE_PAUSE, current_time=100)
    equal(kinds(stream.fence()), [])

    free()
    storage_works(host, room)
    stream.expect("movies", change=pb.LIST_CHANGE_ADDED)
    stream.send("after", chat=chat("after"))
    equal(stream.expect("chat", client_message_id="after").seq, 2)
    equal(login(server, "guest").id, guest.id)
    info = host.GetRoomInfo(room_id=room.id)
    equal((info.room.name, info.state.version, len(info.members)), ("room", version, 2))
    equal(host.GetMovieList(room_id=room.id).total, stored + 1)
    stream.close()
    return host, room, version


def is_there_after(db, host, room, version):
    with Server(config=limits(), db=db) as server:
        again = login(server, "host")
        info = again.GetRoomInfo(room_id=room.id)
        equal((info.state.version, info.state.current_time, info.room.name), (version, 100, "room"))
        equal([said.content for said in again.GetChatHistory(room_id=room.id).messages], ["after", "before"])
        assert "lost" not in {entry.name for entry in again.GetMovieList(room_id=room.id).movies}


def told_once(server, what, since):
    """The log says when it began, and that it is over; of what else there was to say, one line a second."""
    lines = [line for line in server.stderr().splitlines() if "store" in line]
    assert what in lines[0] and "works again" in lines[-1], lines
    assert len(lines) <= 2 + time.monotonic() - since, lines


def private_mounts():
    """Mounts that only we and our children see, and that end with us. Not everybody may."""
    if os.geteuid() != 0 or ctypes.CDLL(None, use_errno=True).unshare(0x20000) != 0:
        return False
    return subprocess.run(["mount", "--make-rprivate", "/"], check=False, stderr=subprocess.DEVNULL).returncode == 0


def mount_small(size):
    folder = temp_path("small")
    os.mkdir(folder)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    return folder


MAY_MOUNT = private_mounts()
if not MAY_MOUNT:
    diag("no tests with a disk of our own: we may not mount one")


def on_a_small_disk():
    folder = mount_small("3m")
    db = "sqlite:" + os.path.join(folder, "synctv.db")
    ballast = os.path.join(folder, "ballast")

    def fill():
        with open(ballast, "ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    started = time.monotonic()
    with Server(config=limits(), db=db, complaints_expected=True) as server:
        end = survives_a_full_disk(server, fill, lambda: os.unlink(ballast))
        told_once(server, "full", started)
    is_there_after(db, *end)


if MAY_MOUNT:
    test("on a full disk writes fail, the rest goes on, and space heals without a restart")(on_a_small_disk)


@test("a disk that says full is the same")
def _():
    control = Control()
    db = database()[1]
    started = time.monotonic()
    with Server(config=limits(), db=db, env=control.env, complaints_expected=True) as server:
        end = survives_a_full_disk(server, lambda: setattr(control, "full", 1), lambda: setattr(control, "full", 0))
        assert control.refused > 0
        told_once(server, "full", started)
    is_there_after(db, *end)


@test("a limit to the size of files is the same, and no signal kills")
def _():
    path, db = database()
    with Server(config=limits(), db=db, complaints_expected=True) as server:
        def fill():
            size = max(os.path.getsize(path), os.path.getsize(path + "-wal"))
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

        end = survives_a_full_disk(server, fill, lambda: resource.prlimit(
            server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)))
    is_there_after(db, *end)


@test("a full disk under load is a few lines in the log, and what a client is told leads to one of them")
def _():
    control, loop, n_calls = Control(), Loop(), 500
    with Server(config=limits(), db=database()[1], env=control.env, complaints_expected=True) as server:
        host = register(server, "host")
        room = host.CreateRoom(name="room").room
        started, told = time.monotonic(), set()
        control.full = 1

        def on_end(_, why):
            told.add(why)

        connections = [Connection(loop, server.address) for _ in range(10)]
        calls = 0
        while calls < n_calls:
            for connection in connections:
                for ask, method in ((pb.AddMovieRequest(room_id=room.id, movie=movie("lost")), "AddMovie"),
                                    (pb.UpdateRoomRequest(room_id=room.id, fields=["name"], room={"name": "no"}),
                                     "UpdateRoom")):
                    connection.call(method, ask, host.access_token).on_end = on_end
                    calls += 1
        loop.run_until(lambda: not any(connection.calls for connection in connections), "all answers", DEADLINE)
        loop.close()

        def lines():
            return [line for line in server.stderr().splitlines() if "STORAGE_UNAVAILABLE" in line]

        minutes = (time.monotonic() - started) / 60
        assert 1 <= len(lines()) <= 1 + minutes, lines()
        ids = {re.search(r"\((\S{12})\)", why).group(1) for why in told if "storage" in why}
        assert ids and all(any(told_id in line for line in lines()) for told_id in ids), (ids, lines())

        control.full = 0
        storage_works(host, room)
        eventually(lambda: host.GetMovieList(room_id=room.id) and "calls work again" in server.stderr(), "the end")
        last = [line for line in server.stderr().splitlines() if "calls work again" in line]
        equal(len(last), 1)
        assert re.search(rf"{n_calls - 1} more", last[0]) or minutes > 0.9, last


# ---- a disk that stands still ----


@test(f"while a call of storage takes {HOLD_S:.0f} s the rest goes on, writes wait up to a bound, and all recover")
def _():
    control = Control()
    n_connections, loop = 46, Loop()
    config = limits(movies_per_room=10000)
    with Server(config=config, db=database()[1], env=control.env) as server:
        host = register(server, "host")
        room, other = host.CreateRoom(name="room").room, host.CreateRoom(name="other").room
        film = storage_works(host, room)
        host.SetCurrentMovie(room_id=room.id, movie_id=film.id)
        host.GetRoomInfo(room_id=other.id)
        stream = host.stream(room.id)
        stream.expect("room_state")
        before = resident_bytes(server.pid)

        control.hold_syncs = 1
        answered, refused, odd = [], [], []

        def on_end(call, why):
            if not why:
                answered.append(call)
            else:
                (refused if "busy" in why else odd).append(why)

        connections = [Connection(loop, server.address) for _ in range(n_connections)]
        ask = pb.AddMovieRequest(room_id=other.id, movie=movie("waits"))
        n_calls = 0
        for connection in connections:
            for _ in range(100):
                connection.call("AddMovie", ask, host.access_token).on_end = on_end
                n_calls += 1
            if len(answered) == 0 and connection is connections[0]:
                loop.run_until(lambda: control.held > 0, "the disk to stand still")
        started = time.monotonic()
        loop.run_until(lambda: len(refused) >= n_calls - WRITES_MAX - 256, lambda: f"{len(refused)} refused", DEADLINE)
        diag(f"{n_calls} writes: {len(refused)} refused after {time.monotonic() - started:.2f} s, "
             f"the others hold {mib(resident_bytes(server.pid) - before)}")

        pace, slowest = threading.Event(), 0
        version, position = 0, 0
        while time.monotonic() - started < HOLD_S:
            began = time.monotonic()
            position += 1
            host.Play(room_id=room.id, position=position)
            told = stream.expect("room_state", cause=pb.STATE_CAUSE_PLAY)
            assert position <= told.current_time < position + 0.5 + time.monotonic() - began, told
            version = host.Pause(room_id=room.id, position=position).state.version
            stream.expect("room_state", cause=pb.STATE_CAUSE_PAUSE)
            host.GetRoomInfo(room_id=room.id)
            equal(host.GetMovieList(room_id=room.id).total, 1)
            equal(len(host.ListRooms(joined=True).rooms), 2)
            equal(len(host.GetChatHistory(room_id=room.id).messages), 0)
            slowest = max(slowest, time.monotonic() - began)
            loop.turn(0)
            pace.wait(0.5)
        assert control.held > 0 and not answered and not odd, (control.held, len(answered), odd[:3])
        diag(f"a round of 8 calls took at most {slowest * 1000:.0f} ms")
        assert slowest < HOLD_S * 2 / 3, slowest  # none of them has waited for storage

        control.hold_syncs = 0
        loop.run_until(lambda: len(answered) + len(refused) + len(odd) == n_calls, "all answers", DEADLINE)
        equal((odd[:3], len(answered) + len(refused)), ([], n_calls))
        assert len(answered) >= WRITES_MAX, len(answered)
        equal(host.GetMovieList(room_id=other.id).total, len(answered))
        stream.send("after", chat=chat("after"))
        stream.expect("chat", client_message_id="after")
        equal(host.GetRoomInfo(room_id=room.id).state.version, version)
        stream.close()
    loop.close()


@test("what has waited for storage then comes all at once, and cuts nobody who reads")
def _():
    control, loop, n_chats = Control(), Loop(), 600
    with Server("--log-level", "warn", config=limits(), db=database()[1], env=control.env) as server:
        host = register(server, "host")
        room = host.CreateRoom(name="room").room
        streams = [Connection(loop, server.address).call(
            "MessageStream", token=host.access_token, metadata=[("x-room-id", room.id)], last=False) for _ in range(50)]
        loop.run_until(lambda: all(stream.messages for stream in streams), "snapshots")
        before = [stream.messages for stream in streams]
        control.hold_syncs = 1
        for i in range(n_chats):
            streams[i % 10].send(pb.ClientMessage(message_id=f"m{i}", chat=pb.ChatMessage(content="hello")))
        pings = [stream.messages for stream in streams[:10]]
        for stream in streams[:10]:  # each is answered behind the chats of its stream, so all of these are queued
            stream.send(pb.ClientMessage(message_id="p", ping=pb.PingMessage(client_time=1)))
        loop.run_until(lambda: all(stream.messages > n for stream, n in zip(streams, pings)), "pongs")
        control.hold_syncs = 0
        loop.run_until(lambda: all(stream.ended is not None or stream.messages >= n + n_chats
                                   for stream, n in zip(streams, before)), "all chats")
        equal({stream.ended for stream in streams}, {None})
    loop.close()


@test("who has to stop while storage stands still gives up in time, and says so")
def _():
    control = Control()
    db = database()[1]
    server = Server(config=limits(), db=db, env=control.env)
    host = register(server, "host")
    room = host.CreateRoom(name="room").room
    storage_works(host, room)
    loop = Loop()
    control.hold_syncs = 1
    call = Connection(loop, server.address).call("AddMovie", pb.AddMovieRequest(room_id=room.id, movie=movie("waits")),
                                                 host.access_token)
    loop.run_until(lambda: control.held > 0, "the disk to stand still")
    started = time.monotonic()
    server.send_signal(15)
    status = server.wait(60)
    took = time.monotonic() - started
    equal((status, "could not stop in time" in server.stderr()), (1, True))
    assert 9 < took < 30, took
    assert call.messages == 0
    loop.close()
    with Server(config=limits(), db=db) as server:
        assert login(server, "host").GetMovieList(room_id=room.id).total in (1, 2)


# ---- databases that are not what they should be ----


def make_database():
    """Some pages of everything."""
    path, db = database()
    with Server(config=limits(), db=db) as server:
        host = register(server, "host")
        room = host.CreateRoom(name="room").room
        for i in range(50):
            host.AddMovie(room_id=room.id, movie=movie(f"movie {i}"))
    return path


def contents(folder):
    """All but the shared memory of those who have the database open, which holds nothing of its own."""
    return {name: open(os.path.join(folder, name), "rb").read() for name in sorted(os.listdir(folder))
            if not name.endswith("-shm")}


def refused(path, *words, command=()):
    """The server says in one sentence why it does not start, and touches nothing."""
    folder = os.path.dirname(path)
    before = contents(folder)
    done = subprocess.run([*command, SERVER_BINARY, "--listen", "127.0.0.1:0", "--db", "sqlite:" + path], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE, env=environment(),
                          cwd=directory, check=False)
    equal((done.returncode, done.stdout), (2, ""), done.stderr)
    equal(done.stderr.count("\n"), 1, "lines")
    for word in (path, *words):
        assert word in done.stderr, f"{word!r} is not in {done.stderr!r}"
    assert contents(folder) == before, f"{path} was changed: {done.stderr}"


def copy_of(path, name):
    copy = os.path.join(temp_path(name), "synctv.db")
    os.mkdir(os.path.dirname(copy))
    shutil.copy(path, copy)
    return copy


@test("a damaged database is left as it is")
def _():
    whole = make_database()
    size = os.path.getsize(whole)
    with open(whole, "rb") as file:
        data = file.read()
    damages = {
        "no database": b"this is a text\n" * 1000,
        "noise": os.urandom(size),
        "damaged header": b"\xff" * 100 + data[100:],
        "damaged first page": data[:100] + os.urandom(3996) + data[4096:],
        "half": data[:size // 2 // 4096 * 4096],
        "one page": data[:4096],
        "cut in a page": data[:size - 1000],
        "one byte": data[:1],
        "a hundred bytes": data[:100],
    }
    for name, damaged in damages.items():
        path = copy_of(whole, name.replace(" ", "-"))
        with open(path, "wb") as file:
            file.write(damaged)
        try:
            refused(path, "damaged", "put a backup in its place", "README")
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None


@test("a page that was overwritten is told at the start, or in the log once it is read")
def _():
    whole = make_database()
    with open(whole, "rb") as file:
        data = file.read()
    sentence = ("is damaged", "put a backup in its place", "README")
    at_the_start = at_work = 0
    for begin in range(4096, len(data), 4096):
        path = copy_of(whole, f"page-{begin}")
        with open(path, "wb") as file:
            file.write(data[:begin] + b"\xff" * 4096 + data[begin + 4096:])
        try:
            started = Server(config=limits(), db="sqlite:" + path, complaints_expected=True)
        except AssertionError as error:
            assert str(error).startswith("ended with 2"), error
            refused(path, *sentence)
            at_the_start += 1
            continue
        with started as server:
            try:
                host = login(server, "host")
                for room in host.ListRooms(joined=True).rooms:
                    host.AddMovie(room_id=room.id, movie=movie("one more"))
                    host.GetMovieList(room_id=room.id)
            except grpc.RpcError:
                at_work += 1
                eventually(lambda: "store:" in server.stderr(), "the log's line")
                line = next(line for line in server.stderr().splitlines() if "store:" in line)
                assert all(word in line for word in (*sentence, path)), line
    diag(f"{at_the_start} pages at the start, {at_work} at work, of {len(data) // 4096 - 1}")
    assert at_the_start > 0 and at_work > 0


@test("facts about the database that are missing or no facts are damage")
def _():
    whole = make_database()
    for number, (sql, word) in enumerate({
            "DELETE FROM meta": "token secret",
            "DELETE FROM meta WHERE key = 'jwt_secret'": "token secret",
            "UPDATE meta SET value = 'short' WHERE key = 'jwt_secret'": "token secret",
            "UPDATE meta SET value = CAST(x'ff' AS TEXT) WHERE key = 'jwt_secret'": "token secret",
            "UPDATE meta SET value = 'no id' WHERE key = 'node_id'": "node id",
    }.items()):
        path = copy_of(whole, f"fact-{number}")
        db = sqlite3.connect(path, isolation_level=None)
        db.execute(sql)
        db.close()
        refused(path, f"the database {path} is damaged", word, "put a backup in its place; README")


@test("a database of a newer version, or of another program, is left as it is")
def _():
    whole = make_database()
    for name, sql in {"newer": "PRAGMA user_version = 1000", "other": "PRAGMA application_id = 7"}.items():
        path = copy_of(whole, name)
        db = sqlite3.connect(path, isolation_level=None)
        db.execute(sql)
        db.close()
        assert not os.path.exists(path + "-wal")
        refused(path, "newer" if name == "newer" else "another program")


@test("so is one whose last process was killed")
def _():
    whole = make_database()
    path = copy_of(whole, "killed")
    other = copy_of(whole, "writing")
    db = sqlite3.connect(other, isolation_level=None)
    db.execute("PRAGMA user_version = 1000")
    for suffix in ("", "-wal"):
        shutil.copy(other + suffix, path + suffix)  # as kill -9 leaves them
    db.close()
    refused(path, "newer")


@test("a folder or a file that is read-only is named")
def _():
    whole = make_database()
    # Root may write everywhere, unless it gives that up.
    command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"] if os.geteuid() == 0 else []
    path = copy_of(whole, "folder")
    os.chmod(os.path.dirname(path), 0o500)
    refused(path, "Permission denied", command=command)
    empty = os.path.join(temp_path("empty"), "synctv.db")
    os.mkdir(os.path.dirname(empty), 0o500)
    refused(empty, "Permission denied", command=command)
    path = copy_of(whole, "file")
    os.chmod(path, 0o400)
    refused(path, "read-only", command=command)


def on_a_read_only_disk():
    folder = mount_small("8m")
    path = os.path.join(folder, "synctv.db")
    shutil.copy(make_database(), path)
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    refused(path, "read-only")
    refused(os.path.join(folder, "new.db"), "Read-only file system")


if MAY_MOUNT:
    test("a disk that is read-only is named")(on_a_read_only_disk)

run()

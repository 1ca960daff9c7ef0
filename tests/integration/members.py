#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Several servers on one SQLite file: who may be there, and who counts as alive."""
import os
import socket
import threading

from harness import Server, equal, run, run_program, test, write_file
from client import chat, movie, register
from cluster_rig import SECRET, database, elsewhere, last_word_on, lines_with, member, options, says


def refused(*args, saying):
    """Exit 2 and one sentence that says all of this."""
    status, stdout, stderr = run_program("--listen", "127.0.0.1:0", *args)
    equal((status, stdout), (2, ""))
    lines = stderr.splitlines()
    equal(len(lines), 1, stderr)
    for word in [saying] if isinstance(saying, str) else saying:
        assert word in lines[0], f"{word!r} is not in {lines[0]!r}"


@test("three servers share one file, find each other, and what one writes the others read")
def _():
    db = database()
    with member(db, "a") as a, member(db, "b") as b, member(db, "c") as c:
        servers = {"a": a, "b": b, "c": c}
        for name, server in servers.items():
            equal(server.node_id, name)
            for other in servers:
                if other != name:
                    says(server, f"node {other} is alive")
        says(a, f"node b is alive, address {b.address}")
        alice = register(a, "alice")
        room = alice.CreateRoom(name="Movie night").room
        for server in (b, c):
            equal(elsewhere(server, alice).GetRoomInfo(room_id=room.id).room.name, "Movie night")
        bob = register(c, "bob")
        bob.JoinRoom(room_id=room.id)
        equal([found.member_count for found in elsewhere(b, alice).ListRooms(joined=True).rooms], [2])
        b.stop()
        says(a, "node b has left")
        says(c, "node b has left")
        assert "suspect" not in last_word_on(a, "b"), last_word_on(a, "b")


@test("who has just come is found without waiting for a heartbeat, and what they write is seen")
def _():
    db = database()
    rarely = ("--heartbeat-ms", "60000")
    with member(db, "a", *rarely) as a:
        alice = register(a, "alice")
        room = alice.CreateRoom(name="Movie night").room
        stream = alice.stream(room.id)
        stream.expect("room_state")
        with member(db, "b", *rarely) as b:
            elsewhere(b, alice).AddMovie(room_id=room.id, movie=movie("From b"))
            stream.expect("movies")
            says(a, "node b is alive")


@test("who follows a room at one server sees what is done in it at another")
def _():
    db = database()
    with member(db, "a") as a, member(db, "b") as b:
        alice = register(a, "alice")
        room = alice.CreateRoom(name="Movie night").room
        there = elsewhere(b, alice)
        stream = there.stream(room.id)
        stream.expect("room_state")
        added = alice.AddMovie(room_id=room.id, movie=movie("The Kid")).movie
        equal(stream.expect("movies").movie.id, added.id)
        here = alice.stream(room.id)
        here.expect("room_state")
        here.send(chat=chat("does it work?"))
        equal(stream.expect("chat").content, "does it work?")
        alice.SetCurrentMovie(room_id=room.id, movie_id=added.id, autoplay=True)
        equal(stream.expect("room_state", where=lambda state: state.movie_id).movie_id, added.id)
        for end in (stream, here, there, alice):
            end.close()


@test("a member and a server that is alone refuse each other, with a sentence that says what to do")
def _():
    db = database()
    with member(db, "a") as a:
        refused("--db", db, saying=("members of a cluster use the database", "stop them", "cluster secret"))
        done = run_program("user", "add", "carol", "--db", db, stdin="correct horse\n")
        equal(done[0], 0, done[2])
        register(a, "dave")
    with Server(db=db):
        refused("--db", db, *options("a"), saying=("for itself", "stop it", "give it the secret"))
    with member(db, "a"):
        pass


@test("a second live node of one id is refused; after kill -9 its id is free at once")
def _():
    db = database()
    with member(db, "b") as b:
        a = member(db, "a")
        says(b, "node a is alive")
        refused("--db", db, *options("a"), saying=("the node a is running already", "node id of its own"))
        alice = register(a, "alice")
        for _ in range(3):
            a.kill()
            a = member(db, "a")
            equal(elsewhere(a, alice).CreateRoom(name="Again").room.name, "Again")
        a.stop()
        says(b, "node a has left")


@test("a member that is started again at its address after kill -9 is linked without a complaint")
def _():
    db = database()
    with member(db, "a") as a:
        b = member(db, "b")
        for _ in range(3):
            says(b, "there is a link to node a")
            equal(lines_with(b, " warn "), [])
            b.kill()
            b = member(db, "b", listen=b.address)
        b.stop()


@test("a server whose place another start of its node has taken ends with 2 and says why")
def _():
    db = database()
    first = member(db, "a")
    os.remove(db.removeprefix("sqlite:") + ".node-a.lock")  # or there could be no second one
    with member(db, "a") as second:
        equal(first.wait(), 2)
        assert "another start of the node a has taken this one's place" in first.stderr(), first.stderr()
        register(second, "alice")
        assert os.path.exists(db.removeprefix("sqlite:") + ".node-a.lock")
        refused("--db", db, *options("a"), saying="the node a is running already")


@test("members that start at the same moment on a new file are all ready")
def _():
    for _ in range(5):
        db, started, failed = database(), [], []

        def start(name):
            try:
                started.append(member(db, name))  # pylint: disable=cell-var-from-loop
            except AssertionError as error:
                failed.append(error)  # pylint: disable=cell-var-from-loop

        threads = [threading.Thread(target=start, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        equal(failed, [])
        equal(len(started), 3)
        for server in started:
            server.stop()


@test("what is wrong with the settings of a member is one sentence")
def _():
    db = database()
    secret = ("--cluster-secret-file", SECRET)
    refused("--db", db, *secret, saying=("--node-id", "port"))
    refused("--db", "memory:", *options("a"), saying="memory:")
    refused("--db", db, *options("a"), "--listen", "0.0.0.0:0", saying=("--advertise", "0.0.0.0:0"))
    refused("--db", db, *options("a"), "--advertise", "0.0.0.0:7000", saying="--advertise")
    refused("--db", db, *options("a"), "--advertise", "192.0.2.1:0", saying="--advertise")
    refused("--db", db, "--advertise", "192.0.2.1:7000", saying=("--advertise", "cluster secret"))
    refused("--db", db, "--heartbeat-ms", "5", saying=("--heartbeat-ms", "100"))
    refused("--db", db, "--cluster-secret-file", write_file("secret", "too short\n" + 40 * "x"), "--node-id", "a",
            saying=("--cluster-secret-file", "32"))
    refused("--db", db, "--cluster-secret-file", "/no/such/file", "--node-id", "a", saying="/no/such/file")
    refused("--check-config", "--db", db, *secret, "--listen", "[::]:7000", saying="--advertise")
    equal(run_program("--check-config", "--db", db, *secret, "--listen", "127.0.0.1:7000")[0], 0)


@test("by default a member's id is its host and port, and a secret that others may read is a warning")
def _():
    db = database()
    secret = write_file("secret", "0123456789abcdef0123456789abcdef", mode=0o644)
    os.chmod(secret, 0o644)
    with Server("--cluster-secret-file", secret, "--advertise", "192.0.2.1:7000", db=db) as server:
        assert server.node_id.endswith("-7000"), server.node_id
        host = socket.gethostname()
        if host.replace(".", "").isalnum():
            equal(server.node_id, host[:57] + "-7000")
        says(server, "can be read by others")
        with member(db, "b") as b:
            says(b, "is alive, address 192.0.2.1:7000")


# ---- the command nodes ----


def nodes(db, *more):
    """(exit status, {node: its columns}, stderr)"""
    status, stdout, stderr = run_program("nodes", "--db", db, *more)
    rows = [line.split() for line in stdout.splitlines()]
    if rows:
        equal(rows[0], "NODE ADDRESS STATE EPOCH HEARTBEAT ROOMS STREAMS USERS CPU MEM".split())
    return status, {row[0]: row[1:] for row in rows[1:]}, stderr


@test("nodes shows the members as the database has them, and with the secret as they answer")
def _():
    db = database()
    secret = ("--cluster-secret-file", SECRET)
    slow = ("--heartbeat-ms", "2000")  # so that nobody is suspect because the machine is busy
    with member(db, "a", *slow, complaints_expected=True) as a:
        b = member(db, "b", *slow)
        says(a, "there is a link to node b")
        says(b, "there is a link to node a")
        status, rows, stderr = nodes(db)
        equal((status, stderr, sorted(rows)), (0, "", ["a", "b"]))
        for server in (a, b):
            address, state, _, heartbeat = rows[server.node_id][:4]
            equal((address, state, heartbeat), (server.address, "alive", "-"))

        alice = register(b, "alice")
        stream = alice.stream(alice.CreateRoom(name="Movie night").room.id)
        stream.expect("room_state")
        status, rows, stderr = nodes(db, *secret)
        equal((status, stderr), (0, ""))
        for node, streams in ("a", "0"), ("b", "1"):
            _, state, _, age, unit, _, *counts = rows[node][:8]
            equal((state, age, unit, counts), ("alive", "0.0", "s", [streams, streams]))

        status, rows, stderr = nodes(db, "--cluster-secret-file", write_file("other-secret", "x" * 40))
        equal((status, sorted(rows), len(stderr.splitlines())), (1, ["a", "b"], 2), stderr)
        assert f"node a at {a.address} does not answer" in stderr, stderr
        for end in (stream, alice):
            end.close()

        b.kill()
        status, rows, stderr = nodes(db, *secret)
        equal((status, sorted(rows)), (1, ["a", "b"]))  # and not who asks
        assert rows["b"][1] == "dead" or f"node b at {b.address} does not answer" in stderr, stderr
        assert rows["b"][1] in ("suspect", "dead"), rows


@test("nodes says in one sentence that nobody is there, or what is wrong")
def _():
    db = database()
    with Server(db=db):
        pass
    status, rows, stderr = nodes(db)
    equal((status, rows, len(stderr.splitlines())), (1, {}, 1), stderr)
    assert "no member" in stderr, stderr
    for args, saying in ((("nodes", "--db", "memory:"), "memory"), (("nodes", "--db", "sqlite:/no/such.db"), "no database"),
                         (("nodes", "more", "--db", db), "more"), (("nodes", "--role", "root", "--db", db), "--role")):
        refused(*args, saying=saying)


run()

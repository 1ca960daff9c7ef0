#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The server on a PostgreSQL, which tests/support/pg.py has started; without one there is nothing to test."""
import os
import signal

from harness import NO_LIMITS, PASSWORD, Server, equal, eventually, run, run_program, temp_path, test, write_file
from client import Person, chat, login, models, movie, register

URL = os.environ.get("SYNCTV_TEST_POSTGRES")


def with_password(url):
    return url.replace("synctv@", "synctv:not-to-be-seen@")


def processes_of_the_database():
    with open(os.path.join(os.environ["SYNCTV_TEST_POSTGRES_DIR"], "postmaster.pid"), encoding="ascii") as file:
        pid = int(file.readline())
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [pid, *map(int, file.read().split())]


if URL:
    @test("what was acknowledged is there after an end and after kill -9, and a second server is refused")
    def _():
        with Server(db=URL, config=NO_LIMITS) as server:
            alice = register(server, "alice")
            room = alice.CreateRoom(name="Movie night").room
            alice.AddMovie(room_id=room.id, movie=movie("One"))
            status, _, stderr = run_program("--db", URL, "--listen", "127.0.0.1:0")
            equal(status, 2)
            assert "another server uses it" in stderr, stderr
            node_id = server.node_id
        server = Server(db=URL, config=NO_LIMITS)
        equal(server.node_id, node_id)
        alice = login(server, "alice")
        alice.AddMovie(room_id=room.id, movie=movie("Two"))
        stream = alice.stream(room.id)
        stream.send(message_id="m1", chat=chat("hello"))
        stream.expect("chat")
        server.send_signal(signal.SIGKILL)
        server.wait()
        with Server(db=URL, config=NO_LIMITS) as server:
            alice = login(server, "alice")
            movies = alice.GetMovieList(room_id=room.id).movies
            equal([m.name for m in movies], ["One", "Two"])
            equal([m.content for m in alice.GetChatHistory(room_id=room.id).messages], ["hello"])
            equal([r.name for r in alice.ListRooms(search="NIGHT").rooms], ["Movie night"])

    @test("accounts are made and changed beside a running server")
    def _():
        with Server(db=URL, config=NO_LIMITS) as server:
            status, stdout, stderr = run_program("user", "add", "boss", "--role", "root", "--db", URL, stdin=PASSWORD)
            equal((status, stderr), (0, ""))
            assert URL in stdout, stdout
            login(server, "boss")

    @test("a password in the URL is refused on the command line and told nowhere else")
    def _():
        status, stdout, stderr = run_program("--db", with_password(URL), "--listen", "127.0.0.1:0")
        equal((status, stdout), (2, ""))
        assert "not-to-be-seen" not in stderr and "command line" in stderr, stderr
        path = temp_path("config")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"[storage]\nurl = {with_password(URL)}\n[server]\nlisten = 127.0.0.1:0\n")
        status, stdout, stderr = run_program("user", "add", "second", "--config", path, stdin=PASSWORD)
        equal((status, stderr), (0, ""))
        assert "not-to-be-seen" not in stdout, stdout
        status, stdout, stderr = run_program("user", "add", "second", "--config", path, stdin=PASSWORD)
        assert status != 0 and "not-to-be-seen" not in stdout + stderr, stderr

    @test("of two accounts of one name one is made")
    def _():
        with Server(db=URL, config=NO_LIMITS) as server:
            register(server, "carol")
            status, _, stderr = run_program("user", "add", "CAROL", "--db", URL, stdin=PASSWORD)
            equal(status, 1)
            assert "taken" in stderr, stderr

    @test("members of a cluster share the database and see what the others change")
    def _():
        secret = write_file("secret", "0123456789abcdef0123456789abcdef\n")

        def options(node_id):
            return ("--cluster-secret-file", secret, "--node-id", node_id, "--heartbeat-ms", "200")

        def elsewhere(server, person):
            there = Person(server.address)
            there.id, there.name = person.id, person.name
            there.access_token, there.refresh_token = person.access_token, person.refresh_token
            return there

        with Server(*options("a"), db=URL, config=NO_LIMITS) as a, Server(*options("b"), db=URL, config=NO_LIMITS) as b:
            for args, saying in (((), "another server uses it"), (options("a"), "another server has this node id")):
                status, _, stderr = run_program("--db", URL, "--listen", "127.0.0.1:0", *args)
                equal(status, 2)
                assert saying in stderr, stderr
            eventually(lambda: "node b is alive" in a.stderr(), "a has found b")
            dave = register(a, "dave")
            at_b = elsewhere(b, dave)
            room = dave.CreateRoom(name="Two nodes").room
            stream = at_b.stream(room.id)
            stream.expect("room_state")
            dave.UpdateRoom(room_id=room.id, room=models.Room(name="Meanwhile"), fields=["name"])
            at_b.AddMovie(room_id=room.id, movie=movie("Theirs"))
            stream.expect("room", where=lambda told: told.room.name == "Meanwhile")
            equal([m.name for m in dave.GetMovieList(room_id=room.id).movies], ["Theirs"])
            a.kill()
            with Server(*options("a"), db=URL, config=NO_LIMITS) as again:
                equal(elsewhere(again, dave).GetRoomInfo(room_id=room.id).room.name, "Meanwhile")

    @test("playback goes on while the database is stopped, and what was played is stored when it is back")
    def _():
        with Server(db=URL, config=NO_LIMITS) as server:
            erin = register(server, "erin")
            room = erin.CreateRoom(name="No database").room
            film = erin.AddMovie(room_id=room.id, movie=movie("One")).movie
            erin.SetCurrentMovie(room_id=room.id, movie_id=film.id)
            stream = erin.stream(room.id)
            stream.expect("room_state")
            stopped = processes_of_the_database()
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            try:
                for position in (10, 20, 30):
                    told = [erin.Play(room_id=room.id).state, erin.Seek(room_id=room.id, position=position).state,
                            erin.Pause(room_id=room.id).state]
                    for state in told:
                        stream.expect("room_state", version=state.version)
            finally:
                for pid in stopped:
                    os.kill(pid, signal.SIGCONT)
        with Server(db=URL, config=NO_LIMITS) as server:
            state = login(server, "erin").GetRoomInfo(room_id=room.id).state
            equal((state.movie_id, state.version), (film.id, told[-1].version))


run()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""PostgreSQL with a standby, and its backup: what happens to members when the primary dies, when the standby has not got
all, and when a backup is put in the place of the data.

FAILOVER_WRITES=5000 by hand: more of them before the primary dies.
"""
import atexit
import os
import signal
import subprocess
import sys
import threading
import time

import grpc

from faults import HERE, NO_LIMITS, SANITIZED, Server, diag, equal, eventually, run, temp_path, test
from harness import Skip, write_file
from client import Failure, Person, chat, models, movie, pb, register

sys.path.append(os.path.join(HERE, "..", "support"))
import pg  # noqa: E402  pylint: disable=wrong-import-position

CLIENTS = 20
WRITES = int(os.environ.get("FAILOVER_WRITES", 300 if SANITIZED else 1000))
PATIENCE_S = 120
SECRET = write_file("secret", "0123456789abcdef0123456789abcdef\n")
databases = []


def database():
    if pg.binaries() is None:
        raise Skip("there is no PostgreSQL")
    databases.append(pg.Server())
    return databases[-1]


@atexit.register
def remove_databases():
    while databases:
        databases.pop().remove()


def primary_with_standby(synchronous):
    primary, standby = database(), database()
    primary.create()
    primary.start()
    standby.copy(primary, "two")
    standby.start()
    if synchronous:
        primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'two'")
        primary.sql("SELECT pg_reload_conf()")
        eventually(lambda: primary.sql("SELECT sync_state FROM pg_stat_replication") == "sync", "a synchronous standby")
    return primary, standby


def url_of(*servers):
    return f"postgres://synctv@{','.join(f'127.0.0.1:{server.port}' for server in servers)}/postgres"


def member(url, node_id):
    return Server("--cluster-secret-file", SECRET, "--node-id", node_id, "--heartbeat-ms", "500", db=url,
                  config=NO_LIMITS, complaints_expected=True)


def elsewhere(server, person):
    """The same person at another server."""
    there = Person(server.address)
    there.id, there.name = person.id, person.name
    there.access_token, there.refresh_token = person.access_token, person.refresh_token
    return there


# ---- the load ----------------------------------------------------------------------------------------------------


class Writer(threading.Thread):
    """Asks for one thing after the other. What was refused it asks for again, until that is done."""

    def __init__(self, person, room):
        super().__init__(daemon=True)
        self.person, self.room = person, room
        self.done, self.refused, self.unknown = {}, set(), set()
        self.slowest_s, self.error = 0, None
        self.ending = threading.Event()

    def run(self):
        try:
            while not self.ending.is_set():
                started = time.monotonic()
                self.write(f"{self.person.name} {len(self.done)}")
                self.slowest_s = max(self.slowest_s, time.monotonic() - started)
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def end(self):
        self.ending.set()
        self.join(PATIENCE_S)
        assert not self.is_alive() and self.error is None, self.error


class Movies(Writer):
    """Each try has a name of its own, so it is seen what became of it."""

    def write(self, name):
        for number in range(1000):
            asked = f"{name} {number}"
            try:
                answer = self.person.AddMovie(room_id=self.room.id, movie=movie(asked), _timeout=PATIENCE_S)
                self.done[asked] = answer.movie.id
                return
            except grpc.RpcError as error:
                reason = Failure(error).reason
                assert reason in ("STORAGE_UNAVAILABLE", "OUTCOME_UNKNOWN"), Failure(error)
                (self.unknown if reason == "OUTCOME_UNKNOWN" else self.refused).add(asked)

    def check(self, found):
        """@found  {id: name} of all movies of the room"""
        names = list(found.values())
        for name, movie_id in self.done.items():
            assert found.get(movie_id) == name and names.count(name) == 1, f"{name}: {names.count(name)} times"
        for name in self.refused:
            assert name not in names, f"{name} was refused, and is there"


class Chat(Writer):
    """Sends each message again under the same id until it is acknowledged."""

    def __init__(self, person, room):
        super().__init__(person, room)
        self.stream = person.stream(room.id)
        self.stream.expect("room_state")

    def write(self, name):
        while name not in self.done:
            self.stream.send(message_id=name, chat=chat(name))
            while True:
                message = self.stream.next(PATIENCE_S)
                if message.WhichOneof("payload") == "chat" and message.chat.client_message_id == name:
                    self.done[name] = message.chat.seq
                    break
                if message.WhichOneof("payload") == "error" and message.error.in_reply_to == name:
                    assert message.error.code in ("STORAGE_UNAVAILABLE", "OUTCOME_UNKNOWN"), message
                    self.refused.add(name)
                    break

    def check(self, found):
        """@found  [(seq, client_message_id)] of all messages of the room"""
        for name, seq in self.done.items():
            equal([there for there in found if there[1] == name], [(seq, name)], "a message")


class Load:
    """Half of the clients add movies, half chat; two in each room, so that nothing is trimmed."""

    def __init__(self, servers):
        people = [register(servers[i % len(servers)], f"writer{i}") for i in range(CLIENTS)]
        self.writers = []
        for i in range(0, CLIENTS, 2):
            room = people[i].CreateRoom(name=f"room {i}", settings=models.RoomSettings(max_members=10)).room
            people[i + 1].JoinRoom(room_id=room.id)
            self.writers += [Movies(people[i], room), Chat(people[i + 1], room)]
        for writer in self.writers:
            writer.start()

    def n_done(self):
        for writer in self.writers:
            if writer.error is not None:
                raise writer.error
        return sum(len(writer.done) for writer in self.writers)

    def wait(self, more):
        until = self.n_done() + more
        eventually(lambda: self.n_done() >= until, f"{until} writes", timeout=PATIENCE_S, every=0.02)

    def end(self):
        for writer in self.writers:
            writer.ending.set()
        for writer in self.writers:
            writer.end()

    def check(self, server):
        for writer in self.writers:
            person = elsewhere(server, writer.person)
            if isinstance(writer, Movies):
                listed = person.GetMovieList(room_id=writer.room.id, page_size=1000)
                equal(listed.total, len(listed.movies))
                writer.check({found.id: found.name for found in listed.movies})
            else:
                writer.check(all_chat(person, writer.room))
            person.close()

    def is_shown_by(self, server):
        """What was done at another member comes a moment later."""
        try:
            self.check(server)
        except AssertionError:
            return False
        return True

    def tell(self, what):
        diag(f"{what}: {self.n_done()} acknowledged, {sum(len(w.refused) for w in self.writers)} refused, "
             f"{sum(len(w.unknown) for w in self.writers)} unknown, "
             f"the slowest took {max(w.slowest_s for w in self.writers):.1f} s")


def all_chat(person, room):
    found, before = [], 0
    while True:
        page = person.GetChatHistory(room_id=room.id, before_seq=before, limit=100).messages
        found += [(message.seq, message.client_message_id) for message in page]
        if len(page) < 100:
            break
        before = page[-1].seq
    equal(len({seq for seq, _ in found}), len(found), "numbers of chat messages")
    return found


# ---- the tests ---------------------------------------------------------------------------------------------------


@test("a synchronous standby that is promoted under load has all that was acknowledged, each once")
def _():
    primary, standby = primary_with_standby(synchronous=True)
    with member(url_of(primary, standby), "a") as a, member(url_of(primary, standby), "b") as b:
        load = Load([a, b])
        load.wait(WRITES)
        primary.kill()
        died = time.monotonic()
        standby.promote()
        promoted = time.monotonic()
        load.wait(CLIENTS)
        diag(f"promoted {promoted - died:.1f} s after the death; {CLIENTS} writes {time.monotonic() - died:.1f} s after it")
        load.wait(WRITES)
        load.end()
        load.tell("failover")
        for server in (a, b):
            eventually(lambda server=server: load.is_shown_by(server), "all that was acknowledged",
                       timeout=PATIENCE_S, every=0.5)
        assert "older in storage" not in a.stderr() + b.stderr(), a.stderr()
    with member(url_of(primary, standby), "c") as c:
        load.check(c)
    remove_databases()


def lose_a_tail(primary, standby, tail):
    """The standby has not got what tail() writes, and is promoted."""
    standby.kill()
    tail()
    primary.kill()
    standby.start()
    standby.promote()


@test("when an asynchronous standby has lost a tail, members say so, read their rooms again and tell their streams")
def _():
    primary, standby = primary_with_standby(synchronous=False)
    with member(url_of(primary, standby), "a") as a, member(url_of(primary, standby), "b") as b:
        alice = register(a, "alice")
        room, quiet = (alice.CreateRoom(name=name).room for name in ("Movie night", "Quiet"))
        alice.AddMovie(room_id=room.id, movie=movie("kept"))
        at_b = elsewhere(b, alice)
        streams = {"a": alice.stream(room.id), "b": at_b.stream(room.id), "quiet": at_b.stream(quiet.id)}
        for stream in streams.values():
            stream.expect("room_state")
        streams["a"].send(message_id="kept", chat=chat("kept"))
        streams["b"].expect("chat", content="kept")
        eventually(lambda: primary.sql("SELECT replay_lsn = pg_current_wal_lsn() FROM pg_stat_replication") == "t",
                   "the standby to have all")
        ids = {}

        def tail():
            for name in ("lost 1", "lost 2"):
                ids[name] = alice.AddMovie(room_id=room.id, movie=movie(name)).movie.id
                alice.AddMovie(room_id=quiet.id, movie=movie(name))
                streams["a"].send(message_id=name, chat=chat(name))
            for stream in streams.values():
                eventually(lambda stream=stream: any(told.movies.movie.name == "lost 2" for told in stream.came), "a movie")
            eventually(lambda: any(told.chat.content == "lost 2" for told in streams["b"].came), "a message")

        lose_a_tail(primary, standby, tail)
        # Nobody changes anything: a look finds that they are gone.
        for name in "a", "b":
            gone = {streams[name].expect("movies", change=pb.LIST_CHANGE_REMOVED).movie.name for _ in ids}
            equal(gone, set(ids))
        streams["quiet"].expect("movies", change=pb.LIST_CHANGE_CLEARED)
        for server in (a, b):
            eventually(lambda server=server: f"room {room.id} is older in storage" in server.stderr(), server.stderr)
        for person in (alice, at_b):
            equal([found.name for found in person.GetMovieList(room_id=room.id).movies], ["kept"])
            equal([found for found in person.GetMovieList(room_id=quiet.id).movies], [])
        # Chat goes on with the numbers that are free again, and everybody hears it.
        streams["a"].send(message_id="again", chat=chat("again"))
        equal(streams["a"].expect("chat", content="again").seq, 2)
        equal(streams["b"].expect("chat", content="again").seq, 2)
        alice.AddMovie(room_id=room.id, movie=movie("new"))
        streams["b"].expect("movies", where=lambda told: told.movie.name == "new")
    remove_databases()


@test("as much written anew as was lost is noticed, too, by a member that has not seen it happen")
def _():
    primary, standby = primary_with_standby(synchronous=False)
    with member(url_of(primary, standby), "a") as a, member(url_of(primary, standby), "b") as b:
        alice = register(a, "alice")
        room = alice.CreateRoom(name="Movie night").room
        at_b = elsewhere(b, alice)
        stream = alice.stream(room.id)
        stream.expect("room_state")
        eventually(lambda: primary.sql("SELECT replay_lsn = pg_current_wal_lsn() FROM pg_stat_replication") == "t",
                   "the standby to have all")
        lost = []

        def tail():
            lost.append(alice.AddMovie(room_id=room.id, movie=movie("lost")).movie.id)
            stream.expect("movies", where=lambda told: told.movie.name == "lost")
            a.send_signal(signal.SIGSTOP)

        try:
            lose_a_tail(primary, standby, tail)
            # The same revision with other contents.
            eventually(lambda: added_at(at_b, room), "b to write")
        finally:
            a.send_signal(signal.SIGCONT)
        stream.expect("movies", where=lambda told: told.movie.name == "new")
        stream.expect("movies", where=lambda told: told.movie.id == lost[0], change=pb.LIST_CHANGE_REMOVED)
        for server in (a, b):
            eventually(lambda server=server: "has failed over" in server.stderr(), server.stderr)
    remove_databases()


def added_at(person, room):
    try:
        person.AddMovie(room_id=room.id, movie=movie("new"), _timeout=PATIENCE_S)
    except grpc.RpcError as error:
        equal(Failure(error).reason, "STORAGE_UNAVAILABLE")
        return False
    return True


@test("a backup that is restored beside running members is what they show")
def _():
    data = database()
    data.create()
    data.start()
    with member(data.url, "a") as a, member(data.url, "b") as b:
        alice = register(a, "alice")
        room = alice.CreateRoom(name="Movie night").room
        alice.AddMovie(room_id=room.id, movie=movie("kept"))
        at_b = elsewhere(b, alice)
        stream = at_b.stream(room.id)
        stream.expect("room_state")
        dump = temp_path("synctv.dump")
        env = {**os.environ, "PGPORT": str(data.port), "PGHOST": "127.0.0.1", "PGUSER": "synctv"}
        subprocess.run([f"{data.bin}/pg_dump", "--format=custom", "--file", dump, "postgres"], check=True, env=env,
                       stdin=subprocess.DEVNULL, timeout=PATIENCE_S)
        late = alice.CreateRoom(name="Late").room
        late_stream = at_b.stream(late.id)
        late_stream.expect("room_state")
        alice.AddMovie(room_id=room.id, movie=movie("lost"))
        stream.expect("movies", where=lambda told: told.movie.name == "lost")
        subprocess.run([f"{data.bin}/pg_restore", "--clean", "--if-exists", "--single-transaction", "--dbname", "postgres",
                        dump], check=True, env=env, stdin=subprocess.DEVNULL, timeout=PATIENCE_S)
        equal(stream.expect("movies", change=pb.LIST_CHANGE_REMOVED).movie.name, "lost")
        late_stream.ends_with("NOT_FOUND", "ROOM_NOT_FOUND")
        for person in (alice, at_b):
            equal([found.name for found in person.GetMovieList(room_id=room.id).movies], ["kept"])
        added = at_b.AddMovie(room_id=room.id, movie=movie("new")).movie
        stream.expect("movies", where=lambda told: told.movie.id == added.id)
        equal([found.name for found in alice.ListRooms(joined=True).rooms], ["Movie night"])
    remove_databases()


@test("a backup of before the last start of a member may be restored beside it, and is noticed by all at once")
def _():
    data = database()
    data.create()
    data.start()
    dump = temp_path("synctv.dump")
    env = {**os.environ, "PGPORT": str(data.port), "PGHOST": "127.0.0.1", "PGUSER": "synctv"}
    with member(data.url, "b") as b:
        with member(data.url, "a") as a:
            alice = register(a, "alice")
            room = alice.CreateRoom(name="Movie night").room
            alice.AddMovie(room_id=room.id, movie=movie("kept"))
            subprocess.run([f"{data.bin}/pg_dump", "--format=custom", "--file", dump, "postgres"], check=True, env=env,
                           stdin=subprocess.DEVNULL, timeout=PATIENCE_S)
        with member(data.url, "a") as a:
            alice = elsewhere(a, alice)
            stream = elsewhere(b, alice).stream(room.id)
            stream.expect("room_state")
            eventually(lambda: f"node a is alive, address {a.address}" in b.stderr(), "b has found the new start of a")
            alice.AddMovie(room_id=room.id, movie=movie("lost"))
            stream.expect("movies", where=lambda told: told.movie.name == "lost")
            subprocess.run([f"{data.bin}/pg_restore", "--clean", "--if-exists", "--single-transaction", "--dbname",
                            "postgres", dump], check=True, env=env, stdin=subprocess.DEVNULL, timeout=PATIENCE_S)
            equal(stream.expect("movies", change=pb.LIST_CHANGE_REMOVED).movie.name, "lost")
            eventually(lambda: "it has registered anew" in a.stderr(), "a takes its place again")
            eventually(lambda: "the database is older than it was" in b.stderr(), "b notices")
            eventually(lambda: added_at(alice, room), "a writes again")
    remove_databases()


run()

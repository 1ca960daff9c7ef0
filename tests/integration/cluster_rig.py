# SPDX-License-Identifier: MIT
"""Servers that are members of one cluster, on a new database for each test: a file of SQLite, or a database of the
PostgreSQL that tests/support/pg.py has started."""
import contextlib
import functools
import glob
import itertools
import os
import queue
import signal
import sqlite3
import subprocess
import threading

import grpc

from harness import DEADLINE, NO_LIMITS, PASSWORD, Server, equal, eventually, run_program, temp_path, test, write_file
from client import Failure, Person, login, pb, register

POSTGRES = os.environ.get("SYNCTV_TEST_POSTGRES")
SECRET = write_file("secret", "0123456789abcdef0123456789abcdef\n")
WITHOUT_LINKS = bool(os.environ.get("SYNCTV_TEST_WITHOUT_LINKS"))
BEAT_MS = 200
_databases, _people = itertools.count(1), itertools.count(1)


# ---- members -----------------------------------------------------------------------------------------------------


def _psql(sql, url=POSTGRES):
    newest = max(glob.glob("/usr/lib/postgresql/*/bin/psql"), key=lambda path: float(path.split("/")[4]))
    return subprocess.run([newest, "-X", "-q", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql], check=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=60).stdout.strip()


def database():
    """The URL of a new one."""
    if not POSTGRES:
        return "sqlite:" + temp_path("synctv.db")
    name = f"cluster_{next(_databases)}"
    _psql(f"CREATE DATABASE {name}")
    return POSTGRES.rpartition("/")[0] + "/" + name


def secret_of(node_id):
    """Members with different secrets refuse each other's links, and have the database alone."""
    return write_file("secret", f"{node_id:x<32}\n") if WITHOUT_LINKS else SECRET


def options(node_id, *more):
    return ("--cluster-secret-file", secret_of(node_id), "--node-id", node_id, "--heartbeat-ms", str(BEAT_MS), *more)


def member(db, node_id, *more, config=None, **kwargs):
    return Server(*options(node_id, *more), db=db, config=config or NO_LIMITS, **kwargs)


@contextlib.contextmanager
def cluster(names="abc", complaints_expected=False, **kwargs):
    """Members that have found each other."""
    db = database()
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(member(db, name, complaints_expected=complaints_expected, **kwargs))
                   for name in names]
        for server in servers:
            for other in servers:
                if other is not server:
                    says(server, f"node {other.node_id} is alive")
        yield servers


class Beside:
    """Tests that run at the same time on one cluster, as each of them waits seconds for the members' looks at storage.
    Each gets the three servers, and makes rooms and users of its own."""

    def __init__(self, **kwargs):
        self.kwargs, self.functions, self.ends = kwargs, [], {}
        self.stack = contextlib.ExitStack()

    def test(self, name):
        def register_it(function):
            self.functions.append(function)
            test(name)(lambda: self._end_of(function))
            return function
        return register_it

    def _run(self, function, servers):
        try:
            function(*servers)
            self.ends[function].put(None)
        except BaseException as error:  # pylint: disable=broad-except
            self.ends[function].put(error)

    def _start(self):
        self.ends = {function: queue.Queue() for function in self.functions}
        servers = self.stack.enter_context(cluster(**self.kwargs))
        for function in self.functions:
            threading.Thread(target=self._run, args=(function, servers), daemon=True).start()

    def _end_of(self, function):
        if not self.ends:
            self._start()
        error = self.ends[function].get(timeout=10 * DEADLINE)
        if error is not None:
            raise error

    def stop(self):
        """Ends the servers, and demands that they end well."""
        self.stack.close()


def says(server, *words, times=1):
    """Waits until this many lines of the log have all of these words."""
    try:
        eventually(lambda: len(lines_with(server, *words)) >= times, "lines of a log")
    except AssertionError:
        raise AssertionError(f"{words} are not in the log of {server.node_id}: {server.stderr()}") from None


def lines_with(server, *words):
    return [line for line in server.stderr().splitlines() if all(word in line for word in words)]


def last_word_on(server, node_id):
    """What the server has said last of this node."""
    lines = lines_with(server, f"cluster: node {node_id} ")
    return lines[-1] if lines else ""


def newcomers(server, *names):
    """Registered there under names that nobody has yet."""
    return [register(server, f"{name} {next(_people)}") for name in names]


def boss(server):
    """Somebody new there who may do everything."""
    name = f"boss {next(_people)}"
    done = run_program("user", "add", name, "--role", "root", "--db", server.db, stdin=PASSWORD + "\n")
    equal(done[0], 0, done[2])
    return login(server, name)


def elsewhere(server, person):
    """The same person at another server."""
    there = Person(server.address)
    there.id, there.name = person.id, person.name
    there.access_token, there.refresh_token = person.access_token, person.refresh_token
    return there


# ---- a member that is stopped ------------------------------------------------------------------------------------


def _is_locked(db, patience_s):
    """Whether nobody can write for so long, because somebody holds SQLite's write lock."""
    connection = sqlite3.connect(db.removeprefix("sqlite:"), timeout=patience_s, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
        return False
    except sqlite3.OperationalError:
        return True
    finally:
        connection.close()


def _keeps_a_room(db):
    """Whether a transaction that has locked a room waits for its next statement, and goes on waiting."""
    waiting = """SELECT pid, xact_start FROM pg_stat_activity JOIN pg_locks USING (pid)
        WHERE state = 'idle in transaction' AND relation = 'rooms'::regclass ORDER BY pid"""
    seen = _psql(waiting, db)
    return seen != "" and _psql(waiting, db) == seen


def stop_without_lock(server):
    """SIGSTOP, at a moment at which the others can go on: a process that is stopped keeps SQLite's write lock."""
    while True:
        server.send_signal(signal.SIGSTOP)
        if POSTGRES or not _is_locked(server.db, patience_s=1):
            return
        server.send_signal(signal.SIGCONT)


def stop_with_lock(server):
    """SIGSTOP, at a moment at which the server, which has much to write in a room, holds SQLite's write lock, or, in
    PostgreSQL, that of the room."""
    while True:
        server.send_signal(signal.SIGSTOP)
        if _keeps_a_room(server.db) if POSTGRES else _is_locked(server.db, patience_s=1):
            return
        server.send_signal(signal.SIGCONT)


# ---- at once -----------------------------------------------------------------------------------------------------


def outcome(call, *args, **fields):
    """("OK", the answer), or the reason and the Failure."""
    try:
        return "OK", call(*args, **fields)
    except grpc.RpcError as error:
        failure = Failure(error)
        return failure.reason or failure.code, failure


def at_once(*calls):
    """Runs functions without arguments at the same moment, each on a thread. What outcome() says of each."""
    barrier, ends = threading.Barrier(len(calls)), [None] * len(calls)

    def run(number):
        barrier.wait(DEADLINE)
        ends[number] = outcome(calls[number])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * DEADLINE)
    assert all(ends), ends
    return ends


def each_at_once(call, *lists):
    """The same with call(a, b), call(c, d), … for the lists [a, c, …], [b, d, …]."""
    return at_once(*(functools.partial(call, *arguments) for arguments in zip(*lists)))


def one_wins(ends, *reasons):
    """Exactly one went well, the others have one of these reasons. Returns the number of the one, and its answer."""
    won = [number for number, (word, _) in enumerate(ends) if word == "OK"]
    equal(len(won), 1, f"those who won, of {[word for word, _ in ends]}")
    for word, failure in ends:
        assert word == "OK" or word in reasons, f"{failure} instead of {reasons}"
    return won[0], ends[won[0]][1]


# ---- what a stream is told ---------------------------------------------------------------------------------------


class Witness:
    """A stream at one node, which says in order and once what is done through another."""

    def __init__(self, person, room_id=None):
        self.stream = person.stream(room_id)
        self.version = 0
        if room_id is not None:
            self.version = self.stream.expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT).version

    def _is_news(self, message):
        """Not what the node tells by itself: who is online there, and the state that each playing room tells again."""
        kind = message.WhichOneof("payload")
        if kind == "member":
            return message.member.change not in (pb.MEMBER_CHANGE_ONLINE, pb.MEMBER_CHANGE_OFFLINE)
        if kind == "room_state":
            return message.room_state.version > self.version
        return kind != "pong"

    def sees(self, kind, where=None, **fields):
        """The next news is this."""
        while True:
            message = self.stream.next()
            if self._is_news(message):
                break
        equal(message.WhichOneof("payload"), kind, f"instead of {kind} {fields} came {message}")
        payload = getattr(message, kind)
        for key, value in fields.items():
            equal(getattr(payload, key), value, f"{key} of {payload}")
        assert where is None or where(payload), payload
        if kind == "room_state":
            self.version = payload.version
        return payload

    def sees_nothing_more(self):
        for message in self.stream.fence():
            assert not self._is_news(message), f"this was told, too: {message}"

    def close(self):
        self.sees_nothing_more()
        self.stream.close()

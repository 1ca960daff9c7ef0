# SPDX-License-Identifier: MIT
"""Several servers that share a database, in SQLite or in a PostgreSQL of its own: what the long tests start, kill and look into.

    @on_each_store("a sentence")
    def _(store): with Cluster(store) as cluster: …

SYNCTV_TEST_STORE=SQLite or PostgreSQL by hand: that one alone.
"""
import atexit
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time

from faults import HERE, Server, database, diag, limits, test
from harness import Skip, write_file

sys.path.append(os.path.join(HERE, "..", "support"))
import pg  # noqa: E402  pylint: disable=wrong-import-position

SECRET = write_file("secret", "0123456789abcdef0123456789abcdef\n")
HAVE_POSTGRES = os.environ.get("FAULTS_POSTGRES", "1") == "1" and pg.binaries() is not None
QUERY_S = 20


def turns(n):
    """How often: as asked for by hand (SYNCTV_TEST_TURNS), or so many times."""
    return int(os.environ.get("SYNCTV_TEST_TURNS", n))


class SqliteStore:
    name = "SQLite"

    def __init__(self):
        self.path, self.url = database()

    def query(self, sql):
        """Rows, of text and numbers."""
        db = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=QUERY_S)
        try:
            return [tuple(row) for row in db.execute(sql)]
        finally:
            db.close()

    def execute(self, sql):
        db = sqlite3.connect(self.path, timeout=QUERY_S)
        try:
            db.executescript(sql)
        finally:
            db.close()

    def close(self):
        pass


class PostgresStore:
    """A server of its own, which can be killed and started again."""
    name = "PostgreSQL"

    def __init__(self):
        if not HAVE_POSTGRES:
            raise Skip("there is no PostgreSQL, or the server cannot use it")
        self.pg = pg.Server()
        atexit.register(self.close)
        self.pg.create()
        self.configure("log_min_messages = error", "log_line_prefix = '%m [%p] '")
        self.pg.start()

    @property
    def url(self):
        return self.pg.url

    def configure(self, *lines):
        with open(os.path.join(self.pg.data, "postgresql.conf"), "a", encoding="utf-8") as conf:
            conf.write("\n".join(lines) + "\n")

    def _psql(self, sql):
        done = subprocess.run(
            [f"{self.pg.bin}/psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", self.url], input=sql, capture_output=True, text=True,
            timeout=QUERY_S, env={**os.environ, "PGCONNECT_TIMEOUT": "10"}, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout

    def query(self, sql):
        out = self._psql(f"SELECT json_agg(row_to_json(q)) FROM ({sql}) q;")
        return [tuple(row.values()) for row in json.loads(out)] if out.strip() else []

    def execute(self, sql):
        return self._psql(sql)

    def backends(self, where="true"):
        """The processes of the clients' sessions, but of none of ours."""
        return [row[0] for row in self.query(
            f"SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND {where}")]

    def log(self):
        with open(os.path.join(self.pg.folder, "log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    def main_pid(self):
        with open(os.path.join(self.pg.data, "postmaster.pid"), encoding="ascii") as state:
            return int(state.readline())

    def kill(self):
        """kill -9 of the server and all its processes, as if the machine went away but for the disk."""
        main = self.main_pid()
        with open(f"/proc/{main}/task/{main}/children", encoding="ascii") as children:
            pids = [int(pid) for pid in children.read().split()]
        for pid in [main, *pids]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.pg.process.wait(QUERY_S)
        self.pg.stop()

    def start(self):
        """On the port of before."""
        self.pg.start(on_same_port=True)

    def close(self):
        self.pg.remove()


STORES = [SqliteStore, PostgresStore]


def on_each_store(sentence, stores=tuple(STORES)):
    """Registers a test for each of them."""
    def register(function):
        for store_type in stores:
            if os.environ.get("SYNCTV_TEST_STORE", store_type.name) != store_type.name:
                continue

            def on_store(store_type=store_type):
                store = store_type()
                try:
                    function(store)
                finally:
                    store.close()
            test(f"{sentence}, on {store_type.name}")(on_store)
        return function
    return register


class Cluster:
    """Members of one store, each with a number of starts. In `with`: they are stopped at the end, and have to end well."""

    def __init__(self, store, ids="abc", heartbeat_ms=1000, env_of=None):
        self.store = store
        self.ids = list(ids)
        self.heartbeat_ms = heartbeat_ms
        self.env_of = env_of or (lambda node_id: None)
        self.config = limits(connections_per_address=1000)
        self.servers = {}  # of those that run
        self.started = dict.fromkeys(self.ids, 0)
        for node_id in self.ids:
            self.start(node_id)

    def options(self, node_id):
        return ("--cluster-secret-file", SECRET, "--node-id", node_id, "--heartbeat-ms", str(self.heartbeat_ms))

    def start(self, node_id):
        server = Server(*self.options(node_id), db=self.store.url, config=self.config, env=self.env_of(node_id))
        self.servers[node_id] = server
        self.started[node_id] += 1
        return server

    def start_another(self, node_id):
        self.ids.append(node_id)
        self.started[node_id] = 0
        return self.start(node_id)

    def kill(self, node_id):
        """kill -9; what it has said until then has no report of a sanitizer."""
        server = self.servers.pop(node_id)
        server.kill()
        said = server.stderr()
        assert "Sanitizer" not in said and "runtime error:" not in said, said[-3000:]

    def address(self, node_id):
        """None = it does not run."""
        server = self.servers.get(node_id)
        return server and server.address

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for node_id, server in list(self.servers.items()):
            if kind is not None:
                diag(f"--- {node_id}:\n" + server.stderr()[-3000:])
                server.kill()
            else:
                server.complaints_expected = True
                server.stop()


class Chats(threading.Thread):
    """Collects all that is ever stored as chat, before it is trimmed: 500 messages of a room are kept."""

    def __init__(self, store):
        super().__init__(daemon=True)
        self.store = store
        self.seen = {}  # (room_id, seq): (client_message_id, content)
        self.newest = {}
        self.faults = []
        self.over = threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.7):
            try:
                self.look()
            except (RuntimeError, sqlite3.Error, subprocess.TimeoutExpired):
                pass  # the database is away

    def look(self):
        known = " ".join(f"WHEN '{room_id}' THEN {seq}" for room_id, seq in self.newest.items())
        since = f"CASE room_id {known} ELSE 0 END" if known else "0"
        for room_id, seq, client_id, content in self.store.query(
                f"SELECT room_id, seq, client_message_id, content FROM chat WHERE seq > {since} ORDER BY room_id, seq"):
            if seq != self.newest.get(room_id, 0) + 1:
                self.faults.append(f"after {self.newest.get(room_id, 0)} comes {seq} in {room_id}")
            self.newest[room_id] = seq
            self.seen[room_id, seq] = (client_id, content)

    def end(self):
        """All, by what its sender has called it: {client_message_id: [(room_id, seq, content)]}"""
        self.over.set()
        self.join()
        self.look()
        assert not self.faults, self.faults[:5]
        by_id = {}
        for (room_id, seq), (client_id, content) in self.seen.items():
            by_id.setdefault(client_id, []).append((room_id, seq, content))
        return by_id


def until(look, what, timeout=120, every=0.2):
    """Asks until look() says nothing is wrong: it returns a text, "" = all is well."""
    deadline = time.monotonic() + timeout
    while (wrong := look()):
        assert time.monotonic() < deadline, f"not in {timeout} s: {what}: {wrong}"
        time.sleep(every)

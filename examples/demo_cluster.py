#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Three servers share a database, somebody watches at each, and one server is killed.

    demo_cluster.py BUILD_DIR [--sqlite]

The database is a PostgreSQL of its own (tests/support/pg.py), with --sqlite a file. Nothing is left of it at the end, nor
after Ctrl-C.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.join(ROOT, "tests", "support"))
import pg  # noqa: E402  pylint: disable=wrong-import-position

PATIENCE_S = 60
NODES = "abc"
ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")  # even if this is killed


class Demo:
    def __init__(self, build, sqlite):
        self.build, self.sqlite = build, sqlite
        self.folder = tempfile.mkdtemp(prefix="synctv-demo-")
        self.secret = os.path.join(self.folder, "cluster.secret")
        self.database = self.party = None
        self.ports = {node: pg.free_port() for node in NODES}
        self.servers = {}

    def start_database(self):
        if self.sqlite:
            return "sqlite:" + os.path.join(self.folder, "synctv.db")
        self.database = pg.Server()
        self.database.create()
        self.database.start()
        return self.database.url

    def log(self, node):
        return os.path.join(self.folder, node + ".log")

    def start_server(self, node):
        with open(self.log(node), "wb") as log:
            server = self.servers[node] = subprocess.Popen(
                [*ENDS_WITH_US, f"{self.build}/server/synctv-server", "--db", self.url, "--node-id", node,
                 "--listen", f"127.0.0.1:{self.ports[node]}", "--cluster-secret-file", self.secret],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True)
        if not server.stdout.readline().startswith(b"ready"):
            with open(self.log(node), encoding="utf-8") as log:
                raise RuntimeError(f"the server {node} does not start: {log.read()}")

    def wait_for_links(self, node):
        """Until this server has a link to each other: what is done before is seen a second later."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            with open(self.log(node), encoding="utf-8") as log:
                text = log.read()
            if all(f"there is a link to node {other}" in text for other in NODES if other != node):
                return
            time.sleep(0.05)
        raise RuntimeError(f"the server {node} has no links: {text}")

    def do(self, line):
        """One line for the party, and what it prints of it."""
        self.party.stdin.write(line + "\n")
        self.party.stdin.flush()
        printed = self.party.stdout.readline()
        if not printed:
            raise RuntimeError("the party is over")
        print(printed, end="", flush=True)

    def run(self):
        with open(self.secret, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(os.urandom(32).hex() + "\n")
        self.url = self.start_database()
        print(f"three servers on {self.url}", flush=True)
        for node in NODES:
            self.start_server(node)
            print(f"  {node}  127.0.0.1:{self.ports[node]}", flush=True)
        for node in NODES:
            self.wait_for_links(node)
        print(flush=True)
        self.party = subprocess.Popen(
            [*ENDS_WITH_US, f"{self.build}/examples/cluster_party", *(f"127.0.0.1:{port}" for port in self.ports.values())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        for _ in range(2):
            print(self.party.stdout.readline(), end="", flush=True)
        for line in "a play", "b say hello", "c add Sintel", "a seek 120":
            self.do(line)
        self.servers["c"].kill()
        self.servers["c"].wait()
        self.do("c down")
        for line in "b say c is gone", "a add Tears of Steel", "b pause":
            self.do(line)
        self.start_server("c")
        self.wait_for_links("c")
        self.do("c up")
        for line in "c say I am back", "c play":
            self.do(line)
        self.party.stdin.close()
        print(self.party.stdout.read(), end="", flush=True)
        return self.party.wait(PATIENCE_S)

    def end(self):
        """Of all that was started."""
        if self.party is not None:
            self.party.kill()
            self.party.wait()
        for server in self.servers.values():
            server.terminate()
        for server in self.servers.values():
            try:
                server.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        if self.database is not None:
            self.database.remove()
        shutil.rmtree(self.folder, ignore_errors=True)


def stop(number, frame):
    raise KeyboardInterrupt


def main():
    build, *options = sys.argv[1:]
    if options not in ([], ["--sqlite"]):
        sys.exit("usage: dev demo cluster [--sqlite]")
    if not options and pg.binaries() is None:
        print("there is no PostgreSQL: install the package postgresql, or use --sqlite", file=sys.stderr)
        return 77  # for meson: the test cannot be run here
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, stop)
    demo = Demo(build, bool(options))
    status = 1
    try:
        status = demo.run()
    except KeyboardInterrupt:
        status = 130
    except RuntimeError as error:
        print(error, file=sys.stderr)
    finally:
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sign, signal.SIG_IGN)
        demo.end()
    return status


sys.exit(main())

# SPDX-License-Identifier: MIT
"""Whose address counts behind a proxy: with Debian's nginx, set up with the lines of the README, and with made-up headers."""
import itertools
import os
import re
import shutil
import socket
import subprocess
import time

import grpc

from harness import DEADLINE, PASSWORD, Server, Skip, config_file, diag, equal, eventually, run, run_program, temp_path, test, \
    write_file
from client import Failure, Person, chat, check_failure, login, register

REGISTRATIONS = 30  # an hour, from one address
names = (f"user{number}" for number in itertools.count(1))


def trusting(networks, **limits):
    return {"server": {"trusted_proxies": networks}, "limits": {"hash_per_minute": 0, **limits}}


def registrations(person, headers, at_most):
    """How many registrations go well before one is refused; headers() gives the metadata of each."""
    for number in range(at_most):
        try:
            person.Register(_metadata=headers(), username=next(names), password=PASSWORD)
        except grpc.RpcError as error:
            check_failure(Failure(error), "RESOURCE_EXHAUSTED", "RATE_LIMITED")
            return number
    return at_most


def refused_after_thirty(person, headers):
    """One more each two minutes, however long the machine takes."""
    started = time.monotonic()
    number = registrations(person, headers, 2 * REGISTRATIONS)
    most = REGISTRATIONS + (time.monotonic() - started) * REGISTRATIONS / 3600
    assert REGISTRATIONS <= number <= most, (number, most)


def forwarded(*values):
    return [("x-forwarded-for", value) for value in values]


def made_up():
    numbers = itertools.count(1)
    return lambda: forwarded(f"198.51.100.{next(numbers)}")


# ---- made-up headers ----


@test("behind a trusted proxy 31 people register, but not one of them 31 times")
def _():
    with Server(config=trusting("127.0.0.0/8, ::1")) as server:
        proxy = Person(server.address)
        equal(registrations(proxy, made_up(), REGISTRATIONS + 1), REGISTRATIONS + 1)
        refused_after_thirty(proxy, lambda: forwarded("198.51.100.250"))
        one = (f"2001:db8:7:7::{number}" for number in itertools.count(1))  # as a /64 they are one
        refused_after_thirty(proxy, lambda: forwarded(next(one)))


@test("what a stranger says of an address counts for nothing")
def _():
    for config in (None, trusting("10.0.0.0/8")):
        with Server(config=config) as server:
            refused_after_thirty(Person(server.address), made_up())


@test("what a client says to the proxy counts for nothing")
def _():
    with Server(config=trusting("127.0.0.1, 10.0.0.0/8")) as server:
        spoofed = (f"198.51.100.{number}" for number in itertools.count(1))
        refused_after_thirty(Person(server.address), lambda: forwarded(next(spoofed) + ", 203.0.113.7", "10.0.0.1"))


@test("streams are counted by the address of the proxy's client, connections of the proxy are not")
def _():
    with Server(config=trusting("127.0.0.1", connections_per_address=2)) as server:
        owner = register(server, "owner")
        room = owner.CreateRoom(name="Room").room.id
        opened = []
        for address in ("198.51.100.1", "198.51.100.1", "198.51.100.2", "198.51.100.2", "198.51.100.3"):
            person = Person(server.address)
            person.access_token = owner.access_token
            stream = person.stub.MessageStream(iter([]), metadata=person.metadata + forwarded(address))
            opened.append((person, stream))
        for _, stream in opened:
            eventually(lambda stream=stream: next(stream).HasField("room_state"), "a SNAPSHOT")


# ---- settings ----


@test("a network that is none is one sentence about the key")
def _():
    for network in ("proxy.example.org", "10.0.0.0/33", "127.0.0.1:80"):
        path = config_file({"server": {"trusted_proxies": "::1, " + network}})
        for options in (["--check-config"], []):
            status, _, stderr = run_program(*options, "--db", "memory:", "--listen", "127.0.0.1:0", "--config", path)
            equal(status, 2)
            equal(len(stderr.splitlines()), 1, stderr)
            assert "[server] trusted_proxies: " in stderr and f'"{network}"' in stderr, stderr
    status, _, stderr = run_program("--check-config", env={"SYNCTV__SERVER__TRUSTED_PROXIES": "nobody"})
    equal(status, 2)
    assert "SYNCTV__SERVER__TRUSTED_PROXIES: " in stderr, stderr


# ---- nginx ----

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
README = os.path.join(ROOT, "README.md")


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def nginx_binary():
    """One that is installed, or the one that ./dev unpacks."""
    folders = os.pathsep.join([os.environ["PATH"], "/usr/sbin", os.path.join(ROOT, "build/nginx/usr/sbin")])
    return shutil.which("nginx", path=folders)


class Nginx:
    """
    The README's nginx before a server, at `address`; it goes to the server from 127.0.0.2. What comes to `inner` has been
    through another nginx already, at 127.0.0.3.
    """

    def __init__(self, server):
        self.binary = nginx_binary()
        if self.binary is None:
            raise Skip("there is no nginx")
        self.key, self.cert = temp_path("nginx.key"), temp_path("nginx.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                        self.key, "-out", self.cert], check=True, stdin=subprocess.DEVNULL, capture_output=True,
                       timeout=DEADLINE)
        with open(README, encoding="utf-8") as file:
            self.lines = re.search(r"```nginx\n(.*?)```", file.read(), re.S).group(1)
        self.server = server
        self.folder = temp_path("nginx")
        os.mkdir(self.folder)
        for _ in range(5):  # somebody else may take the port that was free
            if self._start():
                break
        else:
            raise AssertionError("nginx does not start: " + self._log())

    def _config(self, port, inner_port):
        text = self.lines
        for ours, readmes in ((f"127.0.0.1:{port} ssl", "443 ssl"), (self.cert, "/etc/ssl/synctv.pem"),
                              (self.key, "/etc/ssl/synctv.key"), (self.server.address, "127.0.0.1:50051"),
                              ("location / { grpc_bind 127.0.0.2;", "location / {")):
            assert readmes in text, f"{readmes} is not in the README"
            text = text.replace(readmes, ours)
        temp_folders = "".join(f"{kind}_temp_path {self.folder}/{kind};\n"
                               for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return f"""
            daemon off; worker_processes 1; pid {self.folder}/pid; error_log {self.folder}/error.log;
            {'user root;' if os.getuid() == 0 else ''}
            events {{ worker_connections 200; }}
            http {{
                access_log off;
                {temp_folders}
                {text}
                server {{
                    listen 127.0.0.1:{inner_port} http2;
                    location / {{
                        grpc_pass grpcs://127.0.0.1:{port};
                        grpc_bind 127.0.0.3;
                        grpc_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                    }}
                }}
            }}"""

    def _start(self):
        port, inner_port = free_port(), free_port()
        path = write_file("nginx.conf", self._config(port, inner_port))
        self.process = subprocess.Popen([self.binary, "-p", self.folder, "-e", f"{self.folder}/error.log",
                                         "-c", path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        self.address, self.inner = f"127.0.0.1:{port}", f"127.0.0.1:{inner_port}"
        return eventually(lambda: self._answers(port) or self.process.poll() is not None, "nginx answers") and \
            self.process.poll() is None

    @staticmethod
    def _answers(port):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE):
                return True
        except ConnectionRefusedError:
            return False

    def _log(self):
        with open(f"{self.folder}/error.log", encoding="utf-8", errors="replace") as file:
            return file.read()

    def credentials(self):
        with open(self.cert, "rb") as file:
            return grpc.ssl_channel_credentials(file.read())

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.process.terminate()
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(DEADLINE)
        if kind is not None:
            diag(self._log())


@test("through nginx people talk, and are told of errors as without it")
def _():
    with Server(config=trusting("127.0.0.2")) as server, Nginx(server) as nginx:
        alice = Person(nginx.address, credentials=nginx.credentials())
        alice.take(alice.Register(username="alice", password=PASSWORD))
        room = alice.CreateRoom(name="Movie night").room.id
        stream = alice.stream(room)
        stream.expect("room_state")
        bob = login(server, "alice")
        beside = bob.stream(room)
        beside.expect("room_state")
        for number in range(8):
            stream.send(chat=chat(f"line {number}"))
            beside.expect("chat", content=f"line {number}")
        try:
            alice.GetRoomInfo(room_id="nowhere-here")
            raise AssertionError("such a room is there")
        except grpc.RpcError as error:
            check_failure(Failure(error), "NOT_FOUND", "ROOM_NOT_FOUND")
        stream.close()
        beside.close()


@test("through nginx a client counts by its address, whatever it says")
def _():
    with Server(config=trusting("127.0.0.2")) as server, Nginx(server) as nginx:
        outer = Person(nginx.address, credentials=nginx.credentials())
        refused_after_thirty(outer, made_up())
        equal(registrations(Person(server.address), made_up(), 1), 0, "a stranger that has the same address")
        equal(registrations(Person(nginx.inner), made_up(), 1), 1, "a client with another address")


run()

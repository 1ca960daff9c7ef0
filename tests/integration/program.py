#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The program: options, settings, accounts on the command line, TLS, files that are not what they should be."""
import hashlib
import json
import os
import pty
import re
import resource
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import time
import warnings

import grpc

from harness import (DEADLINE, NO_LIMITS, PASSWORD, PROTO_DIR, SERVER_BINARY, Server, config_file, diag, environment,
                     equal, eventually, run, run_program, temp_path, test, write_file)
from client import anonymous, fails, login, models, register

EXAMPLE = os.path.join(PROTO_DIR, "../contrib/synctv.ini")


def refused(*args, saying=(), **kwargs):
    """Exit 2 and one sentence, which has these words in it."""
    status, stdout, stderr = run_program(*args, **kwargs)
    assert status == 2, f"exit status {status}; {stdout}{stderr}"
    equal(stdout, "")
    assert re.fullmatch(r"synctv-server: [^\n]+\n", stderr), f"not one sentence: {stderr!r}"
    for word in [saying] if isinstance(saying, str) else saying:
        assert word in stderr, f"{word!r} is not in {stderr!r}"
    return stderr


def done(*args, **kwargs):
    """Exit 0 and nothing to complain about; returns stdout."""
    status, stdout, stderr = run_program(*args, **kwargs)
    equal((status, stderr), (0, ""))
    return stdout


# ---- options and settings ----


@test("--help shows every option, --version the version")
def _():
    text = done("--help")
    for option in ("--listen", "--db", "--node-id", "--cluster-secret-file", "--advertise",
                   "--heartbeat-ms", "--jwt-secret-file", "--tls-cert", "--tls-key", "--tls-client-ca",
                   "--threads", "--log-level", "--log-format", "--config", "--check-config", "--version", "user"):
        assert option in text, f"{option} is not in --help"
    assert re.fullmatch(r"synctv-server \d+\.\d+\.\d+\n", done("--version"))


@test("--check-config says whether the settings are right, and serves nothing")
def _():
    folder = temp_path("folder")
    os.mkdir(folder)
    done("--check-config", cwd=folder)
    done("--check-config", "--config", EXAMPLE, cwd=folder)
    equal(os.listdir(folder), [])
    refused("--check-config", "--config", config_file({"server": {"threads": 0}}), saying=":2:")
    done("--check-config", "--config", config_file({"limits": {"connections_per_address": 0}}), cwd=folder)
    refused("--check-config", "--config", config_file({"limits": {"streams_per_connection": -1}}), saying=":2:")
    refused("--check-config", "more", saying="more")
    refused("--check-config", "--tls-cert", "/no/such/file", "--tls-key", "/no/such/file", saying="/no/such/file")
    refused("--check-config", "--jwt-secret-file", write_file("secret", "too short"), saying="32")


@test("a wrong line of the file is named by its number")
def _():
    for text, number in (("[limits]\n\nnonsense = 1\n", 3), ("[nonsense]\nlisten = 127.0.0.1:0\n", 2),
                         ("[limits]\nchat_per_second = many\n", 2), ("; fine\n[log]\nlevel = loud\n", 3),
                         ("[log]\nlevel = info\nlevel = debug\n", 3), ("[server]\nthis is no line\n", 2),
                         ("[server]\nlisten = 127.0.0.1\n", 2), ("[auth]\naccess_ttl_s = 0\n", 2),
                         ("[server]\n; " + "x" * 300 + "\n", 2)):
        path = write_file("synctv.ini", text)
        refused("--config", path, saying=f"{path}:{number}:")
    refused("--config", "/no/such/file", saying="/no/such/file")
    refused("--config", "/", saying="/")
    pipe = temp_path("pipe")
    os.mkfifo(pipe)
    for path in (pipe, "/dev/zero"):
        refused("--config", path, saying=f"{path}: it is not a regular file")


@test("a wrong option or variable is named")
def _():
    refused("--nonsense", saying="--nonsense")
    refused("--listen", saying="--listen")
    refused("--listen", "nowhere", saying="nowhere")
    refused("--listen", "127.0.0.1:99999", saying="99999")
    refused("--listen", "::1:50051", saying="::1:50051")
    refused("--db", "mysql:nonsense", saying="mysql:nonsense")
    for url in ("sqlite::memory:", "sqlite:file:x?mode=memory"):
        refused("--db", url, saying=(url, "memory:, or sqlite:./"))
    refused("--threads", "1.5", saying="1.5")
    refused("--log-level", "loud", saying="loud")
    refused("--node-id", "with space", "--db", "memory:", saying="--node-id, [cluster] node_id: ")
    refused("--check-config", "--config", config_file({"auth": {"access_ttl_s": 9, "refresh_ttl_s": 8}}),
            saying=": [auth] refresh_ttl_s: ")
    refused("serve", saying="serve")
    refused("--role", "root")
    refused(env={"SYNCTV__LIMITS__NONSENSE": "1"}, saying="SYNCTV__LIMITS__NONSENSE")
    refused(env={"SYNCTV__SERVER__LISTEN": "nowhere"}, saying="SYNCTV__SERVER__LISTEN")


@test("options win over the environment, the environment over the file, the file over the defaults")
def _():
    file = {"cluster": {"node_id": "of-the-file"}}
    variable = {"SYNCTV__CLUSTER__NODE_ID": "of-the-environment"}
    with Server() as server:
        assert re.fullmatch(r"[\w-]{12}", server.node_id), server.node_id
    with Server(config=file) as server:
        equal(server.node_id, "of-the-file")
    with Server(config=file, env=variable) as server:
        equal(server.node_id, "of-the-environment")
    with Server("--node-id=of-the-options", config=file, env=variable) as server:
        equal(server.node_id, "of-the-options")


@test("the ready line has the real port, the node's id and the database")
def _():
    with Server() as server:
        host, port = server.address.rsplit(":", 1)
        equal((host, server.ready["db"]), ("127.0.0.1", "memory:"))
        assert int(port) > 0
        register(server, "alice")


@test("it listens on IPv6, too")
def _():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        diag("there is no IPv6 here")
        return
    with Server(listen="[::1]:0") as server:
        assert server.address.startswith("[::1]:"), server.address
        register(server, "alice")


@test("what it says that it listens on is what is open")
def _():
    def is_open(family, host, port):
        with socket.socket(family) as one:
            return one.connect_ex((host, port)) == 0

    with Server(listen="0.0.0.0:0") as server:
        host, port = server.address.rsplit(":", 1)
        equal(host, "0.0.0.0")
        equal((is_open(socket.AF_INET, "127.0.0.1", int(port)),
               socket.has_ipv6 and is_open(socket.AF_INET6, "::1", int(port))), (True, False))


@test("several threads serve as one")
def _():
    with Server("--threads", "4", config=NO_LIMITS) as server:
        people = [register(server, f"person {i}") for i in range(4)]
        room = people[0].CreateRoom(name="room").room
        for person in people[1:]:
            person.JoinRoom(room_id=room.id)
        equal(people[3].ListMembers(room_id=room.id).total, 4)


@test("with --log-format json each line of the log is an object")
def _():
    with Server("--log-format", "json", "--log-level", "debug") as server:
        register(server, "alice").GetProfile()
    lines = server.stderr().splitlines()
    assert len(lines) >= 2, lines
    for line in lines:
        equal(sorted(json.loads(line)), ["area", "level", "message", "time"])


@test("no password and no token is ever in the log")
def _():
    with Server("--log-level", "debug", db="sqlite:" + temp_path("synctv.db")) as server:
        person = register(server, "alice")
        person.take(person.RefreshToken(refresh_token=person.refresh_token))
        fails("UNAUTHENTICATED", "LOGIN_FAILED", person.Login, username="alice", password="wrong password")
        room = person.CreateRoom(name="room", password="sesame street").room
        stream = person.stream(room.id, "sesame street")
        stream.expect("room_state")
        secrets = [PASSWORD, "wrong password", "sesame street", person.refresh_token, person.access_token.split(".")[2]]
    log = server.stderr()
    equal([secret for secret in secrets if secret in log], [])


# ---- what cannot be had ----


@test("an address in use is one sentence and exit 2")
def _():
    with Server() as server:
        refused("--listen", server.address, "--db", "memory:", saying=server.address)
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        refused("--listen", address, "--db", "memory:", saying=address)


@test("an address that is not there is one sentence before anything is made, also to --check-config")
def _():
    folder = temp_path("folder")
    os.mkdir(folder)
    for address, why in (("999.1.1.1:5", "no IP address"), ("[1::2::3]:5", "no IP address"),
                         ("192.0.2.1:5", "Cannot assign"), ("no.such.host.invalid:5", "no.such.host.invalid:5: ")):
        for option in ((), ("--check-config",)):
            refused("--listen", address, *option, cwd=folder,
                    saying=("--listen, [server] listen: cannot listen on " + address, why))
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        refused("--listen", address, saying=address, cwd=folder)
        done("--check-config", "--listen", address, cwd=folder)
    equal(os.listdir(folder), [])


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


@test("what is no database, a damaged one or a newer one is refused and left as it is")
def _():
    good = temp_path("good.db")
    with Server(db="sqlite:" + good, config=NO_LIMITS) as server:
        register(server, "alice").CreateRoom(name="room")
    with open(good, "rb") as file:
        content = file.read()
    garbage, newer, damaged, foreign = (temp_path(name) for name in ("garbage", "newer", "damaged", "foreign"))
    with open(garbage, "wb") as file:
        file.write(b"this is no database " * 1000)
    with open(newer, "wb") as file:
        file.write(content)
    with sqlite3.connect(newer) as database:
        database.execute("PRAGMA user_version = 999")
    database.close()
    with open(damaged, "wb") as file:
        file.write(content[:4096] + os.urandom(len(content) - 4096))
    with sqlite3.connect(foreign) as database:
        database.execute("CREATE TABLE somebody_elses (x)")
    database.close()
    for path in (garbage, newer, damaged, foreign):
        before = digest(path)
        refused("--listen", "127.0.0.1:0", "--db", "sqlite:" + path, saying=path)
        refused("user", "role", "alice", "root", "--db", "sqlite:" + path, saying=path)
        equal(digest(path), before, path)


@test("a folder that cannot be made and a file that is a folder are one sentence and exit 2")
def _():
    file = write_file("file", "")
    folder = temp_path("folder")
    os.mkdir(folder)
    refused("--listen", "127.0.0.1:0", "--db", f"sqlite:{file}/synctv.db")
    refused("--listen", "127.0.0.1:0", "--db", f"sqlite:{folder}")


@test("a database is served once: another server is refused, under any name of the file, until the first has ended")
def _():
    path = temp_path("synctv.db")
    other = temp_path("other.db")
    os.symlink(path, other)
    for end in (Server.stop, Server.kill):
        with Server(db="sqlite:" + path) as server:
            for name in (path, other):
                refused("--listen", "127.0.0.1:0", "--db", "sqlite:" + name, saying=f"another server uses the database {name}")
            run_program("user", "add", "alice", "--db", "sqlite:" + other, stdin=PASSWORD)
            login(server, "alice")
            end(server)
        with Server(db="sqlite:" + other):
            pass
    equal([name for name in os.listdir(os.path.dirname(path)) if name.endswith(".lock")], [])


@test("of servers that start at the same time on a database one serves")
def _():
    path = temp_path("synctv.db")
    for _ in range(3):
        several = [subprocess.Popen([SERVER_BINARY, "--listen", "127.0.0.1:0", "--db", "sqlite:" + path],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    env=environment()) for _ in range(6)]
        served = [process for process in several if process.stdout.readline().startswith(b"ready")]
        for process in several:
            process.terminate()
        ends = sorted(process.wait(DEADLINE) for process in several)
        for process in several:
            process.stdout.close()
            process.stderr.close()
        equal((len(served), ends), (1, [0] + [2] * 5))
        equal(os.path.exists(path + ".lock"), False)


@test("a missing folder is made, and the database is for nobody else to read")
def _():
    path = os.path.join(temp_path("data"), "synctv.db")
    with Server(db="sqlite:" + path) as server:
        register(server, "alice")
    equal(oct(os.stat(path).st_mode & 0o077), "0o0", "what the group and others may do")


@test("it is ready soon with a database that is there")
def _():
    db = "sqlite:" + temp_path("synctv.db")
    with Server(db=db) as server:
        diag(f"ready after {server.start_ms:.0f} ms with a new database")
        register(server, "alice").CreateRoom(name="room")
    times = []
    for _ in range(5):
        with Server(db=db) as server:
            times.append(server.start_ms)
    diag("ready after " + ", ".join(f"{ms:.0f}" for ms in times) + " ms with one that was there")


@test("SIGHUP without TLS changes nothing")
def _():
    with Server() as server:
        person = register(server, "alice")
        server.send_signal(signal.SIGHUP)
        eventually(lambda: "SIGHUP: nothing to reload" in server.stderr(), "a line in the log")
        person.GetProfile()


def is_served(server):
    try:
        return login(server, "alice").GetProfile().user.username == "alice"
    except grpc.RpcError as error:  # it came while the last of the crowd were still leaving
        equal(error.code(), grpc.StatusCode.UNAVAILABLE)
        return False


@test("peers that take every descriptor are turned away, and the next one is served")
def _():
    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))

    with Server(db="sqlite:" + temp_path("synctv.db"), preexec_fn=few_files) as server:
        register(server, "alice")
        address, started = server.address.rsplit(":", 1), time.monotonic()
        for _ in range(3):
            crowd = [socket.create_connection(address, timeout=DEADLINE) for _ in range(400)]
            eventually(lambda: "too many open files" in server.stderr(), "a line in the log")
            for connection in crowd:
                connection.close()
            eventually(lambda: len(os.listdir(f"/proc/{server.pid}/fd")) < 100, "descriptors given back")
            eventually(lambda: is_served(server), "a new client")
        lines = [line for line in server.stderr().splitlines() if "too many open files" in line]
        assert len(lines) <= time.monotonic() - started + 3, lines  # one a second


# ---- accounts on the command line ----


@test("user add, role, status and password work beside a running server")
def _():
    db = "sqlite:" + temp_path("synctv.db")
    with Server(db=db, config=NO_LIMITS) as server:
        user_commands(server, db)


def user_commands(server, db):
    out = done("user", "add", "root-of-it-all", "--role", "root", "--email", "root@example.org", "--db", db,
               stdin=PASSWORD + "\n")
    assert "root-of-it-all" in out and PASSWORD not in out, out
    root = login(server, "root-of-it-all")
    user = root.GetProfile().user
    equal((user.role, user.status, user.email), (models.USER_ROLE_ROOT, models.USER_STATUS_ACTIVE, "root@example.org"))
    root.ListUsers()

    done("user", "add", "plain", "--db", db, "--password-file", write_file("password", "from a file\n"))
    plain = login(server, "plain", "from a file")
    equal(plain.GetProfile().user.role, models.USER_ROLE_USER)
    done("user", "password", "PLAIN", "--db", db, stdin="a new one")
    fails("UNAUTHENTICATED", "LOGIN_FAILED", anonymous(server).Login, username="plain", password="from a file")
    plain = login(server, "plain", "a new one")
    done("user", "role", "plain", "admin", "--db", db)
    equal(login(server, "plain", "a new one").GetProfile().user.role, models.USER_ROLE_ADMIN)
    done("user", "status", "plain", "banned", "--db", db)
    fails("PERMISSION_DENIED", "USER_BANNED", anonymous(server).Login, username="plain", password="a new one")
    fails("UNAUTHENTICATED", "SESSION_ENDED", anonymous(server).RefreshToken, refresh_token=plain.refresh_token)
    done("user", "status", "plain", "active", "--db", db)
    login(server, "plain", "a new one")


@test("user says in one sentence what was wrong: exit 1 if it was refused, 2 if it was not understood")
def _():
    db = "sqlite:" + temp_path("synctv.db")
    done("user", "add", "alice", "--db", db, "--create", stdin=PASSWORD)
    for args, stdin in ((("add", "ALICE"), PASSWORD), (("add", "bob"), "short"), (("add", "x"), PASSWORD),
                        (("add", "bob", "--email", "nowhere"), PASSWORD), (("role", "nobody", "admin"), ""),
                        (("status", "nobody", "banned"), ""), (("password", "nobody"), PASSWORD)):
        status, stdout, stderr = run_program("user", *args, "--db", db, stdin=stdin)
        assert (status, stdout) == (1, "") and re.fullmatch(r"synctv-server: [^\n]+\n", stderr), (args, status, stderr)
        assert PASSWORD not in stderr, stderr
    for args, stdin in (((), ""), (("nonsense",), ""), (("add",), ""), (("role", "alice"), ""),
                        (("role", "alice", "emperor"), ""), (("status", "alice", "gone"), ""),
                        (("role", "alice", "admin", "more"), ""), (("add", "bob"), ""),
                        (("role", "alice", "admin", "--password-file", "x"), ""),
                        (("role", "alice", "admin", "--create"), ""),
                        (("add", "bob", "--password-file", "/no/such/file"), "")):
        refused("user", *args, "--db", db, stdin=stdin)


@test("user makes no database unless it is told to, and says which one it has changed")
def _():
    folder = os.path.realpath(temp_path("folder"))
    os.mkdir(folder)
    path = os.path.join(folder, "synctv-data", "synctv.db")
    for args in (("add", "alice"), ("password", "alice"), ("role", "alice", "root"), ("status", "alice", "banned")):
        refused("user", *args, cwd=folder, stdin=PASSWORD, saying=(path, "--db", "--config", "--create"))
    refused("user", "add", "alice", "--db", "memory:", stdin=PASSWORD, saying="memory:")
    refused("user", "add", "alice", "--create", "--db", "memory:", stdin=PASSWORD, saying="memory:")
    refused("--create", saying="--create")
    equal(os.listdir(folder), [])
    assert f"(database {path})" in done("user", "add", "alice", "--create", cwd=folder, stdin=PASSWORD)
    assert f"(database {path})" in done("user", "role", "alice", "root", cwd=folder)
    status, _, stderr = run_program("user", "role", "bob", "root", cwd=folder)
    assert status == 1 and f"(database {path})" in stderr, stderr


@test("what root makes in somebody else's folder belongs to them")
def _():
    if os.geteuid() != 0:
        diag("only root can")
        return
    folder = temp_path("folder")
    os.mkdir(folder)
    os.chown(folder, 54321, 54321)
    done("user", "add", "alice", "--create", cwd=folder, stdin=PASSWORD)
    for name in ("synctv-data", "synctv-data/synctv.db"):
        there = os.stat(os.path.join(folder, name))
        equal((there.st_uid, there.st_gid), (54321, 54321), name)
    path = os.path.join(folder, "synctv-data/synctv.db")
    with Server(db="sqlite:" + path) as server:
        for suffix in (".lock", "-wal", "-shm"):
            equal(os.stat(path + suffix).st_uid, 54321, suffix)
        server.kill()
    equal(os.stat(path + ".lock").st_uid, 54321)


def expect_on(terminal, words):
    """Reads a terminal until it has said these words."""
    seen = b""
    until = time.monotonic() + DEADLINE
    while words not in seen:
        assert time.monotonic() < until, f"{words} did not come, only {seen}"
        seen += os.read(terminal, 1024)
    return seen


@test("user add asks a terminal for the password twice and shows nothing of it")
def _():
    db = "sqlite:" + temp_path("synctv.db")

    def add(first, second):
        parent, child = pty.openpty()
        process = subprocess.Popen([SERVER_BINARY, "user", "add", "alice", "--db", db, "--create"], stdin=child, stdout=child,
                                   stderr=child, env=environment(), close_fds=True)
        os.close(child)
        seen = expect_on(parent, b"New password: ")
        os.write(parent, first.encode() + b"\n")
        seen += expect_on(parent, b"again: ")
        os.write(parent, second.encode() + b"\n")
        seen += expect_on(parent, b"alice" if first == second else b"password: ")
        status = process.wait(DEADLINE)
        os.close(parent)
        assert first.encode() not in seen, seen
        return status
    equal(add(PASSWORD, "another one"), 2)
    equal(add(PASSWORD, PASSWORD), 0)
    with Server(db=db) as server:
        login(server, "alice")


# ---- TLS ----


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE, timeout=DEADLINE)


class Authority:
    """Issues certificates."""

    def __init__(self, name):
        self.key, self.cert = temp_path(name + ".key"), temp_path(name + ".pem")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", self.key, "-out",
                self.cert)

    def issue(self, name):
        key, request, cert = temp_path(name + ".key"), temp_path(name + ".csr"), temp_path(name + ".pem")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-days", "2",
                "-extfile", write_file("ext", "subjectAltName=DNS:localhost,IP:127.0.0.1\n"), "-out", cert)
        return cert, key


def write_file_at(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def credentials(authority, cert=None, key=None):
    return grpc.ssl_channel_credentials(read(authority.cert), key and read(key), cert and read(cert))


def cannot_connect(server, **kwargs):
    try:
        anonymous(server, **kwargs).Register(username="nobody", password=PASSWORD)
    except grpc.RpcError as error:
        equal(error.code(), grpc.StatusCode.UNAVAILABLE)
    else:
        raise AssertionError("it was let in")


ours, theirs = Authority("our CA"), Authority("their CA")


@test("TLS: who trusts the certificate is served, others and plain text are not")
def _():
    cert, key = ours.issue("server")
    with Server("--tls-cert", cert, "--tls-key", key, db="sqlite:" + temp_path("synctv.db")) as server:
        person = register(server, "alice", credentials=credentials(ours))
        room = person.CreateRoom(name="room").room
        person.stream(room.id).expect("room_state")
        cannot_connect(server, credentials=credentials(theirs))
        cannot_connect(server)
        person.GetProfile()


@test("SIGHUP: new connections get the certificate that has taken the old one's place, the others go on")
def _():
    files = ours.issue("server")
    with Server("--tls-cert", files[0], "--tls-key", files[1]) as server:
        host, port = server.address.rsplit(":", 1)

        def shown():
            return ssl.get_server_certificate((host, int(port)), timeout=DEADLINE).encode()

        person = register(server, "alice", credentials=credentials(ours))
        old = shown()
        assert old in read(files[0])
        for new, old_file in zip(ours.issue("next"), files):
            shutil.copy(new, old_file)
        server.send_signal(signal.SIGHUP)
        eventually(lambda: shown() in read(files[0]), "the new certificate")
        assert shown() != old
        person.GetProfile()
        register(server, "bob", credentials=credentials(ours)).GetProfile()

        new = shown()
        write_file_at(files[0], "nonsense")
        server.complaints_expected = True
        server.send_signal(signal.SIGHUP)
        eventually(lambda: "the old certificate stays: --tls-cert, [tls] cert: " in server.stderr(), "a line in the log")
        equal(shown(), new)


@test("mutual TLS: only clients with a certificate of ours are served")
def _():
    cert, key = ours.issue("server")
    with Server("--tls-cert", cert, "--tls-key", key, "--tls-client-ca", ours.cert) as server:
        register(server, "alice", credentials=credentials(ours, *ours.issue("client"))).GetProfile()
        cannot_connect(server, credentials=credentials(ours))
        cannot_connect(server, credentials=credentials(ours, *theirs.issue("client")))


def fails_to_shake_hands(server, **kwargs):
    """A client of gRPC that does not get in, from an address of its own."""
    cannot_connect(server, **kwargs)
    return "127.0.0.1"


def says(server, data):
    host, port = server.address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=DEADLINE, source_address=("127.0.0.9", 0)) as one:
        one.sendall(data)
        one.shutdown(socket.SHUT_WR)
        try:
            while one.recv(4096):
                pass
        except ConnectionError:
            pass
    return "127.0.0.9"


def speaks_an_old_version(server):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    host, port = server.address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=DEADLINE, source_address=("127.0.0.8", 0)) as one:
        try:
            context.wrap_socket(one)
            raise AssertionError("it was let in")
        except (ssl.SSLError, ConnectionError):
            return "127.0.0.8"


@test("a TLS handshake that fails is a line in the log, which says with whom and why; many are one line")
def _():
    cert, key = ours.issue("server")
    client = theirs.issue("client")
    for mutual, attempt, why in (
            (False, lambda server: says(server, b"GET / HTTP/1.1\r\n\r\n"), "http request (is it TLS?)"),
            (False, fails_to_shake_hands, "wrong version number (is it TLS?)"),
            (False, lambda server: fails_to_shake_hands(server, credentials=credentials(theirs)), "trust"),
            (False, speaks_an_old_version, "unsupported protocol"),
            (True, lambda server: fails_to_shake_hands(server, credentials=credentials(ours)),
             "peer did not return a certificate"),
            (True, lambda server: fails_to_shake_hands(server, credentials=credentials(ours, *client)),
             "certificate verify failed: ")):
        more = ["--tls-client-ca", ours.cert] if mutual else []
        with Server("--tls-cert", cert, "--tls-key", key, *more) as server:
            source = attempt(server)
            wanted = f"a TLS handshake with {source} failed: "
            line = eventually(lambda: [line for line in server.stderr().splitlines() if wanted in line], wanted)[0]
            assert why in line, line
            started = time.monotonic()
            for _ in range(50):
                says(server, b"nonsense")
            person = register(server, "alice", credentials=credentials(ours, *ours.issue("client"))) if mutual else \
                register(server, "alice", credentials=credentials(ours))
            person.GetProfile()
            lines = [line for line in server.stderr().splitlines() if "TLS handshake" in line]
            assert len(lines) <= 1 + (time.monotonic() - started) // 60, lines


@test("certificates that do not fit are one sentence and exit 2")
def _():
    cert, key = ours.issue("server")
    _, other_key = ours.issue("other")
    base = ["--listen", "127.0.0.1:0", "--db", "memory:"]
    nonsense = write_file("nonsense.pem", "nonsense")
    refused(*base, "--tls-cert", cert, saying="--tls-key, [tls] key: TLS needs a key file")
    refused(*base, "--tls-key", key, saying="--tls-cert, [tls] cert: ")
    refused(*base, "--tls-client-ca", ours.cert, saying="--tls-cert, [tls] cert: ")
    refused(*base, "--tls-cert", cert, "--tls-key", other_key, saying="--tls-key, [tls] key: the private key does not belong")
    refused(*base, "--tls-cert", nonsense, "--tls-key", key, saying="--tls-cert, [tls] cert: ")
    refused(*base, "--tls-cert", cert, "--tls-key", "/no/such/file", saying="--tls-key, [tls] key: cannot read /no/such/file")
    refused(*base, "--tls-cert", cert, "--tls-key", key, "--tls-client-ca", nonsense,
            saying="--tls-client-ca, [tls] client_ca: ")
    refused("--check-config", "--config", config_file({"tls": {"cert": cert}}), saying="[tls] key: ")


@test("a secret of one's own signs the tokens, so that they outlive the database")
def _():
    secret = write_file("secret", "0123456789abcdef0123456789abcdef\n")
    with Server("--jwt-secret-file", secret) as server:
        token = register(server, "alice").access_token
    with Server("--jwt-secret-file", secret) as server:
        fails("UNAUTHENTICATED", "SESSION_ENDED", anonymous(server).GetProfile,
              _metadata=[("authorization", "Bearer " + token)])
    with Server() as server:
        fails("UNAUTHENTICATED", "TOKEN_INVALID", anonymous(server).GetProfile,
              _metadata=[("authorization", "Bearer " + token)])


run()

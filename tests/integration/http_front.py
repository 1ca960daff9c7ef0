#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""HTTP of the server: health, metrics, TLS, and clients that mean no good."""
import http.client
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import grpc

from harness import (DEADLINE, NO_LIMITS, PASSWORD, SERVER_BINARY, Server, Skip, equal, eventually, run, run_program,
                     temp_path, test)
from client import anonymous, fails, models, register
from cluster_rig import member

HTTP = ("--http-listen", "127.0.0.1:0")
METRICS = ("--metrics-listen", "127.0.0.1:0")


def place(address):
    host, port = address.rsplit(":", 1)
    return host, int(port)


def get(address, path, context=None):
    """(status, headers, body)"""
    kind = http.client.HTTPConnection(*place(address), timeout=DEADLINE) if context is None else \
        http.client.HTTPSConnection(*place(address), timeout=DEADLINE, context=context)
    try:
        kind.request("GET", path)
        answer = kind.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        kind.close()


def numbers(server):
    """{"name{label="value"}": number}"""
    status, headers, text = get(server.ready["metrics"], "/metrics")
    equal(status, 200)
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4"), headers
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    equal(len({name for name, _ in lines}), len(lines), "different numbers")
    return {name: float(value) for name, value in lines}


def register_if_it_may(server, name):
    try:
        anonymous(server).Register(username=name, password=PASSWORD)
    except grpc.RpcError:
        pass  # the server stops


def say(address, data):
    """What comes back for these bytes, until the server closes."""
    with socket.create_connection(place(address), timeout=DEADLINE) as sock:
        sock.sendall(data)
        heard = b""
        while True:
            try:
                part = sock.recv(65536)
            except ConnectionResetError:
                break
            if not part:
                break
            heard += part
        return heard


# ---- health and metrics ------------------------------------------------------------------------------------------


@test("/healthz says ok, and nothing else is there")
def _():
    with Server(*HTTP) as server:
        status, _, body = get(server.ready["http"], "/healthz")
        equal((status, body), (200, "ok\n"))
        for path in ("/", "/metrics", "/healthz/", "/live/x.flv"):
            equal(get(server.ready["http"], path)[0], 404, path)
        assert "metrics" not in server.ready, server.ready


@test("/healthz says 503 from SIGTERM on, while calls under way are still answered")
def _():
    with Server(*HTTP, config=NO_LIMITS) as server:
        connection = http.client.HTTPConnection(*place(server.ready["http"]), timeout=DEADLINE)
        # Hashing a password takes long enough for somebody to look meanwhile.
        crowd = [threading.Thread(target=register_if_it_may, args=(server, f"person {i}")) for i in range(40)]
        for one in crowd:
            one.start()
        connection.request("GET", "/healthz")
        said = [connection.getresponse().read()]
        server.send_signal(signal.SIGTERM)

        def is_over():
            try:
                connection.request("GET", "/healthz")
                said.append(connection.getresponse().read())
            except (OSError, http.client.HTTPException):
                return True
            return False

        eventually(is_over, "the end of the server", every=0)
        connection.close()
        for one in crowd:
            one.join()
        equal(server.wait(), 0)
        n_ok = said.count(b"ok\n")
        assert 0 < n_ok < len(said), said
        equal(set(said[n_ok:]), {b"stopping\n"})


@test("the numbers of /metrics move with what is done")
def _():
    with Server(*HTTP, *METRICS, config=NO_LIMITS) as server:
        before = numbers(server)
        equal(before['synctv_calls_total{method="GetProfile",code="OK"}'], 0)
        assert 'synctv_call_duration_seconds_count{method="GetProfile"}' not in before
        alice = register(server, "alice")
        for _ in range(5):
            alice.GetProfile()
        room = alice.CreateRoom(name="room").room
        fails("NOT_FOUND", "ROOM_NOT_FOUND", alice.GetRoomInfo, room_id="nonsense1234")
        stream = alice.stream(room.id)
        stream.expect("room_state")
        get(server.ready["http"], "/healthz")
        after = numbers(server)
        equal(after['synctv_calls_total{method="GetProfile",code="OK"}'], 5)
        equal(after['synctv_calls_total{method="Register",code="OK"}'], 1)
        equal(after['synctv_calls_total{method="GetRoomInfo",code="NOT_FOUND"}'], 1)
        equal(after['synctv_call_duration_seconds_count{method="GetProfile"}'], 5)
        equal(after['synctv_call_duration_seconds_bucket{method="GetProfile",le="+Inf"}'], 5)
        assert after['synctv_call_duration_seconds_sum{method="Register"}'] > 0
        equal((after["synctv_rooms_loaded"], after["synctv_streams"], after["synctv_users_online"]), (1, 1, 1))
        assert after["synctv_store_batch_jobs_sum"] >= before["synctv_store_batch_jobs_sum"] + 2
        equal(after['synctv_http_requests_total{code="200"}'], 1)
        for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"):
            assert after[name] > 0, name
        alice.AddMovie(room_id=room.id, movie=models.Movie(name="movie", url="https://example.org/m", duration=9))
        eventually(lambda: numbers(server)["synctv_deliveries_total"] > after["synctv_deliveries_total"],
                   "a delivery that is counted")
        falling = [name for name, value in numbers(server).items()
                   if re.search(r"_(total|count|sum|bucket)\b", name) and value < after.get(name, 0)]
        equal(falling, [])


@test("promtool has nothing to say about /metrics")
def _():
    promtool = shutil.which("promtool")
    if promtool is None:
        raise Skip("promtool is missing (Debian: prometheus)")
    with Server(*HTTP, *METRICS, config=NO_LIMITS) as server:
        alice = register(server, 'alice')
        alice.CreateRoom(name="room")
        text = get(server.ready["metrics"], "/metrics")[2]
        done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True,
                              timeout=DEADLINE)
        equal((done.returncode, done.stdout, done.stderr), (0, "", ""))


@test("links of members are in their numbers")
def _():
    db = "sqlite:" + temp_path("synctv.db")
    with member(db, "a", *METRICS) as a, member(db, "b", *METRICS) as b:
        for one, other in ((a, "b"), (b, "a")):
            eventually(lambda one=one, other=other:
                       numbers(one).get(f'synctv_link_queue_bytes{{node="{other}"}}') is not None, "a link")
            equal(numbers(one)["synctv_links"], 1)


# ---- addresses ---------------------------------------------------------------------------------------------------


@test("an HTTP address in use is exit 2 if it was asked for, and a warning if it is the default")
def _():
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        for option, key in (("--http-listen", "[http] listen"), ("--metrics-listen", "[metrics] listen")):
            status, _, text = run_program("--listen", "127.0.0.1:0", "--db", "memory:", option, address)
            equal(status, 2)
            assert f"{option}, {key}: cannot listen on {address}" in text, text
    env = {key: value for key, value in os.environ.items() if not key.startswith("SYNCTV__")}
    with open(temp_path("stderr"), "w+b") as log:
        servers = [subprocess.Popen([SERVER_BINARY, "--listen", "127.0.0.1:0", "--db", "memory:"], env=env, stderr=log,
                          stdout=subprocess.PIPE) for _ in range(2)]
        try:
            ready = [server.stdout.readline().decode() for server in servers]
            assert all(line.startswith("ready grpc=") for line in ready), ready
            assert sum("http=127.0.0.1:8080" in line for line in ready) <= 1, ready
            log.seek(0)
            assert b" warn " in log.read(), "nothing is said of the port that was taken"
        finally:
            for server in servers:
                server.terminate()
                equal(server.wait(DEADLINE), 0)
                server.stdout.close()


# ---- TLS ---------------------------------------------------------------------------------------------------------


def certificate(name):
    cert, key = temp_path("cert.pem"), temp_path("key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", cert], check=True, capture_output=True, timeout=60)
    return cert, key


def shown(address):
    pem = ssl.get_server_certificate(place(address), timeout=DEADLINE)
    return ssl.PEM_cert_to_DER_cert(pem)


def der(path):
    with open(path, encoding="ascii") as file:
        return ssl.PEM_cert_to_DER_cert(file.read())


@test("TLS: the certificate of gRPC is that of HTTP, and SIGHUP replaces it while connections go on")
def _():
    cert, key = certificate("first")
    new_cert, new_key = certificate("second")
    with Server(*HTTP, "--tls-cert", cert, "--tls-key", key) as server:
        address = server.ready["http"]
        context = ssl.create_default_context(cafile=cert)
        old = http.client.HTTPSConnection(*place(address), timeout=DEADLINE, context=context)
        old.request("GET", "/healthz")
        equal(old.getresponse().read(), b"ok\n")
        equal(shown(address), der(cert))
        os.replace(new_key, key)
        expected = der(new_cert)
        os.replace(new_cert, cert)
        server.send_signal(signal.SIGHUP)
        eventually(lambda: shown(address) == expected, "the new certificate")
        old.request("GET", "/healthz")
        equal(old.getresponse().read(), b"ok\n")
        old.close()
        equal(get(address, "/healthz", ssl.create_default_context(cafile=cert))[0], 200)
        assert b"HTTP" not in say(address, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")


# ---- clients that mean no good -----------------------------------------------------------------------------------

HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
SMUGGLING = (
    HEAD + b"\rX: y\r\n\r\n", HEAD + b"X: a\r\n b\r\n\r\n", HEAD + b"X : a\r\n\r\n", HEAD + b"X: a\n\r\n",
    HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", HEAD + b"Content-Length: 1, 2\r\n\r\n",
    HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n", HEAD + b"Transfer-Encoding : chunked\r\n\r\n",
    HEAD + b"Transfer-Encoding:\x0bchunked\r\n\r\n", HEAD + b"Content-Length: -1\r\n\r\n", HEAD + b"X: \0\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\n\r\n", HEAD + b"Host: y\r\n\r\n",
)


@test("each vector of request smuggling is refused, and what follows it is not looked at")
def _():
    with Server(*HTTP) as server:
        for vector in SMUGGLING:
            answer = say(server.ready["http"], vector + HEAD + b"\r\n")
            assert answer.startswith(b"HTTP/1.1 400 "), (vector, answer)
            equal(answer.count(b"HTTP/1.1 "), 1, vector)


@test("many requests at once are answered in order")
def _():
    with Server(*HTTP) as server:
        last = b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answer = say(server.ready["http"], (HEAD + b"\r\n") * 500 + last)
        equal((answer.count(b"HTTP/1.1 200 "), answer.count(b"HTTP/1.1 404 ")), (500, 1))
        assert answer.rindex(b" 200 ") < answer.index(b" 404 ")


@test("who sends a byte now and then is not waited for, nor is anybody kept waiting by a thousand idle connections")
def _():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    config = {"limits": {"connections_per_address": 0}}
    idle = []
    with Server(*HTTP, config=config) as server:
        try:
            slow = socket.create_connection(place(server.ready["http"]), timeout=0.2)
            slow.sendall(HEAD)
            for _ in range(1000):
                idle.append(socket.create_connection(place(server.ready["http"]), timeout=DEADLINE))
            equal(get(server.ready["http"], "/healthz")[0], 200)
            heard = b""
            until = time.monotonic() + DEADLINE
            while b"\r\n\r\n" not in heard and time.monotonic() < until:
                try:
                    slow.send(b"X")
                    heard += slow.recv(4096)
                except (TimeoutError, ConnectionError):
                    continue
            assert heard.startswith(b"HTTP/1.1 408 "), heard
            slow.close()
            equal(get(server.ready["http"], "/healthz")[0], 200)
        finally:
            for sock in idle:
                sock.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@test("without descriptors new connections wait, with one line in the log, and are served when there are some")
def _():
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))

    with Server(*HTTP, preexec_fn=few) as server:
        address = place(server.ready["http"])
        socks = [socket.create_connection(address, timeout=DEADLINE) for _ in range(120)]
        eventually(lambda: "no file descriptor is left" in server.stderr(), "a line in the log")
        for sock in socks:
            sock.close()
        equal(get(server.ready["http"], "/healthz")[0], 200)


if __name__ == "__main__":
    run()

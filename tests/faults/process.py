#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the process is given: few threads, few files, no descriptors of its own; and signals at all times."""
import os
import resource
import shutil
import signal
import subprocess
import time

from faults import (DEADLINE, NO_LIMITS, SANITIZED, SERVER_BINARY, Control, Server, database, diag, directory, environment,
                    equal, eventually, run, temp_path, test)
from client import pb, register

NOBODY = 54321  # a user with no process
ARGUMENTS = ["--listen", "127.0.0.1:0", "--db", "memory:"]


def ends(command, preexec_fn, ready_is_fine=True):
    """The server ends by itself, in one sentence, or it serves and stops. Returns its exit status and what it said."""
    env = environment()
    if SANITIZED:
        env["ASAN_OPTIONS"] = "detect_leaks=0"  # it takes a thread
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=env, cwd="/", preexec_fn=preexec_fn)
    try:
        if process.stdout.readline().startswith(b"ready"):
            assert ready_is_fine, "it serves"
            process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=DEADLINE)
    finally:
        process.kill()
        process.wait()
    return process.returncode, stderr.decode()


def serves_or_says_why(command, preexec_fn, why, what):
    status, stderr = ends(command, preexec_fn)
    if status == 2:
        assert stderr.startswith("synctv-server: ") and stderr.count("\n") == 1 and why in stderr, (what, stderr)
    else:
        equal(status, 0, f"{what}: {stderr}")
    return status == 0


@test("with too few threads it says so and ends, however many they are")
def _():
    binary = temp_path("synctv-server")
    shutil.copy(SERVER_BINARY, binary)
    os.chmod(directory, 0o711)

    def few(n):
        def apply():
            resource.setrlimit(resource.RLIMIT_NPROC, (n, n))
            if os.geteuid() == 0:  # it does not hold for root
                os.setuid(NOBODY)
        return apply
    served = []
    for n in (1, 2, 4, 6, 8, 10, 12, 14, 18, 24, 30, 34, 36, 40, 60, 200) if os.geteuid() == 0 else (1,):
        if serves_or_says_why([binary, *ARGUMENTS], few(n), "threads cannot be started", f"{n} threads"):
            served.append(n)
    diag(f"served with {served}")
    assert os.geteuid() != 0 or 200 in served


@test("with too little address space it says so and ends")
def _():
    if SANITIZED:
        diag("a sanitizer takes more of it than there is")
        return
    served = []
    for mb in (100, 200, 280, 320, 400, 2000):
        def few():
            resource.setrlimit(resource.RLIMIT_AS, (mb << 20, mb << 20))
        if serves_or_says_why([SERVER_BINARY, *ARGUMENTS], few, "threads cannot be started", f"{mb} MiB"):
            served.append(mb)
    diag(f"served with {served} MiB")
    assert 2000 in served


@test("with too few files it says so and ends")
def _():
    served = []
    for n in (8, 12, 16, 20, 32, 63, 64, 100):
        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))
        if serves_or_says_why([SERVER_BINARY, *ARGUMENTS], few, "open files are too few", f"{n} files"):
            served.append(n)
    equal(served, [64, 100])


@test("without stdin, stdout and stderr it serves, and nothing of it goes to their numbers")
def _():
    def close_all():
        os.closerange(0, 3)
    path = os.path.join(temp_path("data"), "synctv.db")
    process = subprocess.Popen([SERVER_BINARY, "--listen", "127.0.0.1:0", "--db", "sqlite:" + path], env=environment(),
                               preexec_fn=close_all)
    try:
        # The log beside the database is there from the first change on.
        eventually(lambda: process.poll() is not None or os.path.exists(path + "-wal"), "the database")
        there = [os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in range(3)]
        # A shared libgrpc takes a number before the program has begun.
        assert there[0] in ("/dev/null", "anon_inode:[eventfd]") and there[1:] == ["/dev/null"] * 2, there
    finally:
        process.terminate()
        process.wait(DEADLINE)


@test("a SIGTERM that comes several times at once stops it as one does")
def _():
    for pause_s in (0, 0.001, 0.005, 0.02):
        server = Server(config=NO_LIMITS)
        started = time.monotonic()
        server.send_signal(signal.SIGTERM)
        while server.process.poll() is None and time.monotonic() < started + 0.5:
            time.sleep(pause_s)
            server.send_signal(signal.SIGTERM)
        status, took = server.wait(), time.monotonic() - started
        if status == 128 + signal.SIGTERM and took > 1:
            diag(f"it took {took:.1f} s: the last signal may have come to it a second after the first, and counts")
            continue
        equal(status, 0, f"exit status with {pause_s} s between")
        assert server.stderr().endswith("server: stopped\n"), server.stderr()


def signals_while_it_cannot_stop():
    """SIGTERM, at once the same again, and a second later SIGINT: whether it lived until then, and how it ended."""
    control = Control()
    server = Server(db=database()[1], config=NO_LIMITS, env=control.env)
    person = register(server, "alice")
    control.hold_syncs = 1
    waits = person.stub.CreateRoom.future(pb.CreateRoomRequest(name="room"), metadata=person.metadata)
    eventually(lambda: control.held > 0, "the disk to stand still")
    server.send_signal(signal.SIGTERM)
    eventually(lambda: "SIGTERM: stopping" in server.stderr(), "a line in the log")
    server.send_signal(signal.SIGTERM)
    time.sleep(1.2)
    lived = server.process.poll() is None
    server.send_signal(signal.SIGINT)
    status = server.wait()
    assert waits.exception(DEADLINE) is not None
    return lived, status


@test("while it cannot stop, a second signal ends it at once, if it is not the first one again")
def _():
    wanted = (True, 128 + signal.SIGINT)
    for _ in range(5):  # on a machine that pauses the second one may come late, and counts
        seen = signals_while_it_cannot_stop()
        if seen == wanted:
            break
    equal(seen, wanted)


@test("SIGTERM and SIGINT end it at any time of its start, and the database is fine")
def _():
    db = "sqlite:" + temp_path("synctv.db")
    with Server(db=db) as server:
        register(server, "alice")
    statuses = set()
    for i in range(30):
        process = subprocess.Popen([SERVER_BINARY, "--listen", "127.0.0.1:0", "--db", db], env=environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(i * 0.003)
        process.send_signal(signal.SIGINT if i % 2 else signal.SIGTERM)
        statuses.add(process.wait(DEADLINE))
    diag(f"exit statuses {sorted(statuses)}")
    fine = {0, 128 + signal.SIGTERM, 128 + signal.SIGINT, -signal.SIGTERM, -signal.SIGINT}
    assert statuses <= fine, statuses
    with Server(db=db) as server:
        register(server, "bob")


run()

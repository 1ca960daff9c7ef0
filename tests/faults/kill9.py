#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What was acknowledged is there: after kill -9, and after a shutdown, both while 200 clients write.

FAULTS_ROUNDS=500 FAULTS_SEED=… by hand: longer, and the same again.
"""
import math
import os
import random
import subprocess
import time

from faults import DEADLINE, PASSWORD, SANITIZED, SERVER_BINARY, Server, database, diag, environment, limits, run, test
from load import Load, tell

ROUNDS = int(os.environ.get("FAULTS_ROUNDS", 5 if SANITIZED else 20))
SEED = int(os.environ.get("FAULTS_SEED", time.time()))
PATH, DB = database()
CONFIG = limits()
random.seed(SEED)
diag(f"FAULTS_SEED={SEED}")
state = {}


def kill_while_starting():
    """The end may also come while it makes good what the last end has left."""
    process = subprocess.Popen([SERVER_BINARY, "--listen", "127.0.0.1:0", "--db", DB], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
    try:
        process.wait(random.uniform(0, 0.05))
    except subprocess.TimeoutExpired:
        process.kill()
    process.wait(DEADLINE)


@test("kill -9 while 200 clients write loses no acknowledged write")
def _():
    started = time.monotonic()
    server = Server(config=CONFIG, db=DB)
    load = state["load"] = Load(server, SEED)
    assert len(load.writers) == 200
    diag(f"prepared in {time.monotonic() - started:.1f} s")
    started = time.monotonic()
    for number in range(1, ROUNDS + 1):
        load.run(server, random.randint(1, 1500), server.kill)
        if number % 4 == 0:
            kill_while_starting()
        server = Server(config=CONFIG, db=DB)
        load.check(server)
        if number % 20 == 0:
            tell(load, number, time.monotonic() - started)
    tell(load, ROUNDS, time.monotonic() - started)
    server.stop()


@test("a shutdown under full load ends well within 10 s, and loses nothing either")
def _():
    load = state["load"]
    with Server(config=CONFIG, db=DB) as server:
        began = []

        def stop():
            began.append(time.monotonic())
            server.send_signal(15)

        load.run(server, 2000, stop)
        assert server.wait() == 0, server.stderr()  # after 10 s it is 1
        diag(f"stopped in {time.monotonic() - began[0]:.2f} s")
        server.check_stderr()
    with Server(config=CONFIG, db=DB) as server:
        load.sure_until = math.inf  # of playback, too
        load.check(server)


run()

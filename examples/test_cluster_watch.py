#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs cluster_watch beside servers that come and go, until it has printed it: test_cluster_watch.py SERVER CLUSTER_WATCH"""
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

PATIENCE_S = 120
SERVER, WATCH = sys.argv[1:]
ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")


def start(*command):
    return subprocess.Popen([*ENDS_WITH_US, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


def start_server(node):
    server = start(SERVER, "--db", db, "--cluster-secret-file", secret, "--node-id", node, "--listen", "127.0.0.1:0",
                   "--heartbeat-ms", "500", "--log-level", "warn")
    assert server.stdout.readline().startswith("ready")
    return server


def stop(process, signum=signal.SIGTERM):
    process.send_signal(signum)
    assert process.wait(PATIENCE_S) == 0, process.args


def expect(*words, at=0):
    """A line that has these words there."""
    until = time.monotonic() + PATIENCE_S
    while True:
        line = lines.get(timeout=max(0.0, until - time.monotonic()))
        print(line, end="", flush=True)
        if tuple(line.split()[at:at + len(words)]) == words:
            return


folder = tempfile.mkdtemp(prefix="synctv-watch-")
db, secret = f"sqlite:{folder}/synctv.db", f"{folder}/cluster.secret"
lines = queue.Queue()
processes = []
try:
    with open(secret, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(os.urandom(32).hex() + "\n")
    processes.append(a := start_server("a"))
    # Its id is greater than the servers': it dials them although it is not its turn.
    processes.append(watch := start(WATCH, db, secret, "watch"))
    threading.Thread(target=lambda: [lines.put(line) for line in watch.stdout], daemon=True).start()
    expect("this", "is", "watch", "alive")
    expect("a", "alive", at=1)
    processes.append(b := start_server("b"))
    expect("b", "alive", at=1)
    stop(b)
    expect("left", "b")
    stop(watch, signal.SIGINT)
    stop(a)
finally:
    for process in processes:
        process.kill()
        process.wait()
    shutil.rmtree(folder)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A program whose schema is newer, beside servers of the older one. FAULTS_TOMORROW is that program."""
import os
import subprocess

from faults import DEADLINE, environment, equal, run
from harness import Skip
from client import Person, movie, register
from cluster import Cluster, on_each_store

TOMORROW = os.environ.get("FAULTS_TOMORROW", "")


def start_of_tomorrow(store, *options):
    """(exit status or None if it serves, what it says)."""
    process = subprocess.Popen([TOMORROW, "--listen", "127.0.0.1:0", "--db", store.url, *options], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    try:
        if process.stdout.readline().startswith("ready"):
            process.terminate()
            process.communicate(timeout=DEADLINE)
            return None, ""
        _, stderr = process.communicate(timeout=DEADLINE)
        return process.returncode, stderr
    finally:
        process.kill()
        process.wait()


@on_each_store("a newer program beside older members refuses and names them, and they go on; when they have stopped it starts")
def _(store):
    if not TOMORROW:
        raise Skip("FAULTS_TOMORROW names no program")
    with Cluster(store, ids="abc") as cluster:
        alice = register(cluster.servers["a"], "alice")
        room = alice.CreateRoom(name="room").room
        cluster.kill("c")  # its row is there yet, and it is not
        before = store.query("SELECT id, epoch, instance FROM nodes ORDER BY id")
        for options in (cluster.options("d"), cluster.options("c"), ()):
            status, stderr = start_of_tomorrow(store, *options)
            equal((status, stderr.count("\n")), (2, 1), stderr)
            if options:
                assert "stop them first: a, b\n" in stderr, stderr
        equal(store.query("SELECT id, epoch, instance FROM nodes ORDER BY id"), before)
        for node_id in ("a", "b"):
            there = Person(cluster.servers[node_id].address)
            there.access_token = alice.access_token
            there.AddMovie(room_id=room.id, movie=movie(node_id))
        cluster.start("c")
        equal([entry.name for entry in alice.GetMovieList(room_id=room.id).movies], ["a", "b"])
    equal(start_of_tomorrow(store, *cluster.options("d")), (None, ""))
    try:
        cluster.start("a")
    except AssertionError as refused:
        assert "use a newer version" in str(refused), refused
    else:
        raise AssertionError("an older program starts with a newer schema")


run()

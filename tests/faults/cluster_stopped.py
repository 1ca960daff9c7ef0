#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One of three servers of a database stands still (SIGSTOP), in the middle of a transaction, while clients write through all:
for a moment, and for so long that the others declare it dead.

SYNCTV_TEST_SECONDS=10 by hand: the longer time, which is 60 s.
"""
import os
import signal
import sqlite3
import time

from faults import diag, eventually, run
from cluster import Cluster, PostgresStore, on_each_store
from cluster_load import REFUSED, STORED, Load

LONG = float(os.environ.get("SYNCTV_TEST_SECONDS", 60))
SHORT = min(10, LONG / 6)
CLIENTS = {"movies": 18, "chats": 30, "doors": 9, "players": 9}
# What others may wait for a write on a machine that has other things to do; on one that has not it is 3 s.
PATIENCE_S = 10
TRIES = 400
IN_TRANSACTION = ("SELECT 1 AS one FROM pg_stat_activity WHERE state = 'idle in transaction' AND backend_xid IS NOT NULL"
                  " AND clock_timestamp() - state_change > interval '80 ms'")


def holds_locks(store):
    """Whether somebody who does not go on has a transaction that others have to wait for."""
    if isinstance(store, PostgresStore):
        return bool(store.query(IN_TRANSACTION))
    db = sqlite3.connect(store.path, timeout=1, isolation_level=None)
    try:
        db.execute("BEGIN IMMEDIATE")
        db.execute("ROLLBACK")
        return False
    except sqlite3.OperationalError:
        return True
    finally:
        db.close()


def stop(store, server, in_transaction):
    for _ in range(TRIES):
        server.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        if holds_locks(store) == in_transaction:
            return
        server.send_signal(signal.SIGCONT)
        time.sleep(0.01)
    raise AssertionError("it does not stop where it should")


def stand_still(store, cluster, load, seconds, in_transaction):
    server = cluster.servers["b"]
    others = [node_id for node_id in cluster.ids if node_id != "b"]
    load.wait_for(300)
    stop(store, server, in_transaction)
    load.slowest.clear()
    before = [load.n(STORED), load.n(REFUSED), load.n_playback()]
    longest = [0, 0]
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            longest = [max(longest[playback], *(load.longest_wait(node_id, bool(playback)) for node_id in others))
                       for playback in (0, 1)]
            time.sleep(0.05)
        stored, refused, played = (now - was for now, was in
                                   zip([load.n(STORED), load.n(REFUSED), load.n_playback()], before))
    finally:
        server.send_signal(signal.SIGCONT)
    diag(f"stopped {'in' if in_transaction else 'between'} transactions for {seconds:.0f} s: others waited at most {longest[0]:.2f} s for a"
         f" write and {longest[1]:.2f} s for playback; {stored} writes were acknowledged, {refused} refused, {played} changes of"
         " playback acknowledged")
    assert played > 0
    if isinstance(store, PostgresStore) or not in_transaction:
        assert max(longest) < PATIENCE_S and stored > 0
    else:  # a room that has to be read again waits behind writes that wait for the lock, twice 5 s
        assert max(longest) < 2 * PATIENCE_S


@on_each_store(f"a server that stands still for {SHORT:.0f} and for {LONG:.0f} s holds up nobody, and what it does too late is not stored")
def _(store):
    heartbeat_ms = min(5000, int(LONG * 1000 / 12))  # dead after 6 of them: half of the longer time
    with Cluster(store, heartbeat_ms=heartbeat_ms) as cluster:
        load = Load(cluster, CLIENTS, 1, pace_s=0.02)
        b = cluster.servers["b"]
        stand_still(store, cluster, load, SHORT, in_transaction=True)
        load.wait_for(300)
        assert "was declared dead" not in b.stderr()
        # Who stands still with the write lock of SQLite cannot be declared dead: nobody can write.
        stand_still(store, cluster, load, LONG, in_transaction=isinstance(store, PostgresStore))
        eventually(lambda: "was declared dead; it has registered anew" in b.stderr(), "b comes back", timeout=60)
        load.wait_for(300)
        load.end()


run()

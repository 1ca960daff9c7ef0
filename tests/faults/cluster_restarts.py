#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Three servers are started again and again, after SIGTERM and after kill -9, while people chat and play, and go to another server
when theirs goes.

SYNCTV_TEST_QUICK=1, or SYNCTV_TEST_TURNS=5, and FAULTS_SEED=… by hand: fewer, and the same again.
"""
import os
import random
import time

from cluster import Cluster, on_each_store, turns
from crowd import Crowd
from faults import diag, run

QUICK = "SYNCTV_TEST_QUICK" in os.environ
TURNS, CLIENTS = (3, 30) if QUICK else (turns(50), 150)
PER_ROOM = 15
SEED = int(os.environ.get("FAULTS_SEED", time.time()))


def end(cluster, node_id, signal):
    if signal == "kill -9":
        cluster.kill(node_id)
        return
    server = cluster.servers.pop(node_id)
    server.complaints_expected = True  # writes may fail meanwhile
    server.stop()


@on_each_store(f"{TURNS} times one of three servers ends and starts again: nothing that {CLIENTS} clients said is lost or doubled, and"
               " who is there is known everywhere")
def _(store):
    diag(f"FAULTS_SEED={SEED}")
    chance = random.Random(SEED)
    with Cluster(store, heartbeat_ms=500) as cluster:
        crowd = Crowd(cluster, CLIENTS // PER_ROOM, PER_ROOM, SEED, pace_s=0.5)
        crowd.everybody_comes()
        crowd.goes_on()
        crowd.wait_for(CLIENTS)
        for turn in range(TURNS):
            node_id = chance.choice(cluster.ids)
            end(cluster, node_id, "kill -9" if turn % 2 else "SIGTERM")
            crowd.wait_for(chance.randint(0, CLIENTS))
            cluster.start(node_id)
            crowd.wait_for(chance.randint(0, CLIENTS))
        crowd.stops()
        crowd.settled()
        refused = [why for why in crowd.refusals if not any(word in why for word in (
            "STORAGE_UNAVAILABLE", "SHUTTING_DOWN", "connection: ", "shutting down", "refused as before"))]
        assert not refused, refused
        crowd.end()


run()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Three servers of one database get kill -9, one after the other, while 300 clients write.

SYNCTV_TEST_TURNS=5 FAULTS_SEED=… by hand: fewer kills, and the same again.
"""
import os
import random
import time

from cluster import Cluster, on_each_store, turns
from cluster_load import Load
from faults import diag, run

TURNS = turns(50)
SEED = int(os.environ.get("FAULTS_SEED", time.time()))
CLIENTS = {"movies": 90, "chats": 120, "doors": 60, "players": 30}


@on_each_store(f"{TURNS} times kill -9 of one of three servers loses and doubles nothing that 300 clients were told is done")
def _(store):
    diag(f"FAULTS_SEED={SEED}")
    chance = random.Random(SEED)
    with Cluster(store) as cluster:
        load = Load(cluster, CLIENTS, SEED)
        for _ in range(TURNS):
            node_id = chance.choice(cluster.ids)
            load.wait_for(chance.randint(1, 600))
            cluster.kill(node_id)
            load.wait_for(chance.randint(0, 200))  # of the others
            cluster.start(node_id)
        load.wait_for(300)
        load.end()


run()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two servers of one database, and clients that do all sorts of things at both, in the same rooms, for ten minutes.

SYNCTV_TEST_SECONDS=10 by hand: less.
"""
import os
import re
import time

from faults import diag, equal, run
from cluster import Cluster, PostgresStore, on_each_store
from cluster_load import REFUSED, UNKNOWN, Load

SECONDS = float(os.environ.get("SYNCTV_TEST_SECONDS", 600))
CLIENTS = {"movies": 20, "chats": 20, "doors": 16, "players": 8, "managers": 8}


@on_each_store(f"for {SECONDS:.0f} s of mixed load from two servers nothing that fails reaches a client")
def _(store):
    with Cluster(store, ids="ab") as cluster:
        load = Load(cluster, CLIENTS, 1, n_rooms=4, pace_s=0.02)
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            load.wait_for(10)
            assert not load.reasons, load.reasons
        load.end()
        equal((load.n(REFUSED), load.n(UNKNOWN), dict(load.reasons)), (0, 0, {}))
        said = "".join(server.stderr() for server in cluster.servers.values())
        assert "deadlock" not in said and "40P01" not in said, said[-2000:]
        if isinstance(store, PostgresStore):
            deadlocks = store.query("SELECT sum(deadlocks)::INT AS n FROM pg_stat_database")[0][0]
            diag(f"PostgreSQL has met {deadlocks} deadlocks; its log has {store.log().count('deadlock detected')},"
                 f" and {len(re.findall('lock timeout', store.log()))} waits for a lock that were given up")


run()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The PostgreSQL of three servers dies, while clients write: sessions in the middle of a COMMIT, single processes of it, the
whole of it, and all of it for longer than a server waits for the word on a COMMIT.

SYNCTV_TEST_TURNS=20 FAULTS_SEED=… by hand: fewer deaths, and the same again.
"""
import os
import random
import signal
import time

from cluster import Cluster, PostgresStore, on_each_store, turns
from cluster_load import STORED, Load
from faults import diag, eventually, run

TURNS = turns(200)
SEED = int(os.environ.get("FAULTS_SEED", time.time()))
CLIENTS = {"movies": 40, "chats": 60, "doors": 20, "players": 10}
AWAY_S = 12  # a server asks for 10 s whether a transaction was committed
IN_COMMIT = "state = 'active' AND query LIKE 'COMMIT%'"
# Ends a session that is seen in a COMMIT; this looks often, for a second at most. Returns 1, or 0 if there was none.
END_ONE_IN_COMMIT = f"""
CREATE OR REPLACE FUNCTION pg_temp.end_one() RETURNS INT LANGUAGE plpgsql AS $$
DECLARE found INT;
BEGIN
    FOR i IN 1..1000 LOOP
        PERFORM pg_stat_clear_snapshot();
        SELECT pid INTO found FROM pg_stat_activity WHERE {IN_COMMIT} AND pid <> pg_backend_pid() LIMIT 1;
        IF found IS NOT NULL THEN
            PERFORM pg_terminate_backend(found);
            RETURN 1;
        END IF;
        PERFORM pg_sleep(0.0005);
    END LOOP;
    RETURN 0;
END $$;
SELECT pg_temp.end_one();"""


class Deaths:
    def __init__(self, store, chance):
        self.store, self.chance = store, chance
        self.in_commit = 0

    def end_session_in_commit(self):
        self.in_commit += int(self.store.execute(END_ONE_IN_COMMIT).split()[-1])

    def end_many_sessions(self):
        self.store.query("SELECT pg_terminate_backend(pid) AS done FROM pg_stat_activity WHERE backend_type = 'client backend'"
                         " AND pid <> pg_backend_pid() AND random() < 0.6")

    def kill_one_process(self):
        """Then PostgreSQL ends all others, and recovers."""
        pids = self.store.backends(IN_COMMIT) or self.store.backends()
        if pids:
            os.kill(self.chance.choice(pids), signal.SIGKILL)

    def kill_all(self, away_s=0):
        self.store.kill()
        time.sleep(away_s)
        self.store.start()


def is_there(store):
    try:
        return store.query("SELECT 1 AS one")
    except RuntimeError:
        return None


@on_each_store(f"PostgreSQL dies {TURNS} times: what was told as done is stored, what was told as failed is not, the rest is told as unknown",
               stores=(PostgresStore,))
def _(store):
    diag(f"FAULTS_SEED={SEED}")
    chance = random.Random(SEED)
    # A COMMIT waits for the disk: so there is a middle of it.
    store.configure("fsync = on", "commit_delay = 3000", "commit_siblings = 0")
    store.kill()
    store.start()
    with Cluster(store) as cluster:
        load = Load(cluster, CLIENTS, SEED)
        deaths = Deaths(store, chance)
        for turn in range(1, TURNS + 1):
            load.wait_for(chance.randint(1, 150))
            if turn % 20 == 10:
                deaths.kill_all()
            elif turn % 20 == 0:
                deaths.kill_one_process()
            elif turn % 10 == 5:
                deaths.end_many_sessions()
            else:
                deaths.end_session_in_commit()
            eventually(lambda: is_there(store), "PostgreSQL is there again", timeout=60)
        for _ in range(3):  # until a COMMIT was under way
            load.wait_for(200)
            deaths.kill_all(AWAY_S)
            load.wait_for(200)
            if load.n_told_as_unknown():
                break
        diag(f"{deaths.in_commit} sessions were ended in a COMMIT; {load.n(STORED)} acknowledged")
        load.end()
        assert load.n_told_as_unknown(), "nothing was told as unknown"


run()

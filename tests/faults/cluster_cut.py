#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One of three servers is cut off from the others, with the database in sight and without it, and healed, while clients of all
three play, chat, come and go.

SYNCTV_TEST_QUICK=1 FAULTS_SEED=… by hand: few clients and cuts, and the same again.
"""
import contextlib
import os
import random
import time

import network as net

MAY_CUT = net.in_own_namespace()

# pylint: disable=wrong-import-position
from cluster import Cluster, PostgresStore, on_each_store, turns, until  # noqa: E402
from crowd import PATIENCE_S, Crowd  # noqa: E402
from faults import Server, diag, eventually, run  # noqa: E402
from client import pb  # noqa: E402
from harness import Skip  # noqa: E402

QUICK = "SYNCTV_TEST_QUICK" in os.environ
CLIENTS, TURNS = (30, 1) if QUICK else (300, turns(4))
PER_ROOM = 15
SEED = int(os.environ.get("FAULTS_SEED", time.time()))
BEAT_MS = 500
SUSPECT_S, DEAD_S = 3 * BEAT_MS / 1000 + 1, 6 * BEAT_MS / 1000 + 1
PRESENCES = (pb.MEMBER_CHANGE_ONLINE, pb.MEMBER_CHANGE_OFFLINE)


class FarCluster(Cluster):
    """Each server on a network that can be cut."""

    def __init__(self, store, network):
        self.network = network
        self.url = store.url
        if isinstance(store, PostgresStore):
            here = f"{net.SUBNETS[net.DATABASE]}.{net.HERE}"
            store.configure(f"listen_addresses = '127.0.0.1,{here}'")
            with open(os.path.join(store.pg.data, "pg_hba.conf"), "a", encoding="ascii") as rules:
                rules.write(f"host all all {here}/24 trust\n")
            store.kill()
            store.start()
            self.url = store.url.replace("127.0.0.1", here)
        super().__init__(store, "".join(network.ids), BEAT_MS)

    def start(self, node_id):
        server = Server(*self.options(node_id), "--cluster-listen", self.network.address(node_id, net.PEERS) + ":0",
                        listen=self.network.address(node_id, net.CLIENTS) + ":0", db=self.url, config=self.config,
                        preexec_fn=self.network.enters(node_id))
        self.servers[node_id] = server
        self.started[node_id] += 1
        return server


@contextlib.contextmanager
def far_cluster(store):
    if not MAY_CUT:
        raise Skip("no network namespaces are allowed here")
    network = net.Network("abc")
    try:
        with FarCluster(store, network) as cluster:
            yield cluster
    finally:
        network.close()


def wanderers(crowd, chance):
    """Some of all servers, who do not play: they come and go while a server is cut off."""
    quiet = [viewer for viewer in crowd.viewers if viewer not in crowd.players]
    return chance.sample(quiet, len(quiet) // 5)


def come_and_go(crowd, some):
    def turn():
        for viewer in some:
            viewer.go() if viewer.here else viewer.come()  # pylint: disable=expression-not-assigned
    crowd.do(turn)


def linked(cluster):
    for server in cluster.servers.values():
        others = [node_id for node_id in cluster.ids if node_id != server.node_id]
        eventually(lambda server=server, others=others: all(
            f"there is a link to node {node_id}" in server.stderr() for node_id in others), "all links")


def cut_off(cluster, crowd, chance, node_id, which, seconds):
    """Cuts, heals, and tells how long it took until all streams had one playback state."""
    moving = wanderers(crowd, chance)
    staying = {viewer.user.id for viewer in crowd.viewers} - {viewer.user.id for viewer in moving}
    crowd.forget_told()
    crowd.latest_s = 0
    cluster.network.cut(node_id, *which)
    come_and_go(crowd, moving)
    crowd.wait_for(5, seconds / 2)
    come_and_go(crowd, moving)
    crowd.wait_for(5, seconds / 2)
    crowd.stops_playing()
    cluster.network.heal()
    healed = time.monotonic()
    eventually(lambda: crowd.one_state() == "", f"one state everywhere: {crowd.one_state()}", timeout=60)
    took = time.monotonic() - healed
    crowd.plays_again()
    newest = crowd.newest()
    until(lambda: crowd.not_heard(newest), "all streams have heard what was said before", timeout=PATIENCE_S)
    heard = time.monotonic() - healed
    crowd.wait_for(20)
    in_sight = net.DATABASE not in which
    n, what = crowd.announced(staying)
    diag(f"{node_id} without {' and '.join(which)} for {seconds:.1f} s: one state {took:.2f} s after healing, all chat {heard:.2f} s;"
         f" a chat came to the last one {crowd.latest_s:.2f} s after the first; who stayed was announced {n} times at most")
    # Who has no database is declared dead in time, and its people are gone and come again; else nobody has moved.
    assert n <= (0 if in_sight else 1), what


# What a server is without, and for how long.
CUTS = [((net.PEERS,), 1), ((net.PEERS,), SUSPECT_S + 1), ((net.PEERS,), DEAD_S + 4)]
CUTS_OF_DATABASE = [((net.PEERS, net.DATABASE), SUSPECT_S), ((net.PEERS, net.DATABASE), DEAD_S + 12), ((net.DATABASE,), DEAD_S + 2)]


def cuts_of(store):
    cuts = [CUTS[1]] if QUICK else list(CUTS)
    if isinstance(store, PostgresStore):
        cuts += [CUTS_OF_DATABASE[0]] if QUICK else CUTS_OF_DATABASE
    return cuts


@on_each_store(f"{CLIENTS} clients of three servers, one of which is cut off and healed: chat is there once and in order, and in the"
               " end all say the same")
def _(store):
    diag(f"FAULTS_SEED={SEED}")
    chance = random.Random(SEED)
    with far_cluster(store) as cluster:
        linked(cluster)
        crowd = Crowd(cluster, CLIENTS // PER_ROOM, PER_ROOM, SEED)
        crowd.everybody_comes()
        crowd.goes_on()
        crowd.wait_for(CLIENTS // 2)
        for _ in range(TURNS):
            for which, seconds in cuts_of(store):
                cut_off(cluster, crowd, chance, chance.choice(cluster.ids), which, seconds)
        crowd.stops()
        crowd.settled()
        refused = [why for why in crowd.refusals if "STORAGE_UNAVAILABLE" not in why and "storage is not available" not in why]
        assert not refused and (crowd.refusals == {} or isinstance(store, PostgresStore)), crowd.refusals
        crowd.end()


run()

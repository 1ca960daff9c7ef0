#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""People come and go at two servers, join and leave, while a third one starts, to which some of them go then: every roster is
complete.

SYNCTV_TEST_QUICK=1 and FAULTS_SEED=… by hand: fewer people, and the same again.
"""
import os
import random
import time

from cluster import Cluster, on_each_store
from crowd import Crowd
from faults import diag, run

from client import pb

QUICK = "SYNCTV_TEST_QUICK" in os.environ
CLIENTS, PER_ROOM, SECONDS = (30, 15, 2) if QUICK else (400, 100, 15)
SEED = int(os.environ.get("FAULTS_SEED", time.time()))
GONE = (pb.MEMBER_CHANGE_LEFT,)


class Movers:
    """Half of those who have not made the room: each leaves it, or only its stream, and comes back, to any server."""

    def __init__(self, crowd):
        self.crowd = crowd
        self.viewers = [viewer for viewer in crowd.viewers if viewer.number % PER_ROOM and viewer.number % 2]
        self.inside = {viewer.user.id for viewer in crowd.viewers}
        self.going_on = True
        crowd.do(lambda: [self.soon(viewer) for viewer in self.viewers])

    def soon(self, viewer):
        self.crowd.later(4 * viewer.random.random(), lambda: self.move(viewer))

    def move(self, viewer):
        if not self.going_on:
            return
        if viewer.here:
            viewer.go()
            if viewer.random.random() < 0.5:
                self.soon(viewer)
            else:
                self.inside.discard(viewer.user.id)
                viewer.insist("LeaveRoom", lambda: self.soon(viewer))
            return
        viewer.home = viewer.random.choice(self.crowd.cluster.ids)

        def come():
            viewer.come()
            self.soon(viewer)
        if viewer.user.id in self.inside:
            come()
        else:
            self.inside.add(viewer.user.id)
            viewer.insist("JoinRoom", come)

    def stop(self):
        self.going_on = False


def roster_of(viewer, members):
    """As its stream has told it since the beginning."""
    roster = set(members)
    for user_id, change in viewer.changes:
        (roster.discard if change in GONE else roster.add)(user_id)
    return roster


@on_each_store(f"{CLIENTS} viewers come and go while a third server starts: every roster is complete")
def _(store):
    diag(f"FAULTS_SEED={SEED}")
    with Cluster(store, ids="ab", heartbeat_ms=500) as cluster:
        crowd = Crowd(cluster, CLIENTS // PER_ROOM, PER_ROOM, SEED, pace_s=4)
        crowd.everybody_comes()
        crowd.goes_on()
        movers = Movers(crowd)
        crowd.wait_for(CLIENTS // 10, SECONDS)
        cluster.start_another("c")
        crowd.wait_for(CLIENTS // 10, SECONDS)
        movers.stop()
        crowd.stops()
        crowd.settled(lambda room: movers.inside & {viewer.user.id for viewer in crowd.viewers if viewer.room is room})
        staying = [viewer for viewer in crowd.viewers if viewer.n_streams == 1 and viewer.here]
        for viewer in staying:
            at_first = {other.user.id for other in crowd.viewers if other.room is viewer.room}
            roster, members = roster_of(viewer, at_first), at_first & movers.inside
            assert roster == members, f"viewer {viewer.number} at {viewer.home}: without {members - roster}, with {roster - members}"
        diag(f"{len(staying)} have stayed, and know all the others; {len(movers.inside)} are in their rooms, at c"
             f" {sum(viewer.home == 'c' and viewer.here for viewer in crowd.viewers)}")
        crowd.end()


run()

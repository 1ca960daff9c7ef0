#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The wall clocks of the machines of a cluster are an hour apart; its servers have one clock all the same."""
import time

from faults import Control, diag, equal, eventually, run
from client import Person, movie, pb, register
from cluster import Cluster, PostgresStore, on_each_store

HOUR_MS = 3600 * 1000
AHEAD = {"a": HOUR_MS, "b": 0, "c": -HOUR_MS}  # with PostgreSQL; with a file all are on one machine
SLACK_S = 30  # that a machine may lose between two of our calls
AT_S = 600


class Viewer:
    """Somebody who follows a room at a server."""

    def __init__(self, server, person, room_id):
        self.person = Person(server.address)
        self.person.access_token = person.access_token
        self.stream = self.person.stream(room_id)
        self.room_id = room_id

    def clock(self):
        """Of the server, by what it is ahead of our monotonic one; seconds."""
        before = time.monotonic()
        mark = time.monotonic_ns()
        self.stream.send(ping=pb.PingMessage(client_time=mark))
        pong = self.stream.expect("pong", where=lambda pong: pong.client_time == mark)
        return pong.server_send_time / 1000 - (before + time.monotonic()) / 2

    def position(self, version):
        """As a client works it out, which is what a viewer sees; by a state of this version or a newer one."""
        state = eventually(lambda: (state := self.person.GetRoomInfo(room_id=self.room_id).state).version >= version and state,
                           f"a state of version {version}")
        equal(state.status, pb.PLAYBACK_STATUS_PLAYING)
        return state.current_time + time.monotonic() + self.clock() - state.updated_at / 1000


class Show:
    """A movie that plays, and who watches it at each server."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.host = register(cluster.servers["a"], "host")
        self.room_id = self.host.CreateRoom(name="room").room.id
        self.film = self.host.AddMovie(room_id=self.room_id, movie=movie(duration=7200)).movie
        self.host.AddMovie(room_id=self.room_id, movie=movie("Next"))
        self.host.SetCurrentMovie(room_id=self.room_id, movie_id=self.film.id)
        self.version = self.host.Play(room_id=self.room_id, position=AT_S).state.version
        self.started = time.monotonic()
        self.viewers = {}

    def look(self, what):
        """That all servers have one clock, and show one position, which goes on as it should."""
        for node_id, server in self.cluster.servers.items():
            viewer = self.viewers.get(node_id)
            if viewer is None or viewer.server is not server:
                viewer = self.viewers[node_id] = Viewer(server, self.host, self.room_id)
                viewer.server = server
        clocks = {node_id: self.viewers[node_id].clock() for node_id in self.cluster.servers}
        diag(f"{what}: clocks apart by {max(clocks.values()) - min(clocks.values()):.3f} s")
        assert max(clocks.values()) - min(clocks.values()) < SLACK_S, (what, clocks)
        for node_id in self.cluster.servers:
            drift = self.viewers[node_id].position(self.version) - AT_S - (time.monotonic() - self.started)
            assert abs(drift) < SLACK_S, f"{what}: at {node_id} the movie has moved by {drift:.1f} s"
        self.nothing_ended()

    def nothing_ended(self):
        for viewer in self.viewers.values():
            told = [message.room_state for message in viewer.stream.came if message.WhichOneof("payload") == "room_state"]
            told = [state for state in told if state.version >= self.version]
            assert all(state.movie_id == self.film.id and state.cause != pb.STATE_CAUSE_ENDED for state in told), told

    def restart(self, node_id):
        self.cluster.kill(node_id)
        self.cluster.start(node_id)


@on_each_store("with wall clocks an hour apart servers have one clock, no movie ends, and no position moves")
def _(store):
    one_machine = None if isinstance(store, PostgresStore) else Control()
    controls = {node_id: one_machine or Control() for node_id in AHEAD}
    for node_id, ahead_ms in AHEAD.items():
        controls[node_id].clock_offset_ms = ahead_ms
    with Cluster(store, heartbeat_ms=300, env_of=lambda node_id: controls[node_id].env) as cluster:
        show = Show(cluster)
        for node_id in cluster.ids:
            for other in cluster.ids:
                eventually(lambda node_id=node_id, other=other: other == node_id or f"node {other} is alive" in
                           cluster.servers[node_id].stderr(), "they find each other")
        show.look("all three")
        show.version = show.viewers["b"].person.Seek(room_id=show.room_id, position=AT_S).state.version
        show.started = time.monotonic()
        show.look("after a change through b")
        for node_id in cluster.ids:
            show.restart(node_id)
            show.look(f"{node_id} has started again")
        for node_id in ("a", "b"):
            cluster.kill(node_id)
        eventually(lambda: "node b is dead" in cluster.servers["c"].stderr(), "c is alone")
        # Its clock follows its machine's, or the database's, from now on.
        time.sleep(3)
        show.look("c is alone")
        cluster.start("a")
        cluster.start("b")
        show.look("a and b are back")
        controls["a"].clock_offset_ms = -2 * HOUR_MS
        time.sleep(3)
        show.look("a's machine has another time")
        for node_id in cluster.ids:
            cluster.servers.pop(node_id).stop()
        for node_id in reversed(cluster.ids):
            cluster.start(node_id)
        show.viewers.clear()
        show.look("after all have stopped")


run()

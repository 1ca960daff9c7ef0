#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Nodes that have the cluster secret and misbehave, at one of two real members: their link ends with a sentence, the member's memory
stays bounded, its clients are served, and its link to the other member sees nothing of it. Who is refused before there is a link,
and what takes longer, is in tests/unit/test_peer_hostile.c."""
import contextlib
import os
import queue
import sqlite3
import threading
import time

import grpc

from harness import NO_LIMITS, Server, equal, eventually, run, test, write_file
from client import Failure, movie, pb, register
from cluster_rig import database, lines_with, member, says
from cluster_tool import Tool, token
from hostile_rig import MIB, Victim, Witness, tell_peaks

import cluster_pb2 as cluster
import data_pb2 as data

BOUND = 128 * MIB  # what threads, arenas and queues of a busy member may take beside what is new
N_ROOMS = 100_000
A_MINUTE_MS = 60_000


class Ghost:
    """A node that is there only in the database. Its id comes before all others, so nobody dials it."""

    def __init__(self, victim, node_id):
        self.id, self.victim, self.epoch = node_id, victim, int(time.time() * 1000)
        path = victim.db.removeprefix("sqlite:")
        with sqlite3.connect(path, timeout=30) as db:
            self.storage_id, = db.execute("SELECT value FROM meta WHERE key = 'storage_id'").fetchone()
            db.execute("INSERT INTO nodes VALUES (?, ?, 'ghost', '127.0.0.1:1', '', '', 1, ?, 0)",
                       (node_id, self.epoch, A_MINUTE_MS))
        db.close()
        self.tool = Tool(victim, token(victim.address, subject=node_id))
        self.sequence = 0
        self.outbox = queue.Queue()
        self.call = None

    def register(self, **more):
        fields = {"node_id": self.id, "address": "127.0.0.1:1", "epoch": self.epoch, "storage_id": self.storage_id,
                  "instance": "ghost", "now": int(time.time() * 1000), "version": "1"} | more
        return self.tool.call("RegisterNode", cluster.RegisterNodeRequest(**fields))

    def open(self, **call):
        """Registers, and opens a link."""
        self.register()
        streams = self.tool.channel.stream_stream("/synctv.cluster.ClusterService/SyncEvents",
                                                  response_deserializer=cluster.ClusterEvent.FromString)
        self.call = streams(iter(self.outbox.get, None), metadata=self.tool.metadata, **call)
        self.outbox.put(self.event(hello=cluster.LinkHello(epoch=self.epoch, session=1, now=int(time.time() * 1000),
                                                           version="1"), sequence=0))
        says(self.victim, f"there is a link to node {self.id}")
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        with contextlib.suppress(grpc.RpcError):
            for _ in self.call:
                pass

    def event(self, sequence=None, **payload):
        """The bytes of one."""
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        return cluster.ClusterEvent(event_id=f"e{sequence}", node_id=self.id, timestamp=int(time.time() * 1000),
                                    sequence=sequence, **payload).SerializeToString()

    def say(self, *messages):
        for message in messages:
            self.outbox.put(message)

    def ends(self, *words):
        """The link has ended, and the log has a sentence with these words."""
        says(self.victim, f"node {self.id}: the link to it has ended", *words)
        assert self.call.code() != grpc.StatusCode.OK
        self.tool.channel.close()


DB = database()
victim_server = member(DB, "victim")
bystander = member(DB, "bystander")
says(victim_server, "there is a link to node bystander")
victim, witness = Victim(victim_server), Witness(victim_server)


def attack(sentence, bound):
    """Registers a test of a ghost with a link, during which the witness is served and the victim's memory is watched."""
    def register_it(function):
        node_id = "0" + function.__name__

        @test(sentence)
        def _():
            with witness, victim.watched(function.__name__, bound):
                ghost = Ghost(victim_server, node_id)
                ghost.open()
                function(ghost)
    return register_it


@attack("garbage ends the link", BOUND)
def garbage(ghost):
    ghost.say(os.urandom(1000))
    ghost.ends("it sends what is no event")


@attack("an event that is missing ends the link", BOUND)
def gap(ghost):
    ghost.say(ghost.event(interest=cluster.RoomInterest()), ghost.event(sequence=3, interest=cluster.RoomInterest()))
    ghost.ends("an event is missing")


@attack("an event of 3 MiB ends the link", BOUND)
def oversized(ghost):
    ghost.say(ghost.event(room=cluster.RoomEvent(type=1, room_id=witness.stream.came[0].room_state.room_id, data=3 * MIB * b"x")))
    ghost.ends()


@test("messages that are 256 MiB when they are inflated end the link, each time")
def _():
    with witness, victim.watched("bombs", BOUND):
        for number in range(3):
            ghost = Ghost(victim_server, f"0bomb{number}")
            ghost.open(compression=grpc.Compression.Gzip)
            ghost.say(bytes(256 * MIB))
            ghost.ends("a compressed message has more than 4194304 bytes")


@attack("rooms that nobody has may be named by the hundred thousand, and are forgotten with the link", 2 * BOUND)
def rooms(ghost):
    for first in range(0, N_ROOMS, 1000):
        ghost.say(ghost.event(interest=cluster.RoomInterest(rooms=[
            cluster.Interest(room_id=f"ghost{number:07}", on=True, online=1) for number in range(first, first + 1000)])))
    ghost.say(os.urandom(1000))
    ghost.ends("it sends what is no event")


@attack("what a node says of people in a room is not believed by clients when its link has ended", BOUND)
def people(ghost):
    room_id = witness.stream.came[0].room_state.room_id
    ghost.say(*(ghost.event(presence=cluster.PresenceEvent(presences=[cluster.Presence(
        room_id=room_id, user_id=f"nobody{number:06}", username="nobody", online=True, since=1)])) for number in range(50)))
    eventually(lambda: witness.person.GetRoomInfo(room_id=room_id).room.online_count == 51, "51 online")
    ghost.say(os.urandom(1000))
    ghost.ends("it sends what is no event")
    with sqlite3.connect(DB.removeprefix("sqlite:"), timeout=30) as db:
        db.execute("DELETE FROM nodes WHERE id = ?", (ghost.id,))
    db.close()
    eventually(lambda: witness.person.GetRoomInfo(room_id=room_id).room.online_count == 1, "1 online")


@test("a node with another secret gets no link, and has the database with the others")
def _():
    other = write_file("secret", "z" * 40 + "\n")
    with witness, victim.watched("another secret", BOUND):
        stranger = Server("--cluster-secret-file", other, "--node-id", "stranger", "--heartbeat-ms", "200", db=DB, config=NO_LIMITS)
        says(victim_server, "is refused")
        alice = register(stranger, "alice")
        stream = alice.stream(alice.CreateRoom(name="Over there").room.id)
        stream.expect("room_state")
        equal(lines_with(victim_server, "there is a link to node stranger"), [])
        assert len(lines_with(victim_server, "is refused")) < 20, victim_server.stderr()
        stream.close()
        alice.close()
        stranger.complaints_expected = True
        stranger.stop()


def refused(call, *args):
    try:
        answer = call(*args)
    except grpc.RpcError as error:
        failure = Failure(error)
        assert failure.text, failure
        return failure.reason
    raise AssertionError(f"it went well: {answer}")


@test("a caller that knows only the specification's messages is told what is missing, asks what there is, and sees what happens")
def _():
    host = register(bystander, "host")
    room = host.CreateRoom(name="Film night").room
    film = host.AddMovie(room_id=room.id, movie=movie("One")).movie
    with witness, victim.watched("the specification's messages", BOUND):
        tool = Tool(victim_server)
        old = cluster.NodeCapabilities(can_handle_rtmp=True, max_streams=1)
        equal(refused(tool.call, "RegisterNode", cluster.RegisterNodeRequest(
            node_id="tool", address="192.0.2.1:1", capabilities=old)), "UNIMPLEMENTED")  # it names no version
        equal(refused(tool.call, "Heartbeat", cluster.HeartbeatRequest(node_id="tool", stats=cluster.NodeStats(
            active_streams=1))), "NODE_NOT_FOUND")
        nodes = {node.node_id for node in tool.call("GetNodes", cluster.GetNodesRequest(only_alive=True)).nodes}
        assert {"victim", "bystander"} <= nodes, nodes
        state = data.RoomState(movie_id=film.id, status="playing", current_time=30, rate=1, updated_at=int(time.time() * 1000))
        assert tool.call("SyncRoomState", data.SyncRoomStateRequest(room_id=room.id, state=state, source_node_id="tool")).success
        eventually(lambda: host.GetRoomInfo(room_id=room.id).state.status == pb.PLAYBACK_STATUS_PLAYING, "it plays elsewhere, too")
        found = tool.call("BatchGetRooms", data.BatchGetRoomsRequest(room_ids=[room.id])).rooms
        equal([(one.id, one.name, one.member_count) for one in found], [(room.id, "Film night", 1)])

        said, came = queue.Queue(), []
        said.put(cluster.ClusterEvent(event_id="1", node_id="tool", timestamp=1, chat=cluster.ChatEvent(
            room_id=room.id, message_id="m", user_id=host.id, content="forged")))
        stream = tool.cluster.SyncEvents(iter(said.get, None), metadata=tool.metadata, timeout=60)

        def read():
            with contextlib.suppress(grpc.RpcError):
                came.extend(event for event in stream if event.chat.room_id == room.id)
        threading.Thread(target=read, daemon=True).start()
        here = register(victim_server, "guest")
        here.JoinRoom(room_id=room.id)
        at_victim = here.stream(room.id)
        at_victim.expect("room_state")
        eventually(lambda: at_victim.send(chat=pb.ChatMessage(content="true")) and came, "the tool sees chat", every=0.2)
        equal({event.chat.content for event in came}, {"true"})
        equal({said.content for said in here.GetChatHistory(room_id=room.id).messages}, {"true"})
        stream.cancel()
        at_victim.close()
        for channel in (tool.channel, here.channel, host.channel):
            channel.close()


@test("the link between the members has seen nothing of all that, and they end well")
def _():
    equal(lines_with(victim_server, "node bystander: the link to it has ended"), [])
    equal(lines_with(bystander, "node victim: the link to it has ended"), [])
    tell_peaks()
    witness.stream.close()
    witness.person.close()
    for server in (victim_server, bystander):
        server.complaints_expected = True
        server.stop()


run()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An operator's tool that has the cluster secret: what members tell it, and to whom they tell nothing."""
import contextlib
import json
import time

import grpc

from harness import equal, eventually, run, test
from client import fails, movie, register
from cluster_rig import cluster as members, database, last_word_on, member, says
from cluster_tool import SECRET, Tool, token

import cluster_pb2 as cluster
import cluster_pb2_grpc
import data_pb2 as data

@test("GetNodes names all members, with what they use")
def _():
    with members("ab") as (a, b):
        register(a, "alice")
        tool = Tool(a)
        nodes = {}

        def all_have_addresses():
            """A member is in the table a moment before it knows its port."""
            found = tool.call("GetNodes", cluster.GetNodesRequest(only_alive=True)).nodes
            nodes.update((node.node_id, node) for node in found)
            return {node.node_id: (node.address, node.alive) for node in found} == {
                server.node_id: (server.address, True) for server in (a, b)}
        eventually(all_have_addresses, "both members with their addresses")
        for node in nodes.values():
            assert node.epoch > 0, node
        assert nodes["a"].stats.memory_usage > 1_000_000, nodes["a"]
        assert nodes["a"].stats.cpu_usage >= 0, nodes["a"]


@test("a token is for one server and one minute, and it is no user's")
def _():
    with members("ab") as (a, b):
        alice = register(a, "alice")
        request = cluster.GetNodesRequest()

        def refused(code, reason, metadata):
            fails(code, reason, Tool(a, metadata).call, "GetNodes", request)
        refused("PERMISSION_DENIED", "PERMISSION_DENIED", [])
        refused("UNAUTHENTICATED", "TOKEN_INVALID", alice.metadata)
        refused("UNAUTHENTICATED", "TOKEN_INVALID", token(b.address))
        refused("UNAUTHENTICATED", "TOKEN_INVALID", token(a.address, secret=SECRET.upper()))
        refused("UNAUTHENTICATED", "TOKEN_INVALID", token(a.address, audience="synctv-client"))
        refused("UNAUTHENTICATED", "TOKEN_INVALID", token(a.address, life=3600))
        refused("UNAUTHENTICATED", "CLOCK_SKEW", token(a.address, shift=-3600))
        refused("UNAUTHENTICATED", "CLOCK_SKEW", token(a.address, shift=3600))
        equal(len(Tool(a, token("a")).call("GetNodes", request).nodes), 2)
        # And with a tool's token nobody is a user.
        fails("UNAUTHENTICATED", "TOKEN_INVALID", alice.channel.unary_unary("/synctv.client.ClientService/GetProfile"),
              b"", metadata=token(a.address), timeout=30)


@test("BatchGetRooms gives what exists, and at most 100 may be asked for")
def _():
    with members("a") as (a,):
        alice = register(a, "alice")
        rooms = [alice.CreateRoom(name=f"Room {i}").room for i in range(3)]
        tool = Tool(a)
        asked = [rooms[2].id, "no-such-room", rooms[0].id]
        answer = tool.call("BatchGetRooms", data.BatchGetRoomsRequest(room_ids=asked))
        equal([(room.id, room.name) for room in answer.rooms], [(rooms[2].id, "Room 2"), (rooms[0].id, "Room 0")])
        equal(json.loads(answer.rooms[0].data)["name"], "Room 2")
        many = data.BatchGetRoomsRequest(room_ids=["no-such-room"] * 101)
        try:
            tool.call("BatchGetRooms", many)
            raise AssertionError("101 rooms were taken")
        except grpc.RpcError as error:
            assert error.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED), error


@test("GetUserOnlineStatus says who watches, and where")
def _():
    with members("a") as (a,):
        alice, bob = register(a, "alice"), register(a, "bob")
        room = alice.CreateRoom(name="Movie night").room
        tool = Tool(a)

        def status(person):
            request = data.GetUserOnlineStatusRequest(user_ids=[alice.id, bob.id, "no-such-user"])
            answer = tool.call("GetUserOnlineStatus", request).statuses[person.id]
            return answer.online, answer.room_id, answer.node_id
        equal(status(alice), (False, "", ""))
        stream = alice.stream(room.id)
        eventually(lambda: status(alice) == (True, room.id, "a"), "alice is online")
        equal(status(bob), (False, "", ""))
        stream.cancel()
        eventually(lambda: not status(alice)[0], "alice is gone")


@test("SyncRoomState is a change, unless the room has a newer state")
def _():
    with members("a") as (a,):
        alice = register(a, "alice")
        room = alice.CreateRoom(name="Movie night").room
        film = alice.AddMovie(room_id=room.id, movie=movie("Film", duration=600)).movie
        tool = Tool(a)

        def sync(**kwargs):
            state = data.RoomState(movie_id=film.id, rate=1.0, updated_at=int(time.time() * 1000), node_id="tool", **kwargs)
            request = data.SyncRoomStateRequest(room_id=room.id, state=state, source_node_id="tool")
            return tool.call("SyncRoomState", request).success
        assert sync(status="playing", current_time=30, version=0)
        state = alice.GetRoomInfo(room_id=room.id).state
        equal((state.movie_id, state.status), (film.id, 2))
        assert state.current_time >= 30, state
        assert not sync(status="paused", current_time=1, version=1)
        equal(alice.GetRoomInfo(room_id=room.id).state.version, state.version)
        assert sync(status="paused", current_time=5, version=state.version + 1)
        state = alice.GetRoomInfo(room_id=room.id).state
        equal((state.status, state.current_time), (1, 5))


@test("who has not registered observes: SyncEvents gives it events, and takes none")
def _():
    with members("a") as (a,):
        tool = Tool(a)
        stream = tool.cluster.SyncEvents(iter(()), metadata=tool.metadata, timeout=60)
        assert stream.initial_metadata() is not None
        stream.cancel()


@test("with --cluster-listen members and tools have an address of their own, and the clients' address serves none of it")
def _():
    db = database()
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(member(db, name, "--cluster-listen", "127.0.0.1:0")) for name in "ab"]
        for server, other in zip(servers, reversed(servers)):
            says(server, f"node {other.node_id} is alive")
        alice = register(servers[0], "alice")
        fails("UNIMPLEMENTED", "UNIMPLEMENTED", Tool(servers[0]).call, "GetNodes", cluster.GetNodesRequest())
        address = last_word_on(servers[1], "a").rpartition(" ")[2]
        assert address != servers[0].address, address
        channel = grpc.insecure_channel(address)
        stub = cluster_pb2_grpc.ClusterServiceStub(channel)
        nodes = {node.node_id: node.address for node in
                 stub.GetNodes(cluster.GetNodesRequest(), metadata=token(address), timeout=30).nodes}
        equal((sorted(nodes), nodes["a"]), (["a", "b"], address))
        fails("UNIMPLEMENTED", "UNIMPLEMENTED", channel.unary_unary("/synctv.client.ClientService/GetProfile"), b"",
              metadata=alice.metadata, timeout=30)


run()

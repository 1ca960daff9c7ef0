#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rooms with one place left, which several want at the same moment, each at another server.

SYNCTV_TEST_TURNS=50 by hand: fewer rounds.
"""
import functools
import threading

import grpc

from faults import diag, equal, eventually, run
from client import Failure, Person, register
from cluster import Cluster, on_each_store, turns

TURNS = turns(1000)
ROOMS = 10  # at the same time
SIZE = 100
RIVALS = 6  # two at each server


class Room:
    """With one place left, and those who want it."""

    def __init__(self, owner, members, rivals):
        self.id = owner.CreateRoom(name="Full", settings={"max_members": SIZE}).room.id
        for member in members:
            member.JoinRoom(room_id=self.id)
        self.rivals = rivals
        self.ends = [None] * len(rivals)

    def join(self, number):
        try:
            self.rivals[number].JoinRoom(room_id=self.id)
            self.ends[number] = "OK"
        except grpc.RpcError as error:
            self.ends[number] = Failure(error).reason

    def winner(self):
        """There is one."""
        equal(sorted(self.ends), ["OK"] + ["ROOM_FULL"] * (len(self.ends) - 1))
        return self.rivals[self.ends.index("OK")]


class AllAtOnce:
    """Threads that do something together, as often as is asked."""

    def __init__(self, functions):
        self.gate = threading.Barrier(len(functions) + 1)
        for function in functions:
            threading.Thread(target=self.each_time, args=(function,), daemon=True).start()

    def each_time(self, function):
        while True:
            self.gate.wait()
            function()
            self.gate.wait()

    def once(self):
        self.gate.wait()
        self.gate.wait()


def elsewhere(server, person):
    there = Person(server.address)
    there.access_token = person.access_token
    return there


@on_each_store(f"{TURNS} times, of those who join a room of 99 of 100 members at three servers at once one gets in")
def _(store):
    with Cluster(store) as cluster:
        servers = [cluster.servers[node_id] for node_id in cluster.ids]
        owner = register(servers[0], "owner")
        members = [register(servers[0], f"member{i}") for i in range(SIZE - 2)]
        rivals = [register(servers[i % 3], f"rival{i}") for i in range(RIVALS)]
        rooms = [Room(owner, members, rivals) for _ in range(min(ROOMS, TURNS))]
        joins = AllAtOnce([functools.partial(room.join, number) for room in rooms for number in range(RIVALS)])
        others = {(server, rival): elsewhere(server, rival) for server in servers for rival in rivals}
        n = 0
        while n < TURNS:
            joins.once()
            found = store.query("SELECT room_id, count(*) AS stored, member_count AS counted FROM members JOIN rooms ON rooms.id ="
                                " room_id WHERE role <> 0 GROUP BY room_id, member_count")
            equal({(stored, counted) for _, stored, counted in found}, {(SIZE, SIZE)})
            for room in rooms:  # who got in leaves again, through any server
                others[servers[n % 3], room.winner()].LeaveRoom(room_id=room.id)
                n += 1
        diag(f"{n} got in, {n * (RIVALS - 1)} were refused, never more than {SIZE} members")
        for server in servers:
            look = elsewhere(server, owner)
            for room in rooms:
                eventually(lambda room=room, look=look: look.GetRoomInfo(room_id=room.id).room.member_count == SIZE - 1,
                           "all say the same")


run()

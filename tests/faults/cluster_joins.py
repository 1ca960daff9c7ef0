#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many join a room that no server has in memory, through three of them at once: everybody hears of everybody.

SYNCTV_TEST_QUICK=1 by hand: few people, once.
"""
import concurrent.futures
import os

from cluster import Cluster, on_each_store, turns, until
from faults import diag, equal, run
from h2 import Connection, Loop

from client import Person, pb, register

QUICK = "SYNCTV_TEST_QUICK" in os.environ
EACH, TURNS = (6, 1) if QUICK else (50, turns(5))
PAGE = 100


class Guest:
    """With a stream of all rooms, which is to follow the one that is joined. When the SNAPSHOT has come, it asks who is there;
    who comes later is told."""

    def __init__(self, loop, user, address):
        self.user = user
        self.connection = Connection(loop, address)
        self.room_id = None
        self.is_there = False
        self.joined = None  # the answer
        self.roster = set()
        self.is_complete = False  # all pages are read
        self.later = []  # who has joined since the SNAPSHOT, in order
        self.wrong = ""
        self.stream = self.connection.call("MessageStream", token=user.access_token, last=False)
        self.stream.on_message = self.on_message
        self.stream.send(pb.ClientMessage(ping=pb.PingMessage(client_time=1)))

    def on_message(self, _, data):
        message = pb.ServerMessage.FromString(data)
        kind = message.WhichOneof("payload")
        if kind == "pong":
            self.is_there = True
        elif kind == "room_state" and message.room_state.room_id == self.room_id and not self.roster:
            self.read_roster("")
        elif kind == "member" and message.member.change == pb.MEMBER_CHANGE_JOINED and message.member.room_id == self.room_id:
            if not self.roster:
                self.wrong = f"{self.user.name} hears of the room before its SNAPSHOT"
            self.later.append(message.member.member.user_id)

    def ask(self, method, request, answer, done):
        call = self.connection.call(method, request, self.user.access_token)
        call.on_message = lambda _, data: done(answer.FromString(data))
        call.on_end = lambda _, why: self.fail(f"{method}: {why}") if why else None

    def fail(self, why):
        self.wrong = f"{self.user.name}: {why}"

    def join(self, room_id):
        self.room_id = room_id
        self.ask("JoinRoom", pb.JoinRoomRequest(room_id=room_id), pb.JoinRoomResponse,
                 lambda answer: setattr(self, "joined", answer))

    def read_roster(self, token):
        self.roster.add(self.user.id)
        self.ask("ListMembers", pb.ListMembersRequest(room_id=self.room_id, page_size=PAGE, page_token=token),
                 pb.ListMembersResponse, self.take_page)

    def take_page(self, page):
        self.roster.update(member.user_id for member in page.members)
        if page.next_page_token:
            self.read_roster(page.next_page_token)
        else:
            self.is_complete = True

    def knows(self):
        return self.roster | set(self.later)


def restart_all(cluster):
    for node_id in cluster.ids:
        server = cluster.servers.pop(node_id)
        server.complaints_expected = True
        server.stop()
    for node_id in cluster.ids:
        cluster.start(node_id)


def all_servers_say(cluster, user, room_id, everybody):
    """"" = each has the same room, with everybody in it."""
    first = None
    for node_id in cluster.ids:
        there = Person(cluster.address(node_id))
        there.access_token = user.access_token
        info = there.GetRoomInfo(room_id=room_id)
        pages = [there.ListMembers(room_id=room_id, page_size=PAGE)]
        while pages[-1].next_page_token:
            pages.append(there.ListMembers(room_id=room_id, page_size=PAGE, page_token=pages[-1].next_page_token))
        there.close()
        members = [member.user_id for page in pages for member in page.members]
        seen = info.room.revision, info.room.member_count, info.room.online_count, members
        first = first or seen
        if seen != first or set(members) != everybody or info.room.member_count != len(everybody):
            return f"{node_id} says {str(seen)[:300]}, and the first one {str(first)[:300]}; {len(everybody)} are there"
    return ""


def heard_at_one_server(guests):
    """What a server has missed while it has read the room it tells in an order of its own; but all whom it tells hear the
    same. Returns how much that was at most."""
    order = max((guest.later for guest in guests), key=len)
    equal(len(order), len(set(order)), "people of whom nobody was told twice")
    for guest in guests:
        equal(guest.later, order[len(order) - len(guest.later):], f"the order in which {guest.user.name} has heard of others")
    return len(order)


def join_at_once(cluster, owner, users, room_id):
    restart_all(cluster)
    everybody = {owner.id, *(user.id for user in users)}
    loop = Loop()
    guests = [Guest(loop, user, cluster.address(cluster.ids[number % len(cluster.ids)])) for number, user in enumerate(users)]
    loop.run_until(lambda: all(guest.is_there for guest in guests), "all streams", 60)
    for guest in guests:
        guest.join(room_id)
    loop.run_until(lambda: any(guest.wrong for guest in guests) or all(guest.joined and guest.is_complete for guest in guests),
                   "all have joined, and have the SNAPSHOT", 120)
    loop.run_until(lambda: any(guest.wrong for guest in guests) or all(guest.knows() == everybody for guest in guests),
                   lambda: f"everybody hears of everybody; without {[everybody - guest.knows() for guest in guests][:3]}", 120)
    wrong = [guest.wrong for guest in guests if guest.wrong]
    assert not wrong, wrong[:5]
    until(lambda: all_servers_say(cluster, users[0], room_id, everybody), "all servers say the same")
    heard = [heard_at_one_server(guests[number::len(cluster.ids)]) for number in range(len(cluster.ids))]
    loop.close()
    return heard


@on_each_store(f"{EACH} people join an unloaded room at each of three servers at once: everybody hears of everybody, once")
def _(store):
    with Cluster(store, heartbeat_ms=500) as cluster:
        servers = list(cluster.servers.values())
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            owner, *users = pool.map(lambda i: register(servers[i % 3], f"user{i}"), range(3 * EACH + 1))
        rooms = [owner.CreateRoom(name=f"room {turn}", settings={"max_members": 4 * EACH}).room for turn in range(TURNS)]
        for user in (owner, *users):
            user.close()
        heard = [join_at_once(cluster, owner, users, room.id) for room in rooms]
        diag(f"{TURNS} times {len(users)} joined at once; at each server they were told at most of {heard}")


run()

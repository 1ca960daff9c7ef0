#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Members with links: what is not stored is told by them, and what is counted is counted over all of them."""
import threading
import time

from harness import equal, eventually, run, test
from client import chat, models, movie, pb
from cluster_rig import Beside, elsewhere, newcomers, says

beside = Beside()


def linked(*servers):
    """Until there are all links."""
    for server in servers:
        for other in servers:
            if other is not server:
                says(server, f"there is a link to node {other.node_id}")


def members_room(a, *names, **settings):
    """Somebody's room at a, and whom else they have let in."""
    host, *guests = newcomers(a, "host", *names)
    room = host.CreateRoom(name="Everywhere", settings=models.RoomSettings(**settings)).room
    for guest in guests:
        guest.JoinRoom(room_id=room.id)
    return [host, *guests, room]


def follow(server, person, room):
    stream = elsewhere(server, person).stream(room.id)
    stream.expect("room_state")
    return stream


def change(person, what):
    return lambda told: told.member.user_id == person.id and told.change == what


def online(server, person, room, count):
    there = elsewhere(server, person)
    eventually(lambda: there.GetRoomInfo(room_id=room.id).room.online_count == count,
               f"{count} online in the room at {server.node_id}")


@beside.test("who is online is seen at every member, and one who is there twice is one")
def _(a, b, c):
    linked(a, b, c)
    host, bob, room = members_room(a, "bob")
    at_a = follow(a, host, room)
    at_b = follow(b, bob, room)
    at_a.expect("member", where=change(bob, pb.MEMBER_CHANGE_ONLINE))
    at_c = follow(c, bob, room)
    for server in (a, b, c):
        online(server, host, room, 2)
    info = elsewhere(c, host).GetRoomInfo(room_id=room.id)
    equal({member.user_id: member.online for member in info.members}, {host.id: True, bob.id: True})
    at_b.close()
    at_c.close()
    at_a.expect("member", where=change(bob, pb.MEMBER_CHANGE_OFFLINE))
    for server in (a, b, c):
        online(server, host, room, 1)
    at_a.close()


@beside.test("a list of rooms counts people at members that have the room, also where nobody has it")
def _(a, b, c):
    linked(a, b, c)
    host, room = members_room(a)
    at_a = follow(a, host, room)
    eventually(lambda: [found.online_count for found in elsewhere(c, host).ListRooms(joined=True).rooms] == [1],
               "one is online, says c")
    at_a.close()


@beside.test("who goes from one member to another is not announced as gone and come")
def _(a, b, c):
    linked(a, b, c)
    host, bob, room = members_room(a, "bob")
    at_a = follow(a, host, room)
    before = follow(b, bob, room)
    at_a.expect("member", where=change(bob, pb.MEMBER_CHANGE_ONLINE))
    before.close()
    after = follow(c, bob, room)
    until = time.monotonic() + 12  # somebody who is gone is told as gone after 10 s
    seen = []
    while time.monotonic() < until:
        at_a.send(ping=pb.PingMessage(client_time=1))
        message = at_a.next()
        while message.WhichOneof("payload") != "pong":
            seen.append(message)
            message = at_a.next()
        threading.Event().wait(0.2)
    changes = [message.member.change for message in seen if message.WhichOneof("payload") == "member"]
    equal(changes, [])
    after.close()
    at_a.close()


@beside.test("who comes through another member just after something was played is shown it at once")
def _(a, b, c):
    linked(a, b, c)
    host, = newcomers(a, "host")
    tries, shown = 8, False
    while not shown and tries > 0:  # a member that is busy is waited for only for a moment
        room = host.CreateRoom(name="Everywhere").room
        film = host.AddMovie(room_id=room.id, movie=movie("One")).movie
        state = host.SetCurrentMovie(room_id=room.id, movie_id=film.id).state
        stream = elsewhere(c, host).stream(room.id)
        first = stream.expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT)
        shown = (first.version, first.movie_id) == (state.version, film.id)
        tries -= 1
        stream.close()
    assert shown, f"{first} instead of {state}"


@beside.test("danmaku and deleted chat messages come at once to every member")
def _(a, b, c):
    linked(a, b, c)
    host, room = members_room(a)
    streams = [follow(server, host, room) for server in (a, b, c)]
    streams[1].send(danmaku=pb.DanmakuMessage(content="flies by"))
    for stream in streams:
        stream.expect("danmaku", content="flies by")
    streams[2].send("to be deleted", chat=chat("oops"))
    told = [stream.expect("chat", content="oops") for stream in streams]
    elsewhere(b, host).DeleteChatMessage(room_id=room.id, message_id=told[0].message_id)
    for stream in streams:
        equal(stream.expect("chat_deleted").message_id, told[0].message_id)
    for stream in streams:
        stream.close()


@beside.test("a movie of unknown length ends when most of those who watch say so, wherever they are")
def _(a, b, c):
    linked(a, b, c)
    host, bob, carol, room = members_room(a, "bob", "carol", auto_advance=models.AUTO_ADVANCE_NEXT)
    films = [host.AddMovie(room_id=room.id, movie=movie(name, duration=0)).movie for name in ("One", "Two")]
    streams = [follow(server, person, room) for server, person in ((a, host), (b, bob), (c, carol))]
    for server in (a, b, c):
        online(server, host, room, 3)
    host.SetCurrentMovie(room_id=room.id, movie_id=films[0].id, autoplay=True)
    host.Seek(room_id=room.id, position=1000)  # so soon after its beginning it would not be the end
    for stream in streams:
        stream.expect("room_state", cause=pb.STATE_CAUSE_SEEK)
    ended = {"status": pb.StatusReport(movie_id=films[0].id, position=1000, ended=True)}
    streams[1].send(**ended)
    streams[1].send(ping=pb.PingMessage(client_time=1))
    streams[1].expect("pong")
    equal(host.GetRoomInfo(room_id=room.id).state.movie_id, films[0].id)
    streams[2].send(**ended)
    states = [stream.expect("room_state", where=lambda state: state.movie_id == films[1].id) for stream in streams]
    equal(len({(state.version, state.node_id) for state in states}), 1)
    for stream in streams:
        stream.close()


@beside.test("a room pauses when the last one has gone from the last member, not before")
def _(a, b, c):
    linked(a, b, c)
    host, bob, room = members_room(a, "bob", pause_when_empty=True)
    film = host.AddMovie(room_id=room.id, movie=movie("One")).movie
    at_a, at_b = follow(a, host, room), follow(b, bob, room)
    host.SetCurrentMovie(room_id=room.id, movie_id=film.id, autoplay=True)
    for server in (a, b):
        online(server, host, room, 2)
    at_a.close()
    online(b, host, room, 1)
    equal(elsewhere(c, host).GetRoomInfo(room_id=room.id).state.status, pb.PLAYBACK_STATUS_PLAYING)
    at_b.close()
    eventually(lambda: elsewhere(c, host).GetRoomInfo(room_id=room.id).state.status == pb.PLAYBACK_STATUS_PAUSED,
               "the room pauses")


@test("the members end well")
def _():
    beside.stop()


run()

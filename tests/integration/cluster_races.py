#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What only one may get, wanted through three members of a cluster at the same moment."""
from harness import NO_LIMITS, PASSWORD, equal, eventually, run, test
from client import Person, chat, fails, login, models, movie, pb
from cluster_rig import cluster, each_at_once, elsewhere, newcomers, one_wins

TIMES = 10
ROOMS, MEMBERSHIPS, MOVIES = 3, 4, 2
FEW = {"limits": NO_LIMITS["limits"] | {
    "rooms_per_user": ROOMS, "memberships_per_user": MEMBERSHIPS, "movies_per_room": MOVIES}}


def at_each(servers, person):
    return [elsewhere(server, person) for server in servers]


@test("of those who want one name, in whatever letters, one gets it, as of those who want one e-mail address")
def _():
    with cluster() as servers:
        strangers = [Person(server.address) for server in servers]
        for turn in range(TIMES):
            names = (f"Ann {turn}", f"ann {turn}", f"ANN {turn}")
            number, answer = one_wins(each_at_once(
                lambda stranger, name: stranger.Register(username=name, password=PASSWORD),
                strangers, names), "USERNAME_TAKEN")
            equal(answer.user.username, names[number])
            for server in servers:
                equal(login(server, names[0]).id, answer.user.id)
            names = [f"bob {turn} {number}" for number in range(len(servers))]
            email = f"bob{turn}@example.org"
            one_wins(each_at_once(
                lambda stranger, name: stranger.Register(username=name, password=PASSWORD, email=email),
                strangers, names), "EMAIL_TAKEN")


@test("a refresh token used at two members at once works for both, as if an answer was lost, and never for a third")
def _():
    with cluster() as servers:
        for _ in range(TIMES):
            alice, = newcomers(servers[0], "alice")
            there = at_each(servers, alice)
            ends = each_at_once(lambda person: person.RefreshToken(refresh_token=alice.refresh_token), there)
            equal(sorted(word for word, _ in ends), ["OK", "OK", "SESSION_ENDED"])
            tokens = {answer.refresh_token for word, answer in ends if word == "OK"}
            equal(len(tokens), 2)
            for token in tokens:  # whoever used it a third time may have stolen it
                fails("UNAUTHENTICATED", "SESSION_ENDED", there[2].RefreshToken, refresh_token=token)


@test("a session goes on after its refresh token was used at two members at once")
def _():
    with cluster("ab") as servers:
        for _ in range(TIMES):
            alice, = newcomers(servers[0], "alice")
            there = at_each(servers, alice)
            ends = each_at_once(lambda person: person.RefreshToken(refresh_token=alice.refresh_token), there)
            equal([word for word, _ in ends], ["OK", "OK"])
            there[0].take(ends[1][1])
            equal(there[0].GetProfile().user.id, alice.id)
            there[0].RefreshToken(refresh_token=there[0].refresh_token)


@test("the last of a user's rooms is made once, the last place among their memberships and in a playlist is taken once")
def _():
    with cluster(config=FEW) as servers:
        alice, bob = newcomers(servers[0], "alice", "bob")
        there = at_each(servers, alice)
        others = newcomers(servers[0], *MEMBERSHIPS * ["other"])
        for _ in range(ROOMS - 1):
            alice.CreateRoom(name="One of the first")
        for _ in range(TIMES):
            _, answer = one_wins(each_at_once(lambda person: person.CreateRoom(name="The last"), there), "ROOM_LIMIT")
            equal(len(alice.ListRooms(mine=True).rooms), ROOMS)
            there[1].DeleteRoom(room_id=answer.room.id)

        rooms = [other.CreateRoom(name="Another's").room for other in others] + list(alice.ListRooms(mine=True).rooms)
        for room in rooms[:MEMBERSHIPS - 1]:
            bob.JoinRoom(room_id=room.id)
        wanted = rooms[MEMBERSHIPS - 1:][:3]
        equal(len(wanted), 3)
        for _ in range(TIMES):
            number, _ = one_wins(each_at_once(lambda person, room: person.JoinRoom(room_id=room.id),
                                              at_each(servers, bob), wanted), "ROOM_LIMIT")
            equal(len(bob.ListRooms(joined=True).rooms), MEMBERSHIPS)
            bob.LeaveRoom(room_id=wanted[number].id)

        room = rooms[-1]
        alice.AddMovie(room_id=room.id, movie=movie("The first"))
        for _ in range(TIMES):
            _, answer = one_wins(each_at_once(
                lambda person: person.AddMovie(room_id=room.id, movie=movie("The last")), there), "MOVIE_LIMIT")
            there[2].RemoveMovie(room_id=room.id, movie_id=answer.movie.id)


@test("the last place in a room goes to one, whoever asks for it where")
def _():
    with cluster() as servers:
        alice, *others = newcomers(servers[0], "alice", *7 * ["other"])
        room = alice.CreateRoom(name="Small", settings=models.RoomSettings(max_members=6)).room
        for person in others[:4]:
            person.JoinRoom(room_id=room.id)
        hopeful = [elsewhere(server, person) for server, person in zip(servers, others[4:])]
        for _ in range(TIMES):
            number, answer = one_wins(each_at_once(lambda person: person.JoinRoom(room_id=room.id), hopeful),
                                      "ROOM_FULL")
            equal(answer.room.member_count, 6)
            hopeful[number].LeaveRoom(room_id=room.id)
        for person in at_each(servers, alice):
            eventually(lambda person=person: person.GetRoomInfo(room_id=room.id).room.member_count == 5, "5 members")


@test("the hundredth place in a room goes to one of three, and the room never has more")
def _():
    with cluster() as servers:
        alice, *others = newcomers(servers[0], "alice", *101 * ["other"])
        room = alice.CreateRoom(name="Large", settings=models.RoomSettings(max_members=100)).room
        there = [elsewhere(servers[number % 3], person) for number, person in enumerate(others)]
        ends = each_at_once(lambda person: person.JoinRoom(room_id=room.id), there[:98])
        equal({word for word, _ in ends}, {"OK"})
        one_wins(each_at_once(lambda person: person.JoinRoom(room_id=room.id), there[98:]), "ROOM_FULL")
        for person in at_each(servers, alice):
            eventually(lambda person=person: person.GetRoomInfo(room_id=room.id).room.member_count == 100,
                       "100 members")


@test("a message that is sent through two members at once is stored once")
def _():
    with cluster() as servers:
        alice, = newcomers(servers[0], "alice")
        room = alice.CreateRoom(name="Movie night").room
        streams = [person.stream(room.id) for person in at_each(servers, alice)]
        for stream in streams:
            stream.expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT)
        for turn in range(TIMES):
            for stream in streams:
                stream.send(message_id=f"once {turn}", chat=chat(f"number {turn}"))
        for stream in streams:
            told = {}
            while len(told) < TIMES:
                message = stream.expect("chat")
                told[message.seq] = message.content
            equal(told, {turn + 1: f"number {turn}" for turn in range(TIMES)})
        equal(len(alice.GetChatHistory(room_id=room.id, limit=100).messages), TIMES)
        for stream in streams:
            stream.close()


run()

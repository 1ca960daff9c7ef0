#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who loses something through one of three members of a cluster loses it at all, with streams there and without."""
import time

from harness import PASSWORD, equal, eventually, run, run_program, test
from client import check_failure, fails, login, models, movie, pb
from cluster_rig import Beside, at_once, boss, elsewhere, newcomers, outcome

KICK_S = 30
beside = Beside()


def members_room(a, *names, **settings):
    """A room of Alice's at a with others in it: she, they, and the room."""
    alice, *others = newcomers(a, "alice", *names)
    room = alice.CreateRoom(name="Movie night", settings=models.RoomSettings(**settings)).room
    for person in others:
        person.JoinRoom(room_id=room.id)
    return alice, *others, room


def follow(servers, person, room):
    """Streams of this room at each server, and one of all rooms."""
    bound = [elsewhere(server, person).stream(room.id) for server in servers]
    everything = elsewhere(servers[-1], person).stream()
    for stream in (*bound, everything):
        stream.expect("room_state", room_id=room.id, cause=pb.STATE_CAUSE_SNAPSHOT)
    return bound, everything


def end(streams, code, reason):
    for stream in streams:
        failure = stream.end()
        assert failure != "OK" and (failure.code, failure.reason) == (code, reason), failure


def soon_refused(code, reason, call, **fields):
    """What is known of somebody elsewhere may be two seconds old."""
    refusals = []

    def look():
        word, failure = outcome(call, **fields)
        if word != "OK":
            refusals.append(failure)
        return refusals

    eventually(look, f"{reason} for {fields}", every=0.05)
    equal((refusals[0].code, refusals[0].reason), (code, reason))


def changed(person, change):
    return lambda told: told.member.user_id == person.id and told.change == change


@beside.test("who is kicked through a loses the streams at b and c, and is refused by all three for 30 s")
def _(a, b, c):
    alice, bob, room = members_room(a, "bob")
    bound, everything = follow((b, c), bob, room)
    witness = elsewhere(c, alice).stream(room.id)
    since = time.monotonic()
    alice.KickMember(room_id=room.id, user_id=bob.id, reason="loud")
    end(bound, "PERMISSION_DENIED", "MEMBER_KICKED")
    everything.expect("member", where=changed(bob, pb.MEMBER_CHANGE_KICKED))
    witness.expect("member", where=changed(bob, pb.MEMBER_CHANGE_KICKED))
    for _ in range(5):
        for server in (a, b, c):
            word, failure = outcome(elsewhere(server, bob).JoinRoom, room_id=room.id)
            now = time.monotonic()
            if word == "OK":
                assert now - since > KICK_S - 1, "let in again too early"
                return
            check_failure(failure, "PERMISSION_DENIED", "MEMBER_KICKED")
            left_s = int(failure.metadata["retry_after_ms"]) / 1000
            assert KICK_S - 1 - (now - since) < left_s < KICK_S + 1, (left_s, now - since)
    for server in (a, b, c):
        soon_refused("PERMISSION_DENIED", "MEMBER_KICKED", elsewhere(server, bob).GetMovieList, room_id=room.id)
    end([elsewhere(server, bob).stream(room.id) for server in (a, b, c)], "PERMISSION_DENIED", "MEMBER_KICKED")
    everything.close()
    witness.close()


@beside.test("who is banned through a loses the streams at b and c, and may come again once that is lifted through c")
def _(a, b, c):
    alice, bob, carol, room = members_room(a, "bob", "carol")
    bound, everything = follow((b, c), bob, room)
    alice.BanMember(room_id=room.id, user_id=bob.id, reason="louder")
    alice.BanMember(room_id=room.id, user_id=carol.id, reason="just as loud")  # without a stream
    end(bound, "PERMISSION_DENIED", "MEMBER_BANNED")
    for person in (bob, carol):
        for server in (a, b, c):
            fails("PERMISSION_DENIED", "MEMBER_BANNED", elsewhere(server, person).JoinRoom, room_id=room.id)
            soon_refused("PERMISSION_DENIED", "MEMBER_BANNED", elsewhere(server, person).GetMovieList, room_id=room.id)
    elsewhere(c, alice).UnbanMember(room_id=room.id, user_id=bob.id)
    elsewhere(b, bob).JoinRoom(room_id=room.id)
    everything.expect("room_state", room_id=room.id, cause=pb.STATE_CAUSE_SNAPSHOT)
    everything.close()


@beside.test("what a member may no longer do through a, they may no longer do at b and c")
def _(a, b, c):
    alice, bob, room = members_room(a, "bob", default_member_permissions=0x70000001C17)
    film = alice.AddMovie(room_id=room.id, movie=movie("One")).movie
    alice.SetCurrentMovie(room_id=room.id, movie_id=film.id)
    bob.Play(room_id=room.id)
    for server in (b, c):
        eventually(lambda server=server: outcome(elsewhere(server, bob).Play, room_id=room.id)[0] == "OK", "bob plays")
    alice.SetMemberPermissions(room_id=room.id, user_id=bob.id, removed=0x1C01)
    for server in (a, b, c):
        soon_refused("PERMISSION_DENIED", "PERMISSION_DENIED", elsewhere(server, bob).Pause, room_id=room.id)
    stream = elsewhere(b, bob).stream(room.id)
    stream.refuses("PERMISSION_DENIED", chat=pb.ChatMessage(content="may I?"))
    stream.close()


@beside.test("who logs out through a has logged out at b and c")
def _(a, b, c):
    alice, = newcomers(a, "alice")
    with_stream, without = login(b, alice.name), login(b, alice.name)
    streams = [elsewhere(server, with_stream).stream() for server in (b, c)]
    for server in (b, c):
        elsewhere(server, without).GetProfile()
    for stream in streams:
        stream.fence()
    for session in (with_stream, without):
        elsewhere(a, session).Logout()
    end(streams, "UNAUTHENTICATED", "SESSION_ENDED")
    for session in (with_stream, without):
        for server in (a, b, c):
            there = elsewhere(server, session)
            soon_refused("UNAUTHENTICATED", "SESSION_ENDED", there.GetProfile)
            fails("UNAUTHENTICATED", "SESSION_ENDED", there.RefreshToken, refresh_token=session.refresh_token)
    equal(elsewhere(c, alice).GetProfile().user.id, alice.id)


@beside.test("who changes the password through a ends all other sessions at b and c")
def _(a, b, c):
    alice, = newcomers(a, "alice")
    with_stream, without = login(b, alice.name), login(b, alice.name)
    streams = [elsewhere(server, with_stream).stream() for server in (b, c)]
    own = elsewhere(c, alice).stream()
    for server in (b, c):
        elsewhere(server, without).GetProfile()
    for stream in (*streams, own):
        stream.fence()
    alice.ChangePassword(old_password=PASSWORD, new_password="battery staple")
    end(streams, "UNAUTHENTICATED", "SESSION_ENDED")
    for session in (with_stream, without):
        for server in (a, b, c):
            soon_refused("UNAUTHENTICATED", "SESSION_ENDED", elsewhere(server, session).GetProfile)
    own.fence()
    own.close()
    elsewhere(b, alice).RefreshToken(refresh_token=alice.refresh_token)


@beside.test("a user whom an admin bans through a loses everything at b and c, and has it again afterwards")
def _(a, b, c):
    alice, bob, room = members_room(a, "bob")
    quiet, = newcomers(c, "carol")
    admin = boss(a)
    bound, everything = follow((b, c), bob, room)
    elsewhere(b, quiet).GetProfile()
    for person in (bob, quiet):
        admin.SetUserStatus(user_id=person.id, status=models.USER_STATUS_BANNED, reason="spam")
    end((*bound, everything), "UNAUTHENTICATED", "SESSION_ENDED")
    for person in (bob, quiet):
        for server in (a, b, c):
            soon_refused("UNAUTHENTICATED", "SESSION_ENDED", elsewhere(server, person).GetProfile)
            fails("PERMISSION_DENIED", "USER_BANNED", login, server, person.name)
    admin.SetUserStatus(user_id=bob.id, status=models.USER_STATUS_ACTIVE)
    again = login(c, bob.name)
    equal([found.id for found in again.ListRooms(joined=True).rooms], [room.id])


@beside.test("a platform admin whose role is taken beside the members is none at any of them soon")
def _(a, b, c):
    alice, room = members_room(a)
    admin = boss(a)
    at_each = [elsewhere(server, admin) for server in (a, b, c)]
    streams = []
    for there in at_each:
        there.ListUsers()
        streams.append(there.stream(room.id))
        streams[-1].fence()
    done = run_program("user", "role", admin.name, "user", "--db", a.db)
    equal(done[0], 0, done[2])
    end(streams, "PERMISSION_DENIED", "NOT_A_MEMBER")
    for there in at_each:
        soon_refused("PERMISSION_DENIED", "PERMISSION_DENIED", there.ListUsers)


@beside.test("a room that is deleted through a while b loads it is gone everywhere, and no stream lasts")
def _(a, b, c):
    alice, bob = newcomers(a, "alice", "bob")
    streams, rooms = [], []
    for turn in range(20):
        room = alice.CreateRoom(name=f"Short {turn}").room
        elsewhere((a, c)[turn % 2], bob).JoinRoom(room_id=room.id)
        at_b = elsewhere(b, bob)

        def open_stream(at_b=at_b, room=room):
            streams.append(at_b.stream(room.id))

        ends = at_once(
            lambda room=room: alice.DeleteRoom(room_id=room.id),
            open_stream,
            lambda at_b=at_b, room=room: at_b.GetRoomInfo(room_id=room.id),
            lambda room=room: elsewhere(c, alice).AddMovie(room_id=room.id, movie=movie("Too late?")))
        equal(ends[0][0], "OK")
        for word, failure in ends[2:]:
            assert word in ("OK", "ROOM_NOT_FOUND"), failure
        rooms.append(room)
    end(streams, "NOT_FOUND", "ROOM_NOT_FOUND")
    for server in (a, b, c):
        for room in rooms:
            soon_refused("NOT_FOUND", "ROOM_NOT_FOUND", elsewhere(server, alice).GetRoomInfo, room_id=room.id)
        equal(len(elsewhere(server, alice).ListRooms(joined=True).rooms), 0)


@test("the members end well")
def _():
    beside.stop()


run()

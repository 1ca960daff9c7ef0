#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each method that writes, called through one of three members: streams at b see it, and c says the same."""
from harness import PASSWORD, equal, eventually, run, test
from client import SERVICE, called, chat, fails, login, models, movie, pb, register
from cluster_rig import WITHOUT_LINKS, Beside, Witness, boss, elsewhere, newcomers

# What writes nothing.
READS = {"GetProfile", "ListUsers", "GetRoomInfo", "ListRooms", "ListMembers", "GetMovieList", "GetChatHistory",
         "GetPlayUrl"}
# What clients send on a stream and others are told of; a ping is for its sender alone.
SENT = {"chat", "danmaku", "play_control", "seek", "status"}
sent = set()
beside = Beside()


def send(stream, **payload):
    sent.update(payload)
    return stream.send(**payload)


def movies_at(person, room_id):
    answer = person.GetMovieList(room_id=room_id)
    return [(m.id, m.name, m.duration, m.url) for m in answer.movies], answer.current_movie_id


def members_at(person, room_id):
    return sorted((m.user_id, m.role, m.status, m.permissions) for m in person.ListMembers(room_id=room_id).members)


def chat_at(person, room_id):
    return [(m.message_id, m.seq, m.content, m.username) for m in person.GetChatHistory(room_id=room_id).messages]


def room_at(person, room_id):
    """What all nodes say alike; who is online is each node's own."""
    answer = person.GetRoomInfo(room_id=room_id)
    answer.room.ClearField("online_count")
    for state_of_its_own in ("cause", "actor_id", "operation_id"):
        answer.state.ClearField(state_of_its_own)
    answer.state.current_time = answer.state.updated_at = 0
    return answer.room, answer.state


def all_say_the_same(servers, person, room_id):
    """What is in memory elsewhere may be a second old."""
    at_first, *others = (elsewhere(server, person) for server in servers)
    for look in (room_at, movies_at, members_at, chat_at):
        wanted = look(at_first, room_id)
        for there in others:
            eventually(lambda look=look, there=there, wanted=wanted: look(there, room_id) == wanted,
                       f"{look.__name__} is {wanted} everywhere", every=0.1)


def is_movie(name):
    return lambda told: told.movie.name == name


def is_member(person):
    return lambda told: told.member.user_id == person.id


@beside.test("what is done with the playlist at a is told at b in order and once, with who has added")
def _(a, b, c):
    alice, = newcomers(a, "alice")
    room = alice.CreateRoom(name="Movie night").room
    witness = Witness(elsewhere(b, alice), room.id)
    added = []
    for name in ("One", "Two", "Three"):
        added.append(alice.AddMovie(room_id=room.id, movie=movie(name)).movie)
        told = witness.sees("movies", is_movie(name), change=pb.LIST_CHANGE_ADDED, actor_id=alice.id)
        equal(told.movie, added[-1])
    alice.UpdateMovie(room_id=room.id, movie=models.Movie(id=added[0].id, name="First"), fields=["name"])
    witness.sees("movies", is_movie("First"), change=pb.LIST_CHANGE_CHANGED)
    alice.MoveMovie(room_id=room.id, movie_id=added[2].id, position=0)
    witness.sees("movies", is_movie("Three"), change=pb.LIST_CHANGE_MOVED)
    all_say_the_same((a, b, c), alice, room.id)
    alice.RemoveMovie(room_id=room.id, movie_id=added[1].id)
    witness.sees("movies", is_movie("Two"), change=pb.LIST_CHANGE_REMOVED)
    all_say_the_same((a, b, c), alice, room.id)
    alice.ClearMovies(room_id=room.id)
    revision = witness.sees("movies", change=pb.LIST_CHANGE_CLEARED).revision
    equal(revision, alice.GetRoomInfo(room_id=room.id).room.revision)
    all_say_the_same((a, b, c), alice, room.id)
    witness.close()


@beside.test("what is done with the playhead at a is told at b in order and once")
def _(a, b, c):
    alice, = newcomers(a, "alice")
    room = alice.CreateRoom(name="Movie night").room
    films = [alice.AddMovie(room_id=room.id, movie=movie(name)).movie for name in ("One", "Two")]
    witness = Witness(elsewhere(b, alice), room.id)
    here = alice.stream(room.id)

    def told(answer, **fields):
        state = witness.sees("room_state", version=answer.state.version, node_id="a", **fields)
        moved = (state.updated_at - answer.state.updated_at) / 1000 * state.rate
        wanted = answer.state.current_time + (moved if state.status == pb.PLAYBACK_STATUS_PLAYING else 0)
        assert abs(state.current_time - wanted) < 0.05, (state, answer)  # the clocks of two nodes

    told(alice.SetCurrentMovie(room_id=room.id, movie_id=films[0].id), movie_id=films[0].id)
    told(alice.Play(room_id=room.id, position=10), status=pb.PLAYBACK_STATUS_PLAYING)
    told(alice.Seek(room_id=room.id, position=100))
    told(alice.SetPlaybackRate(room_id=room.id, rate=1.5), rate=1.5)
    told(alice.Pause(room_id=room.id), status=pb.PLAYBACK_STATUS_PAUSED)
    send(here, seek=pb.SeekMessage(position=33))
    witness.sees("room_state", current_time=33)
    send(here, play_control=pb.PlayControlMessage(action=pb.PLAY_ACTION_SET_RATE, rate=2))
    witness.sees("room_state", rate=2)
    send(here, status=pb.StatusReport(movie_id=films[0].id, position=33, ended=True))
    send(here, danmaku=pb.DanmakuMessage(content="flies by"))
    here.expect("danmaku", content="flies by")
    if not WITHOUT_LINKS:
        witness.sees("danmaku", content="flies by")
    told(alice.SetCurrentMovie(room_id=room.id, movie_id=films[1].id, autoplay=True), movie_id=films[1].id,
         status=pb.PLAYBACK_STATUS_PLAYING)
    all_say_the_same((a, b, c), alice, room.id)
    witness.close()
    here.close()


@beside.test("chat and what is deleted of it is told at b in order and once, with who it was")
def _(a, b, c):
    alice, bob = newcomers(a, "alice", "bob")
    room = alice.CreateRoom(name="Movie night").room
    bob.JoinRoom(room_id=room.id)
    witness = Witness(elsewhere(b, alice), room.id)
    here = bob.stream(room.id)
    for number in range(30):
        send(here, chat=chat(f"line {number}"))
    said = [witness.sees("chat", content=f"line {n}", seq=n + 1, user_id=bob.id, username=bob.name) for n in range(30)]
    for message in (said[3], said[29]):
        alice.DeleteChatMessage(room_id=room.id, message_id=message.message_id)
        witness.sees("chat_deleted", message_id=message.message_id, actor_id=alice.id)
    at_c = elsewhere(c, alice)
    equal([m.content for m in at_c.GetChatHistory(room_id=room.id).messages],
          [f"line {number}" for number in reversed(range(30)) if number not in (3, 29)])
    all_say_the_same((a, b, c), alice, room.id)
    witness.close()
    here.close()


@beside.test("what becomes of members at a is told at b in order and once")
def _(a, b, c):
    alice, bob, carol, dave = newcomers(a, "alice", "bob", "carol", "dave")
    room = alice.CreateRoom(name="Movie night", settings=models.RoomSettings(require_approval=True)).room
    witness = Witness(elsewhere(b, alice), room.id)

    def told(change, person, **fields):
        return witness.sees("member", is_member(person), change=change, **fields).member

    for person in (bob, carol):
        person.JoinRoom(room_id=room.id)
        equal(told(pb.MEMBER_CHANGE_JOINED, person, actor_id=person.id).status, models.MEMBER_STATUS_PENDING)
        alice.ApproveMember(room_id=room.id, user_id=person.id)
        equal(told(pb.MEMBER_CHANGE_APPROVED, person).status, models.MEMBER_STATUS_ACTIVE)
    alice.SetMemberRole(room_id=room.id, user_id=bob.id, role=models.ROOM_ROLE_ADMIN)
    equal(told(pb.MEMBER_CHANGE_ROLE, bob).role, models.ROOM_ROLE_ADMIN)
    alice.SetMemberPermissions(room_id=room.id, user_id=carol.id, added=2, removed=1)
    equal(told(pb.MEMBER_CHANGE_PERMISSIONS, carol).added_permissions, 2)
    all_say_the_same((a, b, c), alice, room.id)
    alice.KickMember(room_id=room.id, user_id=carol.id, reason="loud")
    told(pb.MEMBER_CHANGE_KICKED, carol)
    alice.BanMember(room_id=room.id, user_id=dave.id, reason="known")
    told(pb.MEMBER_CHANGE_BANNED, dave)
    alice.BanMember(room_id=room.id, user_id=bob.id, reason="louder")
    told(pb.MEMBER_CHANGE_BANNED, bob)
    all_say_the_same((a, b, c), alice, room.id)
    alice.UnbanMember(room_id=room.id, user_id=bob.id)
    told(pb.MEMBER_CHANGE_UNBANNED, bob)
    bob.JoinRoom(room_id=room.id)
    told(pb.MEMBER_CHANGE_JOINED, bob)
    bob.LeaveRoom(room_id=room.id)
    told(pb.MEMBER_CHANGE_LEFT, bob, actor_id=bob.id)
    all_say_the_same((a, b, c), alice, room.id)
    witness.close()


@beside.test("what becomes of a room at a is told at b, and streams of all rooms follow what their user comes into")
def _(a, b, c):
    alice, bob = newcomers(a, "alice", "bob")
    everywhere = elsewhere(b, alice).stream()
    everywhere.fence()
    bobs = elsewhere(b, bob).stream()
    bobs.fence()
    room = alice.CreateRoom(name="Movie night", description="each Friday").room
    everywhere.expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT, room_id=room.id)
    witness = Witness(elsewhere(b, alice), room.id)
    bob.JoinRoom(room_id=room.id)
    witness.sees("member", is_member(bob), change=pb.MEMBER_CHANGE_JOINED)
    bobs.expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT, room_id=room.id)
    alice.UpdateRoom(room_id=room.id, room=models.Room(name="Film night"), fields=["name"], password="sesame open")
    equal(witness.sees("room").room.has_password, True)
    alice.TransferRoom(room_id=room.id, user_id=bob.id)
    by_id = sorted((alice, bob), key=lambda person: person.id)
    came = [witness.sees("member", is_member(person)).member.role for person in by_id]
    equal(sorted(came), [models.ROOM_ROLE_ADMIN, models.ROOM_ROLE_CREATOR])
    equal(witness.sees("room").room.creator_id, bob.id)
    all_say_the_same((a, b, c), bob, room.id)
    for server in (a, b, c):
        equal([found.name for found in elsewhere(server, alice).ListRooms(joined=True).rooms], ["Film night"])
    witness.sees_nothing_more()
    bob.DeleteRoom(room_id=room.id)
    witness.sees("room", deleted=True)
    witness.stream.ends_with("NOT_FOUND", "ROOM_NOT_FOUND")
    for stream in (everywhere, bobs):
        stream.expect("room", deleted=True)
        stream.close()
    for server in (a, b, c):
        equal(len(elsewhere(server, bob).ListRooms(joined=True).rooms), 0)


@beside.test("what is done with accounts and sessions at a holds at b and c")
def _(a, b, c):
    alice = register(a, "alone", email="alice@example.org")
    for server in (b, c):
        equal(elsewhere(server, alice).GetProfile().user.email, "alice@example.org")
    again = login(a, alice.name)
    at_b = elsewhere(b, again)
    stream = at_b.stream()
    stream.fence()
    again.take(again.RefreshToken(refresh_token=again.refresh_token))
    equal(elsewhere(b, again).GetProfile().user.id, alice.id)
    equal(at_b.GetProfile().user.id, alice.id)
    newest = elsewhere(c, again)
    newest.take(newest.RefreshToken(refresh_token=again.refresh_token))
    stream.fence()
    again.Logout(refresh_token=newest.refresh_token)
    stream.ends_with("UNAUTHENTICATED", "SESSION_ENDED")
    other = login(b, alice.name)
    stream = elsewhere(c, other).stream()
    stream.fence()
    alice.ChangePassword(old_password=PASSWORD, new_password="battery staple")
    stream.ends_with("UNAUTHENTICATED", "SESSION_ENDED")
    fails("UNAUTHENTICATED", "LOGIN_FAILED", login, c, alice.name)
    login(c, alice.name, "battery staple")
    admin = boss(a)
    equal(admin.SetUserStatus(user_id=alice.id, status=models.USER_STATUS_BANNED, reason="why not").user.id, alice.id)
    fails("PERMISSION_DENIED", "USER_BANNED", login, c, alice.name, "battery staple")


def end_of_a_movie(servers, auto_advance, n_movies, ends):
    """What streams of a room at all three are told when its first movie ends by the clock, until somebody pauses."""
    alice, = newcomers(servers[0], "alice")
    room = alice.CreateRoom(name="Movie night", settings=models.RoomSettings(auto_advance=auto_advance)).room
    films = [alice.AddMovie(room_id=room.id, movie=movie("Short", duration=6)).movie]
    films += [alice.AddMovie(room_id=room.id, movie=movie(f"Long {n}")).movie for n in range(1, n_movies)]
    witnesses = [Witness(elsewhere(server, alice), room.id) for server in servers]
    started = alice.SetCurrentMovie(room_id=room.id, movie_id=films[0].id, autoplay=True).state
    for witness in witnesses:
        witness.sees("room_state", version=started.version)
    told = []
    for witness in witnesses:
        told.append([])
        for _ in range(ends):
            state = witness.sees("room_state", status=pb.PLAYBACK_STATUS_PLAYING, rate=1)
            told[-1].append((state.version, state.node_id, state.movie_id,
                             round(state.updated_at - 1000 * state.current_time)))
    paused = alice.Pause(room_id=room.id).state
    for witness in witnesses:
        equal(witness.sees("room_state").version, paused.version)
        witness.close()
    equal(told, 3 * told[:1])
    return films, told[0]


@beside.test("a movie that ends by the clock ends once, with one next state for the streams of all three")
def _(a, b, c):
    films, told = end_of_a_movie((a, b, c), models.AUTO_ADVANCE_NEXT, 2, ends=1)
    version, node_id, movie_id, began = told[0]
    equal((movie_id, began), (films[1].id, version))
    assert node_id.startswith("end-"), told


@beside.test("a shuffled playlist goes on with the same movie at all three")
def _(a, b, c):
    films, told = end_of_a_movie((a, b, c), models.AUTO_ADVANCE_SHUFFLE, 20, ends=1)
    assert told[0][2] in [film.id for film in films[1:]], told


@beside.test("live pictures are not made yet")
def _(a, b, c):
    alice, = newcomers(a, "alice")
    room = alice.CreateRoom(name="Movie night").room
    film = alice.AddMovie(room_id=room.id, movie=movie("One")).movie
    for server in (a, b, c):
        for method in ("CreatePublishKey", "StopLive"):
            call = getattr(elsewhere(server, alice), method)
            fails("UNIMPLEMENTED", "UNIMPLEMENTED", call, room_id=room.id, movie_id=film.id)


@test("all methods that write, and all that streams carry, were called; the members end well")
def _():
    beside.stop()
    writes = set(SERVICE.methods_by_name) - READS
    equal(writes - called, set(), "not called")
    payloads = {field.name for field in pb.ClientMessage.DESCRIPTOR.oneofs_by_name["payload"].fields} - {"ping"}
    equal(payloads - sent, set(), "not sent")
    equal(SENT - payloads, set(), "no such payload")


run()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One evening with every method of ClientService, watched through several MessageStreams at once."""
import os
import re
import subprocess
import sys
import time

from harness import (DEADLINE, NO_LIMITS, PASSWORD, PROTO_DIR, STUBS, Server, environment, equal, run, run_program,
                     temp_path, test, write_file)
from client import (SERVICE, anonymous, called, chat, fails, login, models, movie, pb, register)

# tests/support/pg.py has started a PostgreSQL.
server = Server(db=os.environ.get("SYNCTV_TEST_POSTGRES", "sqlite:" + temp_path("synctv.db")), config=NO_LIMITS)
alice = bob = carol = dave = None
room = None
streams = {}  # alice's and bob's are bound to the room, carol's follows all of hers
movies = []


def everybody_expects(kind, **fields):
    return [stream.expect(kind, **fields) for stream in streams.values()]


def admins_expect(kind, **fields):
    return [streams[name].expect(kind, **fields) for name in ("alice", "bob")]


@test("Register gives an account and both tokens")
def _():
    global alice, bob, carol
    alice = anonymous(server)
    answer = alice.take(alice.Register(username="alice", password=PASSWORD, email="alice@example.org"))
    equal(answer.user.username, "alice")
    equal(answer.user.email, "alice@example.org")
    equal(answer.user.role, models.USER_ROLE_USER)
    equal(answer.user.status, models.USER_STATUS_ACTIVE)
    equal(len(answer.user.id), 12)
    assert abs(answer.user.created_at - time.time() * 1000) < 60_000, answer.user.created_at
    equal(answer.expires_in, 3600)
    equal(answer.access_token.count("."), 2)
    assert len(answer.refresh_token) >= 32
    bob, carol = register(server, "bob"), register(server, "Carol Ångström 🎬")


@test("Login takes the name in any case and GetProfile says who it was")
def _():
    again = login(server, "ALICE")
    equal(again.GetProfile().user, alice.GetProfile().user)
    equal(again.GetProfile().user.id, alice.id)
    assert again.access_token != alice.access_token and again.refresh_token != alice.refresh_token


@test("RefreshToken gives new tokens, and Logout ends that session alone")
def _():
    phone = login(server, "alice")
    old = phone.access_token
    answer = phone.take(phone.RefreshToken(refresh_token=phone.refresh_token))
    equal(answer.expires_in, 3600)
    assert phone.access_token != old
    equal(phone.GetProfile().user.id, alice.id)
    equal(phone.Logout().success, True)
    fails("UNAUTHENTICATED", "SESSION_ENDED", phone.GetProfile)
    fails("UNAUTHENTICATED", "SESSION_ENDED", phone.RefreshToken, refresh_token=phone.refresh_token)
    tablet = login(server, "alice")
    equal(anonymous(server).Logout(refresh_token=tablet.refresh_token).success, True)
    fails("UNAUTHENTICATED", "SESSION_ENDED", tablet.GetProfile)
    alice.GetProfile()


@test("ChangePassword ends all other sessions of the user")
def _():
    other = login(server, "bob")
    equal(bob.ChangePassword(old_password=PASSWORD, new_password="battery staple").success, True)
    fails("UNAUTHENTICATED", "SESSION_ENDED", other.GetProfile)
    bob.GetProfile()
    fails("UNAUTHENTICATED", "LOGIN_FAILED", anonymous(server).Login, username="bob", password=PASSWORD)
    equal(login(server, "bob", "battery staple").id, bob.id)


@test("CreateRoom makes its creator the first member")
def _():
    global room
    room = alice.CreateRoom(name="Movie night", description="Every Friday", settings=models.RoomSettings(
        max_members=50, auto_advance=models.AUTO_ADVANCE_NEXT, pause_when_empty=True)).room
    equal((room.name, room.description, room.creator_id), ("Movie night", "Every Friday", alice.id))
    equal((room.settings.max_members, room.settings.auto_advance), (50, models.AUTO_ADVANCE_NEXT))
    equal(room.settings.pause_when_empty, True)
    equal((room.member_count, room.has_password, room.is_live), (1, False, False))
    assert room.revision > 0 and len(room.id) == 12


@test("the first message of a stream is the room's SNAPSHOT")
def _():
    streams["alice"] = alice.stream(room.id)
    first = streams["alice"].next()
    equal(first.WhichOneof("payload"), "room_state")
    equal((first.room_state.room_id, first.room_state.cause), (room.id, pb.STATE_CAUSE_SNAPSHOT))
    equal((first.room_state.movie_id, first.room_state.status), ("", pb.PLAYBACK_STATUS_PAUSED))
    equal(first.room_state.rate, 1)
    streams["alice"].expect("member", change=pb.MEMBER_CHANGE_ONLINE)


@test("JoinRoom tells the room, and answers with all that a player needs")
def _():
    streams["carol"] = carol.stream()
    answer = bob.JoinRoom(room_id=room.id)
    equal((answer.room.id, answer.room.member_count), (room.id, 2))
    equal((answer.member.user_id, answer.member.role, answer.member.status),
          (bob.id, models.ROOM_ROLE_MEMBER, models.MEMBER_STATUS_ACTIVE))
    equal(answer.member.permissions, 0x70000000017)
    equal(answer.state.room_id, room.id)
    equal([m.username for m in answer.members], ["alice", "bob"])
    equal([m.online for m in answer.members], [True, False])
    joined = streams["alice"].expect("member", change=pb.MEMBER_CHANGE_JOINED)
    equal((joined.member.user_id, joined.member.username, joined.actor_id), (bob.id, "bob", bob.id))
    streams["bob"] = bob.stream(room.id)
    streams["bob"].expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT)
    carol.JoinRoom(room_id=room.id)
    streams["carol"].expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT, room_id=room.id)
    streams["alice"].expect("member", where=lambda m: m.member.user_id == carol.id, change=pb.MEMBER_CHANGE_ONLINE)


@test("GetRoomInfo, ListRooms and ListMembers show the same room")
def _():
    info = bob.GetRoomInfo(room_id=room.id)
    equal((info.room.member_count, info.room.online_count, len(info.members)), (3, 3, 3))
    equal(info.state.cause, pb.STATE_CAUSE_SNAPSHOT)
    for filters in ({}, {"search": "movie"}, {"joined": True}):
        equal([r.id for r in bob.ListRooms(**filters).rooms], [room.id], filters)
    equal(len(bob.ListRooms(mine=True).rooms), 0)
    equal([r.id for r in alice.ListRooms(mine=True).rooms], [room.id])
    equal(len(bob.ListRooms(search="no such name").rooms), 0)
    page = bob.ListMembers(room_id=room.id, page_size=2)
    equal(([m.username for m in page.members], page.total), (["alice", "bob"], 3))
    page = bob.ListMembers(room_id=room.id, page_size=2, page_token=page.next_page_token)
    equal([m.user_id for m in page.members], [carol.id])
    equal(page.next_page_token, "")


@test("AddMovie puts movies at the end of the playlist")
def _():
    full = movie("Big Buck Bunny", "https://example.org/bbb.mp4", 596, headers={"Referer": "https://example.org"},
                 subtitles=[models.Subtitle(name="English", url="https://example.org/en.vtt", format="vtt")])
    for number, wanted in enumerate([full, movie("Sintel", duration=888), movie("Tears of Steel", duration=0)]):
        added = alice.AddMovie(room_id=room.id, movie=wanted).movie
        equal((added.name, added.url, added.duration, added.position),
              (wanted.name, wanted.url, wanted.duration, number))
        equal((added.room_id, added.added_by, added.type), (room.id, alice.id, models.MOVIE_TYPE_URL))
        equal(dict(added.headers), dict(wanted.headers))
        equal(list(added.subtitles), list(wanted.subtitles))
        movies.append(added)
        for told in everybody_expects("movies", change=pb.LIST_CHANGE_ADDED):
            equal((told.movie, told.actor_id), (added, alice.id))
    bobs = bob.AddMovie(room_id=room.id, movie=movie("Bob's own")).movie
    everybody_expects("movies", change=pb.LIST_CHANGE_ADDED)
    movies.append(bobs)


@test("GetMovieList pages through the playlist in its order")
def _():
    names, token = [], ""
    while True:
        page = carol.GetMovieList(room_id=room.id, page_size=3, page_token=token)
        equal((page.total, page.current_movie_id), (4, ""))
        names += [m.name for m in page.movies]
        token = page.next_page_token
        if not token:
            break
    equal(names, [m.name for m in movies])


@test("UpdateMovie, MoveMovie and RemoveMovie are told to everybody")
def _():
    changed = bob.UpdateMovie(room_id=room.id, fields=["name", "duration"], movie=models.Movie(
        id=movies[3].id, name="Bob's better one", duration=33, url="ignored")).movie
    equal((changed.name, changed.duration, changed.url), ("Bob's better one", 33, movies[3].url))
    everybody_expects("movies", change=pb.LIST_CHANGE_CHANGED, movie=changed)
    moved = alice.MoveMovie(room_id=room.id, movie_id=movies[3].id, position=0).movie
    equal(moved.position, 0)
    everybody_expects("movies", change=pb.LIST_CHANGE_MOVED)
    equal([m.id for m in bob.GetMovieList(room_id=room.id).movies],
          [movies[i].id for i in (3, 0, 1, 2)])
    equal(bob.RemoveMovie(room_id=room.id, movie_id=movies[3].id).success, True)
    told = everybody_expects("movies", change=pb.LIST_CHANGE_REMOVED)
    equal({update.movie.id for update in told}, {movies[3].id})
    revisions = {update.revision for update in told}
    equal(len(revisions), 1)
    equal([m.position for m in bob.GetMovieList(room_id=room.id).movies], [0, 1, 2])


@test("SetCurrentMovie, Play, Pause, Seek and SetPlaybackRate move everybody's playhead alike")
def _():
    seen = []

    def check(answer, cause, **fields):
        state = answer.state
        for update in everybody_expects("room_state", cause=cause):
            for key in ("movie_id", "status", "rate", "version", "actor_id", "node_id"):
                equal(getattr(update, key), getattr(state, key), key)
        for key, value in fields.items():
            equal(getattr(state, key), value, key)
        assert not seen or state.version > seen[-1], "the version has to grow"
        seen.append(state.version)
        return state

    check(alice.SetCurrentMovie(room_id=room.id, movie_id=movies[0].id), pb.STATE_CAUSE_MOVIE,
          movie_id=movies[0].id, status=pb.PLAYBACK_STATUS_PAUSED, current_time=0, actor_id=alice.id)
    fails("PERMISSION_DENIED", "PERMISSION_DENIED", bob.Play, room_id=room.id)
    check(alice.Play(room_id=room.id), pb.STATE_CAUSE_PLAY, status=pb.PLAYBACK_STATUS_PLAYING, rate=1)
    state = check(alice.Seek(room_id=room.id, position=100), pb.STATE_CAUSE_SEEK, status=pb.PLAYBACK_STATUS_PLAYING)
    assert 100 <= state.current_time < 130, state
    check(alice.SetPlaybackRate(room_id=room.id, rate=1.5), pb.STATE_CAUSE_RATE, rate=1.5)
    state = check(alice.Pause(room_id=room.id, position=123.25, expected_version=seen[-1]), pb.STATE_CAUSE_PAUSE,
                  status=pb.PLAYBACK_STATUS_PAUSED, current_time=123.25)
    equal(carol.GetRoomInfo(room_id=room.id).state.version, state.version)
    equal(carol.GetMovieList(room_id=room.id).current_movie_id, movies[0].id)
    now = carol.GetRoomInfo(room_id=room.id).state.updated_at
    state = check(alice.Play(room_id=room.id, position=10, client_time=now - 1000), pb.STATE_CAUSE_PLAY)
    assert 11.5 <= state.current_time < 40, f"the second on the way at rate 1.5 is missing: {state}"


@test("play control on a stream answers with the sender's operation_id")
def _():
    sender = streams["alice"]
    operations = [
        (pb.STATE_CAUSE_PAUSE, {"play_control": pb.PlayControlMessage(action=pb.PLAY_ACTION_PAUSE, position=50)}),
        (pb.STATE_CAUSE_PLAY, {"play_control": pb.PlayControlMessage(action=pb.PLAY_ACTION_PLAY, rate=2)}),
        (pb.STATE_CAUSE_RATE, {"play_control": pb.PlayControlMessage(action=pb.PLAY_ACTION_SET_RATE, rate=1)}),
        (pb.STATE_CAUSE_SEEK, {"seek": pb.SeekMessage(room_id=room.id, position=200)}),
    ]
    for number, (cause, payload) in enumerate(operations):
        operation = sender.send(message_id=f"operation-{number}", **payload)
        for update in everybody_expects("room_state", cause=cause):
            equal((update.operation_id, update.actor_id), (operation, alice.id))
    equal(carol.GetRoomInfo(room_id=room.id).state.rate, 1)


@test("chat and danmaku from each stream reach all, and GetChatHistory keeps the chat")
def _():
    for name, person in (("alice", alice), ("bob", bob), ("carol", carol)):
        message_id = streams[name].send(chat=chat(f"hello from {name} 🎉", room.id))
        for told in everybody_expects("chat", user_id=person.id):
            equal((told.content, told.username, told.client_message_id), (
                f"hello from {name} 🎉", person.name, message_id))
    streams["bob"].send(danmaku=pb.DanmakuMessage(content="wow", video_time=12.5, color="#FF8800", font_size=30,
                                                  position=pb.DANMAKU_POSITION_TOP))
    for told in everybody_expects("danmaku", content="wow"):
        equal((told.user_id, told.color, told.font_size, told.video_time, told.position),
              (bob.id, "#FF8800", 30, 12.5, pb.DANMAKU_POSITION_TOP))
    history = carol.GetChatHistory(room_id=room.id).messages
    equal([m.seq for m in history], [3, 2, 1])
    equal([m.username for m in history], [carol.name, "bob", "alice"])
    equal([m.seq for m in carol.GetChatHistory(room_id=room.id, before_seq=3, limit=1).messages], [2])
    equal([m.seq for m in carol.GetChatHistory(room_id=room.id, after_seq=2).messages], [3])
    bobs = history[1].message_id
    equal(alice.DeleteChatMessage(room_id=room.id, message_id=bobs).success, True)
    everybody_expects("chat_deleted", message_id=bobs, actor_id=alice.id, seq=4)
    equal([m.seq for m in carol.GetChatHistory(room_id=room.id).messages], [3, 1])


@test("ping is answered with the server's times")
def _():
    before = time.time() * 1000
    streams["bob"].send(ping=pb.PingMessage(client_time=4711))
    pong = streams["bob"].expect("pong", client_time=4711)
    assert pong.server_recv_time <= pong.server_send_time
    assert abs(pong.server_recv_time - before) < 60_000, "nowhere near the wall clock"


@test("UpdateRoom changes what it names and nothing else")
def _():
    changed = alice.UpdateRoom(room_id=room.id, fields=["name", "settings"], password="sesame", room=models.Room(
        name="Film club", description="ignored",
        settings=models.RoomSettings(allow_guests=True, require_approval=True))).room
    equal((changed.name, changed.description, changed.has_password), ("Film club", "Every Friday", True))
    equal((changed.settings.allow_guests, changed.settings.max_members), (True, 0))
    for update in everybody_expects("room", deleted=False):
        equal((update.room.name, update.actor_id), ("Film club", alice.id))


@test("ApproveMember lets in who waits, and their stream follows at once")
def _():
    global dave
    dave = register(server, "dave")
    waiting = dave.stream()
    answer = dave.JoinRoom(room_id=room.id, password="sesame")
    equal(answer.member.status, models.MEMBER_STATUS_PENDING)
    assert not answer.HasField("state") and not answer.room.HasField("settings"), answer
    equal([m.username for m in alice.ListMembers(room_id=room.id).members], ["alice", "bob", carol.name, "dave"])
    equal([m.username for m in bob.ListMembers(room_id=room.id).members], ["alice", "bob", carol.name])
    equal(alice.ApproveMember(room_id=room.id, user_id=dave.id).member.status, models.MEMBER_STATUS_ACTIVE)
    everybody_expects("member", change=pb.MEMBER_CHANGE_APPROVED)
    waiting.expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT, room_id=room.id)
    streams["dave"] = waiting


@test("SetMemberRole and SetMemberPermissions change what somebody may do")
def _():
    admin = alice.SetMemberRole(room_id=room.id, user_id=bob.id, role=models.ROOM_ROLE_ADMIN).member
    equal((admin.role, admin.permissions), (models.ROOM_ROLE_ADMIN, 0x703C0701CFF))
    for update in everybody_expects("member", change=pb.MEMBER_CHANGE_ROLE):
        equal((update.member.user_id, update.member.permissions), (bob.id, 0x703C0701CFF))
    changed = alice.SetMemberPermissions(room_id=room.id, user_id=carol.id, added=1 << 10, removed=1 << 0).member
    equal((changed.added_permissions, changed.removed_permissions), (1 << 10, 1 << 0))
    everybody_expects("member", change=pb.MEMBER_CHANGE_PERMISSIONS)
    carol.Pause(room_id=room.id)
    everybody_expects("room_state", cause=pb.STATE_CAUSE_PAUSE)
    refused = streams["carol"].send(chat=chat("may I?", room.id))
    equal(streams["carol"].expect("error").in_reply_to, refused)


@test("KickMember is seen by all, and by whom it meets; BanMember of who is out and UnbanMember by who may ban")
def _():
    equal(bob.KickMember(room_id=room.id, user_id=dave.id, reason="too loud").success, True)
    for update in everybody_expects("member", change=pb.MEMBER_CHANGE_KICKED):
        equal((update.member.user_id, update.reason, update.actor_id), (dave.id, "too loud", bob.id))
    del streams["dave"]
    fails("PERMISSION_DENIED", "MEMBER_KICKED", dave.JoinRoom, room_id=room.id, password="sesame")
    banned = bob.BanMember(room_id=room.id, user_id=dave.id, reason="for good").member
    equal(banned.status, models.MEMBER_STATUS_BANNED)
    admins_expect("member", change=pb.MEMBER_CHANGE_BANNED)
    fails("PERMISSION_DENIED", "MEMBER_BANNED", dave.JoinRoom, room_id=room.id, password="sesame")
    equal(bob.UnbanMember(room_id=room.id, user_id=dave.id).success, True)
    admins_expect("member", change=pb.MEMBER_CHANGE_UNBANNED)
    equal(dave.JoinRoom(room_id=room.id, password="sesame").member.status, models.MEMBER_STATUS_PENDING)
    carols = [update for update in streams["carol"].came if update.WhichOneof("payload") == "member"]
    equal([update.member.change for update in carols if update.member.member.user_id == dave.id][-1], pb.MEMBER_CHANGE_KICKED)


@test("LeaveRoom is seen by those who stay")
def _():
    equal(carol.LeaveRoom(room_id=room.id).success, True)
    del streams["carol"]
    for update in everybody_expects("member", change=pb.MEMBER_CHANGE_LEFT):
        equal(update.member.user_id, carol.id)


@test("ClearMovies empties the playlist and stops the playhead")
def _():
    equal(alice.ClearMovies(room_id=room.id).removed, 3)
    everybody_expects("movies", change=pb.LIST_CHANGE_CLEARED)
    state = bob.GetRoomInfo(room_id=room.id).state
    equal((state.movie_id, state.status), ("", pb.PLAYBACK_STATUS_PAUSED))
    equal(bob.GetMovieList(room_id=room.id).total, 0)


@test("TransferRoom makes the heir the creator and the giver an admin")
def _():
    equal(alice.TransferRoom(room_id=room.id, user_id=bob.id).room.creator_id, bob.id)
    everybody_expects("room", where=lambda update: update.room.creator_id == bob.id)
    roles = {m.username: m.role for m in bob.ListMembers(room_id=room.id).members}
    equal((roles["alice"], roles["bob"]), (models.ROOM_ROLE_ADMIN, models.ROOM_ROLE_CREATOR))


@test("DeleteRoom tells everybody and is the end of their bound streams")
def _():
    fails("PERMISSION_DENIED", "PERMISSION_DENIED", alice.DeleteRoom, room_id=room.id)
    equal(bob.DeleteRoom(room_id=room.id).success, True)
    for update in everybody_expects("room", deleted=True):
        equal((update.room.id, update.actor_id), (room.id, bob.id))
    for stream in streams.values():
        stream.ends_with("NOT_FOUND", "ROOM_NOT_FOUND")
    fails("NOT_FOUND", "ROOM_NOT_FOUND", alice.GetRoomInfo, room_id=room.id)
    equal(len(alice.ListRooms().rooms), 0)


@test("ListUsers and SetUserStatus are for the administrators of the platform")
def _():
    status, _, stderr = run_program("user", "add", "root", "--role", "root", "--db", server.db, stdin=PASSWORD + "\n")
    equal((status, stderr), (0, ""))
    root = login(server, "root")
    equal(root.GetProfile().user.role, models.USER_ROLE_ROOT)
    equal([u.username for u in root.ListUsers(page_size=2).users], ["root", "dave"])
    equal([u.username for u in root.ListUsers(search="ali").users], ["alice"])
    fails("PERMISSION_DENIED", "PERMISSION_DENIED", bob.ListUsers)
    stream = dave.stream()
    banned = root.SetUserStatus(user_id=dave.id, status=models.USER_STATUS_BANNED, reason="enough").user
    equal(banned.status, models.USER_STATUS_BANNED)
    assert stream.end() != "OK"
    fails("UNAUTHENTICATED", "SESSION_ENDED", dave.GetProfile)
    equal(root.SetUserStatus(user_id=dave.id, status=models.USER_STATUS_ACTIVE).user.status,
          models.USER_STATUS_ACTIVE)
    login(server, "dave")


@test("live pictures say UNIMPLEMENTED until they exist")
def _():
    hall = alice.CreateRoom(name="Live hall").room
    live = alice.AddMovie(room_id=hall.id, movie=models.Movie(name="Camera", type=models.MOVIE_TYPE_LIVE)).movie
    for method in ("CreatePublishKey", "GetPlayUrl", "StopLive"):
        fails("UNIMPLEMENTED", "UNIMPLEMENTED", getattr(alice, method), room_id=hall.id, movie_id=live.id)


@test("the client in the README takes part in a room, also the second time")
def _():
    with open(os.path.join(PROTO_DIR, "../README.md"), encoding="utf-8") as readme:
        source = re.search(r"```python\n(.*?)```", readme.read(), re.DOTALL).group(1)
    assert "127.0.0.1:50051" in source and 'username="alice"' in source, source
    source = source.replace("127.0.0.1:50051", server.address).replace('username="alice"', 'username="reader"')
    for _ in range(2):
        done = subprocess.run([sys.executable, write_file("watch.py", source)], stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=DEADLINE, env=environment({"PYTHONPATH": STUBS}))
        equal((done.returncode, done.stderr), (0, ""))
        for word in ("STATE_CAUSE_SNAPSHOT", "STATE_CAUSE_MOVIE", "hello"):
            assert word in done.stdout, f"{word} is not in {done.stdout}"


@test("every method of the service was called")
def _():
    equal(sorted(set(SERVICE.methods_by_name) - called), [])


@test("the server ends well")
def _():
    server.stop()


run()

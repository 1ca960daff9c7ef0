#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each method of ClientService, where who acts, who follows the room, and who asks afterwards are at three members: at each in
turn. A method without a row here makes the last test fail."""
from harness import NO_LIMITS, PASSWORD, equal, eventually, run, test
from client import SERVICE, Person, chat, fails, login, models, movie, pb, register
from cluster_rig import Beside, Witness, boss, elsewhere, newcomers

ROWS = {}  # method: what has to be seen of it
PAYLOADS = {}  # of a ClientMessage: the same
beside = Beside(config={"limits": NO_LIMITS["limits"] | {"rooms_per_user": 1000, "memberships_per_user": 1000}})


def row(method):
    def register_it(function):
        ROWS[method] = function
        return function
    return register_it


def payload(kind):
    def register_it(function):
        PAYLOADS[kind] = function
        return function
    return register_it


class Scene:
    """A room of the host's, who acts at one member; the witness follows it at the second one; who asks does so at the third."""

    def __init__(self, host, acts_at, follows_at, asks_at, **settings):
        self.host, self.acts_at, self.follows_at, self.asks_at = host, acts_at, follows_at, asks_at
        self.room = host.CreateRoom(name="Movie night", settings=models.RoomSettings(**settings)).room
        self.id = self.room.id
        self.witness = Witness(elsewhere(follows_at, host), self.id)
        self.sees = self.witness.sees

    def another(self, **settings):
        return Scene(self.host, self.acts_at, self.follows_at, self.asks_at, **settings)

    def guest(self, name="guest"):
        """Somebody at the host's server who has joined, which is seen."""
        person, = newcomers(self.acts_at, name)
        person.JoinRoom(room_id=self.id)
        self.sees("member", change=pb.MEMBER_CHANGE_JOINED, actor_id=person.id)
        return person

    def film(self, name="One", **fields):
        film = self.host.AddMovie(room_id=self.id, movie=movie(name, **fields)).movie
        equal(self.sees("movies", change=pb.LIST_CHANGE_ADDED).movie, film)
        return film

    def there(self, person=None):
        return elsewhere(self.asks_at, person or self.host)

    def asks(self, look, wanted, what="what is said there"):
        """Memory there may be a second old."""
        there = self.there()
        seen = []
        eventually(lambda: seen.append(look(there)) or seen[-1] == wanted,
                   f"{what} is {wanted}; it is {seen[-1:]}", every=0.05)

    def state(self, there):
        state = there.GetRoomInfo(room_id=self.id).state
        return state.version, state.node_id, state.movie_id, state.status, state.rate

    def told(self, state, **fields):
        """The witness sees this state, and it is what is said there."""
        self.sees("room_state", version=state.version, node_id=state.node_id, movie_id=state.movie_id, status=state.status,
                  rate=state.rate, **fields)
        self.asks(self.state, (state.version, state.node_id, state.movie_id, state.status, state.rate))

    def movies(self, there):
        return [film.name for film in there.GetMovieList(room_id=self.id).movies]

    def members(self, there):
        return {member.user_id: (member.role, member.status) for member in there.ListMembers(room_id=self.id).members}

    def history(self, there):
        return [said.content for said in there.GetChatHistory(room_id=self.id).messages]

    def end(self):
        self.witness.close()


def ended(stream, code, reason):
    failure = stream.end()
    assert failure != "OK" and (failure.code, failure.reason) == (code, reason), failure


# ---- accounts ----------------------------------------------------------------------------------------------------


@row("Register")
def _(s):
    alice, = newcomers(s.acts_at, "alice")
    equal(s.there(alice).GetProfile().user.id, alice.id)
    fails("ALREADY_EXISTS", "USERNAME_TAKEN", Person(s.asks_at.address).Register, username=alice.name, password=PASSWORD)


@row("Login")
def _(s):
    alice, = newcomers(s.asks_at, "alice")
    equal(s.there(login(s.acts_at, alice.name)).GetProfile().user.id, alice.id)


@row("RefreshToken")
def _(s):
    alice, = newcomers(s.acts_at, "alice")
    stream = elsewhere(s.follows_at, alice).stream()
    alice.take(alice.RefreshToken(refresh_token=alice.refresh_token))
    there = s.there(alice)
    equal(there.GetProfile().user.id, alice.id)
    there.RefreshToken(refresh_token=alice.refresh_token)
    stream.fence()
    stream.close()


@row("Logout")
def _(s):
    alice, = newcomers(s.acts_at, "alice")
    stream = elsewhere(s.follows_at, alice).stream()
    stream.fence()
    alice.Logout()
    ended(stream, "UNAUTHENTICATED", "SESSION_ENDED")
    fails("UNAUTHENTICATED", "SESSION_ENDED", s.there(alice).RefreshToken, refresh_token=alice.refresh_token)


@row("GetProfile")
def _(s):
    alice, = newcomers(s.acts_at, "alice")
    equal(s.there(alice).GetProfile().user, alice.GetProfile().user)


@row("ChangePassword")
def _(s):
    alice, = newcomers(s.acts_at, "alice")
    other = login(s.follows_at, alice.name)
    stream = other.stream()
    stream.fence()
    alice.ChangePassword(old_password=PASSWORD, new_password="battery staple")
    ended(stream, "UNAUTHENTICATED", "SESSION_ENDED")
    fails("UNAUTHENTICATED", "LOGIN_FAILED", login, s.asks_at, alice.name)
    login(s.asks_at, alice.name, "battery staple")


@row("ListUsers")
def _(s):
    alice, = newcomers(s.acts_at, "listed")
    admin = boss(s.asks_at)
    equal([user.id for user in admin.ListUsers(search=alice.name).users], [alice.id])


@row("SetUserStatus")
def _(s):
    alice, = newcomers(s.acts_at, "alice")
    stream = elsewhere(s.follows_at, alice).stream()
    stream.fence()
    admin = elsewhere(s.acts_at, boss(s.asks_at))
    admin.SetUserStatus(user_id=alice.id, status=models.USER_STATUS_BANNED, reason="spam")
    ended(stream, "UNAUTHENTICATED", "SESSION_ENDED")
    fails("PERMISSION_DENIED", "USER_BANNED", login, s.asks_at, alice.name)
    admin.SetUserStatus(user_id=alice.id, status=models.USER_STATUS_ACTIVE)
    login(s.asks_at, alice.name)


# ---- rooms -------------------------------------------------------------------------------------------------------


@row("CreateRoom")
def _(s):
    everything = elsewhere(s.follows_at, s.host).stream()
    everything.fence()
    room = s.host.CreateRoom(name="A new one", password="sesame", description="why not").room
    everything.expect("room_state", room_id=room.id, cause=pb.STATE_CAUSE_SNAPSHOT)
    there = s.there().GetRoomInfo(room_id=room.id).room
    equal((there.name, there.description, there.has_password, there.creator_id), ("A new one", "why not", True, s.host.id))
    everything.close()


@row("JoinRoom")
def _(s):
    bob = s.guest("bob")
    s.asks(s.members, {s.host.id: (models.ROOM_ROLE_CREATOR, models.MEMBER_STATUS_ACTIVE),
                       bob.id: (models.ROOM_ROLE_MEMBER, models.MEMBER_STATUS_ACTIVE)})
    answer = s.there(bob).JoinRoom(room_id=s.id)
    equal((answer.room.member_count, {member.user_id for member in answer.members}), (2, {s.host.id, bob.id}))


@row("LeaveRoom")
def _(s):
    bob = s.guest("bob")
    bob.LeaveRoom(room_id=s.id)
    s.sees("member", change=pb.MEMBER_CHANGE_LEFT, actor_id=bob.id)
    s.asks(lambda there: list(s.members(there)), [s.host.id])
    fails("PERMISSION_DENIED", "NOT_A_MEMBER", s.there(bob).GetMovieList, room_id=s.id)


@row("GetRoomInfo")
def _(s):
    s.film()
    s.guest()

    def info(person):
        answer = person.GetRoomInfo(room_id=s.id)
        answer.state.ClearField("current_time")
        answer.state.ClearField("updated_at")
        return answer.room, answer.state, sorted((member.user_id, member.online) for member in answer.members)
    here = info(s.host)
    equal((here[0].online_count, [online for _, online in here[2]].count(True)), (1, 1))
    s.asks(info, here)


@row("ListRooms")
def _(s):
    s.host.UpdateRoom(room_id=s.id, room=models.Room(name="Listed"), fields=["name"])
    s.sees("room")
    s.guest()
    s.asks(lambda there: [(room.id, room.name, room.member_count, room.online_count)
                          for room in there.ListRooms(joined=True, page_size=100).rooms if room.id == s.id],
           [(s.id, "Listed", 2, 1)])


@row("UpdateRoom")
def _(s):
    s.host.UpdateRoom(room_id=s.id, room=models.Room(name="Film night"), fields=["name"], password="sesame")
    told = s.sees("room").room
    equal((told.name, told.has_password), ("Film night", True))
    s.asks(lambda there: there.GetRoomInfo(room_id=s.id).room.name, "Film night")
    stranger, = newcomers(s.asks_at, "stranger")
    fails("PERMISSION_DENIED", "ROOM_PASSWORD_WRONG", stranger.JoinRoom, room_id=s.id, password="guess")
    stranger.JoinRoom(room_id=s.id, password="sesame")
    s.sees("member", change=pb.MEMBER_CHANGE_JOINED)


@row("DeleteRoom")
def _(s):
    doomed = s.another()
    doomed.host.DeleteRoom(room_id=doomed.id)
    doomed.sees("room", deleted=True)
    ended(doomed.witness.stream, "NOT_FOUND", "ROOM_NOT_FOUND")
    fails("NOT_FOUND", "ROOM_NOT_FOUND", s.there().GetRoomInfo, room_id=doomed.id)


@row("TransferRoom")
def _(s):
    bob = s.guest("bob")
    s.host.TransferRoom(room_id=s.id, user_id=bob.id)
    roles = dict((told.member.user_id, told.member.role) for told in (s.sees("member"), s.sees("member")))
    equal(roles, {s.host.id: models.ROOM_ROLE_ADMIN, bob.id: models.ROOM_ROLE_CREATOR})
    equal(s.sees("room").room.creator_id, bob.id)
    s.asks(lambda there: there.GetRoomInfo(room_id=s.id).room.creator_id, bob.id)


# ---- members -----------------------------------------------------------------------------------------------------


@row("ListMembers")
def _(s):
    guests = [s.guest() for _ in range(3)]
    s.asks(lambda there: [member.user_id for member in there.ListMembers(room_id=s.id, page_size=3).members],
           [s.host.id, guests[0].id, guests[1].id])
    page = s.there().ListMembers(room_id=s.id, page_size=3)
    rest = s.there().ListMembers(room_id=s.id, page_size=3, page_token=page.next_page_token)
    equal(([member.user_id for member in rest.members], rest.total), ([guests[2].id], 4))


@row("ApproveMember")
def _(s):
    strict = s.another(require_approval=True)
    bob = strict.guest("bob")
    stream = elsewhere(s.follows_at, bob).stream()
    stream.fence()
    fails("PERMISSION_DENIED", "MEMBER_PENDING", s.there(bob).GetMovieList, room_id=strict.id)
    strict.host.ApproveMember(room_id=strict.id, user_id=bob.id)
    equal(strict.sees("member", change=pb.MEMBER_CHANGE_APPROVED).member.user_id, bob.id)
    stream.expect("room_state", room_id=strict.id, cause=pb.STATE_CAUSE_SNAPSHOT)
    strict.asks(lambda there: strict.members(there)[bob.id][1], models.MEMBER_STATUS_ACTIVE)
    stream.close()
    strict.end()


def removed_by(s, method, change, reason):
    bob = s.guest("bob")
    stream = elsewhere(s.follows_at, bob).stream(s.id)
    stream.expect("room_state")
    getattr(s.host, method)(room_id=s.id, user_id=bob.id, reason="loud")
    equal(s.sees("member", change=change, reason="loud").member.user_id, bob.id)
    ended(stream, "PERMISSION_DENIED", reason)
    fails("PERMISSION_DENIED", reason, s.there(bob).JoinRoom, room_id=s.id)
    return bob


@row("KickMember")
def _(s):
    removed_by(s, "KickMember", pb.MEMBER_CHANGE_KICKED, "MEMBER_KICKED")


@row("BanMember")
def _(s):
    removed_by(s, "BanMember", pb.MEMBER_CHANGE_BANNED, "MEMBER_BANNED")


@row("UnbanMember")
def _(s):
    bob = removed_by(s, "BanMember", pb.MEMBER_CHANGE_BANNED, "MEMBER_BANNED")
    s.host.UnbanMember(room_id=s.id, user_id=bob.id)
    s.sees("member", change=pb.MEMBER_CHANGE_UNBANNED)
    s.there(bob).JoinRoom(room_id=s.id)
    s.sees("member", change=pb.MEMBER_CHANGE_JOINED)


@row("SetMemberRole")
def _(s):
    bob = s.guest("bob")
    s.host.SetMemberRole(room_id=s.id, user_id=bob.id, role=models.ROOM_ROLE_ADMIN)
    equal(s.sees("member", change=pb.MEMBER_CHANGE_ROLE).member.role, models.ROOM_ROLE_ADMIN)
    s.asks(lambda there: s.members(there)[bob.id][0], models.ROOM_ROLE_ADMIN)


@row("SetMemberPermissions")
def _(s):
    bob = s.guest("bob")
    s.host.SetMemberPermissions(room_id=s.id, user_id=bob.id, added=1 << 3, removed=1)
    told = s.sees("member", change=pb.MEMBER_CHANGE_PERMISSIONS).member
    equal((told.user_id, told.added_permissions, told.removed_permissions), (bob.id, 1 << 3, 1))
    s.asks(lambda there: {member.user_id: member.permissions for member in there.ListMembers(room_id=s.id).members}[bob.id],
           told.permissions)
    stream = s.there(bob).stream(s.id)
    stream.refuses("PERMISSION_DENIED", chat=chat("may I?"))
    stream.close()


# ---- the playlist ------------------------------------------------------------------------------------------------


@row("AddMovie")
def _(s):
    film = s.film("One", headers={"Referer": "https://example.org"})
    s.asks(lambda there: list(there.GetMovieList(room_id=s.id).movies), [film])


@row("RemoveMovie")
def _(s):
    films = [s.film("One"), s.film("Two")]
    s.host.RemoveMovie(room_id=s.id, movie_id=films[0].id)
    equal(s.sees("movies", change=pb.LIST_CHANGE_REMOVED).movie.id, films[0].id)
    s.asks(s.movies, ["Two"])


@row("GetMovieList")
def _(s):
    films = [s.film(f"Number {number}") for number in range(4)]
    state = s.host.SetCurrentMovie(room_id=s.id, movie_id=films[2].id).state
    s.told(state)
    there = s.there()
    page = there.GetMovieList(room_id=s.id, page_size=3)
    rest = there.GetMovieList(room_id=s.id, page_size=3, page_token=page.next_page_token)
    equal((list(page.movies) + list(rest.movies), page.current_movie_id, page.total), (films, films[2].id, 4))


@row("UpdateMovie")
def _(s):
    film = s.film()
    film = s.host.UpdateMovie(room_id=s.id, movie=models.Movie(id=film.id, name="First"), fields=["name"]).movie
    equal(s.sees("movies", change=pb.LIST_CHANGE_CHANGED).movie, film)
    s.asks(lambda there: list(there.GetMovieList(room_id=s.id).movies), [film])


@row("MoveMovie")
def _(s):
    films = [s.film(name) for name in ("One", "Two", "Three")]
    s.host.MoveMovie(room_id=s.id, movie_id=films[2].id, position=0)
    told = s.sees("movies", change=pb.LIST_CHANGE_MOVED).movie
    equal((told.id, told.position), (films[2].id, 0))
    s.asks(s.movies, ["Three", "One", "Two"])


@row("ClearMovies")
def _(s):
    for name in ("One", "Two"):
        s.film(name)
    equal(s.host.ClearMovies(room_id=s.id).removed, 2)
    s.sees("movies", change=pb.LIST_CHANGE_CLEARED)
    s.asks(s.movies, [])


# ---- playback ----------------------------------------------------------------------------------------------------


def current(s):
    film = s.film()
    s.told(s.host.SetCurrentMovie(room_id=s.id, movie_id=film.id).state, cause=pb.STATE_CAUSE_MOVIE)
    return film


@row("SetCurrentMovie")
def _(s):
    current(s)
    second = s.film("Two")
    state = s.host.SetCurrentMovie(room_id=s.id, movie_id=second.id, autoplay=True).state
    equal(state.status, pb.PLAYBACK_STATUS_PLAYING)
    s.told(state)
    fails("ABORTED", "VERSION_CONFLICT", s.there().SetCurrentMovie, room_id=s.id, movie_id=second.id, expected_version=1)


@row("Play")
def _(s):
    current(s)
    state = s.host.Play(room_id=s.id, position=10).state
    equal(state.status, pb.PLAYBACK_STATUS_PLAYING)
    s.told(state, cause=pb.STATE_CAUSE_PLAY)


@row("Pause")
def _(s):
    current(s)
    s.told(s.host.Play(room_id=s.id).state)
    s.told(s.host.Pause(room_id=s.id, position=20).state, cause=pb.STATE_CAUSE_PAUSE, current_time=20)


@row("Seek")
def _(s):
    current(s)
    s.told(s.host.Seek(room_id=s.id, position=77.5).state, cause=pb.STATE_CAUSE_SEEK, current_time=77.5)
    equal(s.there().GetRoomInfo(room_id=s.id).state.current_time, 77.5)


@row("SetPlaybackRate")
def _(s):
    current(s)
    s.told(s.host.SetPlaybackRate(room_id=s.id, rate=1.5).state, cause=pb.STATE_CAUSE_RATE)


# ---- streams and chat --------------------------------------------------------------------------------------------


@row("MessageStream")
def _(s):
    film = current(s)
    here = s.host.stream(s.id)
    here.expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT)
    for function in PAYLOADS.values():
        function(s, here, film)
    here.close()


@payload("ping")
def _(s, here, film):
    here.send(ping=pb.PingMessage(client_time=42))
    here.expect("pong", client_time=42)


@payload("chat")
def _(s, here, film):
    here.send("m1", chat=chat("hello"))
    s.sees("chat", content="hello", seq=1, user_id=s.host.id, username=s.host.name, client_message_id="m1")
    s.asks(s.history, ["hello"])


@payload("danmaku")
def _(s, here, film):
    here.send(danmaku=pb.DanmakuMessage(content="flies by", video_time=3, color="#00FF00"))
    s.sees("danmaku", content="flies by", user_id=s.host.id, video_time=3, color="#00FF00")


@payload("play_control")
def _(s, here, film):
    here.send("p1", play_control=pb.PlayControlMessage(action=pb.PLAY_ACTION_SET_RATE, rate=2))
    s.sees("room_state", rate=2, operation_id="p1", actor_id=s.host.id)


@payload("seek")
def _(s, here, film):
    here.send("s1", seek=pb.SeekMessage(position=33))
    s.sees("room_state", current_time=33, operation_id="s1")


@payload("status")
def _(s, here, film):
    """Who says it is the only one who watches, but for the witness: of two the word of one is not enough."""
    here.send(status=pb.StatusReport(movie_id=film.id, position=33, ended=True))
    here.fence()
    equal(s.there().GetRoomInfo(room_id=s.id).state.movie_id, film.id)


@row("GetChatHistory")
def _(s):
    here = s.host.stream(s.id)
    for number in range(5):
        here.send(chat=chat(f"line {number}"))
        s.sees("chat", content=f"line {number}")
    said = s.there().GetChatHistory(room_id=s.id, before_seq=5, after_seq=1, limit=2).messages
    equal([(message.seq, message.content) for message in said], [(4, "line 3"), (3, "line 2")])
    here.close()


@row("DeleteChatMessage")
def _(s):
    here = s.host.stream(s.id)
    here.send(chat=chat("oops"))
    said = s.sees("chat", content="oops")
    s.host.DeleteChatMessage(room_id=s.id, message_id=said.message_id)
    s.sees("chat_deleted", message_id=said.message_id, actor_id=s.host.id)
    equal(s.history(s.there()), [])
    here.close()


# ---- live pictures -----------------------------------------------------------------------------------------------


def not_made_yet(method):
    @row(method)
    def _(s):
        film = s.film()
        for person in (s.host, s.there()):
            fails("UNIMPLEMENTED", "UNIMPLEMENTED", getattr(person, method), room_id=s.id, movie_id=film.id)


for live in ("CreatePublishKey", "GetPlayUrl", "StopLive"):
    not_made_yet(live)


# ---- the tests ---------------------------------------------------------------------------------------------------


def all_rows(acts_at, follows_at, asks_at):
    host, = newcomers(acts_at, "host")
    for method, function in ROWS.items():
        scene = Scene(host, acts_at, follows_at, asks_at)
        try:
            function(scene)
            scene.end()
        except BaseException as error:
            raise AssertionError(f"{method} at {acts_at.node_id}, seen at {follows_at.node_id} and {asks_at.node_id}: {error}") from error


@beside.test("what is done at a is seen at b, and c says the same")
def _(a, b, c):
    all_rows(a, b, c)


@beside.test("what is done at b is seen at c, and a says the same")
def _(a, b, c):
    all_rows(b, c, a)


@beside.test("what is done at c is seen at a, and b says the same")
def _(a, b, c):
    all_rows(c, a, b)


@test("no method and no message of a stream was forgotten; the members end well")
def _():
    equal(set(SERVICE.methods_by_name) ^ set(ROWS), set(), "in one of the service and this table")
    payloads = {field.name for field in pb.ClientMessage.DESCRIPTOR.oneofs_by_name["payload"].fields}
    equal(payloads ^ set(PAYLOADS), set(), "in one of ClientMessage and this table")
    beside.stop()


run()

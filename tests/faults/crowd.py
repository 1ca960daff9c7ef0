# SPDX-License-Identifier: MIT
"""People with streams at several servers, all in one thread (h2.py), who chat, play, come and go, and note what they are told.

What a viewer has sent and nobody has answered is sent again under the same id; whose server goes, goes on at another one.
Whatever a stream must never tell is a fault: a number of chat that is missing or comes twice, another text than others have
heard under this number, a playback state older than the last one. settled() compares all streams, all servers and the store.
"""
import collections
import concurrent.futures
import heapq
import itertools
import queue
import random
import threading
import time

from faults import DEADLINE, diag
from h2 import Connection, Loop

from client import Person, movie, pb, register
from cluster import Chats, until

MAY_PLAY = 0x70000001C17
TURN_S = 0.02
RETRY_S = 0.3
PATIENCE_S = 90  # for an answer to come, on a machine that has other things to do


class Viewer:
    """One user, in one room, at one server."""

    def __init__(self, crowd, number, user, room, home):
        self.crowd, self.number, self.user, self.room, self.home = crowd, number, user, room, home
        self.random = random.Random(f"{crowd.seed} {number}")
        self.here = False  # whether it wants to have a stream
        self.connection = self.call = None
        self.n_streams = 0
        self.forget_stream()
        self.n = 0
        self.saying = None  # the id of the chat that is not acknowledged yet
        self.said_before = False  # it was sent in an earlier stream, or was refused
        self.doing = None  # the call that is not answered yet
        self.since = 0  # when it began to say or to do it
        self.acknowledged = {}  # by the id of the chat: its number
        self.told = collections.Counter()  # of (user id, change of presence), since Crowd.forget_told()

    def forget_stream(self):
        self.snapshot = False
        self.seq = self.first_seq = None  # of the chat that was heard
        self.stored_seq = None  # of the chat that was stored at the beginning
        self.begins_somewhere = False  # that is not known to be the beginning
        self.state = (0, "")  # its version and node; (1, "") = nothing was played yet
        self.changes = []  # who has joined and left

    def fault(self, text):
        self.crowd.faults.append(f"viewer {self.number} at {self.home}: {text}")

    # ---- its stream ----

    def come(self):
        self.here = True
        self.since = time.monotonic()
        self.connect()

    def go(self):
        self.here = False
        self.disconnect()

    def address(self):
        """Of its server; if that does not run, of another one, where it is at home from now on. None = none runs."""
        if self.crowd.cluster.address(self.home) is None:
            self.home = self.random.choice(self.crowd.cluster.ids)
        return self.crowd.cluster.address(self.home)

    def connect(self):
        if not self.here or self.connection is not None:
            return
        self.connection = self.crowd.connection(self.address())
        if self.connection is None:
            self.crowd.later(RETRY_S, self.connect)
            return
        self.forget_stream()
        self.n_streams += 1
        self.call = self.connection.call("MessageStream", token=self.user.access_token, last=False,
                                         metadata=[("x-room-id", self.room.id)])
        self.call.on_message = self.on_message
        self.call.on_end = self.on_end
        if self.call.ended is not None:  # the connection has broken just now
            self.on_end(self.call, self.call.ended)

    def disconnect(self):
        connection, self.connection, self.call = self.connection, None, None
        self.said_before = self.saying is not None
        self.snapshot = False
        if connection is not None:
            connection.close()

    def on_end(self, call, why):
        if call is self.call:
            self.crowd.ends[why[:60]] += 1
            self.disconnect()
            self.crowd.later(RETRY_S * (1 + self.random.random()), self.connect)

    def on_message(self, call, data):
        if call is not self.call:
            return
        message = pb.ServerMessage.FromString(data)
        kind = message.WhichOneof("payload")
        if kind == "chat":
            self.hear(message.chat)
        elif kind == "room_state":
            self.see(message.room_state)
        elif kind == "member":
            self.meet(message.member)
        elif kind == "error" and message.error.in_reply_to == self.saying:
            self.crowd.refusals[message.error.code] += 1
            self.said_before = True
            self.crowd.later(RETRY_S, self.send)

    def see(self, state):
        if not self.snapshot:
            self.snapshot = True
            self.ask_what_is_stored()
        if state.version < self.state[0]:
            self.fault(f"the state {state.version} of {state.node_id} comes after {self.state}")
        self.state = state.version, state.node_id

    def ask_what_is_stored(self):
        """The first chat of a stream follows that. What was said in an earlier stream is said again afterwards, so that a
        chat which is stored already has a number that is known."""
        def know(answer):
            self.stored_seq = max((said.seq for said in answer.messages), default=0)
            self.begins_well()
            self.send()

        def again(_):
            self.crowd.later(RETRY_S, lambda: call is self.call and self.ask_what_is_stored())
        call = self.call
        self.crowd.ask(self.connection, self.user, "GetChatHistory", know, again, room_id=self.room.id, limit=1)

    def begins_well(self):
        if None not in (self.first_seq, self.stored_seq) and self.first_seq > self.stored_seq + 1 and not self.begins_somewhere:
            self.fault(f"its stream begins with chat {self.first_seq}, when {self.stored_seq} were stored")

    def hear(self, said):
        self.crowd.hear(self, said)
        own = said.client_message_id == self.saying
        known = self.stored_seq if self.seq is None else self.seq
        # The answer to a repetition is for its sender alone, whatever the stream has told until then.
        if own and self.said_before and known is not None and said.seq != known + 1:
            self.begins_somewhere = self.seq is None and said.seq > known
        else:
            if self.seq is None:
                self.first_seq = said.seq
                self.begins_well()
            elif said.seq != self.seq + 1:
                self.fault(f"chat {said.seq} comes after {self.seq}")
            self.seq = said.seq
        if own:
            self.acknowledged[self.saying] = said.seq
            self.saying = None
            self.crowd.note("chat", self.since)

    def meet(self, told):
        if told.change in (pb.MEMBER_CHANGE_ONLINE, pb.MEMBER_CHANGE_OFFLINE):
            self.told[told.member.user_id, told.change] += 1
        else:
            self.changes.append((told.member.user_id, told.change))

    # ---- what it does ----

    def say(self):
        if self.saying is None and self.call is not None and self.stored_seq is not None:
            self.n += 1
            self.saying, self.said_before, self.since = f"{self.number}-{self.n}", False, time.monotonic()
            self.send()

    def send(self):
        if self.saying is not None and self.call is not None and self.stored_seq is not None:
            self.call.send(pb.ClientMessage(message_id=self.saying, chat=pb.ChatMessage(content="said " + self.saying)))

    def play(self):
        if self.doing is not None or not self.snapshot:
            return

        def done(_):
            self.doing = None
            self.crowd.note("playback", self.since)

        def failed(why):
            self.doing = None
            self.crowd.refusals["playback: " + why[:60]] += 1
        self.doing, self.since = self.random.choice(("Seek", "Seek", "Play", "Pause")), time.monotonic()
        self.crowd.ask(self.connection, self.user, self.doing, done, failed, room_id=self.room.id,
                       position=self.random.randint(0, 3000))

    def insist(self, method, then):
        """JoinRoom or LeaveRoom, until it is done, on a connection of its own."""
        def again(why=""):
            close()
            if method == "LeaveRoom" and "not a member" in why:
                done(None)
            else:
                self.crowd.refusals[f"{method}: {why[:60]}"] += 1
                self.crowd.later(RETRY_S, lambda: self.insist(method, then))

        def done(_):
            self.doing = None
            self.crowd.note(method, self.since)
            self.crowd.later(0, close)
            then()

        def close():
            if connection is not None:
                connection.close()
        if self.doing is None:
            self.doing, self.since = method, time.monotonic()
        connection = self.crowd.connection(self.address())
        if connection is None:
            again()
        else:
            self.crowd.ask(connection, self.user, method, done, again, room_id=self.room.id)


class Crowd:
    """@groups    so many viewers in each room, at the servers in turn; the first one of each has made the room
    @pace_s    between two chats of a viewer; one in @players plays instead"""

    def __init__(self, cluster, n_rooms, per_room, seed, pace_s=2, players=5):
        self.cluster, self.seed, self.pace_s = cluster, seed, pace_s
        self.random = random.Random(seed)
        self.faults = []
        self.ends, self.refusals, self.done = collections.Counter(), collections.Counter(), collections.Counter()
        self.longest = collections.defaultdict(float)
        self.heard = {}  # (room id, number of chat): (message id, content, when first)
        self.latest_s = 0
        self.people = {}
        self.chats = self.plays = False
        self.loop = Loop()
        self.timers, self.timer_ids = [], itertools.count()
        self.todo = queue.Queue()
        self.over = False
        ids = cluster.ids
        users = self.register(n_rooms * per_room)
        self.rooms, self.viewers = [], []
        for i in range(n_rooms):
            owner, *others = users[i * per_room:(i + 1) * per_room]
            room = owner.CreateRoom(name=f"room {i}", settings={"default_member_permissions": MAY_PLAY}).room
            film = owner.AddMovie(room_id=room.id, movie=movie(name="first", duration=36000)).movie
            owner.SetCurrentMovie(room_id=room.id, movie_id=film.id)
            self.rooms.append(room)
            for number, user in enumerate([owner, *others]):
                if number:
                    user.JoinRoom(room_id=room.id)
                self.viewers.append(Viewer(self, len(self.viewers), user, room, ids[number % len(ids)]))
        for user in users:
            user.close()
        self.players = [viewer for viewer in self.viewers if viewer.number % players == 0]
        self.collected = Chats(cluster.store)
        self.thread = threading.Thread(target=self.main, daemon=True)
        self.thread.start()

    def register(self, n):
        servers = list(self.cluster.servers.values())
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            return list(pool.map(lambda i: register(servers[i % len(servers)], f"viewer{i}"), range(n)))

    # ---- its thread ----

    def main(self):
        while not self.over:
            self.loop.turn(TURN_S)
            now = time.monotonic()
            while self.timers and self.timers[0][0] <= now:
                heapq.heappop(self.timers)[2]()
            while not self.todo.empty():
                self.todo.get()()
        self.loop.close()

    def later(self, seconds, function):
        heapq.heappush(self.timers, (time.monotonic() + seconds, next(self.timer_ids), function))

    def do(self, function):
        """In the thread; returns what it returns."""
        end = concurrent.futures.Future()

        def run():
            try:
                end.set_result(function())
            except Exception as error:  # pylint: disable=broad-except
                end.set_exception(error)
        self.todo.put(run)
        return end.result(DEADLINE)

    def connection(self, address):
        """None = nobody is there."""
        try:
            return address and Connection(self.loop, address)
        except OSError:
            return None

    def ask(self, connection, user, method, done, failed, **fields):
        """Calls done(the answer) or failed(why)."""
        service = pb.DESCRIPTOR.services_by_name["ClientService"].methods_by_name[method]
        call = connection.call(method, getattr(pb, service.input_type.name)(**fields), user.access_token)
        answer = getattr(pb, service.output_type.name)
        call.on_message = lambda _, data: done(answer.FromString(data))
        # Texts that were sent before are numbers in HPACK, which h2.py does not look up.
        call.on_end = lambda _, why: failed(why or "refused as before") if why or not call.messages else None
        if call.ended is not None:  # the connection has broken just now
            failed(call.ended)

    def note(self, what, since):
        """Something was done that somebody has asked for then."""
        self.done[what] += 1
        self.longest[what] = max(self.longest[what], time.monotonic() - since)

    def hear(self, viewer, said):
        now = time.monotonic()
        key = viewer.room.id, said.seq
        known = self.heard.setdefault(key, (said.client_message_id, said.content, now))
        if known[:2] != (said.client_message_id, said.content):
            viewer.fault(f"chat {said.seq} is {said.client_message_id}, others have heard {known[0]}")
        if viewer.n_streams == 1:
            self.latest_s = max(self.latest_s, now - known[2])

    # ---- what it is told to do ----

    def everybody_comes(self):
        self.do(lambda: [viewer.come() for viewer in self.viewers])
        until(lambda: "" if all(viewer.state[0] > 1 for viewer in self.viewers) else "some see no movie",
              "all have streams", every=0.05)

    def goes_on(self):
        """Chats and plays until it stops()."""
        self.chats = self.plays = True

        def turn(viewer):
            if viewer in self.players:
                if self.plays:
                    viewer.play()
            elif self.chats:
                viewer.say()
            if self.chats:
                self.later(self.pace_s * 2 * viewer.random.random(), lambda: turn(viewer))
        self.do(lambda: [self.later(self.pace_s * viewer.random.random(), lambda viewer=viewer: turn(viewer))
                         for viewer in self.viewers])

    def stops_playing(self):
        self.plays = False
        self.nobody_waits(self.players)

    def plays_again(self):
        self.plays = True

    def stops(self):
        self.chats = self.plays = False
        self.nobody_waits(self.viewers)

    def nobody_waits(self, viewers):
        """But for those who have gone."""
        until(lambda: ", ".join(f"viewer {viewer.number} at {viewer.home} for {viewer.saying or viewer.doing}" for viewer in viewers
                                if viewer.here and viewer.saying or viewer.doing)[:500],
              "all have answers", timeout=PATIENCE_S, every=0.05)

    def wait_for(self, chats, seconds=0):
        """Until so many more chats are acknowledged, and so much time has passed."""
        enough, since = self.done["chat"] + chats, time.monotonic()
        while self.done["chat"] < enough or time.monotonic() < since + seconds:
            self.is_well()
            assert time.monotonic() < since + seconds + PATIENCE_S, f"{self.done} of {enough} chats; {self.refusals}"
            time.sleep(0.02)

    def is_well(self):
        assert not self.faults, f"{len(self.faults)} faults:\n" + "\n".join(self.faults[:10])
        for node_id, server in self.cluster.servers.items():
            assert server.process.poll() is None, f"{node_id} has ended: {server.stderr()[-3000:]}"

    def forget_told(self):
        def forget():
            for viewer in self.viewers:
                viewer.told.clear()
        self.do(forget)

    def announced(self, user_ids):
        """How often a stream was told most that one of these is there, or gone, since then; and by whom."""
        return max(((n, f"viewer {viewer.number} at {viewer.home} of {user_id}, {change}") for viewer in self.viewers
                    for (user_id, change), n in viewer.told.items() if user_id in user_ids), default=(0, ""))

    # ---- what is true in the end ----

    def one_state(self):
        """"" = all streams of a room have seen the same state last."""
        for room in self.rooms:
            states = {viewer.state for viewer in self.viewers if viewer.room is room and viewer.snapshot}
            if len(states) > 1:
                return f"{room.name}: {states}"
        return ""

    def newest(self):
        """The last number of chat in each room that somebody has heard."""
        newest = collections.defaultdict(int)
        for room_id, seq in list(self.heard):
            newest[room_id] = max(newest[room_id], seq)
        return newest

    def not_heard(self, newest):
        """"" = all who have heard any chat since they came have heard it up to that."""
        for viewer in self.viewers:
            if viewer.here and viewer.seq is not None and viewer.seq < newest[viewer.room.id]:
                return f"viewer {viewer.number} at {viewer.home} heard {viewer.seq} of {newest[viewer.room.id]} of {viewer.room.name}"
        return ""

    def look(self, there, room):
        info = there.GetRoomInfo(room_id=room.id)
        members, token = {}, ""
        while True:
            page = there.ListMembers(room_id=room.id, page_size=100, page_token=token)
            members.update({member.user_id: member.online for member in page.members})
            token = page.next_page_token
            if not token:
                break
        return {"state": (info.state.version, info.state.node_id, info.state.status, info.state.movie_id),
                "revision": info.room.revision, "member_count": info.room.member_count,
                "online_count": info.room.online_count, "members": set(members),
                "online": {user_id for user_id, online in members.items() if online}}

    def all_servers_agree(self, members_of=None):
        """"" = each server says the same of each room, and of who is there what is true.
        @members_of  the user ids of a room; None = all its viewers"""
        for room in self.rooms:
            inside = [viewer for viewer in self.viewers if viewer.room is room]
            wanted = {viewer.user.id for viewer in inside if viewer.here}
            members = members_of(room) if members_of else {viewer.user.id for viewer in inside}
            first = None
            for node_id in self.cluster.ids:
                seen = self.look(self.person(inside[0].user, node_id), room)
                first = first or seen
                if seen != first:
                    return f"{room.name}: {node_id} says {[(key, seen[key], first[key]) for key in seen if seen[key] != first[key]]}"[:1000]
                if seen["online"] != wanted or seen["online_count"] != len(wanted):
                    return (f"{room.name}: online at {node_id} are {seen['online_count']}, without {wanted - seen['online']},"
                            f" with {seen['online'] - wanted}")
                if seen["members"] != members or seen["member_count"] != len(members):
                    return (f"{room.name}: members at {node_id} are {seen['member_count']}, without {members - seen['members']},"
                            f" with {seen['members'] - members}")
        return ""

    def person(self, user, node_id):
        """The same user at a server."""
        key = user.id, self.cluster.address(node_id)
        if key not in self.people:
            self.people[key] = Person(key[1])
            self.people[key].access_token = user.access_token
        return self.people[key]

    def settled(self, members_of=None):
        """Everybody has stopped: waits until all that is right is so.
        @members_of  as above"""
        until(lambda: self.not_heard(self.newest()), "all streams have heard all chat")
        until(self.one_state, "all streams have one state")
        until(lambda: self.all_servers_agree(members_of), "all servers say the same, and what is true", every=0.5)
        by_id = self.collected.end()
        wrong = []
        for viewer in self.viewers:
            for message_id, seq in viewer.acknowledged.items():
                wanted = [(viewer.room.id, seq, "said " + message_id)]
                if by_id.get(message_id) != wanted:
                    wrong.append(f"{message_id} was acknowledged as {wanted} and is {by_id.get(message_id)}")
        wrong += [f"{message_id} is there {len(found)} times" for message_id, found in by_id.items() if len(found) > 1]
        stored = {(room_id, seq): message_id for message_id, found in by_id.items() for room_id, seq, _ in found}
        wrong += [f"heard of {key}, {said[0]}, and stored is {stored.get(key)}" for key, said in self.heard.items()
                  if stored.get(key) != said[0]]
        assert not wrong, f"{len(wrong)} are wrong:\n" + "\n".join(wrong[:10])
        self.is_well()
        self.tell()

    def tell(self):
        diag(f"{len(self.viewers)} viewers; done: {dict(self.done)}; refused: {dict(self.refusals)}; ends of streams: {dict(self.ends)};"
             f" longest waits: {', '.join(f'{what} {s:.1f} s' for what, s in self.longest.items())}")

    def end(self):
        self.over = True
        self.thread.join(DEADLINE)

# SPDX-License-Identifier: MIT
"""Many clients of several servers that share a database: each on a connection of its own, each writes, waits for the answer,
writes again; and what of it has to be there, may be there, and must not be there in the end.

A write that was acknowledged is stored. One that was refused, as with STORAGE_UNAVAILABLE, is not. Of one whose answer was lost
with the connection, or is OUTCOME_UNKNOWN, nobody knows: a chat message is then sent again under the same id, to any server.
A client whose server has gone goes to one that is there.
"""
import asyncio
import collections
import concurrent.futures
import functools
import random
import threading
import time

import grpc

from faults import DEADLINE, diag
from client import CHANNEL_OPTIONS, Failure, Person, client_pb2_grpc, movie, pb, register
from cluster import Chats, until

STORED, REFUSED, UNKNOWN = "stored", "refused", "unknown"
REFUSALS = {"STORAGE_UNAVAILABLE", "OVERLOADED"}
PLAYBACK = ("Play", "Pause", "Seek")
MOVIES_EACH = 8
N_USERS = 30
PAUSE_S = 0.05


@functools.lru_cache
def the_loop():
    """gRPC has one for all: with a second one it complains all the time."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


class Writer:
    """One client; what it does is step()."""

    def __init__(self, load, number, user, room):
        self.load = load
        self.number = number
        self.user = user
        self.room = room
        self.n = 0
        self.home = None  # the server it is at
        self.channel = self.stub = None
        self.at = None  # its address
        self.asked_at = None  # when it asked for what it waits for

    @property
    def metadata(self):
        return [("authorization", "Bearer " + self.user.access_token)]

    async def connect(self):
        """To any server that is there."""
        while self.channel is None:
            home = self.load.random.choice(self.load.cluster.ids)
            address = self.load.cluster.address(home)
            if address is None or self.load.ending:
                await asyncio.sleep(PAUSE_S)
                if self.load.ending:
                    return False
                continue
            self.home, self.at = home, address
            self.channel = grpc.aio.insecure_channel(address, CHANNEL_OPTIONS)
            self.stub = client_pb2_grpc.ClientServiceStub(self.channel)
        return True

    async def disconnect(self):
        channel, self.channel = self.channel, None
        if channel is not None:
            await channel.close()

    async def main(self):
        while not self.load.ending and await self.connect():
            if await self.step() == REFUSED:
                await asyncio.sleep(PAUSE_S)
            if self.load.pace_s:
                await asyncio.sleep(self.load.random.uniform(0, 2 * self.load.pace_s))
        await self.disconnect()

    async def ask(self, method, **fields):
        """(how it ended, the answer)."""
        service = pb.DESCRIPTOR.services_by_name["ClientService"].methods_by_name[method]
        self.asked_at = time.monotonic()
        home = self.home
        try:
            answer = await getattr(self.stub, method)(getattr(pb, service.input_type.name)(**fields), metadata=self.metadata)
            end = STORED
        except grpc.aio.AioRpcError as error:
            answer = Failure(error)
            end = self.load.judge(self, method, answer.code, answer.reason, answer.text)
            if not answer.reason:
                await self.disconnect()
        self.load.note(home, method, end, time.monotonic() - self.asked_at)
        self.asked_at = None
        return end, answer


class Movies(Writer):
    """Adds and removes movies in a room where others do the same."""

    def __init__(self, *args):
        super().__init__(*args)
        self.there = {}  # id: name
        self.perhaps = set()  # names that may have been added
        self.perhaps_gone = set()  # names that may have been removed
        self.not_there = set()  # names that must not be there

    async def step(self):
        self.n += 1
        if len(self.there) >= MOVIES_EACH or (self.there and self.load.random.random() < 0.3):
            movie_id = self.load.random.choice(list(self.there))
            end, _ = await self.ask("RemoveMovie", room_id=self.room.id, movie_id=movie_id)
            if end == STORED:
                self.not_there.add(self.there.pop(movie_id))
            elif end == UNKNOWN:
                self.perhaps_gone.add(self.there.pop(movie_id))
            return end
        name = f"movie {self.number}-{self.n}"
        end, answer = await self.ask("AddMovie", room_id=self.room.id, movie=movie(name=name))
        if end == STORED:
            self.there[answer.movie.id] = name
        else:
            (self.perhaps if end == UNKNOWN else self.not_there).add(name)
        return end

    def check(self, found):
        """@found  {room_id: [(id, name)]}"""
        names = collections.Counter(name for _, name in found[self.room.id] if name.startswith(f"movie {self.number}-"))
        ids = dict(found[self.room.id])
        for movie_id, name in self.there.items():
            if ids.get(movie_id) != name:
                yield f"{name!r} ({movie_id}) is lost"
        for name, n in names.items():
            if n > 1:
                yield f"{name!r} is there {n} times"
            if name in self.not_there:
                yield f"{name!r} is there, and was refused or removed"
            elif name not in self.perhaps | self.perhaps_gone and name not in self.there.values():
                yield f"{name!r} is there, and nobody has asked for it"


class Chat(Writer):
    def __init__(self, *args):
        super().__init__(*args)
        self.told = {}  # by the id of the message: seq
        self.perhaps, self.not_there = set(), set()
        self.again = None  # what is to be sent again
        self.call = self.reader = None
        self.answer = None  # to come

    async def connect(self):
        if self.channel is not None:
            return True
        if not await super().connect():
            return False
        self.call = self.stub.MessageStream(metadata=self.metadata + [("x-room-id", self.room.id)])
        self.reader = asyncio.ensure_future(self.read(self.call))
        return True

    async def disconnect(self):
        if self.call is not None:
            self.call.cancel()
            await asyncio.wait([self.reader])
            self.call = None
        await super().disconnect()

    async def read(self, call):
        """Until its end: None, or a Failure."""
        try:
            async for message in call:
                kind = message.WhichOneof("payload")
                if kind == "chat" and message.chat.client_message_id == self.again:
                    self.tell(message.chat)
                elif kind == "error" and message.error.in_reply_to == self.again:
                    self.tell(message.error)
        except grpc.aio.AioRpcError as error:
            self.tell(Failure(error))
        except asyncio.CancelledError:
            pass
        self.tell(None)

    def tell(self, answer):
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(answer)

    async def send(self):
        """What comes in answer: a chat message, an error message, a Failure, or None."""
        self.answer = asyncio.get_running_loop().create_future()
        if self.reader.done():
            return None
        try:
            await self.call.write(pb.ClientMessage(message_id=self.again, chat=pb.ChatMessage(content=self.again)))
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError, asyncio.CancelledError):
            pass  # its reader tells why
        return await self.answer

    def judge_chat(self, answer):
        if isinstance(answer, Failure) and answer.reason:
            return self.load.judge(self, "chat", answer.code, answer.reason, answer.text)
        if answer is None or isinstance(answer, Failure):
            return UNKNOWN
        if answer.DESCRIPTOR.name == "ErrorMessage":
            code = "UNKNOWN" if answer.code == "OUTCOME_UNKNOWN" else ""
            return self.load.judge(self, "chat", code, answer.code, answer.message)
        return STORED

    async def step(self):
        resent = self.again is not None
        if not resent:
            self.n += 1
            self.again = f"chat {self.number}-{self.n}"
        self.asked_at, home = time.monotonic(), self.home
        answer = await self.send()
        end = self.judge_chat(answer)
        self.load.note(home, "chat", end, time.monotonic() - self.asked_at)
        self.asked_at = None
        if end == STORED:
            self.told[self.again] = answer.seq
        elif end == UNKNOWN or resent:
            self.perhaps.add(self.again)
        else:
            self.not_there.add(self.again)
        if end != UNKNOWN:
            self.again = None
        if answer is None or isinstance(answer, Failure):
            await self.disconnect()
        return end

    def check(self, by_id):
        """@by_id  what Chats.end() has found"""
        for message_id, seq in self.told.items():
            if by_id.get(message_id) != [(self.room.id, seq, message_id)]:
                yield f"{message_id!r} was told with {seq} and is {by_id.get(message_id)}"
        for message_id in self.perhaps - self.told.keys():
            if len(by_id.get(message_id, ())) > 1:
                yield f"{message_id!r} is {by_id.get(message_id)}"
        for message_id in self.not_there & by_id.keys():
            yield f"{message_id!r} was refused and is {by_id[message_id]}"


class Door(Writer):
    """Joins and leaves, in turn."""
    inside = False  # None = unknown

    async def step(self):
        method = "LeaveRoom" if self.inside else "JoinRoom"
        end, _ = await self.ask(method, room_id=self.room.id)
        if end == STORED:
            self.inside = method == "JoinRoom"
        elif end == UNKNOWN:
            self.inside = None
        return end

    def check(self, members):
        """@members  {room_id: {user_id}}"""
        if self.inside is not None and (self.user.id in members[self.room.id]) != self.inside:
            yield f"{self.user.name} is {'not ' if self.inside else ''}in {self.room.name!r}"


class Player(Writer):
    """Of playback a kill may lose the last moments; that all say the same in the end is looked at in the end."""

    async def step(self):
        self.n += 1
        what = self.load.random.choice(("Seek", "Seek", "Play", "Pause"))
        end, _ = await self.ask(what, room_id=self.room.id, position=self.load.random.randint(0, 3000))
        return end


class Load:
    """@kinds  how many of each: {"movies": 90, "chats": 120, "doors": 60, "players": 30}"""

    def __init__(self, cluster, kinds, seed, n_rooms=30, pace_s=0):
        self.cluster, self.random, self.pace_s = cluster, random.Random(seed), pace_s
        self.ending = False
        self.counts = collections.Counter()  # of (what, how it ended)
        self.slowest = {}  # by server, and whether it was playback: the longest wait since this was cleared
        self.reasons = collections.Counter()
        self.failures = []
        server = next(iter(cluster.servers.values()))
        self.users = [register(server, f"user{i}") for i in range(N_USERS)]
        self.rooms, self.doors, self.first_movies = [], [], {}
        for i in range(n_rooms):
            owner = self.users[i % N_USERS]
            self.rooms.append(owner.CreateRoom(name=f"room {i}").room)
            self.doors.append(owner.CreateRoom(name=f"door {i}").room)
            film = owner.AddMovie(room_id=self.rooms[i].id, movie=movie(name="first", duration=36000)).movie
            owner.SetCurrentMovie(room_id=self.rooms[i].id, movie_id=film.id)
        for user in self.users:
            for i, room in enumerate(self.rooms):
                if user is not self.users[i % N_USERS]:
                    user.JoinRoom(room_id=room.id)
        self.movies = self.make(Movies, kinds.get("movies", 0), self.rooms)
        self.chats = self.make(Chat, kinds.get("chats", 0), self.rooms)
        self.players = self.make(Player, kinds.get("players", 0), self.rooms)
        # One for each pair of a user and a room that is not the user's.
        pairs = [(user, room) for step in range(1, N_USERS) for i, room in enumerate(self.doors)
                 for user in [self.users[(i + step) % N_USERS]]][:kinds.get("doors", 0)]
        self.door_users = [Door(self, number, user, room) for number, (user, room) in enumerate(pairs)]
        self.writers = self.movies + self.chats + self.players + self.door_users
        for user in self.users:
            user.close()
        self.collected = Chats(cluster.store)
        self.started = time.monotonic()
        self.over = asyncio.run_coroutine_threadsafe(self.main(), the_loop())

    def make(self, kind, n, rooms):
        n_rooms = len(rooms)
        return [kind(self, i, self.users[i % n_rooms % N_USERS] if kind is Player else self.users[i % N_USERS],
                     rooms[i % n_rooms]) for i in range(n)]

    async def main(self):
        for writer, end in zip(self.writers, await asyncio.gather(*(writer.main() for writer in self.writers),
                                                                  return_exceptions=True)):
            if end is not None:
                self.failures.append(f"{type(writer).__name__} {writer.number}: {end!r}")

    def judge(self, writer, method, code, reason, text):
        """How a write ended that was not acknowledged."""
        self.reasons[method, code, reason or text] += 1
        if not reason:
            return UNKNOWN
        if reason == "OUTCOME_UNKNOWN":
            if code != "UNKNOWN":
                self.failures.append(f"{method}: {code}/{reason}")
            return UNKNOWN
        if reason not in REFUSALS:
            self.failures.append(f"{method} of {type(writer).__name__} {writer.number} at {writer.home}: {code}/{reason}: {text}")
        return REFUSED

    def note(self, home, method, end, took):
        self.counts[method, end] += 1
        key = home, method in PLAYBACK
        self.slowest[key] = max(self.slowest.get(key, 0), took)

    def n(self, end):
        """How many of what is stored at once, as playback is not."""
        return sum(n for (what, how), n in list(self.counts.items()) if how == end and what not in PLAYBACK)

    def n_playback(self):
        return sum(self.counts[what, STORED] for what in PLAYBACK)

    def n_told_as_unknown(self):
        return sum(n for (_, _, reason), n in list(self.reasons.items()) if reason == "OUTCOME_UNKNOWN")

    def wait_for(self, more, timeout=10 * DEADLINE):
        """Until so many more writes are acknowledged."""
        until_n, deadline = self.n(STORED) + more, time.monotonic() + timeout
        while self.n(STORED) < until_n:
            self.is_well()
            assert time.monotonic() < deadline, f"{self.n(STORED)} of {until_n} acknowledged; {self.reasons}"
            time.sleep(0.01)

    def longest_wait(self, home, playback):
        """Of clients of this server, for a write or for playback, until now; seconds."""
        now = time.monotonic()
        return max([self.slowest.get((home, playback), 0)] + [
            now - asked for writer in self.writers
            if writer.home == home and isinstance(writer, Player) == playback and (asked := writer.asked_at) is not None])

    def is_well(self):
        assert not self.failures, "\n".join(self.failures[:5])

    def end(self):
        """All stop after what they do, and what is stored is looked at: through each server, and in the database."""
        self.ending = True
        concurrent.futures.wait([self.over], 10 * DEADLINE)
        assert self.over.done(), "clients wait for answers that do not come"
        took = time.monotonic() - self.started
        self.tell(took)
        self.is_well()
        wrong = []
        by_id = self.collected.end()
        for writer in self.chats:
            wrong += writer.check(by_id)
        assert all(len(found) == 1 for message_id, found in by_id.items() if message_id), "a chat is there twice"
        movies, members = self.look_everywhere()
        for writer in self.movies:
            wrong += writer.check(movies)
        for writer in self.door_users:
            wrong += writer.check(members)
        assert not wrong, f"{len(wrong)} are wrong:\n" + "\n".join(wrong[:10])

    def tell(self, took):
        diag(f"{len(self.writers)} clients, {took:.0f} s: {self.n(STORED)} acknowledged ({self.n(STORED) / took:.0f}/s), "
             f"{self.n(REFUSED)} refused, {self.n(UNKNOWN)} unknown, {self.n_told_as_unknown()} of them OUTCOME_UNKNOWN")
        for key, n in sorted(self.counts.items()):
            diag(f"  {' '.join(key)}: {n}")

    def look_everywhere(self):
        """Until all servers say the same; what they say of movies and members."""
        people = {}
        for node_id in self.cluster.ids:
            for user in self.users:
                there = people[node_id, user.id] = Person(self.cluster.address(node_id))
                there.access_token = user.access_token
        seen = {}

        def differs():
            for i, (room, door) in enumerate(zip(self.rooms, self.doors)):
                looks = {}
                for node_id in self.cluster.ids:
                    owner = people[node_id, self.users[i % N_USERS].id]
                    listed = owner.GetMovieList(room_id=room.id, page_size=1000)
                    info = owner.GetRoomInfo(room_id=room.id)
                    looks[node_id] = (
                        [(entry.id, entry.name, entry.position) for entry in listed.movies], listed.current_movie_id,
                        {member.user_id for member in owner.ListMembers(room_id=door.id, page_size=100).members},
                        [(said.seq, said.client_message_id, said.content)
                         for said in owner.GetChatHistory(room_id=room.id, limit=100).messages],
                        (info.state.version, info.state.status, info.state.movie_id, info.room.member_count))
                seen[i] = looks[self.cluster.ids[0]]
                for node_id, look in looks.items():
                    for one, other in zip(seen[i], look):
                        if one != other:
                            return f"{room.name}: {self.cluster.ids[0]} says {str(one)[:300]}, {node_id} {str(other)[:300]}"
            return ""

        until(differs, "all servers say the same")
        for there in people.values():
            there.close()
        for entries, *_ in seen.values():
            assert [position for _, _, position in entries] == list(range(len(entries))), "places are wrong"
            assert "first" in [name for _, name, _ in entries]
        return ({room.id: [entry[:2] for entry in seen[i][0]] for i, room in enumerate(self.rooms)},
                {door.id: seen[i][2] for i, door in enumerate(self.doors)})

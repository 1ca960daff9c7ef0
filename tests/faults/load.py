# SPDX-License-Identifier: MIT
"""200 clients that write, each on a connection of its own, and what has to be there afterwards.

A writer asks for one change, waits for the answer, asks for the next. When the server goes, it knows what it was told is
done (that has to be there) and what it had asked for last (that may be there). check() looks, through a server that runs
again, and takes over what it finds.
"""
import random
import time

from faults import DEADLINE, PASSWORD, diag
from h2 import Connection, Loop

from client import Person, login, models, movie, pb, register

N_USERS, N_ROOMS, MOVIES_EACH = 25, 10, 40


class Writer:
    def __init__(self, load, user):
        self.load = load
        self.user = user
        self.n = 0
        self.asked = None  # what an answer is still to come for
        self.asked_at = 0

    def connect(self):
        self.connection = Connection(self.load.loop, self.load.server.address)

    def start(self):
        self.step()

    def ask(self, method, done, token=True, **fields):
        self.asked_at = time.monotonic()
        service = pb.DESCRIPTOR.services_by_name["ClientService"].methods_by_name[method]
        call = self.connection.call(method, getattr(pb, service.input_type.name)(**fields),
                                    self.user.access_token if token else "")
        answer = getattr(pb, service.output_type.name)

        def on_message(_, data):
            done(answer.FromString(data))
            self.acknowledged()
            self.step()

        call.on_message = on_message
        call.on_end = self.on_end

    def acknowledged(self):
        self.asked = None
        self.load.acknowledged += 1
        self.load.slowest = max(self.load.slowest, self.waits())

    def waits(self):
        """For the answer to what it has asked for last; seconds."""
        return time.monotonic() - self.asked_at

    def on_end(self, _, why):
        if why and not self.load.ending:
            self.load.failures.append(f"{type(self).__name__}: {why}")


class Movies(Writer):
    """Adds, renames and removes movies in a room where others do the same."""

    def __init__(self, load, user, room):
        super().__init__(load, user)
        self.room = room
        self.there = {}  # id: name

    def step(self):
        self.n += 1
        what = self.load.random.random()
        name = f"{id(self):x} {self.n}"
        if len(self.there) >= MOVIES_EACH or (self.there and what < 0.15):
            movie_id = self.load.random.choice(list(self.there))
            self.asked = ("remove", movie_id, None)
            self.ask("RemoveMovie", lambda _: self.there.pop(movie_id), room_id=self.room.id, movie_id=movie_id)
        elif self.there and what < 0.3:
            movie_id = self.load.random.choice(list(self.there))
            self.asked = ("update", movie_id, name)
            self.ask("UpdateMovie", lambda _: self.there.update({movie_id: name}), room_id=self.room.id,
                     fields=["name"], movie=models.Movie(id=movie_id, name=name))
        else:
            self.asked = ("add", None, name)
            self.ask("AddMovie", lambda answer: self.there.update({answer.movie.id: name}), room_id=self.room.id,
                     movie=movie(name=name))

    def check(self, found):
        """@found  {id: name} of the room; what is ours is taken out."""
        what, asked_id, asked_name = self.asked or (None, None, None)
        for movie_id, name in list(self.there.items()):
            name_there = found.pop(movie_id, None)
            if name_there is None and (what, asked_id) == ("remove", movie_id):
                del self.there[movie_id]
            elif name_there == asked_name and (what, asked_id) == ("update", movie_id):
                self.there[movie_id] = asked_name
            elif name_there != name:
                self.load.lost.append(f"movie {movie_id} {name!r} is {name_there!r}, asked {self.asked}")
        for movie_id in [key for key, name in found.items() if what == "add" and name == asked_name]:
            self.there[movie_id] = found.pop(movie_id)


class Chat(Writer):
    def __init__(self, load, user, room):
        super().__init__(load, user)
        self.room = room
        self.told = {}  # message_id as sent: (seq, content)

    def start(self):
        self.told = {}
        self.call = self.connection.call("MessageStream", token=self.user.access_token,
                                         metadata=[("x-room-id", self.room.id)], last=False)
        self.call.on_message = self.on_message
        self.call.on_end = self.on_end

    def step(self):
        self.n += 1
        self.asked = f"{id(self):x}-{self.n}"
        self.asked_at = time.monotonic()
        self.call.send(pb.ClientMessage(message_id=self.asked, chat=pb.ChatMessage(content=f"hello {self.n}")))

    def on_message(self, call, data):
        if self.asked is None and call.messages == 1:
            self.step()
        elif self.asked is None or self.asked.encode() not in data:
            return  # most is not for us: not parsed
        else:
            message = pb.ServerMessage.FromString(data)
            if message.chat.client_message_id == self.asked:
                self.told[self.asked] = (message.chat.seq, message.chat.content)
                self.acknowledged()
                self.step()

    def check(self, found, oldest):
        """@found  {client_message_id: (seq, content)}, of the newest messages from the number `oldest` on"""
        for message_id, told in self.told.items():
            if told[0] >= oldest and found.get(message_id) != told:
                self.load.lost.append(f"chat {message_id} {told} is {found.get(message_id)}")


class Door(Writer):
    """Joins and leaves, in turn."""

    def __init__(self, load, user, room):
        super().__init__(load, user)
        self.room = room
        self.inside = False

    def step(self):
        self.asked = not self.inside

        def done(_):
            self.inside = not self.inside
        self.ask("LeaveRoom" if self.inside else "JoinRoom", done, room_id=self.room.id)

    def check(self, members):
        there = self.user.id in members
        if there not in (self.inside, self.asked):
            self.load.lost.append(f"member {self.user.name} {self.inside}, asked {self.asked}, is {there}")
        self.inside = there


class Description(Writer):
    """Of a room that only this one changes."""

    def __init__(self, load, user, room):
        super().__init__(load, user)
        self.room = room
        self.told = ""

    def step(self):
        self.n += 1
        self.asked = f"description {self.n}"
        self.ask("UpdateRoom", lambda answer: setattr(self, "told", answer.room.description), room_id=self.room.id,
                 fields=["description"], room=models.Room(description=self.asked))

    def check(self, info):
        if info.room.description not in (self.told, self.asked):
            self.load.lost.append(f"{self.told!r}, asked {self.asked!r}, is {info.room.description!r}")
        self.told = info.room.description


class Session(Writer):
    """Its refresh token changes with every use."""

    def step(self):
        self.asked = True
        self.ask("RefreshToken", self.user.take, token=False, refresh_token=self.user.refresh_token)

    def check(self):
        self.user.channel.close()
        user = Person(self.load.server.address)
        user.name, user.id = self.user.name, self.user.id
        user.take(user.RefreshToken(refresh_token=self.user.refresh_token))
        self.user = user


class Seek(Writer):
    """Of playback a kill may lose the last moments, no more than a second where writes are quick; versions only grow."""

    def __init__(self, load, user, room):
        super().__init__(load, user)
        self.room = room
        self.told = []  # (when, position, version)

    def step(self):
        self.n += 1
        self.ask("Seek", lambda answer: self.told.append((time.monotonic(), answer.state.current_time,
                                                          answer.state.version)),
                 room_id=self.room.id, position=self.n % 3600)

    def check(self, info):
        sure = [told for told in self.told if told[0] < self.load.sure_until]
        if sure and info.state.version < sure[-1][2]:
            self.load.lost.append(f"state {sure[-1]} is older: {info.state}")
        if any(version == info.state.version and position != info.state.current_time
               for _, position, version in self.told):
            self.load.lost.append(f"state {info.state} is not what was told")
        state = self.user.Seek(room_id=self.room.id, position=0).state
        if self.told and state.version <= self.told[-1][2]:
            self.load.lost.append(f"version {state.version} after {self.told[-1]}")
        self.told = []


class Load:
    def __init__(self, server, seed):
        self.random = random.Random(seed)
        self.server = server
        self.lost = []
        self.failures = []
        self.acknowledged = self.total = 0
        self.ending = False
        self.users = [register(server, f"user{i}") for i in range(N_USERS)]
        owners = self.users[:N_ROOMS]
        self.rooms = [owner.CreateRoom(name=f"room {owner.name}").room for owner in owners]
        self.doors = [owner.CreateRoom(name=f"door {owner.name}").room for owner in owners]
        for owner, room in zip(owners, self.rooms):
            added = owner.AddMovie(room_id=room.id, movie=movie(duration=3600)).movie
            owner.SetCurrentMovie(room_id=room.id, movie_id=added.id)
        self.first_movies = {room.id: owner.GetMovieList(room_id=room.id).current_movie_id
                             for owner, room in zip(owners, self.rooms)}
        self.chat_checked = dict.fromkeys((room.id for room in self.rooms), 0)
        users, rooms = self.users, self.rooms
        self.movies = [Movies(self, users[i % N_USERS], rooms[i % N_ROOMS]) for i in range(80)]
        self.chats = [Chat(self, users[i % N_USERS], rooms[i % N_ROOMS]) for i in range(50)]
        strangers = users[N_ROOMS:]
        self.door_users = [Door(self, strangers[i % len(strangers)], self.doors[(i + i // 30) % N_ROOMS])
                           for i in range(40)]
        self.descriptions = [Description(self, owners[i], self.doors[i]) for i in range(N_ROOMS)]
        self.sessions = [Session(self, login(server, f"user{i}")) for i in range(10)]
        self.seeks = [Seek(self, owners[i], rooms[i]) for i in range(N_ROOMS)]
        for user, room_id in {(writer.user, writer.room.id) for writer in self.movies + self.chats}:
            user.JoinRoom(room_id=room_id)
        self.writers = (self.movies + self.chats + self.door_users + self.descriptions + self.sessions + self.seeks)

    def run(self, server, enough, end):
        """Writes until so many changes are acknowledged, then calls end(), and reads what still comes."""
        self.server = server
        self.loop = Loop()
        self.acknowledged, self.failures, self.ending, self.slowest = 0, [], False, 0
        for writer in self.writers:
            writer.asked, writer.asked_at = None, time.monotonic()
            writer.connect()
        for writer in self.writers:
            writer.start()
        self.loop.run_until(lambda: self.acknowledged >= enough or self.failures,
                            lambda: f"{self.acknowledged} of {enough} acknowledged", DEADLINE)
        assert not self.failures, self.failures[:5]
        self.ending = True
        slowest = max(self.slowest, *(writer.waits() for writer in self.writers))
        self.sure_until = time.monotonic() - 1 - 2 * slowest
        end()
        self.loop.run_until(lambda: not self.loop.connections, "the end of all connections", DEADLINE)
        self.total += self.acknowledged
        self.loop.close()

    def check(self, server):
        """Whether all is there. Returns how long it took."""
        self.server = server
        started = time.monotonic()
        for user in self.users:
            user.close()
            tokens = user.access_token, user.refresh_token
            name, user_id = user.name, user.id
            user.__init__(server.address)
            user.access_token, user.refresh_token = tokens
            user.name, user.id = name, user_id
        for owner, room, door in zip(self.users, self.rooms, self.doors):
            self.check_movies(owner, room)
            self.check_chat(owner, room)
            members = {member.user_id for member in owner.ListMembers(room_id=door.id, page_size=100).members}
            for writer in self.door_users:
                if writer.room is door:
                    writer.check(members)
        for writer in self.descriptions + self.seeks:
            writer.check(writer.user.GetRoomInfo(room_id=writer.room.id))
        for writer in self.sessions:
            writer.check()
        assert not self.lost, f"{len(self.lost)} acknowledged writes are lost:\n" + "\n".join(self.lost[:20])
        return time.monotonic() - started

    def check_movies(self, owner, room):
        answer = owner.GetMovieList(room_id=room.id, page_size=1000)
        assert not answer.next_page_token and answer.total == len(answer.movies), answer.total
        found = {entry.id: entry.name for entry in answer.movies}
        assert len(found) == len(answer.movies), "a movie is there twice"
        assert [entry.position for entry in answer.movies] == list(range(len(found))), "places are wrong"
        if found.pop(self.first_movies[room.id], None) is None:
            self.lost.append(f"the first movie of {room.id}")
        for writer in self.movies:
            if writer.room is room:
                writer.check(found)
        assert not found, f"nobody has asked for these movies: {found}"

    def check_chat(self, owner, room):
        found, before, since = {}, 0, self.chat_checked[room.id]
        while True:
            page = owner.GetChatHistory(room_id=room.id, before_seq=before, after_seq=since, limit=100).messages
            for message in page:
                found[message.client_message_id] = (message.seq, message.content)
            if len(page) < 100:
                break
            before = page[-1].seq
        assert len(found) == len({seq for seq, _ in found.values()}), "a chat is there twice"
        newest = max((seq for seq, _ in found.values()), default=since)
        for writer in self.chats:
            if writer.room is room:
                writer.check(found, max(since + 1, newest - 499))
        self.chat_checked[room.id] = newest


def tell(load, rounds, seconds):
    diag(f"{rounds} rounds, {load.total} acknowledged writes, {len(load.lost)} lost, {seconds:.0f} s")

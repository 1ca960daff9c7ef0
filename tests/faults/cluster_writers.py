# SPDX-License-Identifier: MIT
"""The clients of cluster_load.py: each writes, waits for the answer, writes again, and knows what of it has to be there, may be
there, and must not be there in the end.

A write that was acknowledged is stored. One that was refused, as with STORAGE_UNAVAILABLE, is not. Of one whose answer was lost
with the connection, or is OUTCOME_UNKNOWN, nobody knows: a chat message is then sent again under the same id, to any server.
A client whose server has gone goes to one that is there.
"""
import asyncio
import collections
import time

import grpc

from client import CHANNEL_OPTIONS, Failure, client_pb2_grpc, movie, pb

STORED, REFUSED, UNKNOWN = "stored", "refused", "unknown"
MOVIES_EACH = 8
PAUSE_S = 0.05


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
        return self.metadata_of(self.user)

    @staticmethod
    def metadata_of(user):
        return [("authorization", "Bearer " + user.access_token)]

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

    async def ask(self, method, by=None, **fields):
        """(how it ended, the answer). @by  another user than its own"""
        service = pb.DESCRIPTOR.services_by_name["ClientService"].methods_by_name[method]
        self.asked_at = time.monotonic()
        home = self.home
        try:
            answer = await getattr(self.stub, method)(getattr(pb, service.input_type.name)(**fields),
                                                      metadata=self.metadata_of(by or self.user))
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


class Manager(Writer):
    """The owner of a room, who has a guest of its own in it, and does what changes users and rooms together."""
    guest = None
    made = None  # a room

    async def step(self):
        guest, room_id = {"user_id": self.guest.id}, self.room.id
        steps = (("JoinRoom", {"by": self.guest, "room_id": room_id}),
                 ("SetMemberRole", {**guest, "room_id": room_id, "role": "ROOM_ROLE_ADMIN"}),
                 ("CreateRoom", {"name": f"of {self.number}"}),
                 ("UpdateRoom", {"room_id": room_id, "fields": ["description"], "room": {"description": str(self.n)}}),
                 ("RefreshToken", {"refresh_token": self.guest.refresh_token}),
                 ("BanMember", {**guest, "room_id": room_id}),
                 ("DeleteRoom", {"room_id": self.made}),
                 ("UnbanMember", {**guest, "room_id": room_id}))
        method, fields = steps[self.n % len(steps)]
        self.n += 1
        end, answer = await self.ask(method, **fields)
        if end == STORED and method == "CreateRoom":
            self.made = answer.room.id
        elif end == STORED and method == "RefreshToken":
            self.guest.take(answer)
        return end

# SPDX-License-Identifier: MIT
"""Many clients (cluster_writers.py) of several servers that share a database, and a look at what is stored in the end: in the
database, and as each server says."""
import asyncio
import collections
import concurrent.futures
import functools
import random
import threading
import time

from faults import DEADLINE, diag, eventually
from client import Person, movie, register
from cluster import Chats, until
from cluster_writers import REFUSED, STORED, UNKNOWN, Chat, Door, Manager, Movies, Player

REFUSALS = {"STORAGE_UNAVAILABLE", "OVERLOADED"}
PLAYBACK = ("Play", "Pause", "Seek")
N_USERS = 30


def eventually_everywhere(cluster, person, look):
    """Until look(the same person there) is true at each server."""
    for node_id in cluster.servers:
        there = Person(cluster.address(node_id))
        there.access_token = person.access_token
        eventually(functools.partial(look, there), f"{node_id} says so", every=0.05)
        there.close()


@functools.lru_cache
def the_loop():
    """gRPC has one for all: with a second one it complains all the time."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


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
        self.rooms, self.doors = [], []
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
        for i, room in enumerate(self.rooms):
            eventually_everywhere(cluster, self.users[i % N_USERS], lambda there, room_id=room.id: (
                (info := there.GetRoomInfo(room_id=room_id)).state.movie_id and info.room.member_count == N_USERS))
        self.movies = self.make(Movies, kinds.get("movies", 0), self.rooms)
        self.chats = self.make(Chat, kinds.get("chats", 0), self.rooms)
        self.players = self.make(Player, kinds.get("players", 0), self.rooms)
        # One for each pair of a user and a room that is not the user's.
        pairs = [(user, room) for step in range(1, N_USERS) for i, room in enumerate(self.doors)
                 for user in [self.users[(i + step) % N_USERS]]][:kinds.get("doors", 0)]
        self.door_users = [Door(self, number, user, room) for number, (user, room) in enumerate(pairs)]
        self.managers = self.make(Manager, kinds.get("managers", 0), self.rooms)
        for manager in self.managers:
            manager.guest = register(server, f"guest{manager.number}")
        self.writers = self.movies + self.chats + self.players + self.door_users + self.managers
        for user in self.users:
            user.close()
        self.collected = Chats(cluster.store)
        self.started = time.monotonic()
        self.over = asyncio.run_coroutine_threadsafe(self.main(), the_loop())

    def make(self, kind, n, rooms):
        n_rooms = len(rooms)
        return [kind(self, i, self.users[i % n_rooms % N_USERS] if kind in (Player, Manager) else self.users[i % N_USERS],
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

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stopping, kill -9 and starting again: what was acknowledged stays."""
import random
import signal
import threading
import time

import grpc

from harness import NO_LIMITS, PASSWORD, Server, diag, equal, run, temp_path, test
from client import Failure, Person, chat, fails, login, models, movie, pb, register

from health_v1 import health_pb2, health_pb2_grpc

NO_LIMITS["limits"]["movies_per_room"] = 10_000
ROUNDS = 20


def start(db, **kwargs):
    return Server(db=db, config=NO_LIMITS, **kwargs)


def back(server, person):
    """The same person, with the tokens of before."""
    again = Person(server.address)
    again.id, again.name = person.id, person.name
    again.access_token, again.refresh_token = person.access_token, person.refresh_token
    return again


def sure_version(state):
    """More than one change a millisecond runs ahead of the clock: a crash may take that back."""
    return min(state.version, state.updated_at)


class Busy:
    """Writes as fast as it can, in several threads, and notes what was acknowledged. Playback, which is not stored at
    once, does not count."""

    def __init__(self, person, room_id, film_id, round_number):
        self.person, self.room_id, self.film_id, self.round = person, room_id, film_id, round_number
        self.chats, self.movies, self.version = [], [], 0
        self.acknowledged = threading.Semaphore(0)
        self.threads = [threading.Thread(target=self._until_it_fails, args=(work,), daemon=True)
                        for work in (self._chat, self._add_movies, self._play)]
        for thread in self.threads:
            thread.start()

    def _until_it_fails(self, work):
        try:
            work()
        except (grpc.RpcError, AssertionError):
            pass  # the server is gone

    def _chat(self):
        stream = self.person.stream(self.room_id)
        for i in range(100_000):
            name = f"{self.round}-{i}"
            stream.send(message_id=name, chat=chat(name))
            if i >= 8:  # so many are under way
                self.chats.append(stream.expect("chat").client_message_id)
                self.acknowledged.release()

    def _add_movies(self):
        for i in range(100_000):
            self.movies.append(self.person.AddMovie(room_id=self.room_id, movie=movie(f"{self.round}-{i}")).movie.id)
            self.acknowledged.release()

    def _play(self):
        for i in range(100_000):
            state = self.person.Seek(room_id=self.room_id, position=i % 500).state
            self.version = max(self.version, sure_version(state))

    def join(self):
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive(), "a call goes on after the server is gone"


@test(f"kill -9, {ROUNDS} times: all that was acknowledged is there, and nobody has to sign in again")
def _():
    db = "sqlite:" + temp_path("synctv.db")
    server = start(db)
    person = register(server, "alice")
    room = person.CreateRoom(name="Movie night").room
    film = person.AddMovie(room_id=room.id, movie=movie()).movie
    person.SetCurrentMovie(room_id=room.id, movie_id=film.id, autoplay=True)
    server.stop()  # of playback the last quarter of a second may be lost; this is not to be it
    server = start(db)
    person = back(server, person)
    movies, version, node_id, total, ready_ms = {film.id}, 0, server.node_id, 0, []
    chance = random.Random(4711)
    for number in range(ROUNDS):
        busy = Busy(person, room.id, film.id, number)
        for _ in range(chance.randrange(5, 150)):
            assert busy.acknowledged.acquire(timeout=30), "nothing is acknowledged any more"
        server.kill()
        busy.join()
        movies.update(busy.movies)
        version = max(version, busy.version)
        total += len(busy.chats) + len(busy.movies)

        server = start(db)
        ready_ms.append(server.start_ms)
        equal(server.node_id, node_id)
        person = back(server, person)
        kept, before = set(), 0
        while True:
            page = person.GetChatHistory(room_id=room.id, before_seq=before, limit=100).messages
            kept.update(m.client_message_id for m in page)
            if len(page) < 100:
                break
            before = page[-1].seq
        missing = [name for name in busy.chats[-400:] if name not in kept]
        assert not missing, f"round {number}: chat lost: {missing}"
        listed, token = [], ""
        while True:
            page = person.GetMovieList(room_id=room.id, page_size=1000, page_token=token)
            listed += [m.id for m in page.movies]
            token = page.next_page_token
            if not token:
                break
        missing = movies - set(listed)
        assert not missing, f"round {number}: movies lost: {missing}"
        equal(len(listed), len(set(listed)))
        state = person.Pause(room_id=room.id).state
        assert state.version > version, f"round {number}: version {state.version} after {version}"
        equal(state.movie_id, film.id)
        version = sure_version(state)
        if number % 5 == 0:
            person.take(person.RefreshToken(refresh_token=person.refresh_token))
    server.stop()
    diag(f"{total} acknowledged writes; ready after {min(ready_ms):.0f} to {max(ready_ms):.0f} ms")
    assert total > ROUNDS * 3, total


@test("an orderly stop keeps even the last playback state, and the same address can be taken again")
def _():
    db = "sqlite:" + temp_path("synctv.db")
    server = start(db)
    person = register(server, "alice")
    other = register(server, "bob")
    room = person.CreateRoom(name="room", settings=models.RoomSettings(hidden=True)).room
    other.JoinRoom(room_id=room.id)
    film = person.AddMovie(room_id=room.id, movie=movie()).movie
    person.SetCurrentMovie(room_id=room.id, movie_id=film.id)
    state = person.Pause(room_id=room.id, position=123.456).state
    server.stop()
    server = start(db, listen=server.address)
    person = back(server, person)
    after = person.GetRoomInfo(room_id=room.id)
    equal((after.state.version, after.state.current_time, after.state.movie_id, after.state.node_id),
          (state.version, 123.456, film.id, state.node_id))
    equal((after.room.name, after.room.settings.hidden, after.room.member_count), ("room", True, 2))
    equal([m.online for m in after.members], [False, False])
    assert person.Play(room_id=room.id, expected_version=state.version).state.version > state.version
    login(server, "bob").Logout()
    server.stop()
    server = start(db)
    back(server, other).GetProfile()
    server.stop()


@test("a session that was ended stays ended, and a refresh token that was used up stays so")
def _():
    db = "sqlite:" + temp_path("synctv.db")
    server = start(db)
    person = register(server, "alice")
    old = person.refresh_token
    for _ in range(2):
        person.take(person.RefreshToken(refresh_token=person.refresh_token))
    gone = login(server, "alice")
    gone.Logout()
    server.kill()
    with start(db) as server:
        fails("UNAUTHENTICATED", "SESSION_ENDED", back(server, gone).GetProfile)
        back(server, person).GetProfile()
        fails("UNAUTHENTICATED", "SESSION_ENDED", back(server, person).RefreshToken, refresh_token=old)
        fails("UNAUTHENTICATED", "SESSION_ENDED", back(server, person).GetProfile)


def stop_under_load(signum):
    server = start("sqlite:" + temp_path("synctv.db"))
    person = register(server, "alice")
    room = person.CreateRoom(name="room").room
    bound, unbound = person.stream(room.id), person.stream()
    for stream in (bound, unbound):
        stream.expect("room_state")
    health = health_pb2_grpc.HealthStub(grpc.insecure_channel(server.address))
    watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=30)
    equal(next(watch).status, health_pb2.HealthCheckResponse.SERVING)
    bound.send(message_id="last words", chat=chat("last words"))
    bound.expect("chat", client_message_id="last words")
    calls = [person.stub.Login.future(pb.LoginRequest(username="alice", password=PASSWORD)) for _ in range(4)]
    server.send_signal(signum)
    equal(next(watch).status, health_pb2.HealthCheckResponse.NOT_SERVING)
    bound.ends_with("UNAVAILABLE", "SHUTTING_DOWN")
    unbound.ends_with("UNAVAILABLE", "SHUTTING_DOWN")
    gone = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)  # the second one is what the core says
    for call in calls:  # those that were taken are answered, the others are told
        error = call.exception(timeout=30)
        assert error is None or error.code() in gone, Failure(error)
    equal(server.wait(), 0)  # after 10 s it is 1
    server.check_stderr()
    try:
        person.GetProfile()
        raise AssertionError("somebody answers after the end")
    except grpc.RpcError as error:
        equal(error.code(), grpc.StatusCode.UNAVAILABLE)


@test("SIGTERM: health says NOT_SERVING, streams end with UNAVAILABLE / SHUTTING_DOWN, exit 0 within 10 s")
def _():
    stop_under_load(signal.SIGTERM)


@test("SIGINT does the same")
def _():
    stop_under_load(signal.SIGINT)


@test("a client that does not read does not hold up the end")
def _():
    with Server(config=NO_LIMITS) as server:
        person = register(server, "alice")
        room = person.CreateRoom(name="room").room
        call = person.stub.MessageStream(endless(), metadata=person.metadata + [("x-room-id", room.id)], timeout=300)
        next(call)
        big = movie(headers={f"Header-{i}": "v" * 1000 for i in range(12)}, subtitles=[models.Subtitle(
            name="subtitle", url="https://example.org/" + "u" * 2000, format="srt")])
        film = person.AddMovie(room_id=room.id, movie=big).movie
        for i in range(600):
            person.UpdateMovie(room_id=room.id, fields=["duration"], movie=models.Movie(id=film.id, duration=i))
        began = time.monotonic()
        server.send_signal(signal.SIGTERM)
        equal(server.wait(), 0)
        diag(f"stopped in {time.monotonic() - began:.1f} s")


def endless():
    """No message, but no half-close either, until the stream has ended."""
    threading.Event().wait(300)
    yield from ()


@test("a database in memory is gone after the end")
def _():
    with start("memory:") as server:
        register(server, "alice")
    with start("memory:") as server:
        register(server, "alice")


run()

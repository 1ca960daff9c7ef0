#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guessing passwords: what a try costs tells nothing about the name, and there are few tries.

Costs are counted in the server's time on the processor, which a busy machine hardly changes, and compared as ratios.
"""
import statistics
import time

import grpc

from harness import NO_LIMITS, PASSWORD, Server, diag, equal, run, run_program, temp_path, test
from client import Failure, Limit, anonymous, fails, login, models, register
from hostile_rig import Victim, tell_peaks

ROUNDS = 5
WRONG = "not the right one"


def cost_of(victim, call, **fields):
    """What a call takes: (its failure's code and reason, µs of the processor, µs)."""
    cpu, wall = victim.cpu_us(), time.monotonic()
    try:
        call(**fields)
        how = ("OK", "")
    except grpc.RpcError as error:
        failure = Failure(error)
        how = (failure.code, failure.reason)
    return how, victim.cpu_us() - cpu, (time.monotonic() - wall) * 1e6


def people():
    """A server with accounts of all kinds: the server, and somebody who may call."""
    database = "sqlite:" + temp_path("synctv.db")
    run_program("user", "add", "root", "--role", "root", "--create", "--db", database, stdin=PASSWORD)
    server = Server(db=database, config=NO_LIMITS)
    root = login(server, "root")
    for name, status in (("active", models.USER_STATUS_ACTIVE), ("waiting", models.USER_STATUS_PENDING),
                         ("banned", models.USER_STATUS_BANNED)):
        person = register(server, name)
        root.SetUserStatus(user_id=person.id, status=status)
        person.close()
    root.close()
    return server, anonymous(server)


failed, banned = ("UNAUTHENTICATED", "LOGIN_FAILED"), ("PERMISSION_DENIED", "USER_BANNED")
TRIES = [
    ("a wrong password", "active", WRONG, failed),
    ("a name of nobody", "nobody", WRONG, failed),
    ("a name of nobody, and a password of somebody", "nobody", PASSWORD, failed),
    ("no name that anybody could have", "\u202e", WRONG, failed),
    ("no name at all", "", WRONG, failed),
    ("a wrong password of one who waits", "waiting", WRONG, failed),
    ("a wrong password of one who is banned", "banned", WRONG, failed),
    ("the password of one who is banned", "banned", PASSWORD, banned),
    ("the right password", "active", PASSWORD, ("OK", "")),
]


@test("a Login costs one hash, whoever the name belongs to and whether the password is right")
def _():
    server, nobody = people()
    with server:
        victim = Victim(server)
        costs = {what: [] for what, *_ in TRIES}
        with victim.watched("guessing by name"):
            for _ in range(ROUNDS):  # in turn, so that what the machine does meanwhile falls on all alike
                for what, name, password, expected in TRIES:
                    how, cpu, wall = cost_of(victim, nobody.Login, username=name, password=password)
                    equal(how, expected, what)
                    costs[what].append((cpu, wall))
            idle = statistics.median(cost_of(victim, nobody.GetProfile)[1] for _ in range(ROUNDS))
        medians = {what: [statistics.median(column) for column in zip(*tries)] for what, tries in costs.items()}
        usual = medians[TRIES[0][0]][0]
        for what, (cpu, wall) in medians.items():
            diag(f"{cpu / usual:5.2f} × a wrong password ({cpu / 1000:.1f} ms of the processor, {wall / 1000:.1f} ms): "
                 f"{what}")
        assert usual > 5 * idle, f"{usual} µs are no hash: a call without one takes {idle} µs"
        for what, (cpu, _) in medians.items():
            assert 0.5 < cpu / usual < 2, f"{what}: {cpu} µs, and a wrong password {usual} µs"
        nobody.close()


@test("there are five tries a minute at a name, and the others cost nearly nothing and lock nobody out")
def _():
    with Server() as server:
        alice, bob, nobody = register(server, "alice"), register(server, "bob"), anonymous(server)
        victim = Victim(server)
        with victim.watched("guessing one password"):
            limit = Limit(5)
            hashed = victim.cpu_us()
            equal(limit.tries(nobody.Login, 5, username="alice", password=WRONG), 5)
            hashed = victim.cpu_us() - hashed
            refused = victim.cpu_us()
            limit.tries(nobody.Login, 100, username="ALICE", password=WRONG)
            refused = victim.cpu_us() - refused
            equal(limit.succeeded, 0, "guessed")
            limit.tries(nobody.Login, 10, username="alice", password=PASSWORD)
            limit.held()
        diag(f"{hashed / 5000:.2f} ms for a try that is looked at, {refused / 100_000:.2f} ms for one that is refused")
        assert refused / 100 < hashed / 5 / 2, "who is refused is hashed"
        nobody.Login(username="bob", password=PASSWORD)
        equal(alice.GetProfile().user.username, "alice")  # who is signed in stays so
        for person in (alice, bob, nobody):
            person.close()


@test("there are thirty tries a minute from an address at all names together")
def _():
    with Server() as server:
        nobody = anonymous(server)
        limit = Limit(30)
        for i in range(90):
            limit.tries(nobody.Login, 1, username=f"name {i}", password=WRONG)
        limit.held()
        equal(limit.succeeded, 0, "guessed")
        nobody.close()


@test("the password of a room and one's own old password are guessed five times a minute")
def _():
    with Server() as server:
        alice, mallory = register(server, "alice"), register(server, "mallory")
        locked = alice.CreateRoom(name="locked", password="sesame",
                                  settings=models.RoomSettings(allow_guests=True)).room
        victim = Victim(server)
        with victim.watched("guessing a room's password"):
            limit = Limit(5)
            limit.tries(mallory.JoinRoom, 40, room_id=locked.id, password=WRONG)
            for _ in range(10):
                limit.count(mallory.stream(locked.id, WRONG).end())
            limit.tries(mallory.ChangePassword, 10, old_password=WRONG, new_password="another horse")
            equal(limit.succeeded, 0, "guessed")
            joined = limit.tries(mallory.JoinRoom, 1, room_id=locked.id, password="sesame")
            limit.held()
        alice.stream(locked.id).expect("room_state")
        equal(alice.GetRoomInfo(room_id=locked.id).room.member_count, 1 + joined)
        tell_peaks()


@test("a password as long as a message is refused without a hash")
def _():
    with Server(config=NO_LIMITS) as server:
        register(server, "alice")
        nobody = anonymous(server)
        victim = Victim(server)
        with victim.watched("long passwords"):
            long = "p" * ((1 << 20) - 100)
            costs = {WRONG: [], long: []}
            for _ in range(ROUNDS):
                for password, cpus in costs.items():
                    how, cpu, _ = cost_of(victim, nobody.Login, username="alice", password=password)
                    equal(how, failed)
                    cpus.append(cpu)
            usual, cpu = (statistics.median(cpus) for cpus in costs.values())
            assert cpu < 2 * usual, (cpu, usual)
            fails("INVALID_ARGUMENT", "INVALID_ARGUMENT", nobody.Register, username="another", password=long,
                  field="password")


run()

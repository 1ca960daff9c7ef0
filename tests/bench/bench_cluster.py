# SPDX-License-Identifier: MIT
"""Members of a cluster: what an event costs that has to go to another one, what those cost that have nothing to do, and how
soon all know of a change."""
import contextlib
import os
import signal
import statistics
import sys
import time

from bench_streams import API, STREAM
from members import Cluster, Follower, Person, cpu_s, fields, wait_until
from rig import Driver, Missing, field, interleave, room_id

MOST_ROOMS = 8900  # with 20 000 files a server takes no 9000 connections
STATE = 11  # the number of a stream's payload
HEARTBEAT_MS = 1000


def cluster(lab, table):
    across(lab, table, "SQLite", None)
    try:
        with lab.postgres() as database:
            across(lab, table, "PostgreSQL", database.url)
    except Missing as missing:
        print(f"without PostgreSQL: {missing} is missing", file=sys.stderr)
    storm(lab, table)
    idle(lab, table)
    bystander(lab, table)
    common_rooms(lab, table)
    try:
        delays(lab, table)
        silence(lab, table)
    except ImportError:
        print("without the delays of single clients: python3-grpcio is missing", file=sys.stderr)


def danmaku():
    return field(1, "d") + field(12, field(2, "a comment that flies by"))


def streams(lab, server, rooms, shift=0, beside=(), **more):
    """A stream in each of these rooms, of user n + shift in room n."""
    targets = lab.targets((lab.tokens[(n + shift) % lab.USERS], room_id(n), b"") for n in rooms)
    return Driver(lab, server, path=STREAM, targets=targets, connections=len(rooms), streams=1, beside=beside,
                  beat=danmaku().hex(), **more)


# ---- what an event costs ---------------------------------------------------------------------------------------


def across(lab, table, store, url):
    """Rounds of a Seek at one member and its delivery to a stream at the other, beside both at one server; then many at once."""
    with Cluster(lab, 2, url) as members:
        a, b = members
        results = {}
        # A room of its own for each: else both members would follow the one that is measured at one server.
        with contextlib.ExitStack() as stack:
            contenders = {}
            for subject, server, n in [("one node", a, 1), ("A -> B", b, 2)]:
                target = lab.targets([(lab.tokens[n], "", field(1, room_id(n)) + field(2, 61.5))])
                driver = stack.enter_context(streams(
                    lab, server, [n], 1, beside=[a if server is b else b], trigger_port=a.port,
                    trigger_path=API + "Seek", trigger_targets=target))
                driver("open")
                driver("idle", 1)
                contenders[subject] = lambda driver=driver: driver("run", 2 * lab.seconds)
            results = interleave(lab, contenders)
        table.add_group("state to a member", store, results, "one node", {"A -> B": "CPU of both nodes"})


def storm(lab, table):
    """200 people at A, each in a room of their own, send 10 000 danmaku a second. A second stream in each room counts them,
    at A or at B."""
    n, times, seconds = 200, 50, 3 if lab.quick else 6
    with contextlib.ExitStack() as stack:
        a, b = stack.enter_context(Cluster(lab, 2))
        pairs = {}
        for subject, server, first in [("one node", a, 1), ("A -> B", b, n + 10)]:
            rooms = range(first, first + n)
            pair = [stack.enter_context(streams(lab, a, rooms, beside=[b])), stack.enter_context(streams(lab, server, rooms, 1))]
            for driver in pair:
                driver("open")
            pairs[subject] = pair
        lost = {subject: [] for subject in pairs}

        def measure(subject):
            senders, receivers = pairs[subject]
            receivers("idle", 1.5)
            receivers.send("idle", seconds + 1)
            answer = senders("beat", seconds, times)
            came = receivers.answer()["messages"] + receivers("idle", 2)["messages"]
            lost[subject].append(answer["ops"] - came)
            return answer
        results = interleave(lab, {subject: lambda subject=subject: measure(subject) for subject in pairs})
    for runs in results.values():
        for run in runs:
            del run["p50_us"], run["p99_us"]
    table.add_group("10000 danmaku a second", f"{n} rooms", results, "one node",
                    {subject: f"lost: {', '.join(map(str, counts))}" for subject, counts in lost.items()},
                    lost=max(abs(count) for counts in lost.values() for count in counts))


# ---- what costs those who have nothing to do -------------------------------------------------------------------


def idle(lab, table):
    seconds = 6 if lab.quick else 20
    with Cluster(lab, 5) as members:
        time.sleep(3)
        before = [cpu_s(server) for server in members]
        time.sleep(seconds)
        shares = [(cpu_s(server) - was) / seconds * 100 for server, was in zip(members, before)]
    table.add("idle", "5 nodes", "a node", max(shares) * 1e4, note="µs a second, of the one that takes most: "
              + ", ".join(f"{share:.2f} %" for share in shares) + " of a core", percent=max(shares))


def bystander(lab, table):
    """Ten nodes: nine busy rooms, each with streams at two of nine. The tenth has another room, with a load that is always the
    same."""
    seconds = 3 if lab.quick else 8
    with Cluster(lab, 10) as members, contextlib.ExitStack() as stack:
        x, *others = members
        own = stack.enter_context(streams(lab, x, [100]))
        busy = []
        for i, server in enumerate(others):
            busy += [stack.enter_context(streams(lab, server, [10 + i])),
                     stack.enter_context(streams(lab, others[i - 1], [10 + i], 1))]
        for driver in [own, *busy]:
            driver("open")
        own("idle", 3)

        def measure(times):
            for driver in busy[::2]:
                driver.send("beat", seconds, times)
            answer = own("beat", seconds, 200)
            for driver in busy[::2]:
                driver.answer()
            return answer
        results = interleave(lab, {"x 1": lambda: measure(10), "x 10": lambda: measure(100)})
        for run in results["x 1"] + results["x 10"]:
            del run["p50_us"], run["p99_us"]
        table.add_group("bystander", "10 nodes", results, "x 1",
                        {"x 10": "ten times more danmaku in rooms that it has not; it has 200 a second of its own"})


def common_rooms(lab, table):
    """B has streams in many rooms. People come to the same ones at A while there is no link; then there is a new one."""
    n = 2000 if lab.quick else MOST_ROOMS
    with Cluster(lab, 2, proxy=True) as members, streams(lab, members.servers["a"], range(1, n + 1)) as at_a, \
            streams(lab, members.servers["b"], range(1, n + 1), 1) as at_b:
        at_b("open")
        cut(members)
        at_a("open")
        at_b("idle", 3)
        healed_at = heal(members)
        proxy = members.proxies["b"]  # a dials: its id is the smaller one
        wait_until(lambda: proxy.passed_at > healed_at, "a connection again")
        messages(at_b, n, "who has come")
        took_s = time.monotonic() - proxy.passed_at
    table.add("after a new link", f"{n} common rooms", "B knows A's people", p50_us=took_s * 1e6, p99_us=took_s * 1e6,
              note="since the link's connection, until the last one was told to a stream")


def messages(driver, n, what):
    """How many seconds it takes until so many have come."""
    began, came = time.monotonic(), 0
    while came < n:
        came += driver("idle", 0.02)["messages"]
        if time.monotonic() > began + 60:
            raise RuntimeError(f"{came} of {n} were told {what}")
    return time.monotonic() - began


def cut(members):
    for proxy in members.proxies.values():
        proxy.cut()


def heal(members):
    """Returns when."""
    healed_at = time.monotonic()
    for proxy in members.proxies.values():
        proxy.heal()
    return healed_at


# ---- how soon --------------------------------------------------------------------------------------------------


def state_of(message):
    """(version, node_id), which say which of two states is the newer one."""
    told = fields(message)
    return told.get(7, 0), told.get(11, b"")


def delays(lab, table):
    """Kicks, changes while links are cut, and the time until all is the same after healing. With single clients."""
    rounds = 5 if lab.quick else 15
    kicks, changes, states, presences = [], [], [], []
    with Cluster(lab, 2, proxy=True) as members, contextlib.ExitStack() as stack:
        a, b = members
        for i in range(rounds):
            n = 200 + i
            room = room_id(n)
            host, guest = (stack.enter_context(contextlib.closing(Person(lab, server, user)))
                           for server, user in [(a, n), (b, n + 1)])
            at_a, at_b = Follower(host, room), Follower(guest, room)
            began = time.monotonic()
            host.call("KickMember", field(1, room) + field(2, f"u{n + 1:011d}"))
            wait_until(lambda at_b=at_b: at_b.ended_at, "the end of a stream at B")
            kicks.append(at_b.ended_at - began)
            at_a.close()
        for i in range(rounds):
            room = room_id(300 + i)
            host, guest, third = (stack.enter_context(contextlib.closing(Person(lab, server, 300 + i + k)))
                                  for k, server in enumerate([a, b, a]))
            at_a, at_b = Follower(host, room), Follower(guest, room)
            cut(members)
            time.sleep(0.5 + i * 0.1)
            before = at_b.seen.get(STATE)
            host.call("Seek", field(1, room) + field(2, 10.0 + i))
            changes.append(wait_until(lambda: at_b.seen.get(STATE) != before, "a change at B, without links"))
            newcomer = Follower(third, room)
            wait_until(lambda: state_of(at_a.seen[STATE]) == state_of(at_b.seen[STATE]), "one state")
            before = at_a.seen[STATE]
            host.call("Seek", field(1, room) + field(2, 100.0 + i))
            wait_until(lambda: at_a.seen[STATE] != before, "a change at A")
            healed_at = heal(members)
            wait_until(lambda: state_of(at_a.seen[STATE]) == state_of(at_b.seen[STATE]), "one state")
            states.append(time.monotonic() - healed_at)
            wait_until(lambda: online(guest, room) == 3, "three who are online at B", 0.02)
            presences.append(time.monotonic() - healed_at)
            for stream in (at_a, at_b, newcomer):
                stream.close()
    for subject, took in [("a kick ends a stream at B", kicks), ("links cut: a change at B", changes),
                          ("healed: one state", states), ("healed: who is online at B", presences)]:
        table.add("delay", "2 nodes", subject, p50_us=statistics.median(took) * 1e6, p99_us=max(took) * 1e6,
                  note=f"p99 is the longest of {len(took)}")


def online(person, room):
    return fields(person.room_info(room)[1]).get(8, 0)


def silence(lab, table):
    """A node that is stopped, and one that is killed: when another one says that it is suspect, and dead."""
    beat_s = HEARTBEAT_MS / 1000
    took = {"suspect": [], "dead": []}
    for signum in [signal.SIGSTOP, signal.SIGKILL] * (1 if lab.quick else 3):
        with Cluster(lab, 3, heartbeat_ms=HEARTBEAT_MS) as members:
            time.sleep(1)
            victim = members.servers["c"]
            os.kill(victim.pid, signum)
            began = time.monotonic()
            for word, times in took.items():
                wait_until(lambda word=word: members.said("a", f"node c is {word}"), f"c is {word}")
                times.append(time.monotonic() - began)
            os.kill(victim.pid, signal.SIGCONT)
    for (word, times), beats in zip(took.items(), [3, 6]):
        table.add("silence", f"heartbeat {HEARTBEAT_MS} ms", word, p50_us=statistics.median(times) * 1e6,
                  p99_us=max(times) * 1e6, note=f"stopped and killed; {beats} heartbeats and {max(times) - beats * beat_s:.2f} s")

# SPDX-License-Identifier: MIT
"""Members of a cluster on one database: what an event from one to another costs, what idle ones and foreign rooms cost, and how
soon what has happened is known elsewhere."""
import contextlib
import queue
import statistics
import threading
import time

from bench_calls import API
from bench_streams import STREAM
from rig import Driver, Missing, Process, field, interleave, room_id
from tcp_proxy import TcpProxy

SECRET = "0123456789abcdef0123456789abcdef\n"
BEAT_MS = 1000
HERE, ELSEWHERE = "client and member at one", "client at A, member at B"


def cluster(lab, table):
    across(lab, table)
    many_events(lab, table)
    idle(lab, table)
    foreign_rooms(lab, table)
    new_session(lab, table)
    delays(lab, table)


# ---- members -------------------------------------------------------------------------------------------------------


class Member(Process):
    """Its log can be waited for."""

    def __init__(self, lab, node_id, *options):
        secret = lab.path("secret")
        with open(secret, "w", encoding="ascii") as file:
            file.write(SECRET)
        self.log = open(lab.path(f"log-{node_id}-{time.monotonic_ns()}"), "w+", encoding="utf-8")
        super().__init__("synctv", lab.server_binary, "--listen", "127.0.0.1:0", "--db", "sqlite:" + lab.database, "--config",
                         lab.config, "--cluster-secret-file", secret, "--node-id", node_id, *options, stderr=self.log)
        self.node_id = node_id

    def wait_for(self, text):
        """Until a line of the log has this."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with open(self.log.name, encoding="utf-8") as file:
                if any(text in line for line in file):
                    return
            time.sleep(0.01)
        raise RuntimeError(f"node {self.node_id} has not said: {text}")

    def stop(self):
        super().stop()
        self.log.close()


@contextlib.contextmanager
def members(lab, names, *options):
    """Linked with each other."""
    with contextlib.ExitStack() as stack:
        all_of_them = [stack.enter_context(Member(lab, name, *options)) for name in names]
        for one in all_of_them:
            for other in all_of_them:
                if other is not one:
                    one.wait_for(f"there is a link to node {other.node_id}")
        time.sleep(2)  # until each knows that it knows everything
        yield all_of_them


# ---- events --------------------------------------------------------------------------------------------------------


def seek_in(lab, number):
    return lab.targets([(lab.tokens[number], "", field(1, room_id(number)) + field(2, 61.5))])


def own_rooms(lab, n):
    """The makers of rooms 1 … n, each in their room."""
    return lab.targets((lab.tokens[number % lab.USERS], room_id(number), b"") for number in range(1, n + 1))


def across(lab, table):
    """Seeks, each told to the streams of a room."""
    with members(lab, "ab") as (a, b), contextlib.ExitStack() as stack:
        for n in [1, 100]:
            drivers = {}
            for number, (subject, at) in enumerate([(HERE, a), (ELSEWHERE, b)], n):
                one = stack.enter_context(Driver(
                    lab, at, also=[b if at is a else a], path=STREAM, connections=n, streams=1, trigger_port=a.port,
                    targets=lab.targets([(lab.tokens[number], room_id(number), b"")]), trigger_path=API + "Seek",
                    trigger_targets=seek_in(lab, number)))
                one("open")
                one("run", 0)
                drivers[subject] = one
            time.sleep(2)
            results = interleave(lab, {subject: lambda one=one: one("run", 2 * lab.seconds) for subject, one in drivers.items()})
            table.add_group("event", f"{n} streams" if n > 1 else "1 stream", results, HERE,
                            {ELSEWHERE: "CPU of both members"})


def many_events(lab, table):
    """Danmaku in 100 rooms from A to B."""
    rooms, a_second, seconds = 100, 100, 2 if lab.quick else 5
    danmaku = field(1, "d") + field(12, field(2, "flies by"))
    with members(lab, "ab") as (a, b):
        speakers, listeners = (Driver(lab, at, also=[other], path=STREAM, connections=rooms, streams=1,
                                      targets=own_rooms(lab, rooms), beat=danmaku.hex()) for at, other in [(a, b), (b, a)])
        with speakers, listeners:
            speakers("open")
            listeners("open")
            listeners("idle", 2)
            listeners.send("idle", seconds + 3)
            said = speakers("beat", seconds, a_second)
            heard = listeners.answer()
            lost = said["ops"] - heard["messages"]
            table.add("events from A to B", f"{rooms * a_second}/s asked", ELSEWHERE, said["cpu_us"], said["rate"],
                      note=f"{said['ops']} danmaku, {lost} lost, each told at A, too", lost=lost)


def idle(lab, table):
    seconds = 5 if lab.quick else 20
    with members(lab, "abcde") as them:
        before = [one.cpu_s() for one in them]
        time.sleep(seconds)
        shares = [100 * (one.cpu_s() - was) / seconds for one, was in zip(them, before)]
        table.add("idle", "5 members", "the busiest one", note=f"{max(shares):.2f} % of a core", percent=max(shares))


def foreign_rooms(lab, table):
    """What traffic in rooms of two other members costs a third one, that has none of them."""
    seconds = 3 if lab.quick else 10
    danmaku = field(1, "d") + field(12, field(2, "flies by"))
    with members(lab, "abcdefghij") as (a, b, *_, x):
        speakers, listeners = (Driver(lab, at, path=STREAM, connections=50, streams=1, targets=own_rooms(lab, 50),
                                      beat=danmaku.hex()) for at in [a, b])
        with speakers, listeners:
            speakers("open")
            listeners("open")
            listeners("idle", 2)

            def cost(a_second):
                speakers("beat", 0.5, a_second)
                before, began = x.cpu_s(), time.monotonic()
                speakers("beat", seconds, a_second)
                return {"cpu_us": 1e6 * (x.cpu_s() - before) / (time.monotonic() - began)}

            results = interleave(lab, {"100 events/s": lambda: cost(2), "1000 events/s": lambda: cost(20)})
            table.add_group("a member without the rooms, of 10", "50 rooms of two others", results, "100 events/s",
                            dict.fromkeys(results, "µs a second"))


# ---- a session -----------------------------------------------------------------------------------------------------


def new_session(lab, table):
    """Two members with many rooms in common, whose link breaks."""
    rooms = 2000 if lab.quick else 10000
    port = TcpProxy.free_port()
    with TcpProxy(port) as proxy, Member(lab, "a") as a, \
            Member(lab, "b", "--cluster-listen", f"127.0.0.1:{port}", "--advertise", f"127.0.0.1:{proxy.port}") as b:
        a.wait_for("there is a link to node b")
        with contextlib.ExitStack() as stack:
            for at in [a, b]:
                driver = stack.enter_context(Driver(lab, at, path=STREAM, connections=rooms, streams=1,
                                                    targets=own_rooms(lab, rooms)))
                driver("open")
            time.sleep(3)
            took = []
            for _ in range(lab.repetitions):
                proxy.reset()
                took.append(1000 * proxy.burst())
                time.sleep(2)
            table.add("a new session", f"{rooms} common rooms", "until all is exchanged", p50_us=1000 * statistics.median(took),
                      note=f"from the first byte on; {max(took):.0f} ms at most, {proxy.burst_bytes / 1024:.0f} KiB")


# ---- how soon ------------------------------------------------------------------------------------------------------


def fields(message):
    """number -> the last value of a message's fields: an int or bytes."""
    at, found = 0, {}

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        tag = varint()
        if tag & 7 == 0:
            found[tag >> 3] = varint()
            continue
        size = varint() if tag & 7 == 2 else 8
        found[tag >> 3] = message[at:at + size]
        at += size
    return found


class Viewer:
    """A user with a stream of a room at a member; messages come with the time at which they did."""
    STATE, CHAT = 11, 12

    def __init__(self, grpc, member, token, room):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{member.port}")
        self.token, self.room = token, room
        self.out, self.messages = queue.Queue(), queue.Queue()
        call = self.channel.stream_stream(STREAM)(iter(self.out.get, None), metadata=self._metadata() + [("x-room-id", room)])
        self.thread = threading.Thread(target=self._read, args=(call,), daemon=True)
        self.thread.start()
        self.take(self.STATE)

    def _metadata(self):
        return [("authorization", "Bearer " + self.token)]

    def _read(self, call):
        with contextlib.suppress(Exception):
            for message in call:
                self.messages.put((time.monotonic(), fields(message)))
        self.messages.put((time.monotonic(), None))  # the stream has ended

    def call(self, method, *parts):
        return self.channel.unary_unary(API + method)(b"".join(parts), metadata=self._metadata(), timeout=30)

    def say(self, text):
        self.out.put(field(1, text) + field(11, field(2, text)))

    def take(self, payload, where=lambda message: True):
        """The time at which a message of this kind came; None = the end of the stream."""
        while True:
            at, message = self.messages.get(timeout=60)
            if message is None if payload is None else (message is not None and payload in message and where(fields(message[payload]))):
                return at

    def close(self):
        self.out.put(None)
        self.channel.close()


def delays(lab, table):
    try:
        import grpc
    except ImportError as error:
        raise Missing("python3-grpcio") from error
    port = TcpProxy.free_port()
    with TcpProxy(port) as proxy, Member(lab, "a", "--heartbeat-ms", str(BEAT_MS)) as a, \
            Member(lab, "b", "--heartbeat-ms", str(BEAT_MS), "--cluster-listen", f"127.0.0.1:{port}", "--advertise",
                   f"127.0.0.1:{proxy.port}") as b:
        a.wait_for("there is a link to node b")
        time.sleep(2)
        kicks(lab, table, grpc, a, b)
        cuts(lab, table, grpc, a, b, proxy)
        deaths(lab, table, a)


def add_delays(table, operation, load, subject, ms, note=""):
    table.add(operation, load, subject, p50_us=1000 * statistics.median(ms), p99_us=1000 * max(ms), note=note or "p99: the slowest")


def kicks(lab, table, grpc, a, b):
    """Of members of room 0, whose maker is user 0."""
    maker = Viewer(grpc, a, lab.tokens[0], room_id(0))
    ms = []
    for number in range(5000, 5000 + 4 * lab.repetitions):
        viewer = Viewer(grpc, b, lab.tokens[number], room_id(0))
        began = time.monotonic()
        maker.call("KickMember", field(1, room_id(0)), field(2, f"u{number:011d}"))
        ms.append(1000 * (viewer.take(None) - began))
        viewer.close()
    maker.close()
    add_delays(table, "a kick at A", "a stream at B", "until it has ended", ms)


def cuts(lab, table, grpc, a, b, proxy):
    """What is sent between the members goes nowhere for a while; the database is in sight."""
    viewers = [Viewer(grpc, member, lab.tokens[0], room_id(0)) for member in (a, b)]
    seen_ms, same_ms = [], []
    for turn in range(lab.repetitions):
        proxy.hold()
        for number in range(2 if lab.quick else 5):
            text = f"cut {turn} {number} {time.monotonic_ns()}"
            began = time.monotonic()
            viewers[0].say(text)
            seen_ms.append(1000 * (viewers[1].take(Viewer.CHAT, lambda chat, text=text: chat.get(5, b"").decode() == text) - began))
            time.sleep(0.3)
        for viewer, position in zip(viewers, (100.0 + turn, 200.0 + turn)):
            viewer.call("Seek", field(1, room_id(0)), field(2, position))
        healed = time.monotonic()
        proxy.let_go()
        same_ms.append(1000 * (until_same(viewers) - healed))
        time.sleep(3)
    for viewer in viewers:
        viewer.close()
    add_delays(table, "links cut, database in sight", "chat at A", "until it is seen at B", seen_ms)
    add_delays(table, "links healed", "two Seeks just before", "until both show one state", same_ms)


def until_same(viewers):
    """When the last of them got the newest state: nothing newer has come for two seconds."""
    states = [(0, None)] * len(viewers)
    until = time.monotonic() + 2
    while time.monotonic() < until:
        for i, viewer in enumerate(viewers):
            with contextlib.suppress(queue.Empty):
                while True:
                    at, message = viewer.messages.get_nowait()
                    if message is None:
                        raise RuntimeError("a stream has ended")
                    if Viewer.STATE in message:
                        state = fields(message[Viewer.STATE])
                        now = (state.get(7, 0), state.get(11, b""))
                        if now != states[i][1]:
                            states[i] = (at, now)
                            until = time.monotonic() + 2
        time.sleep(0.005)
    if len({state for _, state in states}) != 1:
        raise RuntimeError(f"the members show different states: {states}")
    return max(at for at, _ in states)


def deaths(lab, table, a):
    """A member that is killed."""
    suspect_ms, dead_ms = [], []
    for number in range(1 if lab.quick else 3):
        name = f"c{number}"
        with Member(lab, name, "--heartbeat-ms", str(BEAT_MS)) as victim:
            a.wait_for(f"there is a link to node {name}")
            time.sleep(1.5 * BEAT_MS / 1000)
            victim.process.kill()
            began = time.monotonic()
            a.wait_for(f"node {name} is suspect")
            suspect_ms.append(1000 * (time.monotonic() - began))
            a.wait_for(f"node {name} is dead")
            dead_ms.append(1000 * (time.monotonic() - began))
    beats = f"a beat each {BEAT_MS} ms"
    add_delays(table, "a member is killed", beats, "until it is suspect", suspect_ms)
    add_delays(table, "a member is killed", beats, "until it is dead", dead_ms)

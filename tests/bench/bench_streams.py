# SPDX-License-Identifier: MIT
"""Fan-out to streams, what an idle stream costs, and syncplay-server beside the same number of people in a room."""
import contextlib
import itertools
import sys

from bench_calls import API, beside
from rig import Driver, Missing, field, interleave, room_id

STREAM = API + "MessageStream"
CHAT_TEXT = "a message of the usual length"
DELIVERY_BYTES = 105
POSITION_S = 61.5
FLOOR = "C core fan-out (floor)"
READ_FLOOR = "C core reads (floor)"


def chat():
    """A ClientMessage; the driver puts a number in the place of ########, so that no message is a resend."""
    return field(1, "bench-########") + field(11, field(2, CHAT_TEXT))


def status_report():
    """Of a player that is where it should be."""
    return field(1, "s") + field(15, field(2, "m00000000000") + field(3, POSITION_S))


def seek(lab):
    return lab.targets([(lab.tokens[0], "", field(1, room_id(0)) + field(2, POSITION_S))])


def members(lab, n=None):
    """The streams' targets: everybody in room 0."""
    return lab.targets((token, room_id(0), b"") for token in lab.tokens[1:n])


def open_streams(lab, stack, server, targets, connections, per_connection, **more):
    return stack.enter_context(Driver(lab, server, path=STREAM, targets=targets, connections=connections,
                                      streams=per_connection, trigger_path=API + "Seek", trigger_targets=seek(lab),
                                      say=chat().hex(), beat=status_report().hex(), **more))


def open_bare(lab, stack, server, targets, connections, per_connection):
    return stack.enter_context(Driver(lab, server, path="/bench.Bench/Stream", targets=targets,
                                      connections=connections, streams=per_connection,
                                      trigger_path="/bench.Bench/Say",
                                      trigger_targets=lab.targets([("", "", b"x" * 40)]),
                                      beat=status_report().hex()))


def fanout(lab, table):
    """Seek by one of N people, chat by another: each reaches N streams. One at a time, so delays are those of a whole round."""
    loads = [(10, 1), (100, 1), (1000, 1)] if lab.quick else [(10, 1), (100, 1), (1000, 1), (5000, 1), (4, 1250)]
    targets = members(lab)
    for connections, per_connection in loads:
        load = f"{connections} streams" if per_connection == 1 else f"{connections} x {per_connection}"
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(lab.server())
            ours = open_streams(lab, stack, server, targets, connections, per_connection)
            ours("open")
            bare = {FLOOR: stack.enter_context(lab.floor("fanout_floor", DELIVERY_BYTES))}
            try:
                bare["grpc-js fan-out"] = stack.enter_context(lab.peer("grpc-js"))
            except Missing as missing:
                print(f"without grpc-js: {missing} is missing", file=sys.stderr)
            bare["raw socket fan-out"] = stack.enter_context(lab.floor("raw_floor", DELIVERY_BYTES))
            contenders = {"state": lambda: ours("run", lab.seconds), "chat": lambda: ours("say", lab.seconds)}
            for subject, process in bare.items():
                driver = open_bare(lab, stack, process, targets, connections, per_connection)
                driver("open")
                contenders[subject] = lambda driver=driver: driver("run", lab.seconds)
            ours("idle", 1.5)  # the number of those online has been told
            results = interleave(lab, contenders)
            table.add_group("fan-out", load, results, FLOOR,
                            {name: beside(results, name) for name in ["state", "chat"]})


def reports(lab, table):
    """A StatusReport each second from each of N people in a room, one after the other; the floor reads and forgets them."""
    targets = members(lab)
    for n in [100, 1000, 2000]:
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(lab.server())
            drivers = {"StatusReport": open_streams(lab, stack, server, targets, n, 1)}
            for subject, program in [(READ_FLOOR, "fanout_floor"), ("C core reads, tuned", "fanout_floor_tuned")]:
                floor = stack.enter_context(lab.floor(program, DELIVERY_BYTES))
                drivers[subject] = open_bare(lab, stack, floor, targets, n, 1)
            for driver in drivers.values():
                driver("open")
            drivers["StatusReport"]("run", 0)  # to the position that is reported
            drivers["StatusReport"]("idle", 1.5)
            results = interleave(lab, {subject: lambda driver=driver: driver("beat", 4 * lab.seconds)
                                       for subject, driver in drivers.items()})
            for run in itertools.chain(*results.values()):
                del run["p50_us"], run["p99_us"]  # nothing is answered
            table.add_group("report", f"{n} clients, 1/s each", results, READ_FLOOR)


def memory(lab, table):
    """What the server's resident memory grows by for each stream that does nothing."""
    numbers = [1000] if lab.quick else [1000, 8980]
    subjects = {"idle stream": lab.server, FLOOR: lambda: lab.floor("fanout_floor", DELIVERY_BYTES)}
    for subject, start in subjects.items():
        total = 0
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(start())
            opener = open_streams if server.name == "synctv" else open_bare
            warm = opener(lab, stack, server, members(lab, 11), 10, 1)
            warm("open")
            warm("idle", 0.5)
            before = server.rss_kib()
            for n in numbers:
                first = 11 + total
                targets = lab.targets((token, room_id(0), b"") for token in lab.tokens[first:first + n])
                driver = opener(lab, stack, server, targets, n, 1)
                driver("open")
                driver("idle", 1.5)
                total += n
                kib = (server.rss_kib() - before) / total
                table.add("memory", f"{total} streams", subject,
                          note=f"{kib:.1f} KiB a stream, {server.rss_kib() / 1024:.0f} MiB in all", kib=kib)
            if server.name == "synctv":
                idle = driver("idle", 3)
                table.add("idle", f"{total} streams", subject, idle["cpu_s"] / 3 / total * 1e6,
                          note="µs for each client and second")


def syncplay(lab, table):
    """People who join, sit there, seek and chat, one or 16 at once: here and in syncplay-server. Ratios are to ours."""
    for n in [100] if lab.quick else [100, 1000]:
        try:
            with contextlib.ExitStack() as stack:
                theirs_process = stack.enter_context(lab.peer("syncplay-server"))
                ours_process = stack.enter_context(lab.server())
                theirs = stack.enter_context(Driver(lab, theirs_process, program="syncplay_load",
                                                    args=[theirs_process.pid, theirs_process.port, n]))
                compare(lab, table, n, open_streams(lab, stack, ours_process, members(lab, n + 1), n, 1), theirs)
        except Missing as missing:
            print(f"without syncplay-server: {missing} is missing", file=sys.stderr)
            return


def compare(lab, table, n, ours, theirs):
    load = f"{n} people"

    def both(operation, own, their, note=""):
        table.add(operation, load, "synctv", own["cpu_us"], own["rate"], own["p50_us"], own["p99_us"], 1.0, note)
        table.add(operation, load, "syncplay-server", their["cpu_us"], their["rate"], their["p50_us"],
                  their["p99_us"], their["cpu_us"] / own["cpu_us"], note)

    def of_idle(answer):
        return {"cpu_us": answer["cpu_s"] * 1e6 / n / answer["seconds"], "rate": None, "p50_us": None, "p99_us": None}

    own, their = ours("open"), theirs("open")
    ours("idle", 1.5)
    for answer in own, their:
        answer["p50_us"] = answer["p99_us"] = None
    both("join", own, their, f"{own['cpu_s']:.2f} s and {their['cpu_s']:.2f} s for all")
    seconds = 2 if lab.quick else 4
    # Ours long enough for the PING that a silent connection gets every 20 s.
    idle_ours, idle_theirs = of_idle(ours("idle", seconds if lab.quick else 20)), of_idle(theirs("idle", seconds))
    both("idle", idle_ours, idle_theirs, "µs for each client and second")
    ours("run", 0)  # to the position that is reported
    beat = of_idle(ours("beat", seconds))
    both("idle, reports", beat, idle_theirs, "the same, with a StatusReport each second from each")
    for operation, command, more in [("chat", "say", 1), ("chat of 16", "say", 16), ("state", "run", "")]:
        results = interleave(lab, {"synctv": lambda: ours(command, lab.seconds, more),
                                   "syncplay-server": lambda: theirs(command, lab.seconds, more)})
        for runs in results["syncplay-server"]:  # without what idle people cost meanwhile
            idle_us = idle_theirs["cpu_us"] * n * runs["seconds"] / runs["ops"]
            runs["cpu_us"] = max(0.0, runs["cpu_us"] - idle_us)
        table.add_group(f"{operation} delivery", load, results, "synctv",
                        {"syncplay-server": "without what idle clients cost meanwhile"})

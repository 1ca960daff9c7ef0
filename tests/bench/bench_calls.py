# SPDX-License-Identifier: MIT
"""Unary calls beside echo servers, logins beside bare Argon2id, and pages of a list of many rooms."""
import contextlib
import sys

from rig import Driver, Missing, field, interleave, room_id, string_field, times

API = "/synctv.client.ClientService/"
ECHO = "/bench.Bench/Echo"
ECHO_BYTES = 105
LOADS = [(1, 32), (8, 8), (64, 1)]
FLOOR = "C core echo (floor)"


def beside(results, subject):
    """What each peer takes, in times of what the subject takes."""
    return ", ".join(f"{name} {times(runs, results[subject]):.2g}" for name, runs in results.items()
                     if name[0].islower() and name != subject and name not in ("state", "chat"))


def calls(lab, table):
    """GetRoomInfo and Seek, signed in, each client in a room of its own with four members."""
    clients = range(1, 65)
    info = lab.targets((lab.tokens[n], "", field(1, room_id(n))) for n in clients)
    seek = lab.targets((lab.tokens[n], "", field(1, room_id(n)) + field(2, 61.5)) for n in clients)
    echo = lab.targets((lab.tokens[n], "", b"x" * ECHO_BYTES) for n in clients)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(lab.server())
        servers = {"GetRoomInfo": (server, API + "GetRoomInfo", info), "Seek": (server, API + "Seek", seek),
                   FLOOR: (stack.enter_context(lab.floor("echo_floor")), ECHO, echo),
                   "C core echo, tuned": (stack.enter_context(lab.floor("echo_floor_tuned")), ECHO, echo)}
        for name in ["grpc++ callback", "grpc-js", "grpcio"]:
            try:
                servers[name + " echo"] = (stack.enter_context(lab.peer(name)), ECHO, echo)
            except Missing as missing:
                print(f"without {name}: {missing} is missing", file=sys.stderr)
        servers["raw socket echo"] = (stack.enter_context(lab.floor("raw_floor", ECHO_BYTES)), ECHO, echo)
        for connections, in_flight in LOADS:
            with contextlib.ExitStack() as load:
                contenders = {}
                for subject, (process, path, targets) in servers.items():
                    driver = load.enter_context(Driver(lab, process, path=path, targets=targets,
                                                       connections=connections, calls=in_flight))
                    driver("open")
                    contenders[subject] = lambda driver=driver: driver("run", lab.seconds)
                results = interleave(lab, contenders)
                table.add_group("unary", f"{connections} x {in_flight}", results, FLOOR,
                                {name: beside(results, name) for name in ["GetRoomInfo", "Seek"]})


def login(lab, table):
    """Logins by 32 clients at once; the floor hashes on every core."""
    body = [field(1, f"user{n}") + field(2, "correct horse") for n in range(1, 33)]
    with lab.server() as server, Driver(lab, server, path=API + "Login", connections=8, calls=4,
                                        targets=lab.targets(("", "", each) for each in body)) as driver:
        driver("open")
        seconds = max(1, lab.seconds)
        results = interleave(lab, {"Login": lambda: driver("run", seconds),
                                   "Argon2id (floor)": lambda: lab.run("argon2_floor", seconds)})
        table.add_group("login", "8 x 4", results, "Argon2id (floor)")


SEARCHES = ["e", "影", "mo", "电影", "zz", "movie", "movie night", "99999", "12345", "之夜 电影", "t night", "e 1 2",
            "nightmovie", "Room 77", "movie night movie night", "night 99 movie", "movienight movie"]


def rooms(lab, table):
    """Pages of the list: the first one, one deep inside, one's own, and what a search finds; one call at a time."""
    with lab.server() as server:
        def measure(body, seconds=0.25, token=lab.tokens[5000]):
            with Driver(lab, server, path=API + "ListRooms", targets=lab.targets([(token, "", body)]),
                        keep=True) as driver:
                driver("open")
                answer = driver("run", seconds)
                return answer, bytes.fromhex(driver("reply")["reply"])[5:]

        def report(load, answer):
            table.add("room list", load, "ListRooms", answer["cpu_us"], answer["rate"], answer["p50_us"],
                      answer["p99_us"], note=f"of {lab.listed_rooms + lab.ROOMS} rooms")

        page = field(4, 100)
        answer, reply = measure(page)
        report("first 100", answer)
        for _ in range(20):
            answer, reply = measure(page + field(5, string_field(reply, 2)), 0.002)
        report("21st 100", measure(page + field(5, string_field(reply, 2)))[0])
        report("mine", measure(page + field(2, 1))[0])
        report("joined", measure(page + field(3, 1))[0])
        searched = [(measure(page + field(1, word), 0.15)[0], word) for word in SEARCHES]
        searched.sort(key=lambda each: each[0]["p50_us"])
        for place, which in [("fastest", 0), ("median", len(searched) // 2), ("slowest", -1)]:
            answer, word = searched[which]
            report(f"search, {place}: {word}", answer)

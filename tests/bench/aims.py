# SPDX-License-Identifier: MIT
"""What the figures should be, and whether they are. Only what was measured is judged."""


def aims(table):
    """Rows of (what, figure, limit, whether it is met)."""
    get = table.get

    def quotient(a, b):
        return None if a is None or not b else a / b

    def cpu(operation, load, subject):
        return get(operation, load, subject, "cpu_us")

    at_most = [(f"GetRoomInfo {load}, x its floor", get("unary", load, "GetRoomInfo", "ratio"), 1.4)
               for load in ["64 x 1", "8 x 8"]]
    at_most += [(f"state to {load}, x its floor", get("fan-out", load, "state", "ratio"), 1.15)
                for load in ["1000 streams", "5000 streams", "4 x 1250"]]
    at_most += [(f"a StatusReport of {n} clients, x reading it",
                 get("report", f"{n} clients, 1/s each", "StatusReport", "ratio"), 1.3) for n in [100, 1000, 2000]]
    at_most += [
        ("state to 1000 streams, x a raw socket",
         quotient(cpu("fan-out", "1000 streams", "state"), cpu("fan-out", "1000 streams", "raw socket fan-out")), 1.8),
        ("chat to 1000 streams, p99 in ms",
         quotient(get("fan-out", "1000 streams", "chat", "p99_us"), 1000), 50),
        ("an idle stream of 1000, KiB", get("memory", "1000 streams", "idle stream", "kib"), 40),
        ("AddMovie's CPU, x (Seek + a batched insert)", get("durable write", "disk as it is", "AddMovie", "share"), 2),
        ("Login, x Argon2id", get("login", "8 x 4", "Login", "ratio"), 1.1),
        ("the slowest page of the room list, p50 in ms",
         quotient(max((row["p50_us"] for row in table.rows if row["operation"] == "room list"), default=None), 1000),
         5),
    ]
    for store in ["SQLite", "PostgreSQL"]:
        at_most += [
            (f"{store}: a room of 1000 members and 1000 movies, loaded in ms",
             quotient(get("load a room", "1000 members, 1000 movies", store, "p50_us"), 1000), 20),
            (f"{store}: 10000 rooms loaded hold up a write, ms",
             get("AddMovie meanwhile", "10000 rooms at once", store, "held_up_ms"), 100)]
    def seconds(operation, load, subject):
        return quotient(get(operation, load, subject, "p99_us"), 1e6)

    at_most += [(f"{store}: CPU of a state from A to B, x on one node",
                 get("state to a member", store, "A -> B", "ratio"), 2.5) for store in ["SQLite", "PostgreSQL"]]
    at_most += [
        ("CPU of danmaku from A to B, x on one node", get("10000 danmaku a second", "200 rooms", "A -> B", "ratio"), 2.5),
        ("danmaku lost, of any run", get("10000 danmaku a second", "200 rooms", "A -> B", "lost"), 0),
        ("an idle node of five, % of a core", get("idle", "5 nodes", "a node", "percent"), 1),
        ("ten times the traffic elsewhere, x a node's CPU", get("bystander", "10 nodes", "x 10", "ratio"), 1.05),
        ("who is online in 8900 rooms after a new link, s",
         seconds("after a new link", "8900 common rooms", "B knows A's people"), 2),
        ("a kick ends a stream at B, s", seconds("delay", "2 nodes", "a kick ends a stream at B"), 1),
        ("links cut: a change at B, s", seconds("delay", "2 nodes", "links cut: a change at B"), 2.5),
        ("healed: who is online at B, s", seconds("delay", "2 nodes", "healed: who is online at B"), 2),
        ("healed: one state, s", seconds("delay", "2 nodes", "healed: one state"), 2),
        ("suspect, s (heartbeat 1 s)", seconds("silence", "heartbeat 1000 ms", "suspect"), 4),
        ("dead, s (heartbeat 1 s)", seconds("silence", "heartbeat 1000 ms", "dead"), 7),
    ]
    people = "1000 people" if any(row["load"] == "1000 people" for row in table.rows) else "100 people"
    at_least = [
        ("C++ callback echo, x GetRoomInfo 64 x 1",
         quotient(cpu("unary", "64 x 1", "grpc++ callback echo"), cpu("unary", "64 x 1", "GetRoomInfo")), 1),
        ("grpc-js echo, x GetRoomInfo 64 x 1",
         quotient(cpu("unary", "64 x 1", "grpc-js echo"), cpu("unary", "64 x 1", "GetRoomInfo")), 4),
        ("durable writes with a slow fsync, x one at a time",
         get("durable write", "fsync + 5 ms", "AddMovie", "faster"), 10),
    ]
    at_least += [(f"{subject} in PostgreSQL, {disk}, x one connection",
                  get("write in PostgreSQL", disk, subject, "faster"), 3)
                 for disk in ["disk as it is", "fsync + 5 ms"] for subject in ["AddMovie", "chat"]]
    at_least += [
        ("syncplay-server's chat delivery, x ours", get("chat delivery", people, "syncplay-server", "ratio"), 6),
        ("syncplay-server's chat delivery, 16 at once, x ours",
         get("chat of 16 delivery", people, "syncplay-server", "ratio"), 6),
        ("syncplay-server's state delivery, x ours", get("state delivery", people, "syncplay-server", "ratio"), 6),
        ("syncplay-server's idle client, x ours", get("idle", people, "syncplay-server", "ratio"), 30),
        ("1000 joins in syncplay-server, x ours", get("join", "1000 people", "syncplay-server", "ratio"), 50),
    ]
    return ([(what, figure, f"<= {limit}", figure <= limit) for what, figure, limit in at_most if figure is not None] +
            [(what, figure, f">= {limit}", figure >= limit) for what, figure, limit in at_least if figure is not None])

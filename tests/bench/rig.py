# SPDX-License-Identifier: MIT
"""What the benchmarks are made with: processes, load drivers, messages as bytes, and the rows of the table."""
import contextlib
import json
import os
import re
import select
import selectors
import shutil
import signal
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import pg
PATIENCE = 180  # seconds that one answer of a driver may take

running = set()


class Missing(Exception):
    """A peer that is not installed."""


# ---- processes -----------------------------------------------------------------------------------------------------


class Process:
    """A server: ready once it has said so on stdout. `pid` is what its CPU time is read from."""

    def __init__(self, name, *command, env=None, preload=None, log=None):
        self.name = name
        full_env = {key: value for key, value in os.environ.items() if not key.startswith("SYNCTV__")}
        full_env.update(env or {})
        if preload:
            full_env["LD_PRELOAD"] = preload
        started = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=full_env)
        running.add(self.process)
        self.pid = self.process.pid
        line = read_line(self.process.stdout, 60)
        self.start_ms = (time.monotonic() - started) * 1000
        found = re.match(r"ready .*?(?:port=|grpc=127\.0\.0\.1:)(\d+)", line)
        if not found:
            self.stop()
            raise RuntimeError(f"{name} did not start: {line!r}")
        self.port = int(found.group(1))

    def stop(self):
        stop(self.process)

    def rss_kib(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def read_line(stream, timeout):
    """One line of a pipe of which no more than a line is there at a time."""
    until = time.monotonic() + timeout
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(max(0, until - time.monotonic())):
                raise RuntimeError("no answer in time")
            chunk = os.read(stream.fileno(), 65536)
            if not chunk:
                break
            line += chunk
    return line.decode()


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    running.discard(process)


def stop_all():
    for process in list(running):
        process.kill()
        process.wait()


# ---- messages ------------------------------------------------------------------------------------------------------


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, value):
    """A field of a protobuf message from bytes, str, int or float."""
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    return varint(number << 3) + varint(value)


def varint_at(message, at):
    """The number that is there, and where it ends."""
    value, shift = 0, 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def string_field(message, number):
    """The first string of that number in a message whose fields are all strings or messages; "" if there is none."""
    at = 0
    while at < len(message):
        tag, at = varint_at(message, at)
        length, at = varint_at(message, at)
        if tag == number << 3 | 2:
            return message[at:at + length].decode()
        at += length
    return ""


# ---- the laboratory ------------------------------------------------------------------------------------------------


class Lab:
    """Programs, a folder on the disk, a database with users and rooms, and how long and often to measure."""

    USERS = 10000
    ROOMS = 10500
    LARGE_ROOMS = 24
    LIMITS = dict.fromkeys(
        ["login_per_minute", "login_per_minute_per_address", "register_per_hour", "hash_per_minute",
         "calls_per_second", "chat_per_second", "danmaku_per_second", "room_danmaku_per_second", "control_per_second",
         "ping_per_second", "status_per_second"], 0) | {
             "members_per_room": 10000, "movies_per_room": 10000, "streams_per_user": 1000000,
             "streams_per_connection": 100000, "connections_per_address": 100000, "rooms_per_user": 1000000,
             "memberships_per_user": 1000000}

    def __init__(self, build, folder, quick):
        self.bin = os.path.join(build, "tests", "bench")
        self.server_binary = os.path.join(build, "server", "synctv-server")
        self.folder = folder
        self.quick = quick
        self.repetitions = 3 if quick else 5
        self.seconds = 0.3 if quick else 0.5
        self.listed_rooms = 10000 if quick else 100000
        self.n_files = 0
        self.database = self.path("bench.db")
        self.config = self.path("bench.ini")
        with open(self.config, "w", encoding="ascii") as file:
            file.write("[limits]\n" + "".join(f"{key} = {value}\n" for key, value in self.LIMITS.items()))
        self.tokens = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def program(self, name):
        path = os.path.join(self.bin, name)
        if not os.path.exists(path):
            raise Missing(f"{name} was not built")
        return path

    def seed(self):
        done = subprocess.run([self.program("bench_seed"), self.database, str(self.USERS), str(self.ROOMS),
                               str(self.listed_rooms), str(self.LARGE_ROOMS)], check=True, capture_output=True, text=True, timeout=300)
        self.tokens = done.stdout.split()

    def run(self, program, *args, preload=None):
        """A program that prints one line of JSON."""
        env = dict(os.environ, **({"LD_PRELOAD": preload} if preload else {}))
        done = subprocess.run([self.program(program), *map(str, args)], check=True, capture_output=True, text=True,
                              timeout=PATIENCE, env=env)
        return json.loads(done.stdout)

    def server(self, database=None, options=("--log-level", "error"), **kwargs):
        """`database`: a file of SQLite's, or a URL."""
        url = database or self.database
        return Process("synctv", self.server_binary, "--listen", "127.0.0.1:0", "--db",
                       url if "://" in url else "sqlite:" + url, "--config", self.config, *options, **kwargs)

    @contextlib.contextmanager
    def postgres(self, preload=None):
        """A PostgreSQL server of its own that waits for the disk, with what is in the database; raises Missing."""
        self.program("postgres_floor")
        if pg.binaries() is None or (os.geteuid() == 0 and pg.account() is None):
            raise Missing("PostgreSQL")
        folder = tempfile.mkdtemp(prefix="synctv-bench-pg-", dir="/var/tmp")  # not in memory, as /tmp may be
        env = {"SYNCTV_TEST_POSTGRES_FSYNC": "1"}
        if preload:
            env["LD_PRELOAD"] = shutil.copy(preload, folder)
        database = Database(pg.Server(folder, env))
        try:
            database.server.create()
            os.chmod(folder, 0o755)
            database.server.start()
            with self.server(database.url):
                pass  # it makes the tables
            database.copy(self.database)
            yield database
        finally:
            database.server.remove()

    def floor(self, name, *args):
        return Process(name, self.program(name), *map(str, args))

    def peer(self, name):
        """A server to compare with; raises Missing."""
        peers = os.path.join(HERE, "peers")
        if name == "grpc++ callback":
            return Process(name, self.program("cpp_echo"))
        if name == "grpc-js":
            node = shutil.which("node")
            if not node or not os.path.isdir(os.path.join(peers, "node_modules")):
                raise Missing("node and its packages")
            return Process(name, node, os.path.join(peers, "server.js"))
        if name == "grpcio":
            if subprocess.run(["/usr/bin/python3", "-c", "import grpc"], capture_output=True, check=False).returncode:
                raise Missing("python3-grpcio")
            return Process(name, "/usr/bin/python3", os.path.join(peers, "echo.py"))
        if name == "syncplay-server":
            if not os.path.exists("/usr/lib/python3/dist-packages/syncplay/server.py"):
                raise Missing("syncplay-server")
            return Process(name, "/usr/bin/python3", os.path.join(peers, "syncplay_server.py"))
        raise ValueError(name)

    def targets(self, lines):
        """A file for a driver from (token, room, body)."""
        self.n_files += 1
        path = self.path(f"targets-{self.n_files}")
        with open(path, "w", encoding="ascii") as file:
            file.writelines(f"{token or '-'} {room or '-'} {body.hex() or '-'}\n" for token, room, body in lines)
        return path


class Database:
    """A PostgreSQL server, its data, and what it costs."""
    TABLES = ["meta", "users", "sessions", "session_hashes", "rooms", "members", "movies", "playback"]
    ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"})

    def __init__(self, server):
        self.server = server

    @property
    def url(self):
        return self.server.url

    def copy(self, path):
        """Takes over what is in a database of SQLite's. What the search for rooms needs is left out."""
        psql = [os.path.join(self.server.bin, "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", self.url]
        with contextlib.closing(sqlite3.connect(path)) as db, tempfile.TemporaryFile("w+") as script:
            script.write(f"SET session_replication_role = replica;\nTRUNCATE {', '.join(self.TABLES)} CASCADE;\n")
            for table in self.TABLES:
                columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")
                           if (table, row[1]) not in (("rooms", "key"), ("movies", "nr"))]
                script.write(f"COPY {table} ({', '.join(columns)}) FROM STDIN;\n")
                for row in db.execute(f"SELECT {', '.join(columns)} FROM {table}"):
                    script.write("\t".join(map(self._text, row)) + "\n")
                script.write("\\.\n")
            script.write("VACUUM ANALYZE;\nCHECKPOINT;\n")
            script.seek(0)
            subprocess.run(psql, stdin=script, stdout=subprocess.DEVNULL, check=True, timeout=PATIENCE)

    def _text(self, value):
        if isinstance(value, bytes):
            return r"\\x" + value.hex()
        return value.translate(self.ESCAPES) if isinstance(value, str) else repr(value)

    def cpu_s(self):
        """User and system time of the server's processes, ended ones too."""
        with open(os.path.join(self.server.data, "postmaster.pid"), encoding="ascii") as file:
            pid = int(file.readline())
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            children = file.read().split()
        ticks = sum(stat_of(pid, 13, 17))
        for child in children:
            with contextlib.suppress(OSError):
                ticks += sum(stat_of(child, 13, 15))
        return ticks / os.sysconf("SC_CLK_TCK")


def stat_of(pid, first, end):
    """Numbers of /proc/PID/stat; 13 and 14 are user and system time, 15 and 16 those of ended children."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return map(int, ("x x" + file.read().rpartition(")")[2]).split()[first:end])


def room_id(number):
    return f"r{number:011d}"


class Driver:
    """A load driver at a server. Each command is answered with a dictionary: at once, or send() and answer() apart.
    `beside`: servers whose CPU time counts, too."""

    def __init__(self, lab, server, program="bench_driver", args=None, beside=(), **options):
        self.server = server
        if args is None:
            args = ["--port", server.port]
            for process in [server, *beside]:
                args += ["--pid", process.pid]
            for key, value in options.items():
                args += ["--" + key.replace("_", "-")] + ([] if value is True else [value])
        self.process = subprocess.Popen([lab.program(program), *map(str, args)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        running.add(self.process)

    def __call__(self, *words):
        self.send(*words)
        return self.answer()

    def send(self, *words):
        self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
        self.process.stdin.flush()

    def has_answered(self):
        return bool(select.select([self.process.stdout], [], [], 0)[0])

    def answer(self):
        line = read_line(self.process.stdout, PATIENCE)
        if not line:
            raise RuntimeError(f"the driver of {self.server.name} gave up")
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stop(self.process)


# ---- the table -----------------------------------------------------------------------------------------------------


class Table:
    """Rows of what was measured. A figure is the median of the repetitions; a ratio is the median of their ratios."""

    def __init__(self):
        self.rows = []

    def add(self, operation, load, subject, cpu_us=None, rate=None, p50_us=None, p99_us=None, ratio=None, note="",
            **more):
        """`more` is for the aims and the JSON."""
        self.rows.append({"operation": operation, "load": load, "subject": subject, "cpu_us": cpu_us, "rate": rate,
                          "p50_us": p50_us, "p99_us": p99_us, "ratio": ratio, "note": note, **more})
        print(f"  {operation}, {load}: {subject} {number(cpu_us)} µs {note}", file=sys.stderr, flush=True)

    def add_group(self, operation, load, results, floor, notes=None, **more):
        """`results`: subject -> a list of a driver's answers, one for each repetition."""
        for subject, runs in results.items():
            def middle(key, runs=runs):
                return statistics.median(run[key] for run in runs) if key in runs[0] else None

            self.add(operation, load, subject, middle("cpu_us"), middle("rate"), middle("p50_us"), middle("p99_us"),
                     times(runs, results[floor]), (notes or {}).get(subject, ""), **more)

    def get(self, operation, load, subject, key):
        """None if it was not measured."""
        return next((row.get(key) for row in self.rows
                     if (row["operation"], row["load"], row["subject"]) == (operation, load, subject)), None)

    def print(self):
        columns = ["operation", "load", "subject", "CPU µs/op", "rate/s", "p50 µs", "p99 µs", "ratio", "note"]
        lines = [[row["operation"], row["load"], row["subject"], number(row["cpu_us"]), number(row["rate"]),
                  number(row["p50_us"]), number(row["p99_us"]), number(row["ratio"]), row["note"]]
                 for row in self.rows]
        widths = [max(len(line[i]) for line in [columns, *lines]) for i in range(len(columns))]
        previous = None
        for line in [columns, *lines]:
            if previous not in (None, line[:2]):
                print()
            previous = line[:2]
            print("  ".join(cell.ljust(width) if i in (0, 1, 2, 8) else cell.rjust(width)
                            for i, (cell, width) in enumerate(zip(line, widths))).rstrip())


def times(runs, base):
    """How many times the CPU of `base` it took: the median over the repetitions, which were measured in turns."""
    return statistics.median(run["cpu_us"] / other["cpu_us"] for run, other in zip(runs, base))


def number(value):
    if value is None:
        return ""
    if value >= 1000:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def interleave(lab, contenders):
    """contenders: subject -> a function that measures once. Each in turn, lab.repetitions times."""
    results = {subject: [] for subject in contenders}
    for _ in range(lab.repetitions):
        for subject, measure in contenders.items():
            results[subject].append(measure())
    return results

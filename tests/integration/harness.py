# SPDX-License-Identifier: MIT
"""What the integration tests share: TAP, a directory of their own, stubs, and a real synctv-server.

A suite is a program: SUITE.py SYNCTV_SERVER PROTO_DIR. It registers its tests with @test("a sentence") and ends with
run(). Each wait is for an event and has a deadline; nothing sleeps to let something happen.
"""
import atexit
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

if len(sys.argv) != 3:
    sys.exit(f"usage: {sys.argv[0]} SYNCTV_SERVER PROTO_DIR")
SERVER_BINARY, PROTO_DIR = (os.path.abspath(path) for path in sys.argv[1:])
GRPC_PROTO_DIR = "/usr/share/grpc-proto/grpc"
DEADLINE = 30  # seconds that any single event may take, on a busy machine and under a sanitizer
PASSWORD = "correct horse"

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what clients of ours think of bad certificates
directory = tempfile.mkdtemp(prefix="synctv-test-")
atexit.register(shutil.rmtree, directory, ignore_errors=True)


def diag(text):
    """A remark in the log of the test."""
    for line in str(text).splitlines():
        print("#", line, flush=True)


def temp_path(name):
    """A path in the suite's own directory that does not exist yet."""
    temp_path.count += 1
    return os.path.join(directory, f"{temp_path.count}-{name}")


temp_path.count = 0


def write_file(name, text, mode=0o600):
    path = temp_path(name)
    with open(path, "w", encoding="utf-8", opener=lambda p, flags: os.open(p, flags, mode)) as file:
        file.write(text)
    return path


# ---- stubs -------------------------------------------------------------------------------------------------------

STUBS = os.path.join(directory, "stubs")


def make_stubs():
    """Generated as the README tells the user to. Health and reflection get folders, as the package grpc is taken."""
    os.mkdir(STUBS)
    here = os.path.dirname(os.path.abspath(__file__))
    plugin = shutil.which("grpc_python_plugin")
    ours = [name for name in sorted(os.listdir(PROTO_DIR)) if name.endswith(".proto")]
    subprocess.run(
        ["protoc", f"-I{PROTO_DIR}", f"-I{here}", f"-Ihealth_v1={GRPC_PROTO_DIR}/health/v1",
         f"-Ireflection_v1={GRPC_PROTO_DIR}/reflection/v1",
         f"-Ireflection_v1alpha={GRPC_PROTO_DIR}/reflection/v1alpha",
         f"--plugin=protoc-gen-grpc_python={plugin}", f"--python_out={STUBS}", f"--grpc_python_out={STUBS}",
         "rpc_status.proto", "health_v1/health.proto", "reflection_v1/reflection.proto",
         "reflection_v1alpha/reflection.proto", *ours],
        check=True, stdin=subprocess.DEVNULL, timeout=60)
    sys.path.insert(0, STUBS)


make_stubs()

# ---- the server --------------------------------------------------------------------------------------------------

# For suites that make many users; what limits do by default is tested in errors.py.
NO_LIMITS = {"limits": dict.fromkeys(
    ["login_per_minute", "login_per_minute_per_address", "register_per_hour", "hash_per_minute", "calls_per_second",
     "chat_per_second", "danmaku_per_second", "room_danmaku_per_second", "control_per_second", "ping_per_second",
     "status_per_second"], 0)}
COMPLAINTS = ("Sanitizer", "runtime error:", " error ", "assert", "Assertion")


def config_file(config):
    """An INI file from {section: {key: value}}."""
    lines = []
    for section, keys in config.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {value}" for key, value in keys.items()]
    return write_file("synctv.ini", "\n".join(lines) + "\n")


def environment(extra=None):
    """Ours without settings of the server that somebody may have set. Who wants HTTP says where."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("SYNCTV__")}
    env["SYNCTV__HTTP__LISTEN"] = ""
    env.update(extra or {})
    return env


def run_program(*args, stdin="", env=None, cwd=None):
    """Runs synctv-server to its end: (exit status, stdout, stderr)."""
    done = subprocess.run([SERVER_BINARY, *args], input=stdin, capture_output=True, text=True, timeout=DEADLINE,
                          env=environment(env), cwd=cwd or directory)
    return done.returncode, done.stdout, done.stderr


class Server:
    """A synctv-server that is ready. Use it in `with`, which stops it and demands that it ends well."""

    running = set()

    def __init__(self, *options, config=None, db="memory:", listen="127.0.0.1:0", env=None,
                 complaints_expected=False, preexec_fn=None):
        self.db = db
        self.complaints_expected = complaints_expected
        command = [SERVER_BINARY, "--listen", listen, "--db", db]
        if config:
            command += ["--config", config_file(config)]
        self.stderr_path = temp_path("stderr")
        started = time.monotonic()
        with open(self.stderr_path, "wb") as stderr:
            self.process = subprocess.Popen(command + list(options), stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=stderr, env=environment(env),
                                            cwd=directory, preexec_fn=preexec_fn)
        Server.running.add(self)
        try:
            self.ready = self._wait_for_ready_line()
        except BaseException:
            self.kill()
            raise
        self.start_ms = (time.monotonic() - started) * 1000
        self.address = self.ready["grpc"]
        self.node_id = self.ready["node"]

    def _wait_for_ready_line(self):
        until = time.monotonic() + DEADLINE
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(until - time.monotonic()):
                    raise AssertionError("no ready line in time; stderr: " + self.stderr())
                chunk = os.read(self.process.stdout.fileno(), 4096)
                if not chunk:
                    raise AssertionError(f"ended with {self.process.wait(DEADLINE)}: {self.stderr()}")
                line += chunk
        word, *fields = line.decode().split()
        assert word == "ready", line
        return dict(field.split("=", 1) for field in fields)

    @property
    def pid(self):
        return self.process.pid

    def stderr(self):
        with open(self.stderr_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def send_signal(self, signum):
        self.process.send_signal(signum)

    def wait(self, timeout=DEADLINE):
        """Until the process has ended; its exit status."""
        status = self.process.wait(timeout)
        self.process.stdout.close()
        Server.running.discard(self)
        return status

    def stop(self, signum=signal.SIGTERM):
        """The ordinary end: exit 0, and nothing bad on stderr."""
        self.send_signal(signum)
        status = self.wait()
        assert status == 0, f"exit status {status}; stderr: {self.stderr()}"
        self.check_stderr()

    def check_stderr(self):
        bad = [line for line in self.stderr().splitlines() if any(word in line for word in COMPLAINTS)]
        assert self.complaints_expected or not bad, "on stderr: " + "\n".join(bad)

    def kill(self):
        """kill -9"""
        if self.process.poll() is None:
            self.process.kill()
        self.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self not in Server.running:
            return
        if kind is None:
            self.stop()
        else:
            diag(self.stderr())
            self.kill()


# ---- assertions --------------------------------------------------------------------------------------------------


def equal(got, wanted, what=""):
    assert got == wanted, f"{what or 'got'}: {got!r} instead of {wanted!r}"


def eventually(look, what, timeout=DEADLINE, every=0.01):
    """Asks until look() is true, for what nobody announces. Returns what it said."""
    until = time.monotonic() + timeout
    pause = threading.Event()
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < until, f"not in {timeout} s: {what}"
        pause.wait(every)


# ---- TAP ---------------------------------------------------------------------------------------------------------

_tests = []


def test(name):
    """Registers a test under a sentence."""
    def register(function):
        _tests.append((name, function))
        return function
    return register


def _end_servers():
    for server in list(Server.running):
        server.kill()


class Skip(Exception):
    """What a test needs is not on this machine."""


def run():
    """Runs all tests in their order, or those with ONLY in the name, prints TAP and exits."""
    atexit.register(_end_servers)
    only = os.environ.get("ONLY", "")
    _tests[:] = [(name, function) for name, function in _tests if only in name]
    print(f"1..{len(_tests)}", flush=True)
    failed = 0
    for number, (name, function) in enumerate(_tests, 1):
        started = time.monotonic()
        try:
            function()
            print(f"ok {number} - {name}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {number} - {name}", flush=True)
            diag(traceback.format_exc())
        took = time.monotonic() - started
        if took > float(os.environ.get("SYNCTV_TEST_SLOW", 3)):
            diag(f"took {took:.1f} s")
    _end_servers()
    shutil.rmtree(directory, ignore_errors=True)
    sys.stdout.flush()
    os._exit(1 if failed else 0)  # gRPC's threads are not waited for

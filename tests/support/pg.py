#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a program with a PostgreSQL server of its own, which is gone afterwards, however the program ends.

    pg.py PROGRAM [ARGUMENT...]

The program finds it by these variables; without Debian's package postgresql they are missing, and it has to do without:

    SYNCTV_TEST_POSTGRES      postgres://synctv@127.0.0.1:PORT/postgres
    SYNCTV_TEST_POSTGRES_DIR  its data folder

The server is no root, listens on loopback only, sorts text as people do (ICU, en-US), and does not wait for the disk unless
SYNCTV_TEST_POSTGRES_FSYNC is set. Should this be killed, the server notices and ends, too.
"""
import glob
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

START_S = 120


def binaries():
    """The newest version's folder; None = there is none."""
    found = glob.glob("/usr/lib/postgresql/*/bin/postgres")
    found.sort(key=lambda path: float(path.split("/")[4]))
    return os.path.dirname(found[-1]) if found else None


def account():
    """Whom the server runs as: PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            pass
    return None


def as_owner(owner):
    return {} if owner is None else {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, folder=None, env=None):
        """`env`: what its environment has more than ours."""
        self.env = dict(os.environ, **(env or {}))
        self.bin = binaries()
        self.owner = account()
        self.folder = folder or tempfile.mkdtemp(prefix="synctv-pg-")
        self.data = os.path.join(self.folder, "data")
        self.port = free_port()
        self.process = None

    @property
    def url(self):
        return f"postgres://synctv@127.0.0.1:{self.port}/postgres"

    def _run(self, *command):
        done = subprocess.run(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=START_S, check=False, **as_owner(self.owner))
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]}: {done.stdout.decode(errors='replace')}")
        return done.stdout.decode().strip()

    def create(self):
        if self.owner is not None:
            os.chown(self.folder, self.owner.pw_uid, self.owner.pw_gid)
        self._run(f"{self.bin}/initdb", "-D", self.data, "-U", "synctv", "-A", "trust", "-E", "UTF8", "--no-sync",
                  "--no-instructions", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as conf:
            conf.write(f"""
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = {'on' if self.env.get('SYNCTV_TEST_POSTGRES_FSYNC') else 'off'}
max_connections = 100
shared_buffers = 32MB
logging_collector = off
log_min_messages = fatal
""")

    def copy(self, primary, name):
        """Instead of create(): a standby of this server, under this name."""
        if self.owner is not None:
            os.chown(self.folder, self.owner.pw_uid, self.owner.pw_gid)
        self._run(f"{self.bin}/pg_basebackup", "-D", self.data, "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
                  "-d", f"host=127.0.0.1 port={primary.port} user=synctv application_name={name}")

    def promote(self):
        """Of a standby: it takes writes when this returns."""
        self._run(f"{self.bin}/pg_ctl", "promote", "-w", "-D", self.data)

    def sql(self, query):
        """What it answers, or raises."""
        return self._run(f"{self.bin}/psql", "-X", "-A", "-t", "-q", "-d", self.url, "-v", "ON_ERROR_STOP=1", "-c", query)

    def kill(self):
        """kill -9 of all its processes; its data stays, and start() starts it again."""
        with open(os.path.join(self.data, "postmaster.pid"), encoding="ascii") as state:
            postmaster = int(state.readline())
        with open(f"/proc/{postmaster}/task/{postmaster}/children", encoding="ascii") as children:
            pids = [postmaster, *map(int, children.read().split())]
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.process.stdin.close()
        self.process = None
        os.remove(os.path.join(self.data, "postmaster.pid"))

    def _state(self):
        """What it says of itself: the lines of postmaster.pid. One that was killed has left its own."""
        try:
            with open(os.path.join(self.data, "postmaster.pid"), encoding="ascii") as state:
                return state.read().split("\n")
        except OSError:
            return [""]

    def start(self, on_same_port=False):
        """Waits until it takes connections. The port may have been taken by somebody else meanwhile: then another one.
        Processes of one that was killed may be there yet: then it takes a few tries."""
        for _ in range(50 if on_same_port else 5):
            before = self._state()[0]
            self.process = subprocess.Popen(
                [sys.executable, __file__, "--serve", self.bin, self.folder, str(self.port)],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=self.env, start_new_session=True)
            if self._wait(before):
                return
            self.stop()
            if on_same_port:
                time.sleep(0.1)
            else:
                self.port = free_port()
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as log:
            raise RuntimeError("the server does not start: " + log.read())

    def _wait(self, before):
        """Whether it says itself that it is ready, and not one that was there before."""
        for _ in range(START_S * 10):
            lines = self._state()
            if len(lines) > 7 and lines[0] != before and lines[7].strip() == "ready":
                return True
            if self.process.poll() is not None:
                return False
            time.sleep(0.1)
        return False

    def stop(self):
        """Its keeper ends it when the pipe is closed."""
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()
            self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def serve(folder_of_binaries, folder, port):
    """The server's keeper: ends it at once, and its data, when whoever has started this is gone."""
    owner = account()
    with open(os.path.join(folder, "log"), "a", encoding="utf-8") as log:
        server = subprocess.Popen([f"{folder_of_binaries}/postgres", "-D", os.path.join(folder, "data"), "-p", port],
                                  cwd=folder,
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                  **as_owner(owner))
    while server.poll() is None and not select.select([sys.stdin], [], [], 0.2)[0]:
        pass
    if server.poll() is not None:
        return  # it did not start, or was killed: its folder has the reason
    for sign in (signal.SIGCONT, signal.SIGQUIT):
        try:
            server.send_signal(sign)
        except ProcessLookupError:
            pass
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    shutil.rmtree(folder, ignore_errors=True)


def main(command):
    if binaries() is None or (os.geteuid() == 0 and account() is None):
        os.execv(command[0], command)
    server = Server()
    try:
        server.create()
        server.start()
        os.environ["SYNCTV_TEST_POSTGRES"] = server.url
        os.environ["SYNCTV_TEST_POSTGRES_DIR"] = server.data
        with subprocess.Popen(command) as program:
            for sign in (signal.SIGTERM, signal.SIGINT):
                signal.signal(sign, lambda number, frame: program.send_signal(number))
            status = program.wait()
        return status if status >= 0 else 128 - status
    finally:
        server.remove()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(*sys.argv[2:])
    else:
        sys.exit(main(sys.argv[1:]))

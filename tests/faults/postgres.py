#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A server on a PostgreSQL, which tests/support/pg.py has started: whose clock counts, and what follows from a COMMIT of
which nobody knows what became of it. Without a PostgreSQL there is nothing to test."""
import glob
import os
import subprocess
import threading
import time

from faults import Control, Server, equal, eventually, limits, run, test
from client import fails, login, movie, pb, register

URL = os.environ.get("SYNCTV_TEST_POSTGRES")
HOUR = 3600 * 1000
SLACK_MS = 30000  # that a busy machine may lose between two of our calls


def sql(*commands):
    """Each command in a transaction of its own; the last one's rows."""
    psql = sorted(glob.glob("/usr/lib/postgresql/*/bin/psql"))[-1]
    args = [psql, "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", URL]
    for command in commands:
        args += ["-c", command]
    return subprocess.run(args, check=True, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL).stdout.split()


class NoStandby:
    """COMMITs wait for a standby that does not exist."""

    def __enter__(self):
        sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")
        eventually(lambda: sql("SHOW synchronous_standby_names") == ["nobody"], "the server has read its settings")
        return self

    def give_up(self):
        """Those that wait wait no longer: they are stored here, and on no standby."""
        eventually(lambda: sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"),
                   "a COMMIT that waits")

    def __exit__(self, kind, value, trace):
        sql("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
        eventually(lambda: sql("SHOW synchronous_standby_names") == [], "the server has read its settings")


def in_doubt(call, **fields):
    """Calls, while the COMMIT is told to wait no longer."""
    with NoStandby() as standby:
        thread = threading.Thread(target=standby.give_up)
        thread.start()
        fails("UNKNOWN", "OUTCOME_UNKNOWN", call, **fields)
        thread.join()


if URL:
    @test("what may have been stored or not is read again, and told")
    def _():
        with Server(config=limits(), db=URL, complaints_expected=True) as server:
            host, guest = register(server, "host"), register(server, "guest")
            room = host.CreateRoom(name="room").room
            guest.JoinRoom(room_id=room.id)
            stream = guest.stream(room.id)
            stream.expect("room_state")
            in_doubt(host.AddMovie, room_id=room.id, movie=movie("Maybe"))
            equal(stream.expect("movies").movie.name, "Maybe")
            equal([m.name for m in guest.GetMovieList(room_id=room.id).movies], ["Maybe"])
            in_doubt(host.KickMember, room_id=room.id, user_id=guest.id)
            equal(stream.end().reason, "MEMBER_KICKED")
            in_doubt(guest.Logout)
            fails("UNAUTHENTICATED", "SESSION_ENDED", guest.GetProfile)

    @test("the node's clock is the database server's, whatever the machine's says")
    def _():
        control = Control()
        control.clock_offset_ms = HOUR
        with Server(config=limits(), db=URL, env=control.env) as server:
            host = register(server, "clock")
            room = host.CreateRoom(name="room").room
            stream = host.stream(room.id)
            stream.expect("room_state")
            host.AddMovie(room_id=room.id, movie=movie(duration=7200))
            host.SetCurrentMovie(room_id=room.id, movie_id=stream.expect("movies").movie.id, autoplay=True)
            version = stream.expect("room_state", where=lambda state: state.movie_id).version
            for offset in (HOUR, -HOUR, 0):
                control.clock_offset_ms = offset
                until = time.monotonic() + 2.5  # it follows each second
                while time.monotonic() < until:
                    stream.send(ping=pb.PingMessage(client_time=1))
                    ahead = stream.expect("pong").server_send_time - time.time() * 1000
                    assert abs(ahead) < SLACK_MS, f"{ahead} ms ahead, with the machine's clock off by {offset} ms"
            state = host.GetRoomInfo(room_id=room.id).state
            equal(state.version, version)
            assert "clock was" not in server.stderr(), server.stderr()


run()

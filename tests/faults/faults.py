# SPDX-License-Identifier: MIT
"""What the tests of faults share beyond those of integration: a server whose clock and disk do as they are told, what
it uses of the machine, and many clients in one thread (h2.py)."""
import mmap
import os
import re
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "integration")]

# pylint: disable=wrong-import-position,unused-import
from harness import (DEADLINE, NO_LIMITS, PASSWORD, SERVER_BINARY, Server, config_file, diag, directory, environment, equal, eventually,  # noqa: E402,F401
                     run, run_program, temp_path, test)

SHIM = os.environ.get("FAULTS_SHIM", "")
# A sanitizer's memory is its own, and it is slow.
SANITIZED = os.environ.get("FAULTS_SANITIZE", "none") != "none"


def limits(**more):
    """A configuration without rates, and with these limits."""
    return {"limits": {**NO_LIMITS["limits"], "rooms_per_user": 10000, "memberships_per_user": 10000,
                       "streams_per_user": 10000, **more}}


class Control:
    """What control.h says: control.clock_offset_ms = 5000, control.hold_syncs = 1, …"""

    FIELDS = ("clock_offset_ms", "hold_syncs", "held", "syncs", "full", "refused", "fail_in", "failed")

    def __init__(self):
        path = temp_path("control")
        with open(path, "wb") as file:
            file.truncate(mmap.PAGESIZE)
        with open(path, "r+b") as file:
            self.__dict__["memory"] = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        self.__dict__["env"] = {"FAULTS_CONTROL": path, **({"LD_PRELOAD": SHIM} if SHIM else {})}

    def __getattr__(self, name):
        return struct.unpack_from("q", self.memory, 8 * self.FIELDS.index(name))[0]

    def __setattr__(self, name, value):
        struct.pack_into("q", self.memory, 8 * self.FIELDS.index(name), value)


def database(name="db"):
    """A place for a database of its own: (path, what --db takes)."""
    path = os.path.join(temp_path(name), "synctv.db")
    return path, "sqlite:" + path


def resident_bytes(pid):
    """What a process holds in memory of its own, without files."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"^RssAnon:\s+(\d+) kB", file.read(), re.M).group(1)) * 1024


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def mib(n):
    return f"{n / 1048576:.1f} MiB"

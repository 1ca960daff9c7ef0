# SPDX-License-Identifier: MIT
"""Networks that can be cut, of this test alone: of the clients and servers, of the servers among themselves, of the servers and
the database. Each server is in a network namespace of its own, as on a machine of its own, with a cable to each of the three.

    in_own_namespace()          first of all: the program starts again in a namespace of its own, if it may have one
    network = Network("abc")
    network.cut("a", "peers")   what is sent goes nowhere, and nobody is told
    network.heal()
"""
import ctypes
import os
import shutil
import subprocess
import sys

CLIENTS, PEERS, DATABASE = "clients", "peers", "database"
SUBNETS = {CLIENTS: "10.90.0", PEERS: "10.91.0", DATABASE: "10.92.0"}
HERE = 254  # the test's own address in each of them
CLONE_NEWNET = 0x40000000
MARK = "SYNCTV_TEST_OWN_NAMESPACE"


def in_own_namespace():
    """Returns whether the program is in one."""
    if MARK in os.environ:
        ip("link", "set", "lo", "up")
        return True
    may = shutil.which("ip") and shutil.which("unshare") and subprocess.run(
        ["unshare", "--net", "ip", "link", "add", "name", "try", "type", "bridge"], stdin=subprocess.DEVNULL, capture_output=True,
        timeout=30, check=False).returncode == 0
    if not may:
        return False
    sys.stdout.flush()
    os.execvpe("unshare", ["unshare", "--net", sys.executable, "-B", *sys.argv], {**os.environ, MARK: "1"})
    raise AssertionError("not reached")


def ip(*words, of=None):
    """@of  the process in whose namespace; None = here"""
    there = ["nsenter", f"--net=/proc/{of}/ns/net"] if of else []
    subprocess.run([*there, "ip", *words], check=True, stdin=subprocess.DEVNULL, timeout=30)


class Network:
    def __init__(self, ids):
        self.ids = list(ids)
        self.holders = {}  # processes that keep the namespaces
        self.is_cut = set()  # (node id, which network)
        for which, subnet in SUBNETS.items():
            ip("link", "add", "name", which, "type", "bridge")
            ip("address", "add", f"{subnet}.{HERE}/24", "dev", which)
            ip("link", "set", which, "up")
        for node_id in self.ids:
            self.add(node_id)

    def add(self, node_id):
        # It says that it is there, in its namespace, by a line.
        holder = self.holders[node_id] = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; read line"],
                                                          stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        holder.stdout.readline()
        ip("link", "set", "lo", "up", of=holder.pid)
        for which in SUBNETS:
            cable = self.cable(node_id, which)
            ip("link", "add", "name", cable, "type", "veth", "peer", "name", which, "netns", str(holder.pid))
            ip("link", "set", cable, "master", which, "up")
            ip("address", "add", self.address(node_id, which) + "/24", "dev", which, of=holder.pid)
            ip("link", "set", which, "up", of=holder.pid)

    @staticmethod
    def cable(node_id, which):
        return f"{which}-{node_id}"

    def address(self, node_id, which):
        return f"{SUBNETS[which]}.{self.ids.index(node_id) + 1}"

    def enters(self, node_id):
        """What a process calls to be there."""
        path = f"/proc/{self.holders[node_id].pid}/ns/net"
        libc = ctypes.CDLL(None, use_errno=True)

        def enter():
            with open(path, "rb") as namespace:
                if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), path)
        return enter

    def cut(self, node_id, *which):
        for one in which:
            ip("link", "set", self.cable(node_id, one), "nomaster")
            self.is_cut.add((node_id, one))

    def heal(self):
        while self.is_cut:
            node_id, which = self.is_cut.pop()
            ip("link", "set", self.cable(node_id, which), "master", which)

    def close(self):
        for holder in self.holders.values():
            holder.stdin.close()
            holder.wait()
        for which in SUBNETS:
            ip("link", "delete", which)

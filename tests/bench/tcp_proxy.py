# SPDX-License-Identifier: MIT
"""A way between two members that can be blocked or broken."""
import contextlib
import selectors
import socket
import threading
import time

QUIET_S = 0.3
PULSE_BYTES = 1024  # what goes over a link in one direction while nothing happens


class TcpProxy:
    """Listens on `port`, which another program may not have taken yet, and passes everything on to `target`."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.peers = {}
        self.lock = threading.Lock()
        self.held = self.stopping = False
        self.chunks = []  # (time, bytes)
        self.burst_bytes = 0
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @staticmethod
    def free_port():
        with socket.create_server(("127.0.0.1", 0)) as one:
            return one.getsockname()[1]

    def _close(self, one):
        other = self.peers.pop(one, None)
        for end in (one, other):
            if end is not None:
                self.peers.pop(end, None)
                with contextlib.suppress(KeyError, ValueError):
                    self.selector.unregister(end)
                end.close()

    def _accept(self):
        one, _ = self.listener.accept()
        try:
            other = socket.create_connection(("127.0.0.1", self.target), timeout=5)
        except OSError:
            one.close()
            return
        for end, its_peer in ((one, other), (other, one)):
            end.settimeout(30)
            self.peers[end] = its_peer
            self.selector.register(end, selectors.EVENT_READ)

    def _pass_on(self, end):
        try:
            chunk = end.recv(65536)
            if chunk:
                self.peers[end].sendall(chunk)
                self.chunks.append((time.monotonic(), len(chunk)))
                return
        except OSError:
            pass
        self._close(end)

    def _run(self):
        while not self.stopping:
            if self.held:
                time.sleep(0.001)
                continue
            for key, _ in self.selector.select(0.01):
                with self.lock:
                    if self.held or self.stopping:
                        break
                    if key.fileobj is self.listener:
                        self._accept()
                    elif key.fileobj in self.peers:
                        self._pass_on(key.fileobj)

    def hold(self):
        """What is sent arrives nowhere, and nobody is told, until let_go()."""
        with self.lock:
            self.held = True

    def let_go(self):
        self.held = False

    def reset(self):
        with self.lock:
            for end in list(self.peers):
                self._close(end)
            self.chunks = []

    def burst(self):
        """How long it took, in seconds, until all came that is sent after reset(), but for what goes over a quiet link."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            time.sleep(QUIET_S)
            chunks = list(self.chunks)
            large = [at for at, size in chunks if size > PULSE_BYTES]
            if large and time.monotonic() - large[-1] > 2 * QUIET_S:
                self.burst_bytes = sum(size for _, size in chunks)
                return large[-1] - chunks[0][0]
        raise RuntimeError("the members have no new session")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join()
        for end in [self.listener, *self.peers]:
            end.close()

# SPDX-License-Identifier: MIT
"""A peer to compare with: Debian's syncplay-server with its defaults, on 127.0.0.1 and a free port, for which it has no options."""
import contextlib
import sys

from syncplay.server import SyncFactory
from twisted.internet import reactor

with contextlib.redirect_stdout(sys.stderr):
    factory = SyncFactory()
listening = reactor.listenTCP(0, factory, interface="127.0.0.1")
print(f"ready port={listening.getHost().port}", flush=True)
reactor.run()

# SPDX-License-Identifier: MIT
"""A client in a process of its own: follower.py ADDRESS TOKEN ROOM_ID. It follows a room, tells each stream that it opens
("open"), and how each ends ("end WHY"), and then opens another."""
import sys

from h2 import Connection, Loop

address, token, room_id = sys.argv[1:]
loop = Loop()


def say(line):
    print(line, flush=True)


while True:
    ends = []
    connection = Connection(loop, address)
    call = connection.call("MessageStream", token=token, metadata=[("x-room-id", room_id)], last=False)
    call.on_message = lambda made, _: say("open") if made.messages == 1 else None
    call.on_end = lambda _, why: ends.append(why)
    loop.run_until(lambda: ends, "the end", 3600)  # pylint: disable=cell-var-from-loop
    say(f"end {ends[0]}")
    connection.close()

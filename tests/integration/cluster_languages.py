#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clients in Python and in JavaScript, which share no code, in one room at different members of a cluster."""
import contextlib
import json
import os
import selectors
import shutil
import subprocess

from harness import DEADLINE, PROTO_DIR, SERVER_BINARY, Skip, equal, run, test
from client import chat, models, movie, pb
from cluster_rig import cluster, newcomers

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node", "guest.js")
TEXT = "日本語, naïve, \U0001F3AC\U0001F469\u200D\U0001F680"


class Guest:
    """Somebody in JavaScript: guest(register="bob", at="127.0.0.1:…"), as guest.js says."""

    def __init__(self):
        node = shutil.which("node") or shutil.which("nodejs")
        if node is None:
            raise Skip("there is no node")
        self.process = subprocess.Popen([node, PROGRAM, SERVER_BINARY, PROTO_DIR], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, **line):
        if "with_" in line:
            line["with"] = line.pop("with_")
        with contextlib.suppress(BrokenPipeError):  # the answer tells why
            self.process.stdin.write(json.dumps(line).encode() + b"\n")
            self.process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            assert selector.select(2 * DEADLINE), f"no answer to {line}"
        answer = self.process.stdout.readline().decode()
        if "SKIP" in answer:
            raise Skip(answer.partition("SKIP")[2].strip())
        answer = json.loads(answer)
        assert "ok" in answer, f"{line}: {answer.get('failed')}"
        return answer["ok"]

    def call(self, method, **fields):
        return self(call=method, with_=fields)

    def expect(self, kind, **fields):
        return self(expect=kind, with_=fields)

    def close(self):
        self.process.stdin.close()
        self.process.wait(DEADLINE)
        self.process.stdout.close()


@test("somebody in Python and somebody in JavaScript, at two members, hear and see each other in one room")
def _():
    with cluster("ab") as (a, b), contextlib.closing(Guest()) as bob:
        bob_id = bob(register="Bøb 🎬", at=b.address)["id"]
        alice, = newcomers(a, "alice")
        room = alice.CreateRoom(name="Film night " + TEXT, settings=models.RoomSettings(
            default_member_permissions=0x70000001C17)).room
        here = alice.stream(room.id)
        here.expect("room_state", cause=pb.STATE_CAUSE_SNAPSHOT)

        joined = bob.call("JoinRoom", room_id=room.id)
        equal((joined["room"]["name"], joined["member"]["permissions"]), (room.name, 0x70000001C17))
        here.expect("member", change=pb.MEMBER_CHANGE_JOINED, actor_id=bob_id)
        bob(stream=room.id)
        bob.expect("room_state", cause="STATE_CAUSE_SNAPSHOT")
        here.expect("member", change=pb.MEMBER_CHANGE_ONLINE)

        here.send("from alice", chat=chat("hello " + TEXT))
        heard = bob.expect("chat", content="hello " + TEXT)
        equal((heard["username"], heard["seq"], heard["client_message_id"]), (alice.name, 1, "from alice"))
        message_id = bob(send={"chat": {"content": "and back " + TEXT}})["message_id"]
        told = here.expect("chat", content="and back " + TEXT)
        equal((told.user_id, told.username, told.seq, told.client_message_id), (bob_id, "Bøb 🎬", 2, message_id))
        bob(send={"danmaku": {"content": TEXT, "video_time": 1.5, "color": "#00FF00"}})
        here.expect("danmaku", content=TEXT, video_time=1.5)

        film = alice.AddMovie(room_id=room.id, movie=movie(TEXT, headers={"Referer": "https://example.org"})).movie
        added = bob.expect("movies", change="LIST_CHANGE_ADDED")["movie"]
        equal((added["id"], added["name"], added["headers"]), (film.id, TEXT, {"Referer": "https://example.org"}))
        state = bob.call("SetCurrentMovie", room_id=room.id, movie_id=film.id)["state"]
        seen = here.expect("room_state", version=state["version"])
        equal((seen.movie_id, seen.status, seen.actor_id), (film.id, pb.PLAYBACK_STATUS_PAUSED, bob_id))
        sought = alice.Seek(room_id=room.id, position=77.25).state
        equal(bob.expect("room_state", version=sought.version)["current_time"], 77.25)
        bob(send={"seek": {"position": 33.5}})
        here.expect("room_state", current_time=33.5, actor_id=bob_id)

        answer = bob.call("GetRoomInfo", room_id=room.id)
        equal((answer["room"]["member_count"], answer["room"]["online_count"],
               sorted(member["user_id"] for member in answer["members"])), (2, 2, sorted((alice.id, bob_id))))
        history = bob.call("GetChatHistory", room_id=room.id)["messages"]
        equal([said["content"] for said in history], [said.content for said in alice.GetChatHistory(room_id=room.id).messages])
        alice.KickMember(room_id=room.id, user_id=bob_id, reason=TEXT)
        here.expect("member", change=pb.MEMBER_CHANGE_KICKED, reason=TEXT)
        bob(ends=["PERMISSION_DENIED", "MEMBER_KICKED"])
        here.close()


run()

# SPDX-License-Identifier: MIT
"""People who use a server: their calls, their streams, and what errors say."""
import itertools
import queue
import threading
import time

import grpc

from harness import DEADLINE, PASSWORD

import client_pb2 as pb
import client_pb2_grpc
import models_pb2 as models
import rpc_status_pb2

SERVICE = pb.DESCRIPTOR.services_by_name["ClientService"]
CHANNEL_OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
provoked = set()  # reasons that were seen
called = set()  # names of the methods that were called and succeeded, or said UNIMPLEMENTED


# ---- errors ------------------------------------------------------------------------------------------------------


class Failure:
    """What a failed call says: code, reason, domain, metadata, message and further details."""

    def __init__(self, error):
        self.code = error.code().name
        self.text = error.details()
        self.reason = self.domain = ""
        self.metadata = {}
        self.extra = []
        for key, value in error.trailing_metadata() or ():
            if key != "grpc-status-details-bin":
                continue
            status = rpc_status_pb2.Status.FromString(value)
            assert status.code == error.code().value[0], f"code {status.code} in the details of {self}"
            assert status.message == self.text, f"{status.message!r} in the details of {self}"
            for detail in status.details:
                if detail.type_url == "type.googleapis.com/google.rpc.ErrorInfo":
                    info = rpc_status_pb2.ErrorInfo.FromString(detail.value)
                    self.reason, self.domain, self.metadata = info.reason, info.domain, dict(info.metadata)
                else:
                    self.extra.append(detail)

    def __str__(self):
        return f"{self.code}/{self.reason} {self.metadata} {self.text!r}"


def fails(code, reason, call, *args, field=None, **kwargs):
    """Calls, and demands that exactly this comes back. Returns the Failure."""
    try:
        answer = call(*args, **kwargs)
    except grpc.RpcError as error:
        failure = Failure(error)
    else:
        raise AssertionError(f"{code}/{reason} was expected, but it went well: {str(answer)[:300]}")
    check_failure(failure, code, reason, field)
    return failure


def check_failure(failure, code, reason, field=None):
    assert (failure.code, failure.reason) == (code, reason), f"{failure} instead of {code}/{reason}"
    assert failure.domain == "synctv", f"domain {failure.domain!r}: {failure}"
    assert failure.text, "no sentence for people"
    provoked.add(reason)
    assert failure.metadata.get("field") == field, f"field {field!r} was expected: {failure}"
    if reason in ("RATE_LIMITED", "MEMBER_KICKED"):
        assert int(failure.metadata["retry_after_ms"]) > 0, failure
    else:
        assert "retry_after_ms" not in failure.metadata, failure


class Limit:
    """A limit of so many tries a minute, all of them at once at first. More come with time, however long the machine takes."""

    def __init__(self, per_minute):
        self.per_minute, self.looked_at, self.since = per_minute, 0, time.monotonic()
        self.refused = []  # Failures
        self.succeeded = 0  # of those looked at

    def count(self, end):
        if end != "OK" and end.reason == "RATE_LIMITED":
            check_failure(end, "RESOURCE_EXHAUSTED", "RATE_LIMITED")
            self.refused.append(end)
        else:
            self.looked_at += 1
            self.succeeded += end == "OK"

    def tries(self, call, times, **fields):
        """How many of so many tries were looked at; the others are RATE_LIMITED."""
        before = self.looked_at
        for _ in range(times):
            try:
                call(**fields)
                self.count("OK")
            except grpc.RpcError as error:
                self.count(Failure(error))
        return self.looked_at - before

    def held(self):
        most = self.per_minute * (1 + (time.monotonic() - self.since) / 60)
        assert self.per_minute <= self.looked_at <= most, (self.looked_at, most)


# ---- streams -----------------------------------------------------------------------------------------------------


class Stream:
    """A MessageStream. What has come waits in order; expect() takes the first that fits and drops what is before."""

    def __init__(self, stub, metadata):
        self.outbox = queue.Queue()
        self.came = []  # all there ever was
        self.taken = 0
        self.failure = None  # how it ended: a Failure or "OK"
        self.ids = itertools.count(1)
        self.condition = threading.Condition()
        self.call = stub.MessageStream(iter(self.outbox.get, None), metadata=metadata)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            for message in self.call:
                with self.condition:
                    self.came.append(message)
                    self.condition.notify_all()
            end = "OK"
        except grpc.RpcError as error:
            end = Failure(error)
        with self.condition:
            self.failure = end
            self.condition.notify_all()

    def send(self, message_id=None, timestamp=0, **payload):
        """send(chat=pb.ChatMessage(…)); returns the message_id."""
        message_id = f"c{next(self.ids)}" if message_id is None else message_id
        self.outbox.put(pb.ClientMessage(message_id=message_id, timestamp=timestamp, **payload))
        return message_id

    def next(self, timeout=DEADLINE):
        """The next message, whatever it is."""
        until = time.monotonic() + timeout
        with self.condition:
            while self.taken == len(self.came):
                left = until - time.monotonic()
                assert self.failure is None, f"the stream has ended: {self.failure}"
                if left <= 0:
                    raise AssertionError(f"nothing came in {timeout} s")
                self.condition.wait(left)
            self.taken += 1
            return self.came[self.taken - 1]

    def expect(self, kind, where=None, timeout=DEADLINE, **fields):
        """The first payload of this kind with these fields; what comes before it is dropped."""
        until = time.monotonic() + timeout
        dropped = []
        while True:
            try:
                message = self.next(max(until - time.monotonic(), 0))
            except AssertionError as error:
                raise AssertionError(f"no {kind} {fields} came: {error}; there came {str(dropped)[:3000]}") from None
            payload = getattr(message, kind)
            if message.WhichOneof("payload") == kind and all(
                    getattr(payload, key) == value for key, value in fields.items()) and (
                        where is None or where(payload)):
                return payload
            dropped.append(message)

    def refuses(self, reason, field=None, message_id=None, timestamp=0, **payload):
        """Sends, and demands this ErrorMessage as the answer."""
        message_id = self.send(message_id=message_id, timestamp=timestamp, **payload)
        error = self.expect("error", in_reply_to=message_id)
        assert error.code == reason and error.message, f"{error} instead of {reason}"
        assert error.details.get("field", None) == field, f"field {field!r} was expected: {error}"
        provoked.add(reason)
        return error

    def fence(self):
        """All that comes before the answer to a ping which is sent now."""
        mark = time.monotonic_ns()
        self.send(ping=pb.PingMessage(client_time=mark))
        before = []
        while True:
            message = self.next()
            if message.WhichOneof("payload") == "pong" and message.pong.client_time == mark:
                return before
            before.append(message)

    def end(self, timeout=DEADLINE):
        """Waits for the end; "OK" or a Failure."""
        with self.condition:
            assert self.condition.wait_for(lambda: self.failure is not None, timeout), "the stream goes on"
            return self.failure

    def ends_with(self, code, reason, field=None):
        end = self.end()
        assert end != "OK", f"{code}/{reason} was expected, but it ended well"
        check_failure(end, code, reason, field)
        return end

    def close(self):
        """Half-closes and waits until the server has closed, too."""
        self.outbox.put(None)
        assert self.end() == "OK", self.end()

    def cancel(self):
        self.call.cancel()
        self.end()


def kinds(messages):
    return [message.WhichOneof("payload") for message in messages]


# ---- people ------------------------------------------------------------------------------------------------------


class Person:
    """Calls by name with the request's fields as arguments: alice.CreateRoom(name="Movie night")."""

    def __init__(self, address, credentials=None, options=()):
        options = CHANNEL_OPTIONS + list(options)
        if credentials is None:
            self.channel = grpc.insecure_channel(address, options)
        else:
            self.channel = grpc.secure_channel(address, credentials, options)
        self.stub = client_pb2_grpc.ClientServiceStub(self.channel)
        self.name = self.id = ""
        self.access_token = self.refresh_token = ""

    @property
    def metadata(self):
        return [("authorization", "Bearer " + self.access_token)] if self.access_token else []

    def __getattr__(self, method):
        if method not in SERVICE.methods_by_name:
            raise AttributeError(method)
        input_type = getattr(pb, SERVICE.methods_by_name[method].input_type.name)

        def call(_metadata=None, _timeout=DEADLINE, **fields):
            metadata = self.metadata if _metadata is None else _metadata
            try:
                answer = getattr(self.stub, method)(input_type(**fields), metadata=metadata, timeout=_timeout)
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                    called.add(method)
                raise
            called.add(method)
            return answer
        return call

    def take(self, answer):
        """Goes on with the tokens of this answer."""
        self.access_token, self.refresh_token = answer.access_token, answer.refresh_token
        if hasattr(answer, "user"):
            self.id, self.name = answer.user.id, answer.user.username
        return answer

    def stream(self, room_id=None, password=None):
        metadata = list(self.metadata)
        if room_id is not None:
            metadata.append(("x-room-id", room_id))
        if password is not None:
            metadata.append(("x-room-password", password))
        called.add("MessageStream")
        return Stream(self.stub, metadata)

    def close(self):
        self.channel.close()


def anonymous(server, **kwargs):
    return Person(server.address, **kwargs)


def register(server, name, email="", **kwargs):
    person = Person(server.address, **kwargs)
    person.take(person.Register(username=name, password=PASSWORD, email=email))
    return person


def login(server, name, password=PASSWORD, **kwargs):
    person = Person(server.address, **kwargs)
    person.take(person.Login(username=name, password=password))
    return person


def movie(name="A movie", url="https://example.org/movie.mp4", duration=600, **fields):
    return models.Movie(name=name, url=url, duration=duration, **fields)


def chat(content, room_id=""):
    return pb.ChatMessage(room_id=room_id, content=content)

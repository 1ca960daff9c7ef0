#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a tool sees that knows nothing of us: reflection in both versions, and health."""
import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from harness import PASSWORD, Server, equal, run, test
from client import SERVICE, fails, register

from health_v1 import health_pb2, health_pb2_grpc
from reflection_v1 import reflection_pb2 as v1, reflection_pb2_grpc as v1_grpc
from reflection_v1alpha import reflection_pb2 as v1alpha, reflection_pb2_grpc as v1alpha_grpc

CLIENT_SERVICE = "synctv.client.ClientService"
SERVED = ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
          CLIENT_SERVICE, "synctv.cluster.ClusterService", "synctv.data.DataSyncService"]

server = Server()
channel = grpc.insecure_channel(server.address)


class Reflection:
    """Asks one question after the other on one stream, and collects the descriptors that come."""

    def __init__(self, messages, grpc_module):
        self.messages = messages
        self.stub = grpc_module.ServerReflectionStub(channel)
        self.files = {}  # name: FileDescriptorProto

    def ask(self, **question):
        return self.ask_all([question])[0]

    def ask_all(self, questions):
        requests = [self.messages.ServerReflectionRequest(host="localhost", **question) for question in questions]
        answers = list(self.stub.ServerReflectionInfo(iter(requests), timeout=30))
        equal([answer.original_request for answer in answers], requests)
        for answer in answers:
            for data in answer.file_descriptor_response.file_descriptor_proto:
                file = descriptor_pb2.FileDescriptorProto.FromString(data)
                self.files[file.name] = file
        return answers

    def pool(self):
        """All that came, with what it imports, as a pool to look things up in."""
        missing = True
        while missing:
            missing = {name for file in self.files.values() for name in file.dependency} - set(self.files)
            if missing:
                self.ask_all([{"file_by_filename": name} for name in sorted(missing)])
        pool, added = descriptor_pool.DescriptorPool(), set()

        def add(file):
            if file.name in added:
                return
            added.add(file.name)
            for name in file.dependency:
                add(self.files[name])
            pool.Add(file)
        for file in self.files.values():
            add(file)
        return pool


def both(name):
    """One test for each version of the protocol."""
    def register_both(function):
        test(name + " (v1)")(lambda: function(Reflection(v1, v1_grpc)))
        test(name + " (v1alpha)")(lambda: function(Reflection(v1alpha, v1alpha_grpc)))
        return function
    return register_both


@both("list_services names all that is served")
def _(reflection):
    answer = reflection.ask(list_services="*")
    equal(sorted(service.name for service in answer.list_services_response.service), SERVED)


@both("each service is described with all its methods and their messages")
def _(reflection):
    answers = reflection.ask_all([{"file_containing_symbol": name} for name in SERVED])
    for name, answer in zip(SERVED, answers):
        assert answer.HasField("file_descriptor_response"), f"{name}: {answer}"
    pool = reflection.pool()
    for name in SERVED:
        described = pool.FindServiceByName(name)
        assert described.methods, name
        for method in described.methods:
            assert method.input_type.full_name and method.output_type.full_name
    described = pool.FindServiceByName(CLIENT_SERVICE)
    equal({m.name: (m.input_type.full_name, m.output_type.full_name) for m in described.methods},
          {m.name: (m.input_type.full_name, m.output_type.full_name) for m in SERVICE.methods})
    equal({m.name: [f.full_name + str(f.number) for f in m.input_type.fields] for m in described.methods},
          {m.name: [f.full_name + str(f.number) for f in m.input_type.fields] for m in SERVICE.methods})


@both("symbols of every kind are found, and several questions go on one stream")
def _(reflection):
    for symbol, file in ((CLIENT_SERVICE + ".Login", "client.proto"), ("synctv.client.LoginRequest", "client.proto"),
                         ("synctv.Movie", "models.proto"), ("synctv.UserRole", "models.proto"),
                         ("synctv.Movie.HeadersEntry", "models.proto"), ("grpc.health.v1.Health.Check", "grpc/health")):
        answer = reflection.ask(file_containing_symbol=symbol)
        names = [descriptor_pb2.FileDescriptorProto.FromString(data).name
                 for data in answer.file_descriptor_response.file_descriptor_proto]
        assert any(name.startswith(file) for name in names), f"{symbol}: {names or answer}"
    answers = reflection.ask_all([{"list_services": ""}, {"file_by_filename": "models.proto"},
                                  {"all_extension_numbers_of_type": "synctv.Movie"}])
    equal(answers[2].all_extension_numbers_response.base_type_name, "synctv.Movie")


@both("what does not exist is NOT_FOUND in the answer, and the stream goes on")
def _(reflection):
    questions = [{"file_containing_symbol": "no.such.Symbol"}, {"file_by_filename": "no_such.proto"},
                 {"file_containing_symbol": "synctv"}, {"file_containing_symbol": "synctv.client.ClientService.Logi"},
                 {"all_extension_numbers_of_type": "no.such.Type"},
                 {"file_containing_extension": {"containing_type": "synctv.Movie", "extension_number": 5}}]
    answers = reflection.ask_all(questions + [{"list_services": ""}])
    for question, answer in zip(questions, answers):
        equal(answer.error_response.error_code, grpc.StatusCode.NOT_FOUND.value[0], question)
        assert answer.error_response.error_message
    assert answers[-1].HasField("list_services_response")


@both("a client made of nothing but reflection signs in and calls")
def _(reflection):
    reflection.ask(file_containing_symbol=CLIENT_SERVICE)
    pool = reflection.pool()
    factory = message_factory.MessageFactory(pool)

    def call(name, metadata=None, /, **fields):
        method = pool.FindMethodByName(f"{CLIENT_SERVICE}.{name}")
        request, answer = factory.GetPrototype(method.input_type), factory.GetPrototype(method.output_type)
        stub = channel.unary_unary(f"/{CLIENT_SERVICE}/{name}", request_serializer=request.SerializeToString,
                                   response_deserializer=answer.FromString)
        return stub(request(**fields), metadata=metadata, timeout=30)
    name = f"tool {reflection.messages.__name__}"[:32]
    token = call("Register", username=name, password=PASSWORD).access_token
    auth = [("authorization", "Bearer " + token)]
    room = call("CreateRoom", auth, name="made by a tool").room
    equal(call("GetRoomInfo", auth, room_id=room.id).room.name, "made by a tool")


@test("health is SERVING for the whole and for the service, NOT_FOUND for what is not served")
def _():
    stub = health_pb2_grpc.HealthStub(channel)
    for service in ("", CLIENT_SERVICE):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=30)
        equal(answer.status, health_pb2.HealthCheckResponse.SERVING)
    try:
        stub.Check(health_pb2.HealthCheckRequest(service="no.such.Service"), timeout=30)
        raise AssertionError("NOT_FOUND was expected")
    except grpc.RpcError as error:
        equal(error.code(), grpc.StatusCode.NOT_FOUND)


@test("Watch says what it knows at once and stays open")
def _():
    stub = health_pb2_grpc.HealthStub(channel)
    for service, status in (("", health_pb2.HealthCheckResponse.SERVING),
                            (CLIENT_SERVICE, health_pb2.HealthCheckResponse.SERVING),
                            ("no.such.Service", health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)):
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=service), timeout=30)
        equal(next(watch).status, status, service)
        assert watch.is_active()
        watch.cancel()


@test("what is not served yet is UNIMPLEMENTED, though its messages are described")
def _():
    person = register(server, "alice")
    fails("UNIMPLEMENTED", "UNIMPLEMENTED",
          person.channel.unary_unary("/synctv.stream.StreamRelayService/GetStreamStatus"), b"",
          metadata=person.metadata, timeout=30)


@test("what is for nodes alone is refused to users, by a server that is no member, too")
def _():
    person = register(server, "bob")
    for path in ("/synctv.cluster.ClusterService/Heartbeat", "/synctv.data.DataSyncService/BatchGetRooms"):
        fails("PERMISSION_DENIED", "PERMISSION_DENIED", person.channel.unary_unary(path), b"",
              metadata=person.metadata, timeout=30)


@test("the server ends well")
def _():
    server.stop()


run()

# SPDX-License-Identifier: MIT
"""Who calls members of a cluster with its secret: an operator's tool."""
import base64
import hashlib
import hmac
import json
import time

import grpc

import client  # pylint: disable=unused-import  # the stubs
import cluster_pb2_grpc
import data_pb2_grpc

SECRET = "0123456789abcdef0123456789abcdef"


def b64(data_):
    return base64.urlsafe_b64encode(data_).rstrip(b"=")


def token(destination, secret=SECRET, audience="synctv-cluster", subject="tool", shift=0, life=60):
    now = int(time.time()) + shift
    head = b64(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    body = b64(json.dumps({"iss": "synctv", "aud": audience, "sub": subject, "dst": destination, "iat": now,
                           "exp": now + life}).encode())
    signature = b64(hmac.new(secret.encode(), head + b"." + body, hashlib.sha256).digest())
    return [("authorization", "Bearer " + b".".join((head, body, signature)).decode())]


class Tool:
    def __init__(self, server, metadata=None):
        self.channel = grpc.insecure_channel(server.address)
        self.metadata = token(server.address) if metadata is None else metadata
        self.cluster = cluster_pb2_grpc.ClusterServiceStub(self.channel)
        self.data = data_pb2_grpc.DataSyncServiceStub(self.channel)

    def call(self, method, request):
        service = self.data if hasattr(self.data, method) else self.cluster
        return getattr(service, method)(request, metadata=self.metadata, timeout=30)

# SPDX-License-Identifier: MIT
"""A peer to compare with: an echo server on Python's grpcio, of bytes."""
from concurrent import futures

import grpc


class Echo(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: request)


server = grpc.server(futures.ThreadPoolExecutor(8), handlers=[Echo()],
                     options=[("grpc.max_concurrent_streams", 100000)])
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"ready port={port}", flush=True)
server.wait_for_termination()

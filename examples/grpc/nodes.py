#!/usr/bin/env python3
"""Lists the nodes of a cluster and runs a command in all of them, over throng's gRPC API.

    nodes.py [SELECTOR] [-- COMMAND…]        without a command the nodes are only listed

No generated code: the coordinator describes its API itself (server reflection). The variables are those of `throng`:
THRONG_CONNECT (https://HOST:PORT), THRONG_CA, THRONG_CERT, THRONG_KEY, and THRONG_CLUSTER where several are up.
Exit code: 0 when the command ended with 0 in every node, 1 when not, 2 when a variable is missing, 3 when the coordinator refused
or did not answer.
"""

import os
import sys

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

VARIABLES = ["THRONG_CONNECT", "THRONG_CA", "THRONG_CERT", "THRONG_KEY"]
# The name in the coordinator's certificate, wherever it listens.
SERVER_NAME = "throng"
# Reports and large clusters are more than gRPC's 4 MiB.
ANSWER_MAX_BYTES = 64 << 20
# How long a question may take; a cluster's nodes are asked for what they see meanwhile.
ASK_SECONDS = 30
# How long the command may take in a node, and all of them together: few run at once on a host.
COMMAND_SECONDS = 20
ALL_SECONDS = 300


def connect():
    """A channel with the caller's certificate; the coordinator's must come from the fleet's own CA."""

    def read(variable):
        with open(os.environ[variable], "rb") as file:
            return file.read()

    credentials = grpc.ssl_channel_credentials(read("THRONG_CA"), read("THRONG_KEY"), read("THRONG_CERT"))
    options = [("grpc.ssl_target_name_override", SERVER_NAME), ("grpc.max_receive_message_length", ANSWER_MAX_BYTES)]
    return grpc.secure_channel(os.environ["THRONG_CONNECT"].removeprefix("https://"), credentials, options)


class Throng:
    """The service `throng.v1.Throng`: one method for each RPC, `throng.ListNodes(timeout=…, cluster=…)`.

    One that takes a stream is given the fields of each message: `throng.PutContents(timeout, [{"sha256": …, "data": …}])`.
    """

    def __init__(self, channel):
        self.channel = channel
        pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        self.service = pool.FindServiceByName("throng.v1.Throng")

    def __getattr__(self, name):
        method = self.service.FindMethodByName(name)
        request = message_factory.GetMessageClass(method.input_type)
        answer = message_factory.GetMessageClass(method.output_type)
        sides = [method.client_streaming, method.server_streaming]
        kind = getattr(self.channel, "_".join("stream" if streaming else "unary" for streaming in sides))
        path = f"/{self.service.full_name}/{name}"
        call = kind(path, request_serializer=request.SerializeToString, response_deserializer=answer.FromString)
        if method.client_streaming:
            return lambda timeout, messages: call((request(**fields) for fields in messages), timeout=timeout)
        return lambda timeout, **fields: call(request(**fields), timeout=timeout)


def show(nodes):
    for node in nodes:
        print(f"{node.node:14} {node.desired:8} {node.phase:8} seen={node.seen:5} {node.address} {node.ports}")


def run(throng, selector, command):
    """Runs the command in every selected node. An outcome comes for each, in the order in which they end."""
    cluster = os.environ.get("THRONG_CLUSTER", "")
    limits = {"timeout_millis": COMMAND_SECONDS * 1000, "output_max_bytes": 64 << 10}
    failed = 0
    for outcome in throng.Exec(ALL_SECONDS, cluster=cluster, selector=selector, command=command, **limits):
        # `error` is there where no exit code is: the command took too long, the node does not run, its host is lost.
        if outcome.HasField("error"):
            failed += 1
            print(f"{outcome.node}: {outcome.error}")
        else:
            failed += outcome.code != 0
            text = (outcome.stdout + outcome.stderr).decode(errors="replace").strip()
            print(f"{outcome.node}: exit code {outcome.code} after {outcome.took_micros / 1000:.0f} ms: {text}")
    return 1 if failed else 0


def main(arguments):
    at = arguments.index("--") if "--" in arguments else len(arguments)
    selector, command = "".join(arguments[:at][:1]), arguments[at + 1 :]
    with connect() as channel:
        throng = Throng(channel)
        reply = throng.ListNodes(ASK_SECONDS, cluster=os.environ.get("THRONG_CLUSTER", ""), selector=selector)
        show(reply.nodes)
        return run(throng, selector, command) if command else 0


if __name__ == "__main__":
    if missing := [variable for variable in VARIABLES if variable not in os.environ]:
        print(f"set {', '.join(missing)}: `throng operator add NAME` prints their values", file=sys.stderr)
        sys.exit(2)
    try:
        sys.exit(main(sys.argv[1:]))
    except grpc.RpcError as error:
        # After "hint: " stands what to do about it.
        print(f"{error.code().name}: {error.details()}", file=sys.stderr)
        sys.exit(3)

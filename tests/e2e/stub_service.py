"""A gRPC service that registers through the generated stubs alone; a program, not a test.

usage: stub_service.py REGISTRY REGION SERVICE INSTANCE ADDRESS

It prints its port once registered. On SIGTERM it deregisters and ends; on SIGUSR1 it
drains and lives on; a SIGKILL ends it like any process.
"""

from __future__ import annotations

import signal
import sys
import threading
import uuid
from collections.abc import Iterator
from concurrent import futures

import grpc
from google.protobuf.duration_pb2 import Duration
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from sheetanchor.v1 import instance_pb2, registration_service_pb2, registration_service_pb2_grpc


def main(registry: str, region: str, service: str, instance: str, address: str) -> None:
    """Serve, register, heartbeat, and obey signals until told to end."""
    # before any thread is there: whichever would take a signal, it must not be one that sleeps on
    wishes = {signal.SIGTERM, signal.SIGUSR1}
    signal.pthread_sigmask(signal.SIG_BLOCK, wishes)
    server = grpc.server(futures.ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port(f"{address}:0")
    server.start()

    with grpc.insecure_channel(registry) as channel:
        stub = registration_service_pb2_grpc.RegistrationServiceStub(channel)
        registered = stub.RegisterInstance(
            registration_service_pb2.RegisterInstanceRequest(
                parent=f"namespaces/default/services/{service}",
                instance_id=instance,
                ttl=Duration(seconds=10),
                request_id=str(uuid.uuid4()),
                instance=instance_pb2.Instance(
                    locality=instance_pb2.Locality(region=region),
                    addresses=[address],
                    ports=[instance_pb2.Port(name="grpc", number=port)],
                ),
            )
        )
        name, uid = registered.instance.name, registered.instance.uid
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()

        interval = threading.Semaphore(1)
        pause = [registered.lease.renewal_interval.ToTimedelta().total_seconds()]
        ended = threading.Event()

        def beats() -> Iterator[registration_service_pb2.HeartbeatRequest]:
            while not ended.wait(pause[0]):
                yield registration_service_pb2.HeartbeatRequest(uids=[uid])

        def listen() -> None:
            for reply in stub.Heartbeats(beats()):
                with interval:
                    pause[0] = reply.renewal_interval.ToTimedelta().total_seconds()

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        while True:
            match signal.sigwait(wishes):
                case signal.SIGUSR1:
                    stub.DrainInstance(
                        registration_service_pb2.DrainInstanceRequest(name=name, uid=uid)
                    )
                case _:
                    stub.DeregisterInstance(
                        registration_service_pb2.DeregisterInstanceRequest(name=name, uid=uid)
                    )
                    break
        ended.set()
        # the stream is ended by us, and then by the registry, before the channel is closed on it
        listener.join(30)
    server.stop(0).wait()


if __name__ == "__main__":
    main(*sys.argv[1:])

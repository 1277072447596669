"""The program that the demo registers: a gRPC service that serves grpc.health.v1.

`python -m sheetanchor.cli.demo.service REGISTRY REGION INSTANCE ADDRESS PORT`. It knows
its registry's address, and keeps itself registered by the SDK.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from sheetanchor.client import Port, Registration

SERVICE = "greeter"
NAMESPACE = "demo"


async def serve(registry: str, region: str, instance: str, address: str, port: int) -> None:
    """Serve, registered, until SIGTERM."""
    logging.basicConfig(level=logging.INFO)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    servicer = health.aio.HealthServicer()
    await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(f"{address}:{port}")
    await server.start()
    async with Registration(
        SERVICE,
        namespace=NAMESPACE,
        region=region,
        instance=instance,
        addresses=address,
        ports=[Port("grpc", port)],
        registries=registry,
        # a registry that is away must not keep a service from serving
        wait_seconds=0,
    ):
        await ended.wait()
    await server.stop(1.0)


if __name__ == "__main__":
    registry, region, instance, address, port = sys.argv[1:]
    asyncio.run(serve(registry, region, instance, address, int(port)))

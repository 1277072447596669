"""A registry and a frontend in one process, whose spans are kept; a program.

usage: traced_installation.py DIRECTORY
Registers one instance, waits until the frontend serves it, and prints the spans as JSON:
name, trace, own id, parent's id.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import grpc
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from dns_frontend.config import FrontendSettings
from dns_frontend.main import FrontendServer
from registry.config import RegistrySettings
from registry.main import RegistryServer
from sheetanchor.client.link import trace_metadata
from sheetanchor.telemetry import StatusPage, TelemetrySettings, configure
from sheetanchor.v1 import instance_pb2
from sheetanchor.v1 import registration_service_pb2 as messages
from sheetanchor.v1.registration_service_pb2_grpc import RegistrationServiceStub

REQUEST = messages.RegisterInstanceRequest(
    parent="namespaces/shop/services/cart",
    instance_id="one",
    instance=instance_pb2.Instance(
        locality=instance_pb2.Locality(region="eu"),
        addresses=["127.0.0.1"],
        ports=[instance_pb2.Port(number=8080)],
        health_check=instance_pb2.HealthCheck(kind=instance_pb2.HealthCheck.KIND_NONE),
    ),
    request_id="3f1f1d4e-6f0b-4f0e-9d2c-2f3f8e6f7a10",
)


async def run(directory: Path, kept: InMemorySpanExporter) -> None:
    """From a registration to the frontend's answers."""
    registry = RegistryServer(
        RegistrySettings(
            data_dir=directory / "registry", regions=("eu",), listen="127.0.0.1:0", migrate=True
        ),
        status=StatusPage(),
    )
    await registry.start()
    frontend = FrontendServer(
        FrontendSettings(
            "dns-1", "eu", ("eu",), ((registry.grpc_address,),), directory / "dns", port=0
        )
    )
    await frontend.start()
    try:
        async with grpc.aio.insecure_channel(registry.grpc_address) as channel:
            with trace.get_tracer("a service").start_as_current_span("client"):
                await RegistrationServiceStub(channel).RegisterInstance(
                    REQUEST, metadata=trace_metadata()
                )
        async with asyncio.timeout(45):
            while True:
                traces: dict[str, set[int]] = {"client": set(), "frontend.apply": set()}
                for span in kept.get_finished_spans():
                    traces.setdefault(span.name, set()).add(span.context.trace_id)
                if traces["client"] & traces["frontend.apply"]:
                    break
                await asyncio.sleep(0.01)
    finally:
        await frontend.stop()
        await registry.stop(0)


if __name__ == "__main__":
    exporter = InMemorySpanExporter()
    configure(TelemetrySettings("traced"), span_exporters=[exporter])
    asyncio.run(run(Path(sys.argv[1]), exporter))
    json.dump(
        [
            {
                "name": span.name,
                "trace": span.context.trace_id,
                "id": span.context.span_id,
                "parent": span.parent.span_id if span.parent else 0,
            }
            for span in exporter.get_finished_spans()
        ],
        sys.stdout,
    )

"""A frontend that probes is an observer of its cells: real sockets, a real registry (I14)."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from frontend_site import addresses, settings
from google.protobuf.duration_pb2 import Duration
from registry_site import Site, eventually, fields, refusal, registration

from dns_frontend.feed import observer
from dns_frontend.main import FrontendServer
from dns_frontend.plan.sight import Seen
from registry.config import RegistrySettings
from registry.domain import quarantine
from registry.main import RegistryServer
from sheetanchor.v1 import admin_service_pb2 as admin
from sheetanchor.v1 import instance_pb2, observer_pb2
from sheetanchor.v1 import publication_service_pb2 as pb

SERVICE = "namespaces/shop/services/cart"


async def _registry(stack: AsyncExitStack, directory: Path) -> Site:
    given = RegistrySettings(
        data_dir=directory, regions=("eu",), listen="127.0.0.1:0", migrate=True, node="n1"
    )
    server = RegistryServer(given)
    stack.push_async_callback(server.stop, 0)
    await server.start()
    channel = grpc.aio.insecure_channel(server.grpc_address)
    stack.push_async_callback(channel.close)
    return Site(server, given, channel)


async def test_what_a_frontend_sees_is_known_to_the_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "ROUND_SECONDS", 0.2)
    monkeypatch.setattr(observer, "BEAT_SECONDS", 0.1)
    async with AsyncExitStack() as stack:
        site = await _registry(stack, tmp_path / "registry")
        target = await asyncio.start_server(_hang_up, "127.0.0.1", 0)
        stack.callback(target.close)
        request = registration(
            port=target.sockets[0].getsockname()[1], check=instance_pb2.HealthCheck.KIND_TCP
        )
        request.ttl.CopyFrom(Duration(seconds=300))
        await site.registration.RegisterInstance(request)
        frontend = FrontendServer(
            replace(settings(tmp_path / "dns", (site.server.grpc_address,)), probe=True)
        )
        stack.push_async_callback(frontend.stop)
        await frontend.start()
        name = "cells/eu/observers/frontend.dns-1"

        async def seen(failing: int) -> bool:
            listed = await site.admin.ListObservers(admin.ListObserversRequest())
            found = {each.name: each for each in listed.observers}.get(name)
            return found is not None and (
                found.state,
                found.target_count,
                found.failing_count,
                found.unseen_count,
            ) == (observer_pb2.Observer.STATE_BELIEVED, 1, failing, 0)

        await eventually(lambda: seen(0))
        target.close()
        await target.wait_closed()
        await eventually(lambda: seen(1))
        got = await site.admin.GetObserver(admin.GetObserverRequest(name=name))
        assert got.region == "eu"


async def test_a_frontend_that_has_lost_its_sight_is_told_that_it_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """I14: many services fail for it at once, which the registry itself finds well."""
    monkeypatch.setattr(observer, "ROUND_SECONDS", 0.2)
    monkeypatch.setattr(observer, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(quarantine, "ROUND_SECONDS", 0.2)
    caplog.set_level(logging.WARNING, observer.__name__)
    async with AsyncExitStack() as stack:
        site = await _registry(stack, tmp_path / "registry")
        for service in ("a", "b", "c"):
            target = await asyncio.start_server(_hang_up, "127.0.0.1", 0)
            stack.callback(target.close)
            request = registration(
                parent=f"namespaces/shop/services/{service}",
                port=target.sockets[0].getsockname()[1],
                check=instance_pb2.HealthCheck.KIND_TCP,
            )
            request.instance.health_check.interval.CopyFrom(Duration(seconds=1))
            request.ttl.CopyFrom(Duration(seconds=300))
            await site.registration.RegisterInstance(request)
        given = settings(tmp_path / "dns", (site.server.grpc_address,))
        frontend = FrontendServer(replace(given, probe=True))
        stack.push_async_callback(frontend.stop)
        await frontend.start()

        def disbelieved() -> list[float]:
            return [value for value, _ in frontend._observer._disbelieved()]

        await eventually(
            lambda: [each.seen for each in frontend._observer._opinions.values()] == [Seen.WELL] * 3
        )
        await eventually(lambda: disbelieved() == [0.0])
        with monkeypatch.context() as blind:
            blind.setattr(observer, "connect", _nobody_answers)
            await eventually(lambda: disbelieved() == [1.0])
        told = next(each for each in caplog.records if each.name == observer.__name__)
        assert vars(told)["why"].startswith("3 of 3 services fail for it at once; others find ")
        await eventually(lambda: disbelieved() == [0.0])
        assert "this frontend's own probes are believed again" in caplog.messages


async def test_without_a_registry_a_frontend_prefers_what_answers_it_and_empties_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I7: when nothing answers any more, all are answered with as planned."""
    monkeypatch.setattr(observer, "ROUND_SECONDS", 0.2)
    async with AsyncExitStack() as stack:
        site = await _registry(stack, tmp_path / "registry")
        targets = {}
        for address in ("127.0.0.1", "127.0.0.2"):
            targets[address] = target = await asyncio.start_server(_hang_up, address, 0)
            stack.callback(target.close)
            request = registration(
                f"i{address[-1]}",
                port=target.sockets[0].getsockname()[1],
                check=instance_pb2.HealthCheck.KIND_TCP,
            )
            request.instance.addresses[:] = [address]
            request.ttl.CopyFrom(Duration(seconds=300))
            await site.registration.RegisterInstance(request)
        given = settings(tmp_path / "dns", (site.server.grpc_address,))
        frontend = FrontendServer(replace(given, probe=True, stale_seconds=1.0))
        stack.push_async_callback(frontend.stop)
        await frontend.start()

        async def answered(*wanted: str) -> bool:
            return await addresses(frontend, "cart") == list(wanted)

        await eventually(lambda: answered(*targets))
        await eventually(
            lambda: [each.seen for each in frontend._observer._opinions.values()] == [Seen.WELL] * 2
        )
        await site.server.stop(0)
        targets["127.0.0.1"].close()
        await eventually(lambda: answered("127.0.0.2"))
        targets["127.0.0.2"].close()
        await eventually(lambda: answered(*targets))


async def test_a_report_that_means_nothing_is_refused_by_field(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        site = await _registry(stack, tmp_path / "registry")
        bad = pb.ReportObservationsRequest(
            frontend_id="dns-1",
            region="eu",
            cell="eu",
            observations=pb.Observations(
                target_count=-1,
                findings=[
                    pb.Finding(uid=""),
                    pb.Finding(uid="u", evidence=instance_pb2.EVIDENCE_VALIDATED),
                ],
            ),
        )
        assert fields(await refusal(site.publication.ReportObservations(bad))) == [
            "observations.round",
            "observations.target_count",
            "observations.findings[0].uid",
            "observations.findings[1].evidence",
        ]
        bad.observations.CopyFrom(
            pb.Observations(
                findings=[pb.Finding(uid=str(at)) for at in range(4097)], round=Duration(seconds=5)
            )
        )
        assert fields(await refusal(site.publication.ReportObservations(bad))) == [
            "observations.findings"
        ]
        elsewhere = pb.ReportObservationsRequest(frontend_id="dns-1", region="eu", cell="no")
        status = await refusal(site.publication.ReportObservations(elsewhere))
        assert status.code == grpc.StatusCode.NOT_FOUND.value[0]
        listed = await site.admin.ListObservers(admin.ListObserversRequest())
        assert not [each for each in listed.observers if "frontend." in each.name]


async def _nobody_answers(address: str, port: int) -> Seen:
    return Seen.TIMEOUT


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()

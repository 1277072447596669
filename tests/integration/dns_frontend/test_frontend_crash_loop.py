"""A generation that kills its consumer some time after it was loaded (F16)."""

from __future__ import annotations

from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.message
import pytest
from registry_site import Site, eventually
from two_keys import confirmed

from benchmarks.process import ServerProcess
from sheetanchor.cli.demo.port import free_port
from sheetanchor.v1 import admin_service_pb2

PROGRAM = "tests.integration.dns_frontend.fragile_frontend"


async def addresses(port: int, service: str) -> list[str] | None:
    """The A records of a service; None while nobody answers."""
    query = dns.message.make_query(f"{service}.shop.svc.anchor.internal.", "A")
    try:
        reply = await dns.asyncquery.udp(query, "127.0.0.1", port=port, timeout=0.3)
    except (OSError, dns.exception.DNSException):
        return None
    return [record.address for records in reply.answer for record in records]


async def told(port: int, service: str) -> list[str]:
    """The A records of a service, of one that answers sooner or later."""
    while (found := await addresses(port, service)) is None:
        pass
    return found


@pytest.mark.timeout(300)  # five starts of a process
async def test_a_frontend_that_keeps_dying_falls_back_to_what_is_known_good(
    site: Site, tmp_path: Path
) -> None:
    """It dies of a generation three times; then it serves the known good and lives (I18)."""
    port, directory, fuse = free_port(), tmp_path / "frontend", tmp_path / "fuse"
    arguments = [PROGRAM, str(directory), str(port), site.server.grpc_address]
    frontend = ServerProcess("fragile", [*arguments, "1"], tmp_path / "fragile.log")
    await site.register("one", parent="namespaces/shop/services/cart")
    # what it proves to be good is not to be a plan from before
    await eventually(lambda: has_endpoint(site))
    frontend.start()
    try:
        await eventually(lambda: addresses(port, "cart"))
        await eventually(lambda: list(directory.glob("good/eu/*.base")))
        # this life outlived its soak, so that its end is no reason for suspicion; no other will
        frontend.kill()
        frontend.arguments = [*arguments, "600"]
        frontend.start()
        await site.register("bad", parent="namespaces/shop/services/poison")
        for death in range(3):
            assert await eventually(lambda: addresses(port, "cart")) == ["127.0.0.1"], death
            assert await eventually(lambda: addresses(port, "poison")) == ["127.0.0.1"], death
            fuse.touch()
            await eventually(lambda: not frontend.alive)
            assert frontend.process is not None
            assert frontend.process.returncode == 70, frontend.tail()
            fuse.unlink()
            frontend.start()
        assert await eventually(lambda: addresses(port, "cart")) == ["127.0.0.1"]
        await eventually(lambda: refusal(site))
        assert frontend.alive
        assert "crashed" in await refusal(site)
        assert await told(port, "cart") == ["127.0.0.1"]
        assert await told(port, "poison") == []
        # the owner withdraws what was bad: the next generation is served again
        poison = admin_service_pb2.DeleteServiceRequest(
            name="namespaces/shop/services/poison", force=True
        )
        await confirmed(site.admin.DeleteService, poison)
        # at a place of its own: the one of what was deleted is not given away at once
        await site.register("two", parent="namespaces/shop/services/till", port=8081)
        await eventually(lambda: addresses(port, "till"))
        assert frontend.alive
    finally:
        frontend.kill()


async def has_endpoint(site: Site) -> bool:
    """Whether the newest plan has any."""
    cell = await site.admin.GetCell(admin_service_pb2.GetCellRequest(name="cells/eu"))
    if not cell.generation:
        return False
    name = f"cells/eu/plans/{cell.generation}"
    found = await site.admin.GetPlan(admin_service_pb2.GetPlanRequest(name=name))
    return bool(found.plan.endpoint_count)


async def refusal(site: Site) -> str:
    """Why the frontend refuses the registry's newest generation; empty when it does not."""
    reply = await site.admin.ListFrontends(admin_service_pb2.ListFrontendsRequest())
    return " ".join(str(frontend) for frontend in reply.frontends if "crashed" in str(frontend))

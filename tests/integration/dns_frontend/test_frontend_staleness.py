"""A registry that falls silent: its answers go on, and after a while say so (I15, I32)."""

from __future__ import annotations

from pathlib import Path

import dns.asyncquery
import dns.edns
import dns.message
import dns.rcode
import dns.reversename
import pytest
from registry_site import Site, eventually

from dns_frontend.config import FrontendSettings
from dns_frontend.main import FrontendServer


async def ask(frontend: FrontendServer, name: str, kind: str = "A") -> dns.message.Message:
    host, _, port = frontend.dns_address.rpartition(":")
    query = dns.message.make_query(name, kind, use_edns=0)
    return await dns.asyncquery.udp(query, host, port=int(port), timeout=30)


@pytest.mark.row("68")
async def test_68_answers_go_on_and_are_marked_when_the_registry_is_gone_for_long(
    site: Site, tmp_path: Path
) -> None:
    """RFC 8767, section 4: the records as they were, with extended error 3."""
    await site.register("one", parent="namespaces/shop/services/cart")
    settings = FrontendSettings(
        "dns-1",
        "eu",
        ("eu",),
        ((site.server.grpc_address,),),
        tmp_path / "dns",
        port=0,
        reverse_networks=("127.0.0.0/8", "10.0.0.0/8"),
        stale_seconds=1.5,
    )
    frontend = FrontendServer(settings)
    await frontend.start()
    try:
        name = "cart.shop.svc.anchor.internal."

        async def fresh_answer() -> dns.message.Message | None:
            # a machine that stands still for as long makes it stale, and then fresh again
            reply = await ask(frontend, name)
            return reply if reply.answer and not reply.options else None

        fresh = await eventually(fresh_answer)
        (address,) = (record.address for record in fresh.answer[0])
        (pointer,) = (await ask(frontend, dns.reversename.from_address(address), "PTR")).answer
        assert str(pointer[0].target) == f"one.{name}"
        await site.server.stop()

        async def marked() -> bool:
            return bool((await ask(frontend, name)).options)

        await eventually(marked)
        stale = await ask(frontend, name)
        assert stale.rcode() == dns.rcode.NOERROR
        assert list(stale.answer[0]) == list(fresh.answer[0])
        assert stale.answer[0].ttl <= 30
        assert [option.code for option in stale.options] == [dns.edns.EDECode.STALE_ANSWER]
        assert frontend.ready, "nobody else's loss makes it unready"
    finally:
        await frontend.stop()

"""Edits of the zone: begun by the first, looked at beforehand, staged where a canary follows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from instance_node import Node

from registry.adapters.rpc.plan_codec import ProtoPlanCodec
from registry.app.catalog import Catalog
from registry.app.zone_editor import ZoneEditor
from registry.domain.errors import EtagMismatch
from registry.domain.names import FrontendId, NamespaceId, RegionName
from registry.domain.role import Role
from registry.domain.service import Service, ServicePolicy, StageState
from registry.domain.zone import ZONE_KEY, ZoneSettings


class Zone:
    """An editor, and the catalog beside it."""

    def __init__(self, node: Node) -> None:
        uids = iter(f"s-{n}" for n in range(100))
        self.node = node
        self.catalog = Catalog(
            node.store,
            node.mirror,
            node.keeper,
            node.clock,
            node.uptime,
            ProtoPlanCodec(),
            lambda: next(uids),
            node.canaries,
        )
        self.editor = ZoneEditor(
            self.catalog, node.canaries, node.store, node.clock, lambda: next(uids)
        )

    async def negative(
        self, seconds: int | None, etag: str = "", *, now: bool = False, look: bool = False
    ) -> Service:
        """Wish for a negative TTL."""
        return await self.editor.update(
            etag,
            lambda current: replace(current, negative_ttl_seconds=seconds),
            at_once=now,
            only_look=look,
        )

    async def with_canary(self) -> None:
        """A canary follows."""
        await self.node.store.note_role(FrontendId("c"), RegionName("eu"), Role.CANARY)


@pytest.fixture
def zone(node: Node) -> Zone:
    return Zone(node)


def said(policy: ServicePolicy | None) -> ZoneSettings | None:
    """The settings of a policy."""
    return None if policy is None else policy.zone


async def test_the_first_edit_begins_what_the_settings_are_kept_in(zone: Zone) -> None:
    """Without a canary it acts at once, as a change of policy does."""
    assert await zone.editor.get() is None
    done = await zone.negative(3)
    assert (said(done.policy), done.staged) == (ZoneSettings(3), None)
    assert await zone.editor.get() == done
    assert zone.node.mirror.services[ZONE_KEY] == done


async def test_the_zone_is_in_no_list_of_services(zone: Zone) -> None:
    """Nor does it cost a page one of its own."""
    for name in ("a", "zone", "zz"):
        key = ZONE_KEY if name == "zone" else ZONE_KEY._replace(service=name)  # type: ignore[arg-type]  # plain text
        await zone.catalog.create_service(key, None)
    page = await zone.catalog.list_services(NamespaceId("sheetanchor"), ("", ""), 1)
    assert ([each.key.service for each in page.items], page.next_after) == (
        ["a"],
        ("sheetanchor", "a"),
    )
    page = await zone.catalog.list_services(None, page.next_after or ("", ""), 1)
    assert ([each.key.service for each in page.items], page.next_after) == (["zz"], None)


async def test_a_change_is_staged_where_a_canary_follows_and_the_next_builds_on_it(
    zone: Zone,
) -> None:
    """The first one of all as well; what was in force is kept beside it."""
    await zone.with_canary()
    staged = await zone.negative(3)
    assert staged.policy is None
    assert staged.baking is not None
    assert said(staged.baking.policy) == ZoneSettings(3)
    both = await zone.editor.update("", lambda now: replace(now, degraded_ttl_seconds=10))
    assert both.baking is not None
    assert said(both.baking.policy) == ZoneSettings(3, 10)
    at_once = await zone.negative(2, now=True)
    assert (said(at_once.policy), at_once.staged) == (ZoneSettings(2, 10), None)


async def test_a_look_changes_nothing_and_says_what_would_be(zone: Zone) -> None:
    """Before the first edit and after it, staged or not."""
    seen = await zone.negative(3, look=True)
    assert said(seen.policy) == ZoneSettings(3)
    assert await zone.editor.get() is None
    kept = await zone.negative(4)
    await zone.with_canary()
    seen = await zone.negative(3, look=True)
    assert said(seen.policy) == ZoneSettings(4)
    assert seen.staged is not None
    assert (said(seen.staged.policy), seen.staged.state) == (ZoneSettings(3), StageState.BAKING)
    assert await zone.editor.get() == kept
    with pytest.raises(EtagMismatch):
        await zone.negative(3, etag="old", look=True)


async def test_an_old_etag_is_refused(zone: Zone) -> None:
    """Of a zone that nobody edited any is old, and refusing begins nothing."""
    with pytest.raises(EtagMismatch):
        await zone.negative(3, etag="old")
    assert await zone.editor.get() is None
    done = await zone.negative(3)
    with pytest.raises(EtagMismatch):
        await zone.negative(4, etag="old")
    assert (await zone.negative(4, etag=done.etag)).etag != done.etag


async def test_what_cannot_be_meant_begins_nothing(zone: Zone) -> None:
    """Not even the name."""

    def refuse(_: ZoneSettings) -> ZoneSettings:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await zone.editor.update("", refuse)
    assert await zone.editor.get() is None


async def test_settings_that_say_nothing_are_no_policy(zone: Zone) -> None:
    """So that another region's may hold, as with a service."""
    await zone.negative(3)
    assert (await zone.negative(None)).policy is None

"""Edits of the zone's settings: looked at first where that is wished, staged as a policy is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from registry.app.canaries import Canaries
from registry.app.catalog import Catalog
from registry.domain.audit import Deed
from registry.domain.errors import AlreadyExists, EtagMismatch, ServiceUnreadable
from registry.domain.names import Revision
from registry.domain.operation import CreateService, UpdateService
from registry.domain.service import Service, ServicePolicy
from registry.domain.service_edit import decide_service
from registry.domain.zone import ZONE_KEY, ZoneSettings
from registry.ports import Clock, Store

Revise = Callable[[ZoneSettings], ZoneSettings]


class ZoneEditor:
    """The settings are the policy of one name; this makes it where it is not there yet."""

    def __init__(
        self,
        catalog: Catalog,
        canaries: Canaries,
        store: Store,
        clock: Clock,
        new_uid: Callable[[], str],
    ) -> None:
        self._catalog = catalog
        self._canaries = canaries
        self._store = store
        self._clock = clock
        self._new_uid = new_uid

    async def get(self) -> Service | None:
        """What the settings are kept in; None while nobody ever made an edit.

        Raises ServiceUnreadable: what cannot be read is not the same as nothing (I39).
        """
        try:
            return await self._store.get_service(ZONE_KEY)
        except ServiceUnreadable as error:
            raise ServiceUnreadable(
                "what the database holds of the zone's settings cannot be read"
                f" ({error.__cause__!r}), and an edit of some would lose the others. Nothing was"
                " changed; frontends go by what was published last. Restore the row"
                f" {ZONE_KEY} from a backup, or give all settings that are to hold at once,"
                " with none left out: `zone set --replace`.",
                **error.details,
            ) from error

    async def update(
        self,
        etag: str,
        revise: Revise,
        *,
        at_once: bool = False,
        deed: Deed | None = None,
        only_look: bool = False,
        replaces: bool = False,
    ) -> Service:
        """Give the zone the settings that `revise` makes of those last wished for.

        Where a canary follows this registry they act there first, unless `at_once` (I19). With
        `only_look` nothing is changed, and what would be is returned. One that `replaces` all
        settings goes on where those before cannot be read; then it acts at once everywhere,
        since there is nothing to go back to. Raises EtagMismatch, StoreUnavailable,
        ServiceUnreadable, and what `revise` raises.
        """
        try:
            current = await self.get()
        except ServiceUnreadable:
            if etag or not replaces:
                raise
            policy = _revised(None, revise)
            if only_look:
                return replace(self._begun(), policy=policy)
            return await self._catalog.edit(CreateService(ZONE_KEY, policy, self._new_uid(), deed))
        if only_look:
            return await self._foreseen(current or self._begun(), etag, revise, at_once)
        if current is None:
            # what cannot be meant begins nothing
            revise(ZoneSettings())
            if etag:
                raise EtagMismatch(
                    f"the zone was never edited, so that {etag} is not its etag. Read it again,"
                    " then edit.",
                    name="zone",
                    etag=etag,
                    current_etag="",
                )
            with suppress(AlreadyExists):  # somebody else's first edit came between
                await self._catalog.create_service(ZONE_KEY, None)
        return await self._catalog.update_service(
            ZONE_KEY, etag, lambda policy: _revised(policy, revise), at_once=at_once, deed=deed
        )

    async def _foreseen(
        self, current: Service, etag: str, revise: Revise, at_once: bool
    ) -> Service:
        policy = _revised(current.wished, revise)
        staged = not at_once and await self._canaries.any_alive()
        edit = UpdateService(ZONE_KEY, policy, etag, self._new_uid() if staged else "")
        now_ms = self._clock.unix_ms()
        return decide_service(edit, current, (), current.revision, now_ms, current.etag, {}).service

    def _begun(self) -> Service:
        now_ms = self._clock.unix_ms()
        return Service(ZONE_KEY, "", None, "", now_ms, now_ms, Revision(0))


def _revised(policy: ServicePolicy | None, revise: Revise) -> ServicePolicy | None:
    before = None if policy is None else policy.zone
    after = revise(before or ZoneSettings())
    return None if after.says_nothing else ServicePolicy(zone=after)

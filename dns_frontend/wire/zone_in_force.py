"""The zone's settings as they are gone by now, and who has to know when they change."""

from __future__ import annotations

from collections.abc import Callable

from dns_frontend.plan.answer import Composer
from dns_frontend.plan.entry import ZONE_KEY
from dns_frontend.plan.ledgers import Ledgers
from dns_frontend.plan.zone import ZoneSettings
from dns_frontend.plan.zone_wish import in_force
from dns_frontend.wire.apex import Apex
from dns_frontend.wire.reverse import ReverseZones


class ZoneInForce:
    """One frontend's. It changes what makes answers; those made before are its owner's."""

    __slots__ = ("_apex", "_composer", "_own", "_reverse", "heed", "settings")

    def __init__(
        self, own: ZoneSettings, composer: Composer, apex: Apex, reverse: ReverseZones
    ) -> None:
        """`own` is what the frontend was started with, and what the others were made of."""
        self._own = own
        self._composer = composer
        self._apex = apex
        self._reverse = reverse
        self.settings = own
        self.heed: Callable[[ZoneSettings], None] = lambda _: None
        """Told of settings that are others: what depends on them beside answers goes by them."""

    def __repr__(self) -> str:
        return f"ZoneInForce({self.settings!r})"

    def look(self, ledgers: Ledgers, now: float) -> bool:
        """Go by what the plans say of the zone now; whether that is another thing than before."""
        said = ledgers.find(ZONE_KEY, now)
        settings = in_force(self._own, None if said is None else said.policy.zone)
        if settings == self.settings:
            return False
        self.settings = self._apex.zone_settings = settings
        self._composer.degraded_ttl_seconds = settings.degraded_ttl_seconds
        self._reverse.settle(settings)
        self.heed(settings)
        return True

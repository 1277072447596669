"""How staged settings of the zone do on a canary, compared with those in force (I19). Pure.

TTLs are judged by I30's bounds. Clients that would be in another region are judged by what
they would be answered there and what they are answered now, service by service, from the
same ledgers at the same moment: what is worse is the settings' doing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from dns_frontend.plan.answer import Composer
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.rehearsal import TYPES, Look, seen_by
from dns_frontend.plan.view import ClientRegions
from dns_frontend.plan.zone import ZoneSettings

NEGATIVE_TTL_SECONDS = (1, 5)
DEGRADED_TTL_SECONDS = (5, 30)
SERVICES = 8
"""Services that one rehearsal looks at; the next one looks at the next."""


class Move(NamedTuple):
    """Clients of these networks, the first of which is named, would be in another region."""

    cidr: str
    before: str
    after: str


def moves(before: ZoneSettings, after: ZoneSettings, homes: Iterable[str]) -> list[Move]:
    """Who would be in another region, one move from one region to another.

    `homes` are the regions whose frontends go by the settings: there are clients that are in
    no network, or in none any more.
    """
    homes = sorted(set(homes))
    old, new = ClientRegions(before.networks), ClientRegions(after.networks)
    found: dict[tuple[str, str], Move] = {}
    for cidr in dict.fromkeys(cidr for cidr, _ in (*after.networks, *before.networks)):
        said, says = old.region_of_network(cidr), new.region_of_network(cidr)
        for was, is_ in ((said or home, says or home) for home in homes):
            if was != is_:
                found.setdefault((was, is_), Move(cidr, was, is_))
    return list(found.values())


# fault_of_settings
#
#   staged                                                     fault
#   ---------------------------------------------------------  -----
#   a negative TTL not of 1 to 5 s, a degraded one not of
#   5 to 30 s (I30), that is not in force already               yes
#   clients moved to a region that no cell known here is of    yes: they would be nowhere
#   else                                                       no
def fault_of_settings(
    before: ZoneSettings, after: ZoneSettings, moved: Iterable[Move], known: Collection[str]
) -> str:
    """What is wrong with the settings by themselves; empty when nothing is.

    `known` are the regions of which cells are loaded.
    """
    for what, was, seconds, (least, most) in (
        (
            "negative",
            before.negative_ttl_seconds,
            after.negative_ttl_seconds,
            NEGATIVE_TTL_SECONDS,
        ),
        (
            "degraded",
            before.degraded_ttl_seconds,
            after.degraded_ttl_seconds,
            DEGRADED_TTL_SECONDS,
        ),
    ):
        if seconds != was and not least <= seconds <= most:
            return f"the {what} TTL would be {seconds} s, and {least} to {most} s do no harm"
    for move in moved:
        if move.after not in known:
            return (
                f"clients of {move.cidr} would be in {move.after}, and no cell of that region is"
                " known here"
            )
    return ""


def looks_of(moved: Iterable[Move], ledgers: Iterable[Ledger], composer: Composer) -> list[Look]:
    """What moved clients are answered now, and would be."""
    return [
        Look(
            f"{move.cidr}, of {ledger.key.entry} in {move.after} instead of {move.before}",
            kind,
            seen_by(ledger, composer, move.before, kind),
            seen_by(ledger, composer, move.after, kind),
        )
        for ledger in ledgers
        for move in moved
        for kind in TYPES
    ]

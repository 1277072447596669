"""What the plans say of the zone, and which of it holds: lines behind the zone's own `_why`.

    zone=in_force cell=east negative_ttl=3 degraded_ttl=own nameserver_ttl=own networks=2
    zone=superseded cell=west by=east negative_ttl=5 degraded_ttl=own nameserver_ttl=own networks=own
    network=10.0.0.0/8 region=east

`own` is: each frontend's own, what it was started with. On a canary `staged` stands for
`in_force` while what it goes by is tried.
"""  # noqa: E501  the example is one line as it is told

from __future__ import annotations

from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.zone_wish import ZoneWish

NETWORK_LINES_MAXIMUM = 300
"""What is left out is counted in the last line; all of it must fit one answer (64 KiB)."""
_NOTHING = ZoneWish()


def zone_lines(ledger: Ledger) -> list[str]:
    """The lines, of the ledger of the zone's own name."""
    heard = ""
    lines: list[str] = []
    networks: tuple[tuple[str, str], ...] = ()
    for cell in ledger.cells():
        entry = ledger.entries[cell]
        if entry.policy is None or entry.tombstoned:
            continue
        wish = entry.policy.zone or _NOTHING
        if heard:
            lines.append(f"zone=superseded cell={cell} by={heard} {_told(wish)}")
            continue
        heard = cell
        networks = wish.networks or ()
        lines.append(f"zone={'staged' if entry.staged else 'in_force'} cell={cell} {_told(wish)}")
    lines += [f"network={cidr} region={region}" for cidr, region in networks][
        :NETWORK_LINES_MAXIMUM
    ]
    if len(networks) > NETWORK_LINES_MAXIMUM:
        lines.append(f"more={len(networks) - NETWORK_LINES_MAXIMUM} networks not shown")
    return lines or [f"zone=own {_told(_NOTHING)}"]


def _told(wish: ZoneWish) -> str:
    networks = "own" if wish.networks is None else len(wish.networks)
    return (
        f"negative_ttl={wish.negative_ttl_seconds or 'own'}"
        f" degraded_ttl={wish.degraded_ttl_seconds or 'own'}"
        f" nameserver_ttl={wish.nameserver_ttl_seconds or 'own'} networks={networks}"
    )

"""What must outlive a restart beside the plans: the failover state of services.

Plans say how the endpoints are; they do not say that a region was left and has not
yet been well for long enough to return, nor which endpoints of the past are kept as
a last resort. Without that a restarted frontend would answer with other bytes (I16).

Times are left out: they belong to a clock that a restart ends. The hold before a
region is taken again starts anew, which errs to the quiet side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dns_frontend.plan.entry import (
    AllDown,
    Endpoint,
    Health,
    Policy,
    Port,
    Protocol,
    ServiceEntry,
    ServiceKey,
)
from dns_frontend.plan.ledger import Ledger

Json = Mapping[str, object]


def keepsake(ledger: Ledger) -> dict[str, object]:
    """What `recall` needs, made of JSON's types only, always in the same order."""
    kept: dict[str, object] = {}
    out = sorted(
        region
        for region, standing in ledger.standings.items()
        # what an operator diverts is in the plan, and has nothing to earn afterwards
        if standing.out and standing.diverted_until is None
    )
    if out:
        kept["out"] = out
    if ledger.remembered:
        kept["remembered"] = [
            {
                "cell": cell,
                "region": ledger.region(cell),
                "endpoints": [_endpoint_json(e) for e in ledger.remembered[cell]],
            }
            for cell in sorted(ledger.remembered)
        ]
    if ledger.missing:
        kept["missing"] = [
            {
                "cell": cell,
                "region": ledger.region(cell),
                "entry": _entry_json(ledger.entries[cell]),
            }
            for cell in sorted(ledger.missing)
        ]
    return kept


def recall(ledger: Ledger, kept: Json, now: float) -> None:
    """Bring back a keepsake, best after the cells are loaded: then the policy is known.

    Raises ValueError, TypeError or KeyError for what `keepsake` did not make; the ledger
    is then as it was, or holds a part of it, which is valid by itself.
    """
    out = [_text(region) for region in _list(kept.get("out", []))]
    for each in _list(kept.get("missing", [])):
        item = _map(each)
        entry = _entry(_map(item["entry"]), ledger.key)
        ledger.recall_missing(_text(item["cell"]), _text(item["region"]), entry, now)
    for each in _list(kept.get("remembered", [])):
        item = _map(each)
        endpoints = [_endpoint(_map(e)) for e in _list(item["endpoints"])]
        ledger.recall(_text(item["cell"]), _text(item["region"]), endpoints)
    ledger.restart(out, now)


def _endpoint_json(endpoint: Endpoint) -> dict[str, object]:
    return {
        "instance": endpoint.instance,
        "incarnation": endpoint.incarnation,
        "addresses": list(endpoint.addresses),
        "ports": [[p.name, p.number, p.protocol.value] for p in endpoint.ports],
        "priority": endpoint.priority,
        "weight": endpoint.weight,
        "zone": endpoint.zone,
        "metadata": {key: endpoint.metadata[key] for key in sorted(endpoint.metadata)},
        "health": endpoint.health.value,
        "evidence": endpoint.evidence,
        "hold": endpoint.hold,
    }


def _endpoint(kept: Json) -> Endpoint:
    ports = [_list(each) for each in _list(kept["ports"])]
    return Endpoint(
        instance=_text(kept["instance"]),
        incarnation=_text(kept["incarnation"]),
        addresses=tuple(_text(address) for address in _list(kept["addresses"])),
        ports=tuple(Port(_text(p[0]), _number(p[1]), Protocol(p[2])) for p in ports),
        priority=_number(kept["priority"]),
        weight=_number(kept["weight"]),
        zone=_text(kept["zone"]),
        metadata={str(key): _text(value) for key, value in _map(kept["metadata"]).items()},
        health=Health(kept["health"]),
        evidence=_text(kept["evidence"]),
        hold=_text(kept.get("hold", "")),
    )


def _entry_json(entry: ServiceEntry) -> dict[str, object]:
    policy = entry.policy
    return {
        "policy": None
        if policy is None
        else {
            "record_ttl_seconds": policy.record_ttl_seconds,
            "region_order": list(policy.region_order),
            "enter_threshold": policy.enter_threshold,
            "exit_threshold": policy.exit_threshold,
            "exit_hold_seconds": policy.exit_hold_seconds,
            "minimum_endpoints": policy.minimum_endpoints,
            "scale_to_zero": policy.scale_to_zero,
            "enter_hold_seconds": policy.enter_hold_seconds,
            "distances": [list(each) for each in policy.distances],
            "overprovisioning": policy.overprovisioning,
            "all_down": policy.all_down.value,
            "static_addresses": list(policy.static_addresses),
        },
        "endpoints": [_endpoint_json(e) for e in entry.endpoints],
        "revision": entry.revision,
    }


def _entry(kept: Json, key: ServiceKey) -> ServiceEntry:
    policy = None
    if kept["policy"] is not None:
        wish = _map(kept["policy"])
        policy = Policy(
            record_ttl_seconds=_number(wish["record_ttl_seconds"]),
            region_order=tuple(_text(region) for region in _list(wish["region_order"])),
            enter_threshold=_share(wish["enter_threshold"]),
            exit_threshold=_share(wish["exit_threshold"]),
            exit_hold_seconds=_share(wish["exit_hold_seconds"]),
            minimum_endpoints=_number(wish["minimum_endpoints"]),
            scale_to_zero=bool(wish["scale_to_zero"]),
            enter_hold_seconds=_share(wish.get("enter_hold_seconds", 0.0)),
            distances=tuple(
                (_text(d[0]), _text(d[1]), _number(d[2]))
                for d in map(_list, _list(wish.get("distances", [])))
            ),
            overprovisioning=_share(wish.get("overprovisioning", 0.0)),
            all_down=AllDown(wish.get("all_down", "fail_open_home")),
            static_addresses=tuple(map(_text, _list(wish.get("static_addresses", [])))),
        )
    return ServiceEntry(
        key=key,
        policy=policy,
        endpoints=tuple(_endpoint(_map(e)) for e in _list(kept["endpoints"])),
        held=True,
        tombstoned=False,
        revision=_number(kept["revision"]),
    )


def _map(value: object) -> Json:
    if not isinstance(value, Mapping):
        raise TypeError(f"expected an object, found {value!r}")
    return value


def _list(value: object) -> list[object]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"expected a list, found {value!r}")
    return list(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {value!r}")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"expected a whole number, found {value!r}")
    return value


def _share(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"expected a number, found {value!r}")
    return float(value)

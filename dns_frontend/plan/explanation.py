"""Why a service is answered as it is: the lines behind `_why`.

    service=payments/api view=east mode=failover region=west rule=stands_in ttl=5 endpoints=2
    cell=east region=east generation=42 epoch=3 digest=0a1b2c created=2026-01-31T12:00:00.000Z
        revision=977 not_confirmed
    fallback=south rule=stands_in endpoints=3 ready=yes
    tier=east standing=out healthy=0 counted=3 needs=0.5 minimum=1 returns=0.7 hold=30s
    endpoint=api-1 region=east answer=out health=unhealthy evidence=timeout why=unhealthy

There is no clock in it: equal state gives equal lines.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from dns_frontend.plan.answer import Composer, RecordSet, RecordType, Scope, strings
from dns_frontend.plan.entry import ZONE_KEY, CellPosition, Endpoint
from dns_frontend.plan.facet import ANY
from dns_frontend.plan.failover import Choice, Rule, ServingMode, Tier, choose
from dns_frontend.plan.fallback import fallback_of
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.zone import Place
from dns_frontend.plan.zone_explanation import zone_lines

ENDPOINT_LINES_MAXIMUM = 300
"""What is left out is counted in the last line; all of it must fit one answer (64 KiB)."""


def why(
    composer: Composer,
    ledger: Ledger,
    place: Place,
    scope: Scope,
    positions: Mapping[str, CellPosition],
    pinned: Collection[str],
) -> RecordSet:
    """The records of a service's `_why`, which never outlive a degraded answer."""
    choice = composer.choice(scope, ANY)
    lines = explain(
        ledger,
        scope,
        positions,
        composer.ttl_seconds(ledger, choice),
        stale=composer.stale,
        pinned=pinned,
    )
    lines += _lost(scope, composer)
    labels = ("_why", place.service, place.namespace, "svc")
    owner = (*labels, place.region, "region") if place.region else labels
    data = tuple(strings(line) for line in lines)
    return RecordSet(owner, RecordType.TXT, composer.degraded_ttl_seconds, data)


def _lost(scope: Scope, composer: Composer) -> list[str]:
    """What this frontend's own probes take out of the answers of stale regions."""
    return [
        f"own probes: {len(dead)} of {len(tier.known)} endpoints in {tier.region} do not answer"
        " this frontend, others are preferred while the plan is stale"
        for tier in scope.tiers
        if tier.region in composer.stale
        and (dead := [e for e in tier.known if e.incarnation in composer.lost])
    ]


def explain(
    ledger: Ledger,
    scope: Scope,
    positions: Mapping[str, CellPosition],
    ttl_seconds: int,
    *,
    stale: Collection[str] = (),
    pinned: Collection[str] = (),
) -> list[str]:
    """The lines for the service in this scope.

    `stale` are the regions not confirmed lately, `pinned` the cells that an operator pinned.
    """
    choice = choose(scope.home, scope.tiers, ANY, scope.policy, scope.ramped)
    lines = [
        f"service={ledger.key.entry} view={scope.home}{' pinned' if scope.pinned else ''}"
        f" mode={_mode(ledger, choice, stale).value} region={choice.region}"
        f" rule={choice.rule.value} ttl={ttl_seconds} endpoints={len(choice.everything)}"
    ]
    shown = {tier.region for tier in scope.tiers}
    lines += [
        _cell(ledger, cell, positions.get(cell), cell in pinned, ledger.region(cell) in stale)
        for cell in ledger.cells()
        if ledger.region(cell) in shown
    ]
    if ledger.key == ZONE_KEY:
        return lines + zone_lines(ledger)
    fallback = fallback_of(scope, choice)
    lines += [] if fallback is None else [str(fallback)]
    lines += [_tier(ledger, tier) for tier in scope.tiers]
    endpoints: list[str] = []
    for tier in scope.tiers:
        taken = {
            (endpoint.instance, endpoint.incarnation)
            for region, endpoints_of in ((choice.region, choice.endpoints), *choice.beside)
            if region == tier.region
            for endpoint in endpoints_of
        }
        for endpoints_of, why in (
            (tier.healthy, "healthy"),
            (tier.unhealthy, "unhealthy"),
            (tier.leaving, "leaving"),
            (tier.remembered, "remembered"),
            (tier.unknown, "not_validated"),
        ):
            for endpoint in endpoints_of:
                reason = _reason(tier, endpoint, choice.region, choice.rule, why)
                is_taken = (endpoint.instance, endpoint.incarnation) in taken
                endpoints.append(_endpoint(tier, endpoint, is_taken, reason))
    lines += endpoints[:ENDPOINT_LINES_MAXIMUM]
    if len(endpoints) > ENDPOINT_LINES_MAXIMUM:
        lines.append(f"more={len(endpoints) - ENDPOINT_LINES_MAXIMUM} endpoints not shown")
    return lines


def _mode(ledger: Ledger, choice: Choice, stale: Collection[str]) -> ServingMode:
    """As the answer itself is labelled: failing open is worse than being old."""
    late = choice.region in stale or ledger.is_lost_in(choice.region)
    late = late and choice.rule is not Rule.NOTHING_KNOWN
    return ServingMode.STALE if late and choice.mode is not ServingMode.FAIL_OPEN else choice.mode


def _cell(
    ledger: Ledger, cell: str, position: CellPosition | None, pinned: bool, stale: bool
) -> str:
    entry = ledger.entries[cell]
    line = f"cell={cell} region={ledger.region(cell)}"
    if position is not None:
        created = datetime.fromtimestamp(position.create_time_ms // 1000, UTC)
        stamp = f"{created:%Y-%m-%dT%H:%M:%S}.{position.create_time_ms % 1000:03d}Z"
        line += f" generation={position.generation} epoch={position.epoch}"
        line += f" digest={position.digest.hex()[:12]} created={stamp}"
    line += f" revision={entry.revision}"
    if entry.tombstoned:
        line += " deleted"
    if cell in ledger.missing:
        line += " missing_without_deletion"
    elif cell in ledger.lost:
        line += " lost_without_deletion"
    elif entry.held:
        line += " held"
    if pinned:
        line += " pinned_by_operator"
    if stale:
        line += " not_confirmed"
    return line


def _tier(ledger: Ledger, tier: Tier) -> str:
    policy = ledger.policy
    if tier.standing is None:
        standing = "none"
    elif tier.standing.diverted_until is not None:
        standing = "diverted"
    elif tier.standing.out:
        standing = "out" if tier.standing.well_since is None else "out_until_held"
    else:
        standing = "in"
    return (
        f"tier={tier.region} standing={standing} healthy={len(tier.healthy)}"
        f" counted={len(tier.healthy) + len(tier.unhealthy)}"
        f" needs={policy.enter_threshold:g} minimum={policy.minimum_endpoints}"
        f" returns={policy.exit_threshold:g} hold={policy.exit_hold_seconds:g}s"
    )


def _reason(tier: Tier, endpoint: Endpoint, region: str, rule: Rule, why: str) -> str:
    if tier.region != region and why == "healthy":
        return f"{why},{region}_answers"
    if endpoint.hold:
        return f"{why},removal_held,{endpoint.hold}"
    if tier.region == region and why == "unhealthy" and rule is Rule.UNHEALTHY:
        return f"{why},none_healthier"
    return why


def _endpoint(tier: Tier, endpoint: Endpoint, taken: bool, reason: str) -> str:
    return (
        f"endpoint={endpoint.instance} region={tier.region}"
        f" answer={'in' if taken else 'out'} health={endpoint.health.value}"
        f" evidence={endpoint.evidence} why={reason}"
        f" addresses={','.join(endpoint.addresses)}"
    )

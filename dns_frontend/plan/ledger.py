"""All that is known of one service: what each cell says now, and what may not be lost.

The ledger merges the cells of all regions into tiers, judges the regions' standings,
and upholds "never empty by accident" (I7) a third time, after the planner and the
frontend's guard: what a cell once offered and offers no more is remembered as a last
resort, until a tombstone ends it or the policy says `scale_to_zero`.

Pure: no clock, no I/O. The same calls in the same order give the same state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import inf

from dns_frontend.plan.entry import AllDown, Endpoint, Health, Policy, ServiceEntry, ServiceKey
from dns_frontend.plan.facet import facets
from dns_frontend.plan.failover import Tier, goal, region_order
from dns_frontend.plan.lifetime import Ebb, ebbs
from dns_frontend.plan.memory import remember
from dns_frontend.plan.ramp import Ramp
from dns_frontend.plan.ramp import step as step_ramp
from dns_frontend.plan.ranking import Ranking
from dns_frontend.plan.standing import OUT, Standing, Tally, due, step
from dns_frontend.plan.tier import tier_of

_DEFAULT_POLICY = Policy()
_NOBODY: frozenset[str] = frozenset()
_HEALTHY = Health.HEALTHY
_UNHEALTHY = Health.UNHEALTHY


class Ledger:
    """One service as all cells together know it."""

    __slots__ = (
        "_children",
        "_ebbs",
        "_good",
        "_ramps",
        "_ranking",
        "_regions",
        "_tiers",
        "entries",
        "key",
        "lost",
        "missing",
        "policy",
        "remembered",
        "standings",
    )

    def __init__(self, key: ServiceKey, ranking: Ranking) -> None:
        self.key = key
        self.entries: dict[str, ServiceEntry] = {}
        """What each cell says, by cell."""
        self.missing: frozenset[str] = _NOBODY
        """Cells that stopped to mention the service without a tombstone."""
        self.lost: frozenset[str] = _NOBODY
        """Cells whose registry lost the service, or its endpoints, by accident: their entry is
        held as it was (`holding`)."""
        self.remembered: dict[str, tuple[Endpoint, ...]] = {}
        """By cell: endpoints of the past that alone offer a facet."""
        self.standings: dict[str, Standing] = {}
        """By region; a region that was never judged is not in it."""
        self.policy = _DEFAULT_POLICY
        """The home region's, else that of the first region in order that has one."""
        self._good: dict[str, frozenset[str]] = {}
        """By region: incarnations that were healthy when it last had healthy ones."""
        self._ramps: dict[str, Ramp] = {}
        """By region: where its load is, on its way to others or back."""
        self._ebbs: dict[str, Ebb] = {}
        self._regions: dict[str, str] = {}
        self._ranking = ranking
        self._tiers: dict[str, Tier] = {}
        self._children: dict[str, frozenset[tuple[str, ...]]] = {}

    def __repr__(self) -> str:
        out = [region for region, standing in self.standings.items() if standing.out]
        return f"Ledger({self.key.entry}, cells={sorted(self.entries)}, out={sorted(out)})"

    # --- what happens ------------------------------------------------------------------

    def put(self, cell: str, region: str, entry: ServiceEntry, now: float) -> None:
        """A cell says something of the service.

        Raises what the entry's nonsense raises; the ledger is as it was before then (I11).
        """
        entries, regions = self.entries.copy(), self._regions.copy()
        remembered = self.remembered.copy()
        missing, policy, standings = self.missing, self.policy, self.standings
        lost = self.lost
        ramps, bounds = self._ramps, self._ebbs
        try:
            self._put(cell, region, entry, now)
        except Exception:
            self.entries, self._regions, self.remembered = entries, regions, remembered
            self.missing, self.policy, self.standings = missing, policy, standings
            self.lost = lost
            self._ramps, self._ebbs = ramps, bounds
            self._forget()
            raise

    def hold(self, cell: str, region: str, entry: ServiceEntry, now: float) -> None:
        """The cell's registry has lost what it said of the service; this was the last of it.

        It goes on counting as it did, and is labelled: like all that a registry says when it
        is out of reach, it is only no fresher than it was (I7, I12).
        """
        self.entries[cell] = entry
        self._regions[cell] = region
        self.missing -= {cell}
        self.lost |= {cell}
        self.policy = self._policy()
        self._judge(now)

    def is_lost_in(self, region: str) -> bool:
        """Whether what is known of the region is held by us alone, in part at least."""
        return any(self._regions[cell] == region for cell in self.lost)

    def drop(self, cell: str, now: float) -> None:
        """A cell does not mention the service any more.

        After a tombstone that is the end of it. Without one a missing row is no deletion
        (I7): what was known is kept, as the least wanted set.
        """
        before = self.entries.get(cell)
        if before is None or cell in self.missing:
            return
        self.lost -= {cell}
        if before.tombstoned:
            del self.entries[cell]
            del self._regions[cell]
            self.policy = self._policy()
        else:
            kept = _known(before)
            if self.policy.scale_to_zero:
                kept = ()
                self.remembered.pop(cell, None)
            self.entries[cell] = replace(before, endpoints=kept, held=True)
            self.missing |= {cell}
        self._judge(now)

    def recall(self, cell: str, region: str, endpoints: Iterable[Endpoint]) -> None:
        """Bring back what `remembered` held for the cell before a restart."""
        entry = self.entries.get(cell)
        if entry is not None and entry.tombstoned:
            return
        offered = facets(_known(entry)) if entry is not None else set()
        kept = tuple(e for e in endpoints if not facets((e,)) <= offered)
        if kept:
            self.remembered[cell] = kept
            self._regions.setdefault(cell, region)
        self._forget()

    def recall_missing(self, cell: str, region: str, entry: ServiceEntry, now: float) -> None:
        """Bring back an entry that the cell had ceased to mention before a restart."""
        if cell not in self.entries:
            self.entries[cell] = entry
            self._regions[cell] = region
            self.missing |= {cell}
            self.policy = self._policy()
            self._judge(now)

    def restart(self, out: Iterable[str], now: float) -> None:
        """Judge all regions anew, but for those `out`, which have to earn their return."""
        self.standings = dict.fromkeys(out, OUT)
        self._ramps = {}
        self._judge(now)

    def review(self, now: float) -> bool:
        """Judge the standings again at `now`; whether answers are not what they were.

        A region changed sides, load moved, or a TTL stepped down.
        """
        before = self._answered_by()
        self._judge(now)
        return before != self._answered_by()

    def due(self) -> float | None:
        """When `review` could change something by itself; None: only an event can."""
        policy = self.policy
        times = [due(standing, policy) for standing in self.standings.values()]
        times += [ramp.due for ramp in self._ramps.values()]
        times += [ebb.until for ebb in self._ebbs.values()]
        return min((time for time in times if time is not None), default=None)

    # --- what is known -----------------------------------------------------------------

    @property
    def alive_in(self) -> frozenset[str]:
        """The regions in which the service exists: a cell has it, and not as deleted."""
        if len(self.entries) == 1:
            (entry,) = self.entries.values()
            if not entry.tombstoned:
                return frozenset(self._regions[cell] for cell in self.entries)
        return frozenset(
            self._regions[cell] for cell, entry in self.entries.items() if not entry.tombstoned
        )

    def cells(self) -> list[str]:
        """The cells that say something, the home region's first."""
        if len(self.entries) == 1:
            return list(self.entries)
        return sorted(
            self.entries, key=lambda cell: (self._ranking.rank(self._regions[cell]), cell)
        )

    def says(self, cell: str, entry: ServiceEntry) -> bool:
        """Whether this is what the cell said already, so that `put` would change nothing."""
        return cell not in self.missing | self.lost and self.entries.get(cell) == entry

    def region(self, cell: str) -> str:
        """The region of a cell that says something."""
        return self._regions[cell]

    def tier(self, region: str) -> Tier:
        """The endpoints of one region; an empty tier where there are none."""
        found = self._tiers.get(region)
        if found is None:
            found = self._tiers[region] = self._sorted(region)
        return found

    def ramp(self, region: str) -> Ramp | None:
        """Where a region's load is now, and is to be; None where it is not shared."""
        return self._ramps.get(region)

    def ebb(self, region: str) -> Ebb | None:
        """What bounds the TTL of answers from the region; None: no change of it is known to come.

        A region that answers for itself ceases to by the mere passing of time when it is about
        to be left, or its load is on its way.
        """
        return self._ebbs.get(region)

    def children(self, region: str) -> frozenset[tuple[str, ...]]:
        """The names below the service's, each as its labels, outermost first.

        `region` is that of the pinned names, or empty for the names of all regions.
        Endpoints of any health count: a name exists before it has something to say.
        """
        found = self._children.get(region)
        if found is None:
            names: set[tuple[str, ...]] = {("_why",)}
            for each in (region,) if region else self.alive_in:
                tier = self.tier(each)
                for endpoint in tier.known + tier.unknown:
                    names.add((endpoint.instance,))
                    for port in endpoint.ports:
                        protocol = f"_{port.protocol.value}"
                        names.add((protocol,))
                        names.add((protocol, f"_{port.name}"))
            found = self._children[region] = frozenset(names)
        return found

    @property
    def size(self) -> int:
        """How many endpoints all cells together have."""
        return sum(len(entry.endpoints) for entry in self.entries.values())

    @property
    def notable(self) -> bool:
        """Whether there is something that the cells' own words do not bring back."""
        return bool(
            self.missing
            or self.remembered
            or any(standing.out for standing in self.standings.values())
        )

    # --- how ---------------------------------------------------------------------------

    def _put(self, cell: str, region: str, entry: ServiceEntry, now: float) -> None:
        before = self.entries.get(cell)
        self.entries[cell] = entry
        self._regions[cell] = region
        if cell in self.missing:
            self.missing -= {cell}
        if cell in self.lost:
            self.lost -= {cell}
        self.policy = self._policy()
        if entry.tombstoned:
            # explicit human intent comes before never empty
            self.remembered.pop(cell, None)
        elif before is None:
            # the first word since the start takes nothing away; and where load was is not known
            self._ramps = {}
        elif self.policy.scale_to_zero:
            self.remembered.pop(cell, None)
        elif not before.tombstoned:
            self._remember(cell, before, entry)
        self._judge(now)

    def _forget(self) -> None:
        """What was derived from the entries is to be derived anew when asked for."""
        self._tiers.clear()
        self._children.clear()

    def _policy(self) -> Policy:
        for cell in self.cells():
            entry = self.entries[cell]
            if entry.policy is not None and not entry.tombstoned:
                return entry.policy
        return _DEFAULT_POLICY

    def _remember(self, cell: str, before: ServiceEntry, after: ServiceEntry) -> None:
        past = self.remembered.pop(cell, ())
        kept = remember(past, _known(before), _known(after))
        if kept:
            self.remembered[cell] = kept

    def _judge(self, now: float) -> None:
        self._forget()
        policy = self.policy
        tallies: dict[str, tuple[int, int]] = {}
        diverted: dict[str, float] = {}
        for cell, entry in self.entries.items():
            if entry.tombstoned:
                continue
            healthy = unhealthy = 0
            if not entry.held:
                for endpoint in entry.endpoints:
                    if endpoint.health is _HEALTHY:
                        healthy += 1
                    elif endpoint.health is _UNHEALTHY:
                        unhealthy += 1
            region = self._regions[cell]
            # of a region's cells all must be diverted, or it has endpoints that are wanted
            diverted[region] = min(diverted.get(region, inf), entry.diverted_until)
            before = tallies.get(region, (0, 0))
            tallies[region] = (before[0] + healthy, before[1] + healthy + unhealthy)
        if policy.all_down is AllDown.LAST_KNOWN_GOOD:
            self._remember_good(tallies)
        standings: dict[str, Standing] = {}
        if self.standings:
            heard = {self._regions[cell] for cell in self.entries}
            # one restored before its region's cell was loaded waits for it
            standings = {r: s for r, s in self.standings.items() if r not in heard}
        for region, (healthy, counted) in tallies.items():
            tally = Tally(healthy, counted)
            new = step(self.standings.get(region), tally, policy, now, diverted[region])
            if new is not None:
                standings[region] = new
        self.standings = standings
        self._ramp(now)
        changes = [(r, due(s, policy)) for r, s in standings.items() if s.unwell_since is not None]
        changes += [(region, ramp.due) for region, ramp in self._ramps.items()]
        self._ebbs = ebbs(changes, now)

    def _answered_by(self) -> object:
        """What answers follow from, beside what the cells say."""
        return (
            {region for region, standing in self.standings.items() if standing.out},
            {region: ramp.shares for region, ramp in self._ramps.items()},
            {region: each.seconds for region, each in self._ebbs.items()},
        )

    def _ramp(self, now: float) -> None:
        policy, ramps, regions = self.policy, self._ramps, self.regions
        self._ramps = {}
        for home in regions if policy.overprovisioning else ():
            order = region_order(home, policy, self._ranking.regions, regions)
            aim = goal(home, [self.tier(each) for each in order], policy.overprovisioning)
            if aim is not None:
                self._ramps[home] = step_ramp(ramps.get(home), aim, now)

    def _remember_good(self, tallies: Mapping[str, tuple[int, int]]) -> None:
        for region, (healthy, _) in tallies.items():
            if healthy:
                self._good[region] = frozenset(
                    endpoint.incarnation
                    for cell, entry in self.entries.items()
                    if self._regions[cell] == region
                    for endpoint in entry.endpoints
                    if endpoint.health is _HEALTHY
                )

    def _sorted(self, region: str) -> Tier:
        cells = [cell for cell in sorted(self._regions) if self._regions[cell] == region]
        past = () if self.policy.scale_to_zero else cells
        return tier_of(
            region,
            self.standings.get(region),
            [self.entries[cell] for cell in cells if cell in self.entries],
            [endpoint for cell in past for endpoint in self.remembered.get(cell, ())],
            self._good.get(region, _NOBODY),
        )

    @property
    def regions(self) -> list[str]:
        """The regions of all cells that said something."""
        return sorted(set(self._regions.values()))


def _known(entry: ServiceEntry) -> tuple[Endpoint, ...]:
    return tuple(e for e in entry.endpoints if e.health is not Health.UNKNOWN)

"""The ledgers of all services: those that are open, and those that can be opened.

A cell's content lies where it lies (content.py). A ledger is opened from it when somebody
asks for its service or something of it changes, and closed again, oldest first, when too many
are open and what the cells say brings it back as it was. So what is known of a service is
always as if all had been read at the start; only when it is read differs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import islice

from dns_frontend.plan.content import Content
from dns_frontend.plan.entry import AllDown, CellPosition, ServiceKey
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.population import Population
from dns_frontend.plan.ranking import Ranking
from dns_frontend.plan.standing import IN

OPEN_MAXIMUM = 4096
"""Ledgers open that might as well be closed; an eighth of them is closed at a time."""


class Ledgers:
    """By service. Pure: `now` is an argument."""

    def __init__(
        self,
        ranking: Ranking,
        *,
        closing: bool = True,
        opened: Callable[[Ledger], None] = lambda _: None,
    ) -> None:
        """Unless `closing`, all are opened at once, and stay so. `opened` is told of each."""
        self.open: dict[ServiceKey, Ledger] = {}
        """The open ones. It stays the same dictionary."""
        self.notable: set[ServiceKey] = set()
        """Those with something that the cells' own words do not bring back."""
        self.due: dict[ServiceKey, float] = {}
        """When time may change one by itself."""
        self.faults = 0
        """Entries that could not be taken; each harmed its own service only (I11)."""
        self._ranking = ranking
        self._closing = closing
        self._opened = opened
        self._contents: dict[str, tuple[str, Content]] = {}
        """By cell: its region and what it says."""
        self._idle: dict[ServiceKey, None] = {}
        """Open ones that may be closed, the oldest first."""
        self._kept: set[ServiceKey] = set()
        """Those that took not all that their cells say."""
        self._population = Population()

    def __repr__(self) -> str:
        return f"Ledgers({len(self.open)} open, {len(self._idle)} idle)"

    # --- finding -----------------------------------------------------------------------

    def find(self, key: ServiceKey, now: float) -> Ledger | None:
        """What is known of a service; None: nothing."""
        ledger = self.open.get(key)
        if ledger is None and self._contents:
            ledger = self._open(key, now)
        return ledger

    def glance(self, key: ServiceKey, now: float) -> Ledger | None:
        """The same, but one that is not open stays so; it is to be looked at and let go."""
        ledger = self.open.get(key)
        return self._made(key, now)[0] if ledger is None else ledger

    def names(self) -> Iterator[ServiceKey]:
        """Each service once, as the cells spoke of them when this began."""
        contents = [content for _, content in self._contents.values()]
        for at, content in enumerate(contents):
            for key in content.services():
                if all(earlier.entry(key) is None for earlier in contents[:at]):
                    yield ServiceKey(*key.split("/", 1))
        for known in list(self.open):
            if all(content.entry(known.entry) is None for content in contents):
                yield known

    def make(self, key: ServiceKey, now: float) -> Ledger:
        """The same, begun when nothing is known."""
        ledger = self.find(key, now)
        if ledger is None:
            ledger = self.open[key] = Ledger(key, self._ranking)
        return ledger

    def exists(self, region: str, namespace: str) -> bool:
        """Whether a service lives in the namespace, in the region or, if empty, in any."""
        return self._population.has(region, namespace) or any(
            namespace in content.namespaces
            for within, content in self._contents.values()
            if not region or region == within
        )

    # --- what happens ------------------------------------------------------------------

    def attach(self, position: CellPosition, content: Content, now: float) -> None:
        """A cell says this now; ledgers that are open have heard of it already."""
        self._contents[position.cell] = (position.region, content)
        # a diversion is over by itself
        for entry in content.diverted if self._closing else content.services():
            self.find(ServiceKey(*entry.split("/", 1)), now)

    def detach(self, cell: str) -> None:
        """All ledgers that a cell speaks of are open."""
        self._contents.pop(cell, None)

    def settle(self, ledger: Ledger) -> None:
        """A ledger has changed; forget it when nothing is left of it."""
        key = ledger.key
        self._population.count(key, ledger.alive_in)
        if ledger.notable:
            self.notable.add(key)
        else:
            self.notable.discard(key)
        due = ledger.due()
        if due is None:
            self.due.pop(key, None)
        else:
            self.due[key] = due
        if not ledger.entries and not ledger.notable:
            self.open.pop(key, None)
            self._idle.pop(key, None)
        elif self._may_close(ledger):
            self._idle.setdefault(key)
        else:
            self._idle.pop(key, None)

    def keep(self, key: ServiceKey) -> None:
        """Never close this one: what it holds is not what its cells say."""
        self.faults += 1
        self._kept.add(key)
        self._idle.pop(key, None)

    def others(self, cell: str, said: Collection[str]) -> Iterator[ServiceKey]:
        """Open ledgers in which the cell has a say, beyond those of which it speaks."""
        for key, ledger in self.open.items():
            if cell in ledger.entries and key.entry not in said:
                yield key

    # --- opening and closing -----------------------------------------------------------

    def _open(self, key: ServiceKey, now: float) -> Ledger | None:
        ledger, faulty = self._made(key, now)
        if ledger is None:
            return None
        if len(self._idle) >= OPEN_MAXIMUM:
            self._close()
        self.open[key] = ledger
        if faulty:
            self.keep(key)
        self.settle(ledger)
        self._opened(ledger)
        return ledger

    def _made(self, key: ServiceKey, now: float) -> tuple[Ledger | None, bool]:
        """A ledger of what the cells say, and whether one said what could not be taken."""
        ledger: Ledger | None = None
        faulty = False
        for cell, (region, content) in self._contents.items():
            entry = content.entry(key.entry)
            if entry is None:
                continue
            if ledger is None:
                ledger = Ledger(key, self._ranking)
            try:
                ledger.put(cell, region, entry, now)
            except Exception:  # whatever one bad entry does, the others go on (I11)
                faulty = True
        if ledger is None or not ledger.entries:
            return None, faulty
        # together, as if all cells had been read before anything was judged (I16)
        ledger.restart((), now)
        return ledger, faulty

    def _may_close(self, ledger: Ledger) -> bool:
        """Whether opening it again would give the same."""
        return (
            self._closing
            and _is_plain(ledger)
            and ledger.key not in self._kept
            and all(cell in self._contents for cell in ledger.entries)
        )

    def _close(self) -> None:
        for key in list(islice(self._idle, OPEN_MAXIMUM // 8)):
            del self._idle[key]
            del self.open[key]
            self._population.count(key, frozenset())


def _is_plain(ledger: Ledger) -> bool:
    """Whether the cells' own words alone, judged anew at any time, give all that it holds."""
    return (
        not ledger.notable
        and not ledger.lost
        and ledger.due() is None
        and ledger.policy.all_down is not AllDown.LAST_KNOWN_GOOD
        and all(standing == IN for standing in ledger.standings.values())
        # load on its way to other regions knows when it last took a step
        and not ledger.policy.overprovisioning
        and all(entry.diversion is None for entry in ledger.entries.values())
    )

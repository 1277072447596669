"""The cells of a frontend in its metrics: how old, how far, and what is not as it should be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from dns_frontend import telemetry
from dns_frontend.feed.applier import Applier
from dns_frontend.feed.scribe import Scribe
from dns_frontend.plan.cell import CellState
from dns_frontend.plan.velocity import Reason, is_slowed


class CellGauges:
    """Reads when it is asked, from another thread."""

    def __init__(self, frontend: str, applier: Applier, scribe: Scribe) -> None:
        self._frontend = frontend
        self._applier = applier
        self._scribe = scribe

    def __repr__(self) -> str:
        return f"<CellGauges of {self._applier!r}>"

    def show(self) -> Callable[[], None]:
        """Show the cells; returns how to withdraw."""
        withdrawals = [
            telemetry.observe(telemetry.PLAN_AGE, self._ages),
            telemetry.observe(telemetry.GENERATION, self._generations),
            telemetry.observe(telemetry.CELLS_REFUSING, self._refusing),
            telemetry.observe(telemetry.CELLS_PINNED, self._pinned),
            telemetry.observe(telemetry.NAMES_HELD, self._held),
            telemetry.observe(telemetry.REMOVALS_HELD, self._removals),
            telemetry.observe(telemetry.DISK_FAILING, self._disk),
        ]

        def withdraw() -> None:
            for each in withdrawals:
                each()

        return withdraw

    def _states(self) -> Sequence[CellState]:
        """A copy, so that nothing changes under it."""
        return self._applier.states()

    def _ages(self) -> telemetry.Readings:
        for state in self._states():
            age = self._applier.age(state)
            if age is not None:
                yield age, self._attributes(state.cell)

    def _generations(self) -> telemetry.Readings:
        for state in self._states():
            if state.served is not None:
                yield state.served.position.generation, self._attributes(state.cell)

    def _refusing(self) -> telemetry.Readings:
        for state in self._states():
            yield float(state.refused is not None), self._attributes(state.cell)

    def _pinned(self) -> telemetry.Readings:
        for state in self._states():
            yield float(bool(state.pin)), self._attributes(state.cell)

    def _held(self) -> telemetry.Readings:
        for state in self._states():
            if state.served is not None:
                lost = sum(not is_slowed(kept.entry) for kept in state.served.held.values())
                yield lost, self._attributes(state.cell)

    def _removals(self) -> telemetry.Readings:
        for state in self._states():
            if state.served is None:
                continue
            holds = Counter(
                endpoint.hold
                for kept in state.served.held.values()
                for endpoint in (() if kept.entry is None else kept.entry.endpoints)
            )
            for reason in Reason:
                yield holds[reason.value], self._attributes(state.cell) | {"reason": reason.value}

    def _disk(self) -> telemetry.Readings:
        yield float(self._scribe.failing), {"frontend": self._frontend}

    def _attributes(self, cell: str) -> dict[str, str]:
        return {"frontend": self._frontend, "cell": cell}

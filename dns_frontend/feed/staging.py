"""From published entries to those that are answered from: by the frontend's role."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dns_frontend.plan.digest import Published
from dns_frontend.plan.entry import ServiceEntry
from dns_frontend.plan.rehearsal import acted_on
from dns_frontend.plan.role import Role

_Entries = Iterable[tuple[str, Published]]


class Staging:
    """What this frontend makes of each entry, and, of a canary, which have a staged change."""

    def __init__(self, role: Role) -> None:
        self._role = role
        self._staged: dict[str, dict[str, ServiceEntry]] = {}

    def __repr__(self) -> str:
        return f"<Staging {self._role.value} {sum(map(len, self._staged.values()))} staged>"

    @property
    def reads_all(self) -> bool:
        """Whether each entry must be looked at: not by whoever acts on nothing that is staged."""
        return self._role is Role.CANARY

    def staged(self) -> Sequence[tuple[str, ServiceEntry]]:
        """The served entries with a staged change, as published, each with its cell."""
        return [
            (cell, entry) for cell in sorted(self._staged) for entry in self._staged[cell].values()
        ]

    def hold(self, cell: str, held: _Entries) -> dict[str, ServiceEntry]:
        """Those that a cell lost, as they were acted on; none is rehearsed any more."""
        staged = self._staged.setdefault(cell, {})
        entries = {}
        for key, each in held:
            staged.pop(key, None)
            if each.entry is not None:
                entries[key] = acted_on(each.entry, self._role)
        return entries

    def load(self, cell: str, published: _Entries) -> dict[str, ServiceEntry]:
        """A whole cell; what cannot be read the guard lets through nowhere."""
        self._staged.pop(cell, None)
        return self.step(cell, published, ())

    def step(self, cell: str, changed: _Entries, removed: Iterable[str]) -> dict[str, ServiceEntry]:
        """One step of a cell."""
        staged = self._staged.setdefault(cell, {})
        for key in removed:
            staged.pop(key, None)
        entries = {}
        for key, each in changed:
            if each.entry is None:
                continue
            entries[key] = acted_on(each.entry, self._role)
            if self._role is Role.CANARY and each.entry.staged is not None:
                staged[key] = each.entry
            else:
                staged.pop(key, None)
        return entries

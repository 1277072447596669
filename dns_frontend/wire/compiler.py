"""From a service's ledger to the body of an answer about it."""

from __future__ import annotations

from collections.abc import Mapping

from dns_frontend.plan.answer import Composer, RecordType
from dns_frontend.plan.entry import CellPosition
from dns_frontend.plan.explanation import why
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.zone import Place
from dns_frontend.wire.apex import TYPE_ANY, Apex
from dns_frontend.wire.body import EDE_STALE, Body, Encoder
from dns_frontend.wire.option import extended_error

ANY_ORDER = (
    RecordType.SOA,
    RecordType.A,
    RecordType.AAAA,
    RecordType.SRV,
    RecordType.TXT,
)
"""ANY is answered with the first of these that there is (RFC 8482, section 4.1)."""


class Compiler:
    """Makes bodies; keeps none."""

    __slots__ = ("_apex", "_cells", "_composer", "_encoder", "pinned")

    def __init__(
        self,
        composer: Composer,
        encoder: Encoder,
        apex: Apex,
        cells: Mapping[str, CellPosition],
    ) -> None:
        """`cells` says, at any time, where each cell stands."""
        self._composer = composer
        self._encoder = encoder
        self._apex = apex
        self._cells = cells
        self.pinned: frozenset[str] = frozenset()
        """The cells whose content an operator pinned."""

    def __repr__(self) -> str:
        return f"Compiler({len(self._cells)} cells)"

    def compile(self, ledger: Ledger, place: Place, record_type: int, view: str) -> Body | None:
        """The answer to a question about a service; None when it has no such record."""
        if record_type == TYPE_ANY:
            for each in ANY_ORDER:
                body = self.compile(ledger, place, each, view)
                if body is not None:
                    return body
            return None
        answer = self._composer.compose(ledger, place, record_type, view)
        if answer is None:
            return None
        if answer.failed:
            return self._apex.failure(answer.note, answer.mode)
        return self._encoder.positive(
            answer.records.owner,
            answer.records,
            answer.additional,
            option=extended_error(EDE_STALE, answer.note) if answer.note else b"",
            mode=answer.mode,
            tailored=not place.region,
        )

    def why(self, ledger: Ledger, place: Place, record_type: int, view: str) -> Body | None:
        """Why a service is answered as it is; None when it is not TXT that is asked for."""
        if record_type not in (RecordType.TXT, TYPE_ANY):
            return None
        scope = self._composer.scope(ledger, view, place)
        records = why(self._composer, ledger, place, scope, self._cells, self.pinned)
        return self._encoder.positive(records.owner, records, tailored=not place.region)

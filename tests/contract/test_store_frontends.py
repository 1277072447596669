"""Every store keeps what frontends say, and each only ever forward."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_samples import EAST, EAST_REGION, word

from registry.domain.frontend_record import NOTHING_HELD, HeldNames
from registry.domain.names import CellName, Epoch, Generation, RegionName
from registry.ports import Acknowledgement, FrontendCell, FrontendRecord, Store


def cell(
    generation: int,
    refused: int = 0,
    refusal: str = "",
    epoch: int = 1,
    time_ms: int = 1000,
    held: HeldNames = NOTHING_HELD,
) -> FrontendCell:
    """What is known of EAST."""
    return FrontendCell(
        EAST, Epoch(epoch), Generation(generation), Generation(refused), refusal, time_ms, held
    )


HELD = HeldNames(31, ("namespaces/a/services/b", "namespaces/a/services/c"), "they were lost")


def holding(generation: int) -> Acknowledgement:
    """It is applied, but for some names."""
    return replace(word(generation), held=HELD)


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ([word(5)], cell(5)),
        ([word(5), word(7)], cell(7)),
        ([word(7), word(5)], cell(7)),
        ([word(7), word(5, epoch=2)], cell(5, epoch=2)),
        ([word(7, epoch=2), word(9, epoch=1)], cell(7, epoch=2)),
        ([word(5), word(6, "too large")], cell(5, 6, "too large")),
        ([word(5), word(6, "too large"), word(6)], cell(6)),
        ([word(5), word(6, "too large"), word(7)], cell(7)),
        ([word(5), word(7, "b"), word(6, "a")], cell(5, 7, "b")),
        ([word(5), word(7, "b"), word(6)], cell(6, 7, "b")),
        ([word(5), word(5, "crashed")], cell(5, 5, "crashed")),
        ([word(5), word(5, "crashed"), word(5)], cell(5)),
        ([word(5), word(4, "overtaken")], cell(5)),
        ([word(5), holding(6)], cell(6, held=HELD)),
        ([holding(6), word(5), word(7, "too large")], cell(6, 7, "too large", held=HELD)),
        ([holding(6), word(7)], cell(7)),
        ([holding(6), word(6)], cell(6)),
        ([word(5, time_ms=3000), word(6, time_ms=2000)], cell(6, time_ms=3000)),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_what_a_frontend_said_goes_forward(
    store: Store, said: list[Acknowledgement], known: FrontendCell, at_once: bool
) -> None:
    """Old words that come late change nothing; in one group as in several (I1)."""
    for group in [said] if at_once else [[one] for one in said]:
        await store.acknowledge(group)
    assert await store.frontends() == [
        FrontendRecord(word(1).frontend, EAST_REGION, (known,), known.time_ms)
    ]


async def test_frontends_and_cells_are_kept_apart(store: Store) -> None:
    """By id, each with its cells by name; a frontend that moved is shown where it is."""
    west = replace(word(3, frontend="f2"), cell=CellName("west"))
    moved = replace(word(9, frontend="f2"), region=RegionName("south"))
    await store.acknowledge([west, word(2, frontend="f1"), moved])
    await store.acknowledge([])
    first, second = await store.frontends()
    assert (first.id, [c.generation for c in first.cells]) == ("f1", [2])
    assert (second.id, second.region) == ("f2", "south")
    assert [(c.cell, c.generation) for c in second.cells] == [("east", 9), ("west", 3)]


async def test_a_refusal_of_any_text_is_kept(store: Store) -> None:
    """Whatever a frontend puts into it."""
    await store.acknowledge([word(2, "digest\0 «no» " + "x" * 5000)])
    ((known,),) = [record.cells for record in await store.frontends()]
    assert known.refusal.startswith("digest")
    assert known.refusal.endswith("x" * 5000)

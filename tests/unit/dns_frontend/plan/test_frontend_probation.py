"""When a generation has proven itself, and what a frontend that keeps dying begins with."""

from __future__ import annotations

import pytest
from cell_samples import entry, position, tree

from dns_frontend.plan.cell import Acknowledge, DeltaArrived, Rules, Serve, Snapshot, step
from dns_frontend.plan.entry import Health, ServiceEntry
from dns_frontend.plan.guard import Rule
from dns_frontend.plan.probation import Beginning, Pace, Record, Soak, begin, soak
from dns_frontend.plan.substitute import distrust

PACE = Pace(soak_seconds=120, interval_seconds=600)
UP = Health.HEALTHY
CART, DESK = entry("shop/cart", UP), entry("shop/desk", UP)


def snapshot(generation: int, *services: ServiceEntry) -> Snapshot:
    content = tree(*(services or (CART,)))
    return Snapshot(position(generation, content.digest), content)


FIRST, SECOND = snapshot(1), snapshot(2, CART, DESK)
PROVEN = FIRST.position.digest


@pytest.mark.parametrize(
    ("state", "served", "now", "after", "proven"),
    [
        pytest.param(Soak(), None, 0.0, Soak(), None, id="nothing is served"),
        pytest.param(Soak(proven=PROVEN), FIRST, 9.0, Soak(proven=PROVEN), None, id="known good"),
        pytest.param(Soak(), FIRST, 9.0, Soak(FIRST, 9.0), None, id="the first begins to soak"),
        pytest.param(
            Soak(proven=PROVEN, proven_at=100.0),
            SECOND,
            699.9,
            Soak(proven=PROVEN, proven_at=100.0),
            None,
            id="the interval is not over",
        ),
        pytest.param(
            Soak(proven=PROVEN, proven_at=100.0),
            SECOND,
            700.0,
            Soak(SECOND, 700.0, PROVEN, 100.0),
            None,
            id="the interval is over",
        ),
        pytest.param(
            Soak(FIRST, 9.0), SECOND, 128.9, Soak(FIRST, 9.0), None, id="the soak is not over"
        ),
        pytest.param(
            Soak(FIRST, 9.0), SECOND, 129.0, Soak(None, 0.0, PROVEN, 129.0), FIRST, id="proven"
        ),
    ],
)
def test_a_generation_is_known_good_after_its_soak(
    state: Soak, served: Snapshot | None, now: float, after: Soak, proven: Snapshot | None
) -> None:
    """Row by row of the table (I18)."""
    assert soak(state, served, now, PACE) == (after, proven)


FRESH, GOOD = {"east": b"\x02" * 32}, {"east": b"\x01" * 32}
SUSPECT = (FRESH["east"].hex(),)


@pytest.mark.parametrize(
    ("last", "good", "expected"),
    [
        pytest.param(Record(), GOOD, Beginning(Record(True), frozenset()), id="first life"),
        pytest.param(
            Record(False, False, 2), GOOD, Beginning(Record(True), frozenset()), id="ended well"
        ),
        pytest.param(
            Record(True, True, 2), GOOD, Beginning(Record(True), frozenset()), id="lived long"
        ),
        pytest.param(
            Record(True, False, 1),
            GOOD,
            Beginning(Record(True, False, 2), frozenset()),
            id="too few deaths",
        ),
        pytest.param(
            Record(True, False, 2),
            GOOD,
            Beginning(Record(True, False, 3, SUSPECT), frozenset({"east"})),
            id="too many deaths",
        ),
        pytest.param(
            Record(True, False, 0, SUSPECT),
            GOOD,
            Beginning(Record(True, False, 1, SUSPECT), frozenset({"east"})),
            id="one death of a suspect",
        ),
        pytest.param(
            Record(True, False, 2), {}, Beginning(Record(True, False, 3), frozenset()), id="no good"
        ),
        pytest.param(
            Record(True, False, 2),
            FRESH,
            Beginning(Record(True, False, 3), frozenset()),
            id="the newest is the known good",
        ),
    ],
)
def test_a_frontend_that_keeps_dying_begins_with_what_is_known_good(
    last: Record, good: dict[str, bytes], expected: Beginning
) -> None:
    """Row by row of the table; where there is nothing better, the newest is kept (I7)."""
    assert begin(last, FRESH, good) == expected


def test_a_frontend_that_is_new_is_suspected_of_nothing() -> None:
    assert Record() == Record(running=False, proven=False, deaths=0, suspects=())
    assert Soak() == Soak(None, 0.0, b"", None)
    assert Pace() == Pace(soak_seconds=120.0, interval_seconds=600.0)


def test_the_last_suspects_are_remembered_and_no_more() -> None:
    past = tuple(f"{number:064x}" for number in range(40))
    kept = begin(Record(True, False, 2, past), FRESH, GOOD).record.suspects
    assert kept == (*past[-31:], *SUSPECT)


def test_what_is_distrusted_is_refused_and_the_chain_goes_on() -> None:
    """The position stays (I1), the content is the good one's, the next generation is taken."""
    state = distrust(SECOND, FIRST, 10.0)
    assert state.served is not None
    assert state.served.order == SECOND.order
    assert state.served.tree is FIRST.tree
    assert state.refused is not None
    assert state.refused.finding.rule is Rule.CRASHED
    after = tree(CART, DESK, entry("shop/till", UP))
    change = {key: each for key, each in after if key == "shop/till"}
    event = DeltaArrived(11.0, position(3, after.digest), 2, change, ())
    state, effects = step(state, event, Rules())
    assert state.refused is None
    serve = next(each for each in effects if isinstance(each, Serve))
    assert sorted(serve.changed) == ["shop/desk", "shop/till"]
    assert isinstance(effects[-1], Acknowledge)
    assert effects[-1].finding is None

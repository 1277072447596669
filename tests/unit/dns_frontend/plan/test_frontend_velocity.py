"""The frontend's own ration of removals, row by row of the tables (I8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from cell_samples import ENDPOINT, published, tree
from cell_samples import entry as entry_of
from cell_samples import position as position_at

from dns_frontend.plan.cell import (
    Acknowledge,
    BaseArrived,
    CellState,
    CheckpointArrived,
    DeltaArrived,
    PinPlaced,
    Rules,
    Serve,
    Snapshot,
    step,
)
from dns_frontend.plan.digest import Difference, Published
from dns_frontend.plan.entry import Endpoint, Health, Policy, ServiceEntry
from dns_frontend.plan.guard import Limits
from dns_frontend.plan.velocity import (
    Leaving,
    Loss,
    Pace,
    Reason,
    Track,
    VelocityLimits,
    is_due,
    is_over,
    is_slowed,
    leaving,
    loss_of,
    restrain,
)

UP, SICK, NEW, LEAVING = Health.HEALTHY, Health.UNHEALTHY, Health.UNKNOWN, Health.DRAINING
HOLD_SECONDS = 300.0


def endpoint(number: int, health: Health = UP, evidence: str = "", **more: object) -> Endpoint:
    told = evidence or ("validated" if health is UP else "timeout")
    return replace(
        ENDPOINT,
        instance=f"i{number:03d}",
        incarnation=f"u{number:03d}",
        addresses=(f"10.0.{number // 250}.{number % 250 + 1}",),
        health=health,
        evidence=told,
        **more,  # type: ignore[arg-type]  # fields by name
    )


def name(
    *endpoints: Endpoint, key: str = "shop/cart", policy: Policy | None = None
) -> ServiceEntry:
    return replace(entry_of(key), endpoints=endpoints, policy=policy)


def fleet(
    up: int, down: int = 0, key: str = "shop/cart", evidence: str = "timeout"
) -> ServiceEntry:
    """The first `down` of them are not answered with."""
    return name(
        *(endpoint(number, SICK, evidence) for number in range(down)),
        *(endpoint(number) for number in range(down, up + down)),
        key=key,
    )


ONE = endpoint(1)
HELD = endpoint(1, SICK, hold="name_floor")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (endpoint(1, SICK), None, Leaving.STAYS),
        (endpoint(1, NEW, "none"), endpoint(1, SICK), Leaving.STAYS),
        (ONE, ONE, Leaving.STAYS),
        (ONE, HELD, Leaving.STAYS),
        (ONE, endpoint(1, UP, "lease_renewed"), Leaving.STAYS),
        (ONE, None, Leaving.VANISHED),
        (HELD, None, Leaving.VANISHED),
        (ONE, replace(endpoint(1, NEW, "none"), incarnation="other"), Leaving.EXPLICIT),
        (ONE, endpoint(1, LEAVING, "deregistered"), Leaving.EXPLICIT),
        (ONE, endpoint(1, SICK, "deregistered"), Leaving.EXPLICIT),
        (ONE, endpoint(1, SICK, "withdrawn"), Leaving.EXPLICIT),
        (ONE, endpoint(1, SICK, confirmed=True), Leaving.EXPLICIT),
        (ONE, endpoint(1, SICK, "refused"), Leaving.STRONG),
        (ONE, endpoint(1, SICK, "not_serving"), Leaving.STRONG),
        (ONE, endpoint(1, SICK, "wrong_identity"), Leaving.STRONG),
        (HELD, endpoint(1, SICK, "lease_expired"), Leaving.STRONG),
        (replace(HELD, evidence="lease_expired"), endpoint(1, SICK), Leaving.STRONG),
        (ONE, endpoint(1, SICK, "timeout"), Leaving.WEAK),
        (ONE, endpoint(1, SICK, "lease_expired"), Leaving.WEAK),
        (HELD, endpoint(1, SICK, "timeout"), Leaving.WEAK),
        (ONE, endpoint(1, SICK, "none"), Leaving.WEAK),
        (ONE, endpoint(1, NEW, "none"), Leaving.WEAK),
    ],
)
def test_every_row_of_how_an_endpoint_leaves(
    before: Endpoint, after: Endpoint | None, expected: Leaving
) -> None:
    assert leaving(before, after) is expected


def test_one_whose_address_another_endpoint_has_was_replaced() -> None:
    assert leaving(ONE, None, taken=ONE.addresses) is Leaving.EXPLICIT
    assert leaving(ONE, None, taken=("10.9.9.9",)) is Leaving.VANISHED


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (fleet(4), fleet(4), Loss(4)),
        (fleet(4), fleet(3, 1), Loss(4, ("i000",), (), 1, 0)),
        (fleet(4), fleet(3, 1, evidence="refused"), Loss(4)),
        (fleet(4), name(*fleet(4).endpoints[2:]), Loss(4, (), ("i000", "i001"), 0, 2)),
        # additions make up for losses, for what vanished first
        (fleet(4), name(*fleet(3, 1).endpoints, endpoint(9)), Loss(4)),
        (
            fleet(4),
            name(*fleet(1, 2).endpoints, endpoint(8)),
            Loss(4, ("i000", "i001"), ("i003",), 2, 0),
        ),
        (
            fleet(5),
            name(*fleet(1, 3).endpoints, endpoint(8), endpoint(9)),
            Loss(5, ("i000", "i001", "i002"), ("i004",), 2, 0),
        ),
        # explicit: the last set, a deletion
        (fleet(4), replace(fleet(0, 4), held=True), Loss(4)),
        (fleet(4), entry_of("shop/cart", tombstoned=True), Loss(4)),
        (entry_of("shop/cart", tombstoned=True), fleet(4), Loss(0)),
    ],
)
def test_what_a_step_takes_from_a_name(
    before: ServiceEntry, after: ServiceEntry, expected: Loss
) -> None:
    assert loss_of(before, after)[:1] == expected[:1]
    assert (loss_of(before, after).weak_net, loss_of(before, after).vanished_net) == expected[3:]
    if expected.weak_net or expected.vanished_net:
        assert loss_of(before, after) == expected


TRACK = Track(((0.0, 3, 10),))


@pytest.mark.parametrize(
    ("track", "lost", "level", "at_once", "expected"),
    [
        (Track(), 0, 10, True, False),
        (Track(), 2, 10, True, False),
        (Track(), 3, 10, True, True),
        (Track(), 3, 10, False, False),
        (Track(), 5, 10, False, False),
        (Track(), 6, 10, False, True),
        (Track(), 1, 1, True, False),
        (Track(), 1, 3, True, False),
        (TRACK, 0, 7, True, False),
        (TRACK, 2, 7, True, False),
        (TRACK, 3, 7, False, True),
        # what came since raises the level, and with it the share
        (TRACK, 3, 12, True, False),
    ],
)
def test_every_row_of_what_is_over(
    track: Track, lost: int, level: int, at_once: bool, expected: bool
) -> None:
    shares = {"share": 0.25, "window_share": 0.5, "least": 1}
    assert is_over(track, lost, level, at_once=at_once, **shares) is expected  # type: ignore[arg-type]  # by their names


def merged(before: Published, after: Published, kept: Mapping[str, Reason]) -> Published:
    """As the feed's, without octets."""
    assert before.entry is not None
    assert after.entry is not None
    endpoints = {
        each.instance: replace(each, health=SICK, evidence="none")
        for each in before.entry.endpoints
        if each.instance in kept
    } | {each.instance: each for each in after.entry.endpoints}
    for instance, reason in kept.items():
        endpoints[instance] = replace(endpoints[instance], hold=reason.value)
    in_order = tuple(endpoints[instance] for instance in sorted(endpoints))
    fault = "too many" if len(in_order) > 200 else ""
    return published(replace(after.entry, endpoints=in_order), fault)


RULES = Rules(Limits(), HOLD_SECONDS, merge=merged)


class Cell:
    """A cell at the frontend, one generation after the other."""

    def __init__(self, *entries: ServiceEntry, rules: Rules = RULES) -> None:
        self.rules = rules
        self.content = tree(*entries)
        self.generation = 1
        self.now = 0.0
        self.effects: tuple[object, ...] = ()
        self.state = CellState("east")
        self._take(BaseArrived(0.0, position_at(1, self.content.digest), self.content))

    def _take(self, event: BaseArrived | DeltaArrived | CheckpointArrived | PinPlaced) -> None:
        self.state, self.effects = step(self.state, event, self.rules)

    def publish(self, *entries: ServiceEntry, after: float = 1.0) -> Cell:
        """The registry publishes these entries, so much later."""
        self.now += after
        self.generation += 1
        changed = {each.key.entry: published(each) for each in entries}
        self.content = self.content.replace(changed, ())
        at = position_at(self.generation, self.content.digest)
        self._take(DeltaArrived(self.now, at, self.generation - 1, changed, ()))
        return self

    def missed(self, *entries: ServiceEntry) -> Cell:
        """The same, of generations of which this frontend hears the last, whole."""
        self.now += 1.0
        self.generation += 9
        self.content = self.content.replace({e.key.entry: published(e) for e in entries}, ())
        at = position_at(self.generation, self.content.digest)
        self._take(BaseArrived(self.now, at, self.content))
        return self

    def wait(self, seconds: float) -> Cell:
        """Nothing is published, and the registry says so."""
        self.now += seconds
        self._take(CheckpointArrived(self.now, 1, self.generation))
        return self

    @property
    def served(self) -> Snapshot:
        assert self.state.served is not None
        assert self.state.refused is None
        assert self.state.served.position.generation == self.generation
        return self.state.served

    def answered(self, key: str = "shop/cart") -> int:
        """How many endpoints the name is answered with."""
        found = self.served.held.get(key) or self.served.tree.get(key)
        assert found is not None
        assert found.entry is not None
        return sum(each.health is UP or bool(each.hold) for each in found.entry.endpoints)

    def holds(self, key: str = "shop/cart") -> list[str]:
        """What is held of the name, and why."""
        kept = self.served.held.get(key)
        if kept is None:
            return []
        assert is_slowed(kept.entry)
        assert kept.entry is not None
        return [f"{e.instance} {e.hold}" for e in kept.entry.endpoints if e.hold]


def test_a_name_loses_a_quarter_in_one_generation_without_strong_evidence_and_no_more() -> None:
    assert Cell(fleet(12)).publish(fleet(9, 3)).holds() == []
    cell = Cell(fleet(12)).publish(fleet(8, 4))
    assert cell.holds() == [f"i{number:03d} frontend_name" for number in range(4)]
    assert cell.answered() == 12


def test_health_stays_true_beside_the_hold() -> None:
    kept = Cell(fleet(12)).publish(fleet(6, 6)).served.held["shop/cart"].entry
    assert kept is not None
    assert [(e.health, e.evidence) for e in kept.endpoints[:6]] == [(SICK, "timeout")] * 6


@pytest.mark.parametrize("evidence", ["refused", "not_serving", "wrong_identity", "deregistered"])
def test_strong_and_explicit_evidence_is_never_held(evidence: str) -> None:
    assert Cell(fleet(40)).publish(fleet(0, 40, evidence=evidence)).served.held == {}


def test_what_leaves_in_small_steps_is_bounded_over_the_window() -> None:
    cell = Cell(fleet(20))
    for down in range(1, 11):
        assert cell.publish(fleet(20 - down, down)).holds() == [], down
    assert cell.publish(fleet(9, 11)).holds() == ["i010 frontend_name"]
    assert cell.answered() == 10
    # the window slides: by then what left first counts no more
    assert cell.publish(fleet(9, 11), after=295.0).holds() == []


def test_generations_that_were_missed_may_take_as_much_as_the_window() -> None:
    assert Cell(fleet(20)).missed(fleet(10, 10)).holds() == []
    assert len(Cell(fleet(20)).missed(fleet(9, 11)).holds()) == 11


def test_additions_are_taken_while_removals_are_held() -> None:
    crowd = fleet(6, 6).endpoints
    cell = Cell(fleet(12)).publish(name(*crowd, endpoint(90)))
    assert len(cell.holds()) == 6
    assert cell.answered() == 13
    cell.publish(name(*crowd, endpoint(90), endpoint(91)))
    assert cell.answered() == 14
    cell.publish(fleet(3, key="shop/till"))
    assert cell.answered("shop/till") == 3


def test_a_hold_ends_when_the_endpoints_are_well_or_the_evidence_is_strong() -> None:
    cell = Cell(fleet(12)).publish(fleet(6, 6))
    assert cell.publish(fleet(9, 3)).holds() == [], "three of twelve are no matter"
    cell = Cell(fleet(12)).publish(fleet(6, 6))
    assert cell.publish(fleet(6, 6, evidence="lease_expired")).holds() == []


def test_a_hold_ends_when_an_operator_confirms() -> None:
    confirmed = tuple(replace(e, confirmed=e.health is SICK) for e in fleet(6, 6).endpoints)
    cell = Cell(fleet(12)).publish(fleet(6, 6)).publish(name(*confirmed))
    assert cell.holds() == []
    assert cell.answered() == 6


def test_a_hold_ends_by_itself_when_the_registry_still_says_so() -> None:
    cell = Cell(fleet(12)).publish(fleet(6, 6))
    cell.wait(HOLD_SECONDS - 1)
    assert len(cell.holds()) == 6
    assert cell.effects == ()
    cell.wait(1.0)
    assert cell.holds() == []
    assert cell.answered() == 6
    (serve,) = (each for each in cell.effects if isinstance(each, Serve))
    assert list(serve.changed) == ["shop/cart"]
    (word,) = (each for each in cell.effects if isinstance(each, Acknowledge))
    assert word.held == {}
    cell.wait(HOLD_SECONDS)
    assert cell.effects == ()


def test_what_is_held_longer_does_not_begin_anew_with_each_generation() -> None:
    cell = Cell(fleet(12), fleet(3, key="shop/till")).publish(fleet(6, 6))
    for up in (4, 5):
        cell.publish(fleet(up, key="shop/till"), after=140.0)
        assert len(cell.holds()) == 6
    assert cell.publish(fleet(6, key="shop/till"), after=21.0).holds() == []


def test_what_leaves_later_is_held_for_a_time_of_its_own() -> None:
    """Else what the registry says last would act at once, since it said something else before."""
    cell = Cell(fleet(24)).publish(fleet(16, 8))
    assert len(cell.holds()) == 8
    cell.publish(fleet(2, 22), after=HOLD_SECONDS - 1.0)
    assert len(cell.holds()) == 22
    cell.wait(1.0)
    assert cell.holds() == [f"i{number:03d} frontend_name" for number in range(8, 22)]
    assert cell.answered() == 16
    cell.wait(HOLD_SECONDS - 2.0)
    assert len(cell.holds()) == 14
    assert cell.wait(1.0).holds() == []
    assert cell.answered() == 2
    cell.wait(HOLD_SECONDS)
    assert cell.effects == ()


def test_a_few_that_leave_beside_what_is_meant_need_no_hold() -> None:
    """They would not have been held alone."""
    cell = Cell(fleet(24)).publish(fleet(16, 8))
    cell.publish(fleet(14, 10), after=HOLD_SECONDS)
    assert cell.holds() == []
    assert cell.answered() == 14


def test_a_restart_holds_what_is_on_disk_for_another_while() -> None:
    cell = Cell(fleet(12)).publish(fleet(6, 6))
    cell.state = CellState("east", served=cell.served)
    cell.wait(1.0)
    assert len(cell.holds()) == 6
    cell.wait(HOLD_SECONDS)
    assert cell.holds() == []


def test_a_pin_is_served_whatever_it_takes_out() -> None:
    cell = Cell(fleet(12))
    content = tree(fleet(1, 11))
    pinned = Snapshot(position_at(1, content.digest), content)
    cell._take(PinPlaced(1.0, pinned, "by hand"))
    assert cell.state.served is not None
    assert cell.state.served.held == {}


@pytest.mark.parametrize(
    ("names", "down", "held"), [(16, 16, 0), (17, 17, 17), (50, 40, 0), (50, 41, 41)]
)
def test_a_cell_loses_four_tenths_in_one_generation_and_sixteen_always(
    names: int, down: int, held: int
) -> None:
    """Of names with two endpoints each, of which one always may go."""
    keys = [f"shop/s{number:03d}" for number in range(names)]
    cell = Cell(*(fleet(2, key=key) for key in keys))
    cell.publish(*(fleet(1, 1, key=key) for key in keys[:down]))
    assert len(cell.served.held) == held
    assert {hold for key in keys for hold in cell.holds(key)} <= {"i000 frontend_cell"}


def test_of_a_small_name_one_may_go_and_not_two() -> None:
    assert Cell(fleet(3)).publish(fleet(2, 1)).holds() == []
    assert len(Cell(fleet(3)).publish(fleet(1, 2)).holds()) == 2


def test_a_name_over_its_own_ration_does_not_use_up_the_cells() -> None:
    keys = [f"shop/s{number:03d}" for number in range(44)]
    cell = Cell(fleet(12), *(fleet(2, key=key) for key in keys))
    cell.publish(fleet(6, 6), *(fleet(1, 1, key=key) for key in keys[:40]))
    assert {hold.split()[1] for hold in cell.holds()} == {"frontend_name"}
    assert cell.served.held.keys() == {"shop/cart"}, "40 of 100 may leave the cell"


@pytest.mark.parametrize(
    ("later", "held"),
    [
        pytest.param(298.0, 2, id="both of the earlier ones count"),
        pytest.param(299.0, 0, id="five minutes after it left, the first counts no more"),
    ],
)
def test_the_window_is_five_minutes_long(later: float, held: int) -> None:
    cell = Cell(fleet(12)).publish(fleet(9, 3)).publish(fleet(7, 5))
    assert len(cell.publish(fleet(5, 7), after=later).holds()) == held


def test_what_left_is_remembered_by_when_it_left() -> None:
    track = Track(((50.0, 1, 10), (60.0, 2, 9)))
    assert track.within(109.0, 60.0) == track
    assert track.within(110.0, 60.0) == Track(((60.0, 2, 9),))
    assert track.within(120.0, 60.0) == Track()


def test_half_of_a_cell_may_leave_within_the_window() -> None:
    keys = [f"shop/s{number:03d}" for number in range(40)]
    cell = Cell(*(fleet(1, key=key) for key in keys))
    for first in (0, 10):
        cell.publish(*(fleet(0, 1, key=key) for key in keys[first : first + 10]))
        assert cell.served.held == {}
    assert cell.publish(fleet(0, 1, key=keys[20])).holds(keys[20]) == ["i000 frontend_cell"]


@pytest.mark.parametrize(("kept", "held"), [(2, 0), (1, 21)])
def test_twenty_that_vanish_are_never_a_read_in_part(kept: int, held: int) -> None:
    cell = Cell(fleet(12), fleet(12, key="shop/till"))
    cell.publish(
        fleet(2),
        name(*fleet(kept).endpoints, key="shop/till"),
    )
    assert len(cell.holds()) + len(cell.holds("shop/till")) == held


def test_what_leaves_a_cell_in_small_steps_is_bounded_over_the_window() -> None:
    keys = [f"shop/s{number:03d}" for number in range(100)]
    limits = replace(RULES, velocity=VelocityLimits(cell_window_share=0.2))
    cell = Cell(*(fleet(2, key=key) for key in keys), rules=limits)
    for number in range(4):
        cell.publish(*(fleet(1, 1, key=key) for key in keys[10 * number : 10 * number + 10]))
        assert cell.served.held == {}
    assert cell.publish(fleet(1, 1, key=keys[40])).holds(keys[40]) == ["i000 frontend_cell"]


def test_an_owner_deregisters_as_many_as_they_like() -> None:
    crowd = fleet(60).endpoints
    assert Cell(fleet(20)).publish(name()).served.held.keys() == {"shop/cart"}, (
        "emptied, not slowed"
    )
    assert Cell(name(*crowd)).publish(name(crowd[59])).holds() == []


def test_most_of_a_cell_that_vanishes_from_several_names_at_once_is_held_for_a_while() -> None:
    crowd = fleet(60).endpoints
    other = fleet(60, key="shop/till")
    both = Cell(name(*crowd), other)
    assert both.publish(name(*crowd[30:]), fleet(30, key="shop/till")).served.held == {}
    cell = Cell(name(*crowd), other)
    cell.publish(name(*crowd[59:]), name(*other.endpoints[2:], key="shop/till"))
    assert cell.holds() == [f"i{number:03d} frontend_vanished" for number in range(59)]
    kept = cell.served.held["shop/cart"].entry
    assert kept is not None
    assert {(e.health, e.evidence) for e in kept.endpoints[:59]} == {(SICK, "none")}
    assert cell.wait(HOLD_SECONDS).holds() == []
    # a release: others came in their place
    others = tuple(endpoint(number) for number in range(100, 160))
    released = Cell(name(*crowd), other)
    released.publish(name(*others), name(*others, key="shop/till"))
    assert released.served.held == {}
    # drained first, as owners do who have the time
    drained = Cell(name(*crowd), other)
    for key in ("shop/cart", "shop/till"):
        drained.publish(
            name(*(replace(each, health=LEAVING) for each in crowd[:59]), crowd[59], key=key)
        )
    drained.publish(name(crowd[59]), name(crowd[59], key="shop/till"))
    assert drained.served.held == {}


def test_what_vanished_while_generations_were_missed_is_believed() -> None:
    crowd = fleet(60).endpoints
    assert Cell(name(*crowd)).missed(name(*crowd[59:])).holds() == []


def test_most_of_a_cell_that_vanishes_in_small_parts_is_held() -> None:
    keys = [f"shop/s{number:03d}" for number in range(30)]
    cell = Cell(*(fleet(4, key=key) for key in keys))
    cell.publish(*(name(*fleet(4).endpoints[3:], key=key) for key in keys))
    assert len(cell.served.held) == 30
    assert cell.holds(keys[0]) == [f"i{number:03d} frontend_vanished" for number in range(3)]


def test_what_would_be_out_of_bounds_with_what_is_held_is_taken_as_it_is() -> None:
    """And it counts among what left within the window."""
    crowd = fleet(150).endpoints
    fresh = tuple(endpoint(number) for number in range(200, 260))
    weak = fleet(0, 40).endpoints
    cell = Cell(name(*crowd), fleet(150, key="shop/till"))
    cell.publish(name(*weak, *fresh), name(crowd[0], key="shop/till"))
    assert cell.holds() == [], "110 that vanished, 40 that are ill and 60 new ones are too many"
    assert len(cell.holds("shop/till")) == 149
    assert cell.state.pace.names["shop/cart"] == Track(((1.0, 40, 150),))
    assert cell.state.pace.cell == Track(((1.0, 40, 300),))


def test_what_is_not_held_of_a_name_counts_though_something_else_of_it_is_held() -> None:
    crowd = fleet(60).endpoints
    cell = Cell(name(*crowd), fleet(60, key="shop/till"))
    cell.publish(name(*fleet(0, 4).endpoints), name(crowd[0], key="shop/till"))
    assert len(cell.holds()) == 56
    assert cell.state.pace.names["shop/cart"] == Track(((1.0, 4, 60),))


def test_an_entry_with_a_fault_is_not_looked_at() -> None:
    """It is refused elsewhere, and by then loses nothing."""
    before, after = tree(fleet(12)), {"shop/cart": published(fleet(6, 6), "nonsense")}
    slowing = restrain(
        before,
        {},
        before.replace(after, ()),
        Difference(after, ()),
        {},
        Pace(),
        steps=1,
        now=1.0,
        hold_seconds=HOLD_SECONDS,
        limits=VelocityLimits(),
        merge=merged,
    )
    assert slowing == ({}, Pace())


def test_a_name_that_is_emptied_is_held_whole_as_ever() -> None:
    cell = Cell(fleet(12), fleet(1, key="shop/till")).publish(name())
    kept = cell.served.held["shop/cart"]
    assert not is_slowed(kept.entry)
    assert kept.entry == fleet(12)
    assert not is_due(cell.state.pace, cell.served.held, 1e9, HOLD_SECONDS), "no age ends that"


def test_what_is_slowed_counts_not_as_lost_names() -> None:
    """Else a mass of them would have the generation refused, additions and all."""
    keys = [f"shop/s{number:03d}" for number in range(100)]
    cell = Cell(*(fleet(8, key=key) for key in keys))
    cell.publish(*(fleet(4, 4, key=key) for key in keys))
    assert len(cell.served.held) == 100
    assert cell.answered(keys[0]) == 8


def test_without_a_way_to_write_such_entries_none_is_held() -> None:
    cell = Cell(fleet(12), rules=Rules(Limits()))
    assert cell.publish(fleet(6, 6)).served.held == {}


CROWD, TILL = fleet(60), fleet(60, key="shop/till")
SMALL = tuple(fleet(2, key=f"shop/s{number:03d}") for number in range(50))
HALVES = tuple(fleet(1, 1, key=f"shop/s{number:03d}") for number in range(50))


# restrain, name by name
@pytest.mark.parametrize(
    ("before", "after", "since", "held"),
    [
        pytest.param(
            (fleet(12),),
            (fleet(6, 6),),
            {"shop/cart": {f"i{number:03d}": -HOLD_SECONDS for number in range(6)}},
            {},
            id="held for so long: it is meant",
        ),
        pytest.param(
            (fleet(12),), (fleet(6, 6),), {}, {"shop/cart": 6}, id="over the name's: its weak ones"
        ),
        pytest.param(
            SMALL,
            HALVES,
            {},
            {each.key.entry: 1 for each in HALVES},
            id="within the name's, over the cell's: its weak ones",
        ),
        pytest.param((fleet(12),), (fleet(9, 3),), {}, {}, id="within both: none"),
        pytest.param(
            (CROWD, TILL),
            (
                name(*fleet(0, 4).endpoints),
                name(*TILL.endpoints[58:], key="shop/till"),
            ),
            {},
            {"shop/cart": 56, "shop/till": 58},
            id="too many vanished from several names: those",
        ),
        pytest.param(
            (CROWD, TILL), (name(*CROWD.endpoints[58:]),), {}, {}, id="many from one name: none"
        ),
        pytest.param(
            (CROWD, TILL),
            (name(*CROWD.endpoints[30:]), name(*TILL.endpoints[30:], key="shop/till")),
            {},
            {},
            id="half of the cell from several: none",
        ),
    ],
)
def test_every_row_of_what_is_held(
    before: tuple[ServiceEntry, ...],
    after: tuple[ServiceEntry, ...],
    since: Mapping[str, Mapping[str, float]],
    held: Mapping[str, int],
) -> None:
    changed = {each.key.entry: published(each) for each in after}
    served = tree(*before)
    slowing = restrain(
        served,
        {},
        served.replace(changed, ()),
        Difference(changed, ()),
        {},
        Pace(slowed=since),
        steps=1,
        now=0.0,
        hold_seconds=HOLD_SECONDS,
        limits=VelocityLimits(),
        merge=merged,
    )
    assert {key: len(kept) for key, kept in slowing.pace.slowed.items()} == held
    assert slowing.held.keys() == held.keys()

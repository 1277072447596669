"""One service as all cells know it: merging, judging, and never losing the last."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from answer_samples import API, GOSSIP, GRPC, HTTP, endpoint, entry, tombstone

from dns_frontend.plan.entry import AllDown, Health, Policy
from dns_frontend.plan.keepsake import keepsake, recall
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.memory import REMEMBERED_MAXIMUM
from dns_frontend.plan.ranking import Ranking
from dns_frontend.plan.standing import IN, OUT

RANKING = Ranking("east", ("east", "west"))
ZERO = Policy(scale_to_zero=True)


def ledger() -> Ledger:
    return Ledger(API, RANKING)


def names(endpoints: Sequence[object]) -> list[str]:
    return [e.instance for e in endpoints]  # type: ignore[attr-defined]  # anything with endpoints


def test_endpoints_are_sorted_by_what_may_be_done_with_them() -> None:
    book = ledger()
    book.put(
        "east",
        "east",
        entry(
            endpoint("a"),
            endpoint("b", health=Health.UNHEALTHY),
            endpoint("c", health=Health.DRAINING),
            endpoint("d", health=Health.UNKNOWN),
        ),
        0.0,
    )
    tier = book.tier("east")
    assert [names(t) for t in (tier.healthy, tier.unhealthy, tier.leaving, tier.unknown)] == [
        ["a"],
        ["b"],
        ["c"],
        ["d"],
    ]


def test_a_held_set_is_the_least_wanted_and_counts_for_nothing() -> None:
    book = ledger()
    book.put(
        "east",
        "east",
        entry(
            endpoint("a", health=Health.UNHEALTHY), endpoint("b", health=Health.UNKNOWN), held=True
        ),
        0.0,
    )
    tier = book.tier("east")
    assert names(tier.leaving) == ["a"]
    assert names(tier.unknown) == ["b"]
    assert tier.standing is None


def test_cells_of_one_region_are_one_tier() -> None:
    book = ledger()
    book.put("east-2", "east", entry(endpoint("b")), 0.0)
    book.put("east-1", "east", entry(endpoint("a")), 0.0)
    assert names(book.tier("east").healthy) == ["a", "b"]


def test_the_policy_is_the_home_regions_else_the_first_regions_that_has_one() -> None:
    book = ledger()
    book.put("west", "west", entry(policy=Policy(record_ttl_seconds=20)), 0.0)
    assert book.policy.record_ttl_seconds == 20
    book.put("east", "east", entry(policy=None), 0.0)
    assert book.policy.record_ttl_seconds == 20
    book.put("east", "east", entry(policy=Policy(record_ttl_seconds=30)), 0.0)
    assert book.policy.record_ttl_seconds == 30
    book.put("east", "east", tombstone(), 0.0)
    assert book.policy.record_ttl_seconds == 20


def test_a_tombstone_ends_the_tier_of_its_own_cell_alone() -> None:
    book = ledger()
    book.put("east", "east", entry(endpoint("a")), 0.0)
    book.put("west", "west", entry(endpoint("b")), 0.0)
    book.put("east", "east", tombstone(), 1.0)
    assert book.alive_in == {"west"}
    assert book.tier("east").known == ()
    assert names(book.tier("west").healthy) == ["b"]


def test_an_entry_that_vanishes_without_a_tombstone_is_kept_as_the_least_wanted() -> None:
    """A missing row is never a deletion (I7)."""
    book = ledger()
    book.put("east", "east", entry(endpoint("a")), 0.0)
    book.drop("east", 1.0)
    assert book.alive_in == {"east"}
    assert names(book.tier("east").leaving) == ["a"]
    assert book.missing == {"east"}
    book.put("east", "east", entry(endpoint("b")), 2.0)
    assert book.missing == set()
    assert names(book.tier("east").known) == ["b"]


def test_an_entry_that_goes_after_its_tombstone_is_forgotten() -> None:
    book = ledger()
    book.put("east", "east", entry(endpoint("a")), 0.0)
    book.put("east", "east", tombstone(), 1.0)
    book.drop("east", 2.0)
    assert book.alive_in == set()
    assert not book.entries
    assert not book.notable


def test_what_a_cell_alone_offered_is_remembered() -> None:
    both = endpoint("a", "10.0.0.1", "2001:db8::1", ports=(HTTP, GRPC))
    book = ledger()
    book.put("east", "east", entry(both), 0.0)
    book.put("east", "east", entry(endpoint("a", "10.0.0.2", ports=(HTTP,))), 1.0)
    assert book.tier("east").remembered == (both,)
    # and the newest that had it, not the oldest
    newer = endpoint("b", "2001:db8::2", ports=(GRPC,), incarnation="b2")
    book.put("east", "east", entry(newer), 2.0)
    book.put("east", "east", entry(endpoint("c", "10.0.0.3", ports=(HTTP,))), 3.0)
    assert book.tier("east").remembered == (newer,)
    # until it is offered again
    book.put("east", "east", entry(both), 4.0)
    assert book.tier("east").remembered == ()


@pytest.mark.parametrize("last", [tombstone(), entry(policy=ZERO)])
def test_only_a_tombstone_or_scale_to_zero_makes_it_forget(last: object) -> None:
    book = ledger()
    book.put("east", "east", entry(endpoint("a")), 0.0)
    book.put("east", "east", entry(), 1.0)
    assert names(book.tier("east").remembered) == ["a"]
    book.put("east", "east", last, 2.0)  # type: ignore[arg-type]  # nonsense on purpose
    assert book.tier("east").known == ()
    book.put("east", "east", entry(), 3.0)
    assert book.tier("east").known == ()


def test_endpoints_that_were_never_validated_are_not_remembered() -> None:
    book = ledger()
    book.put("east", "east", entry(endpoint("a", health=Health.UNKNOWN)), 0.0)
    book.put("east", "east", entry(), 1.0)
    assert book.tier("east").known == ()


def test_what_is_remembered_does_not_grow_without_bound() -> None:
    book = ledger()
    for step in range(12):
        many = [endpoint(f"i{step}-{n}", ports=()) for n in range(1000)]
        v6 = [endpoint(f"i{step}-{n}", f"2001:db8::{step:x}:{n:x}", ports=()) for n in range(1000)]
        book.put("east", "east", entry(*(v6 if step % 2 else many)), float(step))
    assert len(book.tier("east").remembered) <= REMEMBERED_MAXIMUM


def test_a_region_returns_when_its_hold_is_over_and_not_before() -> None:
    book = ledger()
    book.put("east", "east", entry(endpoint("a")), 0.0)
    book.put("east", "east", entry(endpoint("a", health=Health.UNHEALTHY)), 10.0)
    assert book.standings["east"] == OUT
    assert book.due() is None
    book.put("east", "east", entry(endpoint("a")), 20.0)
    assert book.due() == 50.0
    assert not book.review(49.9)
    assert book.review(50.0)
    assert book.standings["east"] == IN
    assert book.due() is None


def test_a_keepsake_brings_the_same_state_back_through_json() -> None:
    book = ledger()
    both = endpoint("a", "10.0.0.1", "2001:db8::1", metadata={"v": "1"})
    book.put("east", "east", entry(both, policy=Policy(region_order=("west",))), 0.0)
    book.put("west", "west", entry(endpoint("w")), 0.0)
    book.put("east", "east", entry(endpoint("b", health=Health.UNHEALTHY)), 1.0)
    book.drop("west", 2.0)
    kept = json.loads(json.dumps(keepsake(book)))

    again = ledger()
    again.put("east", "east", entry(endpoint("b", health=Health.UNHEALTHY)), 100.0)
    recall(again, kept, 100.0)
    assert again.tier("east") == book.tier("east")
    assert again.tier("west") == book.tier("west")
    assert again.policy == book.policy
    assert keepsake(again) == keepsake(book)


def test_a_keepsake_does_not_overrule_what_cells_say_now() -> None:
    book = ledger()
    book.put("east", "east", entry(endpoint("a")), 0.0)
    book.put("west", "west", entry(endpoint("w")), 0.0)
    book.put("east", "east", entry(), 1.0)
    book.drop("west", 1.0)
    kept = keepsake(book)

    again = ledger()
    again.put("east", "east", tombstone(), 2.0)
    again.put("west", "west", entry(endpoint("new")), 2.0)
    recall(again, kept, 2.0)
    assert again.tier("east").known == ()
    assert names(again.tier("west").known) == ["new"]


@pytest.mark.parametrize(
    "garbage",
    [
        {"out": 5},
        {"out": "east"},
        {"out": [None]},
        {"remembered": [{"cell": "east"}]},
        {"remembered": [[]]},
        {"missing": [{"cell": "east", "region": "east", "entry": {"policy": 3}}]},
    ],
)
def test_a_keepsake_that_is_none_is_refused(garbage: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, IndexError, AttributeError)):
        recall(ledger(), garbage, 0.0)


def test_two_versions_of_one_instance_are_remembered_for_what_each_offered() -> None:
    """It lost its ports and then left: both its address and its ports are answered still (I7)."""
    book = ledger()
    book.put("east", "east", entry(endpoint("a", ports=(HTTP,))), 0.0)
    book.put("east", "east", entry(endpoint("a", ports=())), 1.0)
    book.put("east", "east", entry(), 2.0)
    assert [e.ports for e in book.tier("east").remembered] == [(), (HTTP,)]


ILL = Health.UNHEALTHY


def test_what_a_registry_lost_goes_on_as_it_was_and_is_known_as_lost() -> None:
    book = ledger()
    kept = entry(endpoint("a"))
    book.put("east", "east", kept, 0.0)
    book.put("west", "west", entry(endpoint("w")), 0.0)
    assert book.says("east", kept)
    assert not book.says("east", entry(endpoint("b")))
    assert not book.is_lost_in("east")
    book.hold("east", "east", kept, 1.0)
    assert (book.is_lost_in("east"), book.is_lost_in("west")) == (True, False)
    assert not book.says("east", kept), "it would be found again by being said again"
    assert names(book.tier("east").healthy) == ["a"]
    book.put("east", "east", kept, 2.0)
    assert not book.is_lost_in("east")
    assert book.says("east", kept)
    book.drop("east", 3.0)
    assert not book.says("east", book.entries["east"])


def test_the_names_below_a_service_are_those_of_all_its_regions_or_of_one() -> None:
    book = ledger()
    book.put("east", "east", entry(endpoint("a", ports=(HTTP,)), endpoint("new", ports=())), 0.0)
    ill = endpoint("w", health=Health.UNKNOWN, ports=(GOSSIP,))
    book.put("west", "west", entry(ill), 0.0)
    east = {("_why",), ("a",), ("new",), ("_tcp",), ("_tcp", "_http")}
    west = {("_why",), ("w",), ("_udp",), ("_udp", "_gossip")}
    assert book.children("east") == east
    assert book.children("west") == west
    assert book.children("") == east | west
    assert book.children("") is book.children(""), "asked for often, and found out once"
    book.put("west", "west", tombstone(), 1.0)
    assert book.children("") == east
    assert book.size == 2


@pytest.mark.parametrize("what", ["missing", "remembered", "out", "nothing"])
def test_what_is_worth_keeping_of_a_service(what: str) -> None:
    """Each by itself: none of it would be told again by the cells."""
    book = ledger()
    book.put("east", "east", entry(endpoint("a")), 0.0)
    match what:
        case "missing":
            # of one that was never validated there is no standing
            book.put("west", "west", entry(endpoint("w", health=Health.UNKNOWN)), 1.0)
            book.drop("west", 2.0)
        case "remembered":
            book.recall("west", "west", [endpoint("w")])
        case "out":
            book.put("east", "east", entry(endpoint("a", health=ILL)), 1.0)
    found = (bool(book.missing), bool(book.remembered), book.standings.get("east") == OUT)
    assert found == (what == "missing", what == "remembered", what == "out")
    assert book.notable is (what != "nothing")


def test_what_was_never_there_cannot_be_dropped_nor_be_dropped_twice() -> None:
    book = ledger()
    book.drop("nowhere", 0.0)
    assert not book.entries
    book.put("east", "east", entry(endpoint("a"), endpoint("b", health=Health.UNKNOWN)), 0.0)
    book.drop("east", 1.0)
    kept = book.entries["east"]
    assert names(kept.endpoints) == ["a"]
    book.drop("east", 2.0)
    assert book.entries["east"] is kept


def test_a_deleted_service_is_alive_nowhere() -> None:
    book = ledger()
    book.put("east", "east", tombstone(), 0.0)
    assert book.alive_in == frozenset()


def test_what_was_remembered_before_a_restart_comes_back_unless_it_is_offered_again() -> None:
    book = ledger()
    both = endpoint("a", "10.0.0.1", "2001:db8::1", ports=(HTTP,))
    same = endpoint("b", "10.0.0.9", ports=(HTTP,))
    book.recall("west", "west", [both])
    assert book.remembered == {"west": (both,)}, "of a cell that has not said anything yet"
    book.put("east", "east", entry(endpoint("c", "10.0.0.2", ports=(HTTP,))), 0.0)
    book.recall("east", "east", [same])
    assert "east" not in book.remembered, "it offered exactly what another offers now"
    book.recall("east", "east", [both, same])
    assert book.remembered["east"] == (both,)


def test_a_region_that_was_left_before_a_restart_waits_for_its_cells() -> None:
    book = ledger()
    book.restart(("west",), 0.0)
    book.put("east", "east", entry(endpoint("a")), 1.0)
    assert book.standings == {"west": OUT, "east": IN}
    book.put("west", "west", entry(endpoint("w")), 2.0)
    assert book.standings["west"].out
    assert book.review(32.0)
    assert book.standings["west"] == IN
    book.put("west", "west", tombstone(), 40.0)
    assert "west" not in book.standings, "heard of, and nothing to judge"


@pytest.mark.parametrize(
    ("healthy", "ill", "standing"),
    [
        pytest.param(0, 0, None, id="nobody: nothing to judge"),
        pytest.param(1, 1, IN, id="half"),
        pytest.param(2, 2, IN, id="half of more"),
        pytest.param(1, 2, OUT, id="less than half"),
        pytest.param(0, 1, OUT, id="none"),
    ],
)
def test_a_region_is_judged_by_all_that_were_validated(
    healthy: int, ill: int, standing: object
) -> None:
    crowd = [endpoint(f"u{n}") for n in range(healthy)]
    crowd += [endpoint(f"d{n}", health=ILL) for n in range(ill)]
    others = [endpoint("l", health=Health.DRAINING), endpoint("n", health=Health.UNKNOWN)]
    book = ledger()
    book.put("east", "east", entry(*crowd, *others), 0.0)
    assert book.standings.get("east") == standing
    split = ledger()
    for number, each in enumerate(crowd):
        split.put(f"east-{number}", "east", entry(each), 0.0)
    assert split.standings.get("east") == standing, "in however many cells they are"


def test_who_was_healthy_last_is_known_where_the_policy_answers_with_them() -> None:
    policy = Policy(all_down=AllDown.LAST_KNOWN_GOOD)
    book = ledger()
    book.put("west", "west", entry(endpoint("w"), policy=policy), 0.0)
    book.put("east", "east", entry(endpoint("a"), endpoint("b"), endpoint("c", health=ILL)), 0.0)
    assert book.tier("east").good == {"a-uid", "b-uid"}
    assert book.tier("west").good == {"w-uid"}
    book.put("east", "east", entry(endpoint("a", health=ILL), endpoint("b"), endpoint("c")), 1.0)
    assert book.tier("east").good == {"b-uid", "c-uid"}
    down = [endpoint(each, health=ILL) for each in "abc"]
    book.put("east", "east", entry(*down), 2.0)
    assert book.tier("east").good == {"b-uid", "c-uid"}
    assert book.tier("west").good == {"w-uid"}

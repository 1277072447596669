"""The table: views, regions that are not heard of yet, changes, and containment."""

from __future__ import annotations

import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from answer_samples import (
    API,
    API_NAME,
    GRPC,
    HTTP,
    ZONE,
    endpoint,
    entries,
    entry,
    position,
    table,
    tombstone,
)

from dns_frontend.plan.entry import AllDown, Endpoint, Health, Policy, ServiceEntry, ServiceKey
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.view import ClientRegions
from dns_frontend.plan.zone import Place
from dns_frontend.server.responder import Responder
from dns_frontend.wire import families
from dns_frontend.wire import table as table_module
from dns_frontend.wire.body import Body
from dns_frontend.wire.compiler import Compiler
from dns_frontend.wire.table import AnswerTable

EAST = entry(endpoint("e", "10.0.0.1"))
WEST = entry(endpoint("w", "10.2.0.1"))
SICK = entry(endpoint("e", "10.0.0.1", health=Health.UNHEALTHY))


def ask(
    answers: AnswerTable, name: str = API_NAME, kind: str = "A", client: str = "192.0.2.1"
) -> dns.message.Message:
    regions = ClientRegions([("10.2.0.0/16", "west"), ("10.3.0.0/16", "south")])
    query = dns.message.make_query(name, kind, use_edns=0)
    reply = Responder(answers, regions).respond(query.to_wire(), client, stream=True)
    assert reply is not None
    return dns.message.from_wire(reply)


def told(message: dns.message.Message) -> tuple[list[str], int | None]:
    if not message.answer:
        return [], None
    return sorted(str(record) for record in message.answer[0]), message.answer[0].ttl


def test_each_view_gets_its_own_region() -> None:
    answers = table({"east": [EAST], "west": [WEST]})
    assert told(ask(answers)) == (["10.0.0.1"], 10)
    assert told(ask(answers, client="10.2.0.9")) == (["10.2.0.1"], 10)


def test_a_view_without_endpoints_gets_the_policys_first_region() -> None:
    for order, address in (((), "10.0.0.1"), (("west",), "10.2.0.1")):
        policy = Policy(region_order=order)
        said = entry(endpoint("e", "10.0.0.1"), policy=policy)
        answers = table({"east": [said], "west": [WEST]})
        assert told(ask(answers, client="10.3.0.9")) == ([address], 5)


def test_failover_moves_the_answer_and_shortens_its_ttl() -> None:
    answers = table({"east": [EAST], "west": [WEST]})
    assert told(ask(answers)) == (["10.0.0.1"], 10)
    answers.update(position("east", 2), entries(SICK), (), 1.0)
    assert told(ask(answers)) == (["10.2.0.1"], 5)
    assert told(ask(answers, f"api.payments.svc.east.region.{ZONE}")) == (["10.0.0.1"], 5)


def test_the_home_region_answers_again_after_its_hold() -> None:
    answers = table({"east": [EAST], "west": [WEST]})
    answers.update(position("east", 2), entries(SICK), (), 1.0)
    answers.update(position("east", 3), entries(EAST), (), 2.0)
    assert told(ask(answers)) == (["10.2.0.1"], 5)
    assert answers.review(31.9) == 32.0
    assert told(ask(answers)) == (["10.2.0.1"], 5)
    assert answers.review(32.0) is None
    assert told(ask(answers)) == (["10.0.0.1"], 10)


@pytest.mark.parametrize(("wished", "ttl"), [(1, 5), (5, 5), (42, 42), (60, 60), (3600, 60)])
def test_the_ttl_is_the_policys_within_its_bounds(wished: int, ttl: int) -> None:
    said = entry(endpoint("e"), policy=Policy(record_ttl_seconds=wished))
    assert told(ask(table({"east": [said], "west": []})))[1] == ttl


def test_an_answer_that_was_compiled_is_kept_for_less_as_the_change_comes_near() -> None:
    policy = Policy(record_ttl_seconds=60, enter_hold_seconds=50.0)
    well = entry(endpoint("e", "10.0.0.1"), policy=policy)
    answers = table({"east": [well], "west": [WEST]})
    ill = entry(endpoint("e", "10.0.0.1"), endpoint("f", health=Health.UNHEALTHY),
        endpoint("g", health=Health.UNHEALTHY), policy=policy)  # fmt: skip
    assert told(ask(answers)) == (["10.0.0.1"], 60)
    answers.update(position("east", 2), entries(ill), (), 100.0)
    seen = [(100.0, told(ask(answers))[1])]
    now = answers.review(100.0)
    while now is not None and now < 150.0:
        due = answers.review(now)
        seen.append((now, told(ask(answers))[1]))
        now = due
    assert seen == [(100.0, 45), (105.0, 30), (120.0, 20), (130.0, 10), (140.0, 5)]
    answers.review(150.0)
    assert told(ask(answers)) == (["10.2.0.1"], 5)


def test_while_a_region_was_never_heard_of_nothing_is_denied() -> None:
    """I17: positive answers come as soon as they are known."""
    answers = table({"east": [EAST]})
    assert not answers.ready
    assert answers.missing_regions == ("west",)
    assert told(ask(answers)) == (["10.0.0.1"], 10)
    assert ask(answers, ZONE, "SOA").rcode() == dns.rcode.NOERROR
    for name, kind in [
        (API_NAME, "AAAA"),
        (f"nope.payments.svc.{ZONE}", "A"),
        (f"nope.{ZONE}", "A"),
        (f"payments.svc.{ZONE}", "A"),
        (f"nope.{API_NAME}", "A"),
        (ZONE, "A"),
    ]:
        reply = ask(answers, name, kind)
        assert reply.rcode() == dns.rcode.SERVFAIL
        assert [(o.otype, o.code) for o in reply.options] == [(15, 14)]
        assert "west" in reply.options[0].text
    answers.load(position("west"), {}, 1.0)
    assert answers.ready
    assert ask(answers, API_NAME, "AAAA").rcode() == dns.rcode.NOERROR
    assert ask(answers, f"nope.{ZONE}").rcode() == dns.rcode.NXDOMAIN


def test_a_service_exists_until_its_last_cell_deletes_it() -> None:
    answers = table({"east": [EAST], "west": [WEST]})
    answers.update(position("east", 2), entries(tombstone()), (), 1.0)
    assert told(ask(answers)) == (["10.2.0.1"], 5)
    assert ask(answers, f"api.payments.svc.east.region.{ZONE}").rcode() == dns.rcode.NXDOMAIN
    answers.update(position("west", 2), entries(tombstone()), (), 2.0)
    for name in (API_NAME, f"payments.svc.{ZONE}", f"_http._tcp.{API_NAME}", f"_why.{API_NAME}"):
        assert ask(answers, name).rcode() == dns.rcode.NXDOMAIN
    answers.update(position("west", 3), {}, [API.entry], 3.0)
    answers.update(position("east", 3), entries(EAST), (), 4.0)
    assert told(ask(answers)) == (["10.0.0.1"], 10)
    assert ask(answers, f"payments.svc.{ZONE}").rcode() == dns.rcode.NOERROR


def test_a_namespace_exists_as_long_as_a_service_below_it() -> None:
    other = ServiceKey("payments", "other")
    answers = table({"east": [EAST, entry(endpoint("o"), key=other)], "west": []})
    assert ask(answers, f"payments.svc.east.region.{ZONE}").rcode() == dns.rcode.NOERROR
    assert ask(answers, f"payments.svc.west.region.{ZONE}").rcode() == dns.rcode.NXDOMAIN
    answers.update(position("east", 2), entries(tombstone()), (), 1.0)
    assert ask(answers, f"payments.svc.{ZONE}").rcode() == dns.rcode.NOERROR
    answers.update(position("east", 3), entries(tombstone(other)), (), 1.0)
    assert ask(answers, f"payments.svc.{ZONE}").rcode() == dns.rcode.NXDOMAIN


def test_a_service_without_a_validated_instance_exists_and_has_no_data() -> None:
    said = entry(endpoint("e", health=Health.UNKNOWN))
    answers = table({"east": [said], "west": []})
    reply = ask(answers)
    assert reply.rcode() == dns.rcode.NOERROR
    assert not reply.answer


def test_an_instance_of_the_same_id_elsewhere_is_reached_by_its_regions_name() -> None:
    """So that a target's address is always that of the instance that was meant."""
    both = {
        "east": [entry(endpoint("i", "10.0.0.1", ports=(HTTP,)))],
        "west": [entry(endpoint("i", "10.2.0.1", ports=(HTTP, GRPC)))],
    }
    answers = table(both)
    reply = ask(answers, f"_grpc._tcp.{API_NAME}", "SRV")
    target = f"i.api.payments.svc.west.region.{ZONE}"
    assert [str(record.target) for record in reply.answer[0]] == [target]
    assert told(ask(answers, target))[0] == ["10.2.0.1"]
    assert [str(rrset[0]) for rrset in reply.additional] == ["10.2.0.1"]
    assert told(ask(answers, f"i.{API_NAME}"))[0] == ["10.0.0.1"]


def test_an_answer_that_was_compiled_is_made_anew_at_once_when_its_service_changes() -> None:
    answers = table({"east": [EAST], "west": [WEST]})
    ask(answers)
    before = dict(answers.answers("east"))
    answers.update(position("east", 2), entries(SICK), (), 1.0)
    assert set(answers.answers("east")) == set(before)
    assert all(answers.answers("east")[key] is not before[key] for key in before)


def test_who_asks_while_answers_are_made_anew_gets_what_is_true_now() -> None:
    """And what was asked for meanwhile is not made twice, nor counted twice."""
    kinds = ("A", "SRV", "TXT")
    answers = table({"east": [EAST], "west": [WEST]})
    for kind in kinds:
        ask(answers, f"_main._tcp.{API_NAME}" if kind == "SRV" else API_NAME, kind)
    before = dict(answers.answers("east"))
    seen: list[list[str]] = []
    answers.recompilation.between = lambda: seen.append(told(ask(answers))[0])
    answers.update(position("east", 2), entries(entry(endpoint("e", "10.0.0.7"))), (), 1.0)
    assert len(before) > 1
    assert seen == [["10.0.0.7"]] * len(before)
    assert set(answers.answers("east")) == set(before)
    assert f"{len(before)} answers" in repr(answers)


def test_an_answer_that_cannot_be_made_anew_harms_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = table({"east": [EAST], "west": [WEST]})
    ask(answers)
    ask(answers, kind="TXT")
    compiled = Compiler.compile

    def broken(
        self: Compiler, ledger: Ledger, place: Place, record_type: int, view: str
    ) -> Body | None:
        if record_type == dns.rdatatype.A:
            raise RuntimeError("a mistake of ours")
        return compiled(self, ledger, place, record_type, view)

    monkeypatch.setattr(Compiler, "compile", broken)
    answers.update(position("east", 2), entries(entry(endpoint("e", "10.0.0.7"))), (), 1.0)
    assert (answers.faults, len(answers.answers("east"))) == (1, 1)
    monkeypatch.undo()
    assert told(ask(answers))[0] == ["10.0.0.7"]
    assert told(ask(answers, kind="TXT"))[0]


def test_the_answers_of_other_services_are_left_alone() -> None:
    other = ServiceKey("payments", "other")
    answers = table({"east": [EAST, entry(endpoint("o"), key=other)], "west": []})
    ask(answers, f"other.payments.svc.{ZONE}")
    before = dict(answers.answers("east"))
    answers.update(position("east", 2), entries(SICK), (), 1.0)
    assert all(answers.answers("east")[key] is before[key] for key in before)


def test_loading_what_is_known_already_changes_nothing() -> None:
    answers = table({"east": [EAST], "west": [WEST]})
    ask(answers)
    before = dict(answers.answers("east"))
    answers.load(position("east", 2), entries(entry(endpoint("e", "10.0.0.1"))), 5.0)
    assert answers.answers("east") == before


def test_the_serial_number_rises_with_each_generation_of_any_cell() -> None:
    answers = table({"east": [EAST], "west": [WEST]})
    serials = []
    for generation in (2, 3):
        answers.update(position("east", generation), {}, (), 1.0)
        serials.append(ask(answers, ZONE, "SOA").answer[0][0].serial)
        serials.append(ask(answers, f"nope.{ZONE}").authority[0][0].serial)
    assert serials == [3, 3, 4, 4]


def test_two_frontends_that_saw_the_same_give_the_same_octets() -> None:
    def history() -> AnswerTable:
        made = table({"east": [EAST], "west": [WEST]})
        made.update(position("east", 2), entries(SICK), (), 1.0)
        return made

    one, other = history(), history()
    ask(one)  # asking before or after makes no difference
    for name in (API_NAME, f"_why.{API_NAME}", f"nope.{ZONE}"):
        for kind in ("A", "SRV", "TXT", "SOA"):
            assert (
                ask(one, name, kind).to_text().split("\n", 1)[1]
                == (ask(other, name, kind).to_text().split("\n", 1)[1])
            )


def test_one_bad_entry_is_left_as_it_was_and_the_others_go_on() -> None:
    """I11: also when it is bad in a way that nobody thought of."""
    other = ServiceKey("payments", "other")
    answers = table({"east": [EAST, entry(endpoint("o", "10.0.5.5"), key=other)], "west": []})
    ask(answers)
    bad = entry(endpoint("e"), policy=Policy(enter_threshold="half"))  # type: ignore[arg-type]  # nonsense on purpose
    fresh = entry(endpoint("o", "10.0.5.6"), key=other)
    answers.update(position("east", 2), entries(bad, fresh), (), 1.0)
    assert answers.faults == 1
    assert told(ask(answers, f"other.payments.svc.{ZONE}"))[0] == ["10.0.5.6"]
    assert told(ask(answers)) == (["10.0.0.1"], 10)
    assert told(ask(answers, API_NAME, "SRV"))[1] == 10
    answers.update(position("east", 3), entries(SICK), (), 2.0)
    assert told(ask(answers)) == (["10.0.0.1"], 5)


def test_an_endpoint_with_a_bad_address_harms_no_other() -> None:
    said = entry(endpoint("a", "10.0.0.1"), endpoint("b", "nonsense"), endpoint("c", "10.0.0.3"))
    assert told(ask(table({"east": [said], "west": []})))[0] == ["10.0.0.1", "10.0.0.3"]


def test_a_flood_of_types_does_not_grow_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_module, "PASSING_MAXIMUM", 50)
    answers = table({"east": [EAST], "west": []})
    for kind in range(300, 600):
        ask(answers, API_NAME, f"TYPE{kind}")
        ask(answers, f"x{kind}.payments.svc.{ZONE}")
    assert len(answers._passing["east"]) <= 50
    assert not answers.answers("east")


def test_a_large_change_is_compiled_as_it_is_asked_for() -> None:
    keys = [ServiceKey("bulk", f"s{n}") for n in range(150)]
    answers = table({"east": [entry(endpoint("e", "10.0.0.1"), key=k) for k in keys], "west": []})
    ask(answers, f"s1.bulk.svc.{ZONE}")
    changed = entries(*(entry(endpoint("e", "10.0.0.2"), key=k) for k in keys))
    answers.update(position("east", 2), changed, (), 1.0)
    assert not answers.answers("east")
    assert told(ask(answers, f"s1.bulk.svc.{ZONE}"))[0] == ["10.0.0.2"]


def test_a_large_service_is_compiled_as_it_is_asked_for() -> None:
    def many(last: Endpoint) -> list[Endpoint]:
        return [*(endpoint(f"i{n}", f"10.1.{n // 250}.{n % 250}") for n in range(300)), last]

    answers = table({"east": [entry(*many(endpoint("z", "10.9.0.1")))], "west": []})
    ask(answers)
    changed = entry(*many(endpoint("z", "10.9.0.2")))
    answers.update(position("east", 2), entries(changed), (), 1.0)
    assert not answers.answers("east")
    assert told(ask(answers, f"z.{API_NAME}"))[0] == ["10.9.0.2"]


def test_rubbish_in_the_failover_state_is_counted_and_left_out() -> None:
    answers = table({"east": [EAST], "west": [WEST]})
    answers.restore({"payments/api": {"out": 5}, "nonsense": {}, "a/b": {"missing": "x"}})
    assert answers.faults == 2
    assert told(ask(answers)) == (["10.0.0.1"], 10)


def test_a_restored_region_that_was_out_is_still_out() -> None:
    answers = table({"east": [EAST], "west": [WEST]})
    answers.update(position("east", 2), entries(SICK), (), 1.0)
    answers.update(position("east", 3), entries(EAST), (), 2.0)
    kept = answers.standings()
    again = AnswerTable(answers.zone.settings, "east", ("east", "west"))
    again.load(position("east", 3), entries(EAST), 100.0)
    again.load(position("west", 1), entries(WEST), 100.0)
    again.restore(kept)
    assert told(ask(again)) == (["10.2.0.1"], 5)
    assert again.review(100.0) == 130.0
    again.review(130.0)
    assert told(ask(again)) == (["10.0.0.1"], 10)
    assert again.standings() == {}


def why(answers: AnswerTable) -> list[str]:
    """The lines behind `_why` of the sample service."""
    reply = ask(answers, f"_why.{API_NAME}", "TXT")
    return [b"".join(record.strings).decode() for record in reply.answer[0]]


def test_why_tells_that_a_region_is_not_confirmed_as_the_answer_does() -> None:
    """Mode stale with extended error 3; failing open is said first, there and here."""
    answers = table({"east": [entry(endpoint("a", "10.0.0.1"))], "west": []})
    answers.mark_stale(frozenset({"east"}))
    service, cell, *_ = why(answers)
    assert " mode=stale region=east rule=stands_in " in service
    assert cell.endswith(" not_confirmed")
    sick = endpoint("a", "10.0.0.1", health=Health.UNHEALTHY)
    answers.update(position("east", 2), entries(entry(sick)), (), 1.0)
    service, cell, *_ = why(answers)
    assert " mode=fail_open " in service
    assert cell.endswith(" not_confirmed")
    answers.mark_stale(frozenset())
    assert "not_confirmed" not in "".join(why(answers))


def test_a_stale_region_prefers_what_answers_this_frontend_and_is_never_emptied_by_it() -> None:
    """Own probes choose among what is known, and say so (I7); extended error 3 stays."""
    both = [
        endpoint("a", "10.0.0.1", incarnation="u-a"),
        endpoint("b", "10.0.0.2", incarnation="u-b"),
    ]
    answers = table({"east": [entry(*both)], "west": []})
    east = frozenset({"east"})
    answers.mark_stale(frozenset(), frozenset({"u-a"}))
    assert told(ask(answers))[0] == ["10.0.0.1", "10.0.0.2"]
    answers.mark_stale(east, frozenset({"u-a"}))
    reply = ask(answers)
    assert told(reply)[0] == ["10.0.0.2"]
    assert [option.code for option in reply.options if option.otype == 15] == [3]
    assert any(line.startswith("own probes: 1 of 2 endpoints in east") for line in why(answers))
    answers.mark_stale(east, frozenset({"u-a", "u-b"}))
    assert told(ask(answers))[0] == ["10.0.0.1", "10.0.0.2"]
    answers.mark_stale(east)
    assert told(ask(answers))[0] == ["10.0.0.1", "10.0.0.2"]
    assert not any(line.startswith("own probes") for line in why(answers))


def test_why_tells_what_an_operator_pinned_until_it_is_lifted() -> None:
    """The cell's line says so, before and after other changes."""
    answers = table({"east": [entry(endpoint("a", "10.0.0.1"))], "west": []})
    assert "pinned_by_operator" not in why(answers)[1]
    answers.mark_pinned(frozenset({"east"}))
    assert why(answers)[1].endswith(" pinned_by_operator")
    answers.mark_pinned(frozenset())
    assert "pinned_by_operator" not in why(answers)[1]


def test_why_labels_what_is_only_remembered() -> None:
    answers = table({"east": [entry(endpoint("e", "10.0.0.1", "2001:db8::1"))], "west": []})
    answers.update(position("east", 2), entries(entry(endpoint("n", "10.0.0.2"))), (), 1.0)
    assert told(ask(answers, API_NAME, "AAAA")) == (["2001:db8::1"], 5)
    lines = [
        b"".join(record.strings).decode()
        for record in ask(answers, f"_why.{API_NAME}", "TXT").answer[0]
    ]
    assert any(
        "endpoint=e region=east answer=out" in line and "remembered" in line for line in lines
    )
    answers.update(position("east", 3), {}, [API.entry], 2.0)
    lines = [
        b"".join(record.strings).decode()
        for record in ask(answers, f"_why.{API_NAME}", "TXT").answer[0]
    ]
    assert any("missing_without_deletion" in line for line in lines)
    assert any("generation=3" in line for line in lines)


def test_why_of_a_very_large_service_fits_one_message() -> None:
    many = [endpoint(f"instance-{n}", f"10.{n // 250}.0.{n % 250}") for n in range(2000)]
    reply = ask(table({"east": [entry(*many)], "west": []}), f"_why.{API_NAME}", "TXT")
    lines = [b"".join(record.strings).decode() for record in reply.answer[0]]
    assert "more=1700 endpoints not shown" in lines


def all_sick(**wishes: object) -> AnswerTable:
    policy = Policy(**wishes)  # type: ignore[arg-type]  # by their names
    east = entry(endpoint("e", "10.0.0.1", health=Health.UNHEALTHY), policy=policy)
    west = entry(endpoint("w", "10.2.0.1", health=Health.UNHEALTHY))
    return table({"east": [east], "west": [west]})


def test_what_is_answered_when_all_are_down_is_the_owners_choice_and_labelled() -> None:
    for all_down, addresses in (
        (AllDown.FAIL_OPEN_HOME, ["10.0.0.1"]),
        (AllDown.FAIL_OPEN_ALL, ["10.0.0.1", "10.2.0.1"]),
        (AllDown.STATIC, ["192.0.2.9"]),
    ):
        reply = ask(all_sick(all_down=all_down, static_addresses=("192.0.2.9",)))
        assert told(reply) == (addresses, 5)
        (error,) = reply.extended_errors()
        assert error.text is not None
        assert error.text.startswith("fail-open")


def test_servfail_when_all_are_down_says_why() -> None:
    reply = ask(all_sick(all_down=AllDown.SERVFAIL))
    assert (reply.rcode(), reply.answer) == (dns.rcode.SERVFAIL, [])
    (error,) = reply.extended_errors()
    assert error.text is not None
    assert "policy" in error.text


def test_nodata_when_all_are_down_is_a_denial_of_the_data_not_of_the_name() -> None:
    reply = ask(all_sick(all_down=AllDown.NODATA))
    assert (reply.rcode(), reply.answer) == (dns.rcode.NOERROR, [])
    assert reply.authority[0].rdtype == dns.rdatatype.SOA


def test_last_known_good_is_what_was_healthy_last() -> None:
    def east(health: Health) -> ServiceEntry:
        policy = Policy(all_down=AllDown.LAST_KNOWN_GOOD)
        return entry(
            endpoint("e1", "10.0.0.1", health=health),
            endpoint("e2", "10.0.0.2", health=Health.UNHEALTHY),
            policy=policy,
        )

    answers = table({"east": [east(Health.HEALTHY)], "west": []})
    answers.update(position("east", 2), entries(east(Health.UNHEALTHY)), (), 1.0)
    assert told(ask(answers)) == (["10.0.0.1"], 5)


def test_a_spill_answers_with_both_regions_and_its_targets_lead_to_each() -> None:
    policy = Policy(overprovisioning=1.25)
    east = entry(
        *(
            endpoint(f"e{n}", f"10.0.0.{n}", health=Health.HEALTHY if n > 4 else Health.UNHEALTHY)
            for n in range(1, 11)
        ),
        policy=policy,
    )
    west = entry(*(endpoint(f"w{n}", f"10.2.0.{n}") for n in range(1, 11)))
    answers = table({"east": [east], "west": [west]})
    addresses, ttl = told(ask(answers))
    assert ttl == 5
    assert sum(address.startswith("10.0.") for address in addresses) == 6
    assert sum(address.startswith("10.2.") for address in addresses) == 10
    srv = ask(answers, kind="SRV")
    weights = {"e": 0, "w": 0}
    for record in srv.answer[0]:
        weights[str(record.target)[0]] += record.weight / 2
    assert weights["e"] / sum(weights.values()) == pytest.approx(0.75, abs=0.01)
    assert "mode=failover region=east rule=spill" in str(
        ask(answers, f"_why.{API_NAME}", "TXT").answer[0]
    )


@pytest.mark.parametrize(
    ("west", "line"),
    [
        ([WEST], "fallback=west rule=stands_in endpoints=1 ready=yes"),
        (
            [entry(endpoint("w", health=Health.UNHEALTHY))],
            "fallback=west rule=unhealthy endpoints=1 ready=no",
        ),
        ([], "fallback=none rule=nothing_known endpoints=0 ready=no"),
    ],
)
def test_why_tells_what_would_answer_if_this_region_were_lost(
    west: list[ServiceEntry], line: str
) -> None:
    """I29."""
    answers = table({"east": [EAST], "west": west})
    assert line in str(ask(answers, f"_why.{API_NAME}", "TXT").answer[0])
    pinned = f"_why.api.payments.svc.east.region.{ZONE}"
    assert "fallback=" not in str(ask(answers, pinned, "TXT").answer[0])


@pytest.mark.parametrize("at_once", [True, False])
def test_a_name_denied_below_a_service_is_answered_once_it_is_there(at_once: bool) -> None:
    """A denial is remembered by what lives below the service, and that only until it changes."""
    answers = table({"east": [EAST], "west": []})
    names = [f"{label}.{API_NAME}" for label in ("w", "x", "_udp")]
    for name in (*names, *names):
        assert ask(answers, name).rcode() == dns.rcode.NXDOMAIN
    # its own names are not denied, nor is what is asked of them otherwise
    for name in (f"e.{API_NAME}", f"_tcp.{API_NAME}", f"_why.{API_NAME}", API_NAME):
        assert ask(answers, name, "TXT").rcode() == dns.rcode.NOERROR
    change = entries(entry(endpoint("e", "10.0.0.1"), endpoint("x", "10.0.0.2")))
    if at_once:
        answers.update(position("east", 2), change, (), 1.0)
    else:
        answers.load(position("east", 2), change, 1.0)
    assert ask(answers, names[0]).rcode() == dns.rcode.NXDOMAIN
    assert told(ask(answers, names[1]))[0] == ["10.0.0.2"]
    answers.forget("west")
    assert ask(answers, names[0]).rcode() == dns.rcode.SERVFAIL


def test_families_are_remembered_of_so_many_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(families, "FAMILIES_MAXIMUM", 2)
    keys = [ServiceKey("payments", f"s{number}") for number in range(7)]
    answers = table({"east": [entry(endpoint("e"), key=key) for key in keys], "west": []})
    for key in (*keys, *keys):
        assert ask(answers, f"x.{key.service}.payments.svc.{ZONE}").rcode() == dns.rcode.NXDOMAIN
        assert len(answers.families.of) <= 2

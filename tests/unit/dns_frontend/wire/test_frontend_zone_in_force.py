"""What the plans say of the zone is answered by at once, and costs only when it changes."""

from __future__ import annotations

import dns.message
import dns.rcode
from answer_samples import API_NAME, ZONE, endpoint, entries, entry, position, table

from dns_frontend.plan.content import TreeContent
from dns_frontend.plan.digest import EntryTree, Published
from dns_frontend.plan.entry import ZONE_KEY, Policy, ServiceEntry
from dns_frontend.plan.view import ClientRegions
from dns_frontend.plan.zone import ZoneSettings
from dns_frontend.plan.zone_wish import ZoneWish
from dns_frontend.server.responder import Responder
from dns_frontend.wire.table import AnswerTable

EAST, WEST = entry(endpoint("e", "10.0.0.1")), entry(endpoint("w", "10.2.0.1"))
WHY = f"_why.zone.sheetanchor.svc.{ZONE}"


def zone(wish: ZoneWish | None = None, *, revision: int = 7) -> ServiceEntry:
    """What a cell says of the zone."""
    policy = None if wish is None else Policy(zone=wish)
    return entry(key=ZONE_KEY, policy=policy, revision=revision)


def ask(
    answers: AnswerTable | Responder, name: str, kind: str = "A", client: str = "192.0.2.1"
) -> dns.message.Message:
    responder = answers if isinstance(answers, Responder) else Responder(answers)
    query = dns.message.make_query(name, kind, use_edns=0)
    reply = responder.respond(query.to_wire(), client, stream=True)
    assert reply is not None
    return dns.message.from_wire(reply)


def ttls(answers: AnswerTable) -> dict[str, int]:
    """What is told of the zone's settings by answers that depend on them."""
    denied = ask(answers, f"none.{ZONE}")
    assert denied.rcode() == dns.rcode.NXDOMAIN
    (soa,) = denied.authority
    assert soa.ttl == soa[0].minimum
    return {
        "negative": soa.ttl,
        "degraded": ask(answers, f"w.payments.svc.{ZONE}").answer[0].ttl,
        "nameserver": ask(answers, ZONE, "NS").answer[0].ttl,
        "address": ask(answers, f"ns1.{ZONE}").answer[0].ttl,
        "reverse": ask(answers, "1.0.0.10.in-addr.arpa.", "PTR").answer[0].ttl,
    }


def site(*east: ServiceEntry, west: ServiceEntry | None = None) -> AnswerTable:
    """Two regions; `w` is answered by west alone, so that clients of east get it degraded."""
    alone = entry(endpoint("w", "10.2.0.1"), key=EAST.key._replace(service="w"))
    said = {"east": [EAST, *east], "west": [alone, *([west] if west else [])]}
    return table(said, zone=ZoneSettings(ZONE, reverse_networks=("10.0.0.0/24",)))


def test_all_that_depends_on_the_settings_goes_by_them() -> None:
    """From the first plan that says so, whole or by a step; and back."""
    own = {"negative": 5, "degraded": 5, "nameserver": 60, "address": 60, "reverse": 60}
    said = {"negative": 3, "degraded": 9, "nameserver": 90, "address": 90, "reverse": 90}
    wish = ZoneWish(3, 9, 90)
    assert ttls(site()) == own
    assert ttls(site(zone(wish))) == said
    answers = site(zone())
    assert ttls(answers) == own
    answers.update(position("east", 2), entries(zone(wish)), (), 1.0)
    assert ttls(answers) == said
    answers.update(position("east", 3), entries(zone()), (), 2.0)
    assert ttls(answers) == own


def test_settings_that_a_cell_ceases_to_mention_hold_on() -> None:
    """A missing row is no word (I7)."""
    answers = site(zone(ZoneWish(3)))
    answers.load(position("east", 2), entries(EAST), 1.0)
    assert ttls(answers)["negative"] == 3


def test_it_costs_nothing_when_it_does_not_change() -> None:
    """Neither other entries nor the same settings published again touch an answer."""
    answers = site(zone(ZoneWish(3)))
    heard: list[ZoneSettings] = []
    answers.zone.heed = heard.append
    compiled = answers.find(b"\3api\10payments\3svc\6anchor\10internal\0", 1, "east")
    other = entry(endpoint("o", "10.9.0.1"), key=EAST.key._replace(service="o"))
    answers.update(position("east", 2), entries(other), (), 1.0)
    answers.update(position("east", 3), entries(zone(ZoneWish(3), revision=8)), (), 2.0)
    assert answers.find(b"\3api\10payments\3svc\6anchor\10internal\0", 1, "east") is compiled
    assert heard == []
    answers.update(position("east", 4), entries(zone(ZoneWish(4))), (), 3.0)
    assert [each.negative_ttl_seconds for each in heard] == [4]


def test_the_home_regions_cell_is_heard_first_whatever_came_last() -> None:
    """Each frontend hears its own region, and where that says nothing the first that does."""
    answers = site(west=zone(ZoneWish(2)))
    assert ttls(answers)["negative"] == 2
    answers.update(position("east", 2), entries(zone(ZoneWish(4))), (), 1.0)
    assert ttls(answers)["negative"] == 4
    answers.update(position("west", 2), entries(zone(ZoneWish(1))), (), 2.0)
    assert ttls(answers)["negative"] == 4
    answers.update(position("east", 3), entries(zone()), (), 3.0)
    assert ttls(answers)["negative"] == 1


def test_clients_met_before_are_found_in_their_new_region() -> None:
    """By their address and by what a forwarder says of them."""
    answers = table({"east": [EAST], "west": [WEST]})
    responder = Responder(answers)
    answers.zone.heed = lambda zone: responder.clients.place(ClientRegions(zone.networks))
    assert ask(responder, API_NAME).answer[0][0].address == "10.0.0.1"
    networks = (("192.0.2.0/24", "west"),)
    answers.update(position("east", 2), entries(zone(ZoneWish(networks=networks))), (), 1.0)
    assert ask(responder, API_NAME).answer[0][0].address == "10.2.0.1"
    answers.update(position("east", 3), entries(zone(ZoneWish(networks=()))), (), 2.0)
    assert ask(responder, API_NAME).answer[0][0].address == "10.0.0.1"


def lines(answers: AnswerTable) -> list[str]:
    """What `_why` says of the zone, but for services and cells."""
    (found,) = ask(answers, WHY, "TXT").answer
    words = [b" ".join(each.strings).decode() for each in found]
    return sorted(line for line in words if line.startswith(("zone", "network", "more")))


def test_why_tells_which_cell_is_heard() -> None:
    """And what the one that is not heard says."""
    networks = (("10.0.0.0/8", "east"), ("2001:db8::/32", "west"))
    answers = site(
        zone(ZoneWish(3, networks=networks)), west=zone(ZoneWish(degraded_ttl_seconds=9))
    )
    assert lines(answers) == [
        "network=10.0.0.0/8 region=east",
        "network=2001:db8::/32 region=west",
        "zone=in_force cell=east negative_ttl=3 degraded_ttl=own nameserver_ttl=own networks=2",
        "zone=superseded cell=west by=east"
        " negative_ttl=own degraded_ttl=9 nameserver_ttl=own networks=own",
    ]
    assert lines(site(zone())) == [
        "zone=own negative_ttl=own degraded_ttl=own nameserver_ttl=own networks=own"
    ]
    many = tuple((f"10.0.{n >> 4}.{(n & 15) << 4}/28", "east") for n in range(1000))
    shown = lines(site(zone(ZoneWish(networks=many))))
    assert (len(shown), "more=700 networks not shown" in shown) == (302, True)


def test_the_name_that_settings_come_by_has_no_address() -> None:
    """It is there, since plans speak of it."""
    for kind in ("A", "SRV"):
        reply = ask(site(zone(ZoneWish(3))), f"zone.sheetanchor.svc.{ZONE}", kind)
        assert (reply.rcode(), reply.answer) == (dns.rcode.NOERROR, [])


def test_settings_are_found_in_a_cell_that_nobody_has_read_yet() -> None:
    """As after a start from disk, where an entry is read when it is asked for."""

    def attached(wish: ZoneWish, generation: int) -> None:
        said = zone(wish)
        tree = EntryTree().replace({ZONE_KEY.entry: Published(b"z", said, "")}, ())
        content = TreeContent(tree, {}, 0.0, 0.0)
        answers.attach(position("east", generation), content, float(generation))

    answers = AnswerTable(ZoneSettings(ZONE), "east", ("east",))
    attached(ZoneWish(3), 1)
    assert answers.zone.settings.negative_ttl_seconds == 3
    attached(ZoneWish(2), 2)
    assert answers.zone.settings.negative_ttl_seconds == 2

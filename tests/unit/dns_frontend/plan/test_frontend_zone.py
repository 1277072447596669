"""What a name means follows from its labels alone."""

from __future__ import annotations

import pytest

from dns_frontend.plan.zone import Kind, Place, ZoneSettings, locate, service_labels


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("", Place(Kind.APEX)),
        ("ns1", Place(Kind.NAMESERVER)),
        ("ns2", Place(Kind.NOWHERE)),
        ("svc", Place(Kind.BRANCH)),
        ("region", Place(Kind.BRANCH)),
        ("west.region", Place(Kind.REGION, "west")),
        ("svc.west.region", Place(Kind.REGION, "west")),
        ("other.west.region", Place(Kind.NOWHERE)),
        ("payments.svc", Place(Kind.NAMESPACE, "", "payments")),
        ("payments.svc.west.region", Place(Kind.NAMESPACE, "west", "payments")),
        ("api.payments.svc", Place(Kind.SERVICE, "", "payments", "api")),
        ("api.payments.svc.west.region", Place(Kind.SERVICE, "west", "payments", "api")),
        ("_why.api.payments.svc", Place(Kind.WHY, "", "payments", "api")),
        ("_tcp.api.payments.svc", Place(Kind.PROTOCOL, "", "payments", "api", "", "tcp")),
        ("_udp.api.payments.svc", Place(Kind.PROTOCOL, "", "payments", "api", "", "udp")),
        ("_http._tcp.api.payments.svc", Place(Kind.PORT, "", "payments", "api", "http", "tcp")),
        ("http._tcp.api.payments.svc", Place(Kind.NOWHERE)),
        ("api-1.api.payments.svc", Place(Kind.INSTANCE, "", "payments", "api", "api-1")),
        ("x.api-1.api.payments.svc", Place(Kind.NOWHERE)),
        ("x._http._tcp.api.payments.svc", Place(Kind.NOWHERE)),
    ],
)
def test_the_layout_of_names(name: str, place: Place) -> None:
    assert locate(name.split(".") if name else []) == place


def test_a_services_labels_lead_back_to_it() -> None:
    for region in ("", "west"):
        place = locate(service_labels("payments", "api", region))
        assert place == Place(Kind.SERVICE, region, "payments", "api")


@pytest.mark.parametrize("origin", ["", ".", "a..b.", "x" * 64, ".".join(["x" * 60] * 4)])
def test_a_zone_that_is_no_name_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match="zone"):
        _ = ZoneSettings(origin).labels


def test_the_origins_capitals_and_last_dot_do_not_matter() -> None:
    assert ZoneSettings("Anchor.Internal").labels == ("anchor", "internal")

"""Rates: how much one network may take, and that no flood makes more state."""

from __future__ import annotations

import pytest

from dns_frontend.server import rates as rates_module
from dns_frontend.server.rates import PREFIXES_V4, RateLimits, Rates


def admitted(rates: Rates, client: str, now: float, count: int) -> int:
    buckets = rates.buckets(client)
    assert buckets is not None
    return sum(rates.admits(buckets, now) for _ in range(count))


def test_an_address_has_its_rate_and_a_burst_of_a_second() -> None:
    rates = Rates(RateLimits(per_second=8, exempt=()), seed=1)
    assert admitted(rates, "192.0.2.1", 0.0, 100) == 8
    assert admitted(rates, "192.0.2.1", 0.125, 100) == 1
    assert admitted(rates, "192.0.2.1", 0.5, 100) == 3
    assert admitted(rates, "192.0.2.1", 100.0, 100) == 8


@pytest.mark.parametrize(
    ("step", "bits"), [(1, 24), (256, 20), (4096, 16)], ids=["of a /24", "of a /20", "of a /16"]
)
def test_many_addresses_of_one_network_share_a_wider_rate(step: int, bits: int) -> None:
    """Each takes less than it may, and all together no more than their network."""
    rates = Rates(RateLimits(per_second=10, exempt=()), seed=1)
    addresses = [f"10.{n * step >> 16}.{n * step >> 8 & 255}.{n * step & 255}" for n in range(16)]
    if step == 1:
        addresses = [f"10.0.0.{n}" for n in range(200)]
    elif step == 256:
        addresses = [f"10.0.{n % 16}.{n // 16}" for n in range(1600)]
    else:
        addresses = [f"10.0.{n % 256}.{n // 256}" for n in range(10_000)]
    taken = sum(admitted(rates, each, 0.0, 5) for each in addresses)
    multiple = dict(PREFIXES_V4)[bits]
    assert 0.9 * 10 * multiple <= taken <= 10 * multiple


def test_one_network_takes_nothing_of_another() -> None:
    rates = Rates(RateLimits(per_second=10, exempt=()), seed=1)
    admitted(rates, "192.0.2.1", 0.0, 10_000)
    assert admitted(rates, "198.51.100.1", 0.0, 10) == 10
    assert admitted(rates, "2001:db8::1", 0.0, 10) == 10


@pytest.mark.parametrize("slip", [0, 1, 2, 3])
def test_of_what_is_refused_every_so_many_is_told(slip: int) -> None:
    rates = Rates(RateLimits(per_second=1, slip=slip, exempt=()), seed=1)
    buckets = rates.buckets("192.0.2.1")
    assert buckets is not None
    rates.admits(buckets, 0.0)
    told = 0
    for _ in range(60):
        assert not rates.admits(buckets, 0.0)
        told += rates.slips()
    assert told == (60 // slip if slip else 0)


def test_private_networks_and_a_rate_of_zero_are_not_limited() -> None:
    rates = Rates(RateLimits(), seed=1)
    for client in ("127.0.0.1", "10.1.2.3", "::1", "fd00::1", "::ffff:10.0.0.1", "fe80::1%eth0"):
        assert rates.buckets(client) is None
    assert rates.buckets("8.8.8.8") is not None
    assert rates.buckets("::ffff:8.8.8.8") == rates.buckets("8.8.8.8")
    assert Rates(RateLimits(per_second=0), seed=1).buckets("8.8.8.8") is None


def test_a_flood_from_everywhere_makes_no_state() -> None:
    rates = Rates(RateLimits(exempt=()), seed=1)
    before = len(rates._until)
    for n in range(5000):
        admitted(rates, f"{n % 200 + 1}.{n % 251}.{n % 249}.{n % 241}", 0.0, 1)
    assert len(rates._until) == before == rates_module.SLOTS

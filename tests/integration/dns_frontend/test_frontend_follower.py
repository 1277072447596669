"""Following a registry that does everything a registry may do, and what none should."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from frontend_site import QUICK, addresses, settings
from registry_site import eventually
from scripted_publication import ScriptedPublication, base, bodies, body, checkpoint, delta

from dns_frontend.feed.follower import SPEAK_PAUSE_SECONDS
from dns_frontend.main import FrontendServer
from sheetanchor.v1 import instance_pb2, plan_pb2

ONE = bodies("cart")
TWO = bodies("cart", "till")
THREE = bodies("cart", "till", "desk")


@pytest.fixture
async def registry() -> AsyncIterator[ScriptedPublication]:
    """It has generation 5 to give."""
    async with registries([*base(ONE, 5)]) as (only,):
        yield only


@asynccontextmanager
async def registries(*scripts: object) -> AsyncIterator[list[ScriptedPublication]]:
    """Registries that each send a script."""
    made = [ScriptedPublication(script) for script in scripts]  # type: ignore[arg-type]  # lists of events
    try:
        for each in made:
            await each.start()
        yield made
    finally:
        for each in made:
            await each.stop()


@asynccontextmanager
async def following(
    directory: Path, *clusters: tuple[str, ...], silence_seconds: float = 600.0
) -> AsyncIterator[FrontendServer]:
    """A frontend that follows these clusters, which say nothing unasked: it bears their silence."""
    made = settings(directory, *clusters)
    connect_seconds = min(silence_seconds, made.feed.connect_timeout_seconds)
    feed = replace(
        made.feed, silence_seconds=silence_seconds, connect_timeout_seconds=connect_seconds
    )
    frontend = FrontendServer(replace(made, feed=feed))
    await frontend.start()
    try:
        yield frontend
    finally:
        await frontend.stop()


async def serves(frontend: FrontendServer, service: str, *wanted: str) -> None:
    """Wait until the service is answered with just these addresses."""

    async def look() -> bool:
        return sorted(await addresses(frontend, service)) == sorted(wanted or ("10.0.0.1",))

    await eventually(look)


async def hears(registry: ScriptedPublication, *words: tuple[str, int, str]) -> None:
    """Wait until the registry has heard these."""
    await eventually(lambda: set(words) <= set(registry.heard()))


async def test_a_base_in_parts_then_steps(registry: ScriptedPublication, tmp_path: Path) -> None:
    """Each generation is served, and said to be."""
    registry.scripts = [[*base(THREE, 5, parts=3), delta(THREE, TWO | THREE, 6)]]
    async with following(tmp_path, (registry.address,)) as frontend:
        await serves(frontend, "desk")
        moved = THREE | bodies("cart", address="10.0.0.9")
        registry.say(delta(THREE, moved, 7), checkpoint(7))
        await serves(frontend, "cart", "10.0.0.9")
        await hears(registry, ("eu", 7, ""))
        assert registry.have(0) == []
        assert len(registry.watches) == 1


async def test_while_changes_come_thick_the_newest_word_speaks_for_them(
    registry: ScriptedPublication, tmp_path: Path
) -> None:
    """Words are said once in so long at most, and the last is of the newest generation."""
    async with following(tmp_path, (registry.address,)) as frontend:
        await serves(frontend, "cart")
        await hears(registry, ("eu", 5, ""))
        said = len(registry.heard())
        begun = time.monotonic()
        last, steps = ONE, []
        for number in range(200):
            now = bodies("cart", address=f"10.1.0.{number}")
            steps.append(delta(last, now, 6 + number))
            last = now
        registry.say(*steps)
        await hears(registry, ("eu", 205, ""))
        rounds = 1 + (time.monotonic() - begun) / SPEAK_PAUSE_SECONDS
        assert len(registry.heard()) - said <= 1 + rounds
        await serves(frontend, "cart", "10.1.0.199")


async def test_parts_of_two_cells_may_be_mixed(
    registry: ScriptedPublication, tmp_path: Path
) -> None:
    """Each cell is put together by itself."""
    east, west = base(TWO, 5, parts=2), base(bodies("desk"), 8, cell="us", parts=1)
    registry.scripts = [[east[0], *west, east[1]]]
    async with following(tmp_path, (registry.address,)) as frontend:
        await serves(frontend, "till")
        await serves(frontend, "desk")
        await hears(registry, ("eu", 5, ""), ("us", 8, ""))


async def test_after_a_gap_the_cell_is_asked_for_whole(
    registry: ScriptedPublication, tmp_path: Path
) -> None:
    """And what is served stays until it came."""
    registry.scripts = [[*base(ONE, 5), delta(ONE, TWO, 7)], [*base(THREE, 8)]]
    async with following(tmp_path, (registry.address,)) as frontend:
        await serves(frontend, "desk")
        assert [registry.have(at) for at in range(2)] == [[], []]
        await hears(registry, ("eu", 8, ""))


async def test_a_checkpoint_ahead_is_a_gap_too(
    registry: ScriptedPublication, tmp_path: Path
) -> None:
    """Something was missed."""
    registry.scripts = [[*base(ONE, 5), checkpoint(6)], [*base(TWO, 6)]]
    async with following(tmp_path, (registry.address,)) as frontend:
        await serves(frontend, "till")


@pytest.mark.parametrize("way", ["base", "delta"])
async def test_content_without_its_digest_is_refused_and_asked_for_whole(
    registry: ScriptedPublication, tmp_path: Path, way: str
) -> None:
    """The registry is told why; the generation before is served meanwhile (I6)."""
    wrong = (
        base(TWO, 6, digest=bytes(32)) if way == "base" else [delta(ONE, TWO, 6, digest=bytes(32))]
    )
    registry.scripts = [[*base(ONE, 5), *wrong], [*base(THREE, 7)]]
    async with following(tmp_path, (registry.address,)) as frontend:
        await hears(registry, ("eu", 6, "digest"))
        await serves(frontend, "desk")


async def test_a_silent_node_is_left_for_the_next(tmp_path: Path) -> None:
    """One that takes connections and says nothing."""
    async with (
        registries([], [*base(ONE, 5)]) as (silent, good),
        following(tmp_path, (silent.address, good.address), silence_seconds=1.0) as frontend,
    ):
        await serves(frontend, "cart")
        assert silent.watches
        await eventually(lambda: silent.ended)


async def test_a_stream_that_falls_silent_is_left_as_well(tmp_path: Path) -> None:
    """Checkpoints come each second from a node that lives."""
    async with (
        registries([*base(ONE, 5)], [*base(TWO, 6)]) as (first, second),
        following(tmp_path, (first.address, second.address), silence_seconds=3.0) as frontend,
    ):
        await serves(frontend, "cart")
        await serves(frontend, "till")
        assert second.have(0) == [("eu", 5)]


async def test_a_registry_that_comes_back_is_followed_on(
    registry: ScriptedPublication, tmp_path: Path
) -> None:
    """From where it was left; our words are said again, for it may have lost them."""
    async with following(tmp_path, (registry.address,)) as frontend:
        await hears(registry, ("eu", 5, ""))
        await registry.stop()
        registry.scripts = [[delta(ONE, TWO, 6)]]
        registry.words.clear()
        assert await addresses(frontend, "cart") == ["10.0.0.1"]
        await registry.start()
        await serves(frontend, "till")
        assert registry.have() == [("eu", 5)]
        await hears(registry, ("eu", 6, ""))
        assert registry.heard()[0] == ("eu", 5, "")


async def test_words_that_were_not_taken_are_said_again(
    registry: ScriptedPublication, tmp_path: Path
) -> None:
    """Over the same stream."""
    registry.deaf = [grpc.StatusCode.UNAVAILABLE] * 3
    async with following(tmp_path, (registry.address,)):
        await hears(registry, ("eu", 5, ""))
        assert registry.deaf == []


async def test_a_word_that_is_refused_is_not_said_for_ever(
    registry: ScriptedPublication, tmp_path: Path
) -> None:
    """Nor does it hold up the next."""
    registry.deaf = [grpc.StatusCode.INVALID_ARGUMENT]
    async with following(tmp_path, (registry.address,)) as frontend:
        await eventually(lambda: not registry.deaf)
        registry.say(delta(ONE, TWO, 6))
        await serves(frontend, "till")
        await hears(registry, ("eu", 6, ""))
        assert ("eu", 5, "") not in registry.heard()


MANY = bodies(*(f"s{number}" for number in range(30)))


async def test_a_refusal_is_said_and_the_chain_followed_on(
    registry: ScriptedPublication, tmp_path: Path
) -> None:
    """The first acceptable generation is served; nothing is asked for whole for that (I7)."""
    registry.scripts = [[*base(MANY, 5)]]
    async with following(tmp_path, (registry.address,)) as frontend:
        await serves(frontend, "s29")
        registry.say(delta(MANY, {}, 6))
        await hears(registry, ("eu", 6, "emptied"))
        assert await addresses(frontend, "s29") == ["10.0.0.1"]
        registry.say(delta({}, MANY | TWO, 7))
        await serves(frontend, "till")
        assert len(registry.watches) == 1


async def test_a_lost_name_is_held_told_and_given_back(
    registry: ScriptedPublication, tmp_path: Path
) -> None:
    """The others go on; a restart loses nothing; the name's own word ends it (I7, I20)."""
    registry.scripts = [[*base(TWO, 5)]]
    moved, again = bodies("cart", address="10.0.0.9"), bodies("till", address="10.0.0.8")
    async with following(tmp_path, (registry.address,)) as frontend:
        await serves(frontend, "till")
        registry.say(delta(TWO, moved, 6))
        await serves(frontend, "cart", "10.0.0.9")
        await hears(registry, ("eu", 6, ""))
        assert await addresses(frontend, "till") == ["10.0.0.1"]
        (word,) = [each for each in registry.words if each.generation == 6]
        assert list(word.held.services) == ["namespaces/shop/services/till"]
        assert word.held.reason.startswith("1 service lost or emptied without a deletion")
    registry.scripts = [[checkpoint(6)]]
    # the stream of the former life must not be the one that is told what comes
    await eventually(lambda: registry.ended == len(registry.watches))
    async with following(tmp_path, (registry.address,)) as frontend:
        assert await addresses(frontend, "till") == ["10.0.0.1"]
        registry.say(delta(moved, moved | again, 7))
        await serves(frontend, "till", "10.0.0.8")
        assert registry.have() == [("eu", 6)]
        await hears(registry, ("eu", 7, ""))
        assert not registry.words[-1].HasField("held")


GARBAGE = {
    "no digest": base(TWO, 6, digest=b"\0"),
    "another cell": base(TWO, 6, cell="us"),
    "a cell that is no label": [checkpoint(1, cell="../../x")],
    "wrong digest": base(TWO, 6, digest=bytes(32)),
    "twice": [*base(TWO, 6, parts=2)[:1]] * 2,
    "an error": [grpc.StatusCode.INTERNAL],
}
GARBAGE["another cell"][0].cell = "eu"  # type: ignore[union-attr]  # a message


@pytest.mark.parametrize("kind", GARBAGE)
async def test_a_registry_that_sends_garbage_for_ever_is_asked_ever_more_seldom(
    registry: ScriptedPublication, tmp_path: Path, kind: str
) -> None:
    """Also when each stream begins well; answers stay (I15)."""
    registry.scripts = [[*base(ONE, 5)], [checkpoint(5), *GARBAGE[kind]]]
    async with following(tmp_path, (registry.address,)) as frontend:
        await serves(frontend, "cart")
        registry.say(checkpoint(9))  # a gap, so that the next stream is opened
        loop = asyncio.get_running_loop()
        await eventually(lambda: len(registry.watches) >= 6)
        begun, before = loop.time(), len(registry.watches)
        await eventually(lambda: loop.time() - begun >= 1.0)
        # at the slowest pace, drawn from 0 to 0.2 s, there are some ten a second; without one,
        # hundreds
        assert len(registry.watches) - before < 40 * (loop.time() - begun)
        assert await addresses(frontend, "cart") == ["10.0.0.1"]


async def test_a_cell_that_cannot_be_followed_keeps_no_other_from_it(
    registry: ScriptedPublication, tmp_path: Path
) -> None:
    """Though its garbage comes first on each stream (I20)."""
    bad = base(ONE, 5, cell="aa", digest=bytes(32))
    registry.scripts = [[*bad, *base(ONE, 5)]]
    async with following(tmp_path, (registry.address,)) as frontend:
        await serves(frontend, "cart")
        for at in range(6, 16):
            moved = bodies("cart", address=f"10.0.0.{at}")
            registry.scripts = [[*bad, *base(moved, at)]]
            registry.say(*base(moved, at))
            await serves(frontend, "cart", f"10.0.0.{at}")


async def test_a_cluster_that_claims_anothers_cell_changes_nothing(tmp_path: Path) -> None:
    """The first that spoke of it is followed; its own cells are taken from the other."""
    async with (
        registries([*base(ONE, 5)], []) as (first, second),
        following(tmp_path, (first.address,), (second.address,), silence_seconds=1.0) as frontend,
    ):
        await serves(frontend, "cart")
        claim = base(bodies("cart", address="10.6.6.6"), 99)
        second.scripts = [[*claim, *base(bodies("desk"), 1, cell="us")]]
        await serves(frontend, "desk")
        assert await addresses(frontend, "cart") == ["10.0.0.1"]
        await hears(second, ("us", 1, ""))
        assert {word.cell for word in second.words} == {"us"}


async def test_an_event_of_a_later_contract_is_passed_over(
    registry: ScriptedPublication, tmp_path: Path
) -> None:
    """A message whose kind is not known ends no stream."""
    unknown = type(checkpoint(5))(cell="eu")
    registry.scripts = [[*base(ONE, 5), unknown, delta(ONE, TWO, 6)]]
    async with following(tmp_path, (registry.address,)) as frontend:
        await serves(frontend, "till")
        assert len(registry.watches) == 1


def test_the_pace_of_these_tests_is_a_frontends_own() -> None:
    """They prove bounds of the settings given, so those must be shorter than a test's deadline."""
    assert QUICK.backoff_maximum_seconds < QUICK.silence_seconds < 10


def crowd(count: int, *, silent: int) -> dict[str, bytes]:
    """A service of so many endpoints, of whom the first ones answer no probe any more."""
    made = plan_pb2.ServicePlan(namespace="shop", service="cart")
    for number in range(count):
        one = plan_pb2.ServicePlan.FromString(body("cart", f"10.0.0.{number + 1}")).endpoints[0]
        one.instance = one.uid = f"i{number}"
        if number < silent:
            one.health = instance_pb2.HEALTH_UNHEALTHY
            one.evidence = instance_pb2.EVIDENCE_TIMEOUT
        made.endpoints.append(one)
    return {"shop/cart": made.SerializeToString(deterministic=True)}


async def test_a_registry_that_calls_most_of_a_name_silent_at_once_is_not_followed_in_that(
    registry: ScriptedPublication, tmp_path: Path
) -> None:
    """I8 at the frontend: those stay in the answers, and who came along is there."""
    before, after = crowd(8, silent=0), crowd(9, silent=6)
    registry.scripts = [[*base(before, 5)]]
    everybody = [f"10.0.0.{number}" for number in range(1, 10)]
    async with following(tmp_path, (registry.address,)) as frontend:
        await serves(frontend, "cart", *everybody[:8])
        registry.say(delta(before, after, 6))
        await hears(registry, ("eu", 6, ""))
        await serves(frontend, "cart", *everybody)

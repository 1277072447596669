"""Many probes at once, by a scripted prober and a clock turned by hand."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from plan_samples import instance

from registry.adapters.clock import ManualClock
from registry.adapters.probe.scripted import ScriptedProber
from registry.app.probe_loop import SOCKETS_A_SLOT, ProbeLoop
from registry.app.probe_schedule import ProbeSchedule
from registry.domain.health import Evidence, Health
from registry.domain.instance import Check, CheckKind, Instance
from registry.domain.names import InstanceKey
from registry.domain.operation import Judge


def new(number: int, **changes: object) -> Instance:
    return instance(
        f"i{number}",
        Health.UNKNOWN,
        Evidence.NONE,
        addresses=(f"10.0.{number // 250}.{number % 250 + 1}",),
        **changes,
    )


class Bench:
    def __init__(self, clock: ManualClock, concurrency: int) -> None:
        self.clock = clock
        self.prober = ScriptedProber(clock)
        self.schedule = ProbeSchedule()
        self.verdicts: list[Judge] = []
        self.loop = ProbeLoop(
            self.schedule, self.prober, clock, self.verdicts.append, concurrency=concurrency
        )

    @property
    def judged(self) -> set[str]:
        """Nothing here records verdicts, so they are given again and again."""
        return {verdict.key.instance for verdict in self.verdicts}

    def put(self, one: Instance) -> None:
        self.schedule.put(one, self.clock.monotonic())
        self.loop.wake()


@asynccontextmanager
async def probing(clock: ManualClock, concurrency: int = 8) -> AsyncIterator[Bench]:
    bench = Bench(clock, concurrency)
    task = asyncio.create_task(bench.loop.run())
    await clock.advance(0.0)
    try:
        yield bench
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert bench.prober.under_way == 0, "a probe outlived the loop"


async def test_a_new_instance_is_probed_without_any_time_passing(clock: ManualClock) -> None:
    async with probing(clock) as bench:
        bench.put(new(1))
        await clock.advance(0.0)
        assert [(v.key.instance, v.health) for v in bench.verdicts] == [("i1", Health.HEALTHY)]


async def test_every_address_is_tried_and_the_worst_counts(clock: ManualClock) -> None:
    async with probing(clock) as bench:
        bench.prober.answer(("2001:db8::1", 80), Evidence.REFUSED)
        bench.put(instance("i1", Health.UNKNOWN, Evidence.NONE))
        await clock.advance(0.4)
        assert bench.prober.tried == [("10.0.0.1", 80), ("2001:db8::1", 80)]
        assert bench.verdicts == []
        bench.prober.answer(("2001:db8::1", 80), Evidence.VALIDATED)
        await clock.advance(0.2)
        assert len(bench.verdicts) == 1


async def test_no_more_probes_are_under_way_than_there_are_slots(clock: ManualClock) -> None:
    async with probing(clock, concurrency=8) as bench:
        for number in range(100):
            bench.prober.take((f"10.0.0.{number + 1}", 80), 0.09)
            bench.put(new(number))
        await clock.advance(0.05)
        assert bench.prober.most_under_way == 8
        await clock.advance(2.0)
        assert len(bench.judged) == 100
        assert bench.prober.most_under_way == 8


async def test_targets_that_failed_last_time_do_not_delay_the_others(clock: ManualClock) -> None:
    silent = 100
    async with probing(clock, concurrency=16) as bench:
        for number in range(silent):
            bench.prober.take((f"10.0.0.{number + 1}", 80), 60.0)
            bench.put(new(number))
        # Each is found out once, 16 at a time and 2 s each; from then on they wait apart.
        await clock.advance(2.0 * (silent // 16 + 1))
        bench.prober.tried.clear()
        for number in range(200, 300):
            bench.put(new(number))
        await clock.advance(0.1)
        assert len(bench.judged) == 100
        await clock.advance(10.0)
        again = [address for address, _ in bench.prober.tried if address.startswith("10.0.0.")]
        assert len(again) > 20, "the silent ones are tried all the same"


async def test_an_idle_loop_notices_when_a_probe_under_way_is_to_be_repeated_soon(
    clock: ManualClock,
) -> None:
    async with probing(clock) as bench:
        bench.prober.answer(("10.0.0.2", 80), Evidence.REFUSED)
        bench.put(new(1))
        await clock.advance(1.6)
        assert len(bench.prober.tried) == 4


async def test_a_prober_that_raises_says_nothing_of_the_target(clock: ManualClock) -> None:
    class Broken(ScriptedProber):
        async def probe(self, check: Check, address: str, key: InstanceKey) -> Evidence:
            await super().probe(check, address, key)
            raise RuntimeError("a bug")

    schedule, verdicts = ProbeSchedule(), list[Judge]()
    healthy = instance("i1", check=Check(CheckKind.TCP, 80, fall=1))
    schedule.put(healthy, clock.monotonic())
    loop = ProbeLoop(schedule, Broken(clock), clock, verdicts.append, concurrency=2)
    task = asyncio.create_task(loop.run())
    await clock.advance(20.0)
    assert verdicts == []
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_probe_that_turns_out_slow_gives_its_slot_to_the_next(clock: ManualClock) -> None:
    async with probing(clock, concurrency=8) as bench:
        for number in range(8):
            bench.prober.take((f"10.0.0.{number + 1}", 80), 1.5)
            bench.put(new(number))
        await clock.advance(0.05)
        for number in range(200, 230):
            bench.put(new(number))
        await clock.advance(0.04)
        assert bench.judged == set()
        await clock.advance(0.2)
        assert len(bench.judged) == 30
        await clock.advance(1.4)
        assert len(bench.judged) == 38


async def test_what_is_under_way_stays_bounded_however_many_are_slow(clock: ManualClock) -> None:
    async with probing(clock, concurrency=8) as bench:
        for number in range(200):
            bench.prober.take((f"10.0.0.{number + 1}", 80), 60.0)
            bench.put(new(number))
        await clock.advance(10.0)
        assert bench.prober.most_under_way <= 8 * SOCKETS_A_SLOT
        bench.put(new(249))
        await clock.advance(0.15)
        assert bench.judged == {"i249"}, "and the others are tried in time"
        await clock.advance(60.0)
        assert min(Counter(address for address, _ in bench.prober.tried).values()) > 1


async def test_silence_while_this_process_slept_is_no_evidence() -> None:
    """I23: SIGSTOP in the midst of a probe; what came meanwhile was heard by nobody."""
    clock = ManualClock()
    async with probing(clock) as bench:
        one = instance("i1", check=Check(CheckKind.TCP, 80, fall=1))
        target = (one.registration.addresses[0], 80)
        bench.prober.take(target, 9.0)
        bench.put(one)
        while not bench.prober.under_way:
            await clock.advance(0.1)
        clock.jump(600.0)
        await clock.advance(0.1)
        assert bench.verdicts == []
        await clock.advance(8.0)
        assert bench.judged == {"i1"}, "but silence that was listened to is"

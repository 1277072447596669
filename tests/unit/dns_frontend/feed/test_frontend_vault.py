"""Known goods on disk: three of them, each restorable by itself; and the record of our lives."""

from __future__ import annotations

from pathlib import Path

import pytest

from dns_frontend.feed.decode import published_of
from dns_frontend.feed.vault import KEPT, Vault
from dns_frontend.feed.warden import Warden
from dns_frontend.plan.cell import CellState, Refused, Snapshot
from dns_frontend.plan.digest import EntryTree
from dns_frontend.plan.entry import CellPosition
from dns_frontend.plan.guard import Finding, Limits, Rule
from dns_frontend.plan.probation import Pace, Record
from sheetanchor.v1 import instance_pb2, plan_pb2

LIMITS = Limits()


def snapshot(generation: int, cell: str = "east") -> Snapshot:
    """A generation whose content is its own."""
    body = plan_pb2.ServicePlan(
        namespace="shop",
        service="cart",
        revision=generation,
        endpoints=[
            plan_pb2.Endpoint(
                instance="one",
                uid=f"uid-{generation}",
                addresses=["10.0.0.1"],
                weight=1,
                health=instance_pb2.HEALTH_HEALTHY,
            )
        ],
    ).SerializeToString()
    tree = EntryTree().replace({"shop/cart": published_of("shop/cart", body, LIMITS)}, ())
    return Snapshot(CellPosition(cell, cell, 1, generation, tree.digest, 0), tree)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path, LIMITS)


def test_an_empty_vault_has_nothing_and_a_record_that_says_nothing(vault: Vault) -> None:
    """As on the first start."""
    assert vault.newest() == {}
    assert vault.read_record() == Record()


def test_the_newest_three_are_kept(vault: Vault) -> None:
    """Older ones go, after the newer one is durable."""
    for generation in range(1, 6):
        vault.keep(snapshot(generation))
    assert len(vault.paths("east")) == KEPT
    assert vault.newest()["east"].position.generation == 5


@pytest.mark.parametrize("damaged", [1, 2])
def test_each_is_restorable_when_newer_ones_are_damaged(vault: Vault, damaged: int) -> None:
    """A flipped bit in the newest files leaves the next older state (F14)."""
    for generation in (1, 2, 3):
        vault.keep(snapshot(generation))
    for path in vault.paths("east")[-damaged:]:
        octets = bytearray(path.read_bytes())
        octets[len(octets) // 2] ^= 1
        path.write_bytes(octets)
    assert vault.newest()["east"].position.generation == 3 - damaged


@pytest.mark.parametrize(
    "lives", [Record(True, False, 2, ("ab" * 32,)), Record(False, True, 0), Record()]
)
def test_the_record_survives(vault: Vault, lives: Record) -> None:
    """What was written is read."""
    vault.write_record(lives)
    assert vault.read_record() == lives


def test_a_damaged_record_says_nothing(vault: Vault, tmp_path: Path) -> None:
    """Garbage must not keep a frontend from starting."""
    vault.write_record(Record(True, False, 9))
    path = tmp_path / "probation"
    for size in range(path.stat().st_size):
        path.write_bytes(path.read_bytes()[:size])
        assert vault.read_record() == Record()
        vault.write_record(Record(True, False, 9))


class _Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_the_warden_keeps_what_we_outlive_and_nothing_that_is_in_doubt(vault: Vault) -> None:
    """A generation proves itself by its soak; a refused one stops the clock of none (I18)."""
    time, states = _Time(), [CellState("east", served=snapshot(1))]
    warden = Warden("f", vault, lambda: states, Pace(120, 600), clock=time)
    vault.write_record(Record(True))
    warden.begin(Record(True), {})
    await warden.look()
    time.now = 119.0
    await warden.look()
    assert vault.newest() == {}
    assert not vault.read_record().proven
    time.now = 120.0
    await warden.look()
    assert vault.newest()["east"].position.generation == 1
    assert vault.read_record() == Record(True, True)
    doubt = Refused(snapshot(3), Finding(Rule.CRASHED, "died"), 0.0)
    states[:] = [CellState("east", served=snapshot(2), refused=doubt)]
    for time.now in (800.0, 1000.0):
        await warden.look()
    assert vault.newest()["east"].position.generation == 1
    states[:] = [CellState("east", served=snapshot(3))]
    for time.now in (1001.0, 1121.0):
        await warden.look()
    assert [vault.newest()["east"].position.generation, len(vault.paths("east"))] == [3, 2]
    await warden.end()
    assert vault.read_record() == Record(False, True)


async def test_a_failing_disk_costs_a_known_good_and_no_more(vault: Vault, tmp_path: Path) -> None:
    """The warden goes on, and keeps the next one."""
    time, states = _Time(), [CellState("east", served=snapshot(1))]
    warden = Warden("f", vault, lambda: states, Pace(1, 10), clock=time)
    warden.begin(Record(True, True), {})
    (tmp_path / "good").write_text("in the way")
    for time.now in (0.0, 1.0):
        await warden.look()
    (tmp_path / "good").unlink()
    states[:] = [CellState("east", served=snapshot(2))]
    for time.now in (11.0, 12.0):
        await warden.look()
    assert vault.newest()["east"].position.generation == 2

"""The last known good on disk, damaged in every way that a disk and a crash know (F14)."""

from __future__ import annotations

import errno
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import pytest
from feed_samples import LIMITS, body, load, snapshot, wide, write

from dns_frontend.feed import lkg, record
from dns_frontend.feed.lkg import DirectoryInUseError, LastKnownGood, Recovered
from dns_frontend.feed.record import Damage
from dns_frontend.plan.cell import Snapshot

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody pulls the plug here: what a crash leaves is made by hand, cut or flipped."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def cell(directory: Path) -> Path:
    return directory / "cells" / "east"


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in cell(directory).iterdir())


def generation(recovered: Recovered) -> int:
    return recovered.snapshot.position.generation if recovered.snapshot else 0


def damages(recovered: Recovered) -> list[tuple[str, Damage]]:
    return [(finding.path.name, finding.damage) for finding in recovered.findings]


def flip(path: Path, at: int) -> None:
    octets = bytearray(path.read_bytes())
    octets[at] ^= 0x10
    path.write_bytes(octets)


def newer_schema(path: Path) -> None:
    octets = path.read_bytes()
    packed = octets[:10] + struct.pack(">H", record.SCHEMA_VERSION + 1)
    path.write_bytes(packed + struct.pack(">I", crc32(packed)) + octets[record.HEADER_OCTETS :])


def write_bases(directory: Path, count: int) -> int:
    """Generations enough for so many bases; returns the newest generation."""
    at = 0
    disk = LastKnownGood(directory, LIMITS)
    disk.open()
    while not (cell(directory) / f"{count:08d}.base").exists():
        at += 1
        disk.write(wide(at))
    for later in (at + 1, at + 2):
        disk.write(wide(later))
    disk.close()
    return at + 2


def test_what_was_written_is_read_in_the_next_life(tmp_path: Path) -> None:
    """Base and steps lead to the same content, and there is nothing to report."""
    written = [snapshot(1), snapshot(2), snapshot(5, bodies={"shop/till": body("till")})]
    write(tmp_path, written)
    assert files(tmp_path) == ["00000001.base", "00000001.journal"]
    recovered = load(tmp_path)
    assert recovered.snapshot is not None
    assert recovered.snapshot.position == written[-1].position
    assert list(recovered.snapshot.tree) == list(written[-1].tree)
    assert recovered.findings == []


def test_the_next_life_goes_on_in_the_same_journal(tmp_path: Path) -> None:
    """A restart alone costs no new base."""
    for at in range(1, 6):
        write(tmp_path, [snapshot(at)])
        assert generation(load(tmp_path)) == at
    assert files(tmp_path) == ["00000001.base", "00000001.journal"]


def test_what_is_held_is_read_in_the_next_life(tmp_path: Path) -> None:
    """Step by step: held, held otherwise, held on, and let go; the digest is never of these."""
    till, desk = {"shop/till": body("till")}, {"shop/desk": body("desk")}
    moved = {"shop/till": body("till", address="10.7.7.7")}
    for at, held in enumerate(({}, till, till | desk, till, moved, moved, {}), 1):
        write(tmp_path, [snapshot(at, held=held)])
        recovered = load(tmp_path)
        assert recovered.findings == []
        assert recovered.snapshot == replace(snapshot(at, held=held), tree=recovered.snapshot.tree)  # type: ignore[union-attr]  # fails as well
    assert files(tmp_path) == ["00000001.base", "00000001.journal"]


def test_what_is_held_is_in_a_base_as_well(tmp_path: Path) -> None:
    """So the file alone gives all that was answered; cut after its entries it is damaged."""
    held = {f"shop/s{number}": body(f"s{number}") for number in range(5)}
    write(tmp_path, [snapshot(1, held=held)])
    assert sorted(load(tmp_path).snapshot.held) == sorted(held)  # type: ignore[union-attr]  # fails as well
    base = cell(tmp_path) / "00000001.base"
    octets = base.read_bytes()
    *_, (_, rows), (kept, before), (end, _) = record.frames(octets)
    assert (dict(record.entries(kept)), end) == (held, b""), "what is held, and the end"
    for cut in (rows, before):
        base.write_bytes(octets[:cut])
        assert damages(load(tmp_path)) == [("00000001.base", Damage.TORN)]


def test_older_and_equal_generations_are_not_written(tmp_path: Path) -> None:
    """What is on disk never goes back (I1)."""
    write(tmp_path, [snapshot(3), snapshot(2), snapshot(3)])
    assert generation(load(tmp_path)) == 3
    assert (cell(tmp_path) / "00000001.journal").stat().st_size == record.HEADER_OCTETS


def test_three_bases_are_kept_with_their_journals(tmp_path: Path) -> None:
    """Older ones go when a newer one is durable."""
    newest = write_bases(tmp_path, 5)
    assert files(tmp_path) == [
        f"{number:08d}.{suffix}" for number in (3, 4, 5) for suffix in ("base", "journal")
    ]
    assert generation(load(tmp_path)) == newest


@pytest.mark.parametrize("damaged", [1, 2, 3])
@pytest.mark.parametrize(
    ("harm", "damage"),
    [
        (lambda path: path.write_bytes(b""), Damage.HEADER),
        (lambda path: flip(path, 5000), Damage.FRAME),
        (lambda path: path.write_bytes(path.read_bytes()[:5000]), Damage.TORN),
        (newer_schema, Damage.NEWER),
        (lambda path: path.unlink(), Damage.UNREADABLE),
        (lambda path: path.write_bytes(os.urandom(5000)), Damage.HEADER),
    ],
    ids=["empty", "flipped", "truncated", "newer", "missing", "garbage"],
)
def test_a_damaged_base_costs_nothing_while_an_older_one_is_good(
    tmp_path: Path, damaged: int, harm: Callable[[Path], object], damage: Damage
) -> None:
    """The older base and all journals since lead to the same generation; it is told which."""
    newest = write_bases(tmp_path, 4)
    for number in range(4, 4 - damaged, -1):
        harm(cell(tmp_path) / f"{number:08d}.base")
    recovered = load(tmp_path)
    told = [(f"{number:08d}.base", damage) for number in range(4, 4 - damaged, -1)]
    assert damages(recovered) == told
    if damaged == 3:
        assert recovered.snapshot is None
        return
    assert generation(recovered) == newest
    assert recovered.source == cell(tmp_path) / f"{4 - damaged:08d}.base"


def test_after_damage_a_new_base_is_written_beside_and_read_again(tmp_path: Path) -> None:
    """What is damaged is never built upon, and never written over."""
    newest = write_bases(tmp_path, 2)
    flip(cell(tmp_path) / "00000002.base", 5000)
    harmed = (cell(tmp_path) / "00000002.base").read_bytes()
    write(tmp_path, [wide(newest + 1)])
    assert (cell(tmp_path) / "00000002.base").read_bytes() == harmed
    recovered = load(tmp_path)
    assert (generation(recovered), damages(recovered)) == (newest + 1, [])
    assert recovered.source == cell(tmp_path) / "00000003.base"


def test_a_missing_base_does_not_have_the_next_steps_lost(tmp_path: Path) -> None:
    """Its journal is there still: nothing may be appended to an older one."""
    newest = write_bases(tmp_path, 2)
    (cell(tmp_path) / "00000002.base").unlink()
    write(tmp_path, [wide(newest + 1)])
    write(tmp_path, [wide(newest + 2)])
    assert generation(load(tmp_path)) == newest + 2


def test_a_journal_cut_at_any_octet_leads_to_the_last_whole_step(tmp_path: Path) -> None:
    """A write under way at a crash; nothing was served from it, so nothing is reported."""
    write(tmp_path, [snapshot(1)])
    path = cell(tmp_path) / "00000001.journal"
    ends = {path.stat().st_size: 1}
    for at in (2, 3):
        write(tmp_path, [snapshot(at)])
        ends[path.stat().st_size] = at
    whole = path.read_bytes()
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        recovered = load(tmp_path)
        assert generation(recovered) == max((g for e, g in ends.items() if e <= size), default=1)
        assert recovered.findings == [], size
        # and it is gone on with: the tear is cut off
        write(tmp_path, [snapshot(9)])
        assert (generation(load(tmp_path)), load(tmp_path).findings) == (9, [])
        assert files(tmp_path) == ["00000001.base", "00000001.journal"]


def test_a_flipped_bit_in_a_journal_ends_it_there_and_is_reported(tmp_path: Path) -> None:
    """The steps before it are good (I6)."""
    write(tmp_path, [snapshot(1), snapshot(2)])
    path = cell(tmp_path) / "00000001.journal"
    good = path.stat().st_size
    write(tmp_path, [snapshot(3), snapshot(4)])
    flip(path, good + 30)
    recovered = load(tmp_path)
    assert (generation(recovered), damages(recovered)) == (2, [(path.name, Damage.FRAME)])


def test_a_gap_between_steps_is_no_way_on(tmp_path: Path) -> None:
    """A step is taken only onto its own parent."""
    write(tmp_path, [snapshot(1), snapshot(2)])
    path = cell(tmp_path) / "00000001.journal"
    first = path.read_bytes()
    write(tmp_path, [snapshot(3)])
    second = path.read_bytes()[len(first) :]
    path.write_bytes(record.header(record.Kind.JOURNAL) + second)
    recovered = load(tmp_path)
    assert (generation(recovered), damages(recovered)) == (1, [(path.name, Damage.CHAIN)])


@pytest.mark.parametrize(
    "wrong",
    [
        {"digest": bytes(32)},
        {"cell": "west"},
    ],
)
def test_content_must_be_what_its_position_says(tmp_path: Path, wrong: dict[str, object]) -> None:
    """Right checksums do not help a content of another digest, or cell (I6)."""
    good = snapshot(1)
    write(tmp_path, [good])
    bad = Snapshot(replace(good.position, **wrong), good.tree)  # type: ignore[arg-type]  # parametrized
    lkg.write_snapshot(cell(tmp_path) / "00000002.base", bad)
    recovered = load(tmp_path)
    assert (generation(recovered), damages(recovered)) == (1, [("00000002.base", Damage.CONTENT)])


def test_an_entry_that_cannot_be_read_is_damage(tmp_path: Path) -> None:
    """Though its checksum and the digest over it are right."""
    write(tmp_path, [snapshot(1)])
    bad = snapshot(2, bodies={"shop/cart": b"\xff\xff"})
    lkg.write_snapshot(cell(tmp_path) / "00000002.base", bad)
    recovered = load(tmp_path)
    assert (generation(recovered), damages(recovered)) == (1, [("00000002.base", Damage.CONTENT)])


def test_damage_to_one_cell_is_no_other_cells(tmp_path: Path) -> None:
    """Each is read by itself (I20); what is no cell at all is passed over."""
    write(tmp_path, [snapshot(1), snapshot(7, cell="west")])
    (tmp_path / "cells" / "notes.txt").write_text("hello")
    (tmp_path / "cells" / "east" / "00000001.base").write_bytes(b"")
    disk = LastKnownGood(tmp_path, LIMITS)
    disk.open()
    found = {each.cell: each for each in disk.load() if each is not None}
    disk.close()
    assert generation(found["west"]) == 7
    assert (generation(found["east"]), len(found["east"].findings)) == (0, 1)


def test_a_directory_that_cannot_be_listed_is_its_own_cells_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And when it can be again, nothing in it is written over."""
    write(tmp_path, [snapshot(1), snapshot(7, cell="west")])
    held = (cell(tmp_path) / "00000001.base").read_bytes()
    true_numbers = lkg.numbers

    def fails(directory: Path, suffix: str) -> list[int]:
        if directory.name == "east":
            raise OSError(errno.EIO, "Input/output error")
        return true_numbers(directory, suffix)

    disk = LastKnownGood(tmp_path, LIMITS)
    disk.open()
    with monkeypatch.context() as patched:
        patched.setattr(lkg, "numbers", fails)
        found = {each.cell: each for each in disk.load() if each is not None}
        with pytest.raises(OSError, match="output error"):
            disk.write(snapshot(2))
    assert generation(found["west"]) == 7
    assert damages(found["east"]) == [("east", Damage.UNREADABLE)]
    disk.write(snapshot(3))
    disk.close()
    assert (cell(tmp_path) / "00000001.base").read_bytes() == held
    assert "00000002.base" in files(tmp_path)


# --- Writing that fails ------------------------------------------------------------------


@pytest.mark.parametrize("room", [0, 1, 9, 100])
def test_a_disk_that_fills_up_within_a_step_leaves_the_old_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """Part of a frame is cut off again, so that the next step is read when there is room (F9)."""
    disk = LastKnownGood(tmp_path, LIMITS)
    disk.open()
    disk.write(snapshot(1))
    true_write = os.write

    def full(descriptor: int, octets: bytes) -> int:
        nonlocal room
        if room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = true_write(descriptor, bytes(octets[:room]))
        room -= written
        return written

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            disk.write(snapshot(2))
    disk.close()
    assert (generation(load(tmp_path)), load(tmp_path).findings) == (1, [])
    write(tmp_path, [snapshot(3)])
    assert (generation(load(tmp_path)), load(tmp_path).findings) == (3, [])


def test_a_failed_step_is_written_when_there_is_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the same life, with what came since."""
    disk = LastKnownGood(tmp_path, LIMITS)
    disk.open()
    disk.write(snapshot(1))

    def fails(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fails)
        with pytest.raises(OSError, match="output error"):
            disk.write(snapshot(2))
    disk.write(snapshot(4))
    disk.close()
    assert (generation(load(tmp_path)), load(tmp_path).findings) == (4, [])


def test_a_base_that_cannot_be_written_leaves_steps_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step is durable before its base is begun."""
    disk = LastKnownGood(tmp_path, LIMITS)
    disk.open()
    disk.write(wide(1))
    at = 1

    def fails(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fails)
        while (cell(tmp_path) / "00000001.journal").stat().st_size <= 64 * 1024:
            at += 1
            disk.write(wide(at))
        at += 1
        with pytest.raises(OSError, match="No space"):
            disk.write(wide(at))
    disk.write(wide(at))  # as is tried again: it is there already
    disk.close()
    assert files(tmp_path) == ["00000001.base", "00000001.journal"]
    assert (generation(load(tmp_path)), load(tmp_path).findings) == (at, [])


def test_a_base_without_a_journal_is_not_written_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try would fill the disk further."""
    disk = LastKnownGood(tmp_path, LIMITS)
    disk.open()

    def fails(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(lkg, "_open_journal", fails)
        with pytest.raises(OSError, match="No space"):
            disk.write(snapshot(1))
        disk.write(snapshot(1))
    assert files(tmp_path) == ["00000001.base"]
    disk.write(snapshot(2))
    disk.write(snapshot(3))
    disk.close()
    assert generation(load(tmp_path)) == 3


# --- The lock ----------------------------------------------------------------------------


def test_a_directory_has_one_frontend(tmp_path: Path) -> None:
    """In this process or another; the lock goes with its holder."""
    disk, second = LastKnownGood(tmp_path, LIMITS), LastKnownGood(tmp_path, LIMITS)
    disk.open()
    with pytest.raises(DirectoryInUseError, match="in use by another frontend"):
        second.open()
    second.close()
    disk.close()
    disk.close()
    second.open()
    second.close()


def test_the_lock_of_another_process_counts_until_it_dies(tmp_path: Path) -> None:
    """Also when it is killed and cleans up nothing."""
    code = (
        "import sys, pathlib\n"
        "from dns_frontend.feed.lkg import LastKnownGood\n"
        "from dns_frontend.plan.guard import Limits\n"
        "disk = LastKnownGood(pathlib.Path(sys.argv[1]), Limits())\n"
        "disk.open(); print('held', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            with pytest.raises(DirectoryInUseError):
                LastKnownGood(tmp_path, LIMITS).open()
        finally:
            holder.kill()
    disk = LastKnownGood(tmp_path, LIMITS)
    disk.open()
    disk.close()


def test_a_disk_that_was_made_read_only_is_read_and_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a system does with one that fails; a frontend that starts then has its last known good."""
    write(tmp_path, [snapshot(1), snapshot(2)])
    really = os.open

    def refuse(path: Path, flags: int, *more: int, **named: int) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return really(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", refuse)
    disk, second = LastKnownGood(tmp_path, LIMITS), LastKnownGood(tmp_path, LIMITS)
    disk.open()
    (recovered,) = filter(None, disk.load())
    assert generation(recovered) == 2
    with pytest.raises(DirectoryInUseError):
        second.open()
    with pytest.raises(OSError, match="Read-only file system"):
        disk.write(snapshot(3))
    disk.close()
    with pytest.raises(OSError, match="Read-only file system"):
        LastKnownGood(tmp_path / "new", LIMITS).open()


# --- Standings ---------------------------------------------------------------------------


def test_standings_cut_or_flipped_anywhere_are_reported_and_empty(tmp_path: Path) -> None:
    """Every service is judged anew then; none is wrongly thought away from home."""
    disk = LastKnownGood(tmp_path, LIMITS)
    disk.open()
    assert disk.read_standings() == ({}, None)
    kept = {"shop/cart": {"a": 1}}
    disk.write_standings(kept)
    assert disk.read_standings() == (kept, None)
    path = tmp_path / "standings"
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        standings, finding = disk.read_standings()
        assert standings == {}
        assert finding is not None, size
        path.write_bytes(whole)
        flip(path, size)
        standings, finding = disk.read_standings()
        assert standings == {}
        assert finding is not None, size
    disk.close()

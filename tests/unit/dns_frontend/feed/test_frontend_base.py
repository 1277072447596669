"""A base in octets: found without reading it, verified before it is used, refused when damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import schema_1
from feed_samples import LIMITS, body, snapshot, wide
from hypothesis import given
from hypothesis import strategies as st

from dns_frontend.feed import base, record
from dns_frontend.feed.record import Damage, DamagedError
from dns_frontend.feed.snapshot_file import read_snapshot, write_snapshot
from dns_frontend.plan.cell import Snapshot
from dns_frontend.plan.digest import EntryTree, Published, Totals
from dns_frontend.plan.entry import CellPosition, ServiceEntry, ServiceKey

KEYS = st.builds(lambda a, b: f"{a}/{b}", st.sampled_from("xyz"), st.text(max_size=8))
CONTENT = st.dictionaries(KEYS, st.binary(max_size=60), max_size=40)


def read(key: str, octets: bytes) -> Published:
    """Any octets are an entry here; those that begin with a zero are of a deleted service."""
    namespace, _, service = key.partition("/")
    tombstoned = octets.startswith(b"\0")
    entry = ServiceEntry(ServiceKey(namespace, service), None, (), False, tombstoned, 1)
    return Published(octets, entry)


def grown(content: dict[str, bytes]) -> Snapshot:
    tree = EntryTree().replace({key: read(key, octets) for key, octets in content.items()}, ())
    return Snapshot(CellPosition("east", "eu", 3, 17, tree.digest, 1_700_000_000_000), tree)


def octets_of(given: Snapshot) -> bytes:
    return b"".join(base.encode(given))


def refused(data: bytes) -> Damage | None:
    """What is wrong with octets, looking at all of them; None: nothing."""
    try:
        if record.check_header(data, record.Kind.BASE) != base.SCHEMA:
            list(record.read_base(data)[1])
        else:
            base.verify(base.decode(data, read).tree)
    except DamagedError as error:
        return error.damage
    return None


@given(CONTENT)
def test_what_was_laid_out_is_found_again(content: dict[str, bytes]) -> None:
    """Each entry, what is counted, and nothing else."""
    given = grown(content)
    found = base.decode(octets_of(given), read)
    assert found.position == given.position
    assert (found.tree.digest, found.tree.totals) == (given.tree.digest, given.tree.totals)
    assert found.tree.namespaces == given.tree.namespaces
    assert list(found.tree) == list(given.tree)
    assert {key: each.body for key, each in found.tree} == content
    for key, octets in content.items():
        assert found.tree.get(key) == read(key, octets)
        assert found.tree.get(key + "-") is None or key + "-" in content


@given(CONTENT, CONTENT, st.lists(KEYS, max_size=5))
def test_steps_on_octets_are_as_steps_on_objects(
    before: dict[str, bytes], changed: dict[str, bytes], removed: list[str]
) -> None:
    """And what they lead to is laid out as if it had been made at once."""
    taken = [*removed, *list(before)[::7]]
    laid, made = base.decode(octets_of(grown(before)), read).tree, grown(before).tree
    news = {key: read(key, octets) for key, octets in changed.items()}
    for _ in range(2):
        laid, made = laid.replace(news, taken), made.replace(news, taken)
        assert (laid.digest, laid.totals, laid.namespaces) == (
            made.digest,
            made.totals,
            made.namespaces,
        )
        assert list(laid) == list(made)
        news, taken = {}, list(before)[1::5]
    position = CellPosition("east", "eu", 3, 18, laid.digest, 1_700_000_000_000)
    assert octets_of(Snapshot(position, laid)) == octets_of(Snapshot(position, made))
    fresh = base.decode(octets_of(grown(before)), read).tree
    assert fresh.difference(laid) == grown(before).tree.difference(made)
    assert laid.moved(fresh).digest == laid.digest


def test_octets_cut_anywhere_are_no_base() -> None:
    """Each prefix lacks something, and it is said what (F14)."""
    data = octets_of(snapshot(1))
    for size in range(len(data)):
        expected = Damage.HEADER if size < record.HEADER_OCTETS else Damage.TORN
        assert refused(data[:size]) is expected, size
    assert refused(data) is None


def test_a_flipped_bit_anywhere_is_found() -> None:
    """Checksums cover headers, lengths and payloads (F14)."""
    data = octets_of(grown({"x/a": b"one", "x/b": b"two"}))
    for at in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[at] ^= 1 << bit
            assert refused(bytes(flipped)) is not None, (at, bit)


@given(st.dictionaries(KEYS, st.binary(max_size=20), min_size=1, max_size=12), st.data())
def test_damage_under_right_checksums_is_never_served(
    content: dict[str, bytes], data: st.DataObject
) -> None:
    """Whatever the octets of a row are made to say: found at once, or before it is used (I6)."""
    whole = octets_of(grown(content))
    payloads = [whole[begin:end] for begin, end in record.spans(whole)]
    rows = [number for number, payload in enumerate(payloads) if number and payload]
    number = data.draw(st.sampled_from(rows))
    harmed = bytearray(payloads[number])
    for _ in range(data.draw(st.integers(1, 4))):
        match data.draw(st.sampled_from(["set", "cut", "more"])):
            case "set" if harmed:
                harmed[data.draw(st.integers(0, len(harmed) - 1))] = data.draw(st.integers(0, 255))
            case "cut":
                del harmed[data.draw(st.integers(0, len(harmed))) :]
            case _:
                harmed += data.draw(st.binary(min_size=1, max_size=8))
    payloads[number] = bytes(harmed)
    head = record.header(record.Kind.BASE, base.SCHEMA)
    octets = head + b"".join(map(record.frame, payloads))
    try:
        tree = base.decode(octets, read).tree
    except DamagedError:
        return
    for key, body_of in content.items():
        try:
            found = tree.get(key)
        except DamagedError:
            continue
        assert found is None or found.body == body_of
    if refused(octets) is None:
        assert {key: each.body for key, each in tree} == content


@given(st.binary(max_size=300))
def test_any_octets_are_read_or_refused(garbage: bytes) -> None:
    """Nothing else is raised, also behind a right header."""
    refused(garbage)
    refused(record.header(record.Kind.BASE, base.SCHEMA) + garbage)
    refused(record.header(record.Kind.BASE, base.SCHEMA) + record.frame(garbage))


@pytest.mark.parametrize(
    "change",
    [
        lambda frames: frames[:-1],
        lambda frames: [*frames[:-1], b"more", b""],
        lambda frames: [frames[0], *frames[2:]],
        lambda frames: [*frames[:-2], b"\0\7nonsense", b""],
        lambda frames: [frames[0], *frames[:0:-1]],
        lambda frames: [frames[0].replace(b"totals", b"totale"), *frames[1:]],
        lambda frames: [frames[0].replace(b"east", b"e\xffst"), *frames[1:]],
    ],
    ids=[
        "no end",
        "a row more",
        "a row less",
        "held nonsense",
        "rows exchanged",
        "no totals",
        "no text",
    ],
)
def test_frames_that_are_not_those_of_a_base_are_refused(
    change: Callable[[list[bytes]], list[bytes]],
) -> None:
    data = octets_of(wide(1))
    frames = change([data[begin:end] for begin, end in record.spans(data)])
    head = record.header(record.Kind.BASE, base.SCHEMA)
    assert refused(head + b"".join(map(record.frame, frames))) is not None


def test_a_base_of_an_earlier_release_is_read(tmp_path: Path) -> None:
    """An upgrade loses nothing; what is written next is of the new kind."""
    kept = body("gone")
    old = snapshot(3, held={"shop/gone": kept})
    path = tmp_path / "old.base"
    entries = [(key, each.body) for key, each in old.tree]
    path.write_bytes(schema_1.base(old.position, entries, [("shop/gone", kept)]))
    found = read_snapshot(path, "east", LIMITS)
    assert (found.position, list(found.tree)) == (old.position, list(old.tree))
    assert found.held == old.held
    write_snapshot(tmp_path / "new.base", found)
    again = read_snapshot(tmp_path / "new.base", "east", LIMITS)
    assert (list(again.tree), again.held) == (list(old.tree), old.held)
    assert record.check_header((tmp_path / "new.base").read_bytes(), record.Kind.BASE) == 2


def test_entries_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    """So that a base which has any is refused without reading all the others."""
    tree = EntryTree().replace({"x/a": Published(b"?", None), "x/b": read("x/b", b"")}, ())
    assert tree.totals == Totals(services=2, octets=1, live=1, senseless=1)
    assert tree.replace({"x/a": read("x/a", b"")}, ()).totals.senseless == 0
    bad = Snapshot(CellPosition("east", "eu", 1, 1, tree.digest, 0), tree)
    write_snapshot(tmp_path / "bad.base", bad)
    with pytest.raises(DamagedError, match="1 entries cannot be read"):
        read_snapshot(tmp_path / "bad.base", "", LIMITS)


def test_a_tree_in_octets_keeps_octets() -> None:
    """What is put in later is not held as objects either, which take ten times the room."""
    laid = base.decode(octets_of(grown({"x/a": b"one"})), read).tree
    entry = read("x/b", body())
    (leaf,) = (each for each in laid.replace({"x/b": entry}, ()).leaves() if each.key == "x/b")
    assert leaf.published == entry
    assert leaf.published is not entry


def test_what_a_newer_guard_finds_is_found_in_a_base_of_an_older_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Entries are looked at once by each edition of the guard; its own it need not look at."""
    given = grown({"x/a": b"one", "x/b": b"two"})

    def strict(key: str, octets: bytes) -> Published:
        return read(key, octets)._replace(fault="no" if key == "x/b" else "")

    monkeypatch.setattr(base, "edition", lambda: "older")
    data = octets_of(given)
    assert base.decode(data, strict).tree.faulty == frozenset()
    monkeypatch.setattr(base, "edition", lambda: "newer")
    found = base.decode(data, strict)
    assert found.tree.faulty == {"x/b"}
    assert base.decode(octets_of(found), read).tree.faulty == {"x/b"}
    assert found.tree.replace({"x/b": read("x/b", b"")}, ()).faulty == frozenset()

"""The frontend's hash tree is the contract's, and costs what changed."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import pytest
from cell_samples import entry, published
from hypothesis import given, settings
from hypothesis import strategies as st

from dns_frontend.plan.digest import EntryTree, Published, Totals, TreeBuilder
from dns_frontend.plan.entry import Health
from dns_frontend.plan.row import paired, repaired


def written_out(entries: Mapping[str, bytes]) -> bytes:
    """The digest as message Plan says it, all at once and without a thought for speed."""
    rows: dict[int, dict[int, list[bytes]]] = {}
    for key in sorted(entries, key=lambda key: key.encode()):
        name = key.encode()
        place = sha256(name).digest()
        leaf = sha256(b"\x00" + name + b"\x00" + entries[key]).digest()
        rows.setdefault(place[0], {}).setdefault(place[1], []).append(leaf)
    whole = b"\x03"
    for first in sorted(rows):
        row = b"\x02"
        for second in sorted(rows[first]):
            row += bytes([second]) + sha256(b"\x01" + b"".join(rows[first][second])).digest()
        whole += bytes([first]) + sha256(row).digest()
    return sha256(whole).digest()


def bare(entries: Mapping[str, bytes]) -> dict[str, Published]:
    return {key: Published(body, None) for key, body in entries.items()}


def built(entries: Mapping[str, bytes]) -> EntryTree:
    builder = TreeBuilder()
    for key, item in bare(entries).items():
        builder.add(key, item)
    *_, tree = builder.build()
    assert tree is not None
    return tree


def crowd(count: int) -> dict[str, bytes]:
    return {f"space/service-{n}": f"body {n}".encode() for n in range(count)}


@pytest.mark.parametrize("count", [0, 1, 2, 300, 3000])
def test_digest_is_the_contracts(count: int) -> None:
    """Whole or in steps, the tree has the digest that message Plan describes."""
    entries = crowd(count)
    assert built(entries).digest == written_out(entries)
    assert EntryTree().replace(bare(entries), ()).digest == written_out(entries)


def test_entries_of_one_bucket_are_in_order_of_their_keys() -> None:
    """Keys that share a bucket are hashed in the order of their octets, however they came."""
    wanted = sha256(b"k/a0").digest()[:2]
    found = ["k/a0"]
    number = 0
    while len(found) < 3:
        number += 1
        if sha256(f"k/b{number}".encode()).digest()[:2] == wanted:
            found.append(f"k/b{number}")
    entries = dict.fromkeys(found, b"x")
    backwards = EntryTree()
    for key in reversed(found):
        backwards = backwards.replace(bare({key: b"x"}), ())
    assert backwards.digest == written_out(entries)
    assert all(backwards.get(key) is not None for key in found)


steps = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from([f"a/s{n}" for n in range(12)]), st.binary(max_size=4)),
        st.sets(st.sampled_from([f"a/s{n}" for n in range(12)])),
    ),
    max_size=8,
)


@given(steps)
@settings(max_examples=60, deadline=None)
def test_any_history_ends_in_the_digest_of_what_is_left(
    history: list[tuple[dict[str, bytes], set[str]]],
) -> None:
    """After any steps the tree is that of its content, and the older ones are untouched."""
    tree, model = EntryTree(), dict[str, bytes]()
    for changed, removed in history:
        before, kept = tree, dict(model)
        gone = removed - changed.keys()
        tree = tree.replace(bare(changed), gone)
        model = {k: v for k, v in (model | changed).items() if k not in gone}
        assert tree.digest == written_out(model)
        assert {k: v.body for k, v in tree} == model
        assert len(tree) == len(model)
        assert before.digest == written_out(kept)
        difference = before.difference(tree)
        assert before.replace(difference.changed, difference.removed).digest == tree.digest
        assert {k: v.body for k, v in difference.changed.items()} == {
            k: v for k, v in model.items() if kept.get(k) != v
        }
        assert list(difference.removed) == sorted(kept.keys() - model.keys())


def test_a_change_shares_all_that_it_does_not_touch() -> None:
    """One changed entry makes one new row of 256: cost follows the change, not the cell."""
    tree = built(crowd(2000))
    newer = tree.replace(bare({"space/service-7": b"new"}), ())
    shared = sum(a is b for a, b in zip(tree.rows, newer.rows, strict=True))
    assert shared == 255


def test_a_step_of_a_tree_lets_others_go_between_its_parts() -> None:
    """Twice a row that it changes, and once before all of it is hashed."""
    tree = built(crowd(2000))
    changed = bare({f"space/service-{n}": b"new" for n in range(10)})
    calls: list[str] = []
    newer = tree.replace(changed, (), lambda: calls.append("between"))
    rows = sum(a is not b for a, b in zip(tree.rows, newer.rows, strict=True))
    assert rows > 1
    assert len(calls) == 2 * rows + 1
    assert newer.digest == tree.replace(changed, ()).digest


def test_totals_follow_changes() -> None:
    """Services, endpoints, octets and live services are counted as entries come and go."""
    one = published(entry("a/b", Health.HEALTHY, Health.UNKNOWN))
    gone = published(entry("a/c", tombstoned=True))
    tree = EntryTree().replace({"a/b": one, "a/c": gone}, ())
    assert tree.totals == Totals(2, 2, len(one.body) + len(gone.body), 1)
    assert tree.replace({}, ["a/b", "a/nothing"]).totals == Totals(1, 0, len(gone.body), 0)


def test_a_key_twice_in_a_base_is_an_error() -> None:
    """A whole generation names each entry once."""
    builder = TreeBuilder()
    builder.add("a/b", Published(b"", None))
    with pytest.raises(ValueError, match="a/b"):
        builder.add("a/b", Published(b"", None))


@given(
    before=st.dictionaries(st.integers(0, 255), st.binary(min_size=32, max_size=32), max_size=8),
    index=st.integers(0, 255),
    hash_=st.one_of(st.just(b""), st.binary(min_size=32, max_size=32)),
)
def test_one_hash_in_a_row_of_pairs_is_replaced_put_in_or_left_out(
    before: dict[int, bytes], index: int, hash_: bytes
) -> None:
    """As if all pairs were made anew."""
    after = {**before, index: hash_} if hash_ else {k: v for k, v in before.items() if k != index}
    wanted = paired({each: after[each] for each in sorted(after)})
    assert repaired(paired({k: before[k] for k in sorted(before)}), index, hash_) == wanted

"""The digest of a plan."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st

from registry.domain.digest import DigestTree

KEYS = st.sampled_from([f"shop/s{number}" for number in range(40)])
STEP = st.tuples(
    st.dictionaries(KEYS, st.binary(max_size=3), max_size=8), st.sets(KEYS, max_size=4)
)


def digest_by_the_contract(entries: dict[str, bytes]) -> bytes:
    """As the comment at message Plan has it, word by word and without any shortcut."""
    hashes = {key: sha256(key.encode()).digest() for key in entries}
    top = b"\x03"
    for first in range(256):
        row = b"\x02"
        for second in range(256):
            keys = sorted(key for key, h in hashes.items() if (h[0], h[1]) == (first, second))
            if keys:
                leaves = b"".join(
                    sha256(b"\x00" + key.encode() + b"\x00" + entries[key]).digest() for key in keys
                )
                row += bytes([second]) + sha256(b"\x01" + leaves).digest()
        if row != b"\x02":
            top += bytes([first]) + sha256(row).digest()
    return sha256(top).digest()


def keys_of_one_bucket() -> list[str]:
    """Two keys whose hashes begin with the same two octets."""
    seen: dict[bytes, str] = {}
    number = 0
    while True:
        key = f"shop/k{number}"
        other = seen.setdefault(sha256(key.encode()).digest()[:2], key)
        if other != key:
            return [other, key]
        number += 1


def test_an_empty_plan_has_a_digest() -> None:
    assert DigestTree().value == digest_by_the_contract({}) == sha256(b"\x03").digest()


def test_entries_of_one_bucket_and_of_one_row_are_told_apart() -> None:
    first, second = keys_of_one_bucket()
    entries = {second: b"2", first: b"1", "shop/other": b"3"}
    assert DigestTree(entries).value == digest_by_the_contract(entries)
    assert (
        DigestTree({first: b"2", second: b"1"}).value
        != DigestTree({first: b"1", second: b"2"}).value
    )


def test_the_order_of_entries_does_not_matter() -> None:
    entries = {f"shop/s{number}": bytes([number]) for number in range(100)}
    assert DigestTree(entries).value == DigestTree(dict(reversed(entries.items()))).value


def test_a_key_runs_into_its_body_nowhere() -> None:
    assert DigestTree({"shop/a": b"b"}).value != DigestTree({"shop/ab": b""}).value


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=6))
def test_a_digest_kept_up_step_by_step_is_the_digest_from_scratch(
    steps: list[tuple[dict[str, bytes], set[str]]],
) -> None:
    tree, entries = DigestTree(), dict[str, bytes]()
    for changed, removed in steps:
        tree.commit(tree.stage(changed, removed))
        entries |= changed
        for key in removed:
            entries.pop(key, None)
        assert tree.value == DigestTree(entries).value
    assert tree.value == digest_by_the_contract(entries)


def test_a_step_that_is_not_taken_on_leaves_no_trace() -> None:
    tree = DigestTree({"shop/a": b"1"})
    before = tree.value
    staged = tree.stage({"shop/a": b"2", "shop/b": b"3"}, ["shop/c"])
    assert staged.value != before
    assert tree.value == before
    assert tree.stage({}, ()).value == before


def test_removing_the_last_entry_leads_back_to_the_empty_digest() -> None:
    tree = DigestTree({"shop/a": b"1"})
    tree.commit(tree.stage({}, ["shop/a"]))
    assert tree.value == DigestTree().value

"""Plan entries and deltas survive their blobs; damage is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.adapters.store.blob import (
    BlobCorrupt,
    decode_delta,
    decode_entries,
    encode_delta,
    encode_entries,
)
from registry.domain.plan import PlanDelta

ENTRIES = st.dictionaries(st.text(max_size=20), st.binary(max_size=40), max_size=6)
KEYS = st.sets(st.text(max_size=20), max_size=4)


@given(ENTRIES, KEYS)
def test_a_blob_gives_back_what_was_put_in(changed: dict[str, bytes], removed: set[str]) -> None:
    """Any keys and bodies, empty ones too."""
    assert decode_entries(encode_entries(changed)) == changed
    back = decode_delta(encode_delta(PlanDelta(changed, tuple(removed))))
    assert back.changed == changed
    assert set(back.removed) == removed


@given(ENTRIES)
def test_the_same_content_gives_the_same_octets(entries: dict[str, bytes]) -> None:
    """Whatever the order in which it was gathered."""
    backwards = dict(reversed(entries.items()))
    assert encode_entries(backwards) == encode_entries(entries)


def test_a_blob_cut_short_or_too_long_is_damage() -> None:
    """At every octet."""
    blob = encode_delta(PlanDelta({"p/a": b"body", "p/b": b""}, ("p/c",)))
    for length in range(len(blob)):
        with pytest.raises(BlobCorrupt):
            decode_delta(blob[:length])
    with pytest.raises(BlobCorrupt):
        decode_delta(blob + b"x")
    with pytest.raises(BlobCorrupt):
        decode_entries(encode_entries({"p/a": b"body"}) + b"x")

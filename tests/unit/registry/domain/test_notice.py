"""Notices travel as text, and what is no notice of this version is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.notice import LONGEST, Notice, Topic, parse_notice


@given(st.sampled_from(Topic), st.text(max_size=63), st.integers(0, 2**63))
def test_what_is_sent_is_what_is_heard(topic: Topic, scope: str, number: int) -> None:
    notice = Notice(topic, scope, number)
    assert parse_notice(str(notice)) == notice


@pytest.mark.parametrize(
    "text",
    [
        "",
        "history",
        "history  ",
        "history -1 ",
        "history 1.5 ",
        "history \u0663 ",
        "HISTORY 1 ",
        "election 1 east",
        "head east 7",
        f"head 1 {'e' * LONGEST}",
    ],
)
def test_anything_else_is_no_notice(text: str) -> None:
    """Another version's, another program's, or a forger's: it wakes nobody."""
    assert parse_notice(text) is None


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    found = parse_notice(text)
    assert found is None or found.number >= 0


def test_a_notice_is_never_longer_than_a_payload_may_be() -> None:
    """PostgreSQL takes 8,000 octets; characters have four at most."""
    assert len(str(Notice(Topic.FREEZE, "\N{SAILBOAT}" * 10_000)).encode()) < 8_000

"""For how long deeds are kept, and whose they are."""

from __future__ import annotations

import pytest

from registry.domain.audit import KEEP_SECONDS, oldest_kept_ms, told_uid
from registry.domain.names import FrontendId

KEEP_MS = round(KEEP_SECONDS * 1000)
NOW_MS = 2 * KEEP_MS


@pytest.mark.parametrize(
    ("crowded_ms", "oldest_ms"),
    [
        (None, NOW_MS - KEEP_MS),
        (NOW_MS - KEEP_MS - 1, NOW_MS - KEEP_MS),
        (NOW_MS - 5, NOW_MS - 5),
    ],
)
def test_every_row_of_the_table(crowded_ms: int | None, oldest_ms: int) -> None:
    """By age, or by number where that is stricter."""
    assert oldest_kept_ms(NOW_MS, crowded_ms) == oldest_ms


def test_a_frontend_cannot_take_the_uid_of_anothers_deed() -> None:
    """Nor by where one text ends and the other begins."""
    uids = {told_uid(FrontendId(f), act) for f, act in (("a", "1"), ("b", "1"), ("a", "11"))}
    uids.add(told_uid(FrontendId("a1"), "1"))
    assert len(uids) == 4
    assert told_uid(FrontendId("a"), "1") in uids

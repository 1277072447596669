"""When rows outlive their use: every row of the tables."""

from __future__ import annotations

import pytest

from registry.domain.names import NamespaceId, Revision, ServiceId, ServiceKey
from registry.domain.remnant import Buried, Memory, frontend_is_gone, service_is_forgotten

KEY = ServiceKey(NamespaceId("shop"), ServiceId("web"))
DELETED_AT, DELETED_MS = Revision(50), 1_000_000


@pytest.mark.parametrize(("seen_ms", "gone"), [(999, True), (1000, False), (1001, False)])
def test_a_frontend_is_forgotten_when_it_is_not_expected_back(seen_ms: int, gone: bool) -> None:
    assert frontend_is_gone(seen_ms, silent_ms=1000) is gone


@pytest.mark.parametrize(
    ("young_ms", "is_answered", "oldest", "rolled_back", "forgotten"),
    [
        (DELETED_MS - 1, False, 50, False, False),
        (DELETED_MS, True, 50, False, False),
        (DELETED_MS, False, 49, False, False),
        (DELETED_MS, False, None, False, False),
        (DELETED_MS, False, 99, True, False),
        (DELETED_MS, False, 50, False, True),
        (DELETED_MS + 1, False, 99, False, True),
    ],
)
def test_a_tombstone_goes_when_no_plan_can_have_its_name_alive(
    young_ms: int, is_answered: bool, oldest: int | None, rolled_back: bool, forgotten: bool
) -> None:
    service = Buried(KEY, DELETED_AT, DELETED_MS, is_answered)
    memory = Memory(None if oldest is None else Revision(oldest), rolled_back, young_ms)
    assert service_is_forgotten(service, memory) is forgotten

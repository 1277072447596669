"""Two keys: what a preview rests on, and when it is asked for (I41)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_service_edit import CURRENT, LIVE, NOW_MS, REVISION, SERVICE

from registry.domain.deletion import deletion_preview
from registry.domain.errors import PreviewRequired, PreviewStale
from registry.domain.floor import lowered_floors
from registry.domain.health import Health
from registry.domain.instance import Instance
from registry.domain.names import CellName, Incarnation
from registry.domain.operation import DeleteService, UpdateService
from registry.domain.preview import is_confirmed, preview_of, shown_first
from registry.domain.service import (
    AllDown,
    FailoverPolicy,
    Service,
    ServicePolicy,
    StagedPolicy,
)
from registry.domain.service_edit import decide_service

EU = CellName("eu")


def digest(
    service: Service = LIVE, instances: tuple[Instance, ...] = (CURRENT,), served: int = 2
) -> str:
    """That of a deletion."""
    preview = deletion_preview(service, instances, {EU: served})
    assert preview is not None
    return preview.digest


class TestPreview:
    @pytest.mark.parametrize(
        ("facts", "confirmed"),
        [
            pytest.param(None, False, id="no digest: show the preview"),
            pytest.param(("a",), True, id="the preview's: do it"),
            pytest.param(("b",), None, id="another: stale"),
        ],
    )
    def test_every_row_of_what_a_digest_does(
        self, facts: tuple[str, ...] | None, confirmed: bool | None
    ) -> None:
        preview = preview_of(("a goes",), ("a",))
        sent = "" if facts is None else preview_of(("a goes",), facts).digest
        if confirmed is None:
            with pytest.raises(PreviewStale):
                is_confirmed(preview, sent)
        else:
            assert is_confirmed(preview, sent) is confirmed

    def test_facts_do_not_run_into_each_other(self) -> None:
        assert preview_of((), ("ab", "c")).digest != preview_of((), ("a", "bc")).digest

    def test_a_long_list_is_counted_after_its_beginning(self) -> None:
        lines = [str(n) for n in range(17)]
        assert shown_first(lines, "things") == (*lines[:12], "and 5 more things")
        assert shown_first(lines[:13], "things") == tuple(lines[:13])
        assert shown_first(lines[:14], "things") == (*lines[:12], "and 2 more things")

    def test_a_digest_is_short_enough_to_be_typed(self) -> None:
        assert len(preview_of((), ("a",)).digest) == 16


class TestDeletion:
    def test_nobody_can_miss_what_nobody_registered_or_was_answered_with(self) -> None:
        assert deletion_preview(LIVE, (), {}) is None

    def test_it_says_what_goes_and_who_answers(self) -> None:
        preview = deletion_preview(LIVE, (CURRENT,), {EU: 2, CellName("us"): 0})
        assert preview is not None
        assert preview.effects == (
            "shop/cart is deleted, with its policy and 1 instance",
            "a in cell eu, HEALTHY: goes with it",
            "eu: the name gets a tombstone; 2 endpoints may answer for it now",
            "us: the name gets a tombstone; nothing answers for it now",
            "DNS denies cart.shop (NXDOMAIN), unless another registry's cell answers for it",
        )

    def test_what_comes_and_goes_by_itself_makes_no_preview_stale(self) -> None:
        sick = replace(CURRENT, health=Health.UNHEALTHY)
        assert digest(instances=(sick,)) == digest()
        assert digest(served=1) == digest(served=2)

    @pytest.mark.parametrize(
        "other",
        [
            digest(instances=()),
            digest(instances=(replace(CURRENT, incarnation=Incarnation("u2")),)),
            digest(replace(LIVE, etag="e9")),
            digest(replace(LIVE, uid="s9")),
            digest(served=0),
        ],
    )
    def test_what_somebody_did_makes_it_stale(self, other: str) -> None:
        assert other != digest()

    @pytest.mark.parametrize(("instances", "served"), [((CURRENT,), {}), ((), {EU: 0})])
    def test_a_service_that_is_missed_takes_two_calls(
        self, instances: tuple[Instance, ...], served: dict[CellName, int]
    ) -> None:
        edit = DeleteService(SERVICE, "", True)
        with pytest.raises(PreviewRequired) as shown:
            decide_service(edit, LIVE, instances, REVISION, NOW_MS, "e2", served)
        stale = replace(edit, preview_digest="0" * 16)
        with pytest.raises(PreviewStale):
            decide_service(stale, LIVE, instances, REVISION, NOW_MS, "e2", served)
        confirmed = replace(edit, preview_digest=shown.value.digest)
        done = decide_service(confirmed, LIVE, instances, REVISION, NOW_MS, "e2", served)
        assert done.service.tombstone_time_ms == NOW_MS


MINIMUM_3 = ServicePolicy(failover=FailoverPolicy(minimum_endpoints=3))
ZERO = ServicePolicy(scale_to_zero=True)
NODATA = ServicePolicy(failover=FailoverPolicy(all_down=AllDown.NODATA))
SERVFAIL = ServicePolicy(failover=FailoverPolicy(all_down=AllDown.SERVFAIL))


class TestFloors:
    @pytest.mark.parametrize(
        ("before", "after", "lowered"),
        [
            (MINIMUM_3, ServicePolicy(), ["minimum_endpoints: 3 -> 1"]),
            (MINIMUM_3, None, ["minimum_endpoints: 3 -> 1"]),
            (None, MINIMUM_3, []),
            (None, ZERO, ["scale_to_zero: false -> true"]),
            (ZERO, ZERO, []),
            (ZERO, None, []),
            (None, NODATA, ["all_down: FAIL_OPEN_HOME -> NODATA"]),
            (ServicePolicy(), SERVFAIL, ["all_down: FAIL_OPEN_HOME -> SERVFAIL"]),
            (SERVFAIL, NODATA, []),
            (NODATA, None, []),
            (MINIMUM_3, ZERO, ["minimum_endpoints: 3 -> 1", "scale_to_zero: false -> true"]),
            (None, ServicePolicy(record_ttl_seconds=5), []),
        ],
    )
    def test_every_row_of_the_table(
        self, before: ServicePolicy | None, after: ServicePolicy | None, lowered: list[str]
    ) -> None:
        found = lowered_floors(before, after)
        assert [sentence.partition(";")[0] for sentence in found] == lowered

    def test_a_floor_is_lowered_in_two_calls(self) -> None:
        live = replace(LIVE, policy=MINIMUM_3)
        edit = UpdateService(SERVICE, None, "")
        with pytest.raises(PreviewRequired) as shown:
            decide_service(edit, live, (), REVISION, NOW_MS, "e2", {})
        assert "3 -> 1" in " ".join(shown.value.effects)
        confirmed = replace(edit, preview_digest=shown.value.digest)
        done = decide_service(confirmed, live, (), REVISION, NOW_MS, "e2", {})
        assert done.service.policy is None
        with pytest.raises(PreviewStale):
            decide_service(
                replace(edit, preview_digest="0" * 16), live, (), REVISION, NOW_MS, "e2", {}
            )

    def test_what_bakes_has_been_confirmed(self) -> None:
        """An edit that builds on it is not asked about it again."""
        baking = replace(LIVE, staged=StagedPolicy("t1", ZERO, NOW_MS))
        edit = UpdateService(SERVICE, replace(ZERO, record_ttl_seconds=20), "", "t2")
        done = decide_service(edit, baking, (), REVISION, NOW_MS, "e2", {})
        assert done.service.staged is not None

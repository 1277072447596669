"""The zone's settings as messages: a mask takes over what it names, and octets bring all back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.adapters.rpc.plan_codec import ProtoPlanCodec
from registry.adapters.rpc.translate.service import settings_message
from registry.adapters.rpc.translate.zone import revised_settings, zone_message, zone_paths
from registry.domain.errors import InvalidField
from registry.domain.names import RegionName, Revision
from registry.domain.plan import ServicePlan, StagedChange
from registry.domain.service import Service, ServicePolicy, StagedPolicy, StageState
from registry.domain.zone import ZONE_KEY, ClientNetwork, ZoneSettings
from sheetanchor.v1.service_pb2 import StagedPolicy as StagedMessage
from sheetanchor.v1.zone_pb2 import Zone

REGIONS = ("eu", "us")
NETWORKS = (ClientNetwork("10.0.0.0/8", RegionName("eu")),)
OTHERS = (ClientNetwork("10.0.0.0/8", RegionName("us")),)
CURRENT = ZoneSettings(3, 10, 300, NETWORKS)
ASKED = ZoneSettings(4, None, 600, OTHERS)


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        ([], ASKED),
        (["*"], ASKED),
        (["settings"], ASKED),
        (["settings.negative_ttl_seconds"], replace(CURRENT, negative_ttl_seconds=4)),
        (["settings.degraded_ttl_seconds"], replace(CURRENT, degraded_ttl_seconds=None)),
        (["settings.client_networks"], replace(CURRENT, client_networks=OTHERS)),
        (
            ["settings.nameserver_ttl_seconds", "settings.negative_ttl_seconds"],
            replace(CURRENT, negative_ttl_seconds=4, nameserver_ttl_seconds=600),
        ),
    ],
)
def test_a_mask_takes_over_what_it_names(paths: list[str], found: ZoneSettings) -> None:
    """And leaves a field that is unset there to the frontends again."""
    asked = Zone(name="zone", settings=settings_message(ASKED))
    assert revised_settings(CURRENT, asked, zone_paths(paths), REGIONS) == found


@pytest.mark.parametrize("path", ["", "etag", "settings.", "settings.ttl", "staged_settings"])
def test_a_path_that_is_none_to_edit_is_refused(path: str) -> None:
    """It names what there is."""
    with pytest.raises(InvalidField, match="is no path to edit"):
        zone_paths([path])


@pytest.mark.parametrize("settings", [CURRENT, ZoneSettings(), ZoneSettings(client_networks=())])
def test_the_octets_of_an_entry_bring_the_settings_back(settings: ZoneSettings) -> None:
    """Those in force and those that are staged; no networks are not the same as none said."""
    policy, tried = ServicePolicy(zone=settings), ServicePolicy(zone=ASKED)
    plan = ServicePlan(ZONE_KEY, policy, (), False, None, Revision(7), StagedChange("t1", tried))
    codec = ProtoPlanCodec()
    assert codec.decode(codec.encode(plan)) == plan


def test_the_zone_is_shown_before_anybody_edited_it() -> None:
    """It is always there."""
    found = zone_message(None)
    assert (found.name, found.etag, found.revision) == ("zone", "", 0)
    assert not found.HasField("staged_settings")


def test_a_change_that_was_taken_back_is_shown_with_its_reason() -> None:
    """Until the next edit."""
    staged = StagedPolicy("t1", None, 30, StageState.ROLLED_BACK, "it failed")
    policy = ServicePolicy(zone=CURRENT)
    found = zone_message(Service(ZONE_KEY, "s1", policy, "e1", 10, 20, Revision(2), None, staged))
    assert found.settings == settings_message(CURRENT)
    assert found.staged_settings.state == StagedMessage.STATE_ROLLED_BACK
    assert found.staged_settings.reason == "it failed"
    assert found.staged_settings.settings == settings_message(ZoneSettings())

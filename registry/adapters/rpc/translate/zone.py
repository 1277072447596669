"""The zone and its settings, between the domain and their messages."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from registry.adapters.rpc.translate.moment import timestamp
from registry.adapters.rpc.translate.service import STATE, settings_message
from registry.adapters.rpc.translate.update_mask import checked_paths
from registry.domain.complaints import shown
from registry.domain.errors import FieldViolation, InvalidField
from registry.domain.service import Service, ServicePolicy
from registry.domain.zone import ZoneSettings
from registry.domain.zone_admission import DraftZone, admit_zone
from sheetanchor.v1 import zone_pb2 as pb
from sheetanchor.v1 import zone_settings_pb2

NAME: Final = "zone"
ALL: Final = "settings"
PATHS: Final = (
    ALL,
    *(f"settings.{field.name}" for field in zone_settings_pb2.ZoneSettings.DESCRIPTOR.fields),
)


def zone_message(zone: Service | None) -> pb.Zone:
    """The zone as the API shows it, of the name that its settings are kept under."""
    if zone is None:
        return pb.Zone(name=NAME, settings=settings_message(ZoneSettings()))
    staged = zone.staged
    return pb.Zone(
        name=NAME,
        settings=settings_message(_said(zone.policy)),
        etag=zone.etag,
        update_time=timestamp(zone.update_time_ms),
        revision=zone.revision,
        staged_settings=None
        if staged is None
        else pb.StagedZoneSettings(
            uid=staged.uid,
            settings=settings_message(_said(staged.policy)),
            create_time=timestamp(staged.create_time_ms),
            state=STATE[staged.state],
            reason=staged.reason,
        ),
    )


def zone_name(text: str, field: str) -> None:
    """Raises InvalidField for what does not name the zone."""
    if text != NAME:
        raise InvalidField(FieldViolation(field, f"must be {NAME}: there is one; is {shown(text)}"))


def zone_paths(paths: Sequence[str]) -> tuple[str, ...]:
    """The paths of a mask, checked; none or `*` mean all settings.

    Raises InvalidField naming each path that is unknown, or not for clients to set.
    """
    return checked_paths(paths, PATHS, ALL)


def revised_settings(
    current: ZoneSettings, asked: pb.Zone, paths: Sequence[str], regions: Collection[str]
) -> ZoneSettings:
    """`current` with the fields at `paths` as in `asked`. Raises InvalidField."""
    wanted = zone_settings_pb2.ZoneSettings()
    wanted.CopyFrom(asked.settings if ALL in paths else settings_message(current))
    for path in paths:
        name = path.partition(".")[2]
        if not name:
            continue
        wanted.ClearField(name)
        if asked.settings.HasField(name):
            part = zone_settings_pb2.ZoneSettings()
            part.CopyFrom(asked.settings)
            for other in part.DESCRIPTOR.fields:
                if other.name != name:
                    part.ClearField(other.name)
            wanted.MergeFrom(part)
    return admit_zone(_draft(wanted), regions)


def _draft(message: zone_settings_pb2.ZoneSettings) -> DraftZone:
    def number(name: str) -> int | None:
        return int(getattr(message, name)) if message.HasField(name) else None

    networks = None
    if message.HasField("client_networks"):
        networks = [(each.cidr, each.region) for each in message.client_networks.networks]
    return DraftZone(
        number("negative_ttl_seconds"),
        number("degraded_ttl_seconds"),
        number("nameserver_ttl_seconds"),
        networks,
    )


def _said(policy: ServicePolicy | None) -> ZoneSettings:
    found = None if policy is None else policy.zone
    return ZoneSettings() if found is None else found

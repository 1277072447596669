"""What a canary says of a staged change."""

from __future__ import annotations

from dataclasses import dataclass

from registry.domain.names import FrontendId, ServiceKey


@dataclass(frozen=True, slots=True)
class StageReport:
    """What a canary says of a service's staged change; `fault` is empty when it vouches for it."""

    frontend: FrontendId
    service: ServiceKey
    stage_uid: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class StageWord:
    """The last report of a canary, and how often it spoke of that stage."""

    report: StageReport
    words: int

import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sheetanchor.v1 import frontend_pb2 as _frontend_pb2
from sheetanchor.v1 import instance_pb2 as _instance_pb2
from sheetanchor.v1 import plan_pb2 as _plan_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WatchPlansRequest(_message.Message):
    __slots__ = ("frontend_id", "region", "have", "role")
    class Position(_message.Message):
        __slots__ = ("cell", "epoch", "generation", "digest")
        CELL_FIELD_NUMBER: _ClassVar[int]
        EPOCH_FIELD_NUMBER: _ClassVar[int]
        GENERATION_FIELD_NUMBER: _ClassVar[int]
        DIGEST_FIELD_NUMBER: _ClassVar[int]
        cell: str
        epoch: int
        generation: int
        digest: bytes
        def __init__(self, cell: _Optional[str] = ..., epoch: _Optional[int] = ..., generation: _Optional[int] = ..., digest: _Optional[bytes] = ...) -> None: ...
    FRONTEND_ID_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    HAVE_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    frontend_id: str
    region: str
    have: _containers.RepeatedCompositeFieldContainer[WatchPlansRequest.Position]
    role: _frontend_pb2.Frontend.Role
    def __init__(self, frontend_id: _Optional[str] = ..., region: _Optional[str] = ..., have: _Optional[_Iterable[_Union[WatchPlansRequest.Position, _Mapping]]] = ..., role: _Optional[_Union[_frontend_pb2.Frontend.Role, str]] = ...) -> None: ...

class WatchPlansResponse(_message.Message):
    __slots__ = ("cell", "base", "delta", "checkpoint")
    CELL_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    cell: str
    base: PlanBase
    delta: PlanDelta
    checkpoint: PlanCheckpoint
    def __init__(self, cell: _Optional[str] = ..., base: _Optional[_Union[PlanBase, _Mapping]] = ..., delta: _Optional[_Union[PlanDelta, _Mapping]] = ..., checkpoint: _Optional[_Union[PlanCheckpoint, _Mapping]] = ...) -> None: ...

class PlanBase(_message.Message):
    __slots__ = ("plan", "region", "entries", "complete")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    plan: _plan_pb2.Plan
    region: str
    entries: _containers.RepeatedCompositeFieldContainer[_plan_pb2.PlanEntry]
    complete: bool
    def __init__(self, plan: _Optional[_Union[_plan_pb2.Plan, _Mapping]] = ..., region: _Optional[str] = ..., entries: _Optional[_Iterable[_Union[_plan_pb2.PlanEntry, _Mapping]]] = ..., complete: _Optional[bool] = ...) -> None: ...

class PlanDelta(_message.Message):
    __slots__ = ("plan", "region", "changed", "removed")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    plan: _plan_pb2.Plan
    region: str
    changed: _containers.RepeatedCompositeFieldContainer[_plan_pb2.PlanEntry]
    removed: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, plan: _Optional[_Union[_plan_pb2.Plan, _Mapping]] = ..., region: _Optional[str] = ..., changed: _Optional[_Iterable[_Union[_plan_pb2.PlanEntry, _Mapping]]] = ..., removed: _Optional[_Iterable[str]] = ...) -> None: ...

class PlanCheckpoint(_message.Message):
    __slots__ = ("generation", "epoch", "checkpoint_time")
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_TIME_FIELD_NUMBER: _ClassVar[int]
    generation: int
    epoch: int
    checkpoint_time: _timestamp_pb2.Timestamp
    def __init__(self, generation: _Optional[int] = ..., epoch: _Optional[int] = ..., checkpoint_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AcknowledgePlanRequest(_message.Message):
    __slots__ = ("frontend_id", "region", "cell", "epoch", "generation", "verdict", "refusal", "held")
    class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        VERDICT_UNSPECIFIED: _ClassVar[AcknowledgePlanRequest.Verdict]
        VERDICT_APPLIED: _ClassVar[AcknowledgePlanRequest.Verdict]
        VERDICT_REFUSED: _ClassVar[AcknowledgePlanRequest.Verdict]
    VERDICT_UNSPECIFIED: AcknowledgePlanRequest.Verdict
    VERDICT_APPLIED: AcknowledgePlanRequest.Verdict
    VERDICT_REFUSED: AcknowledgePlanRequest.Verdict
    FRONTEND_ID_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    CELL_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    frontend_id: str
    region: str
    cell: str
    epoch: int
    generation: int
    verdict: AcknowledgePlanRequest.Verdict
    refusal: str
    held: _frontend_pb2.HeldNames
    def __init__(self, frontend_id: _Optional[str] = ..., region: _Optional[str] = ..., cell: _Optional[str] = ..., epoch: _Optional[int] = ..., generation: _Optional[int] = ..., verdict: _Optional[_Union[AcknowledgePlanRequest.Verdict, str]] = ..., refusal: _Optional[str] = ..., held: _Optional[_Union[_frontend_pb2.HeldNames, _Mapping]] = ...) -> None: ...

class AcknowledgePlanResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReportStageRequest(_message.Message):
    __slots__ = ("frontend_id", "cell", "service", "stage_uid", "verdict", "reason")
    class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        VERDICT_UNSPECIFIED: _ClassVar[ReportStageRequest.Verdict]
        VERDICT_OK: _ClassVar[ReportStageRequest.Verdict]
        VERDICT_FAILED: _ClassVar[ReportStageRequest.Verdict]
    VERDICT_UNSPECIFIED: ReportStageRequest.Verdict
    VERDICT_OK: ReportStageRequest.Verdict
    VERDICT_FAILED: ReportStageRequest.Verdict
    FRONTEND_ID_FIELD_NUMBER: _ClassVar[int]
    CELL_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    STAGE_UID_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    frontend_id: str
    cell: str
    service: str
    stage_uid: str
    verdict: ReportStageRequest.Verdict
    reason: str
    def __init__(self, frontend_id: _Optional[str] = ..., cell: _Optional[str] = ..., service: _Optional[str] = ..., stage_uid: _Optional[str] = ..., verdict: _Optional[_Union[ReportStageRequest.Verdict, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class ReportStageResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReportBreakGlassRequest(_message.Message):
    __slots__ = ("frontend_id", "act_uid", "cell", "act", "actor", "reason", "act_time", "generation", "digest", "file")
    class Act(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ACT_UNSPECIFIED: _ClassVar[ReportBreakGlassRequest.Act]
        ACT_PIN: _ClassVar[ReportBreakGlassRequest.Act]
        ACT_LIFT: _ClassVar[ReportBreakGlassRequest.Act]
    ACT_UNSPECIFIED: ReportBreakGlassRequest.Act
    ACT_PIN: ReportBreakGlassRequest.Act
    ACT_LIFT: ReportBreakGlassRequest.Act
    FRONTEND_ID_FIELD_NUMBER: _ClassVar[int]
    ACT_UID_FIELD_NUMBER: _ClassVar[int]
    CELL_FIELD_NUMBER: _ClassVar[int]
    ACT_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACT_TIME_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    frontend_id: str
    act_uid: str
    cell: str
    act: ReportBreakGlassRequest.Act
    actor: str
    reason: str
    act_time: _timestamp_pb2.Timestamp
    generation: int
    digest: bytes
    file: str
    def __init__(self, frontend_id: _Optional[str] = ..., act_uid: _Optional[str] = ..., cell: _Optional[str] = ..., act: _Optional[_Union[ReportBreakGlassRequest.Act, str]] = ..., actor: _Optional[str] = ..., reason: _Optional[str] = ..., act_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., generation: _Optional[int] = ..., digest: _Optional[bytes] = ..., file: _Optional[str] = ...) -> None: ...

class ReportBreakGlassResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReportObservationsRequest(_message.Message):
    __slots__ = ("frontend_id", "region", "cell", "observations")
    FRONTEND_ID_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    CELL_FIELD_NUMBER: _ClassVar[int]
    OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    frontend_id: str
    region: str
    cell: str
    observations: Observations
    def __init__(self, frontend_id: _Optional[str] = ..., region: _Optional[str] = ..., cell: _Optional[str] = ..., observations: _Optional[_Union[Observations, _Mapping]] = ...) -> None: ...

class Observations(_message.Message):
    __slots__ = ("target_count", "findings", "truncated", "round")
    TARGET_COUNT_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    target_count: int
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    truncated: bool
    round: _duration_pb2.Duration
    def __init__(self, target_count: _Optional[int] = ..., findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., truncated: _Optional[bool] = ..., round: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("uid", "evidence")
    UID_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    uid: str
    evidence: _instance_pb2.Evidence
    def __init__(self, uid: _Optional[str] = ..., evidence: _Optional[_Union[_instance_pb2.Evidence, str]] = ...) -> None: ...

class ReportObservationsResponse(_message.Message):
    __slots__ = ("quarantine_time", "reason")
    QUARANTINE_TIME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    quarantine_time: _timestamp_pb2.Timestamp
    reason: str
    def __init__(self, quarantine_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

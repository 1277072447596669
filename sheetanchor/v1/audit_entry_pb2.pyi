import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AuditEntry(_message.Message):
    __slots__ = ("name", "act", "subject", "cell", "frontend", "actor", "reason", "detail", "generation", "digest", "act_time", "receive_time")
    class Act(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ACT_UNSPECIFIED: _ClassVar[AuditEntry.Act]
        ACT_BREAK_GLASS_PIN: _ClassVar[AuditEntry.Act]
        ACT_BREAK_GLASS_LIFT: _ClassVar[AuditEntry.Act]
        ACT_ROLL_BACK: _ClassVar[AuditEntry.Act]
        ACT_FREEZE: _ClassVar[AuditEntry.Act]
        ACT_UNFREEZE: _ClassVar[AuditEntry.Act]
        ACT_PIN_PLAN: _ClassVar[AuditEntry.Act]
        ACT_UNPIN_PLAN: _ClassVar[AuditEntry.Act]
        ACT_DELETE_SERVICE: _ClassVar[AuditEntry.Act]
        ACT_UPDATE_SERVICE: _ClassVar[AuditEntry.Act]
        ACT_DECIDE_REMOVAL: _ClassVar[AuditEntry.Act]
        ACT_DIVERT_SERVICE: _ClassVar[AuditEntry.Act]
        ACT_UPDATE_ZONE: _ClassVar[AuditEntry.Act]
    ACT_UNSPECIFIED: AuditEntry.Act
    ACT_BREAK_GLASS_PIN: AuditEntry.Act
    ACT_BREAK_GLASS_LIFT: AuditEntry.Act
    ACT_ROLL_BACK: AuditEntry.Act
    ACT_FREEZE: AuditEntry.Act
    ACT_UNFREEZE: AuditEntry.Act
    ACT_PIN_PLAN: AuditEntry.Act
    ACT_UNPIN_PLAN: AuditEntry.Act
    ACT_DELETE_SERVICE: AuditEntry.Act
    ACT_UPDATE_SERVICE: AuditEntry.Act
    ACT_DECIDE_REMOVAL: AuditEntry.Act
    ACT_DIVERT_SERVICE: AuditEntry.Act
    ACT_UPDATE_ZONE: AuditEntry.Act
    NAME_FIELD_NUMBER: _ClassVar[int]
    ACT_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    CELL_FIELD_NUMBER: _ClassVar[int]
    FRONTEND_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    ACT_TIME_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    act: AuditEntry.Act
    subject: str
    cell: str
    frontend: str
    actor: str
    reason: str
    detail: str
    generation: int
    digest: bytes
    act_time: _timestamp_pb2.Timestamp
    receive_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., act: _Optional[_Union[AuditEntry.Act, str]] = ..., subject: _Optional[str] = ..., cell: _Optional[str] = ..., frontend: _Optional[str] = ..., actor: _Optional[str] = ..., reason: _Optional[str] = ..., detail: _Optional[str] = ..., generation: _Optional[int] = ..., digest: _Optional[bytes] = ..., act_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., receive_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

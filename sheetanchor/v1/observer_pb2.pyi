import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Observer(_message.Message):
    __slots__ = ("name", "region", "state", "quarantine_time", "reason", "target_count", "failing_count", "unseen_count", "seen_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Observer.State]
        STATE_BELIEVED: _ClassVar[Observer.State]
        STATE_QUARANTINED: _ClassVar[Observer.State]
        STATE_SILENT: _ClassVar[Observer.State]
        STATE_OVERWHELMED: _ClassVar[Observer.State]
    STATE_UNSPECIFIED: Observer.State
    STATE_BELIEVED: Observer.State
    STATE_QUARANTINED: Observer.State
    STATE_SILENT: Observer.State
    STATE_OVERWHELMED: Observer.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    QUARANTINE_TIME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TARGET_COUNT_FIELD_NUMBER: _ClassVar[int]
    FAILING_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNSEEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    SEEN_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    region: str
    state: Observer.State
    quarantine_time: _timestamp_pb2.Timestamp
    reason: str
    target_count: int
    failing_count: int
    unseen_count: int
    seen_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., region: _Optional[str] = ..., state: _Optional[_Union[Observer.State, str]] = ..., quarantine_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ..., target_count: _Optional[int] = ..., failing_count: _Optional[int] = ..., unseen_count: _Optional[int] = ..., seen_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

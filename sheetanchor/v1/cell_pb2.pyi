import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Cell(_message.Message):
    __slots__ = ("name", "region", "epoch", "leader", "generation", "digest", "publish_time", "acknowledged_generation", "frozen", "freeze_file", "refused_entries")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    LEADER_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_TIME_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_GENERATION_FIELD_NUMBER: _ClassVar[int]
    FROZEN_FIELD_NUMBER: _ClassVar[int]
    FREEZE_FILE_FIELD_NUMBER: _ClassVar[int]
    REFUSED_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    name: str
    region: str
    epoch: int
    leader: str
    generation: int
    digest: bytes
    publish_time: _timestamp_pb2.Timestamp
    acknowledged_generation: int
    frozen: str
    freeze_file: str
    refused_entries: _containers.RepeatedCompositeFieldContainer[RefusedEntry]
    def __init__(self, name: _Optional[str] = ..., region: _Optional[str] = ..., epoch: _Optional[int] = ..., leader: _Optional[str] = ..., generation: _Optional[int] = ..., digest: _Optional[bytes] = ..., publish_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., acknowledged_generation: _Optional[int] = ..., frozen: _Optional[str] = ..., freeze_file: _Optional[str] = ..., refused_entries: _Optional[_Iterable[_Union[RefusedEntry, _Mapping]]] = ...) -> None: ...

class RefusedEntry(_message.Message):
    __slots__ = ("service", "rule", "reason")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    service: str
    rule: str
    reason: str
    def __init__(self, service: _Optional[str] = ..., rule: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

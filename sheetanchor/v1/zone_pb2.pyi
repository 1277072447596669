import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sheetanchor.v1 import service_pb2 as _service_pb2
from sheetanchor.v1 import zone_settings_pb2 as _zone_settings_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Zone(_message.Message):
    __slots__ = ("name", "settings", "etag", "update_time", "revision", "staged_settings")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    STAGED_SETTINGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    settings: _zone_settings_pb2.ZoneSettings
    etag: str
    update_time: _timestamp_pb2.Timestamp
    revision: int
    staged_settings: StagedZoneSettings
    def __init__(self, name: _Optional[str] = ..., settings: _Optional[_Union[_zone_settings_pb2.ZoneSettings, _Mapping]] = ..., etag: _Optional[str] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revision: _Optional[int] = ..., staged_settings: _Optional[_Union[StagedZoneSettings, _Mapping]] = ...) -> None: ...

class StagedZoneSettings(_message.Message):
    __slots__ = ("uid", "settings", "create_time", "state", "reason")
    UID_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    uid: str
    settings: _zone_settings_pb2.ZoneSettings
    create_time: _timestamp_pb2.Timestamp
    state: _service_pb2.StagedPolicy.State
    reason: str
    def __init__(self, uid: _Optional[str] = ..., settings: _Optional[_Union[_zone_settings_pb2.ZoneSettings, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[_Union[_service_pb2.StagedPolicy.State, str]] = ..., reason: _Optional[str] = ...) -> None: ...

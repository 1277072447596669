import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Frontend(_message.Message):
    __slots__ = ("name", "region", "cells", "seen_time", "role")
    class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ROLE_UNSPECIFIED: _ClassVar[Frontend.Role]
        ROLE_SERVING: _ClassVar[Frontend.Role]
        ROLE_CANARY: _ClassVar[Frontend.Role]
    ROLE_UNSPECIFIED: Frontend.Role
    ROLE_SERVING: Frontend.Role
    ROLE_CANARY: Frontend.Role
    NAME_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    CELLS_FIELD_NUMBER: _ClassVar[int]
    SEEN_TIME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    name: str
    region: str
    cells: _containers.RepeatedCompositeFieldContainer[FrontendCell]
    seen_time: _timestamp_pb2.Timestamp
    role: Frontend.Role
    def __init__(self, name: _Optional[str] = ..., region: _Optional[str] = ..., cells: _Optional[_Iterable[_Union[FrontendCell, _Mapping]]] = ..., seen_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., role: _Optional[_Union[Frontend.Role, str]] = ...) -> None: ...

class FrontendCell(_message.Message):
    __slots__ = ("cell", "epoch", "generation", "refused_generation", "refusal", "update_time", "held")
    CELL_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    REFUSED_GENERATION_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    cell: str
    epoch: int
    generation: int
    refused_generation: int
    refusal: str
    update_time: _timestamp_pb2.Timestamp
    held: HeldNames
    def __init__(self, cell: _Optional[str] = ..., epoch: _Optional[int] = ..., generation: _Optional[int] = ..., refused_generation: _Optional[int] = ..., refusal: _Optional[str] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., held: _Optional[_Union[HeldNames, _Mapping]] = ...) -> None: ...

class HeldNames(_message.Message):
    __slots__ = ("service_count", "services", "reason")
    SERVICE_COUNT_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    service_count: int
    services: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    def __init__(self, service_count: _Optional[int] = ..., services: _Optional[_Iterable[str]] = ..., reason: _Optional[str] = ...) -> None: ...

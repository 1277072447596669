from sheetanchor.v1 import instance_pb2 as _instance_pb2
from sheetanchor.v1 import service_pb2 as _service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ResolveServiceRequest(_message.Message):
    __slots__ = ("name", "region", "include_unvalidated")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_UNVALIDATED_FIELD_NUMBER: _ClassVar[int]
    name: str
    region: str
    include_unvalidated: bool
    def __init__(self, name: _Optional[str] = ..., region: _Optional[str] = ..., include_unvalidated: _Optional[bool] = ...) -> None: ...

class ResolveServiceResponse(_message.Message):
    __slots__ = ("instances", "revision")
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    instances: _containers.RepeatedCompositeFieldContainer[_instance_pb2.Instance]
    revision: int
    def __init__(self, instances: _Optional[_Iterable[_Union[_instance_pb2.Instance, _Mapping]]] = ..., revision: _Optional[int] = ...) -> None: ...

class WatchServicesRequest(_message.Message):
    __slots__ = ("parent", "start_revision")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    START_REVISION_FIELD_NUMBER: _ClassVar[int]
    parent: str
    start_revision: int
    def __init__(self, parent: _Optional[str] = ..., start_revision: _Optional[int] = ...) -> None: ...

class WatchServicesResponse(_message.Message):
    __slots__ = ("revision", "snapshot", "changes", "checkpoint")
    class Snapshot(_message.Message):
        __slots__ = ("services", "instances", "complete")
        SERVICES_FIELD_NUMBER: _ClassVar[int]
        INSTANCES_FIELD_NUMBER: _ClassVar[int]
        COMPLETE_FIELD_NUMBER: _ClassVar[int]
        services: _containers.RepeatedCompositeFieldContainer[_service_pb2.Service]
        instances: _containers.RepeatedCompositeFieldContainer[_instance_pb2.Instance]
        complete: bool
        def __init__(self, services: _Optional[_Iterable[_Union[_service_pb2.Service, _Mapping]]] = ..., instances: _Optional[_Iterable[_Union[_instance_pb2.Instance, _Mapping]]] = ..., complete: _Optional[bool] = ...) -> None: ...
    class Changes(_message.Message):
        __slots__ = ("changes",)
        CHANGES_FIELD_NUMBER: _ClassVar[int]
        changes: _containers.RepeatedCompositeFieldContainer[Change]
        def __init__(self, changes: _Optional[_Iterable[_Union[Change, _Mapping]]] = ...) -> None: ...
    class Checkpoint(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    REVISION_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    revision: int
    snapshot: WatchServicesResponse.Snapshot
    changes: WatchServicesResponse.Changes
    checkpoint: WatchServicesResponse.Checkpoint
    def __init__(self, revision: _Optional[int] = ..., snapshot: _Optional[_Union[WatchServicesResponse.Snapshot, _Mapping]] = ..., changes: _Optional[_Union[WatchServicesResponse.Changes, _Mapping]] = ..., checkpoint: _Optional[_Union[WatchServicesResponse.Checkpoint, _Mapping]] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("revision", "instance", "removed_instance", "service", "removed_service")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    REMOVED_INSTANCE_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    REMOVED_SERVICE_FIELD_NUMBER: _ClassVar[int]
    revision: int
    instance: _instance_pb2.Instance
    removed_instance: str
    service: _service_pb2.Service
    removed_service: str
    def __init__(self, revision: _Optional[int] = ..., instance: _Optional[_Union[_instance_pb2.Instance, _Mapping]] = ..., removed_instance: _Optional[str] = ..., service: _Optional[_Union[_service_pb2.Service, _Mapping]] = ..., removed_service: _Optional[str] = ...) -> None: ...

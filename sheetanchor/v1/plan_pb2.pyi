import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sheetanchor.v1 import instance_pb2 as _instance_pb2
from sheetanchor.v1 import service_pb2 as _service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Plan(_message.Message):
    __slots__ = ("name", "cell", "generation", "parent_generation", "epoch", "digest", "service_count", "endpoint_count", "revision", "create_time", "traceparent")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CELL_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    PARENT_GENERATION_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SERVICE_COUNT_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_COUNT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    name: str
    cell: str
    generation: int
    parent_generation: int
    epoch: int
    digest: bytes
    service_count: int
    endpoint_count: int
    revision: int
    create_time: _timestamp_pb2.Timestamp
    traceparent: str
    def __init__(self, name: _Optional[str] = ..., cell: _Optional[str] = ..., generation: _Optional[int] = ..., parent_generation: _Optional[int] = ..., epoch: _Optional[int] = ..., digest: _Optional[bytes] = ..., service_count: _Optional[int] = ..., endpoint_count: _Optional[int] = ..., revision: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., traceparent: _Optional[str] = ...) -> None: ...

class PlanEntry(_message.Message):
    __slots__ = ("key", "body")
    KEY_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    key: str
    body: bytes
    def __init__(self, key: _Optional[str] = ..., body: _Optional[bytes] = ...) -> None: ...

class ServicePlan(_message.Message):
    __slots__ = ("namespace", "service", "policy", "endpoints", "held", "tombstone", "revision", "staged", "diversion", "omitted_endpoint_count")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    TOMBSTONE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    STAGED_FIELD_NUMBER: _ClassVar[int]
    DIVERSION_FIELD_NUMBER: _ClassVar[int]
    OMITTED_ENDPOINT_COUNT_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    service: str
    policy: _service_pb2.ServicePolicy
    endpoints: _containers.RepeatedCompositeFieldContainer[Endpoint]
    held: bool
    tombstone: Tombstone
    revision: int
    staged: StagedChange
    diversion: _service_pb2.Diversion
    omitted_endpoint_count: int
    def __init__(self, namespace: _Optional[str] = ..., service: _Optional[str] = ..., policy: _Optional[_Union[_service_pb2.ServicePolicy, _Mapping]] = ..., endpoints: _Optional[_Iterable[_Union[Endpoint, _Mapping]]] = ..., held: _Optional[bool] = ..., tombstone: _Optional[_Union[Tombstone, _Mapping]] = ..., revision: _Optional[int] = ..., staged: _Optional[_Union[StagedChange, _Mapping]] = ..., diversion: _Optional[_Union[_service_pb2.Diversion, _Mapping]] = ..., omitted_endpoint_count: _Optional[int] = ...) -> None: ...

class StagedChange(_message.Message):
    __slots__ = ("uid", "policy")
    UID_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    uid: str
    policy: _service_pb2.ServicePolicy
    def __init__(self, uid: _Optional[str] = ..., policy: _Optional[_Union[_service_pb2.ServicePolicy, _Mapping]] = ...) -> None: ...

class Endpoint(_message.Message):
    __slots__ = ("instance", "uid", "addresses", "ports", "priority", "weight", "zone", "metadata", "health", "evidence", "hold", "removal_confirmed")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    HOLD_FIELD_NUMBER: _ClassVar[int]
    REMOVAL_CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    instance: str
    uid: str
    addresses: _containers.RepeatedScalarFieldContainer[str]
    ports: _containers.RepeatedCompositeFieldContainer[_instance_pb2.Port]
    priority: int
    weight: int
    zone: str
    metadata: _containers.ScalarMap[str, str]
    health: _instance_pb2.Health
    evidence: _instance_pb2.Evidence
    hold: Hold
    removal_confirmed: bool
    def __init__(self, instance: _Optional[str] = ..., uid: _Optional[str] = ..., addresses: _Optional[_Iterable[str]] = ..., ports: _Optional[_Iterable[_Union[_instance_pb2.Port, _Mapping]]] = ..., priority: _Optional[int] = ..., weight: _Optional[int] = ..., zone: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., health: _Optional[_Union[_instance_pb2.Health, str]] = ..., evidence: _Optional[_Union[_instance_pb2.Evidence, str]] = ..., hold: _Optional[_Union[Hold, _Mapping]] = ..., removal_confirmed: _Optional[bool] = ...) -> None: ...

class Hold(_message.Message):
    __slots__ = ("reason", "hold_time", "release_time")
    class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        REASON_UNSPECIFIED: _ClassVar[Hold.Reason]
        REASON_NAME_BUDGET: _ClassVar[Hold.Reason]
        REASON_NAME_FLOOR: _ClassVar[Hold.Reason]
        REASON_CELL_BUDGET: _ClassVar[Hold.Reason]
        REASON_CELL_FLOOR: _ClassVar[Hold.Reason]
        REASON_KEPT: _ClassVar[Hold.Reason]
        REASON_FRONTEND_NAME: _ClassVar[Hold.Reason]
        REASON_FRONTEND_CELL: _ClassVar[Hold.Reason]
        REASON_FRONTEND_VANISHED: _ClassVar[Hold.Reason]
    REASON_UNSPECIFIED: Hold.Reason
    REASON_NAME_BUDGET: Hold.Reason
    REASON_NAME_FLOOR: Hold.Reason
    REASON_CELL_BUDGET: Hold.Reason
    REASON_CELL_FLOOR: Hold.Reason
    REASON_KEPT: Hold.Reason
    REASON_FRONTEND_NAME: Hold.Reason
    REASON_FRONTEND_CELL: Hold.Reason
    REASON_FRONTEND_VANISHED: Hold.Reason
    REASON_FIELD_NUMBER: _ClassVar[int]
    HOLD_TIME_FIELD_NUMBER: _ClassVar[int]
    RELEASE_TIME_FIELD_NUMBER: _ClassVar[int]
    reason: Hold.Reason
    hold_time: _timestamp_pb2.Timestamp
    release_time: _timestamp_pb2.Timestamp
    def __init__(self, reason: _Optional[_Union[Hold.Reason, str]] = ..., hold_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., release_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Tombstone(_message.Message):
    __slots__ = ("delete_time", "revision")
    DELETE_TIME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    delete_time: _timestamp_pb2.Timestamp
    revision: int
    def __init__(self, delete_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revision: _Optional[int] = ...) -> None: ...

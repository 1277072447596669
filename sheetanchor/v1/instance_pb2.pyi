import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RemovalDecision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REMOVAL_DECISION_UNSPECIFIED: _ClassVar[RemovalDecision]
    REMOVAL_DECISION_NONE: _ClassVar[RemovalDecision]
    REMOVAL_DECISION_REMOVE: _ClassVar[RemovalDecision]
    REMOVAL_DECISION_KEEP: _ClassVar[RemovalDecision]

class Health(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HEALTH_UNSPECIFIED: _ClassVar[Health]
    HEALTH_UNKNOWN: _ClassVar[Health]
    HEALTH_HEALTHY: _ClassVar[Health]
    HEALTH_UNHEALTHY: _ClassVar[Health]
    HEALTH_DRAINING: _ClassVar[Health]

class Evidence(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVIDENCE_UNSPECIFIED: _ClassVar[Evidence]
    EVIDENCE_VALIDATED: _ClassVar[Evidence]
    EVIDENCE_LEASE_RENEWED: _ClassVar[Evidence]
    EVIDENCE_DEREGISTERED: _ClassVar[Evidence]
    EVIDENCE_REFUSED: _ClassVar[Evidence]
    EVIDENCE_NOT_SERVING: _ClassVar[Evidence]
    EVIDENCE_WRONG_IDENTITY: _ClassVar[Evidence]
    EVIDENCE_TIMEOUT: _ClassVar[Evidence]
    EVIDENCE_LEASE_EXPIRED: _ClassVar[Evidence]
    EVIDENCE_WITHDRAWN: _ClassVar[Evidence]
REMOVAL_DECISION_UNSPECIFIED: RemovalDecision
REMOVAL_DECISION_NONE: RemovalDecision
REMOVAL_DECISION_REMOVE: RemovalDecision
REMOVAL_DECISION_KEEP: RemovalDecision
HEALTH_UNSPECIFIED: Health
HEALTH_UNKNOWN: Health
HEALTH_HEALTHY: Health
HEALTH_UNHEALTHY: Health
HEALTH_DRAINING: Health
EVIDENCE_UNSPECIFIED: Evidence
EVIDENCE_VALIDATED: Evidence
EVIDENCE_LEASE_RENEWED: Evidence
EVIDENCE_DEREGISTERED: Evidence
EVIDENCE_REFUSED: Evidence
EVIDENCE_NOT_SERVING: Evidence
EVIDENCE_WRONG_IDENTITY: Evidence
EVIDENCE_TIMEOUT: Evidence
EVIDENCE_LEASE_EXPIRED: Evidence
EVIDENCE_WITHDRAWN: Evidence

class Instance(_message.Message):
    __slots__ = ("name", "uid", "locality", "cell", "addresses", "ports", "priority", "weight", "metadata", "health_check", "state", "health", "evidence", "health_time", "create_time", "revision", "removal_decision")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Instance.State]
        STATE_ACTIVE: _ClassVar[Instance.State]
        STATE_DRAINING: _ClassVar[Instance.State]
        STATE_EXPIRED: _ClassVar[Instance.State]
    STATE_UNSPECIFIED: Instance.State
    STATE_ACTIVE: Instance.State
    STATE_DRAINING: Instance.State
    STATE_EXPIRED: Instance.State
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    LOCALITY_FIELD_NUMBER: _ClassVar[int]
    CELL_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    HEALTH_CHECK_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    HEALTH_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    REMOVAL_DECISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    uid: str
    locality: Locality
    cell: str
    addresses: _containers.RepeatedScalarFieldContainer[str]
    ports: _containers.RepeatedCompositeFieldContainer[Port]
    priority: int
    weight: int
    metadata: _containers.ScalarMap[str, str]
    health_check: HealthCheck
    state: Instance.State
    health: Health
    evidence: Evidence
    health_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    revision: int
    removal_decision: RemovalDecision
    def __init__(self, name: _Optional[str] = ..., uid: _Optional[str] = ..., locality: _Optional[_Union[Locality, _Mapping]] = ..., cell: _Optional[str] = ..., addresses: _Optional[_Iterable[str]] = ..., ports: _Optional[_Iterable[_Union[Port, _Mapping]]] = ..., priority: _Optional[int] = ..., weight: _Optional[int] = ..., metadata: _Optional[_Mapping[str, str]] = ..., health_check: _Optional[_Union[HealthCheck, _Mapping]] = ..., state: _Optional[_Union[Instance.State, str]] = ..., health: _Optional[_Union[Health, str]] = ..., evidence: _Optional[_Union[Evidence, str]] = ..., health_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revision: _Optional[int] = ..., removal_decision: _Optional[_Union[RemovalDecision, str]] = ...) -> None: ...

class Locality(_message.Message):
    __slots__ = ("region", "zone")
    REGION_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    region: str
    zone: str
    def __init__(self, region: _Optional[str] = ..., zone: _Optional[str] = ...) -> None: ...

class Port(_message.Message):
    __slots__ = ("name", "number", "protocol")
    class Protocol(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PROTOCOL_UNSPECIFIED: _ClassVar[Port.Protocol]
        PROTOCOL_TCP: _ClassVar[Port.Protocol]
        PROTOCOL_UDP: _ClassVar[Port.Protocol]
    PROTOCOL_UNSPECIFIED: Port.Protocol
    PROTOCOL_TCP: Port.Protocol
    PROTOCOL_UDP: Port.Protocol
    NAME_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    name: str
    number: int
    protocol: Port.Protocol
    def __init__(self, name: _Optional[str] = ..., number: _Optional[int] = ..., protocol: _Optional[_Union[Port.Protocol, str]] = ...) -> None: ...

class HealthCheck(_message.Message):
    __slots__ = ("kind", "port", "interval", "timeout", "rise", "fall", "http", "grpc", "identity", "tls_server_name")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[HealthCheck.Kind]
        KIND_NONE: _ClassVar[HealthCheck.Kind]
        KIND_TCP: _ClassVar[HealthCheck.Kind]
        KIND_HTTP: _ClassVar[HealthCheck.Kind]
        KIND_HTTPS: _ClassVar[HealthCheck.Kind]
        KIND_GRPC: _ClassVar[HealthCheck.Kind]
        KIND_GRPCS: _ClassVar[HealthCheck.Kind]
    KIND_UNSPECIFIED: HealthCheck.Kind
    KIND_NONE: HealthCheck.Kind
    KIND_TCP: HealthCheck.Kind
    KIND_HTTP: HealthCheck.Kind
    KIND_HTTPS: HealthCheck.Kind
    KIND_GRPC: HealthCheck.Kind
    KIND_GRPCS: HealthCheck.Kind
    class Identity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        IDENTITY_UNSPECIFIED: _ClassVar[HealthCheck.Identity]
        IDENTITY_NONE: _ClassVar[HealthCheck.Identity]
        IDENTITY_HEADER: _ClassVar[HealthCheck.Identity]
        IDENTITY_METADATA: _ClassVar[HealthCheck.Identity]
        IDENTITY_HEALTH_SERVICE: _ClassVar[HealthCheck.Identity]
    IDENTITY_UNSPECIFIED: HealthCheck.Identity
    IDENTITY_NONE: HealthCheck.Identity
    IDENTITY_HEADER: HealthCheck.Identity
    IDENTITY_METADATA: HealthCheck.Identity
    IDENTITY_HEALTH_SERVICE: HealthCheck.Identity
    KIND_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    RISE_FIELD_NUMBER: _ClassVar[int]
    FALL_FIELD_NUMBER: _ClassVar[int]
    HTTP_FIELD_NUMBER: _ClassVar[int]
    GRPC_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    TLS_SERVER_NAME_FIELD_NUMBER: _ClassVar[int]
    kind: HealthCheck.Kind
    port: int
    interval: _duration_pb2.Duration
    timeout: _duration_pb2.Duration
    rise: int
    fall: int
    http: HttpCheck
    grpc: GrpcCheck
    identity: HealthCheck.Identity
    tls_server_name: str
    def __init__(self, kind: _Optional[_Union[HealthCheck.Kind, str]] = ..., port: _Optional[int] = ..., interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., rise: _Optional[int] = ..., fall: _Optional[int] = ..., http: _Optional[_Union[HttpCheck, _Mapping]] = ..., grpc: _Optional[_Union[GrpcCheck, _Mapping]] = ..., identity: _Optional[_Union[HealthCheck.Identity, str]] = ..., tls_server_name: _Optional[str] = ...) -> None: ...

class HttpCheck(_message.Message):
    __slots__ = ("path", "host", "expected_statuses", "body_match")
    PATH_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_STATUSES_FIELD_NUMBER: _ClassVar[int]
    BODY_MATCH_FIELD_NUMBER: _ClassVar[int]
    path: str
    host: str
    expected_statuses: _containers.RepeatedScalarFieldContainer[int]
    body_match: str
    def __init__(self, path: _Optional[str] = ..., host: _Optional[str] = ..., expected_statuses: _Optional[_Iterable[int]] = ..., body_match: _Optional[str] = ...) -> None: ...

class GrpcCheck(_message.Message):
    __slots__ = ("service",)
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    service: str
    def __init__(self, service: _Optional[str] = ...) -> None: ...

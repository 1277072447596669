import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sheetanchor.v1 import zone_settings_pb2 as _zone_settings_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Service(_message.Message):
    __slots__ = ("name", "uid", "policy", "etag", "create_time", "update_time", "revision", "staged_policy", "default_policy", "diversions", "ready_regions")
    NAME_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    STAGED_POLICY_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_POLICY_FIELD_NUMBER: _ClassVar[int]
    DIVERSIONS_FIELD_NUMBER: _ClassVar[int]
    READY_REGIONS_FIELD_NUMBER: _ClassVar[int]
    name: str
    uid: str
    policy: ServicePolicy
    etag: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    revision: int
    staged_policy: StagedPolicy
    default_policy: ServicePolicy
    diversions: _containers.RepeatedCompositeFieldContainer[Diversion]
    ready_regions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., uid: _Optional[str] = ..., policy: _Optional[_Union[ServicePolicy, _Mapping]] = ..., etag: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revision: _Optional[int] = ..., staged_policy: _Optional[_Union[StagedPolicy, _Mapping]] = ..., default_policy: _Optional[_Union[ServicePolicy, _Mapping]] = ..., diversions: _Optional[_Iterable[_Union[Diversion, _Mapping]]] = ..., ready_regions: _Optional[_Iterable[str]] = ...) -> None: ...

class Diversion(_message.Message):
    __slots__ = ("cell", "create_time", "end_time", "reason")
    CELL_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    cell: str
    create_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    reason: str
    def __init__(self, cell: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class StagedPolicy(_message.Message):
    __slots__ = ("uid", "policy", "create_time", "state", "reason")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[StagedPolicy.State]
        STATE_BAKING: _ClassVar[StagedPolicy.State]
        STATE_ROLLED_BACK: _ClassVar[StagedPolicy.State]
    STATE_UNSPECIFIED: StagedPolicy.State
    STATE_BAKING: StagedPolicy.State
    STATE_ROLLED_BACK: StagedPolicy.State
    UID_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    uid: str
    policy: ServicePolicy
    create_time: _timestamp_pb2.Timestamp
    state: StagedPolicy.State
    reason: str
    def __init__(self, uid: _Optional[str] = ..., policy: _Optional[_Union[ServicePolicy, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[_Union[StagedPolicy.State, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class ServicePolicy(_message.Message):
    __slots__ = ("record_ttl_seconds", "failover", "scale_to_zero", "health", "zone")
    RECORD_TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FAILOVER_FIELD_NUMBER: _ClassVar[int]
    SCALE_TO_ZERO_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    record_ttl_seconds: int
    failover: FailoverPolicy
    scale_to_zero: bool
    health: HealthPolicy
    zone: _zone_settings_pb2.ZoneSettings
    def __init__(self, record_ttl_seconds: _Optional[int] = ..., failover: _Optional[_Union[FailoverPolicy, _Mapping]] = ..., scale_to_zero: _Optional[bool] = ..., health: _Optional[_Union[HealthPolicy, _Mapping]] = ..., zone: _Optional[_Union[_zone_settings_pb2.ZoneSettings, _Mapping]] = ...) -> None: ...

class HealthPolicy(_message.Message):
    __slots__ = ("rise", "fall", "damping_window", "slow_start")
    RISE_FIELD_NUMBER: _ClassVar[int]
    FALL_FIELD_NUMBER: _ClassVar[int]
    DAMPING_WINDOW_FIELD_NUMBER: _ClassVar[int]
    SLOW_START_FIELD_NUMBER: _ClassVar[int]
    rise: int
    fall: int
    damping_window: _duration_pb2.Duration
    slow_start: _duration_pb2.Duration
    def __init__(self, rise: _Optional[int] = ..., fall: _Optional[int] = ..., damping_window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., slow_start: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class FailoverPolicy(_message.Message):
    __slots__ = ("region_order", "enter_threshold", "exit_threshold", "exit_hold", "minimum_endpoints", "enter_hold", "distances", "overprovisioning", "all_down", "static_addresses")
    class AllDown(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ALL_DOWN_UNSPECIFIED: _ClassVar[FailoverPolicy.AllDown]
        ALL_DOWN_FAIL_OPEN_HOME: _ClassVar[FailoverPolicy.AllDown]
        ALL_DOWN_FAIL_OPEN_ALL: _ClassVar[FailoverPolicy.AllDown]
        ALL_DOWN_LAST_KNOWN_GOOD: _ClassVar[FailoverPolicy.AllDown]
        ALL_DOWN_STATIC: _ClassVar[FailoverPolicy.AllDown]
        ALL_DOWN_SERVFAIL: _ClassVar[FailoverPolicy.AllDown]
        ALL_DOWN_NODATA: _ClassVar[FailoverPolicy.AllDown]
    ALL_DOWN_UNSPECIFIED: FailoverPolicy.AllDown
    ALL_DOWN_FAIL_OPEN_HOME: FailoverPolicy.AllDown
    ALL_DOWN_FAIL_OPEN_ALL: FailoverPolicy.AllDown
    ALL_DOWN_LAST_KNOWN_GOOD: FailoverPolicy.AllDown
    ALL_DOWN_STATIC: FailoverPolicy.AllDown
    ALL_DOWN_SERVFAIL: FailoverPolicy.AllDown
    ALL_DOWN_NODATA: FailoverPolicy.AllDown
    REGION_ORDER_FIELD_NUMBER: _ClassVar[int]
    ENTER_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    EXIT_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    EXIT_HOLD_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    ENTER_HOLD_FIELD_NUMBER: _ClassVar[int]
    DISTANCES_FIELD_NUMBER: _ClassVar[int]
    OVERPROVISIONING_FIELD_NUMBER: _ClassVar[int]
    ALL_DOWN_FIELD_NUMBER: _ClassVar[int]
    STATIC_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    region_order: _containers.RepeatedScalarFieldContainer[str]
    enter_threshold: float
    exit_threshold: float
    exit_hold: _duration_pb2.Duration
    minimum_endpoints: int
    enter_hold: _duration_pb2.Duration
    distances: _containers.RepeatedCompositeFieldContainer[Distance]
    overprovisioning: float
    all_down: FailoverPolicy.AllDown
    static_addresses: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, region_order: _Optional[_Iterable[str]] = ..., enter_threshold: _Optional[float] = ..., exit_threshold: _Optional[float] = ..., exit_hold: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., minimum_endpoints: _Optional[int] = ..., enter_hold: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., distances: _Optional[_Iterable[_Union[Distance, _Mapping]]] = ..., overprovisioning: _Optional[float] = ..., all_down: _Optional[_Union[FailoverPolicy.AllDown, str]] = ..., static_addresses: _Optional[_Iterable[str]] = ...) -> None: ...

class Distance(_message.Message):
    __slots__ = ("start", "end", "distance")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_FIELD_NUMBER: _ClassVar[int]
    start: str
    end: str
    distance: int
    def __init__(self, start: _Optional[str] = ..., end: _Optional[str] = ..., distance: _Optional[int] = ...) -> None: ...

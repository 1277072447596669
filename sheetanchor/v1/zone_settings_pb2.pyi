from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ZoneSettings(_message.Message):
    __slots__ = ("negative_ttl_seconds", "degraded_ttl_seconds", "nameserver_ttl_seconds", "client_networks")
    NEGATIVE_TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    NAMESERVER_TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CLIENT_NETWORKS_FIELD_NUMBER: _ClassVar[int]
    negative_ttl_seconds: int
    degraded_ttl_seconds: int
    nameserver_ttl_seconds: int
    client_networks: ClientNetworks
    def __init__(self, negative_ttl_seconds: _Optional[int] = ..., degraded_ttl_seconds: _Optional[int] = ..., nameserver_ttl_seconds: _Optional[int] = ..., client_networks: _Optional[_Union[ClientNetworks, _Mapping]] = ...) -> None: ...

class ClientNetworks(_message.Message):
    __slots__ = ("networks",)
    NETWORKS_FIELD_NUMBER: _ClassVar[int]
    networks: _containers.RepeatedCompositeFieldContainer[ClientNetwork]
    def __init__(self, networks: _Optional[_Iterable[_Union[ClientNetwork, _Mapping]]] = ...) -> None: ...

class ClientNetwork(_message.Message):
    __slots__ = ("cidr", "region")
    CIDR_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    cidr: str
    region: str
    def __init__(self, cidr: _Optional[str] = ..., region: _Optional[str] = ...) -> None: ...

"""Identifiers and resource names, and the rules that make them DNS labels.

A resource name is what the API shows (`namespaces/a/services/b/instances/c`); a
key is the same thing as a tuple, for use as a dictionary key.
"""

from __future__ import annotations

import re
from typing import NamedTuple, NewType

NamespaceId = NewType("NamespaceId", str)
ServiceId = NewType("ServiceId", str)
InstanceId = NewType("InstanceId", str)
RegionName = NewType("RegionName", str)
CellName = NewType("CellName", str)
FrontendId = NewType("FrontendId", str)
Incarnation = NewType("Incarnation", str)
"""The uid of one registration; a renewal or farewell of another is refused (I37)."""
Generation = NewType("Generation", int)
Epoch = NewType("Epoch", int)
Revision = NewType("Revision", int)
NO_EPOCH, NO_GENERATION = Epoch(0), Generation(0)
"""Before the first."""

LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
LABEL_RULE = "1 to 63 characters: a lower-case letter, then letters, digits and inner hyphens"


class ServiceKey(NamedTuple):
    """Names a service."""

    namespace: NamespaceId
    service: ServiceId

    def __str__(self) -> str:
        return f"namespaces/{self.namespace}/services/{self.service}"

    @property
    def entry(self) -> str:
        """The key of the service in a plan: `{namespace}/{service}`."""
        return f"{self.namespace}/{self.service}"

    @classmethod
    def of_entry(cls, key: str) -> ServiceKey:
        """The service that a key in a plan is of."""
        namespace, _, service = key.partition("/")
        return cls(NamespaceId(namespace), ServiceId(service))


class InstanceKey(NamedTuple):
    """Names an instance."""

    namespace: NamespaceId
    service: ServiceId
    instance: InstanceId

    def __str__(self) -> str:
        return f"namespaces/{self.namespace}/services/{self.service}/instances/{self.instance}"

    @property
    def service_key(self) -> ServiceKey:
        """The service that the instance belongs to."""
        return ServiceKey(self.namespace, self.service)


def is_label(text: str) -> bool:
    """Whether `text` may be an id: it is then a DNS label as it stands (RFC 1123, 2.1)."""
    return LABEL.fullmatch(text) is not None

"""What lives below the names of services, so that all else there is denied by a look-up."""

from __future__ import annotations

from struct import pack

from dns_frontend.plan.entry import ServiceKey
from dns_frontend.plan.ledger import Ledger
from dns_frontend.wire.apex import Apex
from dns_frontend.wire.body import CLASS_IN, NXDOMAIN, Body
from dns_frontend.wire.request import LABEL_OCTETS, NAME_OCTETS, TRANSFERS

FAMILIES_MAXIMUM = 8192
"""Services of which it is remembered; of more, all is forgotten, and remembered as it is asked."""
_CLASS_IN = pack("!H", CLASS_IN)
_TRANSFERS = tuple(pack("!H", each) for each in TRANSFERS)


class Families:
    """The labels right below a service's name, by that name. Filled when names are denied."""

    __slots__ = ("_apex", "_zone_wire", "of")

    def __init__(self, apex: Apex, zone_wire: bytes) -> None:
        self._apex = apex
        self._zone_wire = zone_wire
        self.of: dict[bytes, frozenset[bytes]] = {}
        """By the name in wire form and lower case. It stays the same dictionary."""

    def __repr__(self) -> str:
        return f"Families({len(self.of)})"

    def denied(self, name: bytes, asked: bytes) -> Body | None:
        """The denial of a name right below a service that is remembered; None: it may exist.

        `name` is in lower case, in wire form if it is sound; `asked` is type and class, and
        questions that are not for records of class IN are not answered here.
        """
        octets = len(name)
        if not 0 < octets <= NAME_OCTETS or name[0] > LABEL_OCTETS:
            return None
        if asked[2:] != _CLASS_IN or asked[:2] in _TRANSFERS:
            return None
        end = name[0] + 1
        # what stands behind the label is a name of ours, which is sound
        family = self.of.get(name[end:])
        if family is None or name[1:end] in family:
            return None
        return self._apex.denial(NXDOMAIN, octets - len(self._zone_wire))

    def remember(self, ledger: Ledger) -> None:
        """Keep what lives below a service's name now."""
        if len(self.of) >= FAMILIES_MAXIMUM:
            self.of.clear()
        # a name exists while it does in any region (as `answer.exists` has it)
        names = ledger.children("") if ledger.alive_in else ()
        labels = frozenset(name[0].encode("latin-1") for name in names if len(name) == 1)
        self.of[self._name(ledger.key)] = labels

    def forget(self, service: ServiceKey) -> None:
        """The service has changed."""
        self.of.pop(self._name(service), None)

    def clear(self) -> None:
        """Any service may have changed."""
        self.of.clear()

    def _name(self, key: ServiceKey) -> bytes:
        service, namespace = key.service.encode("latin-1"), key.namespace.encode("latin-1")
        return b"%c%b%c%b\3svc%b" % (
            len(service),
            service,
            len(namespace),
            namespace,
            self._zone_wire,
        )

"""What a server says of itself in class CH, where that is wanted (RFC 4892, section 3)."""

from __future__ import annotations

from importlib.metadata import version as version_of
from struct import pack

from dns_frontend.wire.body import NOERROR, Body, wire_name

CLASS_CH = 3
TYPE_TXT = 16
TYPE_ANY = 255


class Identity:
    """The names `id.server`, `hostname.bind`, `version.server` and `version.bind`."""

    __slots__ = ("_bodies",)

    def __init__(self, server_name: str) -> None:
        version = f"sheetanchor {version_of('sheetanchor')}"
        self._bodies = {
            wire_name(name.split(".")): _text(text)
            for name, text in (
                ("id.server", server_name),
                ("hostname.bind", server_name),
                ("version.server", version),
                ("version.bind", version),
            )
        }

    def __repr__(self) -> str:
        return f"Identity({len(self._bodies)} names)"

    def find(self, name: bytes, record_type: int) -> Body | None:
        """The answer in class CH; None for what is to be refused."""
        return self._bodies.get(name) if record_type in (TYPE_TXT, TYPE_ANY) else None


def _text(text: str) -> Body:
    octets = text.encode("utf-8")[:255]
    data = bytes((len(octets),)) + octets
    record = b"\xc0\x0c" + pack("!HHIH", TYPE_TXT, CLASS_CH, 0, len(data)) + data
    return Body(NOERROR, answer=record, answers=1)

"""How large a request may be, and which of its fields makes it too large.

The transport's own limit is far higher: it refuses without naming a field, so it is only
there to bound memory.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.message import Message

from registry.domain.errors import FieldViolation, InvalidField

MAX_TRANSPORT_OCTETS: Final = 16 * 1024 * 1024
MAX_REQUEST_OCTETS: Final = 1024 * 1024
MAX_INSTANCE_OCTETS: Final = 64 * 1024


def check_request_size(request: Message) -> None:
    """Refuse a request that is too large. Raises InvalidField naming its largest field."""
    octets = request.ByteSize()
    if octets > MAX_REQUEST_OCTETS:
        raise InvalidField(
            FieldViolation(
                _largest_field(request),
                f"makes the request {octets} octets long, more than {MAX_REQUEST_OCTETS}",
            )
        )


def _largest_field(request: Message) -> str:
    """The path of the field that makes a request large: down to the first repeated one."""
    path: list[str] = []
    at = request
    while True:
        sizes = {
            field.name: (_octets(value), value, field.is_repeated)
            for field, value in at.ListFields()
        }
        if not sizes:
            return ".".join(path)
        name = max(sizes, key=lambda key: sizes[key][0])
        _, value, repeated = sizes[name]
        path.append(name)
        if repeated or not isinstance(value, Message):
            return ".".join(path)
        at = value


def _octets(value: Any) -> int:
    match value:
        case Message():
            return int(value.ByteSize())
        case str() | bytes():
            return len(value)
        case int() | float():
            return 8
        case _ if hasattr(value, "items"):
            return sum(_octets(k) + _octets(v) for k, v in value.items())
        case _:
            return sum(_octets(item) for item in value)

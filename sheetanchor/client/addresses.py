"""The addresses of a registry's nodes, and which of them is asked now."""

from __future__ import annotations

from collections.abc import Sequence


def parse_addresses(addresses: str | Sequence[str]) -> tuple[str, ...]:
    """Split `HOST:PORT,HOST:PORT` or take a sequence of them; the order is that of trying.

    Raises ValueError when there is none, or one is not HOST:PORT with a port of 1 to 65535.
    """
    items = addresses.split(",") if isinstance(addresses, str) else list(addresses)
    stripped = tuple(dict.fromkeys(item.strip() for item in items if item.strip()))
    if not stripped:
        raise ValueError("no registry address given; HOST:PORT is wanted")
    for item in stripped:
        host, colon, port = item.rpartition(":")
        if not colon or not host or not port.isascii() or not port.isdigit():
            raise ValueError(f"{item!r} is not HOST:PORT")
        if not 1 <= int(port) <= 65535:
            raise ValueError(f"{item!r}: the port must be 1 to 65535")
    return stripped


class AddressRing:
    """Addresses tried in turn. All must be nodes of the same registry."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = tuple(addresses)
        self._index = 0

    def __repr__(self) -> str:
        return f"AddressRing(current={self.current!r}, of={len(self)})"

    def __len__(self) -> int:
        return len(self._addresses)

    @property
    def addresses(self) -> tuple[str, ...]:
        """All of them, in the order given."""
        return self._addresses

    @property
    def current(self) -> str:
        """The one to ask now."""
        return self._addresses[self._index]

    def advance(self, failed: str) -> str:
        """Turn to the next one, unless somebody has turned away from `failed` already."""
        if failed == self.current:
            self._index = (self._index + 1) % len(self._addresses)
        return self.current

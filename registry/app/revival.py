"""A service that was deleted and made again before its tombstone was published.

The tombstone was planned in good faith, and the database is right to refuse it: by the
service's row the name lives (I7). Nothing is wrong with the rows, and no other number
would help: what is needed is a plan of the service as it is now.
"""

from __future__ import annotations

from registry.app.mirror import Mirror
from registry.domain.names import ServiceKey
from registry.domain.served_name import Asked
from registry.ports import Publication


async def lives_again(publication: Publication, mirror: Mirror) -> bool:
    """Whether it says of a living service that it is deleted. Raises StoreUnavailable."""
    buried = [
        key
        for key, name in publication.names.items()
        if name is not None and name.asked is Asked.TOMBSTONE
    ]
    if not buried:
        return False
    # made again at another node, perhaps: what is planned next must know of it
    await mirror.catch_up()
    known = [mirror.services.get(ServiceKey.of_entry(key)) for key in buried]
    return any(each is not None and each.tombstone_time_ms is None for each in known)

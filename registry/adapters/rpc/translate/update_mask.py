"""The paths of an update's mask (AIP-134), whatever is updated."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from registry.domain.complaints import shown
from registry.domain.errors import FieldViolation, InvalidField


def checked_paths(paths: Sequence[str], known: Collection[str], whole: str) -> tuple[str, ...]:
    """Each path once; `whole` alone where all is meant: by it, by `*`, or by no path at all.

    Raises InvalidField naming each path that is unknown, or not for clients to set.
    """
    # few paths exist: of a longer list no answer needs to quote all
    unknown = [path for path in paths if path not in known and path != "*"][:20]
    if unknown:
        there_are = ", ".join(known)
        raise InvalidField(
            *(
                FieldViolation(
                    "update_mask", f"{shown(path)} is no path to edit; there are {there_are}"
                )
                for path in unknown
            )
        )
    if not paths or "*" in paths or whole in paths:
        return (whole,)
    return tuple(dict.fromkeys(paths))

"""What is worth saying about a registration, as it goes from one standing to the next."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import assert_never

from sheetanchor.cli.field import refusal_text
from sheetanchor.client import InvalidRequest, Standing, Status


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that happened: a word for machines, a sentence for people."""

    event: str
    text: str

    def as_json(self) -> dict[str, str]:
        """The same as a JSON object."""
        return asdict(self)


# notice
#
#   status       | and                      | event
#   -------------|--------------------------|-------------
#   NEW          |                          | -
#   REGISTERING  | had an incarnation       | lease-lost
#   REGISTERING  | an error, none before    | waiting
#   REGISTERING  | else                     | -
#   REGISTERED   | more registrations       | registered
#   REGISTERED   | was UNCONFIRMED          | renewed
#   REGISTERED   | else                     | -
#   LEFT         | the registry said so     | left
#   LEFT         | had an incarnation       | not-deregistered
#   LEFT         | was NEW or REFUSED       | -
#   LEFT         | never had one            | not-registered
#   others       | was another              | named like it
#   others       | was the same             | -
def notice(name: str, before: Standing, after: Standing) -> Notice | None:
    """What to say of `name` now, if anything."""
    why = after.error.message if after.error is not None else "no reason given"
    same = before.status is after.status
    match after.status:
        case Status.NEW:
            return None
        case Status.REGISTERING:
            if before.uid and not after.uid:
                return Notice("lease-lost", f"{name} lost its lease; registering it again")
            if after.error is not None and before.error is None:
                return Notice("waiting", f"not registered yet, and trying on: {why}")
            return None
        case Status.REGISTERED:
            if after.registrations > before.registrations:
                again = " again" if before.registrations else ""
                text = f"registered {name}{again} at {after.registry} as {after.uid}"
                return Notice("registered", text)
            if before.status is Status.UNCONFIRMED:
                return Notice("renewed", f"{name} is renewed again, at {after.registry}")
            return None
        case Status.UNCONFIRMED:
            return None if same else Notice("unconfirmed", f"not renewed, and trying on: {why}")
        case Status.DRAINING:
            return None if same else Notice("draining", f"{name} is draining: no new clients")
        case Status.LEFT:
            return None if same else _left(name, before, after, why)
        case Status.SUPERSEDED:
            text = f"{name} was registered by another process, which has it now: {why}"
            return None if same else Notice("superseded", text)
        case Status.REFUSED:
            return None if same else Notice("refused", f"the registry refuses: {refusal(after)}")
        case _:
            assert_never(after.status)


def _left(name: str, before: Standing, after: Standing, why: str) -> Notice | None:
    if after.deregistered:
        return Notice("left", f"{name} is deregistered")
    if after.uid:
        text = (
            f"{name} is not deregistered; DNS may answer it until a registry ends its lease: {why}"
        )
        return Notice("not-deregistered", text)
    # a refusal has had its line; to the other no registry has ever said yes
    if before.status in (Status.NEW, Status.REFUSED):
        return None
    return Notice("not-registered", f"{name} was not registered at the end")


def refusal(standing: Standing) -> str:
    """Why a registration was refused, each field by its name."""
    error = standing.error
    if isinstance(error, InvalidRequest):
        return refusal_text(error)
    return error.message if error is not None else "no reason given"

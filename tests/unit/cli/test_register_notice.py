"""What `sheetanchor register` says, row by row of its table."""

from __future__ import annotations

import pytest

from sheetanchor.cli.notice import notice
from sheetanchor.client import (
    FieldViolation,
    InvalidRequest,
    RegistryUnreachable,
    Standing,
    Status,
)

AWAY = RegistryUnreachable("registry r did not answer")
HELD = Standing(Status.REGISTERED, uid="u1", registry="r", registrations=1)


@pytest.mark.parametrize(
    ("before", "after", "event"),
    [
        pytest.param(Standing(Status.NEW), Standing(Status.REGISTERING), None, id="begins"),
        pytest.param(
            Standing(Status.REGISTERING),
            Standing(Status.REGISTERING, error=AWAY),
            "waiting",
            id="away at start",
        ),
        pytest.param(
            Standing(Status.REGISTERING, error=AWAY),
            Standing(Status.REGISTERING, error=AWAY, failures=2),
            None,
            id="still away",
        ),
        pytest.param(Standing(Status.REGISTERING), HELD, "registered", id="registered"),
        pytest.param(HELD, HELD, None, id="nothing new"),
        pytest.param(
            HELD, Standing(Status.UNCONFIRMED, error=AWAY), "unconfirmed", id="not renewed"
        ),
        pytest.param(Standing(Status.UNCONFIRMED, registrations=1), HELD, "renewed", id="renewed"),
        pytest.param(HELD, Standing(Status.REGISTERING), "lease-lost", id="lease lost"),
        pytest.param(HELD, Standing(Status.DRAINING), "draining", id="draining"),
        pytest.param(HELD, Standing(Status.LEFT, uid="u1", deregistered=True), "left", id="left"),
        pytest.param(
            HELD, Standing(Status.LEFT, uid="u1", error=AWAY), "not-deregistered", id="unheard"
        ),
        pytest.param(
            Standing(Status.REGISTERING, error=AWAY),
            Standing(Status.LEFT, error=AWAY),
            "not-registered",
            id="never registered",
        ),
        pytest.param(
            Standing(Status.REFUSED, error=AWAY), Standing(Status.LEFT), None, id="refused"
        ),
        pytest.param(Standing(Status.NEW), Standing(Status.LEFT), None, id="never begun"),
        pytest.param(HELD, Standing(Status.SUPERSEDED), "superseded", id="superseded"),
    ],
)
def test_news_are_told_once(before: Standing, after: Standing, event: str | None) -> None:
    """A change is told by its word; what goes on is not told again."""
    said = notice("x", before, after)
    assert (said.event if said else None) == event


def test_second_registration_says_that_it_is_one() -> None:
    """Who reads the log sees that there was a gap."""
    again = Standing(Status.REGISTERED, uid="u2", registry="r", registrations=2)
    lost = Standing(Status.REGISTERING, registrations=1)
    said = notice("x", lost, again)
    assert said is not None
    assert said.text == "registered x again at r as u2"


def test_refusal_names_every_field() -> None:
    """All that is wrong is told at once, each with its field."""
    error = InvalidRequest(
        "2 faults", violations=(FieldViolation("ttl", "too long"), FieldViolation("port", "is 0"))
    )
    said = notice("x", Standing(Status.REGISTERING), Standing(Status.REFUSED, error=error))
    assert said is not None
    assert said.text == "the registry refuses: --ttl: too long; port: is 0"
    assert said.as_json() == {"event": "refused", "text": said.text}

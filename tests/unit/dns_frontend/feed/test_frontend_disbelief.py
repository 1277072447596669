"""What a frontend that probes makes of being believed, or not: every row of the table."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from feed_samples import LIMITS

from dns_frontend.feed.applier import Applier
from dns_frontend.feed.lkg import LastKnownGood
from dns_frontend.feed.observer import Observer, Quarantine, SightReport
from dns_frontend.feed.scribe import Scribe
from dns_frontend.feed.targets import Target
from dns_frontend.plan.cell import Rules
from dns_frontend.plan.zone import ZoneSettings
from dns_frontend.wire.table import AnswerTable

BELIEVED, BLIND = Quarantine(), Quarantine(1_700_000_000_000, "blind")


class Registry:
    """Answers each report with what is next; None: it does not answer."""

    def __init__(self, *answers: Quarantine | None) -> None:
        self.answers = list(answers)
        self.heard: list[SightReport] = []

    async def tell(self, report: SightReport) -> Quarantine | None:
        self.heard.append(report)
        return self.answers.pop(0)


@pytest.fixture
def applier(tmp_path: Path) -> Applier:
    """Of a frontend that serves nothing yet."""
    table = AnswerTable(ZoneSettings("anchor.internal.", ("127.0.0.1",)), "eu", ("eu",))
    scribe = Scribe(LastKnownGood(tmp_path, LIMITS), "f", patience_seconds=60, retry_seconds=0.01)
    return Applier("f", table, scribe, Rules(LIMITS))


def observer_of(registry: Registry, applier: Applier) -> Observer:
    observer = Observer("dns-1", applier, registry.tell)
    observer._targets.all = (Target("eu", "eu", "u1", ("10.0.0.1",), 80),)
    return observer


@pytest.mark.parametrize(
    ("answers", "said", "shown"),
    [
        pytest.param([BELIEVED], [], [0.0], id="believed from the first"),
        pytest.param([BELIEVED, BELIEVED], [], [0.0], id="believed as before"),
        pytest.param([BLIND], [logging.ERROR], [1.0], id="not believed from the first"),
        pytest.param([BELIEVED, BLIND], [logging.ERROR], [1.0], id="not believed any more"),
        pytest.param([BLIND, BLIND], [logging.ERROR], [1.0], id="still not believed"),
        pytest.param(
            [BLIND, BELIEVED], [logging.ERROR, logging.WARNING], [0.0], id="believed again"
        ),
        pytest.param([BLIND, None], [logging.ERROR], [1.0], id="no answer: the last word stays"),
        pytest.param([None], [], [], id="never an answer: nothing is known"),
    ],
)
async def test_every_row_of_what_is_said_of_not_being_believed(
    answers: list[Quarantine | None],
    said: list[int],
    shown: list[float],
    applier: Applier,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    registry = Registry(*answers)
    observer = observer_of(registry, applier)
    for _ in answers:
        await observer.report()
    assert [each.levelno for each in caplog.records] == said
    assert [value for value, _ in observer._disbelieved()] == shown
    if logging.ERROR in said:
        assert vars(caplog.records[0])["why"] == "blind"


async def test_who_is_not_believed_goes_on_telling_and_nothing_twice(applier: Applier) -> None:
    """Only by that is it found to see again."""
    registry = Registry(BLIND, BLIND, None, BLIND)
    observer = observer_of(registry, applier)
    for _ in range(4):
        await observer.report()
    assert [each.findings is not None for each in registry.heard] == [True, False, False, True]


async def test_a_cell_that_has_nothing_to_probe_any_more_is_shown_no_more(
    applier: Applier,
) -> None:
    observer = observer_of(Registry(BLIND), applier)
    await observer.report()
    observer._targets.all = ()
    await observer.report()
    assert list(observer._disbelieved()) == []

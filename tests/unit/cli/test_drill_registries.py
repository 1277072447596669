"""Which registries a rehearsal asks: all that are named, and never a guess in their place."""

from __future__ import annotations

import pytest

from sheetanchor.cli.drill.command import _clusters
from sheetanchor.cli.group import Failure

ONE, ALL = "SHEETANCHOR_REGISTRY", "SHEETANCHOR_REGISTRIES"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (ONE, ALL):
        monkeypatch.delenv(variable, raising=False)


def test_the_option_goes_before_the_variable_and_that_before_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As with every setting."""
    assert _clusters(None) == (("127.0.0.1:5310",),)
    monkeypatch.setenv(ALL, "a:1,b:1;c:1")
    assert _clusters(None) == (("a:1", "b:1"), ("c:1",))
    assert _clusters(["d:1"]) == (("d:1",),)


def test_the_variable_of_one_registry_is_no_list_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither it nor the default would be what is meant; both would miss what is harmed."""
    monkeypatch.setenv(ONE, "a:1")
    with pytest.raises(Failure, match=ALL):
        _clusters(None)
    assert _clusters(["d:1"]) == (("d:1",),)
    monkeypatch.setenv(ALL, "b:1")
    assert _clusters(None) == (("b:1",),)

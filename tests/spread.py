"""How `pytest -n 2` spreads the tests over its processes, so that both end at about the same time.

A process takes a unit whenever it has nearly done what it took, in the order in which one process
would run them (KINDS in conftest.py). A unit is a file, but here:

    tests                 unit        reason
    --------------------  ----------  -----------------------------------------------------------
    conformance/          the folder  tests marked `last` look back at what all others there asked
    e2e/                  one test    the last unit, when the other process has no more, is small
    e2e/test_installed_…  the file    its tests share an installation, which takes long to make
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

WHOLE = "tests/conformance/"
SINGLE = "tests/e2e/"
SHARING = "tests/e2e/test_installed_package.py"


def unit(nodeid: str) -> str:
    """The name of the unit that the test is of."""
    file = nodeid.partition("::")[0]
    if file.startswith(WHOLE):
        return WHOLE
    return nodeid if file.startswith(SINGLE) and file != SHARING else file


class Spread(LoadScopeScheduling):
    """Deals out units."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)

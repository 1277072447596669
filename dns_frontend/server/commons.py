"""What all that answer for one frontend have in common, be they several processes.

A client may be answered by any of them: so a cookie that one made is good at all, and what
it takes is counted once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import SystemRandom

from dns_frontend.server.rates import Rates
from dns_frontend.server.secret import Secrets
from dns_frontend.server.settings import ServerSettings


@dataclass(frozen=True, slots=True)
class Commons:
    """The secrets of cookies, and the rates."""

    secrets: Secrets
    rates: Rates

    @classmethod
    def of(
        cls, settings: ServerSettings, clock: Callable[[], float], wall: Callable[[], float]
    ) -> Commons:
        """Those of a process that answers alone.

        Raises OSError or ValueError when the cookie secrets cannot be used.
        """
        secrets = Secrets(settings.cookie_secrets, clock, wall)
        return cls(secrets, Rates(settings.rates, SystemRandom().getrandbits(64)))

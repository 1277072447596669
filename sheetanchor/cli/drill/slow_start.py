"""An instance joins a service with slow start: its weight in SRV records grows by steps."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import dns.asyncquery
import dns.exception
import dns.message
import dns.rdatatype

from sheetanchor.cli.demo.site import NAME
from sheetanchor.cli.drill.row import Row, timed
from sheetanchor.cli.drill.site_drill import SiteDrill
from sheetanchor.cli.quantity import counted

SLOW_START_SECONDS = 20
LATE_SECONDS = 10.0
"""The rise before it, and the planner after each step."""
FIRST_SHARE = 0.3


class SlowStart(SiteDrill):
    """Two run with their full weight; one starts."""

    title = "sheetanchor drill slow-start"
    about = f"An instance is started anew in a service with {SLOW_START_SECONDS} s of slow start."
    slow_start_seconds = SLOW_START_SECONDS

    shares: list[tuple[float, float]]
    """Seconds since the start, and its weight as a part of its neighbour's."""

    async def _play(self) -> None:
        hurt = self._regions[0]
        self.shares = []
        # those that began with the service start slowly, too, side by side: no difference shows
        await self._kill_one()
        begin = time.monotonic()
        while time.monotonic() - begin < SLOW_START_SECONDS + LATE_SECONDS:
            self._check()
            await asyncio.sleep(0.1)
        started = time.monotonic()
        hurt.instances[0].start()
        self._mark("started", f"an instance of {hurt.name} is started anew", started)
        end = started + SLOW_START_SECONDS + 2 * LATE_SECONDS
        while time.monotonic() < end:
            self._check()
            share = await self._share(hurt.dns_port, hurt.client)
            if share is not None and (not self.shares or self.shares[-1][1] != share):
                self.shares.append((time.monotonic() - started, share))
                self._mark("weight", f"its weight is {share:.0%} of its neighbour's")
            if share == 1.0:
                return
            await asyncio.sleep(0.1)

    async def _share(self, port: int, client: str) -> float | None:
        """The newcomer's weight over its neighbour's, by SRV records; None: it is not there."""
        query = dns.message.make_query(NAME, dns.rdatatype.SRV, use_edns=0, payload=1232)
        try:
            reply = await dns.asyncquery.udp(query, "127.0.0.1", 2.0, port, source=client)
        except (dns.exception.DNSException, OSError):
            return None
        records: list[Any] = [record for records in reply.answer for record in records]
        weights = {str(record.target).split(".")[0]: record.weight for record in records}
        hurt, _ = self._regions
        new, old = f"{hurt.name}-1", f"{hurt.name}-2"
        if new not in weights or old not in weights:
            return None
        return float(weights[new]) / float(weights[old])

    def rows(self) -> list[Row]:
        """What was expected, and what came."""
        shares = [share for _, share in self.shares]
        first = f"{shares[0]:.0%}" if shares else "not seen"
        full = [at - self.shares[0][0] for at, share in self.shares if share == 1.0]
        return [
            Row(
                "an instance joins",
                f"it begins with at most {FIRST_SHARE:.0%} of a weight",
                first,
                bool(shares) and shares[0] <= FIRST_SHARE,
            ),
            Row(
                "as time goes by",
                "its weight rises, and never falls",
                f"{counted(len(shares), 'step')}: " + ", ".join(f"{share:.0%}" for share in shares),
                len(shares) >= 3 and shares == sorted(shares),
            ),
            timed(
                f"{SLOW_START_SECONDS} s later",
                "it has its whole weight",
                SLOW_START_SECONDS + LATE_SECONDS,
                full[0] if full else None,
            ),
            *super().rows(),
        ]

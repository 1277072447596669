"""A frontend that dies half a second after it begins to serve `shop/poison`; a program.

usage: fragile_frontend.py DATA_DIR DNS_PORT REGISTRY
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Collection, Mapping
from pathlib import Path

from dns_frontend import main
from dns_frontend.config import FeedSettings, FrontendSettings
from dns_frontend.plan.content import Content
from dns_frontend.plan.entry import CellPosition, ServiceEntry
from dns_frontend.wire.table import AnswerTable

SOAK_SECONDS = 2.0
_NOTHING: Mapping[str, ServiceEntry] = {}


class FragileTable(AnswerTable):
    """Has a mistake that one service's entry brings out, some time after it was loaded."""

    def attach(
        self,
        position: CellPosition,
        content: Content,
        now: float,
        held: Mapping[str, ServiceEntry] = _NOTHING,
    ) -> None:
        super().attach(position, content, now, held)
        self._suffer(content.entry("shop/poison"))

    def update(
        self,
        position: CellPosition,
        changed: Mapping[str, ServiceEntry],
        removed: Collection[str],
        now: float,
        held: Mapping[str, ServiceEntry] = _NOTHING,
        content: Content | None = None,
    ) -> None:
        super().update(position, changed, removed, now, held, content)
        self._suffer(changed.get("shop/poison"))

    def _suffer(self, poison: ServiceEntry | None) -> None:
        if poison is not None and not poison.tombstoned:
            timer = threading.Timer(0.5, os._exit, (70,))
            timer.daemon = True
            timer.start()


if __name__ == "__main__":
    main.AnswerTable = FragileTable  # type: ignore[misc]  # the seam of this program
    directory, port, registry = sys.argv[1:]
    main.run(
        FrontendSettings(
            "fragile",
            "eu",
            ("eu",),
            ((registry,),),
            Path(directory),
            port=int(port),
            feed=FeedSettings(soak_seconds=SOAK_SECONDS, good_interval_seconds=0.2),
        )
    )

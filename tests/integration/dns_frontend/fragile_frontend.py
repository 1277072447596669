"""A frontend that dies of `shop/poison`, some time after it began to serve it; a program.

usage: fragile_frontend.py DATA_DIR DNS_PORT REGISTRY SOAK_SECONDS
It dies when there is a file named `fuse` beside DATA_DIR.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from dns_frontend import main
from dns_frontend.config import FeedSettings, FrontendSettings
from dns_frontend.plan.content import Content
from dns_frontend.plan.entry import CellPosition, ServiceEntry
from dns_frontend.wire.table import AnswerTable

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
            threading.Thread(target=_die_by_the_fuse, daemon=True).start()


def _die_by_the_fuse() -> None:
    while not FUSE.exists():
        time.sleep(0.01)
    os._exit(70)


if __name__ == "__main__":
    main.AnswerTable = FragileTable  # type: ignore[misc]  # the seam of this program
    directory, port, registry, soak_seconds = sys.argv[1:]
    FUSE = Path(directory).with_name("fuse")
    main.run(
        FrontendSettings(
            "fragile",
            "eu",
            ("eu",),
            ((registry,),),
            Path(directory),
            port=int(port),
            feed=FeedSettings(
                soak_seconds=float(soak_seconds),
                good_interval_seconds=0.2,
                # what it dies of is on disk in its next life, however busy the disk is
                disk_patience_seconds=30.0,
            ),
        )
    )

"""A canary frontend of its own, to be killed; a program.

usage: canary_frontend.py DATA_DIR DNS_PORT REGISTRY
"""

from __future__ import annotations

import sys
from pathlib import Path

from dns_frontend import main
from dns_frontend.config import FeedSettings, FrontendSettings
from dns_frontend.plan.role import Role

if __name__ == "__main__":
    directory, port, registry = sys.argv[1:]
    main.run(
        FrontendSettings(
            "canary",
            "eu",
            ("eu", "us", "ap"),
            ((registry,),),
            Path(directory),
            port=int(port),
            role=Role.CANARY,
            feed=FeedSettings(rehearsal_seconds=0.1),
        )
    )

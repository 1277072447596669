"""The file that a worker is started by, so that lists of processes show what it is.

It runs the code that it lies among, which need not be installed.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from dns_frontend.workers.worker import main

    main(sys.argv[1:])

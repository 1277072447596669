"""Who types: what the registry and frontends write down beside what was done by hand."""

from __future__ import annotations

import getpass
import socket


def actor() -> str:
    """As `USER@HOST`. It is a word, and no proof."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user without a name
        user = "somebody"
    return f"{user}@{socket.gethostname()}"

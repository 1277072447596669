"""What a worker logs is logged by its frontend: one stream, one form, one level."""

from __future__ import annotations

import asyncio
import json
import logging

from dns_frontend.workers.channel import Channel
from dns_frontend.workers.frame import HEAD_OCTETS, Frame, Kind
from dns_frontend.workers.retelling import letter

WAITING_MAXIMUM = 100
"""Lines that wait for a frontend that does not read; further ones are lost."""
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_FORMAT = logging.Formatter()


class ChannelHandler(logging.Handler):
    """Sends each record to the frontend."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel
        self._loop = asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        """Send it, or lose it: to log must never hold up an answer."""
        if len(self._channel) > WAITING_MAXIMUM:
            return
        extra = {k: str(v) for k, v in record.__dict__.items() if k not in _STANDARD}
        if record.exc_info:
            extra["exception"] = _FORMAT.formatException(record.exc_info)
        told = {
            "logger": record.name,
            "level": record.levelno,
            "message": record.getMessage(),
            "extra": extra,
        }
        if len(json.dumps(told)) > HEAD_OCTETS:
            told["extra"] = {}
            told["message"] = str(told["message"])[:1000]
        self._loop.call_soon_threadsafe(self._channel.put, letter(Kind.LOGGED, told))


def log_again(frame: Frame, worker: int) -> None:
    """Log what a worker has."""
    told = frame.head
    extra = {**told["extra"], "worker": worker}
    logging.getLogger(told["logger"]).log(told["level"], "%s", told["message"], extra=extra)

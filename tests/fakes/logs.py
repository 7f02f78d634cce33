"""What an operator's log would hold, as text; the set-up of the process is put back afterwards."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from bot.telemetry.logs import set_up_logs


@contextmanager
def logged(level: str = "debug") -> Iterator[io.StringIO]:
    """Everything that is logged while the block lasts, by whomever, after redaction."""
    root = logging.getLogger()
    handlers, threshold, config = root.handlers[:], root.level, structlog.get_config()
    stream = io.StringIO()
    set_up_logs(level=level, shape="json", stream=stream)
    try:
        yield stream
    finally:
        root.handlers[:] = handlers
        root.setLevel(threshold)
        structlog.configure(**config)
        logging.captureWarnings(capture=False)

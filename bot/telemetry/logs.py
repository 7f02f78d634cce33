"""Logs: events with fields, one shape for our own and for every library's, on standard error.

Redaction happens in the formatter, on the finished line: nothing that is logged through the standard library can go
around it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from typing import TextIO

import structlog
from structlog.typing import Processor

from bot.telemetry.redaction import Redactor

_CHATTY = ("httpx", "httpcore", "aiosqlite", "PIL", "asyncio", "urllib3", "alembic", "uvicorn.access", "procrastinate")
"""Libraries whose INFO lines tell nothing an operator needs; httpx's even hold whole addresses."""


class RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Formats as structlog does, then takes the secrets out of the finished line."""

    def __init__(self, redactor: Redactor, *, processors: list[Processor], foreign: list[Processor]) -> None:
        super().__init__(processors=processors, foreign_pre_chain=foreign)
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """One line (a traceback adds more), without secrets."""
        return self._redactor(super().format(record))

    def hide(self, secrets: Iterable[str]) -> None:
        """Take these out as well from now on."""
        self._redactor.hide(secrets)


def set_up_logs(
    *, level: str = "info", shape: str = "auto", secrets: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Send everything that is logged in this process to `stream` (standard error), redacted.

    `shape` is `console`, `json`, or `auto`: console on a terminal and JSON elsewhere. Calling it again replaces what
    was set up before.
    """
    stream = sys.stderr if stream is None else stream
    threshold = logging.getLevelNamesMapping()[level.upper()]
    is_console = shape == "console" or (shape == "auto" and stream.isatty())
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    render: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if is_console:
        # The plain traceback: the pretty one prints local variables, and those hold what must not be printed.
        plain = structlog.dev.plain_traceback
        render.append(structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain))
    else:
        render += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]

    handler = logging.StreamHandler(stream)
    handler.setFormatter(RedactingFormatter(Redactor(secrets), processors=render, foreign=before))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    logging.captureWarnings(capture=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def hide(secrets: Iterable[str]) -> None:
    """Keep these out of the logs as well: secrets that no setting holds, known only after the start."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, RedactingFormatter):
            handler.formatter.hide(secrets)

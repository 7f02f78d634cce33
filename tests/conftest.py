"""Every test: property tests take the same examples each time, so that a run says something about the code alone.

`REELBOT_TEST_RANDOM=1` takes new ones; what they find becomes an example of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

settings.register_profile("reelbot", derandomize=not os.environ.get("REELBOT_TEST_RANDOM"), deadline=None)
settings.load_profile("reelbot")

# As the product writes them. What structlog does by itself, where Rich is there, takes seconds for one traceback.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.fixture(autouse=True)
def _databases_of_the_test() -> Iterator[None]:
    """What a test made in the PostgreSQL of its process is removed after it."""
    yield
    if "tests.postgres" in sys.modules:
        sys.modules["tests.postgres"].drop_databases()

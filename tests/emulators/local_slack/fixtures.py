"""`local_slack`, for tests that use it: import it into a `conftest.py`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.emulators.local_slack.install import Unavailable
from tests.emulators.local_slack.world import SlackWorld

__all__ = ["a_local_slack", "local_slack"]


@contextmanager
def a_local_slack(folder: Path, *, request_url: str | None = None) -> Iterator[SlackWorld]:
    """A Slack of its own; with `request_url` the app hears over HTTP, else over Socket Mode. Skips where it cannot run."""
    try:
        slack = SlackWorld(folder / "slack", request_url=request_url)
    except Unavailable as why:
        pytest.skip(str(why))
    with slack:
        yield slack


@pytest.fixture
def local_slack(tmp_path: Path) -> Iterator[SlackWorld]:
    """A Slack of its own, on Socket Mode."""
    with a_local_slack(tmp_path) as slack:
        yield slack

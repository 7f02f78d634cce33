"""Fixtures of the stores' suites: every test runs once for each implementation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conformance.stores import IMPLEMENTATIONS, StoreBench, open_stores


@pytest.fixture(params=IMPLEMENTATIONS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def bench(kind: str, tmp_path: Path) -> AsyncIterator[StoreBench]:
    async with open_stores(kind, tmp_path) as found:
        yield found


@pytest.fixture
async def elsewhere(kind: str, tmp_path: Path, bench: StoreBench) -> AsyncIterator[StoreBench]:
    """What another process sees."""
    async with open_stores(kind, tmp_path, clock=bench.clock) as found:
        yield found

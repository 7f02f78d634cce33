"""One warm zygote per test process, and one folder where all of them say which points they have seen to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.stage import Zygote, prepare_template
from tests.postgres import PostgresServer


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    with Zygote() as started:
        prepare_template(started, tmp_path_factory.mktemp("template"))
        yield started


@pytest.fixture(scope="session")
def cluster_zygote() -> Iterator[Zygote]:
    """Its patients live on a PostgreSQL that syncs, with the engine of many workers."""
    with Zygote() as started:
        started.server = PostgresServer(durable=True)
        try:
            yield started
        finally:
            started.server.remove()


@pytest.fixture(scope="session")
def claims(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    own = tmp_path_factory.getbasetemp()
    return (own if worker_id == "master" else own.parent) / "claimed-points"

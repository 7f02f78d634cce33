"""One warm zygote per test process, and the recording of the plain story to compare the others with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.plan import record
from tests.crash.stage import Zygote, prepare_template
from tests.crash.stories import STORIES


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    with Zygote() as started:
        prepare_template(started, tmp_path_factory.mktemp("template"))
        yield started


@pytest.fixture(scope="session")
def plain(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Every point of a job to which nothing happens."""
    return record(zygote, tmp_path_factory.mktemp("plain") / "stage", STORIES[0])

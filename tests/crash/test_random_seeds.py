"""Promises 1 to 5 again: many jobs at once, everything going wrong, SIGKILL at random times, twenty seeds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.seeds import live_through_a_seed
from tests.crash.stage import Zygote

pytestmark = pytest.mark.crash


@pytest.mark.parametrize("seed", range(20))
def test_seed(zygote: Zygote, tmp_path: Path, seed: int) -> None:
    assert live_through_a_seed(zygote, tmp_path / "stage", seed) == []

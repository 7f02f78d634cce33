"""The suite must notice when the product is broken on purpose. `make crash` lets every mutation face everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.mutations import MUTATIONS
from tests.crash.soak import first_red
from tests.crash.stage import Zygote

pytestmark = pytest.mark.crash


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_it_goes_red_under(zygote: Zygote, tmp_path: Path, mutation: str) -> None:
    assert first_red(zygote, tmp_path, mutation) is not None, f"nothing noticed {mutation}"

"""The promises hold on both databases: whatever plays in a house plays in one of each."""

from __future__ import annotations

import pytest

from tests import house

ON_ITS_OWN_GROUND = ("test_6_", "test_7_")
"""These open processes, pages and SQLite files of their own."""


@pytest.fixture(autouse=True, params=house.GROUNDS)
def ground(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the houses of this test stand on."""
    monkeypatch.setattr(house, "GROUND", request.param)
    return str(request.param)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that stands on its own ground is played once."""
    items[:] = [
        item
        for item in items
        if not (
            item.path.name.startswith(ON_ITS_OWN_GROUND) and "promises" in item.path.parts and "postgresql" in item.name
        )
    ]

"""The doctor says where alerts go, and warns where nobody would hear of something that costs money."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.doctor.alerts import finding
from tests.fakes.provider import FakeProvider
from tests.house import a_house


@pytest.mark.parametrize(
    ("settings", "provider", "status", "said"),
    [
        ({}, "local", "ok", "alerts go to the log only"),
        ({}, "judge", "warn", "alerts go nowhere"),
        ({"discord": {"token": "x" * 30}}, "local", "warn", "alerts go nowhere"),
        ({"slack": {"bot_token": "xoxb-1-1-aaaaaaaa"}}, "local", "warn", "alerts go nowhere"),
        (
            {"discord": {"token": "x" * 30}, "alerts": {"discord_channel": "7"}},
            "judge", "ok", "alerts go to a Discord channel",
        ),
        ({"alerts": {"slack_channel": "C1"}}, "judge", "warn", "REELBOT_ALERTS__SLACK_CHANNEL is set"),
    ],
)  # fmt: skip
async def test_it_says_where_alerts_go(
    tmp_path: Path, settings: dict[str, object], provider: str, status: str, said: str
) -> None:
    """Nowhere is fine only where nothing is paid, and nobody but the operator asks."""
    async with a_house(tmp_path, providers=[FakeProvider(provider)], **settings) as house:
        found = finding(house.app)

    assert (found.id, found.status) == ("alerts", status)
    assert said in found.what
    assert (status == "warn") == bool(found.fix)

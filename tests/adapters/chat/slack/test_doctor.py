"""What `reelbot doctor` finds between Slack and us: each finding says what, why it matters, and how to fix it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.chat.slack.scopes import NEEDED, READ_THREADS
from bot.doctor.finding import Finding
from bot.workspaces import Installation
from tests.emulators.slack_bench import SlackBench, _bench, _world  # noqa: F401 - fixtures

AN_INSTALLATION = Installation(
    platform="slack", workspace="T1", enterprise=None, is_org=False, app="A1", bot_user="U1", bot="B1", scopes=(),
    token="xoxb", name="Elsewhere", installed_by=None, installed_at=datetime(2026, 1, 1, tzinfo=UTC),
)  # fmt: skip


async def found(slack: SlackBench, alerts_channel: str | None = None) -> dict[str, Finding]:
    """Every finding by its id; what is wrong says why, and what to do."""
    findings = [each async for each in slack.courier.examine(alerts_channel)]
    for each in findings:
        assert each.what
        assert each.status == "ok" or (each.why and each.fix)
        assert "xoxb" not in f"{each}"
    return {each.id: each for each in findings}


def a_workspace(slack: SlackBench, *scopes: str) -> dict[str, Any]:
    """One whose app has these scopes."""
    workspace = slack.world.workspace("Lean", installed=True)
    slack.world.scopes(*scopes, team=workspace["id"])
    return workspace


async def test_all_is_well(slack: SlackBench) -> None:
    """Nothing is asked that changes anything."""
    findings = await found(slack)

    assert {name: each.status for name, each in findings.items()} == {"slack": "ok", "slack.scopes": "ok"}
    assert slack.world.posted() == []


@pytest.mark.parametrize("lacking", sorted(NEEDED))
async def test_a_missing_scope_is_named_with_what_it_is_for(slack: SlackBench, lacking: str) -> None:
    """Each one that is needed."""
    workspace = a_workspace(slack, *(scope for scope in NEEDED if scope != lacking))
    slack.open(token=workspace["token"])

    finding = (await found(slack))["slack.scopes"]

    assert finding.status == "fail"
    assert lacking in finding.what
    assert NEEDED[lacking] in (finding.why or "")
    assert "reelbot manifest slack" in (finding.fix or "")


async def test_reading_along_is_said(slack: SlackBench) -> None:
    """It is a right that admins like to know of."""
    workspace = a_workspace(slack, *NEEDED, *READ_THREADS)
    slack.open(token=workspace["token"])

    assert "in a thread are read" in (await found(slack))["slack.scopes"].what


@pytest.mark.parametrize("known", [False, True])
async def test_a_refused_token_is_a_failure_every_time(slack: SlackBench, known: bool) -> None:
    """Also for a process that knew it to be good, and that was told just now: what counts is what Slack says at this moment."""
    workspace = slack.world.workspace("Gone", installed=True)
    slack.open(token=workspace["token"])
    if known:
        await slack.bots.home()
    slack.world.uninstall(workspace["id"])

    findings = [await found(slack) for _ in range(2)]

    assert [{name: each.status for name, each in one.items()} for one in findings] == [{"slack.token": "fail"}] * 2


@pytest.mark.parametrize("fault", ["status:503", "reset", "429:0", "html", "error:fatal_error"])
async def test_a_slack_that_does_not_answer_is_a_warning(slack: SlackBench, fault: str) -> None:
    """It may answer again in a minute."""
    slack.world.fault("auth.test", fault, times=9)

    findings = await found(slack)

    assert {name: each.status for name, each in findings.items()} == {"slack": "warn"}


class Installations:
    """Two workspaces, and one whose token cannot be opened."""

    def __init__(self, *known: Installation) -> None:
        self.known = known

    async def all(self, _platform: str) -> list[Installation]:
        return list(self.known)

    async def unopenable(self, _platform: str) -> list[str]:
        return ["Closed"]


async def test_every_workspace_that_added_us_is_asked(slack: SlackBench) -> None:
    """By name: who is well, who lacks something, who removed us, whose token is sealed by another key."""
    good, lean, gone = (a_workspace(slack, *NEEDED) for _ in range(3))
    slack.world.scopes("chat:write", team=lean["id"])
    slack.world.uninstall(gone["id"])
    installations: Any = Installations(
        *(
            replace(AN_INSTALLATION, workspace=each["id"], token=each["token"], name=name)
            for name, each in (("Good", good), ("Lean", lean), ("Gone", gone))
        )
    )
    slack.open(token=None, installations=installations)

    findings = [each async for each in slack.courier.examine(None)]

    assert [(each.status, each.id) for each in findings] == [
        ("ok", "slack.installation"), ("warn", "slack.scopes"), ("warn", "slack.installation"), ("fail", "slack.sealed"),
    ]  # fmt: skip
    assert [name in each.what for name, each in zip(("Good", "Lean", "Gone", "Closed"), findings, strict=True)] == [
        True
    ] * 4


class TestAlerts:
    """The channel for alerts, as far as it may be asked for."""

    async def test_where_it_may_not_be_asked_for_nothing_is_wrong(self, slack: SlackBench) -> None:
        """With the scopes we need."""
        assert (await found(slack, slack.channel))["slack.alerts"].status == "ok"

    @pytest.mark.parametrize(("channel", "status"), [("", "ok"), ("C0NOWHERE00", "warn")])
    async def test_where_it_may_it_is(self, slack: SlackBench, channel: str, status: str) -> None:
        workspace = a_workspace(slack, *NEEDED, "channels:read")
        room = slack.world.new_channel("alerts", team=workspace["id"])
        slack.open(token=workspace["token"])

        assert (await found(slack, channel or room))["slack.alerts"].status == status

    async def test_without_a_token_of_the_settings_there_is_none(self, slack: SlackBench) -> None:
        slack.open(token=None)

        finding = (await found(slack, "C1"))["slack.alerts"]

        assert finding.status == "warn"
        assert "REELBOT_SLACK__BOT_TOKEN" in finding.what

    async def test_while_slack_does_not_answer_it_is_not_known(self, slack: SlackBench) -> None:
        """A channel that cannot be asked for is no reason to correct a setting."""
        slack.world.fault("conversations.info", "status:503")

        findings = [each async for each in slack.courier.examine(slack.channel)]

        assert "Invite" not in str(findings[-1].fix)

"""In whose name a clip is posted, and taken back: before an emulated Slack on a real socket."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.errors import DeliveryDelayed, DeliveryRefused
from bot.jobs.model import Delivery, Requester
from bot.workspaces import Installation
from tests.adapters.chat.slack.deliveries import Delivering, delivering
from tests.emulators.slack_bench import SlackBench, _bench, _world  # noqa: F401 - fixtures


class Installations:
    """What was added in the browser, as the database remembers it."""

    def __init__(self) -> None:
        self.known: dict[tuple[str | None, str | None], Installation] = {}

    def add(self, token: str, team: str | None, enterprise: str | None = None) -> None:
        """Somebody added the bot; an organisation has no team."""
        self.known[team, enterprise if team is None else None] = Installation(
            platform="slack", workspace=team, enterprise=enterprise, is_org=team is None, app="A1", bot_user="U1",
            bot="B1", scopes=(), token=token, name="Elsewhere", installed_by=None,
            installed_at=datetime(2026, 1, 1, tzinfo=UTC),
        )  # fmt: skip

    async def find(self, _platform: str, workspace: str | None, enterprise: str | None) -> Installation | None:
        return self.known.get((workspace, None)) or self.known.get((None, enterprise))


class TestWorkspaces:
    """Each is served in its own name."""

    def elsewhere(
        self, slack: SlackBench, workspace: dict[str, Any], *, root: str | None = None, enterprise: str | None = None
    ) -> Requester:
        bob = slack.world.person("Bob", team=workspace["id"])
        channel = slack.world.new_channel("studio", bob, team=workspace["id"])
        anchor = {"team": workspace["id"], "channel": channel} | ({"enterprise": enterprise} if enterprise else {})
        return Requester(
            platform="slack", workspace=workspace["id"], user=bob, channel=channel, anchor=json.dumps(anchor)
        )

    def known(self, slack: SlackBench) -> Any:
        installations: Any = Installations()
        slack.open(installations=installations)
        return installations

    async def test_two_workspaces_get_each_its_own(self, slack: SlackBench) -> None:
        workspace = slack.world.workspace("Elsewhere", installed=True)
        self.known(slack).add(workspace["token"], workspace["id"])
        here, there = await delivering(slack), await delivering(slack)
        there.asked_by(self.elsewhere(slack, workspace))

        await here.to_the_end()
        await there.to_the_end()

        assert [share["channel"] for share in here.shares] == [here.channel]
        assert [share["channel"] for share in there.shares] == [there.channel]
        [message] = slack.world.from_bot(there.channel)
        assert message["user"] == workspace["bot"]

    async def test_of_a_whole_organisation(self, slack: SlackBench) -> None:
        """One token for all of its workspaces, of which it names none."""
        enterprise = slack.world.enterprise("Big")
        workspace = slack.world.workspace("Part of it", enterprise=enterprise)
        token = slack.world.grant(workspace["id"], org=True)["token"]
        self.known(slack).add(token, None, enterprise)
        delivery = await delivering(slack)

        await delivery.asked_by(self.elsewhere(slack, workspace, enterprise=enterprise)).to_the_end()

        assert [share["channel"] for share in delivery.shares] == [delivery.channel]

    async def test_a_refused_token_of_the_settings_holds_up_nobody_else(self, slack: SlackBench) -> None:
        workspace = slack.world.workspace("Elsewhere", installed=True)
        installations: Any = Installations()
        installations.add(workspace["token"], workspace["id"])
        slack.open(token="xoxb-no-longer", installations=installations)
        there, here = await delivering(slack), await delivering(slack)

        await there.asked_by(self.elsewhere(slack, workspace)).to_the_end()
        with pytest.raises(DeliveryDelayed, match="operator"):
            await here.once()

        assert len(there.shares) == 1

    async def test_removed_from_a_workspace_it_says_so(self, slack: SlackBench) -> None:
        """Every way to post there is gone; the clip is kept."""
        workspace = slack.world.workspace("Elsewhere", installed=True)
        self.known(slack).add(workspace["token"], workspace["id"])
        delivery = (await delivering(slack)).asked_by(self.elsewhere(slack, workspace))
        slack.world.uninstall(workspace["id"])

        with pytest.raises(DeliveryRefused, match="add it again"):
            await delivery.to_the_end()

    async def test_never_added_to_a_workspace_it_says_the_same(self, slack: SlackBench) -> None:
        self.known(slack)
        workspace = slack.world.workspace("Elsewhere")
        delivery = (await delivering(slack)).asked_by(
            replace(slack.requester(), anchor=json.dumps({"team": workspace["id"], "channel": "C0"}))
        )

        with pytest.raises(DeliveryRefused, match="add it again"):
            await delivery.to_the_end()

    async def test_added_once_more_it_goes_on_with_the_new_token(self, slack: SlackBench) -> None:
        """The old one is remembered for a minute; what it is refused with is a reason to look."""
        workspace = slack.world.workspace("Elsewhere", installed=True)
        installations = self.known(slack)
        installations.add(workspace["token"], workspace["id"])
        requester = self.elsewhere(slack, workspace)
        await (await delivering(slack)).asked_by(requester).to_the_end()
        slack.world.uninstall(workspace["id"])
        installations.add(slack.world.grant(workspace["id"])["token"], workspace["id"])
        slack.world.invite_bot(requester.channel or "")
        delivery = (await delivering(slack)).asked_by(requester)

        await delivery.to_the_end()

        assert len(delivery.shares) == 1


class TestTakenBack:
    """What was posted can be taken back, words and all."""

    async def delivered(self, slack: SlackBench) -> tuple[Delivering, Delivery]:
        delivery = await delivering(slack)
        receipt = await delivery.to_the_end()
        return delivery, self.row(delivery, reference=receipt.reference, method=receipt.method, outcome="posted")

    def row(self, delivery: Delivering, **facts: Any) -> Delivery:
        parcel = delivery.parcel
        checkpoint = delivery.saved[-1] if delivery.saved else None
        place = f"slack:{delivery.channel}"
        return Delivery(
            id=parcel.delivery_id, job_id=parcel.job_id, number=1, place=place, checkpoint=checkpoint, **facts
        )

    async def test_the_files_and_their_message_go(self, slack: SlackBench) -> None:
        delivery, row = await self.delivered(slack)

        assert await slack.courier.retract(row, delivery.parcel.requester)
        assert await slack.courier.retract(row, delivery.parcel.requester), "again does no harm"

        assert slack.world.from_bot(delivery.channel, delivery.parcel.requester.thread) == []
        assert len(slack.world.journal("file-deleted")) == 1

    async def test_also_of_a_delivery_whose_end_is_not_known(self, slack: SlackBench) -> None:
        """Its files were written down before anybody could see them."""
        delivery = await delivering(slack)
        slack.world.fault("files.completeUploadExternal", "reset", when="after")
        with pytest.raises(DeliveryDelayed):
            await delivery.once()
        assert len(delivery.shares) == 1

        assert await slack.courier.retract(self.row(delivery), delivery.parcel.requester)

        assert slack.world.from_bot(delivery.channel, delivery.parcel.requester.thread) == []

    async def test_of_one_that_is_still_to_be_shown_nothing_will_be(self, slack: SlackBench) -> None:
        delivery = await delivering(slack)
        slack.world.knobs(share_delay_s=0.1)
        slack.world.fault("files.completeUploadExternal", "reset", when="after")
        with pytest.raises(DeliveryDelayed):
            await delivery.once()

        assert await slack.courier.retract(self.row(delivery), delivery.parcel.requester)

        slack.world.say(slack.alice, delivery.channel, "nothing there?")
        assert len(slack.world.journal("file-deleted")) == 1
        assert delivery.shares == []

    async def test_an_address_goes_with_the_card(self, slack: SlackBench) -> None:
        delivery = await delivering(slack)
        row = self.row(delivery, method="link", reference="https://reelbot.example/x", outcome="posted")

        assert await slack.courier.retract(row, delivery.parcel.requester)

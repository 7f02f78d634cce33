"""Where a clip goes when its best place does not take it, and in what size: before an emulated Slack on a real socket."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.errors import BadInput, DeliveryDelayed, DeliveryRefused, DeliveryUnclear, Withheld
from bot.jobs.model import AssetKind, Requester
from bot.media_values import ClipFacts, FittedClip
from bot.ports import Button, JobCard
from tests.adapters.chat.slack.deliveries import Delivering, delivering, nowhere
from tests.emulators.slack_bench import SlackBench, _bench, _world  # noqa: F401 - fixtures
from tests.emulators.slack_world import SlackWorld
from tests.fakes.workshop import FakeWorkshop

MB = 1_000_000


def a_card(requester: Requester, job_id: str) -> JobCard:
    return JobCard(job_id=job_id, version=1, requester=requester, state="delivering", headline="Posting the clip")


class TestThreads:
    """The clip stands where the conversation is."""

    async def test_in_the_thread_it_was_asked_in(self, slack: SlackBench) -> None:
        """At its root, also when a reply in it asked."""
        root = slack.world.say(slack.alice, slack.channel, "look")
        reply = slack.world.say(slack.alice, slack.channel, "animate this", thread=root["ts"])
        delivery = await delivering(slack)

        await delivery.asked_by(slack.requester(root=root["ts"], asked=reply["ts"])).to_the_end()

        assert [share["thread"] for share in delivery.shares] == [root["ts"]]

    async def test_without_one_the_card_begins_it(self, slack: SlackBench) -> None:
        """Where a form was used there is no message to answer."""
        delivery = await delivering(slack)
        requester = slack.requester()
        at = await slack.courier.show(a_card(requester, delivery.parcel.job_id), None)
        delivery.parcel = replace(delivery.parcel, card=at)

        await delivery.asked_by(requester).to_the_end()

        assert at is not None
        assert [share["thread"] for share in delivery.shares] == [at.reference.partition(":")[2]]

    async def test_under_the_card_in_direct_messages(self, slack: SlackBench) -> None:
        """The card is there already, because it could not be where it was asked for."""
        slack.world.remove_bot(slack.channel)
        delivery = await delivering(slack)
        requester = slack.requester()
        at = await slack.courier.show(a_card(requester, delivery.parcel.job_id), None)
        delivery.parcel = replace(delivery.parcel, card=at)

        receipt = await delivery.asked_by(requester).to_the_end()

        assert at is not None
        assert receipt.place == "slack:direct message"
        assert [share["thread"] for share in delivery.shares] == [at.reference.partition(":")[2]]

    async def test_an_extended_clip_is_one_message_with_two_files(self, slack: SlackBench) -> None:
        """The whole, and the new part by itself."""
        delivery = await delivering(slack)
        part = slack._folder / "part.mp4"
        part.write_bytes(b"a part")
        parcel = delivery.parcel
        delivery.parcel = replace(parcel, part=part, part_filename=f"{parcel.job_id}-1-part.mp4")

        receipt = await delivery.to_the_end()

        [message] = [each for each in slack.world.from_bot(delivery.channel, parcel.requester.thread) if each["files"]]
        assert [file["name"] for file in message["files"]] == [parcel.filename, f"{parcel.job_id}-1-part.mp4"]
        assert receipt.reference == f"{delivery.channel}:{message['ts']}:{','.join(delivery.course().files)}"


def removed(world: SlackWorld, channel: str) -> None:
    world.remove_bot(channel)


def archived(world: SlackWorld, channel: str) -> None:
    world.change_channel(channel, archived=True)


def restricted(world: SlackWorld, channel: str) -> None:
    world.change_channel(channel, restricted=True)


def without_files(world: SlackWorld, channel: str) -> None:
    world.change_channel(channel, file_posting_denied=True)


class TestElsewhere:
    """Whatever was taken from us since the question, the asker gets the clip."""

    @pytest.mark.parametrize("change", [removed, archived, restricted, without_files], ids=lambda each: each.__name__)
    async def test_it_comes_by_direct_message_that_names_the_channel(
        self, slack: SlackBench, change: Callable[[SlackWorld, str], None]
    ) -> None:
        delivery = await delivering(slack)
        change(slack.world, delivery.channel)

        receipt = await delivery.to_the_end()

        assert receipt.method == "direct_message"
        [message] = [each for each in slack.world.from_bot(slack.world.dm(slack.alice)) if each["files"]]
        assert f"<#{delivery.channel}>" in message["text"]
        assert len(delivery.shares) == 1

    @pytest.mark.parametrize("change", [removed, archived], ids=lambda each: each.__name__)
    async def test_with_direct_messages_closed_too_it_is_kept(
        self, slack: SlackBench, change: Callable[[SlackWorld, str], None]
    ) -> None:
        """Refused in words that say what to do, and nothing of it is left on Slack."""
        delivery = await delivering(slack)
        change(slack.world, delivery.channel)
        slack.world.fault("conversations.open", "error:user_disabled", times=50)

        with pytest.raises(DeliveryRefused, match="press Send again"):
            await delivery.to_the_end()

        assert delivery.shares == []
        assert len(slack.world.journal("file-deleted")) == 1

    async def test_asked_in_direct_messages_there_is_no_other_place(self, slack: SlackBench) -> None:
        channel = slack.world.dm(slack.alice)
        delivery = (await delivering(slack)).asked_by(slack.requester(channel, is_direct=True))
        slack.world.fault("files.completeUploadExternal", "error:messages_tab_disabled")

        with pytest.raises(DeliveryRefused, match="direct messages"):
            await delivery.to_the_end()

        assert slack.world.journal("dm-opened") == []

    async def test_asked_by_a_shortcut_it_comes_directly_without_a_sentence(self, slack: SlackBench) -> None:
        """There is no channel that it could not be posted in."""
        delivery = (await delivering(slack)).asked_by(nowhere(slack))

        await delivery.to_the_end()

        [message] = [each for each in slack.world.from_bot(slack.world.dm(slack.alice)) if each["files"]]
        assert message["text"] == delivery.parcel.text


class TestFlagged:
    """What the provider marked as not safe for work is not posted on Slack."""

    async def test_it_is_kept_and_the_asker_told_alone(self, slack: SlackBench) -> None:
        delivery = await delivering(slack, flagged=True)

        with pytest.raises(Withheld):
            await delivery.to_the_end()

        assert delivery.shares == []
        assert slack.world.from_bot(delivery.channel) == []
        [told] = slack.world.from_bot(slack.world.dm(slack.alice))
        assert "not safe for work" in told["text"]
        assert not told.get("files")

    @pytest.mark.parametrize("fault", ["error:user_disabled", "reset"])
    async def test_where_the_asker_cannot_be_told_it_is_kept_all_the_same(self, slack: SlackBench, fault: str) -> None:
        delivery = await delivering(slack, flagged=True)
        slack.world.fault("conversations.open", fault, times=50)

        with pytest.raises(Withheld):
            await delivery.to_the_end()

        assert delivery.shares == []


class Tailor(FakeWorkshop):
    """Fits any clip by cutting the file, down to a smallest size."""

    def __init__(self, smallest: int = 1) -> None:
        self.smallest = smallest

    async def probe(self, clip: Path) -> ClipFacts:
        return ClipFacts(width=8, height=8, duration_s=5.0, codec="h264", has_audio=False)

    async def fit(self, clip: Path, max_bytes: int, into: Path) -> FittedClip:
        if max_bytes < self.smallest:
            raise BadInput("The clip cannot be made that small.")
        into.write_bytes(b"x" * max_bytes)
        return FittedClip(path=into, size_bytes=max_bytes, width=8, height=8, how="transcoded")


class TestSizes:
    """As it is, encoded anew, or an address."""

    async def large(self, slack: SlackBench, size: int = 8 * MB) -> Delivering:
        delivery = await delivering(slack)
        path = slack._folder / "large.mp4"
        path.write_bytes(b"x" * size)
        asset = await slack.store.put(path, AssetKind.CLIP, "video/mp4")
        clip = replace(delivery.parcel.clip, asset_id=asset.id, size_bytes=asset.size_bytes)
        delivery.parcel = replace(delivery.parcel, path=path, clip=clip)
        return delivery

    @pytest.mark.parametrize(
        ("limit", "method", "sent"), [(9, "attachment", 8), (6, "transcoded", 5), (2, "transcoded", 1)]
    )
    async def test_what_admins_allow_is_found_out(self, slack: SlackBench, limit: int, method: str, sent: int) -> None:
        """Slack says that it is too large, not what it takes: the next smaller size is tried."""
        slack.open(workshop=Tailor())
        slack.world.knobs(upload_limit=limit * MB)
        delivery = await self.large(slack)

        receipt = await delivery.to_the_end()

        assert receipt.method == method
        assert [entry["size"] for entry in slack.world.journal("uploaded")] == [sent * MB]
        assert len(delivery.shares) == 1

    async def test_also_when_it_is_said_only_at_the_end(self, slack: SlackBench) -> None:
        slack.open(workshop=Tailor())
        delivery = await self.large(slack)
        slack.world.fault("files.completeUploadExternal", "error:file_upload_size_restricted")

        await delivery.to_the_end()

        assert [entry["size"] for entry in slack.world.journal("uploaded")] == [8 * MB, 5 * MB]
        assert len(delivery.shares) == 1
        assert len(slack.world.journal("file-deleted")) == 1

    @pytest.mark.parametrize(
        "knob",
        [
            {"file_uploads": False},
            {"file_uploads": "images"},
            {"forbidden_file_types": [".mp4"]},
            {"storage_limit_reached": True},
            {"upload_limit": 1},
        ],
        ids=str,
    )
    async def test_where_no_clip_is_taken_its_address_stands_on_the_card(
        self, slack: SlackBench, knob: dict[str, Any]
    ) -> None:
        """An edit of the card, with the clip's buttons, not a message of its own."""
        slack.open(has_address=True)
        slack.world.knobs(**knob)
        delivery = await delivering(slack)
        at = await slack.courier.show(a_card(delivery.parcel.requester, delivery.parcel.job_id), None)
        delivery.parcel = replace(delivery.parcel, card=at, buttons=(Button(action="again", label="Again"),))

        receipt = await delivery.to_the_end()

        [message] = slack.world.from_bot(delivery.channel, delivery.parcel.requester.thread)
        assert receipt.method == "link"
        assert str(receipt.reference) in str(message["blocks"])
        assert "Again" in str(message["blocks"])

    @pytest.mark.parametrize(
        ("knob", "said"), [({"file_uploads": False}, "PUBLIC_URL"), ({"storage_limit_reached": True}, "delete files")]
    )
    async def test_without_a_public_address_it_is_kept(
        self, slack: SlackBench, knob: dict[str, Any], said: str
    ) -> None:
        """What can be done is said: here by the operator, there by the workspace."""
        slack.world.knobs(**knob)
        delivery = await delivering(slack)

        with pytest.raises(DeliveryRefused, match=said):
            await delivery.to_the_end()

    async def test_what_cannot_be_made_that_small_is_an_address(self, slack: SlackBench) -> None:
        slack.open(workshop=Tailor(smallest=7 * MB), has_address=True)
        slack.world.knobs(upload_limit=6 * MB)
        delivery = await self.large(slack)

        receipt = await delivery.to_the_end()

        assert receipt.method == "link"

    async def test_an_address_in_a_message_of_its_own_is_posted_once(self, slack: SlackBench) -> None:
        """The card was deleted; Slack knows no key for posts, so an unanswered one is owned up to."""
        slack.open(has_address=True)
        slack.world.knobs(file_uploads=False)
        delivery = await delivering(slack)
        slack.world.fault("chat.postMessage", "reset", when="after")

        for _ in range(2):
            with pytest.raises(DeliveryUnclear):
                await delivery.to_the_end()

        assert len(slack.world.posted(delivery.channel)) == 1

    @pytest.mark.parametrize("fault", ["429:0", "error:message_limit_exceeded"])
    async def test_an_address_that_was_certainly_not_posted_is_tried_again(self, slack: SlackBench, fault: str) -> None:
        slack.open(has_address=True)
        slack.world.knobs(file_uploads=False)
        delivery = await delivering(slack)
        slack.world.fault("chat.postMessage", fault)

        if fault.startswith("error"):
            with pytest.raises(DeliveryDelayed):
                await delivery.once()
            slack.open(has_address=True)  # half a minute later, or after a restart
        receipt = await delivery.to_the_end()

        assert receipt.method == "link"
        assert len(slack.world.posted(delivery.channel)) == 1

    @pytest.mark.parametrize("error", ["restricted_action", "is_archived"])
    async def test_an_address_nobody_can_be_shown_is_kept(self, slack: SlackBench, error: str) -> None:
        slack.open(has_address=True)
        slack.world.knobs(file_uploads=False)
        delivery = await delivering(slack)
        slack.world.fault("chat.postMessage", f"error:{error}", times=9)

        with pytest.raises(DeliveryRefused, match="address could not be shown"):
            await delivery.to_the_end()


class TestRefusals:
    """What no other place and no other size helps against is said in words."""

    async def test_a_missing_right_is_named(self, slack: SlackBench) -> None:
        delivery = await delivering(slack)
        world = slack.world
        workspace = world.workspace("Lean", installed=True)
        world.scopes("chat:write", "files:read", team=workspace["id"])
        slack.open(token=workspace["token"])
        requester = replace(delivery.parcel.requester, anchor=json.dumps({"team": workspace["id"], "channel": "C0"}))

        with pytest.raises(DeliveryRefused, match="files:write"):
            await delivery.asked_by(requester).to_the_end()

    @pytest.mark.parametrize("step", ["files.getUploadURLExternal", "files.completeUploadExternal"])
    async def test_what_slack_does_not_take_is_said_with_its_own_word(self, slack: SlackBench, step: str) -> None:
        """In direct messages it would say the same."""
        delivery = await delivering(slack)
        slack.world.fault(step, "error:invalid_arguments", times=9)

        with pytest.raises(DeliveryRefused, match="invalid_arguments"):
            await delivery.to_the_end()

        assert slack.world.journal("dm-opened") == []
        assert delivery.shares == []

    @pytest.mark.parametrize("error", ["message_limit_exceeded", "team_added_to_org", "ratelimited"])
    async def test_what_passes_is_waited_for(self, slack: SlackBench, error: str) -> None:
        """A workspace that is being moved, or talks too much, is no reason to give up."""
        delivery = await delivering(slack)
        slack.world.fault("files.completeUploadExternal", f"error:{error}")

        with pytest.raises(DeliveryDelayed) as delayed:
            await delivery.once()

        assert delayed.value.retry_after_s
        slack.open()  # half a minute later, or after a restart
        await delivery.to_the_end()
        assert len(delivery.shares) == 1

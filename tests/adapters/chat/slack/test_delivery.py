"""A clip is shared at most once whatever breaks, and always accounted for: before an emulated Slack on a real socket."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from adapters.chat.slack.course import Course, Place
from bot.errors import DeliveryDelayed, DeliveryRefused, DeliveryUnclear, Fenced
from bot.ports import Checkpoint
from tests.adapters.chat.slack.deliveries import Delivering, delivering, nowhere
from tests.emulators.slack_bench import IMPATIENT_S, SOON_S, SlackBench, _bench, _world  # noqa: F401 - fixtures

BEGIN, COMPLETE, LOOK, DELETE, DIRECT = (
    "files.getUploadURLExternal", "files.completeUploadExternal", "files.info", "files.delete", "conversations.open",
)  # fmt: skip
BREAKS = ("status:503", "reset", "hang:0.2", "html", "429:0")


def patience_s(fault: str) -> float:
    """Whoever is kept waiting gives up soon."""
    return IMPATIENT_S if fault.startswith("hang") else 5.0


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fault", BREAKS)
@pytest.mark.parametrize("route", [BEGIN, "upload", COMPLETE, LOOK])
async def test_whatever_breaks_it_is_there_once(slack: SlackBench, route: str, fault: str, when: str) -> None:
    """Before Slack did it, or after, and twice in a row."""
    slack.open(patience_s=patience_s(fault))
    delivery = await delivering(slack)
    slack.world.fault(route, fault, when=when, times=2)

    receipt = await delivery.to_the_end()

    assert receipt.method == "attachment"
    assert [share["ts"] for share in delivery.shares] == [receipt.reference.split(":")[1]]  # type: ignore[union-attr]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fault", BREAKS)
async def test_what_was_never_shown_is_deleted_before_another_is_uploaded(
    slack: SlackBench, fault: str, when: str
) -> None:
    """However often deleting breaks: until it is certain, nothing else is uploaded."""
    slack.open(patience_s=patience_s(fault), visible_within_s=SOON_S)
    delivery = await delivering(slack)
    slack.world.knobs(never_share=1)
    slack.world.fault(DELETE, fault, when=when, times=2)

    receipt = await delivery.to_the_end()

    assert len(delivery.shares) == 1
    told = [entry["event"] for entry in slack.world.journal("uploaded", "file-deleted", "shared")]
    assert told == ["uploaded", "file-deleted", "uploaded", "shared"]
    assert receipt.method == "attachment"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fault", BREAKS)
async def test_opening_direct_messages_may_break(slack: SlackBench, fault: str, when: str) -> None:
    """A clip without a channel is on its way for as long as that takes."""
    slack.open(patience_s=patience_s(fault))
    delivery = (await delivering(slack)).asked_by(nowhere(slack))
    slack.world.fault(DIRECT, fault, when=when, times=2)

    receipt = await delivery.to_the_end()

    assert receipt.method == "direct_message"
    assert [share["channel"] for share in delivery.shares] == [slack.world.dm(slack.alice)]


@pytest.mark.parametrize("times", [1, 3])
async def test_broken_off_in_the_middle_of_the_upload(slack: SlackBench, times: int) -> None:
    """Nobody saw the half that arrived."""
    delivery = await delivering(slack)
    slack.world.fault("upload", "reset", when="mid-body", times=times)

    await delivery.to_the_end()

    assert len(delivery.shares) == 1
    assert slack.world.from_bot(delivery.channel, delivery.parcel.requester.thread)


@pytest.mark.parametrize("fault", ["status:413", "error:file_upload_size_restricted"])
async def test_what_is_too_large_for_the_door_is_sent_smaller(slack: SlackBench, fault: str) -> None:
    """The storage behind the door may know a limit of its own."""
    delivery = await delivering(slack)
    slack.open(has_address=True)
    slack.world.fault("upload" if fault == "status:413" else COMPLETE, fault)

    receipt = await delivery.to_the_end()

    assert receipt.method == "link", "there is nothing smaller than this clip on the ladder"
    assert delivery.shares == []


class TestLate:
    """`ok` is not visible."""

    async def test_a_share_that_comes_late_is_waited_for(self, slack: SlackBench) -> None:
        delivery = await delivering(slack)
        slack.world.knobs(share_delay_s=0.1)

        receipt = await delivery.to_the_end()

        assert len(delivery.shares) == 1
        assert (
            receipt.reference
            == f"{delivery.shares[0]['channel']}:{delivery.shares[0]['ts']}:{delivery.course().files[0]}"
        )

    @pytest.mark.parametrize("again", ["nothing", "shares"])
    async def test_a_share_that_comes_later_than_we_wait_is_prevented(self, slack: SlackBench, again: str) -> None:
        """Whatever completing a second time does: the file is deleted before another is uploaded."""
        slack.open(visible_within_s=SOON_S)
        delivery = await delivering(slack)
        slack.world.knobs(share_delay_s=60, complete_again=again)
        slack.world.fault(COMPLETE, "reset", when="after")

        with pytest.raises(DeliveryDelayed):
            await delivery.once()
        once_more = asyncio.create_task(delivery.to_the_end())
        await asyncio.to_thread(slack.world.until, lambda: slack.world.journal("file-deleted"))
        slack.world.knobs(share_delay_s=0)
        await once_more

        assert len(delivery.shares) == 1

    @pytest.mark.parametrize("again", ["nothing", "shares"])
    @pytest.mark.parametrize("never", [1, 2])
    async def test_shares_that_never_come_are_uploaded_anew(self, slack: SlackBench, never: int, again: str) -> None:
        slack.open(visible_within_s=SOON_S)
        delivery = await delivering(slack)
        slack.world.knobs(never_share=never, complete_again=again)

        receipt = await delivery.to_the_end()

        assert len(delivery.shares) == 1
        assert receipt.method == "attachment"
        assert len(slack.world.journal("file-deleted")) == never

    async def test_what_is_never_shown_is_not_uploaded_for_ever(self, slack: SlackBench) -> None:
        """Hundreds of megabytes every two minutes for a day would help nobody."""
        slack.open(visible_within_s=SOON_S)
        delivery = await delivering(slack)
        slack.world.knobs(never_share=50)

        with pytest.raises(DeliveryRefused, match="PUBLIC_URL"):
            await delivery.to_the_end()

        assert len(slack.world.journal("uploaded")) == len(slack.world.journal("file-deleted")) == 3

    async def test_of_what_is_never_shown_the_address_is(self, slack: SlackBench) -> None:
        delivery = await delivering(slack)
        slack.open(has_address=True, visible_within_s=SOON_S)
        slack.world.knobs(never_share=50)

        receipt = await delivery.to_the_end()

        assert receipt.method == "link"
        assert delivery.shares == []

    async def test_completed_elsewhere_meanwhile_it_counts(self, slack: SlackBench) -> None:
        """A request that hung arrives after we asked what became of it."""
        slack.open(patience_s=IMPATIENT_S)
        delivery = await delivering(slack)
        slack.world.fault(COMPLETE, "hang:0.25")

        await delivery.to_the_end()

        assert len(delivery.shares) == 1


class TestKilled:
    """Resumed from every checkpoint, and between them, it is there once or owned up to."""

    @pytest.mark.parametrize("at", range(2))
    async def test_before_it_was_completed(self, slack: SlackBench, at: int) -> None:
        delivery = await delivering(slack)

        async def die(checkpoint: Checkpoint) -> None:
            await delivery.save(checkpoint)
            if len(delivery.saved) > at:
                raise Fenced("killed")

        with pytest.raises(Fenced):
            await slack.courier.deliver(delivery.parcel, die)
        assert delivery.shares == []
        await delivery.to_the_end()

        assert len(delivery.shares) == 1

    async def test_completed_after_a_long_absence_it_has_all_of_its_time(self, slack: SlackBench) -> None:
        """Nobody ran for an hour; what is completed only now is not late yet."""
        delivery = await delivering(slack)

        async def die(checkpoint: Checkpoint) -> None:
            await delivery.save(checkpoint)
            if checkpoint["files"]:
                raise Fenced("killed")

        with pytest.raises(Fenced):
            await slack.courier.deliver(delivery.parcel, die)
        delivery.saved.append(replace(delivery.course(), since=delivery.course().since - 3600).to_json())
        slack.world.knobs(share_delay_s=0.05)
        await delivery.to_the_end()

        assert len(delivery.shares) == 1
        assert slack.world.journal("file-deleted") == []

    async def test_what_was_refused_is_not_taken_for_posted_after_it_was_deleted(self, slack: SlackBench) -> None:
        """A file that is gone looks like one somebody deleted: the refusal is saved before we throw it away."""
        delivery = await delivering(slack)
        slack.world.remove_bot(delivery.channel)

        async def die(checkpoint: Checkpoint) -> None:
            # Everything but the checkpoint that follows the deletion of what was refused.
            if slack.world.journal("file-deleted"):
                raise Fenced("killed")
            await delivery.save(checkpoint)

        with pytest.raises(Fenced):
            await slack.courier.deliver(delivery.parcel, die)
        receipt = await delivery.to_the_end()

        assert receipt.method == "direct_message"
        assert len(delivery.shares) == 1

    async def test_what_may_be_shown_late_is_not_left_behind_for_another_place(self, slack: SlackBench) -> None:
        """Completed, unanswered, then thrown out of the channel: only what is deleted for certain may be sent elsewhere."""
        slack.open(visible_within_s=SOON_S)
        delivery = await delivering(slack)
        slack.world.knobs(never_share=1)
        slack.world.fault(COMPLETE, "reset", when="after")
        slack.world.fault(LOOK, "error:file_not_found", times=2)
        with pytest.raises(DeliveryDelayed):
            await delivery.once()
        # Long ago: it is looked for once, and then completed once more.
        delivery.saved.append(replace(delivery.course(), since=0.0).to_json())
        slack.world.remove_bot(delivery.channel)
        slack.world.fault(DELETE, "status:500")

        receipt = await delivery.to_the_end()

        assert receipt.method == "direct_message"
        told = [entry["event"] for entry in slack.world.journal("uploaded", "file-deleted", "shared")]
        assert told == ["uploaded", "file-deleted", "uploaded", "shared"]

    @pytest.mark.parametrize("error", ["cant_delete_file", "missing_scope", "account_inactive"])
    async def test_what_cannot_be_deleted_is_owned_up_to(self, slack: SlackBench, error: str) -> None:
        """It may become visible yet: nothing else is uploaded, and nobody says that it was refused."""
        slack.open(visible_within_s=SOON_S)
        delivery = await delivering(slack)
        slack.world.knobs(never_share=1)
        slack.world.fault(DELETE, f"error:{error}", times=50)

        for _ in range(2):
            with pytest.raises(DeliveryUnclear):
                await delivery.to_the_end()

        assert len(slack.world.journal("uploaded")) == 1

    async def test_removed_while_it_may_be_there_it_is_unclear(self, slack: SlackBench) -> None:
        """The app is gone, and with it every way to look."""
        delivery = await delivering(slack)
        slack.world.fault(COMPLETE, "reset", when="after")
        with pytest.raises(DeliveryDelayed):
            await delivery.once()
        slack.world.fault(LOOK, "error:account_inactive", times=50)

        with pytest.raises(DeliveryUnclear):
            await delivery.to_the_end()

        assert len(delivery.shares) == 1


class TestDeleted:
    """What somebody did not want is not posted again."""

    async def test_after_it_was_shared(self, slack: SlackBench) -> None:
        delivery = await delivering(slack)
        slack.world.fault(LOOK, "status:500")
        with pytest.raises(DeliveryDelayed):
            await delivery.once()
        slack.world.delete_file(delivery.course().files[0])

        receipt = await delivery.to_the_end()

        assert receipt.reference == f"{delivery.channel}::{delivery.course().files[0]}"
        assert len(delivery.shares) == 1
        assert len(slack.world.journal("uploaded")) == 1

    async def test_before_it_was_seen(self, slack: SlackBench) -> None:
        """An admin's scanner may be faster than we."""
        delivery = await delivering(slack)
        slack.world.knobs(share_delay_s=30)
        slack.world.fault(LOOK, "status:500")
        with pytest.raises(DeliveryDelayed):
            await delivery.once()
        slack.world.delete_file(delivery.course().files[0])

        await delivery.to_the_end()

        assert delivery.shares == []
        assert len(slack.world.journal("uploaded")) == 1

    async def test_before_it_was_completed(self, slack: SlackBench) -> None:
        """Slack drops what nobody completes in time: it is uploaded anew."""
        delivery = await delivering(slack)
        slack.world.knobs(upload_lives_s=0)

        with pytest.raises(DeliveryDelayed):
            await delivery.once()
        slack.world.knobs(upload_lives_s=None)
        await delivery.to_the_end()

        assert len(delivery.shares) == 1


async def test_whoever_lost_the_job_sends_nothing_more(slack: SlackBench) -> None:
    """At each of its checkpoints."""
    for at in range(2):
        delivery = await delivering(slack)

        async def save(checkpoint: Checkpoint, *, only: int = at, to: Delivering = delivery) -> None:
            if len(to.saved) == only:
                raise Fenced("not ours any more")
            await to.save(checkpoint)

        with pytest.raises(Fenced):
            await slack.courier.deliver(delivery.parcel, save)

        assert delivery.shares == []
        assert slack.world.completed(delivery.parcel.filename) == []


async def test_a_checkpoint_of_an_earlier_version_is_understood(slack: SlackBench) -> None:
    """What it lacks was not thought of then."""
    place = Place(kind="here", channel=slack.channel)
    said = {name: value for name, value in Course(place=place).to_json().items() if name in {
        "place", "files", "since", "completed", "deleting", "given_up", "limit", "was_encoded"
    }}  # fmt: skip

    assert Course.from_json(said) == Course(place=place)

"""Where a clip goes when its best place does not take it, and in what size: before an emulated Discord on a real socket."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from adapters.chat.discord import delivery, places
from adapters.media.hosting import SignedLinks
from bot.clock import SystemClock
from bot.errors import DeliveryDelayed, DeliveryRefused, Withheld
from bot.keys import KeyRing
from bot.media_values import ClipFacts, FittedClip
from bot.ports import Button, JobCard, Parcel, Receipt
from tests.emulators.discord_bench import DiscordBench, _bench, _world  # noqa: F401 - fixtures
from tests.fakes.workshop import FakeWorkshop

MIB = 1 << 20


async def deliver(discord: DiscordBench, parcel: Parcel, **anchor: Any) -> Receipt:
    """One whole delivery to Alice."""
    if anchor:
        channel = anchor.pop("channel", parcel.requester.channel)
        parcel = replace(parcel, requester=discord.requester(channel, **anchor))
    saved: list[object] = []

    async def save(checkpoint: object) -> None:
        saved.append(checkpoint)

    while True:
        try:
            receipt = await discord.courier.deliver(parcel, save)
        except DeliveryDelayed as error:
            # The emulator counts, as Discord does; the tests share it.
            await asyncio.sleep(error.retry_after_s or 0.1)
            continue
        assert saved
        return receipt


async def a_thread(discord: DiscordBench) -> tuple[str, str]:
    """A thread of Alice's, and the message it hangs on."""
    message = discord.world.say(discord.alice, discord.channel, "look")
    return discord.world.thread(discord.alice, discord.channel, message["id"], "a thread"), message["id"]


def files_in(discord: DiscordBench, channel: str) -> list[str]:
    """Names of all files the bot posted there."""
    return [file["filename"] for message in discord.world.from_bot(channel) for file in message["files"]]


async def test_a_clip_replies_to_whoever_asked(discord: DiscordBench) -> None:
    """The asking message is what it hangs under; nobody is pinged."""
    asked = discord.world.say(discord.alice, discord.channel, "animate this")
    parcel = await discord.parcel()

    await deliver(discord, parcel, channel=discord.channel, message=asked["id"])

    [message] = discord.world.from_bot(discord.channel)
    assert message["message_reference"]["message_id"] == asked["id"]
    assert message["mentions"] == [] or discord.world.violations() == []


async def test_the_replied_to_message_may_be_gone(discord: DiscordBench) -> None:
    """A deleted question is no reason to lose the answer."""
    asked = discord.world.say(discord.alice, discord.channel, "animate this")
    discord.world.delete_message(discord.channel, asked["id"])
    parcel = await discord.parcel()

    receipt = await deliver(discord, parcel, channel=discord.channel, message=asked["id"])

    assert receipt.method == "attachment"
    assert files_in(discord, discord.channel) == [parcel.filename]


@pytest.mark.parametrize("change", [{"archived": True, "locked": True}, {"deleted": True}])
async def test_a_closed_thread_sends_the_clip_to_the_channel_around_it(
    discord: DiscordBench, change: dict[str, Any]
) -> None:
    """Locked, or deleted: the channel is the next best place, and the message says why."""
    thread, _ = await a_thread(discord)
    if change.pop("deleted", False):
        discord.world.delete_channel(thread)
    else:
        discord.world.change_thread(thread, **change)
    parcel = await discord.parcel()

    receipt = await deliver(discord, parcel, channel=thread, parent=discord.channel)

    assert receipt.place == f"discord:{discord.channel}"
    [message] = [each for each in discord.world.from_bot(discord.channel) if each["files"]]
    assert "closed" in message["content"]


async def test_an_archived_thread_takes_it(discord: DiscordBench) -> None:
    """Posting opens an archived thread again."""
    thread, _ = await a_thread(discord)
    discord.world.change_thread(thread, archived=True)
    parcel = await discord.parcel()

    receipt = await deliver(discord, parcel, channel=thread, parent=discord.channel)

    assert receipt.place == f"discord:{thread}"


@pytest.mark.parametrize("loss", ["SEND_MESSAGES", "ATTACH_FILES", "VIEW_CHANNEL", "kicked"])
async def test_where_the_bot_may_not_post_it_comes_by_direct_message(discord: DiscordBench, loss: str) -> None:
    """Whatever was taken from the bot since the question, the asker gets the clip."""
    parcel = await discord.parcel()
    channel = parcel.requester.channel or ""
    if loss == "kicked":
        # Discord lets a bot write to people only where they share a server.
        discord.world.join(discord.world.guild("Another"), discord.alice)
        discord.world.kick_bot(discord.guild)
    else:
        discord.world.permit(channel, "bot", deny=[loss])

    receipt = await deliver(discord, parcel)

    assert receipt.method == "direct_message"
    [message] = discord.world.from_bot(discord.world.dm(discord.alice))
    assert [file["filename"] for file in message["files"]] == [parcel.filename]
    assert channel in message["content"]


async def test_with_direct_messages_closed_it_is_kept(discord: DiscordBench) -> None:
    """Nowhere left: refused in words that say what to do."""
    parcel = await discord.parcel("refuses")

    with pytest.raises(DeliveryRefused, match="Send again"):
        await deliver(discord, parcel)

    assert discord.posted(parcel) == 0


async def test_a_thread_of_its_own_by_setting(discord: DiscordBench) -> None:
    """The clip opens a thread at the message that asked, once, however often it is tried."""
    asked = discord.world.say(discord.alice, discord.channel, "animate this")
    parcel = await discord.parcel()

    for _ in range(2):
        receipt = await deliver(discord, parcel, channel=discord.channel, message=asked["id"], new_thread="the sea")

    assert receipt.place == f"discord:{asked['id']}"
    assert files_in(discord, asked["id"]) == [parcel.filename]


async def test_where_no_thread_can_be_opened_it_is_a_reply(discord: DiscordBench) -> None:
    """A setting is a wish; the clip does not wait for it."""
    voice = discord.world.channel(discord.guild, "talk", kind=2)
    asked = discord.world.say(discord.alice, voice, "animate this")
    parcel = await discord.parcel()

    receipt = await deliver(discord, parcel, channel=voice, message=asked["id"], new_thread="the sea")

    assert receipt.place == f"discord:{voice}"


async def test_a_hidden_picture_makes_a_hidden_clip(discord: DiscordBench) -> None:
    """Whoever hid the picture until it is clicked wants the same of the clip."""
    parcel = await discord.parcel()

    await deliver(discord, parcel, spoiler=True)

    assert files_in(discord, parcel.requester.channel or "") == [f"SPOILER_{parcel.filename}"]


class TestFlagged:
    """A clip the provider marked as not safe for work."""

    async def flagged(self, discord: DiscordBench) -> Parcel:
        parcel = await discord.parcel()
        return replace(parcel, clip=replace(parcel.clip, flagged=True))

    async def test_in_an_age_restricted_channel_it_is_posted_hidden(self, discord: DiscordBench) -> None:
        parcel = await self.flagged(discord)
        discord.world.change_channel(parcel.requester.channel or "", nsfw=True)

        await deliver(discord, parcel)

        assert files_in(discord, parcel.requester.channel or "") == [f"SPOILER_{parcel.filename}"]

    async def test_in_a_thread_of_one_too(self, discord: DiscordBench) -> None:
        """Threads do not carry the mark themselves: their channel does."""
        discord.world.change_channel(discord.channel, nsfw=True)
        thread, _ = await a_thread(discord)

        receipt = await deliver(discord, await self.flagged(discord), channel=thread, parent=discord.channel)

        assert receipt.place == f"discord:{thread}"

    async def test_elsewhere_it_is_kept_and_the_asker_told_alone(self, discord: DiscordBench) -> None:
        parcel = await self.flagged(discord)

        with pytest.raises(Withheld):
            await deliver(discord, parcel)

        assert files_in(discord, parcel.requester.channel or "") == []
        [told] = discord.world.from_bot(discord.world.dm(discord.alice))
        assert "not safe for work" in told["content"]
        assert told["files"] == []


class TestFromAnAgeRestrictedChannel:
    """What was made there does not leave for a channel that is not."""

    async def test_posted_there_it_is_no_secret(self, discord: DiscordBench) -> None:
        parcel = await discord.parcel()
        discord.world.change_channel(parcel.requester.channel or "", nsfw=True)

        await deliver(discord, parcel, for_adults=True)

        assert files_in(discord, parcel.requester.channel or "") == [parcel.filename]

    async def test_sent_again_elsewhere_it_goes_to_the_asker_alone(self, discord: DiscordBench) -> None:
        parcel = await discord.parcel()

        receipt = await deliver(discord, parcel, for_adults=True)

        assert receipt.method == "direct_message"
        assert files_in(discord, parcel.requester.channel or "") == []


class Tailor(FakeWorkshop):
    """Fits any clip by cutting the file."""

    async def probe(self, clip: Any) -> ClipFacts:
        return ClipFacts(width=8, height=8, duration_s=5.0, codec="h264", has_audio=False)

    async def fit(self, clip: Any, max_bytes: int, into: Any) -> FittedClip:
        into.write_bytes(b"x" * max_bytes)
        return FittedClip(path=into, size_bytes=max_bytes, width=8, height=8, how="transcoded")


class TestSizes:
    """By the guild's real limit: as it is, encoded anew, or an address."""

    async def large(self, discord: DiscordBench, size: int) -> Parcel:
        discord.courier._deliverer._workshop = Tailor()
        parcel = await discord.parcel()
        path = discord._folder / "large.mp4"
        path.write_bytes(b"x" * size)
        return replace(parcel, path=path)

    @pytest.mark.parametrize(("tier", "method"), [(0, "transcoded"), (2, "attachment")])
    async def test_a_boosted_server_takes_more(self, discord: DiscordBench, tier: int, method: str) -> None:
        discord.world.change_guild(discord.guild, premium_tier=tier)
        parcel = await self.large(discord, 30 * MIB)

        receipt = await deliver(discord, parcel)

        assert receipt.method == method

    async def test_a_refused_size_is_not_tried_again(self, discord: DiscordBench) -> None:
        """Discord's own documentation and its servers do not agree: what is refused teaches."""
        discord.world.knobs(upload_limit=10 * MIB)
        parcel = await self.large(discord, 15 * MIB)

        receipt = await deliver(discord, parcel)
        again = await deliver(discord, replace(parcel, delivery_id="f" * 32, filename="again-1.mp4"))

        discord.world.knobs(upload_limit=None)
        assert (receipt.method, again.method) == ("transcoded", "transcoded")
        assert [entry["status"] for entry in discord.world.journal("refused")] == [413]

    async def test_what_an_interaction_said_of_the_limit_counts(self, discord: DiscordBench) -> None:
        parcel = await self.large(discord, 15 * MIB)

        receipt = await deliver(discord, parcel, upload_limit=10 * MIB)

        assert receipt.method == "transcoded"
        assert discord.world.journal("refused") == []

    async def test_what_fits_nowhere_is_an_address_on_the_card(
        self, discord: DiscordBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An edit of the card, not a message of its own."""
        monkeypatch.setattr(delivery, "SMALLEST_FILE", 20 * MIB + 1)
        discord.courier._deliverer._links = SignedLinks(KeyRing(["k" * 32]), SystemClock(), "https://reelbot.example")
        parcel = await self.large(discord, 30 * MIB)
        card = JobCard(job_id=parcel.job_id, version=1, requester=parcel.requester, state="delivering", headline="…")
        at = await discord.courier.show(card, None)

        receipt = await deliver(discord, replace(parcel, card=at, buttons=(Button(action="again", label="Again"),)))

        [message] = discord.world.from_bot(parcel.requester.channel or "")
        assert receipt.method == "link"
        assert str(receipt.reference) in str(message["components"])
        assert "Again" in str(message["components"])

    async def test_without_a_public_address_it_is_kept(
        self, discord: DiscordBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivery, "SMALLEST_FILE", 20 * MIB + 1)
        parcel = await self.large(discord, 30 * MIB)
        saved: list[object] = []

        async def save(checkpoint: object) -> None:
            saved.append(checkpoint)

        with pytest.raises(DeliveryRefused, match="PUBLIC_URL"):
            await discord.courier.deliver(parcel, save)


async def test_blocked_words_are_left_out(discord: DiscordBench) -> None:
    """The server's own rules may block our sentence; the clip has nothing to do with it."""
    discord.world.knobs(automod_words=["judge"])
    parcel = replace(await discord.parcel(), text="made by judge")

    receipt = await deliver(discord, parcel)

    discord.world.knobs(automod_words=None)
    [message] = discord.world.from_bot(parcel.requester.channel or "")
    assert receipt.method == "attachment"
    assert message["content"] == ""


async def test_a_post_that_somebody_deleted_is_not_posted_again(discord: DiscordBench) -> None:
    """Its nonce leads nowhere any more: it was there, and that is what counts."""
    parcel = await discord.parcel()
    await deliver(discord, parcel)
    [message] = discord.world.from_bot(parcel.requester.channel or "")
    discord.world.delete_message(parcel.requester.channel or "", message["id"])

    await deliver(discord, parcel)

    assert discord.posted(parcel) == 1


@pytest.mark.parametrize("fault", ["status:500", "status:502", "status:503", "reset", "hang:0.2"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_whatever_breaks_it_is_there_once(
    discord: DiscordBench, fault: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it was applied, or after."""
    monkeypatch.setattr("adapters.chat.discord.rest.UPLOAD_S", 0.1)
    parcel = await discord.parcel()
    discord.world.fault(f"POST /channels/{parcel.requester.channel}/messages", fault, when=when)
    saved: list[dict[str, Any]] = []

    async def save(checkpoint: dict[str, Any]) -> None:
        saved.append(checkpoint)

    for _ in range(5):
        try:
            receipt = await discord.courier.deliver(replace(parcel, checkpoint=saved[-1] if saved else None), save)
            break
        except delivery.DeliveryDelayed:
            continue

    assert receipt.method == "attachment"
    assert discord.posted(parcel) == 1


async def test_a_busy_channel_is_searched_to_its_end(discord: DiscordBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lost message is further back than one page."""
    monkeypatch.setattr("adapters.chat.discord.searching.A_PAGE", 3)
    parcel = await discord.parcel()
    channel = parcel.requester.channel or ""
    await deliver(discord, parcel)
    for number in range(8):
        discord.world.say(discord.alice, channel, f"{number}")
    checkpoint = delivery.Course(
        place=places.Place(kind="here", channel=channel, guild=discord.guild.id), posting=True, since=time.time()
    )

    async def save(_checkpoint: object) -> None:
        raise AssertionError("nothing is posted")

    receipt = await discord.courier.deliver(replace(parcel, checkpoint=checkpoint.to_json()), save)

    assert (receipt.reference or "").startswith(channel)

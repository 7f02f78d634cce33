"""Cards on Discord: the answer to a command becomes one, whoever died meanwhile; in the end each says how its job ended."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.chat.discord import courier as courier_module
from adapters.chat.discord.anchor import Anchor
from adapters.chat.discord.buckets import IN_ALL, Buckets, RateLimited
from adapters.chat.discord.card_view import render
from adapters.chat.discord.words import plain
from bot.chat_values import Button
from bot.errors import DeliveryDelayed
from bot.ids import new_id
from bot.jobs.model import Delivery, Requester
from bot.ports import JobCard, MessageRef
from tests.emulators.discord_bench import DiscordBench, _bench, _world  # noqa: F401 - fixtures
from tests.fakes.clock import FakeClock

ALL = tuple(
    Button(action=action, label=action) for action in ("again", "edit", "extend", "loop", "frame", "resend", "delete")
)


def a_card(requester: Requester, **changes: Any) -> JobCard:
    """A card of Alice's."""
    card = JobCard(job_id=new_id(), version=1, requester=requester, state="rendering", headline="Rendering")
    return replace(card, **changes)


def said(messages: list[dict[str, Any]]) -> list[str]:
    """What cards say."""
    return [str(message["components"]) for message in messages]


async def test_a_card_drawn_meanwhile_waits_for_the_answer_that_becomes_it(discord: DiscordBench) -> None:
    """Never two cards: whoever draws first waits until it is known which message the answer is."""
    requester = discord.requester(interaction="42", application="1", token="t", asked_at=time.time())
    answers = discord.courier.answers
    answers.expect("42")
    shown = await discord.courier.show(a_card(discord.requester()), None)
    assert shown is not None

    drawing = asyncio.create_task(discord.courier.show(a_card(requester, headline="Later"), None))
    await asyncio.sleep(0.05)
    assert not drawing.done()
    answers.settle("42", shown.reference.partition(":")[2])

    assert await drawing == shown
    [text] = said(discord.world.from_bot(discord.channel))
    assert "Later" in text


async def test_where_nobody_answered_the_bot_posts_the_card(discord: DiscordBench) -> None:
    """The process that was to answer died: the job has its card all the same, once its token says nothing."""
    requester = discord.requester(interaction="42", application="1", token="t", asked_at=time.time() - 3600)

    at = await discord.courier.show(a_card(requester), None)

    assert at is not None
    assert len(discord.world.from_bot(discord.channel)) == 1


async def test_while_another_process_may_be_answering_it_waits(
    discord: DiscordBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card posted now could be a second one."""

    async def none_yet(_application: str, _token: str) -> None:
        return None

    monkeypatch.setattr(discord.courier.answers, "original", none_yet)
    requester = discord.requester(
        interaction="42", application=discord.world.application, token="nothing-yet", asked_at=time.time()
    )

    with pytest.raises(DeliveryDelayed) as delayed:
        await discord.courier.show(a_card(requester), None)

    assert delayed.value.retry_after_s == 2.0
    assert discord.world.from_bot(discord.channel) == []


async def test_a_deleted_card_says_in_a_new_one_how_it_ended(discord: DiscordBench) -> None:
    """Not on the way: whoever deleted it did not want to be told every step."""
    requester = discord.requester()
    card = a_card(requester)
    at = await discord.courier.show(card, None)
    assert at is not None
    discord.world.delete_message(discord.channel, at.reference.partition(":")[2])

    on_the_way = await discord.courier.show(replace(card, headline="Fetching"), at)
    assert on_the_way == at
    assert discord.world.from_bot(discord.channel) == []

    ended = await discord.courier.show(replace(card, headline="Failed", state="failed", is_final=True), at)
    assert ended not in {None, at}
    assert len(discord.world.from_bot(discord.channel)) == 1


async def test_the_same_is_not_sent_twice(discord: DiscordBench) -> None:
    """An edit that changes nothing costs a place in the bucket."""
    card = a_card(discord.requester())
    at = await discord.courier.show(card, None)

    for _ in range(5):
        at = await discord.courier.show(replace(card, version=2), at)

    assert len(discord.world.journal("message-edited")) <= 1


async def test_a_message_older_than_an_hour_is_edited_rarely(discord: DiscordBench) -> None:
    """Discord has a small quota for old messages: it is a pause for us, and the end still arrives."""
    card = a_card(discord.requester())
    at = await discord.courier.show(card, None)
    assert at is not None
    discord.world.age_message(discord.channel, at.reference.partition(":")[2], 7200)

    async def edit_often() -> None:
        for number in range(10):
            await discord.courier.show(replace(card, headline=f"Step {number}"), at)

    with pytest.raises(RateLimited):
        await edit_often()


async def test_on_the_way_an_edit_does_not_wait_for_the_rate_limit(discord: DiscordBench) -> None:
    """The next one says more; how it ended is worth waiting for."""
    card = a_card(discord.requester())
    at = await discord.courier.show(card, None)
    began = time.monotonic()
    limited = 0
    for number in range(8):
        try:
            await discord.courier.show(replace(card, headline=f"Step {number}"), at)
        except RateLimited:
            limited += 1

    assert limited
    assert time.monotonic() - began < courier_module.FINAL_PATIENCE_S
    await discord.courier.show(replace(card, headline="Done", state="delivered", is_final=True), at)
    assert "Done" in said(discord.world.from_bot(discord.channel))[0]
    assert [entry for entry in discord.world.journal("throttled") if entry.get("ignored")] == []


class TestWhatACardShows:
    """A pure function of the card."""

    asker = Requester(platform="discord", workspace="1", user="7", channel="2", anchor=Anchor(channel="2").to_text())

    def labels(self, card: JobCard) -> list[str]:
        [container] = render(card)["components"]
        rows = [part for part in container["components"] if part["type"] == 1]
        assert all(len(row["components"]) <= 5 for row in rows)
        return [button["label"] for row in rows for button in row["components"]]

    def test_buttons_of_the_clip_stand_under_the_clip(self) -> None:
        """Where it was posted as a file; an address has no message of its own."""
        posted = Delivery(
            id="d", job_id="j", number=1, place="discord:2", method="attachment", reference="2:3", outcome="posted"
        )
        card = a_card(self.asker, state="delivered", buttons=ALL, is_final=True)

        assert self.labels(replace(card, delivery=posted)) == ["resend", "delete", "Go to the clip"]
        linked = replace(posted, method="link", reference="https://reelbot.example/media/x")
        assert self.labels(replace(card, delivery=linked)) == [each.label for each in ALL] + ["Watch the clip"]

    def test_no_card_exceeds_what_discord_takes(self) -> None:
        """Four thousand characters, forty components, whatever the words are."""
        card = a_card(
            self.asker, prompt="*" * 4000, lines=tuple("_" * 2000 for _ in range(4)), buttons=ALL, progress=0.5
        )
        payload = render(card)
        [container] = payload["components"]
        texts = [part["content"] for part in container["components"] if part["type"] == 10]

        assert sum(len(text) for text in texts) <= 4000
        assert payload["allowed_mentions"] == {"parse": []}

    def test_time_is_told_by_each_readers_own_client(self) -> None:
        """Elapsed time stays true without an edit."""
        card = a_card(self.asker, asked_at=datetime(2026, 1, 1, tzinfo=UTC))

        assert "<t:1767225600:R>" in str(render(card))

    def test_a_card_speaks_its_askers_language(self) -> None:
        german = replace(self.asker, locale="de")

        assert "Angefragt" in str(render(a_card(german, asked_at=datetime(2026, 1, 1, tzinfo=UTC))))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a *b* _c_ `d` ~e~ |f|", r"a \*b\* \_c\_ \`d\` \~e\~ \|f\|"),
        ("@everyone <@7> <#8> <:x:9>", "@\u200beveryone \\<@\u200b7\\> \\<\\#8\\> \\<:x:9\\>"),
        ("[look](https://evil.example)", "\\[look\\]\\(https:\u200b//evil.example\\)"),
        ("# not a heading", r"\# not a heading"),
        ("- not a list", r"\- not a list"),
        ("1. not one either", r"1\. not one either"),
        ("two\nlines", "two lines"),
        ("x" * 50, "x" * 19 + "…"),
    ],
)
def test_words_are_shown_as_they_were_written(text: str, shown: str) -> None:
    """Nothing in a prompt pings, links, or changes how our own message looks."""
    assert plain(text, 20 if text.startswith("x") else 100) == shown


class TestBuckets:
    """Limits are kept before they are hit."""

    async def test_an_emptied_bucket_is_waited_for(self) -> None:
        clock = FakeClock()
        buckets = Buckets(clock)
        headers = {"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "4"}
        await buckets.turn("POST /x", "1", patience_s=0)
        buckets.learn("POST /x", "1", headers)

        with pytest.raises(RateLimited) as limited:
            await buckets.turn("POST /x", "1", patience_s=1)
        waiting = asyncio.create_task(buckets.turn("POST /x", "1", patience_s=10))
        await clock.advance(3.9)
        assert not waiting.done()
        await clock.advance(0.2)

        assert waiting.done()
        assert limited.value.retry_after_s == pytest.approx(4.0)

    async def test_another_channel_has_a_bucket_of_its_own(self) -> None:
        clock = FakeClock()
        buckets = Buckets(clock)
        buckets.refused("POST /x", "1", 60, of_all=False)

        await buckets.turn("POST /x", "2", patience_s=0)
        with pytest.raises(RateLimited):
            await buckets.turn("POST /x", "1", patience_s=0)

    async def test_what_is_shut_for_all_is_shut_for_all(self) -> None:
        buckets = Buckets(FakeClock())
        buckets.refused("POST /x", "1", 60, of_all=True)

        with pytest.raises(RateLimited):
            await buckets.turn("GET /y", "2", patience_s=1)

    async def test_never_more_than_a_bot_may_send_altogether(self) -> None:
        clock = FakeClock()
        buckets = Buckets(clock)
        for number in range(IN_ALL):
            await buckets.turn("POST /x", str(number), patience_s=0)

        with pytest.raises(RateLimited):
            await buckets.turn("POST /x", "another", patience_s=0.5)
        await clock.advance(1.01)
        await buckets.turn("POST /x", "another", patience_s=0)


async def test_an_alert_reaches_its_channel(discord: DiscordBench) -> None:
    """One message that pings nobody."""
    from adapters.chat.discord.alarm import alarm

    await alarm(discord.courier, discord.channel)("A new server waits to be allowed.")

    [message] = discord.world.from_bot(discord.channel)
    assert message["content"] == "A new server waits to be allowed."


async def test_a_card_that_is_taken_down_is_gone(discord: DiscordBench) -> None:
    """Also when somebody was faster."""
    requester = discord.requester()
    at = await discord.courier.show(a_card(requester), None)
    assert at is not None

    assert await discord.courier.take_down(at, requester)
    assert await discord.courier.take_down(at, requester)
    assert discord.world.from_bot(discord.channel) == []
    assert not await discord.courier.take_down(MessageRef(platform="discord", reference="@1"), requester)

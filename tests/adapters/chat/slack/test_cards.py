"""Cards: one per job, never read as more than words, and how a job ends is always shown; before an emulated Slack."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.chat.slack.alarm import alarm
from adapters.chat.slack.budget import A_MINUTE, FORGOTTEN_AFTER_S, Budget
from bot.cards.card import card as card_of
from bot.chat_values import Button
from bot.errors import DeliveryDelayed
from bot.ids import new_id
from bot.jobs.model import Delivery, Requester
from bot.jobs.states import State
from bot.ports import JobCard, MessageRef
from tests.adapters.chat.slack.deliveries import nowhere
from tests.emulators.slack_bench import IMPATIENT_S, SlackBench, _bench, _world  # noqa: F401 - fixtures
from tests.factories import NOON, a_clip, a_job
from tests.fakes.clock import FakeClock

NASTY = "<!channel> *bold* <@U0123456789> &lt;b&gt; <https://evil.example|look> `x` ~y~ :tada:\nnew line"


def a_card(requester: Requester, **changes: Any) -> JobCard:
    """A card of Alice's."""
    card = JobCard(job_id=new_id(), version=1, requester=requester, state="rendering", headline="Rendering")
    return replace(card, **changes)


def ended(card: JobCard, state: str = "failed") -> JobCard:
    """How it ended."""
    return replace(card, state=state, headline="The end", is_final=True)


def posts(slack: SlackBench) -> list[dict[str, Any]]:
    """Every message the bot ever posted since the test began."""
    return slack.world.posted()


@contextmanager
def reading_allowed(slack: SlackBench, granted: frozenset[str]) -> Iterator[None]:
    """The workspace lets us read what is said in channels."""
    slack.world.scopes(*granted, "channels:history")
    try:
        yield
    finally:
        slack.world.scopes(*granted)


@contextmanager
def impatient(slack: SlackBench, fault: str) -> Iterator[None]:
    """Whoever is kept waiting gives up soon."""
    patience_s, slack.api.patience_s = slack.api.patience_s, IMPATIENT_S if fault.startswith("hang") else 5.0
    yield
    slack.api.patience_s = patience_s


class TestWords:
    """What a person wrote is shown as it is, and nothing in it is read."""

    async def test_nothing_a_person_wrote_is_read(self, slack: SlackBench) -> None:
        """The emulator would call a ping a violation; a prompt stands in plain text, the rest is escaped."""
        card = a_card(slack.requester(), prompt=NASTY, headline=NASTY, lines=(NASTY,))

        await slack.courier.show(card, None)

        [message] = slack.world.from_bot(slack.channel)
        texts = {element["type"]: element["text"] for element in message["blocks"][1]["elements"]}
        assert texts == {"plain_text": f"“{' '.join(NASTY.split())}”"}
        assert "&lt;!channel&gt;" in message["text"]
        assert "&lt;!channel&gt;" in message["blocks"][0]["text"]["text"]

    @pytest.mark.parametrize("locale", ["en", "de", "ja"])
    async def test_every_state_keeps_slacks_measures_in_every_language(self, slack: SlackBench, locale: str) -> None:
        """With as many words as anybody may send: the emulator checks every block."""
        requester = replace(slack.requester(), locale=locale)
        posted = Delivery(
            id="d", job_id="j", number=1, place="slack:C1", method="link", outcome="posted",
            reference="https://reelbot.example/media/" + "x" * 600,
        )  # fmt: skip
        at = None
        for state in State:
            job = a_job(requester=requester, state=state, output=a_clip(), prompt=NASTY * 400, note="n" * 3000)
            card = replace(card_of(job, queue_position=3, eta=NASTY * 50), job_id="one job", delivery=posted)
            card = replace(card, lines=card.lines * 8, progress=0.5)

            at = await slack.courier.show(card, at)

        [message] = slack.world.from_bot(slack.channel)
        assert message["edits"] == len(State) - 1
        assert message["text"]

    async def test_a_card_speaks_its_askers_language(self, slack: SlackBench) -> None:
        job = a_job(requester=replace(slack.requester(), locale="de"), state=State.QUEUED)

        await slack.courier.show(card_of(job), None)

        [message] = slack.world.from_bot(slack.channel)
        assert "Angefragt" in str(message["blocks"])
        assert "Abbrechen" in str(message["blocks"])


class TestUpdates:
    """A card is updated when it says something new."""

    async def test_the_same_is_not_sent_twice(self, slack: SlackBench) -> None:
        """Not after it was posted, nor after an update; its version alone is nothing new."""
        card = a_card(slack.requester())
        at = await slack.courier.show(card, None)
        await slack.courier.show(replace(card, version=2), at)
        assert slack.world.journal("message-updated") == []

        for version in range(3):
            await slack.courier.show(replace(card, version=version, headline="Later"), at)

        assert len(slack.world.journal("message-updated")) == 1

    async def test_an_update_keeps_text_and_blocks(self, slack: SlackBench) -> None:
        """Without blocks the buttons would be gone, and it would be marked as edited."""
        card = a_card(slack.requester(), buttons=(Button(action="cancel", label="Cancel"),))
        at = await slack.courier.show(card, None)

        await slack.courier.show(replace(card, headline="Later"), at)

        [message] = slack.world.from_bot(slack.channel)
        assert "Later" in message["text"]
        assert "Cancel" in str(message["blocks"])

    @pytest.mark.parametrize("fault", ["status:500", "reset", "html", "hang:0.2"])
    @pytest.mark.parametrize("when", ["before", "after"])
    async def test_an_update_that_broke_is_done_again(self, slack: SlackBench, fault: str, when: str) -> None:
        """Twice does no harm; the board is told to come back."""
        card = a_card(slack.requester())
        at = await slack.courier.show(card, None)
        slack.world.fault("chat.update", fault, when=when)
        with impatient(slack, fault), pytest.raises(DeliveryDelayed):
            await slack.courier.show(ended(card), at)

        await slack.courier.show(ended(card), at)

        [message] = slack.world.from_bot(slack.channel)
        assert "The end" in message["text"]

    @pytest.mark.parametrize("error", ["message_not_found", "edit_window_closed", "cant_update_message"])
    async def test_a_card_that_can_show_nothing_more_is_followed_by_another_at_the_end(
        self, slack: SlackBench, error: str
    ) -> None:
        """Not on the way: whoever deleted it did not want to be told every step."""
        card = a_card(slack.requester())
        at = await slack.courier.show(card, None)
        slack.world.fault("chat.update", f"error:{error}", times=50)

        assert await slack.courier.show(replace(card, headline="Fetching"), at) == at
        assert len(posts(slack)) == 1
        last = await slack.courier.show(ended(card), at)

        assert last not in {None, at}
        assert len(posts(slack)) == 2

    async def test_a_price_is_asked_once_more_when_the_card_was_deleted(self, slack: SlackBench) -> None:
        """A person is waited for, and would never know."""
        card = a_card(slack.requester())
        at = await slack.courier.show(card, None)
        assert at is not None
        slack.world.delete_message(slack.channel, at.reference.partition(":")[2])

        last = await slack.courier.show(replace(card, state="quoted", headline="It costs $2"), at)

        [message] = slack.world.from_bot(slack.channel)
        assert last != at
        assert "It costs $2" in message["text"]

    async def test_thrown_out_of_the_channel_the_end_is_told_directly(self, slack: SlackBench) -> None:
        """The card cannot be reached any more, and a failed job has no clip that would tell."""
        card = a_card(slack.requester())
        at = await slack.courier.show(card, None)
        slack.world.remove_bot(slack.channel)

        last = await slack.courier.show(ended(card), at)

        [message] = slack.world.from_bot(slack.world.dm(slack.alice))
        assert "The end" in message["text"]
        assert last == MessageRef(platform="slack", reference=f"{message['channel']}:{message['ts']}")

    async def test_the_last_card_is_not_posted_twice_when_its_answer_is_lost(self, slack: SlackBench) -> None:
        """Where we may read it is found again, and the one that can show nothing is not taken for it."""
        channel = slack.world.dm(slack.alice)
        requester = slack.requester(channel, is_direct=True)
        card = a_card(requester)
        at = await slack.courier.show(card, None)
        slack.world.fault("chat.update", "error:edit_window_closed")
        slack.world.fault("chat.postMessage", "reset", when="after")
        with pytest.raises(DeliveryDelayed):
            await slack.courier.show(ended(card), at)
        slack.world.fault("chat.update", "error:edit_window_closed")

        last = await slack.courier.show(ended(card), at)

        assert last not in {None, at}
        assert len(posts(slack)) == 2


class TestFirst:
    """Slack knows no key for posts: after a lost answer a card is looked for where we may read."""

    async def lost(self, slack: SlackBench, card: JobCard, fault: str = "reset") -> None:
        slack.world.fault("chat.postMessage", fault, when="after")
        with impatient(slack, fault), pytest.raises(DeliveryDelayed):
            await slack.courier.show(card, None)

    @pytest.mark.parametrize("fault", ["reset", "status:503", "html", "hang:0.2"])
    async def test_in_direct_messages_it_is_found_again(self, slack: SlackBench, fault: str) -> None:
        channel = slack.world.dm(slack.alice)
        card = a_card(slack.requester(channel, is_direct=True))
        await self.lost(slack, card, fault)

        at = await slack.courier.show(replace(card, headline="Later"), None)

        [post] = posts(slack)
        assert at == MessageRef(platform="slack", reference=f"{channel}:{post['ts']}")
        [message] = slack.world.from_bot(channel)
        assert "Later" in message["text"]

    async def test_also_when_it_was_asked_by_a_shortcut(self, slack: SlackBench) -> None:
        """There is no channel, and the direct messages were opened for it."""
        card = a_card(nowhere(slack))
        await self.lost(slack, card)

        assert await slack.courier.show(card, None) is not None

        assert len(posts(slack)) == 1

    async def test_also_when_the_channel_did_not_take_it(self, slack: SlackBench) -> None:
        slack.world.remove_bot(slack.channel)
        card = a_card(slack.requester())
        slack.world.fault("chat.postMessage", "reset", when="after", skip=1)
        with pytest.raises(DeliveryDelayed):
            await slack.courier.show(card, None)

        assert await slack.courier.show(card, None) is not None

        assert len(posts(slack)) == 1

    async def test_in_a_channel_that_may_be_read_too(self, slack: SlackBench) -> None:
        """With more in its thread than one page of it holds."""
        home = await slack.bots.home()
        assert home is not None
        root = slack.world.say(slack.alice, slack.channel, "look")
        for number in range(60):
            slack.world.say(slack.alice, slack.channel, f"{number}", thread=root["ts"])
        asked = slack.world.say(slack.alice, slack.channel, "animate this", thread=root["ts"])
        card = a_card(slack.requester(root=root["ts"], asked=asked["ts"]))
        with reading_allowed(slack, home.scopes):
            await self.lost(slack, card)

            assert await slack.courier.show(card, None) is not None

        assert len(posts(slack)) == 1

    async def test_where_nothing_may_be_read_no_second_card_says_the_same(self, slack: SlackBench) -> None:
        """One for a question, or for the end: that is what a person waits for."""
        card = a_card(slack.requester())
        await self.lost(slack, card)

        assert await slack.courier.show(replace(card, headline="Later"), None) is None
        assert len(posts(slack)) == 1
        at = await slack.courier.show(ended(card), None)

        assert at is not None
        assert len(posts(slack)) == 2

    async def test_what_was_certainly_not_posted_is_posted(self, slack: SlackBench) -> None:
        """A pause that Slack asks for leaves no doubt."""
        card = a_card(slack.requester())
        slack.world.fault("chat.postMessage", "429:0")
        with pytest.raises(DeliveryDelayed):
            await slack.courier.show(card, None)

        assert await slack.courier.show(card, None) is not None

        assert len(posts(slack)) == 1

    async def test_whoever_is_cancelled_while_posting_looks_before_posting_again(self, slack: SlackBench) -> None:
        """As by a time limit around us: nobody heard whether it arrived."""
        channel = slack.world.dm(slack.alice)
        card = a_card(slack.requester(channel, is_direct=True))
        await slack.bots.home()
        slack.world.fault("chat.postMessage", "hang:0.1", when="after")
        showing = asyncio.create_task(slack.courier.show(card, None))
        await asyncio.to_thread(slack.world.until, lambda: posts(slack))
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)

        assert await slack.courier.show(card, None) is not None

        assert len(posts(slack)) == 1

    async def test_after_a_restart_a_card_of_an_older_job_is_looked_for(self, slack: SlackBench) -> None:
        """Whoever posted it may have died before that was written down."""
        channel = slack.world.dm(slack.alice)
        card = a_card(slack.requester(channel, is_direct=True), asked_at=datetime.now(UTC))
        await slack.courier.show(card, None)
        slack.open()

        assert await slack.courier.show(card, None) is not None

        assert len(posts(slack)) == 1

    async def test_where_it_cannot_be_it_is_nowhere(self, slack: SlackBench) -> None:
        """A courtesy, never a condition."""
        slack.world.remove_bot(slack.channel)
        slack.world.fault("conversations.open", "error:user_disabled", times=9)

        assert await slack.courier.show(a_card(slack.requester()), None) is None

        assert posts(slack) == []

    async def test_where_the_bot_is_not_it_comes_directly(self, slack: SlackBench) -> None:
        slack.world.remove_bot(slack.channel)

        at = await slack.courier.show(a_card(slack.requester()), None)

        [message] = slack.world.from_bot(slack.world.dm(slack.alice))
        assert at == MessageRef(platform="slack", reference=f"{message['channel']}:{message['ts']}")

    async def test_removed_from_the_workspace_a_card_stays_what_it_was(self, slack: SlackBench) -> None:
        slack.open(token=None)
        at = MessageRef(platform="slack", reference="C1:2.0")

        assert await slack.courier.show(a_card(slack.requester()), at) == at
        assert await slack.courier.show(a_card(slack.requester()), None) is None


class TestReactions:
    """Seen at once on the message that asked, and what became of it."""

    def on(self, slack: SlackBench) -> dict[str, list[str]]:
        return slack.world.reactions(slack.channel, slack.asked["ts"])

    async def test_it_is_seen_and_then_swapped(self, slack: SlackBench) -> None:
        card = a_card(slack.requester(asked=slack.asked["ts"]))

        at = await slack.courier.show(card, None)
        seen = self.on(slack)
        await slack.courier.show(ended(card, "delivered"), at)

        assert seen == {"eyes": [slack.world.bot]}
        assert self.on(slack) == {"white_check_mark": [slack.world.bot]}

    async def test_sent_again_it_keeps_no_warning(self, slack: SlackBench) -> None:
        """What was `undelivered` first is delivered now."""
        card = a_card(slack.requester(asked=slack.asked["ts"]))
        at = await slack.courier.show(card, None)
        at = await slack.courier.show(ended(card, "undelivered"), at)

        await slack.courier.show(ended(replace(card, version=9), "delivered"), at)

        assert self.on(slack) == {"white_check_mark": [slack.world.bot]}

    @pytest.mark.parametrize("method", ["reactions.add", "reactions.remove"])
    @pytest.mark.parametrize(
        "fault", ["reset", "status:500", "error:too_many_reactions", "error:missing_scope", "429:0"]
    )
    async def test_a_reaction_that_cannot_be_is_no_harm(self, slack: SlackBench, method: str, fault: str) -> None:
        card = a_card(slack.requester(asked=slack.asked["ts"]))
        slack.world.fault(method, fault, times=9)

        at = await slack.courier.show(card, None)
        await slack.courier.show(ended(card), at)

        [message] = slack.world.from_bot(slack.channel)
        assert "The end" in message["text"]

    async def test_the_message_that_asked_may_be_gone(self, slack: SlackBench) -> None:
        slack.world.delete_message(slack.channel, slack.asked["ts"])

        assert await slack.courier.show(a_card(slack.requester(asked=slack.asked["ts"])), None) is not None


class TestButtons:
    """What may be pressed."""

    async def test_delete_asks_once_more(self, slack: SlackBench) -> None:
        """By Slack's own dialogue, before the press is sent."""
        job = a_job(requester=slack.requester(), state=State.DELIVERED, output=a_clip())
        await slack.courier.show(card_of(job), None)

        [message] = slack.world.from_bot(slack.channel)
        [row] = [block for block in message["blocks"] if block["type"] == "actions"]
        confirmed = {each["action_id"]: "confirm" in each for each in row["elements"]}

        assert confirmed["rb:b:delete"]
        assert sum(confirmed.values()) == 1
        assert {each["value"] for each in row["elements"]} == {job.id}

    async def test_a_clip_that_could_not_be_posted_is_a_button(self, slack: SlackBench) -> None:
        """Its address, beside the others."""
        posted = Delivery(
            id="d", job_id="j", number=1, place="slack:C1", method="link", reference="https://r.example/x", outcome="posted"
        )  # fmt: skip
        card = a_card(slack.requester(), state="delivered", is_final=True, delivery=posted)

        await slack.courier.show(card, None)

        [message] = slack.world.from_bot(slack.channel)
        assert "https://r.example/x" in str(message["blocks"])
        assert "https://r.example/x" not in str(replace_link(message["blocks"]))


def replace_link(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Everything but what can be pressed."""
    return [block for block in blocks if block["type"] != "actions"]


async def test_forty_jobs_stay_within_what_slack_takes_and_every_end_is_shown(slack: SlackBench) -> None:
    """In one minute: the emulator counts as Slack does, and calls it foul when a pause is not kept."""
    clock = FakeClock()
    slack.open(clock=clock)
    slack.world.calm()
    slack.world.knobs(limits={})
    channels = [slack.room() for _ in range(8)]
    cards = [a_card(slack.requester(channels[number % 8])) for number in range(40)]
    shown = [(card, await slack.courier.show(card, None)) for card in cards]

    delayed = 0
    for step in range(3):
        for card, at in shown:
            try:
                await slack.courier.show(replace(card, headline=f"Step {step}"), at)
            except DeliveryDelayed as error:
                assert (error.retry_after_s or 0) > 0
                delayed += 1
    for card, at in shown:
        await slack.courier.show(ended(card), at)

    messages = [message for channel in channels for message in slack.world.from_bot(channel)]
    assert [("The end" in message["text"]) for message in messages] == [True] * 40
    assert delayed > 100
    assert len(slack.world.journal("message-updated")) <= 50
    assert slack.world.journal("throttled") == []


async def test_a_job_whose_end_another_process_shows_keeps_no_room_for_ever() -> None:
    """Else progress would be told ever more rarely, the longer a process runs beside others."""
    clock = FakeClock()
    budget = Budget(clock)
    for number in range(200):
        budget.runs("T1", f"gone-{number}")
    await clock.advance(FORGOTTEN_AFTER_S + 1)

    told = sum(budget.take("T1", "here", urgent=False) == 0.0 for _ in range(100))

    assert told == A_MINUTE - 1


async def test_a_pause_that_slack_asks_for_is_kept(slack: SlackBench) -> None:
    """Nothing is sent before it is over: the emulator would call it foul."""
    clock = FakeClock()
    slack.open(clock=clock)
    card = a_card(slack.requester())
    at = await slack.courier.show(card, None)
    slack.world.fault("chat.update", "429:30")

    pauses = []
    for _ in range(3):
        with pytest.raises(DeliveryDelayed) as delayed:
            await slack.courier.show(ended(card), at)
        pauses.append(delayed.value.retry_after_s)

    assert pauses == [30, 30, 30]
    assert len(slack.world.journal("throttled")) == 1
    slack.world.calm()


async def test_an_alert_reaches_its_channel(slack: SlackBench) -> None:
    """One message that pings nobody."""
    await alarm(slack.courier, slack.channel)("<!channel> A new workspace waits to be allowed.")

    [message] = slack.world.from_bot(slack.channel)
    assert message["text"] == "&lt;!channel&gt; A new workspace waits to be allowed."


async def test_a_card_that_is_taken_down_is_gone(slack: SlackBench) -> None:
    """Also when somebody was faster."""
    requester = slack.requester()
    at = await slack.courier.show(a_card(requester, asked_at=NOON), None)
    assert at is not None

    assert await slack.courier.take_down(at, requester)
    assert await slack.courier.take_down(at, requester)
    assert slack.world.from_bot(slack.channel) == []
    elsewhere = MessageRef(platform="slack", reference=f"{slack.channel}:{slack.asked['ts']}")
    assert not await slack.courier.take_down(elsewhere, requester)

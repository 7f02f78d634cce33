"""Brings cards and clips to Slack by the bot token of each workspace; works in any process, needs no socket."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import structlog

from adapters.chat.drawn import Drawn
from adapters.chat.slack.anchor import Anchor, anchor_of
from adapters.chat.slack.api import UNREADABLE_PLACE, Bot, RateLimited, SlackApi, SlackError, TokenDead, Unclear
from adapters.chat.slack.bots import PLATFORM, Bots, NotInstalled
from adapters.chat.slack.budget import Budget
from adapters.chat.slack.card_view import render
from adapters.chat.slack.collecting import collect
from adapters.chat.slack.delivery import Deliverer
from adapters.chat.slack.doctor import examine
from adapters.chat.slack.reactions import Reactions
from adapters.chat.slack.sharing import VISIBLE_WITHIN_S, Sharing
from adapters.chat.slack.together import LEFT_BY_PROGRESS
from adapters.http.client import HttpClient
from adapters.media.hosting import SignedLinks
from bot.doctor.finding import Finding
from bot.errors import DeliveryDelayed
from bot.jobs.model import Asset, Delivery, InputRef, Requester
from bot.jobs.states import State
from bot.languages.said import say
from bot.ports import Checkpoint, Clock, JobCard, MediaStore, MediaWorkshop, MessageRef, Parcel, Receipt

log = structlog.get_logger(__name__)

EDIT_EVERY_S: Final = 5.0
WAITS_S: Final = 15.0
"""Longest that an end waits for its turn before the board is told to come back."""
CARD: Final = "reelbot_card"
"""By which a card of ours is known again, where messages may be read."""
REMEMBERED: Final = 2000
MOST_LOOKED_AT: Final = 50
GONE: Final = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})


class SlackCourier:
    """One app's, in every workspace that has it."""

    platform = PLATFORM
    edit_every_s = EDIT_EVERY_S

    def __init__(
        self,
        api: SlackApi,
        bots: Bots,
        http: HttpClient,
        media: MediaStore,
        workshop: MediaWorkshop,
        clock: Clock,
        scratch: Path,
        links: SignedLinks | None = None,
        *,
        visible_within_s: float = VISIBLE_WITHIN_S,
    ) -> None:
        """`links` makes addresses for clips that cannot be uploaded; without a public URL there are none.

        `visible_within_s` is how long Slack usually takes at most to show what was uploaded.
        """
        self.api = api
        self.bots = bots
        self.sharing = Sharing(api, clock)
        self._http = http
        self._media = media
        self._clock = clock
        self._scratch = scratch
        self._budget = Budget(clock)
        self._reactions = Reactions(api)
        self._deliverer = Deliverer(api, bots, media, workshop, clock, scratch, links, visible_within_s)
        self._drawn = Drawn()
        self._doubtful: OrderedDict[str, int] = OrderedDict()
        """Cards that may be there, by job, and how often they may have been posted."""
        self._began = clock.now()
        """Of a job that is older, an earlier process may have posted the card, and died before that was written down."""

    async def collect(self, source: InputRef) -> Asset:
        """Copy what somebody uploaded. `BadInput` when it is gone, `ProviderUnavailable` for passing reasons."""
        return await collect(source, self.api, self.bots, self._http, self._media, self._scratch)

    async def show(self, card: JobCard, at: MessageRef | None) -> MessageRef | None:
        """Post the card, or update it; `None` where it cannot be shown. Raises for passing reasons only."""
        anchor = anchor_of(card.requester)
        try:
            bot = await self.bots.of(anchor.team, anchor.enterprise)
            if at is None:
                await self._require_turn(card)
                shown = await self._first(bot, card, anchor)
            else:
                shown = await self._update(bot, card, anchor, at)
        except (NotInstalled, TokenDead) as error:
            log.info("card.no_workspace", job_id=card.job_id, why=str(error))
            # It may have been added again since, with another token.
            self.bots.forget(anchor.team)
            self._budget.ended(anchor.team, card.job_id)
            return at
        except Unclear as error:
            # An update: done twice it does no harm.
            raise DeliveryDelayed(say("Slack does not answer; trying again.")) from error
        if shown is not None:
            await self._reactions.follow(bot, anchor, card, is_new=at is None)
            (self._budget.ended if card.is_final else self._budget.runs)(anchor.team, card.job_id)
        return shown

    async def deliver(self, parcel: Parcel, save: Callable[[Checkpoint], Awaitable[None]]) -> Receipt:
        """Share the clip at most once, at the best place that takes it. See `bot.ports.Courier.deliver`."""
        return await self._deliverer.deliver(parcel, save)

    async def retract(self, delivery: Delivery, requester: Requester) -> bool:
        """Delete the files of a delivery, and their message: of one whose file was deleted, the words stay."""
        if delivery.method == "link":
            return True  # an edit of the card, and the card is taken down by itself
        anchor = anchor_of(requester)
        bot = await self.bots.of(anchor.team, anchor.enterprise)
        files = await self._deliverer.find(delivery)
        shown = await self.sharing.messages(bot, files)
        channel, _, rest = (delivery.reference or "").partition(":")
        if ts := rest.partition(":")[0]:
            shown.add(f"{channel}:{ts}")
        await self.sharing.delete(bot, files)
        return all([await self.api.delete(bot, each) for each in sorted(shown)])

    async def take_down(self, at: MessageRef, requester: Requester) -> bool:
        """Delete a card."""
        anchor = anchor_of(requester)
        bot = await self.bots.of(anchor.team, anchor.enterprise)
        return await self.api.delete(bot, at.reference)

    def examine(self, alerts_channel: str | None) -> AsyncIterator[Finding]:
        """What is wrong between Slack and us, for `doctor`."""
        return examine(self.api, self.bots, alerts_channel)

    # --- posting --------------------------------------------------------------------------------------------------

    async def _require_turn(self, card: JobCard) -> None:
        """Only one process posts a card; the others change it, once it is known where it is."""
        together = self.api.together
        if together is not None and not await together.may_begin(card.job_id):
            # Should that process die, nobody knows whether the card is there: it will be looked for.
            self._doubtful.setdefault(card.job_id, 1)
            raise DeliveryDelayed("Another process is posting this card.")

    async def _first(
        self, bot: Bot, card: JobCard, anchor: Anchor, *, instead_of: MessageRef | None = None
    ) -> MessageRef | None:
        """The card's first message. Slack knows no key for posts: what may be there already is looked for first.

        `instead_of` is a card that was there, and can show nothing any more.
        """
        doubts = self._doubtful.get(card.job_id, 0)
        if doubts or (instead_of is None and card.asked_at is not None and card.asked_at < self._began):
            found = await self._look_for(bot, card, anchor, instead_of)
            if found is not None:
                self._doubtful.pop(card.job_id, None)
                return await self._update(bot, card, anchor, found)
            if doubts and not _is_waited_for(card):
                # A second card would say no more than the first one does, if that is there.
                return None
        # Doubted until it is known: whoever is cancelled in between has not heard that it arrived.
        self._doubtful[card.job_id] = doubts + 1
        if len(self._doubtful) > REMEMBERED:
            self._doubtful.popitem(last=False)
        try:
            posted = await self._post(bot, card, anchor)
        except Unclear as error:
            raise DeliveryDelayed(say("Slack did not say whether the card arrived; looking for it.")) from error
        except (DeliveryDelayed, TokenDead):
            self._settle(card.job_id, doubts)
            raise
        self._doubtful.pop(card.job_id, None)
        return posted

    def _settle(self, job_id: str, doubts: int) -> None:
        """What was tried last was not done, for certain: as doubtful as before."""
        if doubts:
            self._doubtful[job_id] = doubts
        else:
            self._doubtful.pop(job_id, None)

    async def _post(self, bot: Bot, card: JobCard, anchor: Anchor) -> MessageRef | None:
        """Where the answer belongs, else to the asker directly; `None` where neither can be."""
        drawn = render(card)
        body = drawn | {
            "metadata": {"event_type": CARD, "event_payload": {"job": card.job_id}},
            "unfurl_links": False,
            "unfurl_media": False,
        }
        posted = None
        if anchor.channel:
            try:
                posted = await self.api.call(
                    bot, "chat.postMessage", channel=anchor.channel, thread_ts=anchor.root, **body
                )
            except TokenDead:
                raise
            except SlackError as error:
                log.info("card.no_place", job_id=card.job_id, why=str(error))
                if anchor.is_direct or error.error not in UNREADABLE_PLACE:
                    return None
        if posted is None:
            try:
                channel = await self._direct(bot, card)
                posted = await self.api.call(bot, "chat.postMessage", channel=channel, **body)
            except TokenDead:
                raise
            except SlackError as error:
                log.info("card.no_place_at_all", job_id=card.job_id, why=str(error))
                return None
        at = MessageRef(platform=PLATFORM, reference=f"{posted['channel']}:{posted['ts']}")
        self._drawn.remember(at.reference, drawn)
        return at

    async def _direct(self, bot: Bot, card: JobCard) -> str:
        """The direct messages of the asker. What nobody answered may be asked again: opening them twice does no harm."""
        try:
            return await self.api.direct(bot, card.requester.user)
        except Unclear as error:
            raise DeliveryDelayed(say("Slack does not answer; trying again.")) from error

    async def _look_for(self, bot: Bot, card: JobCard, anchor: Anchor, besides: MessageRef | None) -> MessageRef | None:
        """The card where it belongs, or in direct messages; `None` where it is not, or where we may not read."""
        places = [(anchor.channel, anchor.root)] if anchor.channel else []
        try:
            if not anchor.is_direct:
                places.append((await self._direct(bot, card), None))
            for channel, root in places:
                found = await self._among_the_newest(bot, card, channel, root, anchor.asked, besides)
                if found is not None:
                    return found
        except TokenDead:
            raise
        except (SlackError, DeliveryDelayed) as error:
            log.info("card.not_looked_for", job_id=card.job_id, why=str(error))
        return None

    async def _among_the_newest(
        self,
        bot: Bot,
        card: JobCard,
        channel: str,
        root: str | None,
        after: str | None,
        besides: MessageRef | None,
    ) -> MessageRef | None:
        try:
            found = await self.api.call(
                bot,
                "conversations.replies" if root else "conversations.history",
                channel=channel,
                ts=root,
                # A thread is told from its beginning, a channel from its end.
                oldest=after if root else None,
                limit=MOST_LOOKED_AT,
                include_all_metadata=True,
            )
        except TokenDead:
            raise
        except (SlackError, Unclear, RateLimited) as error:
            log.info("card.not_looked_for", job_id=card.job_id, why=str(error))
            return None
        for message in found.get("messages") or ():
            about = message.get("metadata") or {}
            at = MessageRef(platform=PLATFORM, reference=f"{channel}:{message['ts']}")
            is_ours = about.get("event_type") == CARD
            if is_ours and (about.get("event_payload") or {}).get("job") == card.job_id and at != besides:
                return at
        return None

    # --- updating -------------------------------------------------------------------------------------------------

    async def _update(self, bot: Bot, card: JobCard, anchor: Anchor, at: MessageRef) -> MessageRef | None:
        payload = render(card)
        if self._drawn.shows(at.reference, payload):
            return at
        await self._turn(card, anchor)
        try:
            leaving = 0 if _is_waited_for(card) else LEFT_BY_PROGRESS
            await self.api.update(bot, at.reference, payload, leaving=leaving)
        except TokenDead:
            raise
        except SlackError as error:
            log.info("card.not_edited", job_id=card.job_id, why=str(error))
            if error.error in GONE | UNREADABLE_PLACE and _is_waited_for(card):
                # Somebody deleted the card, or us from the channel; what a person waits for is said once more.
                return await self._first(bot, card, anchor, instead_of=at) or at
        self._drawn.remember(at.reference, payload)
        return at

    async def _turn(self, card: JobCard, anchor: Anchor) -> None:
        """Wait for a place in the workspace's rate; progress does not wait, the next one says more."""
        waited_until = self._clock.monotonic() + WAITS_S
        while pause := self._budget.take(anchor.team, card.job_id, urgent=_is_waited_for(card)):
            if not _is_waited_for(card) or self._clock.monotonic() + pause > waited_until:
                raise RateLimited(say("Slack takes so many updates a minute; trying again."), retry_after_s=pause)
            await self._clock.sleep(pause)


def _is_waited_for(card: JobCard) -> bool:
    """A person waits for it: how it ended, or a question."""
    return card.is_final or card.state == State.QUOTED

"""Brings cards and clips to Discord by bot-token messages; works in any process, needs no gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Final

import structlog

from adapters.chat.discord.anchor import Anchor, anchor_of
from adapters.chat.discord.answers import Answers
from adapters.chat.discord.card_view import card_reference, render
from adapters.chat.discord.collecting import collect
from adapters.chat.discord.delivery import Deliverer
from adapters.chat.discord.doctor import examine
from adapters.chat.discord.places import Surveyor
from adapters.chat.discord.rest import UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, Rest, RestError, Unclear
from adapters.chat.drawn import Drawn
from adapters.http.client import HttpClient
from adapters.media.hosting import SignedLinks
from bot.doctor.finding import Finding
from bot.errors import DeliveryDelayed, ProviderUnavailable
from bot.jobs.model import Asset, Delivery, InputRef, Requester
from bot.languages.said import say
from bot.ports import Checkpoint, Clock, JobCard, MediaStore, MediaWorkshop, MessageRef, Parcel, Receipt
from bot.stores import LeaseStore

log = structlog.get_logger(__name__)

PLATFORM: Final = "discord"
EDIT_EVERY_S: Final = 3.0
COURTESY_PATIENCE_S: Final = 0.5
"""An edit on the way waits no longer for the rate limit: the next one says more."""
FINAL_PATIENCE_S: Final = 15.0
ANSWER_COMES_WITHIN_S: Final = 6.0
"""So long after it was asked, another process may still be answering an interaction."""
REMEMBERED: Final = 2000


class DiscordCourier:
    """One bot's."""

    platform = PLATFORM
    edit_every_s = EDIT_EVERY_S

    def __init__(
        self,
        rest: Rest,
        http: HttpClient,
        media: MediaStore,
        workshop: MediaWorkshop,
        clock: Clock,
        scratch: Path,
        links: SignedLinks | None = None,
        *,
        leases: LeaseStore | None = None,
    ) -> None:
        """`links` makes addresses for clips too large to post; without a public URL there are none.

        `leases` say which process is connected for which shards, where there may be several.
        """
        self.rest = rest
        self.answers = Answers(rest)
        self.leases = leases
        self._http = http
        self._media = media
        self._clock = clock
        self._scratch = scratch
        surveyor = Surveyor(rest, clock)
        self._deliverer = Deliverer(rest, self.answers, surveyor, media, workshop, clock, scratch, links)
        self._drawn = Drawn()

    async def collect(self, source: InputRef) -> Asset:
        """Copy what somebody attached. `BadInput` when it is gone, `ProviderUnavailable` for passing reasons."""
        return await collect(source, self.rest, self._http, self._media, self._scratch)

    async def show(self, card: JobCard, at: MessageRef | None) -> MessageRef | None:
        """Post the card, or edit it; `None` where it cannot be shown. Raises for passing reasons only."""
        anchor = anchor_of(card.requester)
        payload = render(card)
        if at is None:
            reference = await self._answered(anchor)
            if reference is None and not anchor.by_token:
                await self._require_turn(card)
                return await self._post(card, anchor, payload, f"c{_tail(card.job_id)}")
            if reference is None:
                return None
            at = MessageRef(platform=PLATFORM, reference=reference)
        if self._drawn.shows(at.reference, payload):
            return at
        shown = await self._edit(card, anchor, payload, at)
        self._drawn.remember(at.reference, payload)
        return shown

    async def deliver(self, parcel: Parcel, save: Callable[[Checkpoint], Awaitable[None]]) -> Receipt:
        """Post the clip at most once, at the best place that takes it. See `bot.ports.Courier.deliver`."""
        return await self._deliverer.deliver(parcel, save)

    async def retract(self, delivery: Delivery, requester: Requester) -> bool:
        """Delete the message of a delivery; where it is not known, look for it."""
        if delivery.method == "link":
            return True  # an edit of the card, and the card is taken down by itself
        reference = delivery.reference or await self._deliverer.find(delivery, requester)
        return True if reference is None else await self._delete(reference, anchor_of(requester))

    async def take_down(self, at: MessageRef, requester: Requester) -> bool:
        """Delete a card."""
        return await self._delete(at.reference, anchor_of(requester))

    async def application(self) -> str:
        """The id of the bot's application; where Discord does not say, what its token begins with."""
        try:
            return str((await self.rest.ask("GET", "/applications/@me"))["id"])
        except (RestError, Unclear, DeliveryDelayed) as error:
            if (found := self.rest.id_in_token()) is not None:
                return found
            raise ProviderUnavailable(str(error)) from error

    def examine(self, alerts_channel: str | None) -> AsyncIterator[Finding]:
        """What is wrong between Discord and us, for `doctor`."""
        return examine(self.rest, alerts_channel)

    # --- cards ----------------------------------------------------------------------------------------------------

    async def _require_turn(self, card: JobCard) -> None:
        """Only one process posts a card; the others change it, once it is known where it is."""
        together = self.rest.together
        if together is not None and not await together.may_begin(card.job_id):
            raise DeliveryDelayed("Another process is posting this card.")

    async def _answered(self, anchor: Anchor) -> str | None:
        """The answer to the interaction that asked, which is the card; `None` when there is none and will be none."""
        if anchor.interaction is None:
            return None
        message = await self.answers.card_of(anchor.interaction)
        if message is not None:
            return card_reference(anchor, message)
        token = anchor.token_at(self._clock.now())
        if token is None or anchor.application is None:
            return None
        original = await self.answers.original(anchor.application, token)
        if original is not None:
            return card_reference(anchor, str(original["id"]))
        if self._clock.now().timestamp() - anchor.asked_at < ANSWER_COMES_WITHIN_S:
            raise DeliveryDelayed(say("The answer is still being given."), retry_after_s=2.0)
        return None

    async def _post(self, card: JobCard, anchor: Anchor, payload: dict[str, Any], nonce: str) -> MessageRef | None:
        """Post it where the answer belongs, else to the asker directly; `None` where neither can be."""
        try:
            posted = await self.rest.post(anchor.channel, payload, nonce=nonce, reply_to=anchor.message)
        except RestError as error:
            log.info("card.no_place", job_id=card.job_id, why=str(error))
            if anchor.guild is None:
                return None
            try:
                posted = await self.rest.post(await self.rest.direct(card.requester.user), payload, nonce=nonce)
            except RestError as closed:
                log.info("card.no_place_at_all", job_id=card.job_id, why=str(closed))
                return None
        at = MessageRef(platform=PLATFORM, reference=f"{posted['channel_id']}:{posted['id']}")
        if _texts(posted.get("components", ())) != _texts(payload["components"]):
            # The same nonce again is the first message again, which shows what was true then.
            return await self._edit(card, anchor, payload, at)
        return at

    async def _edit(self, card: JobCard, anchor: Anchor, payload: dict[str, Any], at: MessageRef) -> MessageRef | None:
        try:
            if at.reference.startswith("@"):
                await self._edit_answer(card, anchor, payload)
            else:
                patience_s = FINAL_PATIENCE_S if card.is_final else COURTESY_PATIENCE_S
                await self.rest.edit(at.reference, payload, patience_s=patience_s)
        except RestError as error:
            if error.number == UNKNOWN_MESSAGE and card.is_final:
                # Somebody deleted the card; how the job ended is said once more.
                return await self._post(card, anchor, payload, f"e{_tail(card.job_id)}") or at
            log.info("card.not_edited", job_id=card.job_id, why=str(error))
        return at

    async def _edit_answer(self, card: JobCard, anchor: Anchor, payload: dict[str, Any]) -> None:
        token = anchor.token_at(self._clock.now())
        has_clip = card.delivery is not None and (card.delivery.reference or "").startswith("@")
        if token is None or anchor.application is None or has_clip:
            # Its time is over, or the clip was put into it: an edit now would take the clip out again.
            return
        await self.answers.edit(anchor.application, token, payload)

    async def _delete(self, reference: str, anchor: Anchor) -> bool:
        try:
            if reference.startswith("@"):
                token = anchor.token_at(self._clock.now())
                if token is None or anchor.application is None:
                    return False
                await self.answers.take_back(anchor.application, token)
            else:
                await self.rest.delete(reference)
        except RestError as error:
            return error.number in {UNKNOWN_MESSAGE, UNKNOWN_CHANNEL}
        return True


def _texts(components: Iterable[dict[str, Any]]) -> list[str]:
    """What a message says, without how it is laid out."""
    found: list[str] = []
    for component in components:
        if "content" in component:
            found.append(" ".join(str(component["content"]).split()))
        found += _texts(component.get("components") or ())
    return found


def _tail(job_id: str) -> str:
    """The random part of an id: a nonce has at most 25 characters."""
    return job_id.replace("-", "")[-20:]

"""Posting a clip at most once (DESIGN §8): one nonce per place, the file's name searched after an unclear failure.

What was intended is saved before each post. Whoever goes on from there looks first: Discord answers a second message with
the same nonce by the first one only for "the past few minutes" (its documentation, resources/message, read 2026-08-06).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final, assert_never

import structlog

from adapters.chat.discord.anchor import Anchor, anchor_of
from adapters.chat.discord.answers import Answers
from adapters.chat.discord.course import Course, nonce_of
from adapters.chat.discord.letters import answer_with_clip, clip_message, link_message, withheld_message
from adapters.chat.discord.places import Place, Surveyor, below, in_order
from adapters.chat.discord.rest import (
    BAD_TOKEN,
    BLOCKED_WORDS,
    INVALID_FORM,
    TOO_LARGE,
    UNKNOWN_MESSAGE,
    Rest,
    RestError,
    Unclear,
    Upload,
)
from adapters.chat.discord.searching import Search, search_for
from adapters.chat.fitting import Fitted, fitted
from adapters.media.hosting import SignedLinks
from bot.errors import DeliveryDelayed, DeliveryRefused, DeliveryUnclear, Withheld
from bot.jobs.model import Asset, AssetKind, Delivery, Requester
from bot.languages.said import say
from bot.ports import Checkpoint, Clock, MediaStore, MediaWorkshop, Parcel, Receipt
from bot.scratch import scratch_folder

log = structlog.get_logger(__name__)

Save = Callable[[Checkpoint], Awaitable[None]]

NONCE_HOLDS_S = 90.0
"""Within so many seconds a second message with the same nonce surely is the first one."""
LOOK_AGAIN_S = 3.0
LINK_LIVES: Final = timedelta(days=7)
SMALLEST_FILE: Final = 500_000
"""Bytes. A clip squeezed further is no longer worth watching: a link is."""


class Deliverer:
    """Posts clips."""

    def __init__(
        self,
        rest: Rest,
        answers: Answers,
        surveyor: Surveyor,
        media: MediaStore,
        workshop: MediaWorkshop,
        clock: Clock,
        scratch: Path,
        links: SignedLinks | None,
    ) -> None:
        self._rest = rest
        self._answers = answers
        self._surveyor = surveyor
        self._media = media
        self._workshop = workshop
        self._clock = clock
        self._scratch = scratch
        self._links = links

    async def deliver(self, parcel: Parcel, save: Save) -> Receipt:
        """See `bot.ports.Courier.deliver`."""
        course = Course.from_json(parcel.checkpoint)
        if course.posting and course.place is not None:
            found = await self._look(course, parcel.filename)
            if found is not None:
                return self._receipt(course.place, found, "attachment")
        async with scratch_folder(self._scratch) as folder:
            while True:
                outcome = await self._attempt(course, parcel, save, folder)
                if isinstance(outcome, Receipt):
                    return outcome
                course = outcome

    async def find(self, delivery: Delivery, requester: Requester) -> str | None:
        """The message of a delivery whose end is not known, as `channel:message`."""
        course = Course.from_json(delivery.checkpoint)
        if course.place is None or not course.posting or course.place.kind == "answer":
            return None
        name = f"{delivery.job_id}-{delivery.number}.mp4"
        found = await search_for(self._rest, course.place, name, since=course.since)
        return f"{course.place.channel}:{found}" if isinstance(found, str) else None

    # --- one try --------------------------------------------------------------------------------------------------

    async def _attempt(self, course: Course, parcel: Parcel, save: Save, folder: Path) -> Receipt | Course:
        """Post to the best place left, or return what to try next."""
        anchor = anchor_of(parcel.requester)
        if course.place is None:
            chosen = await self._choose(course, parcel, anchor)
            if chosen.place is None:
                return chosen
            course = chosen
        place = course.place
        assert place is not None
        limit = min(await self._surveyor.upload_limit(place, anchor), course.limit or 1 << 60)
        ready = None if limit < SMALLEST_FILE else await fitted(parcel, limit, self._media, self._workshop, folder)
        if ready is None:
            return await self._link(course, parcel, anchor, save)
        hidden = anchor.spoiler or parcel.clip.flagged
        course = replace(course, posting=True, since=course.since or self._clock.now().timestamp())
        await save(course.to_json())
        try:
            message = await self._post(course, parcel, anchor, ready, hidden=hidden)
        except RestError as error:
            return self._after_refusal(course, error, ready)
        except Unclear as error:
            found = await self._look(course, parcel.filename)
            if found is None:
                raise DeliveryDelayed(
                    say("Discord did not say whether the clip arrived; looking before trying again."),
                    retry_after_s=LOOK_AGAIN_S,
                ) from error
            message = found
        return self._receipt(place, message, "transcoded" if ready.was_encoded else "attachment")

    async def _choose(self, course: Course, parcel: Parcel, anchor: Anchor) -> Course:
        """The best place that was not given up, ready to be posted to. `DeliveryRefused` when none is left."""
        card = (parcel.card.reference.rpartition(":")[2]).lstrip("@") if parcel.card else None
        has_token = anchor.token_at(self._clock.now()) is not None
        for place in in_order(anchor, card, has_token=has_token):
            if place.kind in course.given_up:
                continue
            if not await self._may_go(parcel, place, anchor):
                continue
            ready: Place | None = place
            if place.kind == "thread":
                ready = await self._surveyor.open_thread(place, anchor.new_thread or "Reelbot")
            elif place.kind == "dm":
                try:
                    ready = replace(place, channel=await self._rest.direct(parcel.requester.user))
                except (RestError, Unclear) as error:
                    if isinstance(error, Unclear):
                        raise DeliveryDelayed(str(error)) from error
                    ready = None
            if ready is None:
                return replace(course, place=None, given_up=(*course.given_up, place.kind))
            return replace(course, place=ready, posting=False, since=0.0)
        if parcel.clip.flagged:
            await self._tell_withheld(parcel)
            raise Withheld(
                say(
                    "The provider marked this clip as possibly not safe for work, so it is only posted in "
                    "age-restricted channels. It is kept."
                )
            )
        raise DeliveryRefused(
            say("Nothing here can be posted to any more, and direct messages are closed. Press Send again elsewhere.")
        )

    async def _may_go(self, parcel: Parcel, place: Place, anchor: Anchor) -> bool:
        """What the provider flagged is seen in age-restricted channels only; what came from one, also by its asker."""
        if parcel.clip.flagged or (anchor.for_adults and place.kind != "dm"):
            return await self._surveyor.is_for_adults(place, anchor)
        return True

    async def _post(self, course: Course, parcel: Parcel, anchor: Anchor, ready: Fitted, *, hidden: bool) -> str:
        """Send it; the message's id."""
        place = course.place
        assert place is not None
        # A name that begins so hides a file until it is clicked.
        begin = "SPOILER_" if hidden else ""
        uploads = [Upload(path=path, filename=f"{begin}{name}") for path, name in ready.named(parcel)]
        if place.kind == "answer":
            token = anchor.token_at(self._clock.now())
            if token is None or anchor.application is None:
                raise RestError(401, BAD_TOKEN, "the interaction is over")
            body = answer_with_clip(parcel, [each.filename for each in uploads], hidden=hidden)
            return str((await self._answers.edit(anchor.application, token, body, uploads))["id"])
        body = clip_message(parcel, place, anchor, uploads, wordless=course.wordless)
        nonce = nonce_of(parcel.delivery_id, place)
        posted = await self._rest.post(place.channel, body, nonce=nonce, reply_to=place.reply_to, files=uploads)
        return str(posted["id"])

    def _after_refusal(self, course: Course, error: RestError, ready: Fitted) -> Receipt | Course:
        place = course.place
        assert place is not None
        if error.number in TOO_LARGE or error.status == 413:
            self._surveyor.too_large(place, ready.largest_bytes)
            return replace(course, posting=False, limit=below(ready.largest_bytes))
        if error.number == UNKNOWN_MESSAGE and place.kind != "answer":
            # What Discord says of a nonce whose message was deleted: it was posted, and somebody did not want it.
            return self._receipt(place, None, "attachment")
        if error.number == INVALID_FORM and place.reply_to is not None:
            return replace(course, place=replace(place, reply_to=None), posting=False)
        if error.number in BLOCKED_WORDS and not course.wordless:
            return replace(course, posting=False, wordless=True)
        log.info("delivery.place_refused", place=place.kind, number=error.number, status=error.status)
        return course.elsewhere()

    async def _link(self, course: Course, parcel: Parcel, anchor: Anchor, save: Save) -> Receipt:
        """No size fits: an address instead, as an edit of the card."""
        if self._links is None:
            raise DeliveryRefused(
                say("The clip is too large to be posted here, and without REELBOT_WEB__PUBLIC_URL it has no address.")
            )
        asset = Asset(
            id=parcel.clip.asset_id, kind=AssetKind.CLIP, size_bytes=parcel.clip.size_bytes, content_type="video/mp4"
        )
        link = self._links.link(asset, attempt_id="", lives=LINK_LIVES)
        place = course.place
        assert place is not None
        body = link_message(parcel, link.url, self._clock.now() + LINK_LIVES)
        await save(course.to_json())
        try:
            token = anchor.token_at(self._clock.now())
            if place.kind == "answer" and token is not None and anchor.application is not None:
                await self._answers.edit(anchor.application, token, body)
            elif parcel.card is not None and not parcel.card.reference.startswith("@") and place.kind != "dm":
                await self._rest.edit(parcel.card.reference, body)
            else:
                await self._rest.post(place.channel, body, nonce=nonce_of(parcel.delivery_id, place))
        except RestError as error:
            raise DeliveryRefused(
                say("The clip is too large to be posted here, and its address could not be shown either.")
            ) from error
        except Unclear as error:
            # An edit is done twice without harm; a message has its nonce.
            raise DeliveryDelayed(str(error), retry_after_s=LOOK_AGAIN_S) from error
        return Receipt(place=_named(place), method="link", reference=link.url)

    # --- what became of a post ------------------------------------------------------------------------------------

    async def _look(self, course: Course, filename: str) -> str | None:
        """The message id of a post that is there; `None` when posting again is harmless. `DeliveryUnclear` otherwise."""
        place = course.place
        assert place is not None
        if place.kind == "answer":
            # An edit of the same message, done again, shows the same once.
            return None
        found = await search_for(self._rest, place, filename, since=course.since)
        match found:
            case str():
                return found
            case Search.NOT_THERE:
                return None
            case Search.CANNOT_TELL:
                if self._clock.now().timestamp() - course.since < NONCE_HOLDS_S:
                    return None
                raise DeliveryUnclear(say("Discord does not let me look whether the clip was posted."))
            case _:
                assert_never(found)

    async def _tell_withheld(self, parcel: Parcel) -> None:
        """Tell the asker, and nobody else. Tried again for passing reasons; closed direct messages stay closed."""
        nonce = nonce_of(parcel.delivery_id, Place(kind="dm"))
        try:
            channel = await self._rest.direct(parcel.requester.user)
            await self._rest.post(channel, withheld_message(parcel), nonce=nonce)
        except RestError as error:
            log.info("delivery.withheld_not_told", job_id=parcel.job_id, why=str(error))
        except Unclear as error:
            raise DeliveryDelayed(str(error), retry_after_s=LOOK_AGAIN_S) from error

    def _receipt(self, place: Place, message: str | None, method: str) -> Receipt:
        if place.kind == "answer":
            return Receipt(place=_named(place), method=method, reference=f"@{message}")
        method = "direct_message" if place.kind == "dm" else method
        reference = f"{place.channel}:{message}" if message is not None else None
        return Receipt(place=_named(place), method=method, reference=reference)


def _named(place: Place) -> str:
    return f"discord:{'direct message' if place.kind == 'dm' else place.channel}"

"""What is done when a clip's file may not be posted: its address instead, or a word to its asker alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import structlog

from adapters.chat.slack.api import Bot, SlackApi, SlackError, TokenDead, Unclear
from adapters.chat.slack.course import Course
from adapters.chat.slack.letters import link_message, withheld_text
from adapters.chat.slack.text import message
from adapters.media.hosting import SignedLinks
from bot.errors import DeliveryDelayed, DeliveryRefused
from bot.jobs.model import Asset, AssetKind
from bot.languages.said import say
from bot.ports import Checkpoint, Clock, MessageRef, Parcel

log = structlog.get_logger(__name__)

Save = Callable[[Checkpoint], Awaitable[None]]

LINK_LIVES: Final = timedelta(days=7)
STORAGE_FULL: Final = "storage_limit_reached"


class Otherwise:
    """Says where a clip is that cannot be shared."""

    def __init__(self, api: SlackApi, clock: Clock, links: SignedLinks | None) -> None:
        self._api = api
        self._clock = clock
        self._links = links

    async def link(self, bot: Bot, course: Course, parcel: Parcel, save: Save, *, why: str = "") -> str:
        """Show the clip's address, as an edit of the card; the address. `DeliveryRefused` where that cannot be.

        Where the card is gone it is a message of its own, which Slack has no key for: the course says so first.
        """
        if self._links is None:
            raise DeliveryRefused(_NO_ROOM if why == STORAGE_FULL else _NO_FILE)
        asset = Asset(
            id=parcel.clip.asset_id, kind=AssetKind.CLIP, size_bytes=parcel.clip.size_bytes, content_type="video/mp4"
        )
        link = self._links.link(asset, attempt_id="", lives=LINK_LIVES)
        body = link_message(parcel, link.url, self._clock.now() + LINK_LIVES)
        if parcel.card is None or not await self._on_card(bot, parcel.card, body):
            await self._by_itself(bot, course, body, save)
        return link.url

    async def tell_withheld(self, bot: Bot, parcel: Parcel) -> None:
        """Tell the asker, and nobody else; closed direct messages stay closed."""
        try:
            channel = await self._api.direct(bot, parcel.requester.user)
            await self._api.call(bot, "chat.postMessage", channel=channel, **message(withheld_text(parcel)))
        except TokenDead:
            raise
        except (SlackError, Unclear) as error:
            # Not tried again: an unclear answer may have arrived, and the card says it, too.
            log.info("delivery.withheld_not_told", job_id=parcel.job_id, why=str(error))

    async def _on_card(self, bot: Bot, card: MessageRef, body: dict[str, Any]) -> bool:
        """An update does no harm when it is done twice, so a lost answer is nothing to remember."""
        try:
            await self._api.update(bot, card.reference, body)
        except TokenDead:
            raise
        except SlackError as error:
            log.info("delivery.no_card", why=error.error)
            return False
        return True

    async def _by_itself(self, bot: Bot, course: Course, body: dict[str, Any], save: Save) -> None:
        place = course.place
        assert place is not None
        await save(replace(course, linking=True).to_json())
        try:
            await self._api.call(bot, "chat.postMessage", channel=place.channel, thread_ts=place.root, **body)
        except DeliveryDelayed:
            await save(course.to_json())
            raise
        except TokenDead:
            raise
        except SlackError as error:
            raise DeliveryRefused(
                say("The clip is too large to be posted here, and its address could not be shown either.")
            ) from error


_NO_ROOM = say(
    "This workspace's storage on Slack is full: delete files there, then press Send again. The clip is kept."
)
_NO_FILE = say("The clip cannot be uploaded here, and without REELBOT_WEB__PUBLIC_URL it has no address.")

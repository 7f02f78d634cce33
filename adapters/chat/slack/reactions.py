"""A reaction on the message that asked: seen at once, and what became of it. A courtesy, and harmless when done twice."""

from __future__ import annotations

from typing import Final

import structlog

from adapters.chat.slack.anchor import Anchor
from adapters.chat.slack.api import Bot, SlackApi, SlackError, Unclear
from bot.chat_values import JobCard
from bot.errors import DeliveryDelayed
from bot.jobs.states import State

log = structlog.get_logger(__name__)

SEEN: Final = "eyes"
ENDED: Final = {
    State.DELIVERED: "white_check_mark", State.UNDELIVERED: "warning", State.FAILED: "x",
    State.CANCELLED: "no_entry_sign",
}  # fmt: skip
DONE_ALREADY: Final = frozenset({"already_reacted", "no_reaction"})


class Reactions:
    """Follows a job on the message that asked for it."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api

    async def follow(self, bot: Bot, anchor: Anchor, card: JobCard, *, is_new: bool) -> None:
        """Say that it was seen, or how it ended. Never raises."""
        if anchor.asked is None or not anchor.channel:
            return
        ended = ENDED.get(State(card.state))
        if ended is not None:
            await self._react(bot, anchor, "reactions.add", ended)
            await self._react(bot, anchor, "reactions.remove", SEEN)
        elif is_new:
            await self._react(bot, anchor, "reactions.add", SEEN)

    async def _react(self, bot: Bot, anchor: Anchor, method: str, name: str) -> None:
        try:
            await self._api.call(bot, method, channel=anchor.channel, timestamp=anchor.asked, name=name, within_s=5.0)
        except (SlackError, Unclear, DeliveryDelayed) as error:
            if not isinstance(error, SlackError) or error.error not in DONE_ALREADY:
                log.info("reaction.not_set", method=method, why=str(error))

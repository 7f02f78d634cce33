"""A reaction on the message that asked: seen at once, and what became of it. A courtesy, and harmless when done twice."""

from __future__ import annotations

from collections import OrderedDict
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
REMEMBERED: Final = 2000
DONE_ALREADY: Final = frozenset({"already_reacted", "no_reaction"})


class Reactions:
    """Follows a job on the message that asked for it."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api
        self._shown: OrderedDict[str, str] = OrderedDict()
        """What stands on the asking message, by job: a clip that was sent again does not keep its warning."""

    async def follow(self, bot: Bot, anchor: Anchor, card: JobCard, *, is_new: bool) -> None:
        """Say that it was seen, or how it ended. Never raises."""
        if anchor.asked is None or not anchor.channel:
            return
        ended = ENDED.get(State(card.state))
        if ended is not None:
            before = self._shown.get(card.job_id, SEEN)
            if before == ended:
                return
            await self._react(bot, anchor, "reactions.add", ended)
            await self._react(bot, anchor, "reactions.remove", before)
            self._remember(card.job_id, ended)
        elif is_new:
            await self._react(bot, anchor, "reactions.add", SEEN)
            self._remember(card.job_id, SEEN)

    def _remember(self, job_id: str, name: str) -> None:
        self._shown[job_id] = name
        self._shown.move_to_end(job_id)
        if len(self._shown) > REMEMBERED:
            self._shown.popitem(last=False)

    async def _react(self, bot: Bot, anchor: Anchor, method: str, name: str) -> None:
        try:
            await self._api.call(bot, method, channel=anchor.channel, timestamp=anchor.asked, name=name, within_s=5.0)
        except (SlackError, Unclear, DeliveryDelayed) as error:
            if not isinstance(error, SlackError) or error.error not in DONE_ALREADY:
                log.info("reaction.not_set", method=method, why=str(error))

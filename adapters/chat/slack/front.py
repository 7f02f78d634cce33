"""What every part of the Slack front end works with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from adapters.chat.slack.api import Bot, SlackApi, SlackError, Unclear
from adapters.chat.slack.bots import Bots
from adapters.chat.slack.courier import SlackCourier
from adapters.chat.slack.people import People
from adapters.chat.slack.scene import Scene
from adapters.chat.slack.text import escaped, message
from bot.errors import DeliveryDelayed, ReelbotError
from bot.languages.catalogue import in_language
from bot.languages.said import say
from bot.service import Service
from bot.settings import Settings

log = structlog.get_logger(__name__)

Readiness = Callable[[], Awaitable[Mapping[str, str]]]
WHISPERS_WITHIN_S: Final = 2.0
"""Slack waits three seconds for a listener."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The parts."""

    service: Service
    settings: Settings
    courier: SlackCourier
    people: People
    readiness: Readiness
    """Whether jobs would be carried out: each check by name, `ok` or what is wrong."""
    at_work: set[asyncio.Task[Any]] = field(default_factory=set)
    """What is still being done for somebody."""

    @property
    def api(self) -> SlackApi:
        """Slack's Web API."""
        return self.courier.api

    @property
    def bots(self) -> Bots:
        """Who we are in each workspace."""
        return self.courier.bots

    async def bot(self, scene: Scene) -> Bot:
        """Who we are where this happened."""
        return await self.bots.of(scene.team, scene.enterprise)

    def meanwhile(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the answer; it is finished before the role ends, and what it raises is logged."""
        task = asyncio.create_task(_logged(work))
        self.at_work.add(task)
        task.add_done_callback(self.at_work.discard)

    def spoken(self, error: Exception, scene: Scene, locale: str | None) -> str:
        """What to tell somebody of a fault, escaped; what was unexpected is logged with a reference they are told."""
        if isinstance(error, ReelbotError) and not isinstance(error, SlackError | Unclear):
            log.info("slack.refused", reference=scene.reference, code=error.code)
            return escaped(in_language(str(error), locale))
        log.error("slack.failed", reference=scene.reference, exc_info=error)
        text = say(
            "Something went wrong on our side, and it was written down for the operator (reference {reference}). "
            "Try again in a moment.",
            reference=scene.reference,
        )
        return escaped(in_language(text, locale))

    def spoken_here(self, text: str, scene: Scene) -> str:
        """A sentence of ours, escaped, in the language that is known of this person without asking."""
        return escaped(in_language(text, self.people.locale_known(scene)))

    async def whisper(self, scene: Scene, text: str, blocks: list[dict[str, Any]] | None = None) -> None:
        """Tell this person alone, where they are: by the press's own address, else for their eyes, else directly.

        `text` is escaped already. Never raises: whoever cannot be told is not told.
        """
        said = message(text, blocks)
        try:
            if scene.response_url is not None:
                private = {"response_type": "ephemeral", "replace_original": False}
                await self.api.respond(scene.response_url, said | private)
            elif scene.channel and not scene.is_direct:
                await self.api.call(
                    await self.bot(scene),
                    "chat.postEphemeral",
                    channel=scene.channel,
                    user=scene.user,
                    thread_ts=scene.root,
                    within_s=WHISPERS_WITHIN_S,
                    **said,
                )
            else:
                await self.post_directly(scene, said)
        except (ReelbotError, DeliveryDelayed) as error:
            log.info("slack.not_told", reference=scene.reference, why=str(error))

    async def post_directly(self, scene: Scene, said: Mapping[str, Any]) -> None:
        """Write to this person in direct messages. Raises what `SlackApi.call` raises."""
        bot, channel = await self.bot(scene), scene.channel
        if channel is None or not scene.is_direct:
            channel = await self.api.direct(bot, scene.user, within_s=WHISPERS_WITHIN_S)
        root = (scene.root or scene.message) if scene.is_direct else None
        await self.api.call(
            bot, "chat.postMessage", channel=channel, thread_ts=root, within_s=WHISPERS_WITHIN_S, **said
        )


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:
        # Nobody waits for it: the log has it.
        log.exception("slack.work_failed")

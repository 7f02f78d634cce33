"""Messages written to us: a mention with a picture, a direct message, a reply below a picture where we may read that.

Facts: a mention carries its files; direct messages come as `message` with the subtype `file_share`, never as a mention; a
mention is a message, too, where messages of channels are subscribed to, with the same `ts` and another event id
(docs.slack.dev, events/app_mention, read 2026-05-26; slackapi/bolt-js#2056, bolt-python#925).
"""

from __future__ import annotations

import html
import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

import structlog

from adapters.chat.asking import Ask
from adapters.chat.slack.api import Bot, SlackError, Unclear
from adapters.chat.slack.asking import accept
from adapters.chat.slack.front import Front
from adapters.chat.slack.inputs import pictures, shared_file
from adapters.chat.slack.people import locale_of
from adapters.chat.slack.scene import Scene, scene_of_event
from adapters.chat.slack.text import escaped
from bot.errors import DeliveryDelayed, ReelbotError
from bot.languages.catalogue import in_language
from bot.languages.said import say

log = structlog.get_logger(__name__)

NO_OFTENER_S: Final = 600.0
"""A person is told once in this time, and in each channel, how to show us a picture."""
MOST_REMEMBERED: Final = 5000
LOOKS_ABOVE_S: Final = 2.0
MOST_ABOVE: Final = 50
SUBTYPES: Final = frozenset({None, "file_share", "thread_broadcast"})
COME_AGAIN: Final = (DeliveryDelayed, Unclear)
"""Faults that pass: what was not saved is brought again by Slack."""


class Mentions:
    """Reads what is written to us, and asks for clips."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._told: OrderedDict[tuple[str, str], float] = OrderedDict()

    async def hear(self, body: Mapping[str, Any], event: Mapping[str, Any], bot: Bot, *, is_last_try: bool) -> None:
        """Take a message that may be meant for us.

        Returns when its row is committed, or there is nothing to commit; raises when Slack should bring it again.
        """
        scene = scene_of_event(body, event)
        if not _is_for_us(event, bot, scene):
            return
        # Beside a mention the same message may come as a message: whatever is wrong with it is said once.
        is_echo = event.get("type") == "message" and not scene.is_direct
        try:
            await self._ask(scene, event, bot, is_echo=is_echo)
        except Exception as error:
            if not is_last_try and (not isinstance(error, ReelbotError) or isinstance(error, COME_AGAIN)):
                raise
            if not is_echo:
                await self._refuse(scene, error)

    async def _ask(self, scene: Scene, event: Mapping[str, Any], bot: Bot, *, is_echo: bool) -> None:
        front = self._front
        found = pictures(event.get("files") or ())
        if not found and not is_echo:
            found = await self._above(scene, bot)
        if not found:
            if not is_echo:
                await self._tell_how(scene, bot)
            return
        caller = await front.people.caller(bot, scene)
        words = words_of(str(event.get("text") or ""), bot.user)
        file = shared_file(found[0], scene.team, scene.enterprise)
        ask = Ask(prompt=words, picture=file.as_input(), key=f"slack:m:{scene.team}:{scene.channel}:{scene.message}")
        anchor = scene.anchor(asked=scene.message, root=scene.root or scene.message)
        await accept(front, caller, ask, anchor)

    async def _above(self, scene: Scene, bot: Bot) -> list[Mapping[str, Any]]:
        """The pictures of the newest message above this one in its thread, where we may read it."""
        if scene.root is None or scene.root == scene.message or not may_read(scene, bot):
            return []
        try:
            found = await self._front.api.call(
                bot,
                "conversations.replies",
                channel=scene.channel,
                ts=scene.root,
                latest=scene.message,
                limit=MOST_ABOVE,
                within_s=LOOKS_ABOVE_S,
            )
        except (SlackError, Unclear, DeliveryDelayed) as error:
            log.info("mention.nothing_above", reference=scene.reference, why=str(error))
            return []
        for message in reversed(found.get("messages") or []):
            if message.get("ts") != scene.message and (shown := pictures(message.get("files") or ())):
                return shown
        return []

    async def _tell_how(self, scene: Scene, bot: Bot) -> None:
        now = self._front.service.desk.clock.monotonic()
        key = (f"{scene.team}:{scene.channel}", scene.user)
        told = self._told.get(key)
        if told is not None and now - told < NO_OFTENER_S:
            return
        self._told[key] = now
        self._told.move_to_end(key)
        if len(self._told) > MOST_REMEMBERED:
            self._told.popitem(last=False)
        text = say(
            "I cannot see a picture there. Attach one to your message, use `/animate`, or open the menu of a message "
            "with a picture (⋮): Animate this image."
        )
        await self._front.whisper(scene, escaped(in_language(text, await self._locale(scene, bot))))

    async def _refuse(self, scene: Scene, error: Exception) -> None:
        """Say what did not work to this person alone."""
        try:
            locale: str | None = await self._locale(scene, await self._front.bot(scene))
        except ReelbotError:
            locale = None
        await self._front.whisper(scene, self._front.spoken(error, scene, locale))

    async def _locale(self, scene: Scene, bot: Bot) -> str:
        try:
            return locale_of(await self._front.people.profile(bot, scene), await self._front.people.choices(scene))
        except ReelbotError:
            return "en"


def words_of(text: str, me: str) -> str:
    """What was written, without our name, as the person sees it."""
    words = re.sub(rf"<@{re.escape(me)}(\|[^>]*)?>", " ", text) if me else text
    words = re.sub(r"<(?:https?|mailto):[^>|]*\|([^>]*)>", r"\1", words)
    words = re.sub(r"<((?:https?|mailto):[^>|]*)>", r"\1", words)
    words = re.sub(r"<[@#!][^>|]*\|([^>]*)>", r"\1", words)
    return " ".join(html.unescape(words).split(" ")).strip()


def may_read(scene: Scene, bot: Bot) -> bool:
    """Whether we may read other messages there."""
    return scene.is_direct or bool({"channels:history", "groups:history"} & bot.scopes)


def _is_for_us(event: Mapping[str, Any], bot: Bot, scene: Scene) -> bool:
    if event.get("bot_id") or not scene.user or not scene.message or event.get("subtype") not in SUBTYPES:
        return False
    if scene.is_direct:
        return event.get("type") == "message"
    return f"<@{bot.user}" in str(event.get("text") or "") if bot.user else event.get("type") == "app_mention"

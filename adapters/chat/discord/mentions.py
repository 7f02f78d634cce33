"""Messages written to us: a mention with a picture, a reply to one, a direct message. No privileged intent is needed.

Facts: the content of messages that mention the bot by name, and of direct messages, is handed over without the intent;
so is what a message replies to (Discord documentation, events/gateway, read 2026-08-06).
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Final

import discord
import structlog

from adapters.chat.asking import Ask
from adapters.chat.discord.asking import accept
from adapters.chat.discord.front import Front
from adapters.chat.discord.images import as_sent
from adapters.chat.discord.inputs import Attachment
from adapters.chat.discord.people import locale_of
from adapters.chat.discord.rest import RestError, Unclear
from adapters.chat.discord.scene import MESSAGE_AT_MOST, Scene, scene_of_message
from adapters.chat.discord.shown import pictures
from adapters.chat.discord.words import plain
from bot.errors import DeliveryDelayed, LimitReached, NotAllowed, ReelbotError
from bot.languages.catalogue import in_language
from bot.languages.said import say

log = structlog.get_logger(__name__)

NO_OFTENER_S: Final = 600.0
"""A person is told once in this time, and in each channel, how to show us a picture."""
MOST_REMEMBERED: Final = 5000
SENTENCE: Final = 1000
_KINDS: Final = frozenset({discord.MessageType.default, discord.MessageType.reply})


class Mentions:
    """Reads what is written to us, and asks for clips."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._told: OrderedDict[tuple[str, str], float] = OrderedDict()

    async def hear(self, message: discord.Message, me: discord.abc.User) -> None:
        """Take a message that may be meant for us. Never raises."""
        if message.author.bot or message.webhook_id is not None or message.type not in _KINDS:
            return
        words = _words(message.content, me.id)
        if not _is_for_us(message, words, me):
            return
        scene = scene_of_message(message)
        try:
            await self._ask(scene, message, words)
        except ReelbotError as error:
            log.info("mention.refused", message=scene.message, code=error.code)
            await self._refuse(scene, error)
        except Exception:
            # Every fault ends here: the person is told, the log has the rest.
            log.exception("mention.failed", message=scene.message)
            text = say(
                "Something went wrong on our side, and it was written down for the operator (reference {reference}). "
                "Try again in a moment.",
                reference=scene.reference,
            )
            await self._reply(scene, in_language(text, scene.locale))

    async def _refuse(self, scene: Scene, error: ReelbotError) -> None:
        """Say what did not work: what concerns a person's budget or rights to that person alone, the rest as a reply."""
        locale = await self._locale(scene)
        text = plain(in_language(str(error), locale), SENTENCE)
        if scene.guild is not None and isinstance(error, LimitReached | NotAllowed):
            if await self._tell_alone(scene, text):
                return
            text = in_language(say("This cannot be done now; `/quota` tells you why, in private."), locale)
        await self._reply(scene, text)

    async def _tell_alone(self, scene: Scene, text: str) -> bool:
        """By direct message; False when this person takes none."""
        rest = self._front.rest
        try:
            channel = await rest.direct(scene.user)
            await rest.post(channel, {"content": text[:MESSAGE_AT_MOST]}, nonce=f"n{scene.message}")
        except (RestError, Unclear, DeliveryDelayed) as error:
            log.info("mention.not_told_alone", message=scene.message, why=str(error))
            return False
        return True

    async def _ask(self, scene: Scene, message: discord.Message, words: str) -> None:
        picture = _picture(message)
        if picture is None:
            await self._tell_how(scene)
            return
        caller = await self._front.people.caller(scene)
        key = f"discord:m:{scene.channel}:{scene.message}"
        ask = Ask(prompt=words, picture=picture.as_input(), key=key)
        job, is_new = await accept(self._front, caller, ask, spoiler=picture.spoiler)
        if is_new:
            self._front.service.redraw(job)

    async def _tell_how(self, scene: Scene) -> None:
        now = self._front.service.desk.clock.monotonic()
        told = self._told.get((scene.channel, scene.user))
        if told is not None and now - told < NO_OFTENER_S:
            return
        self._told[scene.channel, scene.user] = now
        self._told.move_to_end((scene.channel, scene.user))
        if len(self._told) > MOST_REMEMBERED:
            self._told.popitem(last=False)
        text = say(
            "I cannot see a picture there. Attach one to your message, use `/animate`, or open the menu of a message "
            "with a picture: Apps → Animate this."
        )
        await self._reply(scene, in_language(text, await self._locale(scene)))

    async def _locale(self, scene: Scene) -> str:
        return locale_of(scene, await self._front.people.choices(scene))

    async def _reply(self, scene: Scene, text: str) -> None:
        """One reply, without a ping; where we may not write it, there is nobody to tell."""
        body = {"content": text[:MESSAGE_AT_MOST]}
        try:
            await self._front.rest.post(scene.channel, body, nonce=f"e{scene.message}", reply_to=scene.message)
        except (RestError, Unclear, DeliveryDelayed) as error:
            log.info("mention.not_answered", message=scene.message, why=str(error))


def _words(content: str, me: int) -> str:
    """What was written, without our name."""
    return " ".join(re.sub(rf"<@!?{me}>", " ", content).split(" ")).strip()


def _is_for_us(message: discord.Message, words: str, me: discord.abc.User) -> bool:
    if message.guild is None:
        return True
    if re.search(rf"<@!?{me.id}>", message.content):
        return True
    # Replying to what we posted pings us, too: that alone asks for nothing.
    return any(each.id == me.id for each in message.mentions) and bool(words) and bool(pictures(as_sent(message)))


def _picture(message: discord.Message) -> Attachment | None:
    """The first picture of the message, else of the one it replies to, where Discord hands that over."""
    found = pictures(as_sent(message))
    replied = message.reference.resolved if message.reference else None
    if not found and isinstance(replied, discord.Message):
        found = pictures(as_sent(replied))
    return found[0] if found else None

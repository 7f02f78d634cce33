"""One interaction and our answer to it: at once, or promised after a moment; refusals always for that person alone."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final, TypeVar

import structlog

from adapters.chat.discord.answers import Answers
from adapters.chat.discord.rest import UNKNOWN_INTERACTION, RestError, Unclear, Upload
from adapters.chat.discord.scene import MESSAGE_AT_MOST, Scene
from adapters.chat.discord.words import plain
from bot.errors import DeliveryDelayed, ReelbotError
from bot.languages.catalogue import in_language
from bot.languages.said import say

log = structlog.get_logger(__name__)

T = TypeVar("T")
PROMISE_AFTER_S: Final = 1.5
"""Discord waits three seconds for a first answer; within this, the answer itself is better than a promise of one."""
SENTENCE: Final = 1000


class Turn:
    """Answers one interaction."""

    def __init__(self, answers: Answers, scene: Scene, locale: str | None = None) -> None:
        self._answers = answers
        self.scene = scene
        self.locale = locale or scene.locale
        self.choices: Mapping[str, Any] | None = None
        """What was chosen for this place, once it was read."""
        self._interaction = scene.interaction or ""
        self._application = scene.application or ""
        self._token = scene.token or ""
        self._answered = False
        self._promised: bool | None = None
        """Whether a promised answer is private; `None` while none was promised."""
        self.is_lost = False
        """Discord takes no answer to it any more."""

    async def soon(self, work: Coroutine[Any, Any, T], *, private: bool) -> T:
        """Do something whose outcome is the answer; promise one when it takes longer than a moment."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task}, timeout=PROMISE_AFTER_S)
            if not task.done():
                try:
                    await self.promise(private=private)
                except ReelbotError as error:
                    # What was asked for is carried out all the same; its card is posted without us.
                    self.is_lost = True
                    log.warning("interaction.not_promised", interaction=self._interaction, why=str(error))
            return await task
        finally:
            task.cancel()

    async def promise(self, *, private: bool) -> None:
        """Say that an answer is coming."""
        await self._answers.defer(self._interaction, self._token, private=private)
        self._promised = private
        self._answered = True

    async def show(self, payload: Mapping[str, Any], *, private: bool, files: Sequence[Upload] = ()) -> str | None:
        """Answer with a message; its id where it is known. With files it must have been promised."""
        if self.is_lost:
            return None
        if self._promised is not None:
            said = await self._answers.edit(self._application, self._token, payload, files)
            self._promised = None
            return str(said["id"]) if said and "id" in said else None
        if self._answered:
            said = await self._answers.another(self._application, self._token, payload, private=private)
            return str(said["id"]) if said and "id" in said else None
        message = await self._answers.message(self._interaction, self._token, payload, private=private)
        self._answered = True
        return message

    async def say(self, text: str) -> None:
        """Answer this person with a sentence, in their language."""
        await self.show({"content": in_language(text, self.locale)[:MESSAGE_AT_MOST]}, private=True)

    async def form(self, form: Mapping[str, Any]) -> None:
        """Open a form; only a first answer can."""
        await self._answers.form(self._interaction, self._token, form)
        self._answered = True

    async def update(self, payload: Mapping[str, Any]) -> None:
        """Change the message whose button was pressed."""
        await self._answers.update(self._interaction, self._token, payload)
        self._answered = True

    async def nod(self) -> None:
        """Say that the press was understood; whatever changes is drawn by somebody else, or by `redraw`."""
        await self._answers.defer(self._interaction, self._token, update=True)
        self._answered = True

    async def redraw(self, payload: Mapping[str, Any]) -> None:
        """After `nod`: change the message whose button was pressed."""
        await self._answers.edit(self._application, self._token, payload)

    async def whisper(self, text: str) -> None:
        """Tell this person, and nobody else, a text, whatever was promised before."""
        if self.is_lost:
            return
        said = {"content": text[:MESSAGE_AT_MOST]}
        if self._promised is not False:
            await self.show(said, private=True)
            return
        # A promise in public cannot become a private answer, and the first message after it would fill it: so it is
        # kept with a word that may stand if the last step fails.
        kept = in_language(say("This did not work; whoever asked was told why."), self.locale)
        await self._answers.edit(self._application, self._token, {"content": kept})
        self._promised = None
        await self.show(said, private=True)
        await self._answers.take_back(self._application, self._token)

    async def refuse(self, error: Exception, *, typed: str = "") -> None:
        """Tell this person what did not work; `typed` gives them back what they wrote. Never raises."""
        text = self._spoken(error)
        if typed:
            text += f"\n> {plain(typed, SENTENCE)}"
        try:
            await self.whisper(text)
        except (RestError, Unclear, DeliveryDelayed) as failure:
            known = isinstance(failure, RestError) and failure.number == UNKNOWN_INTERACTION
            log.warning("interaction.not_answered", interaction=self._interaction, too_late=known, why=str(failure))

    def _spoken(self, error: Exception) -> str:
        if isinstance(error, ReelbotError):
            log.info("interaction.refused", interaction=self._interaction, code=error.code)
            return plain(in_language(str(error), self.locale), SENTENCE)
        log.error("interaction.failed", interaction=self._interaction, exc_info=error)
        return in_language(
            say(
                "Something went wrong on our side, and it was written down for the operator (reference {reference}). "
                "Try again in a moment.",
                reference=self.scene.reference,
            ),
            self.locale,
        )

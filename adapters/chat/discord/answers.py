"""Answering interactions: within Discord's three seconds, once, and through the token only for the first minutes.

An answer that shows a job's card becomes that card: its message is edited by the bot afterwards. The courier, which may
be asked to draw the card before the answer has arrived, waits for it here (`Answers.card_of`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog

from adapters.chat.discord.rest import (
    ALREADY_ANSWERED,
    BAD_TOKEN,
    NO_PINGS,
    UNKNOWN_INTERACTION,
    Rest,
    RestError,
    Unclear,
    Upload,
)
from bot.errors import DeliveryDelayed

log = structlog.get_logger(__name__)

MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, FORM = 4, 5, 6, 7, 9
PRIVATE: Final = 1 << 6
"""The flag of a message that only the person who acted sees."""
WAIT_FOR_ANSWER_S: Final = 4.0
"""Longest that a card is held back for the answer that is to become it."""
MOST_REMEMBERED: Final = 1000


class Answers:
    """Sends answers, and remembers which message an answer became."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._expected: dict[str, asyncio.Future[str | None]] = {}

    # --- answers --------------------------------------------------------------------------------------------------

    async def message(
        self, interaction: str, token: str, payload: Mapping[str, Any], *, private: bool = False
    ) -> str | None:
        """Answer with a message; its id, where Discord says it."""
        body = _with_flags(payload, PRIVATE if private else 0)
        said = await self._answer(interaction, token, MESSAGE, body)
        message = ((said or {}).get("resource") or {}).get("message") or {}
        return str(message["id"]) if "id" in message else None

    async def defer(self, interaction: str, token: str, *, private: bool = False, update: bool = False) -> None:
        """Promise an answer: `update` says that the message with the pressed button changes, or nothing does."""
        kind = DEFERRED_UPDATE if update else DEFERRED
        await self._answer(interaction, token, kind, {"flags": PRIVATE} if private else None)

    async def update(self, interaction: str, token: str, payload: Mapping[str, Any]) -> None:
        """Change the message whose button or menu was used."""
        await self._answer(interaction, token, UPDATE, _with_flags(payload, 0))

    async def form(self, interaction: str, token: str, form: Mapping[str, Any]) -> None:
        """Open a form. Only a first answer can."""
        await self._answer(interaction, token, FORM, form)

    async def edit(
        self, application: str, token: str, payload: Mapping[str, Any], files: Sequence[Upload] = ()
    ) -> dict[str, Any]:
        """Change the answer; harmless when done twice."""
        path = f"/webhooks/{application}/{token}/messages/@original"
        done: dict[str, Any] = await self._rest.ask_with_token("PATCH", path, json=_with_flags(payload, 0), files=files)
        return done

    async def take_back(self, application: str, token: str) -> None:
        """Delete the answer."""
        await self._rest.ask_with_token("DELETE", f"/webhooks/{application}/{token}/messages/@original")

    async def another(
        self, application: str, token: str, payload: Mapping[str, Any], *, private: bool = True
    ) -> dict[str, Any]:
        """A further message after the first answer."""
        body = _with_flags(payload, PRIVATE if private else 0)
        done: dict[str, Any] = await self._rest.ask_with_token(
            "POST", f"/webhooks/{application}/{token}", json=body, params={"wait": "true"}
        )
        return done

    async def original(self, application: str, token: str) -> dict[str, Any] | None:
        """The message the answer became; `None` when there is no answer (yet), or the token is worth nothing any more."""
        try:
            found: dict[str, Any] = await self._rest.ask_with_token(
                "GET", f"/webhooks/{application}/{token}/messages/@original"
            )
        except RestError as error:
            if error.status == 404 or error.number == BAD_TOKEN:
                return None
            raise
        return found

    async def _answer(self, interaction: str, token: str, kind: int, data: Mapping[str, Any] | None) -> Any:
        body: dict[str, Any] = {"type": kind} | ({} if data is None else {"data": data})
        path = f"/interactions/{interaction}/{token}/callback"
        for last in (False, True):
            try:
                return await self._rest.ask_with_token("POST", path, json=body, params={"with_response": "true"})
            except (Unclear, DeliveryDelayed):
                # A broken connection leaves the person waiting: once more at once. If the first one arrived, Discord says so.
                if last:
                    raise
            except RestError as error:
                if error.number == ALREADY_ANSWERED:
                    log.info("interaction.answered_already", interaction=interaction)
                    return None
                if error.number == UNKNOWN_INTERACTION:
                    log.warning("interaction.too_late", interaction=interaction)
                raise
        return None

    # --- which message an answer became -----------------------------------------------------------------------------

    def expect(self, interaction: str) -> None:
        """An answer that shows a card is being given by this process."""
        if len(self._expected) > MOST_REMEMBERED:
            self._expected = {key: each for key, each in self._expected.items() if not each.done()}
        self._expected.setdefault(interaction, asyncio.get_running_loop().create_future())

    def settle(self, interaction: str, message: str | None) -> None:
        """It was given, and became this message; `None`: it came to nothing."""
        expected = self._expected.get(interaction)
        if expected is not None and not expected.done():
            expected.set_result(message)

    async def card_of(self, interaction: str) -> str | None:
        """The message an answer of this process became, as soon as it is there; `None` when there is none in time."""
        expected = self._expected.get(interaction)
        if expected is None:
            return None
        try:
            async with asyncio.timeout(WAIT_FOR_ANSWER_S):
                return await asyncio.shield(expected)
        except TimeoutError:
            return None


def _with_flags(payload: Mapping[str, Any], flags: int) -> dict[str, Any]:
    """Never a message that pings anybody."""
    body = {**payload, "allowed_mentions": NO_PINGS}
    if combined := int(payload.get("flags", 0)) | flags:
        body["flags"] = combined
    return body

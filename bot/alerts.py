"""Alerts: what needs an operator, told once per cause and day, to wherever the settings name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import structlog

from bot.stores import NoteStore

log = structlog.get_logger(__name__)

Sink = Callable[[str], Awaitable[None]]
"""Takes one sentence to a place an operator looks at; what it raises is logged."""


class Alerts:
    """Where every part of Reelbot calls for its operator."""

    def __init__(self, notes: NoteStore, sinks: Sequence[Sink] = ()) -> None:
        self._notes = notes
        self._sinks = tuple(sinks)

    async def tell(self, cause: str, sentence: str) -> bool:
        """Tell it, unless this cause was told today already; says whether it was. Never raises for a deaf sink.

        `cause` names what it is about, like `workspace.pending:discord:1`; `sentence` says what, why and what to do.
        """
        if not await self._notes.is_first_today(cause):
            return False
        log.warning("alert", cause=cause, sentence=sentence)
        for sink in self._sinks:
            try:
                await sink(sentence)
            except Exception:
                # The log has it; the next sink may hear it.
                log.warning("alert.not_delivered", cause=cause, exc_info=True)
        return True

"""What every part of the Discord front end works with, and the way every interaction goes: answered, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import discord

from adapters.chat.discord.answers import Answers
from adapters.chat.discord.images import Offered
from adapters.chat.discord.people import People, locale_of
from adapters.chat.discord.rest import Rest
from adapters.chat.discord.scene import scene_of
from adapters.chat.discord.turn import Turn
from bot.service import Service
from bot.settings import Settings

AnyInteraction = discord.Interaction[Any]
Readiness = Callable[[], Awaitable[Mapping[str, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The parts."""

    service: Service
    settings: Settings
    rest: Rest
    answers: Answers
    people: People
    readiness: Readiness
    """Whether jobs would be carried out: each check by name, `ok` or what is wrong."""
    offered: Offered = field(default_factory=Offered)
    at_work: set[asyncio.Task[Any]] = field(default_factory=set)
    """Answers that are being given."""

    def meanwhile(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the answer; it is finished before the role ends."""
        task = asyncio.create_task(work)
        self.at_work.add(task)
        task.add_done_callback(self.at_work.discard)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """What is done within is finished before the role ends."""
        task = asyncio.current_task()
        assert task is not None
        self.at_work.add(task)
        try:
            yield
        finally:
            self.at_work.discard(task)

    @asynccontextmanager
    async def turn(self, interaction: AnyInteraction, *, typed: str = "") -> AsyncIterator[Turn]:
        """Answer an interaction; what is raised within becomes a sentence for the person who acted, and stays here.

        `typed` is given back with a refusal: whoever filled in a form should not have to write it again.
        """
        turn = Turn(self.answers, scene_of(interaction))
        with self.busy():
            try:
                turn.choices = await self.people.choices(turn.scene)
                turn.locale = locale_of(turn.scene, turn.choices)
                yield turn
            except Exception as error:
                # Every fault ends here: the person is told, and what was unexpected is logged with the interaction's id.
                await turn.refuse(error, typed=typed)

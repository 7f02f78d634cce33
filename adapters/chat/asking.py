"""What somebody asks for in a chat, brought together and handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.chat.choosing import model_for
from bot.errors import BadPrompt
from bot.jobs.model import InputRef, Job, JobRequest, Requester
from bot.jobs.options import combine
from bot.languages.said import say
from bot.prompts.words import parse
from bot.service import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What somebody wants, as options, form fields and words of the prompt say it."""

    prompt: str
    picture: InputRef
    sound: InputRef | None = None
    model: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `RenderSettings`; `None` is not said."""
    key: str
    """Of the request: the same interaction, or message, is one job."""


async def hand_in(
    service: Service, ask: Ask, choices: Mapping[str, Any], requester: Callable[[str], Requester]
) -> tuple[Job, bool]:
    """Accept what was asked; the job, and whether it is new. `requester` is told the words that name it.

    Raises what `FrontDesk.accept` raises; then nothing was written.
    """
    written = parse(ask.prompt)
    if not written.prompt:
        raise BadPrompt(say("Say in a sentence what should happen in the picture."))
    model = model_for(service.front_desk, ask.model or written.model, choices)
    fields = {**ask.fields, "audio": True if ask.sound else None}
    request = JobRequest(
        requester=requester(written.prompt),
        request_key=ask.key,
        prompt=written.prompt,
        provider=model.provider,
        model=model.slug,
        image=ask.picture,
        audio=ask.sound,
        settings=combine(model, written, fields),
    )
    return await service.front_desk.accept(request)

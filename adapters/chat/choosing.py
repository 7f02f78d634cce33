"""Models and settings as people choose them in a chat: what is offered, what it is called, what a form said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from bot.errors import BadPrompt
from bot.jobs.accept import FrontDesk
from bot.jobs.catalogue import offered
from bot.jobs.lineage import Changes
from bot.jobs.model import Job, Relation
from bot.languages.catalogue import in_language
from bot.languages.said import say
from bot.ports import Model, Provider

log = structlog.get_logger(__name__)

AT_ONCE: Final = {"again": Relation.AGAIN, "loop": Relation.LOOP}
"""Buttons whose press is the whole request."""
BY_FORM: Final = {"edit": Relation.EDIT, "extend": Relation.EXTEND, "frame": Relation.FRAME}
"""Buttons that open a form first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What a form came back with; empty fields are `None`."""

    prompt: str
    model: str | None
    fields: Mapping[str, Any]
    """Fields of `RenderSettings`."""


def filled(prompt: str | None, model: str | None, duration: str | None, fields: Mapping[str, Any]) -> Filled:
    """A form's fields as they came. `BadPrompt` for a length that no menu of ours offers."""
    if duration is not None and not duration.isdecimal():
        raise BadPrompt(say("{value} is no length in seconds.", value=duration[:20]))
    return Filled(
        prompt=prompt or "", model=model, fields={**fields, "duration_s": int(duration) if duration else None}
    )


def changes_of(form: Filled, job: Job) -> Changes:
    """What of a filled form differs from the job under which it was opened."""
    settings = {
        name: value for name, value in form.fields.items() if value is not None and value != getattr(job.settings, name)
    }
    is_same_model = form.model in {None, f"{job.provider}/{job.model}", job.model}
    is_same_prompt = " ".join(form.prompt.split()) == " ".join(job.prompt.split())
    return Changes(
        prompt=None if is_same_prompt else form.prompt,
        settings=settings,
        model=None if is_same_model else form.model,
    )


def models_of(providers: Iterable[Provider]) -> list[Model]:
    """Everything that may be ordered for a picture."""
    return [model for provider in providers for model in offered(provider)]


def durations_of(models: Sequence[Model]) -> list[int]:
    """Every length that one of the models makes, in seconds, shortest first."""
    return sorted({seconds for model in models for seconds in model.durations_s})


def resolutions_of(models: Sequence[Model]) -> list[str]:
    """Every resolution that one of the models makes."""
    return list(dict.fromkeys(each for model in models for each in model.resolutions))


def model_name(model: Model, most: int) -> str:
    """How a choice of at most so many characters names a model; `FrontDesk.model` understands it."""
    full = f"{model.provider}/{model.slug}"
    return full if len(full) <= most else model.slug


def model_label(model: Model, locale: str | None, most: int) -> str:
    """A model and what its usual clip costs."""
    price = model.price.price(duration_s=model.default_duration_s, resolution=model.default_resolution)
    said = say("{title}: {price} for {seconds} s", title=model.title, price=price, seconds=model.default_duration_s)
    if not price:
        said = say("{title}: free", title=model.title)
    return in_language(said, locale)[:most]


def model_for(desk: FrontDesk, named: str | None, choices: Mapping[str, Any]) -> Model:
    """The model named, else the one chosen for the place, else the installation's own."""
    chosen = choices.get("model")
    if named is None and chosen is not None:
        try:
            return desk.model(None, str(chosen))
        except BadPrompt:
            # It was there when it was chosen; nobody here can be asked to choose anew.
            log.warning("settings.model_gone", model=chosen)
    return desk.model(None, named)


def model_to_remember(desk: FrontDesk, value: str) -> str:
    """The full name of a model that is to be a place's own. `BadPrompt` for one that makes nothing of pictures."""
    found = desk.model(None, value)
    if found.made_from != "image":
        raise BadPrompt(say("{model} is made from finished clips, not from pictures.", model=found.title))
    return f"{found.provider}/{found.slug}"

"""Bringing together what flags, form fields and prompt words say, with a model's defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.errors import BadPrompt
from bot.jobs.model import RenderSettings
from bot.languages.said import say
from bot.ports import Model
from bot.prompts.words import Words

WORDS = ("duration_s", "resolution", "seed", "negative_prompt", "camera", "motion")


def combine(
    model: Model, words: Words, fields: Mapping[str, Any], base: RenderSettings | None = None
) -> RenderSettings:
    """The settings meant; `check_settings` judges them afterwards. What nobody says is `base`'s, else the model's default.

    Raises `BadPrompt` when a field and a word of the prompt say different things.
    """
    base = base or RenderSettings(
        duration_s=model.default_duration_s, resolution=model.default_resolution, expand=model.expand_default
    )
    chosen: dict[str, Any] = {}
    for name in WORDS:
        word, field = getattr(words, name), fields.get(name)
        if word is not None and field is not None and word != field:
            raise BadPrompt(
                say(
                    "The prompt says {word} and the option says {field}; leave one of them out.", word=word, field=field
                )
            )
        chosen[name] = field if field is not None else word
    chosen |= {name: fields.get(name) for name in ("expand", "audio")}
    return replace(base, **{name: value for name, value in chosen.items() if value is not None})

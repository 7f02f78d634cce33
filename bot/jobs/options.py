"""Bringing together what flags, form fields and prompt words say, with a model's defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.errors import BadPrompt
from bot.jobs.model import RenderSettings
from bot.ports import Model
from bot.prompts.words import Words

WORDS = ("duration_s", "resolution", "seed", "negative_prompt", "camera", "motion")


def combine(model: Model, words: Words, fields: Mapping[str, Any]) -> RenderSettings:
    """The settings meant; `check_settings` judges them afterwards.

    Raises `BadPrompt` when a field and a word of the prompt say different things.
    """
    chosen: dict[str, Any] = {}
    for name in WORDS:
        word, field = getattr(words, name), fields.get(name)
        if word is not None and field is not None and word != field:
            raise BadPrompt(f"The prompt says {word} and the option says {field}; leave one of them out.")
        chosen[name] = field if field is not None else word
    expand = fields.get("expand")
    return RenderSettings(
        duration_s=chosen["duration_s"] if chosen["duration_s"] is not None else model.default_duration_s,
        resolution=chosen["resolution"] or model.default_resolution,
        seed=chosen["seed"],
        negative_prompt=chosen["negative_prompt"],
        expand=model.expand_default if expand is None else expand,
        audio=bool(fields.get("audio")),
        camera=chosen["camera"],
        motion=chosen["motion"],
    )

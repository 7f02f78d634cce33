"""What a form offers: the models, what the chosen one can do, and what the clip would cost as the form stands now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.errors import BadPrompt, LimitReached
from bot.jobs.catalogue import check_settings, offered, quote
from bot.jobs.model import RenderSettings
from bot.jobs.options import combine
from bot.money.amount import Money
from bot.money.limits import Standing, require_room
from bot.ports import Model
from bot.prompts.words import CAMERA_MOVES, Words, parse
from bot.service import Service

CAMERAS = {
    "zoom-in": "Zoom in",
    "zoom-out": "Zoom out",
    "pan-left": "Pan left",
    "pan-right": "Pan right",
    "pan-up": "Pan up",
    "pan-down": "Pan down",
    "orbit": "Orbit",
    "static": "Hold still",
}
assert set(CAMERAS) == set(CAMERA_MOVES)
MOTIONS = {"low": "Little", "high": "Much"}
LONGEST_SEED = 19
LONGEST_FIELD = 20_000
"""Characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """A form as it stands: what may be chosen, what is, and what follows from it."""

    models: tuple[Model, ...]
    model: Model
    said: Mapping[str, str] = field(default_factory=dict)
    """The fields as they were filled in; an empty one leaves it to the prompt's words, else to the model."""
    usual: RenderSettings
    """What fields left empty mean: the prompt's words, else the settings before, else the model's defaults."""
    words: Words
    """What the prompt itself sets."""
    settings: RenderSettings | None = None
    """What would be asked for; `None` while the form makes no sense."""
    price: Money | None = None
    trouble: str = ""
    """Why there is no price, as a sentence."""
    refusal: str = ""
    """Why it would be refused although it makes sense: a limit that is reached."""
    asks_again: bool = False
    """Dear enough to be confirmed before it starts."""
    standings: tuple[Standing, ...] = ()

    @property
    def key(self) -> str:
        """The chosen model, as the form names it."""
        return key_of(self.model)

    @property
    def offered(self) -> str:
        """What the offered options depend on: they are drawn anew when it changes, and left alone while it does not."""
        words = (self.words.duration_s, self.words.resolution, self.words.camera, self.words.motion)
        return " ".join((self.key, *(str(word) for word in words if word is not None)))

    @property
    def left(self) -> tuple[Standing, ...]:
        """What is worth showing beside a price: the standings that have a limit, the person's own first."""
        limited = [each for each in self.standings if each.limit_usd is not None or each.limit_jobs is not None]
        return tuple(sorted(limited, key=lambda each: not each.scope.startswith("user:")))[:1]


def key_of(model: Model) -> str:
    """How a form names a model."""
    return f"{model.provider}/{model.slug}"


def named(key: str) -> tuple[str | None, str | None]:
    """Provider and slug of a model that a form names; nothing for an empty field."""
    provider, _, slug = key.partition("/")
    return provider or None, slug or None


async def choices(
    service: Service, standings: Sequence[Standing], said: Mapping[str, str], *, base: RenderSettings | None = None
) -> Choices:
    """Read a form, half filled in as it may be. What it asks for is priced by the catalogue's own rule.

    `base` is what fields left empty mean, where that is not the model's default.
    """
    models = tuple(model for provider in service.desk.providers.values() for model in offered(provider))
    asks = {name: value for name, value in said.items() if value}
    try:
        written = parse(asks.get("prompt", ""))
        provider, slug = named(asks.get("model", ""))
        model = service.front_desk.model(provider, slug or written.model)
        if model.made_from != "image":
            raise BadPrompt(f"{model.title} is made from a finished clip: press Loop under one.")
    except BadPrompt as error:
        model = _meant(models, asks, service.front_desk.model(None, None))
        nothing = Words(prompt="")
        return Choices(
            models=models, model=model, said=asks, usual=_usual(model, nothing, base), words=nothing, trouble=str(error)
        )
    usual, asks = _usual(model, written, base), _still_offered(model, asks)
    try:
        settings = check_settings(model, combine(model, written, fields(model, asks), base=usual))
    except BadPrompt as error:
        return Choices(models=models, model=model, said=asks, usual=usual, words=written, trouble=str(error))
    price = quote(model, settings)
    return Choices(
        models=models,
        model=model,
        said=asks,
        usual=usual,
        words=written,
        settings=settings,
        price=price,
        refusal=_refusal(price, standings),
        asks_again=price > service.desk.confirm_above,
        standings=tuple(standings),
    )


def fields(model: Model, asks: Mapping[str, str]) -> dict[str, object]:
    """The fields as settings, for `combine`; what the model does not take is left out. `BadPrompt` for a seed that is none."""
    duration = asks.get("duration", "")
    chosen: dict[str, object] = {
        "duration_s": int(duration) if duration.isdecimal() and duration.isascii() and len(duration) < 5 else None,
        "resolution": asks.get("resolution"),
        "camera": asks.get("camera"),
        "motion": asks.get("motion"),
        "seed": read_seed(asks.get("seed", "")) if model.takes_seed else None,
        "negative_prompt": asks.get("negative_prompt") if model.takes_negative else None,
    }
    if model.takes_expand and "expands" in asks:
        chosen["expand"] = bool(asks.get("expand"))
    return chosen


def read_seed(text: str) -> int | None:
    """A seed as people write it. `BadPrompt` for anything but a whole number."""
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_SEED):
        raise BadPrompt("The seed is a whole number, like 7; leave it empty for a new one each time.")
    return int(text)


def _meant(models: Sequence[Model], asks: Mapping[str, str], default: Model) -> Model:
    return next((model for model in models if key_of(model) == asks.get("model")), default)


def text_of(form: Mapping[str, Any]) -> dict[str, str]:
    """The fields of a form that are text, cut where no honest one is so long."""
    return {name: value[:LONGEST_FIELD] for name, value in form.items() if isinstance(value, str)}


def _usual(model: Model, written: Words, base: RenderSettings | None) -> RenderSettings:
    """Another model than before may not have the length and resolution of before: then its own stand."""
    usual = base or RenderSettings(expand=model.expand_default)
    if base is None or base.duration_s not in model.durations_s:
        usual = replace(usual, duration_s=model.default_duration_s)
    if base is None or base.resolution not in model.resolutions:
        usual = replace(usual, resolution=model.default_resolution)
    return written.over(replace(usual, audio=False))


def _still_offered(model: Model, asks: Mapping[str, str]) -> dict[str, str]:
    """Without the length and resolution that were chosen for another model, and are none of this one's."""
    kept = dict(asks)
    if kept.get("duration") not in {str(each) for each in model.durations_s}:
        kept.pop("duration", None)
    if kept.get("resolution") not in model.resolutions:
        kept.pop("resolution", None)
    return kept


def _refusal(price: Money, standings: Sequence[Standing]) -> str:
    try:
        require_room(price, standings)
    except LimitReached as error:
        return str(error)
    return ""

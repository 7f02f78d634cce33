"""The model catalogue: which model was meant, whether it can do what is asked, and what that costs."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace

from bot.errors import BadPrompt
from bot.jobs.model import RenderSettings
from bot.money.amount import Money
from bot.ports import Model, Provider


def choose_model(
    providers: Sequence[Provider],
    *,
    provider: str | None = None,
    model: str | None = None,
    default_provider: str | None = None,
) -> Model:
    """The model meant by a provider's name, a model's full slug, both, or neither.

    A slug alone finds its provider; a provider alone means its first model; neither means the default provider's.
    Raises `BadPrompt` naming what there is.
    """
    by_name = {each.name: each for each in providers}
    if provider is not None and provider not in by_name:
        raise BadPrompt(_unknown("provider", provider, sorted(by_name)))
    if model is None:
        chosen = by_name.get(provider or default_provider or "")
        if chosen is None:
            raise BadPrompt(_unknown("provider", provider or default_provider or "", sorted(by_name)))
        return chosen.models()[0]
    offers = [offer for each in providers if provider in (None, each.name) for offer in each.models()]
    offers.sort(key=lambda offer: offer.provider != default_provider)
    for offer in offers:
        if model in (offer.slug, f"{offer.provider}:{offer.slug}"):
            return offer
    raise BadPrompt(_unknown("model", model, [offer.slug for offer in offers]))


def check_settings(model: Model, settings: RenderSettings) -> RenderSettings:
    """The same settings, or `BadPrompt` naming what this model can do instead."""
    if settings.resolution not in model.resolutions:
        raise BadPrompt(f"{settings.resolution} is not available for {model.title}; {_are(model.resolutions)}.")
    if settings.duration_s not in model.durations_s:
        lengths = [f"{seconds} s" for seconds in model.durations_s]
        raise BadPrompt(f"{settings.duration_s} s is not available for {model.title}; {_are(lengths)}.")
    if settings.seed is not None and not 0 <= settings.seed <= model.seed_max:
        raise BadPrompt(f"The seed must lie between 0 and {model.seed_max}; {settings.seed} does not.")
    if settings.audio and not model.takes_audio:
        raise BadPrompt(f"{model.title} takes no sound; leave the audio out, or choose another model.")
    negative = (settings.negative_prompt or "").strip() or None
    if negative and not model.takes_negative:
        raise BadPrompt(f"{model.title} takes no negative prompt; leave --neg out, or choose another model.")
    if negative and len(negative) > model.negative_max:
        raise BadPrompt(
            f"The negative prompt has {len(negative)} characters and {model.title} takes {model.negative_max}; shorten it."
        )
    if settings.expand and not model.takes_expand:
        raise BadPrompt(f"{model.title} cannot expand prompts; leave --expand out.")
    return replace(settings, negative_prompt=negative)


def quote(model: Model, settings: RenderSettings) -> Money:
    """What a clip with these settings costs."""
    return model.price.price(duration_s=settings.duration_s, resolution=settings.resolution)


def _are(offers: Sequence[str]) -> str:
    """`480p and 720p are`, `5 s is`."""
    if len(offers) == 1:
        return f"{offers[0]} is"
    return f"{', '.join(offers[:-1])} and {offers[-1]} are"


def _unknown(what: str, name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]}?" if close else f"There is: {', '.join(known)}." if known else "None is set up."
    return f"I do not know the {what} {name!r}. {hint}"

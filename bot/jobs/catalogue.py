"""The catalogue: which model is meant, whether it can do what is asked, and what that costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches

from bot.errors import BadPrompt
from bot.jobs.model import RenderSettings
from bot.money.amount import Money
from bot.ports import Model, Provider
from bot.prompts.check import check_negative
from bot.prompts.words import CAMERA_MOVES, MOTIONS


def choose_model(
    providers: Sequence[Provider],
    *,
    provider: str | None = None,
    model: str | None = None,
    default_provider: str | None = None,
) -> Model:
    """The model that is meant by a provider's name, a model's slug, both or neither.

    Without a model it is the provider's first; without a provider the default one is looked in first. A model may be
    named by its full slug or by its last part where only one has it. `BadPrompt` names what there is.
    """
    if not providers:
        raise BadPrompt("No provider is set up.")
    by_name = {one.name: one for one in providers}
    if provider is not None and provider.casefold() not in by_name:
        raise BadPrompt(_unknown("provider", provider, by_name))
    if model is not None and provider is None and model.casefold() in by_name:
        provider, model = model, None
    if model is None:
        name = (provider or default_provider or providers[0].name).casefold()
        chosen = by_name.get(name, providers[0])
        return chosen.models()[0]
    first = provider or default_provider or ""
    in_order = sorted(providers, key=lambda one: one.name != first.casefold())
    matching = [entry for one in in_order for entry in one.models() if _is_named(entry, model)]
    if provider is not None:
        for entry in matching:
            if entry.provider == provider.casefold():
                return entry
        if matching:
            raise BadPrompt(f"{model} is a model of {matching[0].provider}, not of {provider}.")
        raise BadPrompt(_unknown("model", model, _slugs([by_name[provider.casefold()]])))
    exact = [entry for entry in matching if entry.slug.casefold() == model.casefold()]
    if exact or len(matching) == 1:
        return (exact or matching)[0]
    if matching:
        raise BadPrompt(f"{model} may be {_listed([one.slug for one in matching], 'or')}; name it in full.")
    raise BadPrompt(_unknown("model", model, _slugs(providers)))


def offered(provider: Provider) -> list[Model]:
    """What may be ordered for a picture; the rest is made from finished clips, under which it is offered."""
    return [model for model in provider.models() if model.made_from == "image"]


def check_settings(model: Model, settings: RenderSettings) -> RenderSettings:
    """The settings as they are stored. `BadPrompt` says what the model cannot do, and what it can."""
    if settings.duration_s not in model.durations_s:
        raise BadPrompt(_not_available(f"{settings.duration_s} s", [f"{one} s" for one in model.durations_s], model))
    if settings.resolution not in model.resolutions:
        raise BadPrompt(_not_available(settings.resolution, model.resolutions, model))
    if settings.seed is not None:
        if not model.takes_seed:
            raise BadPrompt(f"{model.title} takes no seed; leave --seed out.")
        if not 0 <= settings.seed <= model.seed_max:
            raise BadPrompt(f"The seed must lie between 0 and {model.seed_max}; {settings.seed} does not.")
    if settings.audio and not model.takes_audio:
        raise BadPrompt(f"{model.title} takes no audio.")
    if settings.expand and not model.takes_expand:
        raise BadPrompt(f"{model.title} cannot expand prompts.")
    _require_known("camera", settings.camera, CAMERA_MOVES)
    _require_known("motion", settings.motion, MOTIONS)
    return replace(settings, negative_prompt=check_negative(settings.negative_prompt, model))


def quote(model: Model, settings: RenderSettings) -> Money:
    """The price of a clip by the catalogue, told before the work. Takes settings that `check_settings` let through."""
    return model.price.price(duration_s=settings.duration_s, resolution=settings.resolution)


def _is_named(entry: Model, name: str) -> bool:
    slug, name = entry.slug.casefold(), name.casefold()
    return name in {slug, f"{entry.provider}/{slug}", slug.rpartition("/")[2]}


def _slugs(providers: Iterable[Provider]) -> list[str]:
    return [entry.slug for one in providers for entry in offered(one)]


def _require_known(what: str, value: str | None, known: Sequence[str]) -> None:
    if value is not None and value not in known:
        raise BadPrompt(_unknown(f"{what} word", value, known))


def _unknown(what: str, said: str, known: Iterable[str]) -> str:
    known = list(known)
    said = said if len(said) <= 80 else f"{said[:80]}…"
    close = get_close_matches(said.casefold(), known, n=1, cutoff=0.6)
    meant = f"; did you mean {close[0]}?" if close else "."
    return f"I do not know the {what} {said}{meant} There {'is' if len(known) == 1 else 'are'} {_listed(known, 'and')}."


def _not_available(said: str, able: Sequence[str], model: Model) -> str:
    return f"{said} is not available for {model.title}; {_listed(able, 'and')} {'is' if len(able) == 1 else 'are'}."


def _listed(words: Sequence[str], joint: str) -> str:
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {joint} {words[-1]}"

"""The catalogue: which model is meant, whether it can do what is asked, and what that costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches

from bot.errors import BadPrompt
from bot.jobs.model import RenderSettings
from bot.languages.said import joined, listed, say, say_n
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
        raise BadPrompt(say("No provider is set up."))
    by_name = {one.name: one for one in providers}
    if provider is not None and provider.casefold() not in by_name:
        raise BadPrompt(_no_provider(provider, by_name))
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
            raise BadPrompt(
                say(
                    "{model} is a model of {owner}, not of {provider}.",
                    model=model,
                    owner=matching[0].provider,
                    provider=provider,
                )
            )
        raise BadPrompt(_no_model(model, _slugs([by_name[provider.casefold()]])))
    exact = [entry for entry in matching if entry.slug.casefold() == model.casefold()]
    if exact or len(matching) == 1:
        return (exact or matching)[0]
    if matching:
        raise BadPrompt(
            say(
                "{model} may be {models}; name it in full.",
                model=model,
                models=listed([one.slug for one in matching], "or"),
            )
        )
    raise BadPrompt(_no_model(model, _slugs(providers)))


def offered(provider: Provider) -> list[Model]:
    """What may be ordered for a picture; the rest is made from finished clips, under which it is offered."""
    return [model for model in provider.models() if model.made_from == "image"]


def check_settings(model: Model, settings: RenderSettings) -> RenderSettings:
    """The settings as they are stored. `BadPrompt` says what the model cannot do, and what it can."""
    if settings.duration_s not in model.durations_s:
        lengths = [say("{seconds} s", seconds=one) for one in model.durations_s]
        raise BadPrompt(_not_available(say("{seconds} s", seconds=settings.duration_s), lengths, model))
    if settings.resolution not in model.resolutions:
        raise BadPrompt(_not_available(settings.resolution, model.resolutions, model))
    if settings.seed is not None:
        if not model.takes_seed:
            raise BadPrompt(say("{model} takes no seed; leave --seed out.", model=model.title))
        if not 0 <= settings.seed <= model.seed_max:
            raise BadPrompt(
                say("The seed must lie between 0 and {most}; {seed} does not.", most=model.seed_max, seed=settings.seed)
            )
    if settings.audio and not model.takes_audio:
        raise BadPrompt(say("{model} takes no audio.", model=model.title))
    if settings.expand and not model.takes_expand:
        raise BadPrompt(say("{model} cannot expand prompts.", model=model.title))
    if settings.camera is not None and settings.camera not in CAMERA_MOVES:
        raise BadPrompt(_no_camera(settings.camera))
    if settings.motion is not None and settings.motion not in MOTIONS:
        raise BadPrompt(_no_motion(settings.motion))
    return replace(settings, negative_prompt=check_negative(settings.negative_prompt, model))


def quote(model: Model, settings: RenderSettings) -> Money:
    """The price of a clip by the catalogue, told before the work. Takes settings that `check_settings` let through."""
    return model.price.price(duration_s=settings.duration_s, resolution=settings.resolution)


def _is_named(entry: Model, name: str) -> bool:
    slug, name = entry.slug.casefold(), name.casefold()
    return name in {slug, f"{entry.provider}/{slug}", slug.rpartition("/")[2]}


def _slugs(providers: Iterable[Provider]) -> list[str]:
    return [entry.slug for one in providers for entry in offered(one)]


def _no_provider(word: str, known: Iterable[str]) -> str:
    word, close, there = _looked_up(word, known)
    if close:
        return joined((say("I do not know the provider {word}; did you mean {close}?", word=word, close=close), there))
    return joined((say("I do not know the provider {word}.", word=word), there))


def _no_model(word: str, known: Iterable[str]) -> str:
    word, close, there = _looked_up(word, known)
    if close:
        return joined((say("I do not know the model {word}; did you mean {close}?", word=word, close=close), there))
    return joined((say("I do not know the model {word}.", word=word), there))


def _no_camera(word: str) -> str:
    word, close, there = _looked_up(word, CAMERA_MOVES)
    if close:
        return joined(
            (say("I do not know the camera word {word}; did you mean {close}?", word=word, close=close), there)
        )
    return joined((say("I do not know the camera word {word}.", word=word), there))


def _no_motion(word: str) -> str:
    word, close, there = _looked_up(word, MOTIONS)
    if close:
        return joined(
            (say("I do not know the motion word {word}; did you mean {close}?", word=word, close=close), there)
        )
    return joined((say("I do not know the motion word {word}.", word=word), there))


def _looked_up(word: str, known: Iterable[str]) -> tuple[str, str, str]:
    """The word as it is shown, the one that was probably meant, and the sentence that names what there is."""
    known = list(known)
    word = word if len(word) <= 80 else f"{word[:80]}…"
    close = get_close_matches(word.casefold(), known, n=1, cutoff=0.6)
    there = say_n("There is {known}.", "There are {known}.", len(known), known=listed(known, "and"))
    return word, close[0] if close else "", there


def _not_available(asked: str, able: Sequence[str], model: Model) -> str:
    return say_n(
        "{asked} is not available for {model}; {able} is.",
        "{asked} is not available for {model}; {able} are.",
        len(able),
        asked=asked,
        model=model.title,
        able=listed(able, "and"),
    )

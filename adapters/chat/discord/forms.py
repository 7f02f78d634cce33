"""Forms, as the plain payloads Discord takes: nothing of them is remembered, so that they work after any restart.

Facts: a form holds at most five parts; its title and labels at most 45 characters; a menu 25 options of 100 characters
(Discord documentation, components/reference, read 2026-08-06).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from adapters.chat.choosing import Filled, durations_of, model_label, model_name, resolutions_of
from adapters.chat.choosing import filled as read_fields
from adapters.chat.discord.custom_ids import form_id
from bot.jobs.model import Job, Relation
from bot.languages.catalogue import in_language
from bot.languages.said import say
from bot.ports import Model
from bot.prompts.words import CAMERA_MOVES

TEXT_INPUT, MENU, LABEL = 4, 3, 18
PARAGRAPH: Final = 2
MOST_OPTIONS: Final = 25
OPTION: Final = 100
LONGEST_PROMPT: Final = 4000
PROMPT, MODEL, DURATION, RESOLUTION, CAMERA = "prompt", "model", "duration", "resolution", "camera"
NEW: Final = "animate"
"""The form for a picture; the others are called as their relation."""
TITLES: Final = {
    NEW: say("Animate this picture"),
    Relation.EDIT: say("Edit and make again"),
    Relation.EXTEND: say("What happens next?"),
    Relation.FRAME: say("From the last frame"),
}


def picture_form(of: str, models: Sequence[Model], model: Model, locale: str) -> dict[str, Any]:
    """The form for a picture that was chosen already; `of` names it, `model` is preset."""
    parts = [
        _prompt("", locale),
        _models(models, model, locale),
        _durations(models, None, locale),
        _resolutions(models, None, locale),
        _cameras(None, locale),
    ]
    return _form(form_id(NEW, of), TITLES[NEW], parts, locale)


def job_form(relation: Relation, job: Job, models: Sequence[Model], locale: str) -> dict[str, Any]:
    """The form under a job, filled in with its own words and settings."""
    present = next((each for each in models if (each.provider, each.slug) == (job.provider, job.model)), None)
    parts = [
        _prompt(job.prompt, locale),
        _models(models, present, locale),
        _durations(models, job.settings.duration_s, locale),
        _resolutions(models, job.settings.resolution, locale),
        _cameras(job.settings.camera, locale),
    ]
    return _form(form_id(relation.value, job.id), TITLES[relation], parts, locale)


def filled(data: Mapping[str, Any]) -> Filled:
    """What was filled in. `BadPrompt` for what no menu of ours offers."""
    said = dict(_values(data.get("components") or ()))
    fields = {"resolution": said.get(RESOLUTION), "camera": said.get(CAMERA)}
    return read_fields(said.get(PROMPT), said.get(MODEL), said.get(DURATION), fields)


def prompt_in(data: Mapping[str, Any]) -> str:
    """The words of a form, whatever else is wrong with it."""
    return dict(_values(data.get("components") or ())).get(PROMPT) or ""


def _form(custom_id: str, title: str, parts: Sequence[dict[str, Any]], locale: str) -> dict[str, Any]:
    return {"custom_id": custom_id, "title": in_language(title, locale)[:45], "components": list(parts)}


def _prompt(text: str, locale: str) -> dict[str, Any]:
    field = {
        "type": TEXT_INPUT,
        "custom_id": PROMPT,
        "style": PARAGRAPH,
        "required": True,
        "max_length": LONGEST_PROMPT,
        "placeholder": in_language(say("The leaves start to move --10s --camera zoom-in"), locale)[:OPTION],
    }
    if text:
        field["value"] = text[:LONGEST_PROMPT]
    return _label(say("What should happen?"), field, locale)


def _models(models: Sequence[Model], present: Model | None, locale: str) -> dict[str, Any]:
    options = [
        {"label": model_label(each, locale, OPTION), "value": model_name(each, OPTION)}
        | ({"default": True} if each is present else {})
        for each in models[:MOST_OPTIONS]
    ]
    return _label(say("Model"), _menu(MODEL, options), locale)


def _durations(models: Sequence[Model], present: int | None, locale: str) -> dict[str, Any]:
    known = durations_of(models)
    options = [
        _option(in_language(say("{seconds} s", seconds=each), locale), str(each), is_default=each == present)
        for each in known[:MOST_OPTIONS]
    ]
    return _label(say("Length"), _menu(DURATION, options), locale)


def _resolutions(models: Sequence[Model], present: str | None, locale: str) -> dict[str, Any]:
    known = resolutions_of(models)
    options = [_option(each, each, is_default=each == present) for each in known[:MOST_OPTIONS]]
    return _label(say("Resolution"), _menu(RESOLUTION, options), locale)


def _cameras(present: str | None, locale: str) -> dict[str, Any]:
    options = [_option(each, each, is_default=each == present) for each in CAMERA_MOVES]
    return _label(say("Camera"), _menu(CAMERA, options), locale)


def _menu(custom_id: str, options: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": MENU,
        "custom_id": custom_id,
        "options": list(options),
        "required": False,
        "min_values": 0,
        "max_values": 1,
    }


def _option(label: str, value: str, *, is_default: bool) -> dict[str, Any]:
    return {"label": label[:OPTION], "value": value} | ({"default": True} if is_default else {})


def _label(text: str, component: Mapping[str, Any], locale: str) -> dict[str, Any]:
    return {"type": LABEL, "label": in_language(text, locale)[:45], "component": component}


def _values(components: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Each field's name and its one value, however deep it lies."""
    for each in components:
        if isinstance(each.get("component"), Mapping):
            yield from _values([each["component"]])
        yield from _values(each.get("components") or ())
        if "custom_id" in each:
            value = each.get("value") or next(iter(each.get("values") or ()), None)
            if value:
                yield str(each["custom_id"]), str(value)

"""Forms, as the plain payloads Slack takes: nothing of them is remembered, so that they work after any restart.

Facts: a title, and what closes or sends a form, have at most 24 characters; what a form carries unseen at most 3,000; a
file field takes 10 MB a file; what was typed stays when a form is drawn anew with the same fields (docs.slack.dev, views,
read 2026-05-26).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from adapters.chat.choosing import Filled, durations_of, model_label, model_name, resolutions_of
from adapters.chat.choosing import filled as read_fields
from adapters.chat.pictures import ENDINGS, SOUNDS
from adapters.chat.slack.custom_ids import form_id
from adapters.chat.slack.parts import TITLE, input_field, modal, states
from adapters.chat.slack.text import MOST_OPTIONS, OPTION, VALUE, Block, marked, option, plain, section
from bot.errors import BadPrompt
from bot.jobs.model import Job, Relation
from bot.languages.catalogue import in_language
from bot.languages.said import say
from bot.ports import Model
from bot.prompts.words import CAMERA_MOVES, MOTIONS

LONGEST_PROMPT: Final = 3000
LONGEST_NEGATIVE: Final = 1000
MOST_PICTURES: Final = 10
NEW: Final = "new"
"""The form for a picture; the others are called as their relation."""
PICTURE, SOUND, PROMPT, MODEL, DURATION, RESOLUTION, CAMERA, MOTION, NEGATIVE, SEED, CHANNEL = (
    "picture", "sound", "prompt", "model", "duration", "resolution", "camera", "motion", "negative", "seed", "channel",
)  # fmt: skip
TITLES: Final = {
    NEW: say("New clip"),
    Relation.EDIT: say("Edit"),
    Relation.EXTEND: say("What happens next?"),
    Relation.FRAME: say("From the last frame"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a form is about; it carries this unseen."""

    channel: str | None = None
    """Where the clip goes; `None` asks, or goes to direct messages."""
    is_direct: bool = False
    root: str | None = None
    job: str | None = None
    files: tuple[tuple[str, str], ...] = field(default=())
    """Pictures to choose from, by id and name; none at all asks for one."""

    def to_text(self) -> str:
        """For `private_metadata`."""
        return json.dumps({name: value for name, value in asdict(self).items() if value}, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> About:
        """What came back."""
        said = json.loads(text or "{}")
        return cls(**{**said, "files": tuple((each[0], each[1]) for each in said.get("files", ()))})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A form that came back."""

    about: About
    said: Filled
    picture: Mapping[str, Any] | None
    """A file that was uploaded in it."""
    chosen: tuple[str, str] | None
    """One of the pictures it offered."""
    sound: Mapping[str, Any] | None
    channel: str | None
    """The conversation that was chosen in it."""


# --- what is shown --------------------------------------------------------------------------------------------------


def picture_form(
    about: About, models: Sequence[Model], model: Model, locale: str, *, prompt: str = "", asks_channel: bool = False
) -> Block:
    """The form for a new clip; `model` is preset."""
    fields = [
        _pictures(about.files, locale),
        _prompt(prompt, locale),
        *_settings(models, model, None, locale),
        _file(SOUND, say("Sound (WAV or MP3, 3 to 30 s)"), SOUNDS, locale, optional=True),
    ]
    if asks_channel:
        fields.insert(0, _channel(locale))
    return _form(NEW, TITLES[NEW], about, fields, locale)


def job_form(relation: Relation, job: Job, about: About, models: Sequence[Model], locale: str) -> Block:
    """The form under a job, filled in with its own words and settings."""
    present = next((each for each in models if (each.provider, each.slug) == (job.provider, job.model)), None)
    fields = [_prompt(job.prompt, locale), *_settings(models, present, job, locale)]
    return _form(relation.value, TITLES[relation], about, fields, locale)


def notice(text: str, locale: str, *, title: str = TITLES[NEW]) -> Block:
    """A form that only says something; `text` is escaped already."""
    return {
        "type": "modal",
        "title": plain(in_language(title, locale), TITLE),
        "close": plain(in_language(say("Close"), locale), TITLE),
        "blocks": [section(marked(text))],
    }


def waiting(locale: str, title: str) -> Block:
    """Opened at once, because what opens a form is good for three seconds; drawn anew when the rest is known."""
    return notice(in_language(say("One moment…"), locale), locale, title=title)


# --- what came back -------------------------------------------------------------------------------------------------


def sent(view: Mapping[str, Any]) -> Sent:
    """What was filled in. `BadPrompt` for what no menu of ours offers."""
    about = About.from_text(str(view.get("private_metadata") or ""))
    values = states(view)
    seed = _value(values, SEED)
    if seed is not None and not seed.isdecimal():
        raise BadPrompt(say("{value} is no seed; use a whole number from 0.", value=seed[:20]))
    fields = {
        "resolution": _value(values, RESOLUTION),
        "camera": _value(values, CAMERA),
        "motion": _value(values, MOTION),
        "negative_prompt": _value(values, NEGATIVE),
        "seed": int(seed) if seed else None,
    }
    picture = values.get(PICTURE, {})
    number = _value(values, PICTURE)
    chosen = about.files[0] if len(about.files) == 1 else None
    if number is not None and number.isdecimal() and int(number) < len(about.files):
        chosen = about.files[int(number)]
    return Sent(
        about=about,
        said=read_fields(_value(values, PROMPT), _value(values, MODEL), _value(values, DURATION), fields),
        picture=next(iter(picture.get("files") or ()), None),
        chosen=chosen,
        sound=next(iter(values.get(SOUND, {}).get("files") or ()), None),
        channel=values.get(CHANNEL, {}).get("selected_conversation"),
    )


def _value(values: Mapping[str, Mapping[str, Any]], name: str) -> str | None:
    said = values.get(name, {})
    chosen = said.get("selected_option") or {}
    found = said.get("value") or chosen.get("value")
    return str(found) if found else None


# --- parts ----------------------------------------------------------------------------------------------------------


def _form(form: str, title: str, about: About, fields: Sequence[Block], locale: str) -> Block:
    submit = say("Animate")
    return modal(form_id(form), title, fields, locale, submit=submit, carries=about.to_text())


def _pictures(files: Sequence[tuple[str, str]], locale: str) -> Block:
    if not files:
        return _file(PICTURE, say("Picture"), ENDINGS, locale, optional=False)
    if len(files) == 1:
        name = in_language(say("Picture: {name}", name=files[0][1]), locale)
        return section(plain(name))
    entries = [option(f"{number + 1}: {name}", str(number)) for number, (_, name) in enumerate(files)]
    menu = {"type": "static_select", "options": entries, "initial_option": entries[0]}
    return input_field(PICTURE, say("Picture"), menu, locale, optional=False)


def _file(name: str, label: str, endings: frozenset[str], locale: str, *, optional: bool) -> Block:
    kinds = sorted(each.removeprefix(".") for each in endings)
    return input_field(
        name, label, {"type": "file_input", "filetypes": kinds, "max_files": 1}, locale, optional=optional
    )


def _prompt(text: str, locale: str) -> Block:
    shown = in_language(say("The leaves start to move --10s --camera zoom-in"), locale)
    element: Block = {
        "type": "plain_text_input",
        "multiline": True,
        "max_length": LONGEST_PROMPT,
        "placeholder": plain(shown, VALUE),
    }
    if text:
        element["initial_value"] = text[:LONGEST_PROMPT]
    return input_field(PROMPT, say("What should happen?"), element, locale, optional=False)


def _settings(models: Sequence[Model], model: Model | None, job: Job | None, locale: str) -> list[Block]:
    own = job.settings if job is not None else None
    named = [(model_label(each, locale, OPTION), model_name(each, VALUE)) for each in models]
    lengths = [(in_language(say("{seconds} s", seconds=each), locale), str(each)) for each in durations_of(models)]
    sizes = [(each, each) for each in resolutions_of(models)]
    fields = [
        _menu(MODEL, say("Model"), named, model_name(model, VALUE) if model is not None else None, locale),
        _menu(DURATION, say("Length"), lengths, str(own.duration_s) if own else None, locale),
        _menu(RESOLUTION, say("Resolution"), sizes, own.resolution if own else None, locale),
        _menu(CAMERA, say("Camera"), [(each, each) for each in CAMERA_MOVES], own.camera if own else None, locale),
        _menu(MOTION, say("Motion"), [(each, each) for each in MOTIONS], own.motion if own else None, locale),
    ]
    negative: Block = {"type": "plain_text_input", "max_length": LONGEST_NEGATIVE}
    if own is not None and own.negative_prompt:
        negative["initial_value"] = own.negative_prompt[:LONGEST_NEGATIVE]
    fields.append(input_field(NEGATIVE, say("What should not be seen"), negative, locale, optional=True))
    if job is None:
        seed = {"type": "number_input", "is_decimal_allowed": False, "min_value": "0"}
        fields.append(input_field(SEED, say("Seed"), seed, locale, optional=True))
    return fields


def _menu(name: str, label: str, entries: Sequence[tuple[str, str]], present: str | None, locale: str) -> Block:
    options = [option(shown, value) for shown, value in entries[:MOST_OPTIONS]]
    menu: Block = {"type": "static_select", "options": options}
    initial = next((each for each in options if each["value"] == present), None)
    return input_field(name, label, menu | ({"initial_option": initial} if initial else {}), locale, optional=True)


def _channel(locale: str) -> Block:
    element = {
        "type": "conversations_select",
        "default_to_current_conversation": True,
        "filter": {"include": ["public", "private", "im"], "exclude_bot_users": True},
    }
    return input_field(CHANNEL, say("Where (empty: a direct message to you)"), element, locale, optional=True)

"""Settings: what a workspace's admins choose for it, or for one channel (DESIGN §8).

A field that nobody touched changes nothing; a field for money or clips that is left empty keeps what is in force.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from adapters.chat.ceilings import Lead, set_limit
from adapters.chat.choosing import model_label, model_to_remember, models_of
from adapters.chat.slack.bots import PLATFORM
from adapters.chat.slack.custom_ids import form_id
from adapters.chat.slack.front import Front
from adapters.chat.slack.parts import input_field, modal, states
from adapters.chat.slack.people import AUTOMATIC, GUESTS, STRANGERS, Caller
from adapters.chat.slack.scene import Scene
from adapters.chat.slack.text import MOST_OPTIONS, OPTION, VALUE, Block, marked, option, plain, section
from adapters.chat.wording import limit_line
from bot.errors import BadPrompt, NotAllowed
from bot.languages.catalogue import LANGUAGES, in_language
from bot.languages.said import say
from bot.money.limits import Limit, Period
from bot.money.scopes import read_limit

SETTINGS: Final = "settings"
LANGUAGE, MODEL = "language", "model"
HERE: Final = "here_"
"""What the fields of one channel begin with."""
PEOPLE, BUDGET, PERSON, PERSON_USD, PERSON_CLIPS = "people", "budget", "person", "person_usd", "person_clips"
DEFAULT, AS_WORKSPACE = "default", "workspace"
LONGEST_FIGURE: Final = 20
MOST_LIMITS: Final = 20
TITLE_SAID: Final = say("Settings")
_COMMA: Final = re.compile(r"\d+,\d{1,2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """A limit that was filled in."""

    block: str
    scope: str
    per: Period
    usd: str | None = None
    clips: str | None = None


def require_lead(caller: Caller) -> None:
    """`NotAllowed` for everybody but admins, owners and operators."""
    if not (caller.presser.is_team_lead or caller.presser.is_operator):
        raise NotAllowed(say("Only admins of this workspace can change how Reelbot behaves here."))


# --- the form -------------------------------------------------------------------------------------------------------


async def settings_view(front: Front, scene: Scene, caller: Caller) -> dict[str, Any]:
    """The form, showing what is in force; opened in a channel, with what that channel may have for itself."""
    require_lead(caller)
    stores, locale = front.service.stores, caller.locale
    chosen = await stores.workspaces.settings(PLATFORM, scene.team)
    channel = _channel_of(scene)
    fields = [
        _language(LANGUAGE, say("Language"), chosen.get(LANGUAGE) or AUTOMATIC, locale),
        _model(front, MODEL, say("Model used when none is named"), chosen.get(MODEL) or DEFAULT, locale),
    ]
    if channel is not None:
        here = await stores.workspaces.settings(PLATFORM, scene.team, channel)
        own = {key: here[key] for key in (LANGUAGE, MODEL) if key in here and here[key] != chosen.get(key)}
        fields += [
            _language(
                HERE + LANGUAGE, say("Language, only in this channel"), own.get(LANGUAGE) or AS_WORKSPACE, locale
            ),
            _model(front, HERE + MODEL, say("Model, only in this channel"), own.get(MODEL) or AS_WORKSPACE, locale),
        ]
    fields.append(_people(chosen, locale))
    fields += [*await _limit_fields(front, caller), *await _limits_now(front, scene.team, locale)]
    return modal(form_id(SETTINGS), TITLE_SAID, fields, locale, submit=say("Save"), carries=channel or "")


def _channel_of(scene: Scene) -> str | None:
    """Direct messages have no settings of their own."""
    return None if scene.channel is None or scene.channel.startswith("D") else scene.channel


def _language(name: str, label: str, present: str, locale: str) -> Block:
    entries = [(in_language(say("Each person's own"), locale), AUTOMATIC), *((n, v) for v, n in LANGUAGES.items())]
    return _menu(name, label, [*_as_workspace(name, locale), *entries], present, locale)


def _model(front: Front, name: str, label: str, present: str, locale: str) -> Block:
    models = models_of(front.service.desk.providers.values())
    entries = [(model_label(each, locale, OPTION), f"{each.provider}/{each.slug}"[:VALUE]) for each in models]
    first = _as_workspace(name, locale) or [(in_language(say("The installation's own"), locale), DEFAULT)]
    return _menu(name, label, [*first, *entries], present, locale)


def _as_workspace(name: str, locale: str) -> list[tuple[str, str]]:
    is_of_channel = name.startswith(HERE)
    return [(in_language(say("As in the workspace"), locale), AS_WORKSPACE)] if is_of_channel else []


def _menu(name: str, label: str, entries: Sequence[tuple[str, str]], present: str, locale: str) -> Block:
    options = [option(shown, value) for shown, value in entries[: MOST_OPTIONS - 1]]
    initial = next((each for each in options if each["value"] == present), None)
    if initial is None:
        # It is not offered any more, and stays what was chosen until somebody chooses anew.
        initial = option(present, present[:VALUE])
        options.append(initial)
    menu = {"type": "static_select", "options": options, "initial_option": initial}
    return input_field(name, label, menu, locale, optional=False)


def _people(chosen: Mapping[str, Any], locale: str) -> Block:
    offered = {
        GUESTS: option(in_language(say("Guests of this workspace"), locale), GUESTS),
        STRANGERS: option(in_language(say("People of other organisations"), locale), STRANGERS),
    }
    boxes: Block = {"type": "checkboxes", "options": list(offered.values())}
    if ticked := [each for name, each in offered.items() if chosen.get(name)]:
        boxes["initial_options"] = ticked
    return input_field(PEOPLE, say("Who else may ask for clips"), boxes, locale, optional=True)


async def _limit_fields(front: Front, caller: Caller) -> list[Block]:
    standings, locale = await front.service.stores.ledger.standings(caller.requester()), caller.locale
    given = next(
        (s.limit_usd for s in standings if s.scope.startswith("workspace:") and s.period is Period.MONTH), None
    )
    now = say("Now {amount}. Empty: as it is.", amount=given) if given is not None else say("Now without a limit.")
    return [
        _figure(BUDGET, say("Budget of this workspace per month, USD"), say("Dollars, like 12.50, or unlimited"), now, locale),
        input_field(PERSON, say("Whose limit (empty: each person's)"), {"type": "users_select"}, locale, optional=True),
        _figure(PERSON_USD, say("Their budget per day, USD"), say("Dollars, like 12.50, or unlimited"), "", locale),
        _figure(PERSON_CLIPS, say("Their clips per day"), say("Clips, like 20, or unlimited"), "", locale),
    ]  # fmt: skip


async def _limits_now(front: Front, team: str, locale: str) -> list[Block]:
    stored = await front.service.stores.limits.stored()
    known = [each for each in stored if f":{PLATFORM}:{team}:" in f"{each.scope}:"]
    if not known:
        return []
    lines = [in_language(limit_line(each, _whom(each, team)), locale) for each in known[:MOST_LIMITS]]
    return [section(marked("\n".join(lines)))]


def _whom(limit: Limit, team: str) -> str:
    kind, _, rest = limit.scope.partition(":")
    name = rest.rpartition(":")[2]
    if kind == "role" and name == team:
        return say("each person")
    return {"workspace": say("this workspace"), "channel": f"<#{name}>", "user": f"<@{name}>"}.get(kind, name)


def _figure(name: str, label: str, shown: str, hint: str, locale: str) -> Block:
    element = {
        "type": "plain_text_input",
        "max_length": LONGEST_FIGURE,
        "placeholder": plain(in_language(shown, locale), VALUE),
    }
    made = input_field(name, label, element, locale, optional=True)
    return made | ({"hint": plain(in_language(hint, locale))} if hint else {})


# --- what came back -------------------------------------------------------------------------------------------------


async def chosen(front: Front, caller: Caller, view: Mapping[str, Any]) -> dict[str, str]:
    """Store what was filled in: everything, or nothing and what is wrong, by field. `NotAllowed` for who may not."""
    require_lead(caller)
    said, errors = _said(view), dict[str, str]()
    wishes = _wishes(caller, said, errors)
    choices = await _choices(front, caller, said, str(view.get("private_metadata") or "") or None, errors)
    if errors:
        return errors
    stores = front.service.stores
    lead = Lead(platform=PLATFORM, workspace=caller.scene.team, presser=caller.presser)
    for wish in wishes:
        try:
            await set_limit(front.service.operating, lead, wish.scope, wish.per, usd=wish.usd, clips=wish.clips)
        except (BadPrompt, NotAllowed) as error:
            # Only the workspace's own can be refused here, and it is the first.
            return {wish.block: in_language(str(error), caller.locale)}
    for key, value, channel in choices:
        await stores.workspaces.choose(PLATFORM, caller.scene.team, key, value, channel=channel)
    return {}


def _wishes(caller: Caller, said: Mapping[str, Any], errors: dict[str, str]) -> list[_Wish]:
    team, wishes = caller.scene.team, []
    if usd := said.get(BUDGET):
        wishes.append(_Wish(block=BUDGET, scope=f"workspace:{PLATFORM}:{team}", per=Period.MONTH, usd=usd))
    person, usd, clips = said.get(PERSON), said.get(PERSON_USD), said.get(PERSON_CLIPS)
    if person and not (usd or clips):
        errors[PERSON_USD] = in_language(say("Say how many dollars, how many clips, or both."), caller.locale)
    scope = f"user:{PLATFORM}:{team}:{person}" if person else f"role:{PLATFORM}:{team}:{team}"
    if usd:
        wishes.append(_Wish(block=PERSON_USD, scope=scope, per=Period.DAY, usd=usd))
    if clips:
        wishes.append(_Wish(block=PERSON_CLIPS, scope=scope, per=Period.DAY, clips=clips))
    for wish in wishes:
        try:
            read_limit(wish.scope, wish.per, usd=wish.usd, jobs=wish.clips)
        except BadPrompt as error:
            errors[wish.block] = in_language(str(error), caller.locale)
    return wishes


async def _choices(
    front: Front, caller: Caller, said: Mapping[str, Any], channel: str | None, errors: dict[str, str]
) -> list[tuple[str, Any, str | None]]:
    """What differs from what is chosen now: key, value, and the channel where it is for one."""
    workspaces, team = front.service.stores.workspaces, caller.scene.team
    now = await workspaces.settings(PLATFORM, team)
    places: list[tuple[str | None, str, Mapping[str, Any]]] = [(None, "", now)]
    if channel:
        places.append((channel, HERE, await workspaces.settings(PLATFORM, team, channel)))
    found: list[tuple[str, Any, str | None]] = []
    for where, prefix, present in places:
        for key in (LANGUAGE, MODEL):
            value = said.get(prefix + key)
            if value is None:
                continue
            try:
                wished = _wished(front, key, value, present.get(key), is_channels=where is not None)
            except BadPrompt as error:
                errors[prefix + key] = in_language(str(error), caller.locale)
            else:
                found.append((key, wished, where))
    found = [(key, value, where) for key, value, where in found if where is not None or value != now.get(key)]
    ticked = said.get(PEOPLE, [])
    found += [
        (key, (key in ticked) or None, None) for key in (GUESTS, STRANGERS) if (key in ticked) != bool(now.get(key))
    ]
    return found


def _wished(front: Front, key: str, value: str, present: Any, *, is_channels: bool) -> str | None:
    """What is to be remembered; `None` takes a choice back. `BadPrompt` for a model that is none, and was not there before."""
    if value == (AS_WORKSPACE if is_channels else AUTOMATIC if key == LANGUAGE else DEFAULT):
        return None
    return value if key == LANGUAGE or value == present else model_to_remember(front.service.front_desk, value)


def _said(view: Mapping[str, Any]) -> dict[str, Any]:
    """What each field says; one that says nothing is left out."""
    found: dict[str, Any] = {}
    for block, state in states(view).items():
        if (options := state.get("selected_options")) is not None:
            found[block] = [each["value"] for each in options]
        elif value := (state.get("selected_option") or {}).get("value") or state.get("selected_user"):
            found[block] = value
        elif text := (state.get("value") or "").strip().casefold():
            # Where a comma stands in front of cents, it is written so.
            found[block] = text.replace(",", ".") if _COMMA.fullmatch(text) else text
    return found

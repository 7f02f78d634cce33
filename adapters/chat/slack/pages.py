"""`/reelbot …` and the Home tab's buttons: the way to a person's own pages.

Slack waits three seconds for an answer to any of these. What may take longer is done meanwhile, and told afterwards: in the
form that was opened at once, by the address that came with the press, or in direct messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final

from adapters.chat.past import asked_of
from adapters.chat.slack import checkup, history, home, mine, steering
from adapters.chat.slack.api import Bot
from adapters.chat.slack.custom_ids import form_id
from adapters.chat.slack.forms import notice, waiting
from adapters.chat.slack.front import Front
from adapters.chat.slack.parts import TITLE
from adapters.chat.slack.people import Caller
from adapters.chat.slack.scene import Scene
from adapters.chat.slack.text import Block, escaped, marked, message, one_line, plain, section
from adapters.chat.slack.windows import open_form, update_form
from bot.errors import NotFound
from bot.languages.catalogue import in_language
from bot.languages.said import say

JOBS, QUOTA, HELP, FORGET = "jobs", "quota", "help", "forget"
WORD_SHOWN: Final = 40
ANSWERS_WITHIN_S: Final = 0.7
"""Who asks was looked up already, and Slack waits three seconds in all."""
_OFFERED: Final = {
    history.HISTORY: say("Your clips, newest first; add words to search for"),
    QUOTA: say("What is left of your budget; only you see this"),
    JOBS: say("Your clips under way; only you see this"),
    steering.SETTINGS: say("How Reelbot behaves in this workspace, for its admins"),
    home.DOCTOR: say("What is wrong here, for operators; only you see this"),
    mine.MY_DATA: say("Everything Reelbot keeps of you, as a file"),
    mine.FORGET_ME: say("Erase everything Reelbot keeps of you here"),
    HELP: say("What there is"),
}
_ALIASES: Final = {
    "verlauf": history.HISTORY, "履歴": history.HISTORY, "budget": QUOTA, "kontingent": QUOTA, "残り": QUOTA, "予算": QUOTA,
    "aufträge": JOBS, "auftraege": JOBS, "ジョブ": JOBS, "進行中": JOBS, "einstellungen": steering.SETTINGS, "設定": steering.SETTINGS,
    "diagnose": home.DOCTOR, "診断": home.DOCTOR, "meine-daten": mine.MY_DATA, "データ": mine.MY_DATA,
    "vergiss-mich": mine.FORGET_ME, "消去": mine.FORGET_ME, "hilfe": HELP, "ヘルプ": HELP, "?": HELP, "": HELP,
}  # fmt: skip
_EVERYONE: Final = frozenset({"everyone", "alle", "全員"})
_TITLES: Final = {
    history.HISTORY: say("History"),
    steering.SETTINGS: steering.TITLE_SAID,
    home.DOCTOR: say("Doctor"),
    mine.MY_DATA: say("My data"),
    mine.FORGET_ME: say("Forget me"),
}


async def command(front: Front, bot: Bot, scene: Scene, words: str) -> dict[str, Any] | None:
    """`/reelbot …`: the answer for this person alone; `None` when a form was opened instead. Raises refusals."""
    page, rest = _read(words)
    if page == steering.SETTINGS:
        await _open(front, bot, scene, page, lambda caller: steering.settings_view(front, scene, caller))
        return None
    caller = await front.people.caller(bot, scene)
    match page:
        case history.HISTORY:
            first, _, others = rest.partition(" ")
            everyone = first.casefold() in _EVERYONE
            return await history.page(
                front, bot, caller, history.search(others if everyone else rest, everyone=everyone)
            )
        case "quota":
            return await mine.quota(front, caller)
        case "jobs":
            return await mine.jobs(front, bot, caller)
        case home.DOCTOR:
            return await _soon(front, caller, checkup.checkup(front, bot, caller))
        case mine.MY_DATA:
            return message(mine.my_data(front, bot, caller))
        case mine.FORGET_ME:
            return mine.question(caller.locale)
        case "help":
            return message(_help(caller.locale))
        case _:
            unknown = say("I do not know {word}.", word=one_line(page, WORD_SHOWN))
            return message(f"{escaped(in_language(unknown, caller.locale))}\n{_help(caller.locale)}")


async def turned(front: Front, bot: Bot, scene: Scene, page: str, value: str) -> dict[str, Any] | None:
    """A press on a button of these pages: what replaces the message it was pressed in, if anything. Raises refusals."""
    if page == home.REFRESH:
        await home.publish(front, bot, scene)
        return None
    if page == history.LEAF and scene.view is not None:
        await update_form(front, bot, scene.view, await _leaf(front, bot, await front.people.caller(bot, scene), value))
        return None
    if scene.channel is None and page in _TITLES:
        await _open(front, bot, scene, page, lambda caller: _shown(front, bot, caller, page, value))
        return None
    caller = await front.people.caller(bot, scene)
    if page == history.HISTORY:
        return await history.page(front, bot, caller, asked_of(value))
    if page == mine.FORGET_ME:
        if value != mine.YES:
            return message(escaped(in_language(say("Nothing was deleted."), caller.locale)))
        front.meanwhile(mine.forget(front, caller))
        return None
    raise NotFound(say("This button is from another version; open the page once more."))


async def submitted(front: Front, bot: Bot, scene: Scene, form: str, view: Mapping[str, Any]) -> dict[str, str]:
    """A form of these pages came back: what is wrong with it, by field; nothing when it is done, or being done."""
    try:
        caller = await front.people.caller(bot, scene)
        if form == FORGET:
            front.meanwhile(mine.forget(front, caller))
            return {}
        if form != steering.SETTINGS:
            raise NotFound(say("This form is from another version; open it again."))
        errors = await steering.chosen(front, caller, view)
    except Exception as error:
        # Slack brings no form again: whatever went wrong, the person is told, below a field where there is one.
        return await _told(front, scene, view, front.spoken(error, scene, front.people.locale_known(scene)))
    if not errors:
        # What is chosen shows there, the language above all.
        front.meanwhile(home.publish(front, bot, scene))
    return errors


# --- words ----------------------------------------------------------------------------------------------------------


def _read(words: str) -> tuple[str, str]:
    """Which page, and what was written behind it; `my data` is `my-data`."""
    first, _, rest = " ".join(words.split()).partition(" ")
    second, _, others = rest.partition(" ")
    both = f"{first}-{second}".casefold()
    if both in _OFFERED or both in _ALIASES:
        return _ALIASES.get(both, both), others
    page = first.casefold()
    return _ALIASES.get(page, page), rest


def _help(locale: str) -> str:
    start = say("`/animate` makes a clip of a picture; so does a mention with a picture, or a message's own menu.")
    lines = [f"`/reelbot {page}`: {escaped(in_language(text, locale))}" for page, text in _OFFERED.items()]
    return "\n".join([in_language(start, locale), *lines])


# --- forms ----------------------------------------------------------------------------------------------------------


async def _open(front: Front, bot: Bot, scene: Scene, page: str, form: Callable[[Caller], Awaitable[Block]]) -> None:
    """Open a form at once, before anything is looked up; what belongs into it follows, refusals too."""
    locale, title = front.people.locale_known(scene), _TITLES[page]
    opened = await open_form(front, bot, scene, waiting(locale, title))
    if opened is None:
        return

    async def fill() -> None:
        spoken = locale
        try:
            caller = await front.people.caller(bot, scene)
            spoken = caller.locale
            shown = await form(caller)
        except Exception as error:
            # Nobody waits for this any more but the person in front of the form.
            shown = notice(front.spoken(error, scene, spoken), spoken, title=title)
        await update_form(front, bot, opened, shown)

    front.meanwhile(fill())


async def _shown(front: Front, bot: Bot, caller: Caller, page: str, value: str) -> Block:
    """What a button of the Home tab opens."""
    match page:
        case history.HISTORY:
            return await _leaf(front, bot, caller, value)
        case steering.SETTINGS:
            return await steering.settings_view(front, caller.scene, caller)
        case home.DOCTOR:
            said = await checkup.checkup(front, bot, caller)
            return _window(page, said["blocks"], caller.locale)
        case mine.MY_DATA:
            return notice(mine.my_data(front, bot, caller), caller.locale, title=_TITLES[page])
        case _:
            return _window(page, [section(marked(in_language(mine.ASKED_TO_FORGET, caller.locale)))], caller.locale) | {
                "callback_id": form_id(FORGET),
                "submit": plain(in_language(say("Erase everything"), caller.locale), TITLE),
                "close": plain(in_language(say("Keep it"), caller.locale), TITLE),
            }


async def _leaf(front: Front, bot: Bot, caller: Caller, value: str) -> Block:
    """A page of the history as a form."""
    said = await history.page(front, bot, caller, asked_of(value), turned_by=history.LEAF)
    return _window(history.HISTORY, said["blocks"], caller.locale)


def _window(page: str, blocks: list[Block], locale: str) -> Block:
    return notice("", locale, title=_TITLES[page]) | {"blocks": blocks}


async def _told(front: Front, scene: Scene, view: Mapping[str, Any], text: str) -> dict[str, str]:
    """A fault, below the form's first field; where it has none, directly."""
    fields = [str(each.get("block_id")) for each in view.get("blocks") or () if each.get("type") == "input"]
    if fields:
        return {fields[0]: text}
    front.meanwhile(front.whisper(scene, text))
    return {}


# --- what takes its time --------------------------------------------------------------------------------------------


async def _soon(front: Front, caller: Caller, work: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    """The outcome where it comes at once; else a word, and the outcome when it is there."""
    task = asyncio.create_task(work)
    done, _ = await asyncio.wait({task}, timeout=ANSWERS_WITHIN_S)
    if done:
        return task.result()

    async def tell() -> None:
        try:
            said = await task
        except Exception as error:
            # The answer was promised: the person is told why it does not come.
            said = message(front.spoken(error, caller.scene, caller.locale))
        await front.whisper(caller.scene, said["text"], said["blocks"])

    front.meanwhile(tell())
    return message(in_language(say("One moment…"), caller.locale))

"""The Home tab: what is under way, what is left of the budget, what was made last, and the way to everything else.

Facts: at most 100 blocks; it is shown as it was published last, until it is published anew (docs.slack.dev, views.publish,
read 2026-05-26).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import structlog

from adapters.chat.past import Asked
from adapters.chat.slack import history, mine
from adapters.chat.slack.api import Bot
from adapters.chat.slack.custom_ids import page_id
from adapters.chat.slack.forms import NEW
from adapters.chat.slack.front import Front
from adapters.chat.slack.people import Caller
from adapters.chat.slack.scene import Scene
from adapters.chat.slack.steering import SETTINGS
from adapters.chat.slack.text import HEADER, Block, button, marked, moment, plain, row, section, small
from bot.errors import NotAllowed, ReelbotError
from bot.languages.catalogue import in_language
from bot.languages.said import say

log = structlog.get_logger(__name__)

REFRESH, DOCTOR = "refresh", "doctor"
"""The pages its buttons turn to, with those of `mine`."""
MOST_BLOCKS: Final = 100


async def publish(front: Front, bot: Bot, scene: Scene) -> None:
    """Draw a person's Home tab as it is now. Where Slack does not take it, the log says so."""
    # Opened from a channel or from direct messages, it belongs to neither.
    here = replace(scene, channel=None, root=None, message=None)
    try:
        caller = await front.people.caller(bot, here)
        view = await home_view(front, bot, caller)
        await front.api.call(bot, "views.publish", user_id=scene.user, view=view)
    except ReelbotError as error:
        log.info("home.not_published", reference=scene.reference, why=str(error))


async def home_view(front: Front, bot: Bot, caller: Caller) -> dict[str, Any]:
    """The tab of one person."""
    locale = caller.locale
    refusal = _refusal(front, caller)
    made = await history.find(front, caller, Asked())
    drawn_at = in_language(say("As of {when}.", when=moment(front.service.desk.clock.now())), locale)
    blocks = [
        *row(_buttons(front, caller, may_ask=refusal is None)),
        *([section(plain(in_language(refusal, locale)))] if refusal is not None else []),
        _heading(say("Under way"), locale),
        *await mine.running(front, bot, caller),
        _heading(say("What is left"), locale),
        section(marked("\n".join(await mine.quota_lines(front, caller)))),
        _heading(say("What you made"), locale),
        *await history.entries(front, bot, caller, made),
        *history.turn_older(made, locale),
        *small([marked(drawn_at)]),
    ]
    return {"type": "home", "blocks": blocks[:MOST_BLOCKS]}


def _refusal(front: Front, caller: Caller) -> str | None:
    """Why this person cannot ask for clips here, if so."""
    try:
        front.people.require_may_ask(caller)
    except NotAllowed as error:
        return str(error)
    return None


def _buttons(front: Front, caller: Caller, *, may_ask: bool) -> list[Block]:
    locale, presser = caller.locale, caller.presser
    offered = [
        (say("Refresh"), REFRESH, True),
        (say("My data"), mine.MY_DATA, True),
        (say("Forget me"), mine.FORGET_ME, True),
        (say("Settings"), SETTINGS, presser.is_team_lead or presser.is_operator),
        (say("Doctor"), DOCTOR, presser.is_operator),
    ]
    made = [
        button(in_language(label, locale), page_id(page), page) for label, page, is_offered in offered if is_offered
    ]
    if may_ask:
        made.insert(0, button(in_language(say("New clip"), locale), page_id(NEW), NEW, style="primary"))
    return made


def _heading(text: str, locale: str) -> Block:
    return {"type": "header", "text": plain(in_language(text, locale), HEADER)}

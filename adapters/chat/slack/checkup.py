"""For operators, what is wrong here: the scopes this workspace granted, the engine, the disk, the providers.

Whether we are in a channel is left out: asking takes scopes we do not have, and a post to try it would be a post.
"""

from __future__ import annotations

from typing import Any, Final

from adapters.chat.health import FAIL, OK, Line, health
from adapters.chat.slack.api import Bot, SlackError, Unclear
from adapters.chat.slack.front import Front
from adapters.chat.slack.people import Caller
from adapters.chat.slack.scopes import NEEDED, READ_THREADS, missing
from adapters.chat.slack.text import SECTION, escaped, marked, message, one_line, section
from bot.errors import DeliveryDelayed, NotAllowed
from bot.languages.catalogue import in_language
from bot.languages.said import joined, listed, say

LINE: Final = 300


async def checkup(front: Front, bot: Bot, caller: Caller) -> dict[str, Any]:
    """Everything that is looked at, as a message. A provider that does not answer costs ten seconds.

    `NotAllowed` for everybody but operators, at once.
    """
    if not front.people.is_operator(caller.scene):
        raise NotAllowed(say("Only operators of this Reelbot can ask for this."))
    lines = [await _scopes(front, bot), *await health(front.service, front.settings, front.readiness)]
    told = [f"{mark} {escaped(one_line(in_language(line, caller.locale), LINE))}" for mark, line in lines]
    blocks = [section(marked(part)) for part in _parts(told)]
    return message("\n".join(told), blocks)


async def _scopes(front: Front, bot: Bot) -> Line:
    """What was granted, as Slack says now: it may be less than when the app was added."""
    try:
        _, granted = await front.api.ask(bot.token, "auth.test", of=bot.team)
    except SlackError as error:
        return FAIL, say("Slack refuses us: {error}.", error=error.error)
    except (Unclear, DeliveryDelayed):
        return FAIL, say("Slack does not answer.")
    lacks = missing(granted, NEEDED)
    if lacks:
        named = listed(lacks, "and")
        return FAIL, say("The app lacks these scopes here: {scopes}. Add them, then reinstall the app.", scopes=named)
    threads = "" if missing(granted, READ_THREADS) else say("Pictures above a mention in a thread are read, too.")
    return OK, joined((say("The app has every scope it needs here."), threads))


def _parts(lines: list[str]) -> list[str]:
    """The lines, as many together as a section holds."""
    parts = [""]
    for line in lines:
        if len(parts[-1]) + len(line) + 1 > SECTION:
            parts.append("")
        parts[-1] += f"\n{line}" if parts[-1] else line
    return parts

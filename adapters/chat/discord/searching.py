"""Looking for our own file in a channel, after an answer was lost."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from adapters.chat.discord.places import Place
from adapters.chat.discord.rest import UNKNOWN_CHANNEL, Rest, RestError, Unclear
from bot.errors import DeliveryDelayed
from bot.languages.said import say

EPOCH_MS: Final = 1_420_070_400_000
"""Where Discord's ids begin to count."""
CLOCKS_DIFFER_S: Final = 600.0
"""Our clock may be ahead of Discord's by so much."""
A_PAGE: Final = 100
MOST_PAGES: Final = 30


class Search(Enum):
    """What a search found, other than the message."""

    NOT_THERE = "not there"
    CANNOT_TELL = "cannot tell"


async def search_for(rest: Rest, place: Place, filename: str, *, since: float) -> str | Search:
    """The id of our message with this file. Raises `DeliveryDelayed` when Discord does not answer now.

    A bot that may not read a channel's history is shown an empty one: where nothing at all can be seen, nobody can tell.
    """
    after = max(0, int((since - CLOCKS_DIFFER_S) * 1000) - EPOCH_MS) << 22
    path = f"/channels/{place.channel}/messages"
    seen = 0
    try:
        for _ in range(MOST_PAGES):
            page = await rest.ask("GET", path, params={"limit": str(A_PAGE), "after": str(after)})
            seen += len(page)
            for message in page:
                if _has_file(message, filename):
                    return str(message["id"])
            if len(page) < A_PAGE:
                break
            after = max(int(message["id"]) for message in page)
        else:
            return Search.CANNOT_TELL
        if not seen and place.kind != "dm" and not await rest.ask("GET", path, params={"limit": "1"}):
            return Search.CANNOT_TELL
    except RestError as error:
        # What is gone holds no message any more.
        return Search.NOT_THERE if error.number == UNKNOWN_CHANNEL else Search.CANNOT_TELL
    except Unclear as error:
        raise DeliveryDelayed(say("Discord does not answer; looking again before anything is posted.")) from error
    return Search.NOT_THERE


def _has_file(message: dict[str, Any], filename: str) -> bool:
    if not (message.get("author") or {}).get("bot"):
        return False
    names = {filename, f"SPOILER_{filename}"}
    return any(each.get("filename") in names for each in message.get("attachments", ()))

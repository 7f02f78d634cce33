"""What the bot asks a workspace for: the least it can work with, and what reading along in threads takes besides.

A scope that is added makes every workspace add the bot once more, so each stands here with what would be missing
without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

NEEDED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "app_mentions:read": "hearing a mention, with the picture attached to it",
        "chat:write": "cards, and everything else that is said",
        "commands": "the commands and the shortcuts",
        "files:read": "copying the picture, from a message or from the form; seeing that a clip was shared",
        "files:write": "the clips",
        "im:history": "hearing a direct message",
        "im:write": "opening a direct message, for what may not be posted where it was asked for",
        "reactions:write": "showing on the asking message how its clip is getting on",
        "users:read": "a person's language and time zone; who is an admin, a guest or from elsewhere",
    }
)
"""Each with what it is for."""

READ_THREADS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "channels:history": "finding the picture above a mention, in a thread of a public channel",
        "groups:history": "the same in a private channel",
    }
)
"""Asked for by `reelbot manifest slack --read-threads` only. With them the bot may read everything said in channels it is
in, and Slack answers an app that is distributed outside its Marketplace once a minute. Without them, and in group
messages, the shortcut on the picture's own message does the same and needs nothing."""


def missing(granted: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """What of `wanted` was not granted, in its order."""
    have = set(granted)
    return [scope for scope in wanted if scope not in have]

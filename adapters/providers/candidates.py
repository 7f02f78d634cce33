"""Which of the renders that a list shows is ours: the one with exactly our input. Model and time never prove anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.providers.remote import text_time
from bot.errors import KeyRefused, ProviderUnavailable
from bot.languages.said import say
from bot.ports import CannotTell, FindResult, Found, NotThere

PAGE: Final = 100
"""Rows of a list asked for at once: the most that both vendors give."""
MOST_PAGES: Final = 10
BEFORE_START: Final = timedelta(seconds=5)
AFTER_START: Final = timedelta(seconds=180)
"""A create may be under way for 60 s; their clock and their list may lag for 120 s more."""
MOST_UNREADABLE: Final = 5
"""So many candidates may fail to be read; then the provider is not answering."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list showed around the attempt."""

    ids: frozenset[str]
    is_whole: bool = True
    """False when there was more than we look through: then absence from it says nothing."""


def window(started_at: datetime, skew_s: float) -> tuple[str, str]:
    """From when to when an attempt's render may have been created, by their clock, as RFC 3339."""
    begin = started_at + timedelta(seconds=skew_s)
    return text_time(begin - BEFORE_START), text_time(begin + AFTER_START)


async def listed(read_page: Callable[[int], Awaitable[list[Any]]]) -> Listed:
    """The ids of every row. Pages, numbered from 0, until a short one: never by a total, which may be capped."""
    ids: set[str] = set()
    for number in range(MOST_PAGES):
        rows = await read_page(number)
        named = (row.get("id") for row in rows if isinstance(row, dict))
        ids |= {each for each in named if isinstance(each, str) and each}
        if len(rows) < PAGE:
            return Listed(frozenset(ids))
    return Listed(frozenset(ids), is_whole=False)


async def ours_among(
    ids: Collection[str], read: Callable[[str], Awaitable[str | None]], input_url: str, *, title: str, is_whole: bool
) -> FindResult:
    """Read one candidate after another. `read` gives its input's address, `None` when that is not shown to us.

    One that cannot be read (another key's, of the same organisation) does not hide ours behind it. `KeyRefused` passes.
    """
    blind: list[str] = []
    trouble: ProviderUnavailable | None = None
    unreadable = 0
    for each in sorted(ids):
        given = None
        try:
            given = await read(each)
        except KeyRefused:
            raise
        except ProviderUnavailable as error:
            trouble, unreadable = error, unreadable + 1
            if unreadable > MOST_UNREADABLE:
                raise
        if given == input_url:
            return Found(provider_job_id=each)
        if given is None:
            blind.append(each)
    if blind:
        unseen = say("{provider} does not show which picture a render has", provider=title)
        reason = str(trouble) if trouble is not None else unseen
        return CannotTell(reason=reason, candidates=tuple(blind))
    if is_whole:
        return NotThere()
    return CannotTell(reason=say("{provider} lists more renders than can be looked through", provider=title))

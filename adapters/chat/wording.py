"""Sentences of the chats' own pages that are the same in each: what is left of budgets, what became of a wish to be forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.jobs.as_json import limit_as_json
from bot.jobs.model import Requester
from bot.keeping.forgetting import Forgotten
from bot.languages.said import joined, say, say_n
from bot.money.ledger import user_scope
from bot.money.limits import Limit, Period, Standing

_TITLES: Final = {
    ("user", Period.DAY): say("You, today"),
    ("user", Period.MONTH): say("You, this month"),
    ("workspace", Period.DAY): say("This workspace, today"),
    ("workspace", Period.MONTH): say("This workspace, this month"),
    ("channel", Period.DAY): say("This channel, today"),
    ("channel", Period.MONTH): say("This channel, this month"),
    ("installation", Period.DAY): say("All together, today"),
    ("installation", Period.MONTH): say("All together, this month"),
}


def standing_title(standing: Standing, *, is_server: bool) -> str:
    """Whose it is, and over which time; what is a workspace elsewhere is a server on Discord."""
    kind, of_day = standing.scope.partition(":")[0], standing.period is Period.DAY
    if kind == "workspace" and is_server:
        return say("This server, today") if of_day else say("This server, this month")
    return _TITLES[kind, standing.period]


def standings_shown(standings: Sequence[Standing], requester: Requester) -> list[Standing]:
    """Those that say something: with a limit, or the person's own."""
    own = user_scope(requester)
    return [
        each for each in standings if each.limit_usd is not None or each.limit_jobs is not None or each.scope == own
    ]


def standing_pieces(standing: Standing, resets_at: str) -> tuple[str, str, str]:
    """Clips, money, and when it begins anew, as `resets_at` words it."""
    if standing.limit_jobs is None:
        clips: str = say_n("{count} clip", "{count} clips", standing.used_jobs)
    else:
        clips = say("{used} of {limit} clips", used=standing.used_jobs, limit=standing.limit_jobs)
    if standing.limit_usd is None:
        money = say("{used} spent", used=standing.used_usd)
    else:
        money = say("{used} of {limit}", used=standing.used_usd, limit=standing.limit_usd)
    return clips, money, say("resets {when}", when=resets_at)


def limit_line(limit: Limit, whom: str) -> str:
    """A stored limit; `whom` says for whom it is."""
    said = limit_as_json(limit, source="stored")
    usd, clips = said["usd"], said["jobs"]
    figures = {"whom": whom, "usd": "–" if usd is None else usd, "clips": "–" if clips is None else clips}
    if limit.period.value == "day":
        return say("Per day, {whom}: {usd} USD, {clips} clips", **figures)
    return say("Per month, {whom}: {usd} USD, {clips} clips", **figures)


def erased_sentence(done: Forgotten) -> str:
    """What became of a wish to be forgotten, and what remains where."""
    jobs = say_n("{count} job was erased.", "{count} jobs were erased.", done.erased)
    posts = say_n("{count} message was deleted.", "{count} messages were deleted.", done.posts_deleted)
    return joined((jobs, posts, *done.remains()))

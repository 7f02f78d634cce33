"""Searching the history: what people write as filters, and the result as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime

from bot.errors import BadPrompt
from bot.jobs.as_json import dollars, moment
from bot.jobs.model import Job
from bot.jobs.states import State
from bot.money.amount import Money
from bot.stores import HistoryStore

PAGE = 100
COLUMNS = (
    "id", "created_at", "state", "platform", "workspace", "channel", "user", "provider", "model", "duration_s",
    "resolution", "charged_usd", "relation", "parent_id", "error", "prompt",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What to look for; all that is given must be true of a job. See `storage.history.History.page`."""

    q: str | None = None
    person: str | None = None
    workspace: str | None = None
    channel: str | None = None
    state: State | None = None
    since: date | None = None
    until: date | None = None
    cost_min: Money | None = None
    cost_max: Money | None = None


def read_search(
    *,
    q: str | None = None,
    user: str | None = None,
    workspace: str | None = None,
    channel: str | None = None,
    state: str | None = None,
    since: str | None = None,
    until: str | None = None,
    cost_min: str | None = None,
    cost_max: str | None = None,
) -> Search:
    """Filters as people write them. `BadPrompt` says which makes no sense, and how it is written."""
    if state and state not in set(State):
        raise BadPrompt(f"There is no state {state!r}; the states are {', '.join(State)}.")
    search = Search(
        q=q,
        person=user or None,
        workspace=workspace or None,
        channel=channel or None,
        state=State(state) if state else None,
        since=_day(since, "since"),
        until=_day(until, "until"),
        cost_min=_amount(cost_min),
        cost_max=_amount(cost_max),
    )
    # What is written the wrong way round is meant the right way round: nothing lies between otherwise.
    if search.since and search.until and search.since > search.until:
        search = replace(search, since=search.until, until=search.since)
    if search.cost_min is not None and search.cost_max is not None and search.cost_min > search.cost_max:
        search = replace(search, cost_min=search.cost_max, cost_max=search.cost_min)
    return search


async def pages(history: HistoryStore, search: Search) -> AsyncIterator[list[Job]]:
    """Everything that is found, newest first, page by page."""
    cursor: str | None = None
    filters = asdict(search)
    while True:
        page = await history.page(**filters, limit=PAGE, cursor=cursor)
        yield page.jobs
        if (cursor := page.next_cursor) is None:
            return


async def as_csv(history: HistoryStore, search: Search) -> AsyncIterator[str]:
    """The same as CSV (RFC 4180), in pieces; the first holds the names of the columns.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front: prompts are written by anybody.
    """
    yield _line(COLUMNS)
    async for jobs in pages(history, search):
        yield "".join(_line(_cells(job)) for job in jobs)


def _cells(job: Job) -> tuple[str, ...]:
    requester = job.requester
    values = (
        job.id, moment(job.created_at), job.state.value, requester.platform, requester.workspace, requester.channel,
        requester.user, job.provider, job.model, job.settings.duration_s, job.settings.resolution,
        dollars(job.charged), job.relation.value if job.relation else None, job.parent_id,
        job.error.code if job.error else None, job.prompt,
    )  # fmt: skip
    return tuple(_harmless("" if value is None else str(value)) for value in values)


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _line(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def _day(text: str | None, name: str) -> date | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError as error:
        raise BadPrompt(f"{name} must be a day like 2026-11-21; {text[:40]!r} is none.") from error


def _amount(text: str | None) -> Money | None:
    if not text:
        return None
    try:
        amount = Money.usd(text)
    except ValueError as error:
        raise BadPrompt(f"{text[:40]!r} is no amount of dollars; write one like 0.50.") from error
    return amount

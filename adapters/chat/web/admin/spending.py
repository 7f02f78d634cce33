"""`/admin/spending`: what was spent in a span of days, by day, model, person, channel and workspace; also as CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from adapters.chat.web.admin.front import Front, home_of
from adapters.chat.web.admin.naming import Called, Names
from adapters.chat.web.admin.plots import plot_of, tint, week_before
from adapters.chat.web.caller import Caller, SignedIn
from bot.errors import BadPrompt
from bot.people import Role
from bot.reports import Line, Spending, Spent, read_span, spending_as_csv

URL: Final = "/admin/spending"
MOST_ROWS: Final = 100
"""Rows of one table on the page; the CSV has all of them."""
Day = Annotated[str, Query(max_length=10)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a table, with a name for people."""

    called: Called
    spent: Spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One table: who or what spent how much."""

    title: str
    column: str
    rows: Sequence[Row]
    left_out: int
    """Rows that only the CSV has."""

    @property
    def most(self) -> int:
        """The largest amount: the length of a whole bar. Clips, where nothing was spent."""
        return max((self.amount(row) for row in self.rows), default=0)

    def amount(self, row: Row) -> int:
        """What a bar shows."""
        is_free = all(each.spent.counted == 0 for each in self.rows)
        return row.spent.clips + row.spent.open if is_free else row.spent.counted


def routes(front: Front) -> APIRouter:
    """The page and the table."""
    router = APIRouter()

    def today() -> date:
        return front.service.desk.clock.now().astimezone(front.around.zone).date()

    async def find(caller: Caller, since: str, until: str) -> Spending:
        first, last = read_span(since, until, today())
        return await front.service.stores.reports.spending(first, last, workspace=home_of(caller))

    @router.get(URL)
    async def spending(request: Request, caller: SignedIn, since: Day = "", until: Day = "") -> Response:
        """The month that is, or the days that are asked for."""
        caller.require(Role.TEAM_LEAD)
        trouble, status = "", 200
        try:
            found = await find(caller, since, until)
        except BadPrompt as error:
            found, trouble, status = await find(caller, "", ""), str(error), error.http_status
        names, home = await Names.of(front.service), home_of(caller)
        return front.show(
            request,
            caller,
            "spending.html",
            trouble=trouble,
            status=status,
            found=found,
            plot=plot_of(found),
            tint=tint,
            sections=_sections(found, names, home),
            spans=_spans(today()),
            place="this installation" if home is None else names.workspace(home).name,
            zone=str(front.around.zone),
        )

    @router.get(f"{URL}.csv")
    async def table(caller: SignedIn, since: Day = "", until: Day = "") -> Response:
        """The same figures as CSV, every row of them."""
        caller.require(Role.TEAM_LEAD)
        found = await find(caller, since, until)
        name = f"reelbot-spending-{found.since}-{found.until}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        return Response(spending_as_csv(found), media_type="text/csv; charset=utf-8", headers=headers)

    return router


def _sections(found: Spending, names: Names, home: str | None) -> list[Section]:
    models = [Row(called=Called(name=each.model, id=each.provider), spent=each.spent) for each in found.models]
    sections = [Section(title="By model", column="Model", rows=models[:MOST_ROWS], left_out=0)]
    sections.append(_section("By person", "Person", found.people, names.person))
    sections.append(_section("By channel", "Channel", found.channels, names.channel))
    if home is None:
        sections.append(_section("By workspace", "Workspace", found.workspaces, names.workspace))
    return [each for each in sections if each.rows]


def _section(title: str, column: str, lines: Sequence[Line], call: Callable[[str], Called]) -> Section:
    rows = [Row(called=call(line.name), spent=line.spent) for line in lines[:MOST_ROWS]]
    return Section(title=title, column=column, rows=rows, left_out=max(0, len(lines) - MOST_ROWS))


def _spans(today: date) -> list[tuple[str, date, date]]:
    """Spans that are one press away."""
    this_month = today.replace(day=1)
    last_month = (this_month - timedelta(days=1)).replace(day=1)
    return [
        ("This month", this_month, today),
        ("Last month", last_month, this_month - timedelta(days=1)),
        ("7 days", week_before(today), today),
        ("30 days", today - timedelta(days=29), today),
        ("This year", today.replace(month=1, day=1), today),
    ]

"""`/admin`: what needs somebody now, the most pressing first; and how much is going on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from fastapi import APIRouter, Request, Response

from adapters.chat.web.admin.budgets import Budget, budgets, standings
from adapters.chat.web.admin.front import Front, home_of, run_checks
from adapters.chat.web.admin.naming import Names
from adapters.chat.web.admin.wording import sentence
from adapters.chat.web.caller import SignedIn
from bot.jobs.states import State
from bot.money.ledger import INSTALLATION
from bot.people import Role
from bot.reports import Work
from bot.workspaces import Permission

RECENT: Final = timedelta(days=7)
"""Clips that were not posted are somebody's concern for so long; afterwards they are simply kept."""
GLANCE_S: Final = 5.0
_WAITING = frozenset({State.RECEIVED, State.QUOTED, State.QUEUED})
_ORDER = {"bad": 0, "wait": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """Something that needs somebody: what it is, what it means, and where it is settled."""

    weight: Literal["bad", "wait"]
    what: str
    why: str
    url: str
    button: str


def routes(front: Front) -> APIRouter:
    """The page."""
    router = APIRouter()

    @router.get("/admin")
    async def overview(request: Request, caller: SignedIn) -> Response:
        """What needs you now."""
        caller.require(Role.TEAM_LEAD)
        home = home_of(caller)
        names = await Names.of(front.service)
        pots = await budgets(front.service, names, home)
        matters = [*_budget_matters(pots), *await _undelivered(front, home)]
        if home is None:
            matters += [*await _installation_matters(front, names), *await _provider_matters(front)]
        under_way = await front.service.stores.reports.under_way(workspace=home)
        scope = INSTALLATION if home is None else f"workspace:{home}"
        return front.show(
            request,
            caller,
            "overview.html",
            matters=sorted(matters, key=lambda each: _ORDER[each.weight]),
            waiting=_count(under_way, _WAITING),
            working=_count(under_way, frozenset(State) - _WAITING - {State.UNCONFIRMED}),
            spent=await _spent(front, names, scope),
            place="this installation" if home is None else names.workspace(home).name,
        )

    return router


def _count(work: list[Work], states: frozenset[State]) -> int:
    return sum(each.count for each in work if each.state in states)


async def _spent(front: Front, names: Names, scope: str) -> dict[str, Budget | None]:
    """The pot's own standing by period, where it has a limit."""
    found = {each.period.value: each for each in await standings(front.service, scope)}
    return {
        period: Budget(called=names.scope(scope), standing=found[period]) if period in found else None
        for period in ("day", "month")
    }


def _budget_matters(pots: list[Budget]) -> list[Matter]:
    matters = []
    for pot in pots:
        if not pot.level:
            continue
        period = "Today's" if pot.standing.period.value == "day" else "This month's"
        if pot.level == "full":
            what = f"{period} budget is used up: {pot.called.name}"
            why = f"Nothing more is started there until {_moment(pot.standing.resets_at)}."
        else:
            what = f"{period} budget is {int(pot.share * 100)} % used: {pot.called.name}"
            why = f"When it is used up, nothing more is started there until {_moment(pot.standing.resets_at)}."
        weight: Literal["bad", "wait"] = "bad" if pot.level == "full" else "wait"
        matters.append(Matter(weight=weight, what=what, why=why, url="/admin/limits", button="Limits"))
    return matters


async def _undelivered(front: Front, home: str | None) -> list[Matter]:
    found = await front.service.stores.reports.undelivered(workspace=home)
    since = front.service.desk.clock.now() - RECENT
    recent = sum(each.state_since >= since for each in found.newest)
    if not recent:
        return []
    what = f"{_many(recent, 'clip is', 'clips are')} ready and could not be posted"
    why = "They are paid for and kept. Look why, then send them again."
    return [Matter(weight="wait", what=what, why=why, url="/admin/decisions#undelivered", button="Look")]


async def _installation_matters(front: Front, names: Names) -> list[Matter]:
    matters, stores = [], front.service.stores
    held = await front.service.operating.held()
    if held is not None:
        what = "This database was restored or copied, and is held"
        why = "Nothing is paid until you resume. Look first whether another copy of it is running."
        matters.append(Matter(weight="bad", what=what, why=why, url="/admin/providers", button="Resume"))
    work = await stores.reports.under_way()
    if unsure := _count(work, frozenset({State.UNCONFIRMED})):
        what = f"{_many(unsure, 'job waits', 'jobs wait')} for your decision"
        why = "Nobody knows whether the provider took them. Their money stays held until you say."
        matters.append(Matter(weight="bad", what=what, why=why, url="/admin/decisions", button="Decide"))
    pending = [each for each in await stores.workspaces.all() if each.permission is Permission.PENDING]
    if pending:
        called = ", ".join(names.workspace(f"{each.platform}:{each.workspace}").name for each in pending[:3])
        more = f" and {len(pending) - 3} more" if len(pending) > 3 else ""
        what = f"{_many(len(pending), 'workspace waits', 'workspaces wait')} to be allowed"
        why = f"{called}{more}: only free models work there until you allow them."
        matters.append(Matter(weight="wait", what=what, why=why, url="/admin/workspaces", button="Look"))
    for finding in await run_checks(front.around.glance, within_s=GLANCE_S):
        if finding.status == "ok" or (finding.id == "held" and held is not None):
            continue
        weight: Literal["bad", "wait"] = "bad" if finding.status == "fail" else "wait"
        why = f"{finding.why} {finding.fix}".strip()
        what = sentence(finding.what).rstrip(".")
        matters.append(Matter(weight=weight, what=what, why=why, url="/admin/doctor", button="Doctor"))
    return matters


async def _provider_matters(front: Front) -> list[Matter]:
    matters = []
    pauses = {each.provider for each in await front.service.stores.reports.pauses()}
    for name in front.service.desk.providers:
        health = await front.service.stores.health.load(name)
        if health.open_until is not None and not health.paused:
            what = f"{name} is resting until {health.open_until:%H:%M} UTC"
            why = f"{sentence(health.reason or 'It did not answer')} Its jobs wait; it is tried again by itself."
            matters.append(Matter(weight="wait", what=what, why=why, url="/admin/providers", button="Providers"))
    if pauses and await front.service.operating.held() is None:
        what = "Every provider is paused" if "*" in pauses else f"Paused: {', '.join(sorted(pauses))}"
        why = "No new renders are started there; what waits is kept."
        matters.append(Matter(weight="wait", what=what, why=why, url="/admin/providers", button="Resume"))
    return matters


def _moment(moment: datetime) -> str:
    return f"{moment.day} {moment:%b, %H:%M} UTC"


def _many(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"

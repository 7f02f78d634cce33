"""`/admin/limits`: what may be spent where, what is used of it, and changing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from adapters.chat.web.admin.budgets import budgets
from adapters.chat.web.admin.front import Front, home_of
from adapters.chat.web.admin.naming import DEFAULTS, Called, Names
from adapters.chat.web.caller import Caller, SignedIn
from bot import deciding
from bot.errors import BadPrompt, NotFound
from bot.jobs.as_json import limit_as_json
from bot.money.limits import Limit
from bot.money.scopes import read_limit
from bot.people import Role

URL = "/admin/limits"
Figure = Annotated[str, Form(max_length=20)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What stands in the form: typed before, or taken over from a row."""

    scope: str = ""
    per: str = "month"
    usd: str = ""
    jobs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One rule."""

    called: Called
    limit: Limit
    usd: str | None
    """As it is written in the form: `12.50` or `unlimited`."""
    jobs: str | None
    query: dict[str, Any] = field(default_factory=dict)


def routes(front: Front) -> APIRouter:
    """The page and its acts."""
    router = APIRouter()

    async def show(request: Request, caller: Caller, typed: Typed, trouble: str = "", status: int = 200) -> Response:
        names, home = await Names.of(front.service), home_of(caller)
        limits = front.service.stores.limits
        stored = await limits.stored()
        return front.show(
            request,
            caller,
            "limits.html",
            trouble=trouble,
            status=status,
            pots=await budgets(front.service, names, home),
            stored=[_row(each, names) for each in stored if _concerns(each.scope, home)],
            defaults=[_row(each, names) for each in _still_in_force(limits.defaults(), stored)],
            typed=typed,
            home=home,
            known=_known(names, home),
            place="" if home is None else names.workspace(home).name,
        )

    @router.get(URL)
    async def limits_page(
        request: Request, caller: SignedIn, scope: str = "", per: str = "month", usd: str = "", jobs: str = ""
    ) -> Response:
        """How they stand. The query fills the form, so that a row can be changed."""
        caller.require(Role.TEAM_LEAD)
        return await show(request, caller, Typed(scope=scope[:200], per=per[:10], usd=usd[:20], jobs=jobs[:20]))

    @router.post(URL)
    async def put(
        request: Request,
        caller: SignedIn,
        scope: Annotated[str, Form(max_length=200)],
        per: Annotated[str, Form(max_length=10)],
        usd: Figure = "",
        jobs: Figure = "",
    ) -> Response:
        """Set a limit. A figure that is left empty is not set there; a team lead's stays as it was."""
        caller.require(Role.TEAM_LEAD)
        typed = Typed(scope=scope, per=per, usd=usd, jobs=jobs)

        async def doing() -> str:
            said_usd, said_jobs = usd.strip().lstrip("$") or None, jobs.strip() or None
            if said_usd is None and said_jobs is None:
                raise BadPrompt("Say how many dollars, how many clips, or both.")
            wished = read_limit(scope.strip(), per, usd=said_usd, jobs=said_jobs)
            stored = await front.service.operating.set_limit(caller.decider, wished)
            return f"{(await Names.of(front.service)).scope(stored.scope).name}: {_spelt(stored)}."

        return await front.act(URL, doing, lambda trouble, status: show(request, caller, typed, trouble, status))

    @router.post(f"{URL}/remove")
    async def remove(request: Request, caller: SignedIn, scope: Annotated[str, Form(max_length=200)]) -> Response:
        """Remove a scope's own limits: broader ones and the settings' apply again."""
        caller.require(Role.TEAM_LEAD)

        async def doing() -> str:
            if not await front.service.operating.remove_limits(caller.decider, scope):
                raise NotFound("There is no limit of its own there any more.")
            return f"{(await Names.of(front.service)).scope(scope).name}: no limit of its own any more."

        return await front.act(URL, doing, lambda trouble, status: show(request, caller, Typed(), trouble, status))

    return router


def _concerns(scope: str, home: str | None) -> bool:
    return home is None or deciding.home_of(scope) == tuple(home.split(":", 1))


def _still_in_force(defaults: Sequence[Limit], stored: Sequence[Limit]) -> Iterator[Limit]:
    """The settings' figures that nothing stored has replaced."""
    replaced = {(each.scope, each.period): each for each in stored}
    for default in defaults:
        by = replaced.get((default.scope, default.period), Limit(scope=default.scope, period=default.period))
        left = replace(
            default,
            micro_usd=default.micro_usd if by.micro_usd is None else None,
            jobs=default.jobs if by.jobs is None else None,
        )
        if left.micro_usd is not None or left.jobs is not None:
            yield left


def _row(limit: Limit, names: Names) -> Row:
    document = limit_as_json(limit, source="stored")
    usd, jobs = (None if document[name] is None else str(document[name]) for name in ("usd", "jobs"))
    query = {"scope": limit.scope, "per": limit.period.value, "usd": usd or "", "jobs": jobs or ""}
    return Row(called=names.scope(limit.scope), limit=limit, usd=usd, jobs=jobs, query=query)


def _known(names: Names, home: str | None) -> list[tuple[str, str]]:
    """Scopes to choose from, and how they are called."""
    workspaces = [key for key in names.workspaces if home in (None, key)]
    people = [key for key in names.people if home is None or key.startswith(f"{home}:")]
    scopes = [f"workspace:{key}" for key in workspaces] + [f"user:{key}" for key in people]
    if home is not None and f"workspace:{home}" not in scopes:
        scopes.insert(0, f"workspace:{home}")
    return [*(DEFAULTS.items() if home is None else ()), *((scope, names.scope(scope).name) for scope in scopes)]


def _spelt(limit: Limit) -> str:
    document = limit_as_json(limit, source="stored")
    said = []
    if document["usd"] is not None:
        said.append("no limit in dollars" if document["usd"] == "unlimited" else f"${document['usd']}")
    if document["jobs"] is not None:
        said.append("no limit in clips" if document["jobs"] == "unlimited" else f"{document['jobs']} clips")
    return f"{' and '.join(said)} per {limit.period.value}"

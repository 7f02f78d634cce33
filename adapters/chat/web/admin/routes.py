"""The admin pages in one router: a module per subject. Each checks for itself who may."""

from __future__ import annotations

from fastapi import APIRouter

from adapters.chat.web.admin import (
    audit,
    checks,
    decisions,
    limits,
    overview,
    people,
    plots,
    providers,
    spending,
    tokens,
    workspaces,
)
from adapters.chat.web.admin.around import Around
from adapters.chat.web.admin.front import Front
from adapters.chat.web.studio.templates import Pages
from bot.service import Service

SUBJECTS = (overview, decisions, spending, limits, workspaces, people, tokens, providers, checks, audit)


def routes(service: Service, pages: Pages, around: Around) -> APIRouter:
    """The routes, bound to one Reelbot. For callers who signed in."""
    pages.templates.filters["spell"] = spell
    pages.templates.globals["share_bar"] = plots.share_bar
    front = Front(service, pages, around)
    router = APIRouter(include_in_schema=False)
    for subject in SUBJECTS:
        router.include_router(subject.routes(front))
    return router


def spell(seconds: float | None) -> str:
    """A measured length of time: `42 s`, `3 min 5 s`."""
    if seconds is None:
        return "\N{EN DASH}"
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"

"""The admin pages in one router: a module per subject. Each checks for itself who may."""

from __future__ import annotations

from pathlib import Path

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
    wording,
    workspaces,
)
from adapters.chat.web.admin.around import Around
from adapters.chat.web.admin.front import Front
from adapters.chat.web.studio.files import read_files
from adapters.chat.web.studio.templates import Pages
from bot.service import Service

STATIC = Path(__file__).parent / "static"
SUBJECTS = (overview, decisions, spending, limits, workspaces, people, tokens, providers, checks, audit)


def routes(service: Service, pages: Pages, around: Around) -> APIRouter:
    """The routes, bound to one Reelbot. For callers who signed in."""
    pages.templates.filters |= {"spell": wording.spell, "sentence": wording.sentence, "ticked": wording.ticked}
    pages.templates.globals["share_bar"] = plots.share_bar
    # The table that the route of static files looks things up in, too.
    pages.files.update(read_files(STATIC))
    front = Front(service, pages, around)
    router = APIRouter(include_in_schema=False)
    for subject in SUBJECTS:
        router.include_router(subject.routes(front))
    return router

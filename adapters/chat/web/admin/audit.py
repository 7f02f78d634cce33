"""`/admin/audit`: what operators and team leads did, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from adapters.chat.web.admin.front import Front
from adapters.chat.web.admin.naming import Names
from adapters.chat.web.caller import SignedIn
from bot.acts import ACTS
from bot.people import Role

URL: Final = "/admin/audit"
PAGE: Final = 50
Word = Annotated[str, Query(max_length=200)]


def routes(front: Front) -> APIRouter:
    """The page."""
    router = APIRouter()

    @router.get(URL)
    async def audit(
        request: Request, caller: SignedIn, by: Word = "", action: Word = "", subject: Word = "",
        before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    ) -> Response:  # fmt: skip
        """A page of acts, those of one person, kind or subject where that is asked for."""
        caller.require(Role.OPERATOR)
        wanted = {"by": by.strip(), "action": action.strip(), "subject": subject.strip()}
        found = await front.service.stores.audit.page(
            before=before, limit=PAGE + 1, **{name: word or None for name, word in wanted.items()}
        )
        acts, older = found[:PAGE], ""
        if len(found) > PAGE:
            older = f"{URL}?{urlencode({**{k: v for k, v in wanted.items() if v}, 'before': acts[-1].id})}"
        return front.show(
            request,
            caller,
            "audit.html",
            acts=[(act, spelt(act.details)) for act in acts],
            older=older,
            is_first=before is None,
            wanted=wanted,
            is_filtered=any(wanted.values()),
            known=ACTS,
            names=await Names.of(front.service),
        )

    return router


def spelt(details: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What an act's details say, name by name; what says nothing is left out."""
    return [(name.replace("_", " "), _value(value)) for name, value in details.items() if value not in (None, [], "")]


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(each)}" for name, each in value.items() if each is not None)
    if isinstance(value, list):
        return "; ".join(_value(each) for each in value)
    return str(value)

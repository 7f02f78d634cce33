"""What every admin page shares: its frame, who may see it, and how an act is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from adapters.chat.web.admin.around import Around, Examination
from adapters.chat.web.caller import Caller
from adapters.chat.web.studio.templates import Pages
from bot.doctor.finding import Finding
from bot.errors import ReelbotError
from bot.people import Role
from bot.service import Service

log = structlog.get_logger(__name__)

SAID: Final = "reelbot_said"
"""A cookie with what an act's answer says on the page that follows; signed, so that nobody puts words into our mouth."""
_PURPOSE: Final = "admin.said"
_SAID_LASTS: Final = timedelta(minutes=1)
_LONGEST_SAID: Final = 300
"""Characters; a cookie holds 4 kB, and a letter of some languages takes eight bytes of it."""
PAGES: Final = (
    ("Overview", "/admin", Role.TEAM_LEAD),
    ("Decisions", "/admin/decisions", Role.TEAM_LEAD),
    ("Spending", "/admin/spending", Role.TEAM_LEAD),
    ("Limits", "/admin/limits", Role.TEAM_LEAD),
    ("Workspaces", "/admin/workspaces", Role.OPERATOR),
    ("People", "/admin/people", Role.TEAM_LEAD),
    ("Tokens", "/admin/tokens", Role.OPERATOR),
    ("Providers", "/admin/providers", Role.OPERATOR),
    ("Chats", "/admin/chats", Role.OPERATOR),
    ("Doctor", "/admin/doctor", Role.OPERATOR),
    ("Audit trail", "/admin/audit", Role.OPERATOR),
)
"""In the order in which somebody looks."""


@dataclass(frozen=True, slots=True)
class Front:
    """Shows pages and answers acts."""

    service: Service
    pages: Pages
    around: Around

    def show(
        self, request: Request, caller: Caller, name: str, *, trouble: str = "", status: int = 200, **context: Any
    ) -> HTMLResponse:
        """One page. `trouble` is why the act that led here was not done."""
        said = self._said(request)
        places = [(title, url) for title, url, role in PAGES if caller.may(role)]
        answer = self.pages.page(
            request, f"admin/{name}", status_code=status, places=places, said=said, trouble=trouble, **context
        )
        if SAID in request.cookies:
            answer.delete_cookie(SAID, path="/admin")
        return answer

    def done(self, url: str, sentence: str) -> Response:
        """The answer to an act: go on to a page, which says what was done."""
        answer = RedirectResponse(url, 303)
        text = sentence if len(sentence) <= _LONGEST_SAID else sentence[:_LONGEST_SAID] + "…"
        ends = self.service.desk.clock.now() + _SAID_LASTS
        signed = self.service.keys.sign(_PURPOSE, {"said": text}, expires_at=ends)
        lasts = int(_SAID_LASTS.total_seconds())
        answer.set_cookie(SAID, signed, max_age=lasts, path="/admin", httponly=True, samesite="strict")
        return answer

    def _said(self, request: Request) -> str:
        cookie = request.cookies.get(SAID, "")
        found = self.service.keys.read(_PURPOSE, cookie, now=self.service.desk.clock.now()) if cookie else None
        return str(found["said"]) if found else ""

    async def act(
        self, url: str, doing: Callable[[], Awaitable[str]], again: Callable[[str, int], Awaitable[Response]]
    ) -> Response:
        """Do it and go on to `url`, saying what `doing` says; or show the page again with why it was not done.

        What is nobody's mistake, but ours or the machine's, is left to whoever answers failures.
        """
        try:
            sentence = await doing()
        except ReelbotError as error:
            if error.http_status >= 500:
                raise
            return await again(str(error), error.http_status)
        return self.done(url, sentence)


def home_of(caller: Caller) -> str | None:
    """The workspace that what they see is confined to; `None` for operators, who see everything."""
    if caller.may(Role.OPERATOR):
        return None
    return ":".join(caller.home)


async def run_checks(checks: Examination, *, within_s: float) -> list[Finding]:
    """Every finding there is by then; one more says when that was not all."""
    findings: list[Finding] = []
    try:
        async with asyncio.timeout(within_s):
            async for finding in checks():
                findings.append(finding)
    except TimeoutError:
        why = "What comes after the last line was not looked at."
        what = f"not everything answered within {within_s:.0f} seconds"
        fix = "Try again; `reelbot doctor` waits for as long as it takes."
        findings.append(Finding(id="unfinished", status="warn", what=what, why=why, fix=fix))
    except Exception:
        # Whatever is wrong with a check, what the others found is shown.
        log.warning("admin.check_broke", exc_info=True)
        what, why = "a check broke off by itself", "What comes after the last line was not looked at."
        findings.append(Finding(id="broken", status="fail", what=what, why=why, fix="The log says what happened."))
    return findings

"""`/admin/doctor` and `/admin/chats`: checks that are run when somebody asks for them."""

from __future__ import annotations

from collections import Counter
from typing import Final

from fastapi import APIRouter, Request, Response

from adapters.chat.web.admin.around import Examination
from adapters.chat.web.admin.front import Front, run_checks
from adapters.chat.web.caller import Caller, SignedIn
from bot.doctor.finding import Finding
from bot.people import Role
from bot.ports import Examined

DOCTOR: Final = "/admin/doctor"
CHATS: Final = "/admin/chats"
DOCTOR_S: Final = 60.0
CHATS_S: Final = 20.0
_WORST_FIRST = {"fail": 0, "warn": 1, "ok": 2}


def routes(front: Front) -> APIRouter:
    """Both pages. A check changes nothing, so its answer is shown at once."""
    router = APIRouter()

    def show(request: Request, caller: Caller, name: str, findings: list[Finding] | None) -> Response:
        counted = Counter(each.status for each in findings or ())
        ordered = sorted(findings or (), key=lambda each: _WORST_FIRST[each.status])
        asked_at = front.service.desk.clock.now() if findings is not None else None
        chats = [chat for chat, courier in front.service.desk.couriers.items() if isinstance(courier, Examined)]
        return front.show(request, caller, name, findings=ordered, counted=counted, asked_at=asked_at, chats=chats)

    async def run(request: Request, caller: Caller, name: str, checks: Examination, within_s: float) -> Response:
        caller.require(Role.OPERATOR)
        findings = await run_checks(checks, within_s=within_s)
        return show(
            request, caller, name, [each for each in findings if name != "chats.html" or each.id != "workspaces"]
        )

    @router.get(DOCTOR)
    async def doctor(request: Request, caller: SignedIn) -> Response:
        """The button."""
        caller.require(Role.OPERATOR)
        return show(request, caller, "doctor.html", None)

    @router.post(DOCTOR)
    async def examine(request: Request, caller: SignedIn) -> Response:
        """Every check of `reelbot doctor`."""
        return await run(request, caller, "doctor.html", front.around.examination, DOCTOR_S)

    @router.get(CHATS)
    async def chats(request: Request, caller: SignedIn) -> Response:
        """Which chats are set up, and the button."""
        caller.require(Role.OPERATOR)
        return show(request, caller, "chats.html", None)

    @router.post(CHATS)
    async def examine_chats(request: Request, caller: SignedIn) -> Response:
        """What their couriers find."""
        return await run(request, caller, "chats.html", front.around.examine_chats, CHATS_S)

    return router

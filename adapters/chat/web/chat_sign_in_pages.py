"""`/sign-in/{chat}`: to the chat, back from it, and, where somebody belongs to several servers, which one it is to be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from adapters.chat.web.chat_sign_in import ChatSignIn, Membership
from adapters.chat.web.problems import NOTHING_HERE
from adapters.chat.web.sign_in import SignIn
from adapters.chat.web.sign_in_pages import LONGEST_NEXT, local_path
from adapters.chat.web.studio.templates import Pages
from bot.errors import NotFound
from bot.jobs.accept import BLOCKED
from bot.people import Role, web_requester
from bot.service import Service
from bot.workspaces import Permission

log = structlog.get_logger(__name__)

COOKIE: Final = "reelbot_sign_in"
PURPOSE: Final = "web.chat_sign_in"
LASTS: Final = timedelta(minutes=10)
"""How long somebody may take at the chat's page of consent."""


def routes(
    service: Service, sign_in: SignIn, pages: Pages, chats: Sequence[ChatSignIn], *, public_url: str,
    operators: Sequence[str],
) -> APIRouter:  # fmt: skip
    """The routes, bound to one Reelbot."""
    router = APIRouter(include_in_schema=False)
    named = {chat.name: chat for chat in chats}
    flow = _Flow(service, is_https=public_url.startswith("https://"))

    def chat_of(name: str, request: Request) -> ChatSignIn:
        sign_in.require_here(request)
        if name not in named:
            raise NotFound(NOTHING_HERE)
        return named[name]

    @router.get("/sign-in/{name}")
    async def begin(
        name: str, request: Request, onward: Annotated[str, Query(alias="next", max_length=LONGEST_NEXT)] = "/"
    ) -> Response:
        """To the chat."""
        chat = chat_of(name, request)
        flow.load(request)
        request.session["next"] = local_path(onward)
        try:
            answer = await chat.begin(request, f"{public_url}/sign-in/{name}/callback")
        except Exception:
            log.warning("sign_in.chat_unreachable", chat=name, exc_info=True)
            return _trouble(pages, request, f"{chat.title} does not answer at the moment; try again in a minute.", 503)
        flow.save(request, answer)
        return answer

    @router.get("/sign-in/{name}/callback")
    async def back(name: str, request: Request) -> Response:
        """From the chat."""
        chat = chat_of(name, request)
        flow.load(request)
        try:
            token = await chat.finish(request)
            found = await _welcome(service, await chat.memberships(token))
        except Exception as error:
            # Declined, forged, too late, or the chat is down: which of them, only the log says.
            log.info("sign_in.refused", chat=name, why=f"{type(error).__name__}: {error}")
            return _trouble(
                pages, request, f"Signing in with {chat.title} did not work, or you declined it; begin again.", 403
            )
        if not found:
            sentence = f"Nobody uses Reelbot where you are on {chat.title}; ask an operator to add it there first."
            return _trouble(pages, request, sentence, 403)
        if len(found) == 1:
            return await enter(chat, token, found[0], request)
        request.session["token"] = service.keys.seal(PURPOSE, token)
        answer = pages.page(request, "choose.html", chat=chat.name, title=chat.title, memberships=found)
        flow.save(request, answer)
        return answer

    @router.post("/sign-in/{name}/choose")
    async def choose(name: str, request: Request, workspace: Annotated[str, Form(max_length=40)]) -> Response:
        """One of several servers."""
        chat = chat_of(name, request)
        flow.load(request)
        try:
            token = service.keys.unseal(PURPOSE, str(request.session.get("token", "")))
            found = await _welcome(service, await chat.memberships(token))
        except Exception as error:
            log.info("sign_in.refused", chat=name, why=type(error).__name__)
            return _trouble(pages, request, "That took too long; begin again.", 403)
        chosen = [each for each in found if each.workspace == workspace]
        if not chosen:
            return _trouble(pages, request, "You are not a member there.", 403)
        return await enter(chat, token, chosen[0], request)

    async def enter(chat: ChatSignIn, token: str, member: Membership, request: Request) -> Response:
        try:
            member = await chat.complete(token, member)
        except Exception:
            log.warning("sign_in.incomplete", chat=chat.name, exc_info=True)
            return _trouble(pages, request, f"{chat.title} does not answer at the moment; try again in a minute.", 503)
        if await service.stores.workspaces.is_blocked(member.person):
            return _trouble(pages, request, BLOCKED, 403)
        role = Role.OPERATOR if member.person in operators else member.role
        known = await service.stores.members.sign_in(
            member.person, name=member.name[:100], role=role, chat_roles=member.chat_roles
        )
        answer = RedirectResponse(local_path(str(request.session.get("next", "/"))), 303)
        sign_in.sessions.begin(answer, known.person)
        flow.end(answer)
        return answer

    return router


async def _welcome(service: Service, memberships: Sequence[Membership]) -> list[Membership]:
    """Those of the places where Reelbot is used, and not blocked."""
    welcome = []
    for each in memberships:
        entrance = await service.stores.entrances.look(web_requester(each.person))
        if entrance.permission not in (None, Permission.BLOCKED):
            welcome.append(each)
    return welcome


def _trouble(pages: Pages, request: Request, sentence: str, status: int) -> Response:
    return pages.page(
        request,
        "error.html",
        status_code=status,
        status=status,
        sentence=sentence,
        what_to_do="Go to the sign-in page.",
    )


class _Flow:
    """What Authlib remembers between here and there, in a signed cookie of its own: no other tab can finish it."""

    def __init__(self, service: Service, *, is_https: bool) -> None:
        self._keys = service.keys
        self._clock = service.desk.clock
        self._is_https = is_https

    def load(self, request: Request) -> None:
        text = request.cookies.get(COOKIE, "")
        request.scope["session"] = self._keys.read(PURPOSE, text, now=self._clock.now()) or {}

    def save(self, request: Request, answer: Response) -> None:
        kept: dict[str, Any] = request.session
        signed = self._keys.sign(PURPOSE, kept, expires_at=self._clock.now() + LASTS)
        answer.set_cookie(
            COOKIE, signed, max_age=int(LASTS.total_seconds()), path="/sign-in", httponly=True, samesite="lax",
            secure=self._is_https,
        )  # fmt: skip

    def end(self, answer: Response) -> None:
        answer.delete_cookie(COOKIE, path="/sign-in", httponly=True, samesite="lax", secure=self._is_https)

"""`/sign-in` and `/sign-out`: a token, or a chat's consent, becomes a session cookie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from adapters.chat.web.chat_sign_in import ChatSignIn
from adapters.chat.web.sign_in import SignIn
from adapters.chat.web.studio.templates import Pages
from bot.errors import NotAllowed

LONGEST_NEXT = 500


def routes(sign_in: SignIn, pages: Pages, chats: Sequence[ChatSignIn]) -> APIRouter:
    """The routes, bound to one Reelbot; for everybody, signed in or not."""
    router = APIRouter(include_in_schema=False)
    offers = [{"name": chat.title, "url": f"/sign-in/{chat.name}"} for chat in chats]

    def form(request: Request, onward: str, trouble: str | None, status: int = 200) -> Response:
        with_next = [{**offer, "url": f"{offer['url']}?next={_quoted(onward)}"} for offer in offers]
        return pages.page(
            request, "sign_in.html", status_code=status, next=onward, trouble=trouble, providers=with_next
        )

    @router.get("/sign-in")
    async def ask(
        request: Request, onward: Annotated[str, Query(alias="next", max_length=LONGEST_NEXT)] = "/"
    ) -> Response:
        """The form."""
        sign_in.require_here(request)
        return form(request, local_path(onward), None)

    @router.post("/sign-in")
    async def begin(
        request: Request,
        token: Annotated[str, Form(max_length=1000)] = "",
        onward: Annotated[str, Form(alias="next", max_length=LONGEST_NEXT)] = "/",
    ) -> Response:
        """A session for who knows a token."""
        sign_in.require_here(request)
        onward = local_path(onward)
        answer = RedirectResponse(onward, 303)
        try:
            if await sign_in.sign_in(request, token.strip(), answer):
                return answer
        except HTTPException as error:
            refused = form(request, onward, str(error.detail), error.status_code)
            refused.headers.update(error.headers or {})
            return refused
        except NotAllowed as error:
            return form(request, onward, str(error), 403)
        return form(request, onward, "That token is not known here, has expired, or was revoked.", 401)

    @router.post("/sign-out")
    async def end(request: Request) -> Response:
        """No session any more."""
        sign_in.require_here(request)
        answer = RedirectResponse("/sign-in", 303)
        # What the browser still holds of us in its memory and caches goes too.
        answer.headers["Clear-Site-Data"] = '"cache", "storage"'
        sign_in.sessions.end(answer)
        return answer

    return router


def local_path(onward: str) -> str:
    """Where to go on, only ever on this site: anything else is the first page."""
    is_path = onward.startswith("/") and not onward.startswith(("//", "/\\")) and onward.isprintable()
    return onward if is_path and "\\" not in onward else "/"


def _quoted(path: str) -> str:
    return quote(path, safe="")

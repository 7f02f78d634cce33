"""Who may use the web side (DESIGN §7).

Sign-in is skipped only if all hold: bound to loopback, no public URL, no admin token, `Host` is localhost or loopback,
no forwarding headers. Otherwise one of these proves who somebody is: the admin token or a personal token as
`Authorization: Bearer`, or a session cookie, which the page `/sign-in` gives for the admin token or after a chat's consent.
"""

from __future__ import annotations

import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response

from adapters.chat.web.attempts import Attempts
from adapters.chat.web.caller import ADMIN, Caller
from adapters.chat.web.hosts import comes_from_elsewhere, is_local, is_loopback, is_ours
from adapters.chat.web.sessions import Session, Sessions
from bot.errors import BadPrompt, NotAllowed
from bot.jobs.accept import BLOCKED
from bot.people import ApiToken, Role, web_requester
from bot.service import Service

ADMIN_FILE = "admin-token"
WRONG_TOKENS = 60
"""Of one address in five minutes, over the API."""
WRONG_SIGN_INS = 10
"""The same, on the page where people type the token."""
READING = frozenset({"GET", "HEAD", "OPTIONS"})
LONGEST_TOKEN = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInRule:
    """What follows from the settings of one installation."""

    token: str | None
    """The admin token; `None` when nobody needs one as long as the request itself is local."""
    file: Path | None = None
    """Where a token made by us lies."""
    public_url: str | None = None


def sign_in_rule(*, host: str, public_url: str | None, admin_token: str | None, data_dir: Path) -> SignInRule:
    """The rule that follows from the settings; makes an admin token (0600) when one is needed and none is set."""
    if admin_token:
        return SignInRule(token=admin_token, public_url=public_url)
    if is_loopback(host) and not public_url:
        return SignInRule(token=None)
    path = data_dir / ADMIN_FILE
    if not path.exists():
        half = path.with_suffix(".part")
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    return SignInRule(token=path.read_text().strip(), file=path, public_url=public_url)


class SignIn:
    """Finds out who makes a request."""

    def __init__(self, rule: SignInRule, service: Service, sessions: Sessions) -> None:
        self.rule = rule
        self.sessions = sessions
        self._service = service
        self._api_attempts = Attempts(service.desk.clock, WRONG_TOKENS)
        self._page_attempts = Attempts(service.desk.clock, WRONG_SIGN_INS)
        # Another admin token ends the sessions that began with this one; the mark tells nothing of the token itself.
        self._mark = service.keys.derive("web.session.admin", rule.token)[:16] if rule.token else ""

    async def caller(self, request: Request) -> Caller:
        """Who makes this request. 401 for nobody we know, 403 when another site sends it, 421 for a name not ours."""
        session = self.sessions.read(request)
        self.require_here(request, has_cookie=session is not None and "authorization" not in request.headers)
        if "authorization" in request.headers:
            found = await self._by_bearer(request)
        elif session is not None:
            found = await self._by_session(session)
        else:
            found = None
        if found is None and self.rule.token is None and is_local(request) and "authorization" not in request.headers:
            found = Caller(requester=ADMIN, role=Role.OPERATOR, name="this machine", by="local")
        if found is None:
            raise HTTPException(
                401,
                "Send the admin token or a personal token as `Authorization: Bearer …`; in a browser, sign in at /sign-in.",
                headers={"WWW-Authenticate": 'Bearer realm="Reelbot"'},
            )
        if request.method not in READING and found.by == "token":
            found.require(Role.MEMBER)
        return found

    def require_here(self, request: Request, *, has_cookie: bool = False) -> None:
        """Refuse a name that is not ours (421), and what another site sends to change something here (403).

        `has_cookie`: a session is all that speaks for it.
        """
        if not is_ours(request, self.rule.public_url):
            raise HTTPException(421, "This Reelbot is not reached by that name; use the address it was set up with.")
        if request.method not in READING and comes_from_elsewhere(request, self.rule.public_url, has_cookie=has_cookie):
            raise HTTPException(403, "This request came from another site.")

    async def sign_in(self, request: HTTPConnection, token: str, response: Response) -> bool:
        """Begin a session with `response` for who typed the admin token, or a personal one; False for neither.

        429 for an address that was wrong too often; `NotAllowed` for a person who is blocked.
        """
        address = _address(request)
        _refuse_if_waiting(self._page_attempts, address)
        if self._is_admin(token):
            self.sessions.begin(response, ADMIN.person, mark=self._mark)
        elif (known := await self._service.stores.tokens.verify(token[:LONGEST_TOKEN])) is not None:
            await self._refuse_blocked(known.person)
            self.sessions.begin(response, known.person, token_id=known.id)
        else:
            self._page_attempts.was_wrong(address)
            return False
        self._page_attempts.was_right(address)
        return True

    def _is_admin(self, token: str) -> bool:
        given, known = token[:LONGEST_TOKEN].encode(errors="replace"), self.rule.token
        return known is not None and hmac.compare_digest(given, known.encode())

    async def _by_bearer(self, request: Request) -> Caller | None:
        scheme, _, token = request.headers["authorization"].partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            return None
        address = _address(request)
        _refuse_if_waiting(self._api_attempts, address)
        if self._is_admin(token):
            return Caller(requester=ADMIN, role=Role.OPERATOR, name="admin", by="admin")
        known = await self._service.stores.tokens.verify(token[:LONGEST_TOKEN])
        if known is not None and (found := await self._of_token(known)) is not None:
            return found
        self._api_attempts.was_wrong(address)
        return None

    async def _of_token(self, token: ApiToken, by: Literal["token", "session"] = "token") -> Caller | None:
        try:
            requester = web_requester(token.person)
        except BadPrompt:
            return None
        await self._refuse_blocked(token.person)
        member = await self._service.stores.members.load(token.person)
        role, roles = token.role, list(Role)
        if member is not None:
            # What an operator takes from somebody, their tokens lose as well.
            role = min(role, member.role, key=roles.index)
            requester = web_requester(token.person, roles=member.chat_roles)
        return Caller(requester=requester, role=role, name=requester.user, by=by, token_id=token.id)

    async def _by_session(self, session: Session) -> Caller | None:
        if session.token_id is not None:
            token = await self._service.stores.tokens.load(session.token_id)
            is_good = token is not None and token.is_good(self._service.desk.clock.now())
            return await self._of_token(token, by="session") if token is not None and is_good else None
        if session.person == ADMIN.person:
            if session.mark is None or not hmac.compare_digest(session.mark, self._mark):
                return None
            return Caller(requester=ADMIN, role=Role.OPERATOR, name="admin", by="session")
        member = await self._service.stores.members.load(session.person)
        if member is None or session.began_at < member.sessions_from:
            return None
        await self._refuse_blocked(member.person)
        requester = web_requester(member.person, roles=member.chat_roles)
        return Caller(requester=requester, role=member.role, name=member.name, by="session")

    async def _refuse_blocked(self, person: str) -> None:
        if await self._service.stores.workspaces.is_blocked(person):
            raise NotAllowed(BLOCKED)


def _refuse_if_waiting(attempts: Attempts, address: str) -> None:
    if wait := attempts.wait_s(address):
        raise HTTPException(
            429,
            f"Too many wrong tokens came from your address; try again in {wait} seconds.",
            {"Retry-After": str(wait)},
        )


def _address(request: HTTPConnection) -> str:
    return request.client.host if request.client is not None else ""

"""`/quota` and `/tokens`: what somebody may still spend, and how their programs sign in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import RedirectResponse

from adapters.chat.web.caller import Caller, SignedIn
from adapters.chat.web.studio.templates import Pages
from bot.errors import BadPrompt, NotFound, ReelbotError
from bot.money.limits import Period, Standing
from bot.people import SCOPE_ROLES, ApiToken, TokenScope
from bot.service import Service

LIVES: Final = {"30": "30 days", "90": "90 days", "365": "a year", "": "until it is revoked"}
SCOPES: Final = {
    TokenScope.READ: ("Read", "see your jobs and fetch your clips"),
    TokenScope.WRITE: ("Make clips", "the same, and start, cancel and delete them"),
    TokenScope.ADMIN: ("Everything", "whatever an operator may"),
}
WHERE: Final = {
    "user": "You",
    "role": "Your role",
    "channel": "This channel",
    "workspace": "Your workspace",
    "installation": "This Reelbot",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One figure of a scope against its limit."""

    words: str
    share: int | None
    """Percent that is used; `None` without a limit."""

    @property
    def is_full(self) -> bool:
        """Nothing is left."""
        return self.share is not None and self.share >= 100


def routes(service: Service, pages: Pages) -> APIRouter:
    """The routes, bound to one Reelbot."""
    router = APIRouter(include_in_schema=False)

    @router.get("/quota")
    async def quota(request: Request, caller: SignedIn) -> Response:
        """Every scope that the next job counts in."""
        standings = await service.stores.ledger.standings(caller.requester)
        return pages.page(request, "quota.html", groups=_groups(standings), where=WHERE, bars=bars)

    @router.get("/tokens")
    async def tokens(request: Request, caller: SignedIn) -> Response:
        """One's own tokens, and the form for another."""
        return await _tokens(request, caller)

    @router.post("/tokens")
    async def make(
        request: Request,
        caller: SignedIn,
        label: Annotated[str, Form(max_length=1000)] = "",
        scope: Annotated[str, Form(max_length=40)] = "",
        days: Annotated[str, Form(max_length=10)] = "",
    ) -> Response:
        """Make a token; its secret stands on this one page."""
        now = service.desk.clock.now()
        try:
            chosen = _read(scope, days)
            expires_at = now + timedelta(days=int(days)) if days else None
            made, secret = await service.operating.make_token(
                caller.decider, caller.person, [chosen], label=label, expires_at=expires_at
            )
        except ReelbotError as error:
            said = {"label": label, "scope": scope, "days": days}
            return await _tokens(request, caller, trouble=str(error), said=said, status_code=error.http_status)
        return await _tokens(request, caller, made=made, secret=secret)

    @router.post("/tokens/{token_id}/revoke")
    async def revoke(token_id: Annotated[str, Path(max_length=80)], caller: SignedIn) -> Response:
        """End one of one's own tokens. Somebody else's is the same 404 as one there is not."""
        token = await service.stores.tokens.load(token_id)
        if token is None or token.person != caller.person:
            raise NotFound("You have no such token.")
        await service.operating.revoke_token(caller.decider, token_id)
        return RedirectResponse("/tokens", status_code=303)

    async def _tokens(
        request: Request, caller: Caller, *, made: ApiToken | None = None, secret: str = "", trouble: str = "",
        said: dict[str, str] | None = None, status_code: int = 200,
    ) -> Response:  # fmt: skip
        now = service.desk.clock.now()
        return pages.page(
            request,
            "tokens.html",
            status_code=status_code,
            tokens=[each for each in await service.stores.tokens.all(caller.person) if each.is_good(now)],
            offered={scope: words for scope, words in SCOPES.items() if caller.may(SCOPE_ROLES[scope])},
            lives=LIVES,
            made=made,
            secret=secret,
            trouble=trouble,
            said=said or {},
        )

    return router


def bars(standing: Standing) -> list[Bar]:
    """Money and clips of a standing, each in words and as a share."""
    shown = []
    if standing.limit_usd is not None:
        used, limit = standing.used_usd, standing.limit_usd
        words = f"{used} of {limit} used, {standing.left_usd} left"
        shown.append(Bar(words=words, share=_share(used, limit)))
    elif standing.used_usd:
        shown.append(Bar(words=f"{standing.used_usd} used, no limit", share=None))
    if standing.limit_jobs is not None:
        left = max(0, standing.limit_jobs - standing.used_jobs)
        words = f"{standing.used_jobs} of {standing.limit_jobs} clips used, {left} left"
        shown.append(Bar(words=words, share=_share(standing.used_jobs, standing.limit_jobs)))
    else:
        count = standing.used_jobs
        shown.append(Bar(words=f"{count} clip{'' if count == 1 else 's'} so far, no limit", share=None))
    return shown


def _share(used: int, limit: int) -> int:
    return 100 if limit <= 0 else max(0, min(100, round(100 * used / limit)))


def _groups(standings: Sequence[Standing]) -> list[tuple[str, list[Standing]]]:
    """By kind of scope, the nearest to the person first; what has no limit and no use stays away, but for their own."""
    groups: list[tuple[str, list[Standing]]] = []
    for kind in WHERE:
        found = [
            each for each in standings
            if each.scope.partition(":")[0] == kind
            and (kind == "user" or each.limit_usd is not None or each.limit_jobs is not None)
        ]  # fmt: skip
        if found:
            groups.append((kind, sorted(found, key=lambda each: each.period is Period.MONTH)))
    return groups


def _read(scope: str, days: str) -> TokenScope:
    if scope not in set(TokenScope):
        raise BadPrompt("Choose what the token may do.")
    if days not in LIVES:
        raise BadPrompt("Choose how long the token lasts.")
    return TokenScope(scope)

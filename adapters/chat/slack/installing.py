"""`GET /slack/install` and `/slack/oauth_redirect`: how further workspaces add Reelbot, by OAuth.

Bolt's own flow, with everything it would take from elsewhere given to it: the id and secret of the settings, our scopes,
our address, our stores. What is new is pending until an operator allows it (DESIGN §5); the token goes into the database
sealed, and nowhere else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Request, Response
from slack_bolt.oauth.async_callback_options import AsyncCallbackOptions, AsyncFailureArgs, AsyncSuccessArgs
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError
from slack_sdk.oauth import AuthorizeUrlGenerator
from slack_sdk.oauth.installation_store import Installation as SlackInstallation
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from adapters.chat.slack import installing_pages as pages
from adapters.chat.slack.bots import PLATFORM
from adapters.chat.slack.installing_stores import STATE_LIVES, BoltInstallations, BoltStates, ours
from adapters.chat.slack.manifest import INSTALL_PATH, REDIRECT_PATH, scopes
from adapters.chat.slack.scopes import NEEDED, missing
from adapters.http.proxies import proxy_for
from bot.jobs.model import Requester
from bot.ports import Clock
from bot.service import Service
from bot.settings import Settings
from bot.workspaces import Installation, Permission

log = structlog.get_logger(__name__)

Installed = Callable[[Installation], Awaitable[None]]
"""Told of each installation, once it is kept."""

COOKIE: Final = "reelbot-slack-state"
ANSWER_WITHIN_S: Final = 15.0
"""For Slack, each time; a person waits in front of an empty page."""
READ_THREADS: Final = "read_threads"
"""`/slack/install?read_threads` asks for the scopes of `reelbot manifest slack --read-threads`; the app must have them."""


async def _nobody(_: Installation) -> None:
    """Nobody waits for it."""


def oauth_routes(service: Service, settings: Settings, installed: Installed = _nobody) -> APIRouter:
    """The two routes, bound to one Reelbot; none, and so 404, without client id, client secret and public URL."""
    router = APIRouter()
    slack, public_url = settings.slack, settings.web.public_url
    if slack.client_id is None or slack.client_secret is None or public_url is None:
        return router
    own_token = slack.bot_token.get_secret_value() if slack.bot_token else None
    desk = Reception(service, own_token, installed, begin=f"{public_url}{INSTALL_PATH}")
    flow = _flow(service, settings, slack.client_id, slack.client_secret.get_secret_value(), public_url, desk)
    path = f"{urlsplit(public_url).path}/slack"

    @router.get(INSTALL_PATH, include_in_schema=False)
    async def install(request: Request) -> Response:
        """Send whoever wants to add Reelbot to Slack, and remember their browser."""
        # Nothing else of the address goes on: Bolt would write its `team` into the one on Slack as it is.
        asked = AsyncBoltRequest(body="", query=READ_THREADS if READ_THREADS in request.query_params else "")
        try:
            answer = await flow.handle_installation(asked)
        except Exception:
            # Whatever keeps us from expecting them back; they are told, and the log says what it was.
            log.exception("slack.install_not_begun")
            return desk.page(pages.NOT_NOW, request.headers.get("accept-language", ""))
        gone = Response(status_code=answer.status, headers={**pages.HEADERS, "Location": answer.headers["location"][0]})
        for cookie in answer.cookies():
            for name, morsel in cookie.items():
                lives = int(STATE_LIVES.total_seconds())
                gone.set_cookie(name, morsel.value, lives, path=path, secure=True, httponly=True, samesite="lax")
        return gone

    @router.get(REDIRECT_PATH, include_in_schema=False)
    async def oauth_redirect(request: Request) -> Response:
        """Slack sends them back: with a code for a token, or with a refusal."""
        language = request.headers.get("accept-language", "")
        headers = {"cookie": "; ".join(request.headers.getlist("cookie")), "accept-language": language}
        asked = AsyncBoltRequest(body="", query=request.url.query, headers=dict(headers))
        try:
            answer = await flow.handle_callback(asked)
        except _Ended as error:
            return desk.page(error.page, language)
        except Exception:
            # As above; nothing was saved before.
            log.exception("slack.install_broke_off")
            return desk.page(pages.NOT_NOW, language)
        response = Response(answer.body, answer.status, headers=dict(pages.HEADERS), media_type="text/html")
        if answer.status == 200 and "code" in request.query_params:
            response.delete_cookie(COOKIE, path=path, secure=True, httponly=True, samesite="lax")
        return response

    return router


class Reception:
    """What happens to whoever comes back, and what they are told."""

    def __init__(self, service: Service, own_token: str | None, installed: Installed, *, begin: str) -> None:
        """`own_token` is the settings' own: its workspace is welcomed at the start of the role, and needs nothing here."""
        self._service = service
        self._own_token = own_token
        self._installed = installed
        self._begin = begin

    def page(self, page: pages.Page, language: str) -> Response:
        """One of our pages."""
        text = pages.render(page, language, self._begin)
        return Response(text, page.status, headers=dict(pages.HEADERS), media_type="text/html")

    async def welcome(self, args: AsyncSuccessArgs) -> BoltResponse:
        """It is kept: whoever is concerned is told, and the person what works now."""
        kept = ours(args.installation)
        lacking = missing(kept.scopes, NEEDED)
        log.info("slack.installed", workspace=kept.workspace, enterprise=kept.enterprise, lacking=lacking)
        permission: Permission | None = None
        try:
            await self._installed(kept)
            permission = await self._see(kept)
        except Exception:
            # It is added whatever else fails: a workspace is seen again at its first request.
            log.exception("slack.installation_not_announced", workspace=kept.workspace)
            permission = None if kept.is_org else Permission.PENDING
        return self._bolt(pages.added(kept, permission), args.request)

    async def turn_away(self, args: AsyncFailureArgs) -> BoltResponse:
        """It was not added; what Slack or anybody put into the address is neither believed nor shown."""
        declined = "error" in args.request.query
        why = "declined" if declined else args.reason
        log.info("slack.not_installed", why=why)
        return self._bolt(_ENDS.get(why, pages.DENIED), args.request)

    async def _see(self, kept: Installation) -> Permission | None:
        """Whether money may be spent there; the operator is told where that is for them to say."""
        if kept.workspace is None:
            name = kept.name or kept.enterprise
            await self._service.alerts.tell(
                f"organisation.added:{PLATFORM}:{kept.enterprise}",
                f"The organisation {name} added Reelbot; each of its workspaces may not spend until you allow it, with "
                f"`reelbot workspaces allow {PLATFORM}:…`.",
            )
            return None
        if kept.token == self._own_token:
            return Permission.ALLOWED
        requester = Requester(platform=PLATFORM, workspace=kept.workspace, user="")
        permission = await self._service.stores.workspaces.see(requester, kept.name)
        if permission is Permission.PENDING:
            name = f"{PLATFORM}:{kept.workspace}"
            await self._service.alerts.tell(
                f"workspace.pending:{name}",
                f"{kept.name or name} added Reelbot, and may not spend yet: allow it with "
                f"`reelbot workspaces allow {name}`, or block it.",
            )
        return permission

    def _bolt(self, page: pages.Page, request: AsyncBoltRequest) -> BoltResponse:
        language = (request.headers.get("accept-language") or [""])[0]
        return BoltResponse(status=page.status, body=pages.render(page, language, self._begin))


_ENDS: Final = {
    "invalid_browser": pages.NOT_EXPECTED,
    "invalid_state": pages.NOT_EXPECTED,
    "missing_code": pages.NOT_EXPECTED,
    "invalid_code": pages.NOT_CONFIRMED,
    "storage_error": pages.NOT_KEPT,
}
"""Bolt's words for how it ends."""


class _Ended(Exception):
    """It ends with this page."""

    def __init__(self, page: pages.Page) -> None:
        super().__init__(page.title)
        self.page = page


class _Client(AsyncWebClient):
    """Slack, asked twice in the flow. What it refused is logged by its own word; codes and tokens never are."""

    async def api_call(self, api_method: str, **more: Any) -> AsyncSlackResponse:
        """As slack_sdk's; `_Ended` when there is no answer."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await super().api_call(api_method, **more)
        except SlackApiError as error:
            refused = error.response.get("error")
            if refused is None:
                # A page of some proxy, or of Slack's own troubles.
                log.warning("slack.oauth_unanswered", method=api_method, kind="no answer of Slack's")
                raise _Ended(pages.SILENT) from None
            log.warning("slack.oauth_refused", method=api_method, error=refused)
            raise
        except Exception as error:
            # A broken connection, no answer in time, or none that slack_sdk can read: the text may hold what we sent.
            log.warning("slack.oauth_unanswered", method=api_method, kind=type(error).__name__)
            raise _Ended(pages.SILENT) from None


class _Flow(AsyncOAuthFlow):
    """Bolt's, but for the scopes of one request, our clock, and tokens that would die by themselves."""

    def __init__(
        self, clock: Clock, *, client: AsyncWebClient, settings: AsyncOAuthSettings, logger: logging.Logger
    ) -> None:
        super().__init__(client=client, logger=logger, settings=settings)
        self._clock = clock

    async def build_authorize_url(self, state: str, request: AsyncBoltRequest) -> str:
        """Where on Slack it is asked for."""
        return AuthorizeUrlGenerator(
            client_id=self.client_id,
            redirect_uri=self.redirect_uri,
            scopes=scopes(read_threads=READ_THREADS in request.query),
            user_scopes=[],
            authorization_url=self.settings.authorization_url,
        ).generate(state)

    async def run_installation(self, code: str) -> SlackInstallation | None:
        """The code for a token. `_Ended` for one that rotates: Slack lets it die within twelve hours."""
        found = await super().run_installation(code)
        if found is None:
            return None
        found.installed_at = self._clock.now().timestamp()
        if found.bot_refresh_token or found.bot_token_expires_at:
            log.warning("slack.token_rotates", workspace=found.team_id, enterprise=found.enterprise_id)
            raise _Ended(pages.ROTATES)
        return found


def _flow(
    service: Service, settings: Settings, client_id: str, client_secret: str, public_url: str, desk: Reception
) -> _Flow:
    # Bolt's lines hold the code, and those of slack_sdk at `debug` everything that is sent; ours say what happened.
    silent = logging.getLogger(f"{__name__}.bolt")
    silent.setLevel(logging.CRITICAL)
    api, store, clock = urlsplit(settings.slack.api_url), service.stores.installations, service.desk.clock
    client = _Client(base_url=f"{settings.slack.api_url}/", retry_handlers=[], logger=silent)
    if api.scheme != "https" or proxy_for(api.hostname or "", api.port or 443) is None:
        # slack_sdk takes the proxy of the environment also where `NO_PROXY` says not to.
        client.proxy = None
    chosen = AsyncOAuthSettings(
        client_id=client_id,
        client_secret=client_secret,
        scopes=scopes(read_threads=False),
        # Empty and not missing: what is missing, Bolt looks for in SLACK_USER_SCOPES and the like.
        user_scopes=[],
        redirect_uri=f"{public_url}{REDIRECT_PATH}",
        install_path=INSTALL_PATH,
        install_page_rendering_enabled=False,
        redirect_uri_path=REDIRECT_PATH,
        callback_options=AsyncCallbackOptions(success=desk.welcome, failure=desk.turn_away),
        authorization_url=f"{api.scheme}://{api.netloc}/oauth/v2/authorize",
        installation_store=BoltInstallations(store, silent),
        state_store=BoltStates(store, clock, silent),
        state_cookie_name=COOKIE,
        state_expiration_seconds=int(STATE_LIVES.total_seconds()),
        logger=silent,
    )
    return _Flow(clock, client=client, settings=chosen, logger=silent)

"""Bolt: what Slack sends is verified, sorted and handed on here; it is answered only when what must be kept is kept.

Facts: with `process_before_response` Slack gets its 200 after the listener, and 500 for what it raises: so what was not
saved is brought again, up to three times; an event without a listener is answered 404 and brought again for nothing; Bolt
does not notice that an event came twice (bolt-python 1.30, measured).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, Final

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from adapters.chat.slack import home, pages, starts
from adapters.chat.slack.api import Bot
from adapters.chat.slack.bots import NotInstalled
from adapters.chat.slack.buttons import press
from adapters.chat.slack.custom_ids import BUTTON, FORM, PAGE
from adapters.chat.slack.forms import NEW
from adapters.chat.slack.front import Front
from adapters.chat.slack.lifecycle import left
from adapters.chat.slack.mentions import Mentions
from adapters.chat.slack.scene import scene_of_command, scene_of_event, scene_of_payload
from bot.jobs.model import Relation
from bot.languages.said import say

log = structlog.get_logger(__name__)

LAST_TRY: Final = 3
"""Slack brings an event again so many times."""
_BOT: Final = "reelbot_bot"
_ANY: Final = re.compile(".*", re.DOTALL)
_OURS: Final = frozenset({NEW, *Relation})


class _Authorize(AsyncAuthorize):
    """Who we are in the workspace something came from. Asks the database rarely, and Slack once per process."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def __call__(
        self,
        *,
        context: AsyncBoltContext,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None,
        **_actor: str | None,
    ) -> AuthorizeResult | None:
        try:
            bot = await self._front.bots.of(team_id or "", enterprise_id)
        except NotInstalled:
            log.warning("slack.not_installed", team=team_id)
            return None
        context[_BOT] = bot
        return AuthorizeResult(
            enterprise_id=enterprise_id, team_id=team_id, bot_user_id=bot.user, bot_id=bot.bot, bot_token=bot.token
        )


def create_bolt(front: Front) -> AsyncApp:
    """The app with every listener. Nothing of it is taken from `SLACK_…` in the environment."""
    slack = front.settings.slack
    secret = slack.signing_secret.get_secret_value() if slack.signing_secret is not None else ""
    quiet = logging.getLogger("slack_bolt")
    app = AsyncApp(
        name="reelbot",
        logger=quiet,
        process_before_response=True,
        signing_secret=secret,
        authorize=_Authorize(front),  # type: ignore[arg-type]  # its stubs know of functions only
        client=AsyncWebClient(base_url=f"{slack.api_url.rstrip('/')}/", retry_handlers=[]),
    )
    mentions = Mentions(front)

    @app.event("app_mention")
    async def mention(body: dict[str, Any], event: dict[str, Any], req: AsyncBoltRequest) -> None:
        await mentions.hear(body, event, _bot(req), is_last_try=_is_last_try(req))

    @app.event("message")
    async def message(body: dict[str, Any], event: dict[str, Any], req: AsyncBoltRequest) -> None:
        await mentions.hear(body, event, _bot(req), is_last_try=_is_last_try(req))

    @app.event("app_home_opened")
    async def home_opened(body: dict[str, Any], event: dict[str, Any], req: AsyncBoltRequest) -> None:
        if event.get("tab") == "home":
            front.meanwhile(home.publish(front, _bot(req), scene_of_event(body, event)))

    @app.event("app_uninstalled")
    async def uninstalled(body: dict[str, Any]) -> None:
        await left(front, body)

    @app.event("tokens_revoked")
    async def revoked(body: dict[str, Any], event: dict[str, Any]) -> None:
        if (event.get("tokens") or {}).get("bot"):
            await left(front, body)

    @app.command("/animate")
    async def animate(body: dict[str, Any], ack: Any, req: AsyncBoltRequest) -> None:
        await starts.animate(front, body, _bot(req))
        await ack()

    @app.command("/reelbot")
    async def reelbot(body: dict[str, Any], ack: Any, req: AsyncBoltRequest) -> None:
        scene = scene_of_command(body)
        try:
            answer = await pages.command(front, _bot(req), scene, str(body.get("text") or ""))
        except Exception as error:
            answer = {"text": front.spoken(error, scene, front.people.locale_known(scene))}
        await (ack({"response_type": "ephemeral", **answer}) if answer is not None else ack())

    @app.shortcut("animate_message")
    async def animate_message(body: dict[str, Any], ack: Any, req: AsyncBoltRequest) -> None:
        await starts.animate_message(front, body, _bot(req))
        await ack()

    @app.shortcut("new_clip")
    async def new_clip(body: dict[str, Any], ack: Any, req: AsyncBoltRequest) -> None:
        await starts.new_clip(front, body, _bot(req))
        await ack()

    @app.action(BUTTON)
    async def pressed(body: dict[str, Any], action: dict[str, Any], ack: Any, req: AsyncBoltRequest) -> None:
        found = BUTTON.fullmatch(str(action.get("action_id")))
        assert found is not None
        await press(front, body, _bot(req), found["action"], str(action.get("value") or ""))
        await ack()

    @app.action(PAGE)
    async def turned(body: dict[str, Any], action: dict[str, Any], ack: Any, req: AsyncBoltRequest) -> None:
        await _turn(front, body, action, _bot(req))
        await ack()

    @app.view(FORM)
    async def sent(body: dict[str, Any], ack: Any, req: AsyncBoltRequest) -> None:
        errors = await _submit(front, body, _bot(req))
        await (ack(response_action="errors", errors=errors) if errors else ack())

    _take_the_rest(app, front)
    return app


def _take_the_rest(app: AsyncApp, front: Front) -> None:
    """What is of another version, or nothing to us: answered, so that Slack does not bring it again."""

    @app.event(_ANY)
    async def event() -> None:
        pass

    @app.command(_ANY)
    async def command(ack: Any, body: dict[str, Any]) -> None:
        text = say("I do not know {command} any more; update the app's manifest.", command=str(body.get("command")))
        await ack({"response_type": "ephemeral", "text": front.spoken_here(text, scene_of_command(body))})

    @app.action(_ANY)
    async def action(ack: Any) -> None:
        await ack()

    @app.shortcut(_ANY)
    async def shortcut(ack: Any) -> None:
        await ack()

    @app.view(_ANY)
    async def view(ack: Any) -> None:
        await ack()

    @app.error
    async def failed(error: Exception, req: AsyncBoltRequest) -> BoltResponse:
        # Slack brings it again; what it was about is not written into the log.
        log.error("slack.listener_failed", kind=req.body.get("type"), exc_info=error)
        return BoltResponse(status=500, body="")


async def _turn(front: Front, body: Mapping[str, Any], action: Mapping[str, Any], bot: Bot) -> None:
    scene = scene_of_payload(body)
    found = PAGE.fullmatch(str(action.get("action_id")))
    assert found is not None
    if found["page"] == NEW:
        await starts.new_clip(front, body, bot)
        return
    try:
        answer = await pages.turned(front, bot, scene, found["page"], str(action.get("value") or ""))
    except Exception as error:
        # Slack brings no press again: whatever went wrong, the person is told.
        await front.whisper(scene, front.spoken(error, scene, front.people.locale_known(scene)))
        return
    if answer is not None and scene.response_url is not None:
        await front.api.respond(scene.response_url, {"replace_original": True, **answer})


async def _submit(front: Front, body: Mapping[str, Any], bot: Bot) -> dict[str, str]:
    form = FORM.fullmatch(str((body.get("view") or {}).get("callback_id")))
    assert form is not None
    if form["form"] in _OURS:
        return await starts.submitted(front, body, bot, form["form"])
    scene = scene_of_payload(body)
    return await pages.submitted(front, bot, scene, form["form"], body.get("view") or {})


def _bot(req: AsyncBoltRequest) -> Bot:
    found = req.context[_BOT]
    assert isinstance(found, Bot)
    return found


def _is_last_try(req: AsyncBoltRequest) -> bool:
    said = (req.headers.get("x-slack-retry-num") or ["0"])[0]
    return said.isdecimal() and int(said) >= LAST_TRY

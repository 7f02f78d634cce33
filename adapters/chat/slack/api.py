"""Slack's Web API for everything Reelbot says: one try per call, so that whoever calls decides what a failure means.

slack_sdk repeats a request once when a connection drops, a post included, and tells nobody whether a byte had left.
Bolt keeps what comes in; this keeps what goes out (decision 0034).

Facts: errors come with status 200 as `{"ok": false, "error": …}`; every answer names the token's scopes; 429 carries
`Retry-After` and means this method in this workspace, for posts in this channel (docs.slack.dev, read 2026-05-26).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog

from adapters.chat.pacing import Pacing
from adapters.chat.slack.together import HURRIED_S, POST, Key, Together
from adapters.http.answer import HttpAnswer, NoAnswer, NotConnected
from adapters.http.client import HttpClient
from bot.errors import DeliveryDelayed, ReelbotError
from bot.languages.said import say
from bot.ports import Clock

log = structlog.get_logger(__name__)

ASK_S: Final = 20.0
UPLOAD_S: Final = 900.0
"""A clip of some hundred MB over a slow line."""
GUESSED_PAUSE_S: Final = 30.0
LONGEST_PAUSE_S: Final = 3600.0
MOST_RESTING: Final = 4096

TOKEN_DEAD: Final = frozenset({"invalid_auth", "account_inactive", "token_revoked", "token_expired", "not_authed"})
"""What is said of a token that is worth nothing (any more)."""
NOBODY_KNOWS: Final = frozenset({"fatal_error", "internal_error", "service_unavailable", "request_timeout"})
"""Slack's own troubles: "some aspect of the operation" may have succeeded."""
ASKS_FOR_A_PAUSE: Final = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded", "team_added_to_org"})
"""Nothing was done, and later it may be: too much was said, or the workspace is being moved."""
UNREADABLE_PLACE: Final = frozenset(
    {
        "not_in_channel", "channel_not_found", "is_archived", "is_inactive", "restricted_action", "posting_to_channel_denied",
        "restricted_action_thread_only_channel", "restricted_action_read_only_channel", "restricted_action_non_threadable_channel",
        "restricted_action_thread_locked", "cannot_reply_to_message", "team_access_not_granted", "invalid_channel",
        "messages_tab_disabled", "user_not_found", "cannot_dm_bot", "user_disabled", "user_not_visible",
        "ekm_access_denied", "external_channel_migrating", "as_user_not_supported", "team_not_found",
    }
)  # fmt: skip
"""Errors that a place has for good: another one may take it."""


class SlackError(ReelbotError):
    """Slack refused: nothing was done, and the same call would be refused again."""

    code = "slack_refused"

    def __init__(self, error: str, *, needed: str | None = None) -> None:
        super().__init__(f"Slack refused: {error}." if needed is None else f"Slack refused: {error} ({needed}).")
        self.error = error
        """Slack's own word for it."""
        self.needed = needed
        """The scope that is missing."""


class TokenDead(SlackError):
    """The workspace's token is worth nothing: the app was removed, or its token revoked."""


class Unclear(ReelbotError):
    """There was no answer, or one that does not say whether it was done."""

    code = "slack_unclear"


class RateLimited(DeliveryDelayed):
    """Slack wants a pause. Nothing was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """Us in one workspace, or in every workspace of an organisation."""

    team: str
    token: str = field(repr=False)
    user: str = ""
    """The id by which we are mentioned."""
    bot: str | None = None
    enterprise: str | None = None
    is_org: bool = False
    scopes: frozenset[str] = frozenset()
    """Granted, as far as is known."""
    name: str | None = None
    url: str | None = None


class SlackApi:
    """Asks Slack once per call."""

    def __init__(
        self,
        http: HttpClient,
        clock: Clock,
        *,
        api_url: str,
        patience_s: float = ASK_S,
        pacing: Pacing | None = None,
    ) -> None:
        """`patience_s` is how long an answer is waited for.

        `pacing` is that of all processes that talk for this app; without it there is only this one.
        """
        self._http = http
        self._clock = clock
        self.patience_s = patience_s
        self.api_url = api_url.rstrip("/")
        self.together = Together(pacing, clock) if pacing is not None else None
        self.renewed: Callable[[Bot], Awaitable[Bot | None]] | None = None
        """Asked for the workspace's present token where one is refused: another process may have got it."""
        self._resting: dict[Key, float] = {}
        """Until when, by the monotonic clock, which method may not be called: by workspace, method and channel."""

    async def call(
        self, bot: Bot, method: str, /, *, within_s: float | None = None, leaving: int = 0, **arguments: Any
    ) -> dict[str, Any]:
        """The answer of a method, `ok` left in it. `leaving`: so many calls at once are left to others.

        Raises `SlackError` for a refusal (`TokenDead` when it is the token's), `RateLimited` when a pause is asked for,
        `DeliveryDelayed` when not a byte left, and `Unclear` when nobody knows.
        """
        try:
            said, _ = await self.ask(bot.token, method, of=bot.team, within_s=within_s, leaving=leaving, **arguments)
        except TokenDead:
            present = await self.renewed(bot) if self.renewed is not None else None
            if present is None or present.token == bot.token:
                raise
            # The refusal says that nothing was done.
            said, _ = await self.ask(present.token, method, of=bot.team, within_s=within_s, **arguments)
        return said

    async def ask(
        self,
        token: str,
        method: str,
        /,
        *,
        of: str = "",
        within_s: float | None = None,
        leaving: int = 0,
        **arguments: Any,
    ) -> tuple[dict[str, Any], frozenset[str]]:
        """As `call`, by any token; also the scopes that the token has."""
        key = (of, method, str(arguments.get("channel", "")) if method == POST else "")
        self._require_rested(key)
        together = self.together if of and (within_s is None or within_s > HURRIED_S) else None
        if together is not None and (pause := await together.turn(key, leaving=leaving)) > 0:
            raise RateLimited(say("Slack asked for a pause; trying again."), retry_after_s=pause)
        form = {name: _text(value) for name, value in arguments.items() if value is not None}
        try:
            answer = await self._http.ask(
                "POST",
                f"{self.api_url}/{method}",
                home=self.api_url,
                headers={"Authorization": f"Bearer {token}"},
                form=form,
                deadline_s=self.patience_s if within_s is None else within_s,
            )
        except NotConnected as error:
            raise DeliveryDelayed(say("{provider} cannot be reached; trying again.", provider="Slack")) from error
        except NoAnswer as error:
            raise Unclear(f"Slack did not answer: {error}") from error
        try:
            return self._read(answer, key)
        except RateLimited as error:
            if together is not None and error.retry_after_s is not None:
                await together.refused(key, error.retry_after_s)
            raise

    # --- messages, named `channel:ts` ---------------------------------------------------------------------------------

    async def direct(self, bot: Bot, person: str, *, within_s: float | None = None) -> str:
        """The channel of direct messages with a person. Raises what `call` raises; asked twice it does no harm."""
        opened = await self.call(bot, "conversations.open", within_s=within_s, users=person)
        return str(opened["channel"]["id"])

    async def update(self, bot: Bot, reference: str, body: Mapping[str, Any], *, leaving: int = 0) -> None:
        """Change a message of ours. Raises what `call` raises; done twice it does no harm."""
        channel, _, ts = reference.partition(":")
        await self.call(bot, "chat.update", leaving=leaving, channel=channel, ts=ts, **body)

    async def delete(self, bot: Bot, reference: str) -> bool:
        """Delete a message of ours; whether it is gone."""
        channel, _, ts = reference.partition(":")
        try:
            await self.call(bot, "chat.delete", channel=channel, ts=ts)
        except SlackError as error:
            return error.error in {"message_not_found", "channel_not_found"}
        return True

    # --- what goes to other addresses of Slack's ----------------------------------------------------------------------

    async def send(self, url: str, source: Path) -> None:
        """Send a file's bytes to an address that Slack gave for them. `Unclear` when they may not be there.

        Raises `RateLimited` and `SlackError` as `call` does.
        """
        headers = {"Content-Type": "application/octet-stream"}
        try:
            answer = await self._http.send_file(
                url, source, home=self.api_url, headers=headers, method="POST", deadline_s=UPLOAD_S
            )
        except NoAnswer as error:
            raise Unclear(f"Slack did not take the file: {error}") from error
        if answer.status == 429:
            raise RateLimited(say("Slack asked for a pause; trying again."), retry_after_s=_pause_s(answer))
        if answer.status == 413:
            raise SlackError("file_too_large")
        if answer.status != 200:
            raise Unclear(f"Slack answered {answer.status} to the file.")

    async def respond(self, url: str, message: Mapping[str, Any]) -> None:
        """Answer by the address that came with a press or a command. Raises `SlackError` and `Unclear`."""
        try:
            answer = await self._http.ask("POST", url, home=self.api_url, json=dict(message), deadline_s=ASK_S)
        except NoAnswer as error:
            raise Unclear(f"Slack did not answer: {error}") from error
        if answer.status != 200:
            raise SlackError(f"status {answer.status}")

    def _require_rested(self, key: Key) -> None:
        until = self._resting.get(key, 0.0)
        if (pause := until - self._clock.monotonic()) > 0:
            raise RateLimited(say("Slack asked for a pause; trying again."), retry_after_s=pause)

    def _read(self, answer: HttpAnswer, key: Key) -> tuple[dict[str, Any], frozenset[str]]:
        said = answer.object()
        error = str((said or {}).get("error") or "")
        if answer.status == 429 or error in ASKS_FOR_A_PAUSE:
            self._rest(key, pause := _pause_s(answer))
            raise RateLimited(say("Slack asked for a pause; trying again."), retry_after_s=pause)
        if answer.status >= 500 or said is None or error in NOBODY_KNOWS:
            raise Unclear(f"Slack answered {error or answer.status}.")
        if said.get("ok"):
            granted = answer.headers.get("x-oauth-scopes", "")
            return said, frozenset(each.strip() for each in granted.split(",") if each.strip())
        kind = TokenDead if error in TOKEN_DEAD else SlackError
        raise kind(error or f"status {answer.status}", needed=said.get("needed"))

    def _rest(self, key: Key, pause_s: float) -> None:
        now = self._clock.monotonic()
        if len(self._resting) > MOST_RESTING:
            self._resting = {key: until for key, until in self._resting.items() if until > now}
        self._resting[key] = now + pause_s


def _text(value: Any) -> str:
    """Every method takes a form; what has a shape is JSON in it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return str(value)


def _pause_s(answer: HttpAnswer) -> float:
    try:
        return min(LONGEST_PAUSE_S, max(0.0, float(answer.headers.get("retry-after", GUESSED_PAUSE_S))))
    except ValueError:
        return GUESSED_PAUSE_S

"""Discord's REST side for everything Reelbot posts: one try per call, so that whoever posts decides what a failure means.

discord.py repeats requests by itself, up to five times, and cannot be told not to; DESIGN §8 wants every automatic repeat
off for what posts. It keeps the gateway; this keeps the messages (decision 0030).
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from typing import Any, Final, Protocol

import structlog

from adapters.chat.discord.buckets import Buckets, RateLimited
from adapters.chat.discord.together import Together
from adapters.chat.pacing import Pacing
from adapters.http.answer import HttpAnswer, NoAnswer, NotConnected
from bot import __version__
from bot.errors import DeliveryDelayed, ReelbotError
from bot.languages.said import say
from bot.ports import Clock

log = structlog.get_logger(__name__)

ASK_S: Final = 20.0
UPLOAD_S: Final = 280.0
PATIENCE_S: Final = 15.0
"""Longest wait for a rate limit before the caller is told to come back later."""
UNAUTHORISED_PAUSE_S: Final = 60.0
"""After a refused token nothing is sent for so long: refused requests in numbers shut our address out."""
BANNED_PAUSE_S: Final = 600.0
NO_PINGS: Final[Mapping[str, Any]] = {"parse": []}
"""Left out of a message, Discord's default applies: it pings whomever the text names."""
_ID = re.compile(r"/\d{5,}(?=/|$)")

# Codes of Discord's errors (its documentation, topics/opcodes-and-status-codes, read 2026-08-06).
UNKNOWN_CHANNEL, UNKNOWN_GUILD, UNKNOWN_MESSAGE, UNKNOWN_INTERACTION = 10003, 10004, 10008, 10062
MISSING_ACCESS, MISSING_PERMISSIONS = 50001, 50013
TOO_LARGE = frozenset({40005, 50045})
DM_CLOSED = frozenset({50007, 50278})
THREAD_ARCHIVED, THREAD_LOCKED, THREAD_EXISTS = 50083, 160005, 160004
BAD_TOKEN, ALREADY_ANSWERED = 50027, 40060
INVALID_FORM = 50035
BLOCKED_WORDS = frozenset({200000, 200001, 240000})
OLD_EDITS = 30046


class Http(Protocol):
    """What is needed of `adapters.http.client.HttpClient`."""

    async def ask(
        self,
        method: str,
        url: str,
        *,
        home: str,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        files: Mapping[str, Any] | None = None,
        deadline_s: float = ASK_S,
    ) -> HttpAnswer:
        """One question and its whole answer."""
        ...


class RestError(ReelbotError):
    """Discord refused: nothing was done, and the same request would be refused again."""

    code = "discord_refused"

    def __init__(self, status: int, number: int, message: str) -> None:
        super().__init__(f"Discord refused: {message or status}.")
        self.status = status
        self.number = number
        """Discord's own number of the error; 0 when it gave none."""


class Unclear(ReelbotError):
    """There was no answer, or one that does not say whether it was done."""

    code = "discord_unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file to be sent from the disk."""

    path: Path
    filename: str
    content_type: str = "video/mp4"


class Rest:
    """Asks Discord once per call."""

    def __init__(self, http: Http, clock: Clock, *, api_url: str, token: str, pacing: Pacing | None = None) -> None:
        """`pacing` is that of all processes that talk with this token; without it there is only this one."""
        self._http = http
        self._clock = clock
        self.api_url = api_url.rstrip("/")
        self._token = token
        self._buckets = Buckets(clock)
        self.together = Together(pacing, clock, self.id_in_token() or "bot") if pacing is not None else None

    def id_in_token(self) -> str | None:
        """The bot's id: what stands before the token's first dot, in base64. `None` for a token of another make."""
        first = self._token.partition(".")[0]
        try:
            found = b64decode(first + "=" * (-len(first) % 4)).decode("ascii")
        except ValueError:
            return None
        return found if found.isdigit() else None

    async def ask(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        files: Sequence[Upload] = (),
        patience_s: float = PATIENCE_S,
    ) -> Any:
        """The answer's JSON. `path` begins after the version: `/channels/1/messages`.

        Raises `RestError` for a refusal, `RateLimited` when a pause is asked for that is longer than `patience_s`,
        `DeliveryDelayed` when not a byte left, and `Unclear` when nobody knows.
        """
        route, place = route_of(method, path)
        waits_until = self._clock.monotonic() + patience_s
        await self._buckets.turn(route, place, patience_s=patience_s)
        if self.together is not None:
            try:
                await self.together.turn(route, place, within_s=waits_until - self._clock.monotonic())
            except RateLimited:
                self._buckets.give_back(route, place)
                raise
        answer = await self._send(method, path, json, params, files, {"Authorization": f"Bot {self._token}"})
        self._buckets.learn(route, place, answer.headers)
        await self._judge_pause(route, place, answer)
        return _read(answer)

    async def ask_with_token(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        files: Sequence[Upload] = (),
    ) -> Any:
        """The same for addresses that hold an interaction's token: they need no other, and have limits of their own."""
        answer = await self._send(method, path, json, params, files, {})
        if answer.status == 429:
            raise RateLimited(say("Discord asked for a pause; trying again."), retry_after_s=_pause_s(answer))
        return _read(answer)

    # --- messages -------------------------------------------------------------------------------------------------

    async def post(
        self,
        channel: str,
        body: Mapping[str, Any],
        *,
        nonce: str,
        reply_to: str | None = None,
        files: Sequence[Upload] = (),
    ) -> dict[str, Any]:
        """Post a message that pings nobody; the message. Raises what `ask` raises.

        Within minutes the same `nonce` (at most 25 characters) again is the first message again, whatever it says.
        """
        whole = {**body, "allowed_mentions": NO_PINGS, "nonce": nonce, "enforce_nonce": True}
        if reply_to is not None:
            # What it replies to may be deleted meanwhile; the answer is not lost with it.
            whole["message_reference"] = {"message_id": reply_to, "fail_if_not_exists": False}
        posted: dict[str, Any] = await self.ask("POST", f"/channels/{channel}/messages", json=whole, files=files)
        return posted

    async def edit(self, reference: str, body: Mapping[str, Any], *, patience_s: float = PATIENCE_S) -> None:
        """Change a message of ours, named `channel:message`; its flags stay what they were."""
        whole = {name: value for name, value in body.items() if name != "flags"} | {"allowed_mentions": NO_PINGS}
        await self.ask("PATCH", _path_of(reference), json=whole, patience_s=patience_s)

    async def delete(self, reference: str) -> None:
        """Delete a message, named `channel:message`."""
        await self.ask("DELETE", _path_of(reference))

    async def direct(self, person: str) -> str:
        """The channel of direct messages with a person."""
        opened = await self.ask("POST", "/users/@me/channels", json={"recipient_id": person})
        return str(opened["id"])

    async def _send(
        self,
        method: str,
        path: str,
        json: Mapping[str, Any] | None,
        params: Mapping[str, str] | None,
        files: Sequence[Upload],
        headers: Mapping[str, str],
    ) -> HttpAnswer:
        named = {"User-Agent": f"DiscordBot (reelbot, {__version__})", **headers}
        more: dict[str, Any] = {"params": params} if params else {}
        with ExitStack() as opened:
            if files:
                parts: dict[str, Any] = {"payload_json": (None, _compact(json or {}), "application/json")}
                for number, each in enumerate(files):
                    body = opened.enter_context(each.path.open("rb"))
                    parts[f"files[{number}]"] = (each.filename, body, each.content_type)
                more |= {"files": parts, "deadline_s": UPLOAD_S}
            else:
                more |= {"deadline_s": ASK_S}
                if json is not None:
                    more |= {"json": json}
            try:
                return await self._http.ask(method, f"{self.api_url}{path}", home=self.api_url, headers=named, **more)
            except NotConnected as error:
                raise DeliveryDelayed(say("{provider} cannot be reached; trying again.", provider="Discord")) from error
            except NoAnswer as error:
                raise Unclear(f"Discord did not answer: {error}") from error

    async def _judge_pause(self, route: str, place: str, answer: HttpAnswer) -> None:
        if answer.status == 429:
            is_ban = "via" not in answer.headers and answer.object() is None
            pause_s = BANNED_PAUSE_S if is_ban else _pause_s(answer)
            of_all = is_ban or answer.headers.get("x-ratelimit-scope") == "global"
            self._buckets.refused(route, place, pause_s, of_all=of_all)
            if self.together is not None and not is_ban:
                await self.together.refused(self._buckets.beside(route), place, pause_s, of_all=of_all)
            raise RateLimited(say("Discord asked for a pause; trying again."), retry_after_s=pause_s)
        if answer.status == 401:
            self._buckets.refused(route, place, UNAUTHORISED_PAUSE_S, of_all=True)
            log.error("discord.token_refused", fix="Set REELBOT_DISCORD__TOKEN to the bot's present token.")
            raise DeliveryDelayed(
                say("Discord does not accept our bot token; an operator must renew it."),
                retry_after_s=UNAUTHORISED_PAUSE_S,
            )


def route_of(method: str, path: str) -> tuple[str, str]:
    """The route, and the place (a channel, a server) whose requests are counted together."""
    shape = _ID.sub("/:id", path)
    place = _ID.search(path)
    return f"{method} {shape}", place.group() if place else ""


def _path_of(reference: str) -> str:
    channel, _, message = reference.partition(":")
    return f"/channels/{channel}/messages/{message}"


def _read(answer: HttpAnswer) -> Any:
    if 200 <= answer.status < 300:
        return answer.json() if answer.body else None
    if answer.status >= 500:
        raise Unclear(f"Discord answered {answer.status}.")
    said = answer.object() or {}
    number = said.get("code")
    raise RestError(answer.status, number if isinstance(number, int) else 0, str(said.get("message", ""))[:200])


def _pause_s(answer: HttpAnswer) -> float:
    said = (answer.object() or {}).get("retry_after", answer.headers.get("retry-after", 5))
    try:
        return max(0.1, float(said))
    except (TypeError, ValueError):
        return 5.0


def _compact(json: Mapping[str, Any]) -> bytes:
    return dumps(json, separators=(",", ":"), ensure_ascii=False).encode()

"""The way of a call through the emulated Slack: fault, token, rate limit, arguments, scope, method, judge, fault."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import BasicAuth, web

from tests.emulators.faults import Fault
from tests.emulators.slack_calls import Call, Refused, invalid
from tests.emulators.slack_limits import Throttled
from tests.emulators.slack_methods import METHODS, Method, read
from tests.emulators.slack_state import DM, PRIVATE, PUBLIC, Grant
from tests.emulators.vendor_wire import page, reset

if TYPE_CHECKING:
    from tests.emulators.slack_server import Slack

CHUNK = 1 << 18
KINDS = {PUBLIC: "channels", PRIVATE: "groups", DM: "im"}
Handler = Callable[[Call], Awaitable[dict[str, Any]]]
Serve = Callable[[], Awaitable[web.StreamResponse]]


class Door:
    """Guards every route."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack

    # Faults, for every door

    async def guard(self, route: str, request: web.Request, serve: Serve) -> web.StreamResponse:
        """Serve a request, unless a fault is due."""
        self._slack.counts[route] += 1
        fault = self._slack.faults.take(route)
        if fault is None:
            return await self._safely(route, request, serve)
        self._slack.journal.write("fault", route=route, fault=fault.fault, when=fault.when, path=request.path)
        if fault.when == "after":
            response = await self._safely(route, request, serve)
            return await self._spoil(request, fault) or response
        if fault.word == "hang" and fault.number is not None and route != "upload":
            # The request has arrived, whole, before it waits: whoever gives up meanwhile cannot call it back.
            await request.read()
        return await self._spoil(request, fault) or await self._safely(route, request, serve)

    async def _safely(self, route: str, request: web.Request, serve: Serve) -> web.StreamResponse:
        try:
            return await serve()
        except ConnectionError:
            # The client went away in the middle of its request.
            self._slack.journal.write("client-gone", route=route)
            return reset(request)
        except Exception as error:
            # A bug of ours; whoever reads the journal should not have to guess.
            traceback.print_exc()
            self._slack.journal.write("emulator-fault", route=route, why=repr(error))
            return in_json({"ok": False, "error": "internal_error"}, status=500)

    async def _spoil(self, request: web.Request, fault: Fault) -> web.StreamResponse | None:
        """What the fault does; `None` when the request is served all the same."""
        match fault.word:
            case "reset":
                if fault.when == "mid-body":
                    await request.content.read(fault.after_bytes)
                return reset(request)
            case "hang":
                if fault.number is None:
                    await asyncio.Event().wait()
                await asyncio.sleep(fault.number or 0)
                return None
        if fault.word == "429":
            return await self._told_to_wait(request, fault.number if fault.number is not None else 1.0)
        await drain(request)
        match fault.word:
            case "error":
                return in_json({"ok": False, "error": fault.value})
            case "html":
                return page(200, "Slack")
        return page(int(fault.number or 500), "Server Error")

    async def _told_to_wait(self, request: web.Request, seconds: float) -> web.StreamResponse:
        name = request.match_info.get("method", "")
        given, _ = await self._arguments(request) if name in METHODS else ({}, False)
        if not name:
            await drain(request)
        grant = self._grant_of(self._token(request, given))
        try:
            self._slack.limits.refuse((name, grant.key if grant else "", self._place(name, given)), seconds)
        except Throttled as throttled:
            return too_many(throttled)
        raise AssertionError("unreachable")

    # Calls of the Web API

    async def call(self, request: web.Request) -> web.StreamResponse:
        """`/api/<method>`."""
        name = request.match_info["method"]

        async def serve() -> web.StreamResponse:
            return await self._call(request, name)

        return await self.guard(name, request, serve)

    async def _call(self, request: web.Request, name: str) -> web.StreamResponse:
        grant: Grant | None = None
        method = METHODS.get(name)
        try:
            if method is None:
                await drain(request)
                self._slack.violation(f"no such method: {name}")
                raise Refused("unknown_method")
            given, typed = await self._arguments(request)
            if typed and not method.reads_json and given and name in self._form_only:
                self._slack.violation(f"{name} does not read JSON", given)
                given = {key: value for key, value in given.items() if key == "token"}
            grant = self._authorised(method, self._token(request, given))
            given.pop("token", None)
            self._slack.limits.check((name, grant.key if grant else "", self._place(name, given)), method.tier)
            args = self._checked(name, method, given, typed=typed)
            call = Call(method=name, args=args, grant=grant or self._slack.nobody)
            self._check_scope(call, method)
            answer = {"ok": True, **(await self._slack.methods[name](call))}
            self._slack.recorded.check_answer(name, answer)
        except Throttled as throttled:
            return too_many(throttled)
        except Refused as refused:
            answer = refused.body()
            facts = {"method": name, "error": refused.error, "why": refused.why}
            self._slack.journal.write("refused", workspace=grant.key if grant else None, **facts)
        return in_json(answer, headers=self._scope_headers(grant, method))

    @property
    def _form_only(self) -> set[str]:
        listed = self._slack.settings["form_only"]
        return {name for name, one in METHODS.items() if not one.reads_json} if listed is None else set(listed)

    def _scope_headers(self, grant: Grant | None, method: Method | None) -> dict[str, str]:
        headers = {"X-Slack-Req-Id": self._slack.world.new_id("R")}
        if grant is not None:
            headers["X-OAuth-Scopes"] = ",".join(grant.scopes)
        if method is not None and method.scope and ":" in method.scope:
            headers["X-Accepted-OAuth-Scopes"] = method.scope
        return headers

    async def _arguments(self, request: web.Request) -> tuple[dict[str, Any], bool]:
        """What was sent, and whether it came as JSON."""
        given: dict[str, Any] = dict(request.query)
        if not request.body_exists:
            return given, False
        if request.content_type == "application/json":
            try:
                body = json.loads(await request.read())
            except ValueError:
                raise Refused("invalid_json") from None
            if not isinstance(body, dict):
                raise Refused("json_not_object")
            return given | body, True
        if request.content_type in {"application/x-www-form-urlencoded", "multipart/form-data"}:
            form = await request.post()
            return given | {name: value for name, value in form.items() if isinstance(value, str)}, False
        if await request.read():
            self._slack.violation(f"content type {request.content_type}")
            raise Refused("invalid_post_type")
        return given, False

    def _token(self, request: web.Request, given: dict[str, Any]) -> str | None:
        header = request.headers.get("Authorization", "")
        if header.startswith("Basic "):
            # How oauth.v2.access may be told the client id and secret.
            basic = BasicAuth.decode(header)
            given.setdefault("client_id", basic.login)
            given.setdefault("client_secret", basic.password)
            return None
        token = header.removeprefix("Bearer ").strip() or given.get("token")
        return token if isinstance(token, str) else None

    def _grant_of(self, token: str | None) -> Grant | None:
        return next((one for one in self._slack.world.grants if one.token == token), None)

    def _authorised(self, method: Method, token: str | None) -> Grant | None:
        if method.token == "none":
            return None
        if not token:
            raise Refused("not_authed")
        if method.token == "app":
            if token != self._slack.settings["app_token"]:
                raise Refused("invalid_auth" if not self._grant_of(token) else "not_allowed_token_type")
            return None
        if token == self._slack.settings["app_token"]:
            raise Refused("not_allowed_token_type")
        grant = self._grant_of(token)
        if grant is None:
            raise Refused("account_inactive" if token in self._slack.dead_tokens else "invalid_auth")
        if grant.revoked is not None:
            raise Refused(grant.revoked)
        return grant

    def _place(self, name: str, given: dict[str, Any]) -> str:
        return str(given.get("channel", "")) if name == "chat.postMessage" else ""

    def _checked(self, name: str, method: Method, given: dict[str, Any], *, typed: bool) -> dict[str, Any]:
        """The arguments as their types. What Slack does not know it ignores; the journal does not."""
        args: dict[str, Any] = {}
        wrong: list[str] = []
        for key, value in given.items():
            # Bolt puts the workspace into every call; with an organisation's token some need it.
            kind = method.args.get(key) or ("text" if key == "team_id" else None)
            if kind is None:
                self._slack.violation(f"{name}: unknown argument {key}", given)
                continue
            if value is None or (value == "" and not typed):
                continue
            try:
                args[key] = read(value, kind.rstrip("!"), typed=typed)
            except (ValueError, KeyError, TypeError):
                wrong.append(f"{kind.rstrip('!')} expected [json-pointer:/{key}]")
        if wrong:
            self._slack.violation(f"{name}: {'; '.join(wrong)}", given)
            raise invalid(*wrong)
        missing = [key for key, kind in method.args.items() if kind.endswith("!") and key not in args]
        if missing:
            self._slack.violation(f"{name}: missing {', '.join(missing)}", given)
            raise invalid(*(f"missing required field: {key}" for key in missing))
        return args

    def _check_scope(self, call: Call, method: Method) -> None:
        scope = method.scope
        if scope is None:
            return
        if method.per_channel:
            channel = self._slack.world.channels.get(call.args["channel"])
            scope = f"{KINDS[channel.kind if channel else PUBLIC]}:{scope}"
        if scope not in call.grant.scopes:
            facts = {"needed": scope, "provided": ",".join(call.grant.scopes)}
            raise Refused("missing_scope", scope, facts)


async def drain(request: web.Request) -> None:
    """Read what is left of a body: who is answered before it was sent would hear of a broken connection instead."""
    async for _ in request.content.iter_chunked(CHUNK):
        pass


def in_json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return web.Response(status=status, body=json.dumps(body).encode(), headers={**kind, **(headers or {})})


def too_many(throttled: Throttled) -> web.Response:
    headers = {"Retry-After": str(throttled.retry_after)}
    return in_json({"ok": False, "error": "ratelimited"}, status=429, headers=headers)

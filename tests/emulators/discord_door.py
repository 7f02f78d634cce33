"""The way of a request through the emulated Discord: fault, key, rate limit, schema, route, schema, fault."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.emulators.discord_bodies import CHUNK, Body, read_body, with_text_ids
from tests.emulators.discord_calls import Call, Reply
from tests.emulators.discord_errors import Refused, invalid
from tests.emulators.discord_limits import Throttled
from tests.emulators.discord_openapi import ABSENT_ROUTES
from tests.emulators.faults import Fault
from tests.emulators.vendor_wire import page, reset

if TYPE_CHECKING:
    from tests.emulators.discord_server import Discord

BASE = "/api/v10"
WITHOUT_TOKEN = ("/interactions", "/webhooks/{")
Handler = Callable[[Call], Awaitable[Reply]]


class Door:
    """Guards every route of the API."""

    def __init__(self, discord: Discord) -> None:
        self._discord = discord

    def guard(self, operation: str, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The way of a request: fault, key, rate limit, schema, route, schema, fault."""

        async def serve(request: web.Request) -> web.StreamResponse:
            self._discord.counts[operation] += 1
            fault = self._discord.faults.take(f"{request.method} {request.path.removeprefix(BASE)}")
            if fault is not None:
                facts = {"operation": operation, "path": request.path, "when": fault.when}
                self._discord.journal.write("fault", fault=fault.fault, **facts)
            pause_s = 0.0
            if fault is not None and fault.when == "before" and fault.word == "hang" and fault.number is not None:
                # The request has arrived, whole, before it waits: whoever gives up meanwhile cannot call it back.
                pause_s, fault = fault.number, None
            if fault is not None and fault.when != "after":
                if (spoilt := await self._spoil(request, fault)) is not None:
                    return spoilt
                fault = None
            response = await self._answer(request, operation, handler, pause_s=pause_s)
            if fault is not None:
                return await self._spoil(request, fault) or response
            return response

        return serve

    async def _answer(
        self, request: web.Request, operation: str, handler: Handler, *, pause_s: float
    ) -> web.StreamResponse:
        headers: dict[str, str] = {}
        body = Body()
        try:
            path = operation.partition(" ")[2]
            needs_token = not path.startswith(WITHOUT_TOKEN)
            if needs_token and request.headers.get("Authorization") != f"Bot {self._discord.settings['token']}":
                raise Refused(0)
            place = next(iter(request.match_info.values()), "") if path.startswith(("/channels", "/guilds")) else ""
            place = request.match_info.get("webhook_token", place)
            headers = self._discord.limits.check(operation, place, counted_globally=needs_token)
            body = await read_body(request, self._discord.cdn)
            await asyncio.sleep(pause_s)
            self._check_request(operation, body)
            call = Call(operation=operation, path=dict(request.match_info), query=request.query, body=body)
            status, answer = await handler(call)
        except Throttled as error:
            await drain(request)
            status, answer, headers = 429, error.body(), error.headers
        except Refused as error:
            await drain(request)
            body.discard()
            status, answer = error.status, error.body()
            facts = {"code": error.code, "status": status, "why": error.why or error.message}
            self._discord.journal.write("refused", operation=operation, path=request.path, **facts)
        except ConnectionError:
            # The client went away in the middle of its request; nothing was done.
            body.discard()
            self._discord.journal.write("client-gone", operation=operation)
            return reset(request)
        except Exception as error:
            # A bug of ours; whoever reads the journal should not have to guess.
            traceback.print_exc()
            self._discord.journal.write(
                "emulator-fault", operation=operation, status=500, why=[repr(error)], answer=None
            )
            return in_json(500, {"message": "500: Internal Server Error", "code": 0})
        return self._checked(operation, status, answer, headers)

    def _check_request(self, operation: str, body: Body) -> None:
        if not self._discord.judge.knows(operation):
            assert operation in ABSENT_ROUTES, operation
            return
        if errors := self._discord.judge.request(operation, body.payload):
            self._discord.violation(f"{operation}: {'; '.join(errors[:5])}", body.payload)
            where, _, why = errors[0].partition(": ")
            raise invalid("" if where == "(body)" else where, why)
        body.payload = with_text_ids(body.payload)

    def _checked(self, operation: str, status: int, answer: Any, headers: dict[str, str]) -> web.Response:
        if self._discord.judge.knows(operation) and (errors := self._discord.judge.answer(operation, status, answer)):
            self._discord.journal.write(
                "emulator-fault", operation=operation, status=status, why=errors[:5], answer=answer
            )
            status, answer = 500, {"message": "500: Internal Server Error", "code": 0}
        headers = {"Via": "1.1 google", **headers}
        if answer is None:
            return web.Response(status=status, headers=headers)
        # Exactly this content type, or discord.py hands the body on as a text.
        text = json.dumps(answer).encode()
        return web.Response(status=status, body=text, headers={**headers, "Content-Type": "application/json"})

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
        await drain(request)
        match fault.word:
            case "429":
                throttled = Throttled(fault.number or 1.0, "shared", {})
                return in_json(429, throttled.body(), throttled.headers)
            case "banned":
                return page(429, "error code: 1015")
            case "413":
                return in_json(413, Refused(40005).body())
            case "error":
                refused = Refused(int(fault.number or 0))
                refused.retry_after = 1.0 if refused.status == 429 else None
                return in_json(refused.status, refused.body())
        status = int(fault.number or 500)
        if status in {502, 504}:
            return page(status, "cloudflare")
        return in_json(status, {"message": f"{status}: from the emulator", "code": 0})


async def drain(request: web.Request) -> None:
    """Read what is left of a body: who is answered before it was sent would hear of a broken connection instead."""
    async for _ in request.content.iter_chunked(CHUNK):
        pass


def in_json(status: int, body: Any, headers: dict[str, str] | None = None) -> web.Response:
    """An answer with exactly the content type that discord.py takes for JSON."""
    kind = {"Content-Type": "application/json", "Via": "1.1 google"}
    return web.Response(status=status, body=json.dumps(body).encode(), headers={**kind, **(headers or {})})

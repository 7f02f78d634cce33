"""Counts what the web side answers, by the template of the route: addresses themselves name jobs, people and secrets."""

from __future__ import annotations

import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.telemetry.metrics import Metrics

UNMATCHED: Final = "unmatched"
NO_ANSWER: Final = 499
"""Whoever asked went away before there was an answer."""


class Counting:
    """ASGI middleware; to be the outermost one, so that it sees every answer as it leaves."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on unchanged."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, answered = time.perf_counter(), False

        def count(status: int) -> None:
            nonlocal answered
            answered = True
            self._metrics.answered(_route(scope), scope["method"], status, time.perf_counter() - began)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                count(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            if not answered:
                count(500)
            raise
        if not answered:
            count(NO_ANSWER)


def _route(scope: Scope) -> str:
    """As it was written in the program, like `/api/v1/jobs/{job_id}`: the router leaves it in the scope."""
    return str(getattr(scope.get("route"), "path", None) or UNMATCHED)

"""A server in Slack's place that says exactly what a test tells it: answers the emulated Slack would not give."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class OddSlack:
    """Answers by path; the last of several answers stays."""

    url: str = ""
    answers: dict[str, list[web.Response]] = field(default_factory=dict)
    asked: list[web.BaseRequest] = field(default_factory=list)

    def says(self, path: str, *answers: Any, status: int = 200, **headers: str) -> None:
        """What is answered there: JSON, or bytes as they are."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for each in answers:
            kept = self.answers.setdefault(path, [])
            if isinstance(each, bytes):
                kept.append(web.Response(body=each, status=status, headers=named))
            else:
                kept.append(web.json_response(each, status=status, headers=named))

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The next answer of a path."""
        async for _ in request.content.iter_chunked(65536):
            pass
        self.asked.append(request)
        told = self.answers[request.path]
        answer = told.pop(0) if len(told) > 1 else told[0]
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)


@asynccontextmanager
async def odd_slack() -> AsyncIterator[OddSlack]:
    """One on a real socket."""
    slack = OddSlack()
    runner = web.ServerRunner(web.Server(slack.handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    slack.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield slack
    await runner.cleanup()

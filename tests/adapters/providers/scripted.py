"""The answers of a provider without a socket: a test says what is answered, and reads what was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.http.answer import HttpAnswer
from adapters.providers.remote import RemoteApi
from tests.fakes.clock import FakeClock


@dataclass(frozen=True)
class Asked:
    """One free question."""

    method: str
    url: str
    body: Any = None
    params: Mapping[str, str] | None = None
    files: Mapping[str, Any] | None = None

    @property
    def path(self) -> str:
        return "/" + self.url.partition("://")[2].partition("/")[2]


class Script:
    """Stands where `HttpClient` does."""

    def __init__(self, answer: Callable[[Asked], HttpAnswer]) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.put: list[tuple[str, Mapping[str, str]]] = []

    async def ask(
        self, method: str, url: str, *, home: str, headers: Any, json: Any, params: Any, files: Any
    ) -> HttpAnswer:
        asked = Asked(method, url, json, params, files)
        self.asked.append(asked)
        return self.answer(asked)

    async def send_file(self, url: str, source: Any, *, home: str, headers: Mapping[str, str]) -> HttpAnswer:
        self.put.append((url, headers))
        return HttpAnswer(200, {}, b"")

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def api(self, title: str, base_url: str, clock: FakeClock) -> RemoteApi:
        return RemoteApi(self, clock, title=title, base_url=base_url, headers={})  # type: ignore[arg-type]


def answered(body: object = None, status: int = 200, **headers: str) -> HttpAnswer:
    """JSON, or these bytes."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpAnswer(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


async def none_known(provider: str, ids: Collection[str]) -> set[str]:
    """No attempt of ours has any of these ids."""
    return set()

"""A whole Reelbot with its web side, asked over ASGI: no socket, and the routes, the sign-in and the pages are the real ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.responses import Response

from adapters.chat.web.app import WebParts, create_web
from adapters.chat.web.chat_sign_in import ChatSignIn
from adapters.chat.web.sessions import Sessions
from adapters.chat.web.sign_in import SignInRule
from adapters.media.hosting import SignedLinks
from bot.cli.serve import around
from bot.jobs.model import Job
from bot.people import Role, TokenScope
from tests.emulators.judge_chat import PICTURE_MAGIC
from tests.house import House, a_house

HERE = "http://127.0.0.1"
PUBLIC_URL = "https://reelbot.example"
TOKEN = "the-admin-token-of-the-tests"
API = "/api/v1"


@dataclass(slots=True, kw_only=True)
class WebHouse:
    """The house, its application, and clients of it."""

    house: House
    app: FastAPI
    base_url: str
    client: httpx.AsyncClient
    """Nobody signed in; where no sign-in is needed, the operator."""
    clients: AsyncExitStack = field(repr=False)

    async def as_(self, person: str, role: Role, *, name: str | None = None) -> httpx.AsyncClient:
        """A browser in which somebody of a chat (like `slack:T1:U2`) is signed in, with this role."""
        members = self.house.app.stores.members
        await members.sign_in(person, name=name or person.rpartition(":")[2], role=role)
        await members.give_role(person, role)
        answer = Response()
        self.sessions.begin(answer, person)
        client = await self.open()
        name_and_value = answer.headers["set-cookie"].partition(";")[0]
        client.headers.update({"Cookie": name_and_value, "Sec-Fetch-Site": "same-origin"})
        return client

    async def with_token(self, person: str, *scopes: TokenScope) -> httpx.AsyncClient:
        """A program with a personal token."""
        made = await self.house.app.stores.tokens.make(person, scopes, by="api:admin")
        return await self.open(Authorization=f"Bearer {made[1]}")

    async def open(self, **headers: str) -> httpx.AsyncClient:
        """A client of its own."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url=self.base_url, headers=headers)
        return await self.clients.enter_async_context(client)

    @property
    def sessions(self) -> Sessions:
        """What makes the cookies here."""
        service = self.house.app.service
        is_https = self.base_url.startswith("https")
        return Sessions(service.keys, service.desk.clock, lasts=timedelta(days=7), is_https=is_https)

    async def ask(self, client: httpx.AsyncClient | None = None, /, **fields: str) -> httpx.Response:
        """`POST /api/v1/jobs`, with a picture."""
        headers = {"Idempotency-Key": key} if (key := fields.pop("key", "")) else {}
        files = {"image": ("lake.png", PICTURE_MAGIC + b"lake", "image/png")}
        data = {"prompt": "zoom in", **fields}
        return await (client or self.client).post(f"{API}/jobs", files=files, data=data, headers=headers)

    async def delivered(self, client: httpx.AsyncClient | None = None, /, **fields: str) -> Job:
        """A job that was asked for over the API and has its clip."""
        answer = await self.ask(client, **fields)
        assert answer.status_code == 202, answer.text
        job = await self.house.app.stores.jobs.load(answer.json()["id"])
        assert job is not None
        return await self.house.run(job)


@asynccontextmanager
async def a_web_house(
    folder: Path,
    *,
    needs_sign_in: bool = False,
    token: str = TOKEN,
    operators: tuple[str, ...] = (),
    chats: tuple[ChatSignIn, ...] = (),
    **settings: Any,
) -> AsyncIterator[WebHouse]:
    """A Reelbot with its web side. `needs_sign_in`: it has a public URL and an admin token."""
    async with a_house(folder, **settings) as house, AsyncExitStack() as clients:
        base_url = PUBLIC_URL if needs_sign_in else HERE
        rule = SignInRule(token=token, public_url=PUBLIC_URL) if needs_sign_in else SignInRule(token=None)
        service = house.app.service
        parts = WebParts(
            rule=rule,
            readiness=house.app.parts,
            upload_limit_bytes=2_000_000,
            exposition=house.app.exposition,
            around=around(house.app),
            links=SignedLinks(service.keys, house.clock, PUBLIC_URL) if needs_sign_in else None,
            operators=operators,
            chats=chats,
        )
        app = create_web(service, parts)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        client = await clients.enter_async_context(httpx.AsyncClient(transport=transport, base_url=base_url))
        yield WebHouse(house=house, app=app, base_url=base_url, client=client, clients=clients)


def problem(answer: httpx.Response) -> Mapping[str, Any]:
    """The problem document of an answer that is one."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    document: Mapping[str, Any] = answer.json()
    return document

"""A Reelbot with a public address, served over a real socket, and a provider that signs its webhooks and fetches inputs."""

from __future__ import annotations

import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from adapters.chat.web.server import serve
from adapters.media.hosting import SignedLinks
from bot.errors import NotAllowed
from bot.ids import JobId, new_id
from bot.jobs.model import Asset, Evidence, Job, Submission
from bot.ports import Accepted, HostedInput, ProviderEvent, Rendering, SubmitRequest
from bot.service import Service
from tests.fakes.provider import FakeProvider
from tests.house import House, a_house

PUBLIC_URL = "https://reelbot.example"
PROOF = "x-judge-proof"


class CallingProvider(FakeProvider):
    """Its proof is a header made for one attempt; its inputs lie at our own signed addresses once `links` is set."""

    def __init__(self, name: str = "judge") -> None:
        super().__init__(name)
        self.links: SignedLinks | None = None
        self.read: list[bytes] = []
        """Every body that was handed over to be verified."""
        self.meanwhile: Callable[[SubmitRequest], Awaitable[None]] | None = None
        """What happens while a request is on its way."""

    async def host(self, asset: Asset) -> HostedInput:
        if self.links is None:
            return await super().host(asset)
        return self.links.link(asset, attempt_id=new_id(), lives=timedelta(hours=2))

    async def submit(self, request: SubmitRequest, about_to_send: Callable[[], Awaitable[None]]) -> Accepted:
        async def and_then() -> None:
            await about_to_send()
            if self.meanwhile is not None:
                await self.meanwhile(request)

        return await super().submit(request, and_then)

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, attempt_id: str = "") -> ProviderEvent:
        self.read.append(body)
        if not hmac.compare_digest(headers.get(PROOF, ""), proof(attempt_id)):
            raise NotAllowed("no proof")
        event = json.loads(body)
        return ProviderEvent(provider_job_id=event["id"], status=event["status"], input_url=event.get("input"))


def proof(attempt_id: str) -> str:
    """What the provider sends along for one attempt."""
    return f"made-for-{attempt_id}"


@dataclass
class Ear:
    """`bot.ports.Engine` that notes who is woken."""

    woken: list[JobId] = field(default_factory=list)

    async def start(self, job_id: JobId) -> None:
        pass

    async def wake(self, job_id: JobId) -> None:
        self.woken.append(job_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The house, its provider, its socket."""

    house: House
    provider: CallingProvider
    client: httpx.AsyncClient
    ear: Ear

    async def rendering(self, **changes: Any) -> tuple[Job, Submission]:
        """A job of Alice's at the provider, and its attempt."""
        self.provider.checks = [Rendering()] * 100
        job = await self.house.ask(**changes)
        await self.house.step(job)
        self.provider.checks = []
        job = await self.house.load(job)
        return job, await self.attempt(job)

    async def attempt(self, job: Job) -> Submission:
        """The attempt of a job."""
        (found,) = await self.house.app.stores.submissions.of_job(job.id)
        return found

    async def evidence(self, attempt: Submission) -> list[Evidence]:
        """What is written down of it."""
        return await self.house.app.stores.evidence.of_attempt(attempt.attempt_id)

    async def hints(self, job: Job) -> int:
        """How many wait."""
        return len(await self.house.app.stores.wishes.waiting(job.id))

    async def call(self, attempt: Submission, **changes: Any) -> httpx.Response:
        """A webhook as the provider sends it, where it was told to."""
        url = self.house.app.desk.webhook_url(attempt.provider, attempt.token)
        return await self.post(urlsplit(url or "").path, attempt.attempt_id, **changes)

    async def post(self, path: str, attempt_id: str, *, sealed: str | None = None, **fields: Any) -> httpx.Response:
        """A webhook to any address; `sealed` is the proof in the place of the right one."""
        body = {"id": "judge-1", "status": "completed"} | fields
        headers = {PROOF: proof(attempt_id) if sealed is None else sealed}
        return await self.client.post(path, content=json.dumps(body), headers=headers)


@asynccontextmanager
async def a_site(
    folder: Path, *, provider: CallingProvider | None = None, furnish: Callable[[Service], Service] = lambda it: it
) -> AsyncIterator[Site]:
    """A house with its door open to the world. `furnish` may change what the web side works with."""
    offer = provider or CallingProvider()
    async with a_house(folder, providers=[offer], web={"public_url": PUBLIC_URL, "port": 0}) as house:
        app, ear = house.app, Ear()
        app.switchboard.engine = ear
        offer.links = SignedLinks(app.keys, house.clock, PUBLIC_URL)
        service = furnish(app.service)
        async with (
            serve(service, app.settings, app.data_dir, app.parts) as address,
            httpx.AsyncClient(base_url=address, timeout=30) as client,
        ):
            yield Site(house=house, provider=offer, client=client, ear=ear)


def without(service: Service, **stores: Any) -> Service:
    """The same with other stores."""
    return replace(service, stores=replace(service.stores, **stores))

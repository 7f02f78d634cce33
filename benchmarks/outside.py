"""A Reelbot whose outside answers at once: the real App and engine on a real SQLite file, everything else in memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.app import App, Parts, open_app
from bot.jobs.model import Asset, AssetKind, InputRef, Job, JobRequest, Requester
from bot.ports import Capacity, Checkpoint, CheckResult, Parcel, Receipt, Rendering, Succeeded
from bot.settings import load_settings
from tests.emulators.judge_chat import PICTURE_MAGIC
from tests.fakes.courier import FakeCourier
from tests.fakes.provider import FakeFetcher, FakeProvider
from tests.fakes.workshop import FakeWorkshop

GENEROUS = {
    "limits": {
        "user_daily_jobs": 1_000_000,
        "user_daily_usd": "1000000",
        "installation_monthly_usd": "10000000",
        "workspace_monthly_usd": "10000000",
        "user_concurrent": 1_000_000,
        "confirm_above_usd": "100",
    },
    "allowed_workspaces": "*",
}


class InstantProvider(FakeProvider):
    """Takes everything; finished at the first look, or never."""

    def __init__(self, *, finishes: bool = True, capacity: Capacity | None = None) -> None:
        super().__init__(capacity=capacity)
        self.finishes = finishes

    async def check(self, provider_job_id: str) -> CheckResult:
        return Succeeded(url=f"fake://{provider_job_id}") if self.finishes else Rendering()


class Chat(FakeCourier):
    """Collects pictures side by side, and posts without remembering."""

    async def collect(self, source: InputRef) -> Asset:
        file = self._folder / os.urandom(8).hex()
        await asyncio.to_thread(file.write_bytes, PICTURE_MAGIC + source.locator.encode())
        assert self.media is not None
        asset = await self.media.put(file, AssetKind.ORIGINAL, "image/png")
        file.unlink()
        return asset

    async def deliver(self, parcel: Parcel, save: Callable[[Checkpoint], Awaitable[None]]) -> Receipt:
        await save({"stage": "posting"})
        return Receipt(place="room", method="attachment", reference=parcel.filename)


@dataclass(slots=True)
class Bench:
    """An open App and the pictures its people send."""

    app: App
    provider: InstantProvider
    ended: dict[str, asyncio.Future[Job]] = field(default_factory=dict)

    async def picture(self, number: int) -> tuple[tuple[str, Asset], ...]:
        """The two files that the API keeps before it accepts a job; not decoded here."""
        file = self.app.data_dir / "scratch" / f"picture-{number}"
        file.write_bytes(PICTURE_MAGIC + str(number).encode())
        original = await self.app.service.media.put(file, AssetKind.ORIGINAL, "image/png")
        image = await self.app.service.media.put(file, AssetKind.IMAGE, "image/jpeg")
        return (("original", original), ("image", image))

    async def ask(self, number: int, *, platform: str, assets: tuple[tuple[str, Asset], ...] = ()) -> Job:
        """Accept one job, of one of a hundred people."""
        user = f"person-{number % 100}"
        if assets:
            image = InputRef(source="asset", locator=assets[0][1].id)
        else:
            image = InputRef(source="judge", locator=f"attachment-{os.urandom(8).hex()}", filename="picture.png")
        request = JobRequest(
            requester=Requester(platform=platform, workspace="team", user=user, channel="room"),
            request_key=f"bench:{os.urandom(8).hex()}",
            prompt="the leaves start to move and the camera glides over the lake",
            provider="judge",
            model="judge/clip",
            image=image,
        )
        job, _ = await self.app.service.front_desk.accept(request, assets)
        return job


@asynccontextmanager
async def a_bench(
    folder: Path, provider: InstantProvider | None = None, *, database: str | None = None, **parts: Any
) -> AsyncIterator[Bench]:
    """An App on `folder/data`, which may hold a database already; or on PostgreSQL, at an address."""
    offer = provider or InstantProvider()
    inbox = folder / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    chat = Chat(inbox)
    outside = Parts(
        providers={offer.name: offer},
        # The API's own courier copies clips into a gallery; here it only says that it did.
        couriers={"judge": chat, "api": chat},
        workshop=FakeWorkshop(),
        fetchers={"fake": FakeFetcher()},
        **parts,
    )
    chosen: dict[str, Any] = {**GENEROUS, "data_dir": folder / "data"}
    if database is not None:
        chosen |= {"database_url": database, "secret_key": "k" * 40}
    settings = load_settings(chosen, environ={}, cwd=folder)
    async with open_app(settings, outside) as app:
        chat.media = app.service.media
        yield Bench(app, offer)

"""A worker that renders is gone, and its disk with it: another one with a disk of its own delivers the clip."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.providers.local.provider import LocalProvider
from adapters.providers.local.sample import draw_sample
from bot.app import App, Parts, open_app
from bot.errors import ProviderUnavailable
from bot.jobs.actions import Presser
from bot.jobs.model import Job, JobRequest, RenderSettings, Requester
from bot.jobs.states import State
from bot.ports import HasProcesses
from bot.settings import load_settings
from tests import postgres
from tests.conformance.engines import QUICK, engine_of, is_in, load, until
from tests.emulators.s3 import s3

pytestmark = pytest.mark.media

ME = Requester(platform="cli", workspace="local", user="local")


class NoFetcher:
    """A worker whose disk does not give back what it rendered."""

    async def fetch(self, url: str, provider: str, into: Path) -> None:
        """Never."""
        raise ProviderUnavailable("the disk does not answer")


class Site:
    """One database and one bucket, for as many machines as a test opens."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._media_url = f"s3://{s3().make_bucket()}/studio"

    @asynccontextmanager
    async def machine(self, name: str, parts: Parts | None = None) -> AsyncIterator[App]:
        """An App with a data directory of its own, which is lost with it in the end."""
        settings = {
            "data_dir": self._folder / name,
            "database_url": postgres.database_of(self._folder),
            "secret_key": "k" * 40,
            "media_url": self._media_url,
        }
        chosen = load_settings(settings, environ={}, cwd=self._folder)
        async with open_app(chosen, parts or Parts(times=QUICK)) as app:
            yield app
            for provider in app.desk.providers.values():
                if isinstance(provider, HasProcesses):
                    await provider.aclose()
            await app.board.settle()
        shutil.rmtree(self._folder / name)

    async def begun(self, app: App, reached: State) -> Job:
        """A job of the local renderer that came so far with `app` for its worker, which then stops at once."""
        picture = self._folder / "picture.jpg"
        draw_sample(picture)
        model = app.service.front_desk.model("local", None)
        taken = await app.service.take_picture(picture, model, filename=picture.name)
        request = JobRequest(
            requester=ME, request_key=None, prompt="zoom in on the lake", provider="local", model=model.slug,
            image=taken.ref, settings=RenderSettings(resolution="480p"),
        )  # fmt: skip
        job, _ = await app.service.front_desk.accept(request, taken.assets)

        async with engine_of(app, drain_s=0):
            await until(lambda: is_in(app, job, reached), patience_s=60)
        return await load(app, job)


def _ended(app: App, job: Job) -> Callable[[], object]:
    async def has_ended() -> bool:
        return (await load(app, job)).is_final

    return has_ended


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    for name, value in s3().environment.items():
        monkeypatch.setenv(name, value)
    return Site(tmp_path)


@pytest.mark.parametrize("reached", [State.RENDERING, State.FETCHING])
async def test_a_clip_whose_worker_is_gone_is_made_and_delivered_by_another(site: Site, reached: State):
    """Killed while it renders, or with the finished clip still on its disk only: the other makes it from the bucket."""
    broken = Parts(times=QUICK, fetchers={"file": NoFetcher()})
    async with site.machine("a", broken) as first:
        job = await site.begun(first, reached)

    async with site.machine("b") as second, second.run_engine("run"):
        await until(_ended(second, job), patience_s=60)
        done = await load(second, job)

        assert (done.state, done.error) == (State.DELIVERED, None)
        assert done.attempt_id == job.attempt_id
        assert done.output is not None
        assert await second.service.media.size(done.output.asset_id) == done.output.size_bytes


async def test_an_order_that_nobody_vouched_for_is_made_by_another(site: Site):
    """No operator has to decide on it, as on a paid one: it costs nothing to make, so it counts as taken."""

    def is_cut_off(point: str) -> None:
        if point == "after provider.submit":
            raise RuntimeError("the worker went down in the middle of the answer")

    asks_late = replace(QUICK, lookups=(timedelta(seconds=3),))
    async with site.machine("a", Parts(times=asks_late, watch=is_cut_off)) as first:
        job = await site.begun(first, State.UNCONFIRMED)

    async with site.machine("b") as second, second.run_engine("run"):
        await until(_ended(second, job), patience_s=60)
        done = await load(second, job)

        assert (done.state, done.attempt_id) == (State.DELIVERED, job.attempt_id)


async def test_a_cancel_is_kept_when_the_worker_that_rendered_is_gone(site: Site):
    """The person is not told that the clip will be kept and charged, and nothing is rendered for nobody."""
    async with site.machine("a") as first:
        job = await site.begun(first, State.RENDERING)
        await first.service.actions.cancel(job.id, Presser(person="cli:local", is_operator=True))

    async with site.machine("b") as second, second.run_engine("run"):
        await until(_ended(second, job), patience_s=60)
        done = await load(second, job)

        assert (done.state, done.output) == (State.CANCELLED, None)
        local = second.desk.providers["local"]
        assert isinstance(local, LocalProvider)
        assert not local._renders_dir.exists()

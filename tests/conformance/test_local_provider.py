"""Both models of the local renderer pass the suite that every provider passes; their clips are a few frames long here."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image

from adapters.providers.local.camera import Shot
from adapters.providers.local.catalogue import LOOP
from adapters.providers.local.provider import LocalProvider
from adapters.providers.local.renderer import render
from bot.clock import SystemClock
from bot.jobs.model import AssetKind
from bot.ports import SubmitRequest
from tests.conformance.provider_suite import ProviderBench, ProviderSuite
from tests.factories import an_asset

pytestmark = pytest.mark.media


class LocalBench(ProviderBench):
    def __init__(self, folder: Path) -> None:
        picture = folder / "picture.jpg"
        Image.effect_noise((320, 180), 40).convert("RGB").save(picture)

        self.input = picture

        async def locate(asset_id: str) -> Path:
            return self.input

        self.local = LocalProvider(folder / "renders", SystemClock(), locate, max_concurrent=2, frames=6)
        self.provider = self.local
        self.asset = an_asset(size_bytes=picture.stat().st_size)

    async def fetch(self, url: str, into: Path) -> None:
        shutil.copyfile(unquote(urlsplit(url).path), into)

    def is_clip(self, path: Path) -> bool:
        return path.read_bytes()[4:8] == b"ftyp"


class TestLocal(ProviderSuite):
    @pytest.fixture
    async def bench(self, tmp_path: Path) -> AsyncIterator[ProviderBench]:
        bench = LocalBench(tmp_path)
        yield bench
        await bench.local.aclose()


class LoopBench(LocalBench):
    """Loops instead of camera moves: the input is a finished clip."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        clip = folder / "clip.mp4"
        render(picture=self.input, into=clip, shot=Shot(move="zoom-in"), resolution="480p", frames=8)
        self.input = clip
        self.asset = an_asset(kind=AssetKind.CLIP, content_type="video/mp4", size_bytes=clip.stat().st_size)

    async def order(self, **changes: object) -> SubmitRequest:
        return await super().order(**({"model": LOOP.slug} | changes))


class TestLocalLoop(ProviderSuite):
    @pytest.fixture
    async def bench(self, tmp_path: Path) -> AsyncIterator[ProviderBench]:
        bench = LoopBench(tmp_path)
        yield bench
        await bench.local.aclose()

"""The local renderer passes the suite that every provider passes; its clips are a few frames long here."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image

from adapters.providers.local.provider import LocalProvider
from bot.clock import SystemClock
from tests.conformance.provider_suite import ProviderBench, ProviderSuite
from tests.factories import an_asset

pytestmark = pytest.mark.media


class LocalBench(ProviderBench):
    def __init__(self, folder: Path) -> None:
        picture = folder / "picture.jpg"
        Image.effect_noise((320, 180), 40).convert("RGB").save(picture)

        async def locate(asset_id: str) -> Path:
            return picture

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

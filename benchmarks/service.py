"""The product's own WaveSpeed client in front of an emulator, for benchmarks."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from PIL import Image

from adapters.http.client import HttpClient
from adapters.providers.registry import ProviderContext
from adapters.providers.wavespeed.entry import build
from adapters.providers.wavespeed.provider import WaveSpeedProvider
from bot.clock import SystemClock
from bot.keys import KeyRing
from bot.ports import SubmitRequest
from bot.settings import load_settings
from tests.emulators.processes import VendorProcess
from tests.factories import a_submit_request, an_asset

PICTURE = "picture.jpg"


def a_provider(service: VendorProcess, folder: Path, http: HttpClient) -> WaveSpeedProvider:
    """Built as the product builds it."""
    picture = folder / PICTURE
    Image.effect_noise((640, 360), 40).convert("RGB").save(picture)

    async def locate(asset_id: str) -> Path:
        return picture

    async def known_ids(provider: str, ids: Collection[str]) -> set[str]:
        return set()

    account = {"api_key": "test-key", "base_url": service.url}
    built = build(
        ProviderContext(
            settings=load_settings({"data_dir": folder / "data", "wavespeed": account}, environ={}, cwd=folder),
            clock=SystemClock(),
            data_dir=folder,
            locate=locate,
            keys=KeyRing(["a benchmark's own secret key"]),
            links=None,
            http=http,
            known_ids=known_ids,
        )
    )
    assert built is not None
    return built


async def an_order(provider: WaveSpeedProvider, folder: Path, prompt: str) -> SubmitRequest:
    """An order of the default clip."""
    picture = await provider.host(an_asset(size_bytes=(folder / PICTURE).stat().st_size))
    return a_submit_request(picture, model=provider.models()[0].slug, prompt=f"a storm {prompt}")

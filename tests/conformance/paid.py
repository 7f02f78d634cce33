"""The paid providers, built as the product builds them, in front of an emulator on a real socket."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from PIL import Image

from adapters.http.client import HttpClient
from adapters.media.fetch import HttpFetcher
from adapters.media.hosting import SignedLinks
from adapters.providers.eachlabs import entry as eachlabs
from adapters.providers.registry import ProviderContext
from adapters.providers.wavespeed import entry as wavespeed
from bot.clock import SystemClock
from bot.keys import KeyRing
from bot.settings import load_settings
from tests.conformance.provider_suite import ProviderBench
from tests.emulators.processes import VendorProcess, base_url, vendor_emulator
from tests.factories import an_asset

KEY = "test-key"
VENDORS = ("wavespeed", "eachlabs")
BUILD = {"wavespeed": wavespeed.build, "eachlabs": eachlabs.build}


class PaidBench(ProviderBench):
    """One vendor's client and its emulator."""

    def __init__(self, folder: Path, vendor: str, emulator: VendorProcess, **settings: Any) -> None:
        self.vendor = vendor
        self.emulator = emulator
        self.clock = SystemClock()
        self.http = HttpClient()
        self.known: set[str] = set()
        self.keys = KeyRing(["a test's own secret key"])
        picture = folder / "picture.jpg"
        if not picture.exists():
            Image.effect_noise((640, 360), 40).convert("RGB").save(picture)

        async def locate(asset_id: str) -> Path:
            return picture

        async def known_ids(provider: str, ids: Collection[str]) -> set[str]:
            return self.known & set(ids)

        home = base_url(vendor, emulator.url)
        chosen = {"data_dir": folder / "data", vendor: {"api_key": KEY, "base_url": home, **settings}}
        context = ProviderContext(
            settings=load_settings(chosen, environ={}, cwd=folder),
            clock=self.clock,
            data_dir=folder,
            locate=locate,
            keys=self.keys,
            links=SignedLinks(self.keys, self.clock, "https://bot.example.net"),
            http=self.http,
            known_ids=known_ids,
        )
        built = BUILD[vendor](context)
        assert built is not None
        self.provider = built
        self.asset = an_asset(size_bytes=picture.stat().st_size)
        self.fetcher = HttpFetcher(self.http, {vendor: home}, self.clock)

    async def fetch(self, url: str, into: Path) -> None:
        await self.fetcher.fetch(url, self.vendor, into)

    def is_clip(self, path: Path) -> bool:
        return path.read_bytes()[4:8] == b"ftyp"

    def billed(self) -> list[dict[str, Any]]:
        """The emulator's bills so far."""
        return self.emulator.events("accepted")

    def violations(self) -> list[str]:
        """What no correct client would have sent."""
        return [entry["why"] for entry in self.emulator.events("violation")]


def paid_emulator(folder: Path, vendor: str, **settings: Any) -> VendorProcess:
    """A quick one."""
    return vendor_emulator(folder, vendor, **({"render_s": 0.15} | settings))

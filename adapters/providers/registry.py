"""Providers come in through the `reelbot.providers` entry points: ours by the same door as anybody's.

An entry point names a function `build(context) -> Provider | None`; `None` means that the provider is not set up here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import structlog

from adapters.http.client import HttpClient
from adapters.media.hosting import SignedLinks
from adapters.providers.placed import Placed
from bot.errors import ConfigurationError
from bot.keys import KeyRing
from bot.ports import Clock, Provider

log = structlog.get_logger(__name__)

GROUP = "reelbot.providers"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderContext:
    """What a provider may need to be built."""

    settings: Any
    """`bot.settings.Settings`; typed loosely so that a provider of another package may bring settings of its own."""
    clock: Clock
    data_dir: Path
    locate: Callable[[str], Awaitable[Path]]
    """The local file of an asset, by its id."""
    keys: KeyRing
    """For secrets of an attempt's own (`keys.derive`)."""
    links: SignedLinks | None
    """Links to our own `/media/…`; `None` without a public URL."""
    http: HttpClient
    """The one HTTP client of the process."""
    known_ids: Callable[[str, Collection[str]], Awaitable[set[str]]]
    """(provider, ids there) → those that belong to an attempt of ours."""
    placed: Callable[[str, str], Awaitable[Placed | None]] | None = None
    """(provider, attempt id) → what that attempt ordered, while its job waits for it; for renders that can be made again."""


def build_providers(context: ProviderContext) -> dict[str, Provider]:
    """Every provider that is installed and set up, by name; `local` is always among them and comes last."""
    found: dict[str, Provider] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name == "local", entry.name)):
        provider = entry.load()(context)
        if provider is not None:
            found[provider.name] = provider
    if "local" not in found:
        raise ConfigurationError(
            "Reelbot is not installed completely: its own `local` provider is not registered. "
            "Run `make setup` again, or reinstall the package."
        )
    return found

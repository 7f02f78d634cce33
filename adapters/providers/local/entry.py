"""The local renderer's entry in the `reelbot.providers` group."""

from __future__ import annotations

from adapters.providers.local.provider import LocalProvider
from adapters.providers.registry import ProviderContext


def build(context: ProviderContext) -> LocalProvider:
    """Always set up: it needs no account."""
    return LocalProvider(context.data_dir / "renders", context.clock, context.locate, placed=context.placed)

"""WaveSpeed's entry in the `reelbot.providers` group."""

from __future__ import annotations

from pathlib import Path

from adapters.providers.catalogue import read_models
from adapters.providers.hosting import Hosting, Uploader
from adapters.providers.registry import ProviderContext
from adapters.providers.remote import RemoteApi
from adapters.providers.wavespeed.provider import WaveSpeedProvider
from adapters.providers.wavespeed.uploads import BinaryUpload, Uploads
from bot.errors import ConfigurationError
from bot.ports import Capacity

CATALOGUE = Path(__file__).with_name("catalogue.toml")


def build(context: ProviderContext) -> WaveSpeedProvider | None:
    """Set up once there is a key."""
    own = context.settings.wavespeed
    if own.api_key is None:
        return None
    if own.upload == "own" and (context.links is None or not context.links.is_https):
        raise ConfigurationError(
            "REELBOT_WAVESPEED__UPLOAD=own needs an https:// REELBOT_WEB__PUBLIC_URL, where WaveSpeed can reach us."
        )
    api = RemoteApi(
        context.http,
        context.clock,
        title="WaveSpeed",
        base_url=own.base_url,
        headers={"Authorization": f"Bearer {own.api_key.get_secret_value()}"},
    )
    ways: dict[str, tuple[Uploader, ...]] = {
        "uploads": (Uploads(api, context.clock),),
        "binary": (BinaryUpload(api, context.clock),),
        "own": (),
    }
    ways["auto"] = ways["uploads"] + ways["binary"]
    return WaveSpeedProvider(
        api,
        read_models("wavespeed", CATALOGUE, extra=own.catalogue, chosen=own.model),
        Capacity(max_concurrent=own.max_concurrent, creates_per_minute=own.creates_per_minute, creates_at_once=2),
        context.clock,
        Hosting(
            own.base_url,
            ways[own.upload],
            context.locate,
            None if own.upload in ("uploads", "binary") else context.links,
        ),
        context.known_ids,
        webhook_secret=own.webhook_secret.get_secret_value() if own.webhook_secret else None,
        quote_path=own.quote_path,
    )

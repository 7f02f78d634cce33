"""Eachlabs' entry in the `reelbot.providers` group."""

from __future__ import annotations

from pathlib import Path

from adapters.providers.catalogue import read_models
from adapters.providers.eachlabs.provider import EachlabsProvider
from adapters.providers.eachlabs.uploads import PresignedUpload
from adapters.providers.hosting import Hosting
from adapters.providers.registry import ProviderContext
from adapters.providers.remote import RemoteApi
from bot.errors import ConfigurationError
from bot.ports import Capacity

CATALOGUE = Path(__file__).with_name("catalogue.toml")


def build(context: ProviderContext) -> EachlabsProvider | None:
    """Set up once there is a key."""
    own = context.settings.eachlabs
    if own.api_key is None:
        return None
    if own.upload == "own" and (context.links is None or not context.links.is_https):
        raise ConfigurationError(
            "REELBOT_EACHLABS__UPLOAD=own needs an https:// REELBOT_WEB__PUBLIC_URL, where Eachlabs can reach us."
        )
    key = own.api_key.get_secret_value()
    api = RemoteApi(
        context.http,
        context.clock,
        title="Eachlabs",
        base_url=own.base_url,
        headers={"Authorization": f"Bearer {key}"} if own.auth == "bearer" else {"X-API-Key": key},
    )
    uploaders = () if own.upload == "own" else (PresignedUpload(api, context.clock),)
    return EachlabsProvider(
        api,
        read_models("eachlabs", CATALOGUE, extra=own.catalogue, chosen=own.model),
        Capacity(max_concurrent=own.max_concurrent, creates_per_minute=own.creates_per_minute, creates_at_once=2),
        context.clock,
        Hosting(own.base_url, uploaders, context.locate, None if own.upload == "presign" else context.links),
        context.known_ids,
        context.keys,
        webhook_secret=own.webhook_secret.get_secret_value() if own.webhook_secret else None,
        webhook_proof=own.webhook_proof,
        list_path=own.list_path,
    )

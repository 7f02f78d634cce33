"""Eachlabs' own store for inputs: readable by whoever has the address, kept for as long as asked (docs, read 2026-08)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

from adapters.providers.hosting import UploadNotOffered
from adapters.providers.remote import RemoteApi, https_link
from bot.errors import ProviderUnavailable
from bot.jobs.model import Asset, AssetKind
from bot.languages.said import say
from bot.ports import Clock, HostedInput

KEPT: Final = timedelta(days=8)
"""A render is waited for up to seven days; 180 days would be theirs."""


class PresignedUpload:
    """`POST /upload/presign`, then a PUT with every header it requires."""

    def __init__(self, api: RemoteApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock

    async def upload(self, asset: Asset, path: Path) -> HostedInput:
        """See `adapters.providers.hosting.Uploader`."""
        file_type = "audio" if asset.kind is AssetKind.AUDIO else "image"
        seconds = int(KEPT.total_seconds())
        wish = {"content_type": asset.content_type, "file_type": file_type, "expires_in_seconds": seconds}
        answer = await self._api.ask("POST", f"{self._api.base_url}/upload/presign", body=wish)
        if answer.status in (404, 405):
            raise UploadNotOffered(say("{provider} does not offer this upload.", provider="Eachlabs"))
        self._api.require_fit(answer)
        found = answer.object() or {}
        url = https_link(found.get("presigned_url"), self._api.base_url)
        public = https_link(found.get("public_url"), self._api.base_url)
        if not 200 <= answer.status < 300 or url is None or public is None:
            raise ProviderUnavailable(
                say(
                    "{provider} does not take the picture at the moment ({status}).",
                    provider="Eachlabs",
                    status=answer.status,
                )
            )
        required = found.get("required_headers")
        headers = {"Content-Type": asset.content_type}
        if isinstance(required, dict):
            headers |= {str(name): str(value) for name, value in required.items()}
        await self._api.put_file(url, path, headers)
        return HostedInput(asset=asset, url=public, expires_at=self._clock.now() + KEPT)

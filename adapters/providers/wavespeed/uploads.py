"""WaveSpeed's own store for inputs: kept 7 days, readable by whoever has the address (SDK 2.0.5 and docs, read 2026-06)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from adapters.providers.hosting import UploadNotOffered
from adapters.providers.remote import RemoteApi, https_link
from adapters.providers.wavespeed.wire import Envelope, meant
from bot.errors import ProviderUnavailable
from bot.ids import new_id
from bot.jobs.model import Asset
from bot.languages.said import say
from bot.ports import Clock, HostedInput

KEPT: Final = timedelta(days=7)
_SUFFIX: Final = {"image/jpeg": "jpg", "image/png": "png", "audio/wav": "wav", "audio/mpeg": "mp3"}


class Uploads:
    """`POST /media/uploads`, then a PUT to where it says, with exactly the headers it says and not our key."""

    def __init__(self, api: RemoteApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock

    async def upload(self, asset: Asset, path: Path) -> HostedInput:
        """See `adapters.providers.hosting.Uploader`."""
        wish = {"filename": _name(asset), "size": asset.size_bytes, "content_type": asset.content_type}
        data = await _data(self._api, f"{self._api.base_url}/api/v3/media/uploads", body=wish)
        upload = data.get("upload")
        url = https_link(upload, self._api.base_url)
        download = https_link(data.get("download_url"), self._api.base_url)
        if isinstance(upload, dict) and str(upload.get("method", "PUT")).upper() != "PUT":
            raise UploadNotOffered(say("WaveSpeed offers another kind of upload."))
        if not isinstance(upload, dict) or url is None or download is None:
            raise ProviderUnavailable(say("WaveSpeed did not say where the picture may be put."))
        given = upload.get("headers")
        headers = {str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
        await self._api.put_file(url, path, headers)
        return HostedInput(asset=asset, url=download, expires_at=self._clock.now() + KEPT)


class BinaryUpload:
    """`POST /media/upload/binary` with the file as a form field: the older way."""

    def __init__(self, api: RemoteApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock

    async def upload(self, asset: Asset, path: Path) -> HostedInput:
        """See `adapters.providers.hosting.Uploader`."""
        content = await asyncio.to_thread(path.read_bytes)
        files = {"file": (_name(asset), content, asset.content_type)}
        data = await _data(self._api, f"{self._api.base_url}/api/v3/media/upload/binary", files=files)
        download = https_link(data.get("download_url"), self._api.base_url)
        if download is None:
            raise ProviderUnavailable(say("WaveSpeed did not say where the picture lies now."))
        return HostedInput(asset=asset, url=download, expires_at=self._clock.now() + KEPT)


async def _data(api: RemoteApi, url: str, **request: Any) -> dict[str, Any]:
    answer = await api.ask("POST", url, **request)
    envelope = Envelope.of(answer.json(), answer.status)
    answer = meant(answer, envelope)
    if answer.status in (404, 405):
        raise UploadNotOffered(say("{provider} does not offer this upload.", provider="WaveSpeed"))
    api.require_fit(answer)
    code = answer.status if envelope is None else envelope.code
    if envelope is None or answer.status != 200 or code != 200:
        raise ProviderUnavailable(
            say("{provider} does not take the picture at the moment ({status}).", provider="WaveSpeed", status=code)
        )
    return dict(envelope.data)


def _name(asset: Asset) -> str:
    """A name of our own: the person's file name may say things that are none of the provider's business."""
    return f"{new_id()}.{_SUFFIX.get(asset.content_type, 'bin')}"

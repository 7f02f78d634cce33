"""Copying what somebody attached on Discord into the media store, from the disk's side of things: never whole in memory."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from adapters.chat.discord.inputs import Attachment, attachment_of
from adapters.chat.discord.rest import Rest, RestError, Unclear
from adapters.chat.discord.shown import pictures
from adapters.http.answer import NoAnswer
from adapters.http.client import HttpClient
from adapters.http.guard import ForbiddenAddress
from bot.errors import BadInput, DeliveryDelayed, ProviderUnavailable
from bot.jobs.model import Asset, AssetKind, InputRef
from bot.languages.said import say
from bot.ports import MediaStore
from bot.scratch import scratch_folder
from bot.tracker.intake import LARGEST_PICTURE_BYTES

DEADLINE_S: Final = 120.0
_GONE = frozenset({403, 404, 410})


async def collect(ref: InputRef, rest: Rest, http: HttpClient, media: MediaStore, scratch: Path) -> Asset:
    """The attachment's bytes, kept. `BadInput` when it is gone or too large, `ProviderUnavailable` for passing reasons."""
    attachment = attachment_of(ref)
    if attachment.size is not None and attachment.size > LARGEST_PICTURE_BYTES:
        raise _too_large()
    async with scratch_folder(scratch) as folder:
        into = folder / "attachment"
        if not await _download(attachment, rest, http, into):
            fresh = await _read_again(attachment, rest)
            if fresh is None or not await _download(fresh, rest, http, into):
                raise BadInput(say("The picture was deleted on Discord before it could be copied; attach it again."))
        return await media.put(into, AssetKind.ORIGINAL, "application/octet-stream", consume=True)


async def _download(attachment: Attachment, rest: Rest, http: HttpClient, into: Path) -> bool:
    """Write the bytes to `into`; False when the address is dead."""
    try:
        async with (
            asyncio.timeout(DEADLINE_S),
            http.stream(attachment.url, home=rest.api_url, headers={"Accept-Encoding": "identity"}) as response,
        ):
            if response.status_code in _GONE:
                return False
            if response.status_code != 200:
                raise ProviderUnavailable(
                    say("Discord answers {status} instead of the picture.", status=response.status_code)
                )
            size = 0
            with await asyncio.to_thread(into.open, "wb", 0) as file:
                async for piece in response.aiter_raw():
                    size += len(piece)
                    if size > LARGEST_PICTURE_BYTES:
                        raise _too_large()
                    await asyncio.to_thread(file.write, piece)
    except ForbiddenAddress as error:
        raise BadInput(
            say("The picture lies at an address that may not be read from here; attach the picture itself.")
        ) from error
    except (NoAnswer, TimeoutError) as error:
        raise ProviderUnavailable(say("Discord did not send the picture; trying again.")) from error
    return size > 0


async def _read_again(attachment: Attachment, rest: Rest) -> Attachment | None:
    """The same attachment with the address it has now: addresses are good for about a day."""
    if attachment.channel is None or attachment.message is None:
        return None
    try:
        message = await rest.ask("GET", f"/channels/{attachment.channel}/messages/{attachment.message}")
    except RestError:
        return None
    except (Unclear, DeliveryDelayed) as error:
        raise ProviderUnavailable(say("Discord did not send the picture; trying again.")) from error
    for found in pictures(message):
        same_path = attachment.id is None and _path(found.url) == _path(attachment.url)
        if same_path or (found.id is not None and found.id == attachment.id):
            return replace(attachment, url=found.url)
    return None


def _path(url: str) -> str:
    return urlsplit(url).path


def _too_large() -> BadInput:
    return BadInput(
        say("The file is larger than {megabytes} MB; send a smaller one.", megabytes=LARGEST_PICTURE_BYTES // 1_000_000)
    )

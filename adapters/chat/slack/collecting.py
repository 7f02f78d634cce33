"""Copying what somebody uploaded on Slack into the media store: with our token, to Slack's own hosts only.

Facts: a private address answers a wrong token, or one without `files:read`, by a redirect to a login page, which is HTML
with status 200; a file of another organisation, and one that is still being scanned, is asked for by `files.info`
(docs.slack.dev, working with files, read 2026-05-26).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from adapters.chat.slack.api import Bot, SlackApi, SlackError, TokenDead, Unclear
from adapters.chat.slack.bots import Bots, NotInstalled
from adapters.chat.slack.inputs import NOT_FILES, SharedFile, address_of, shared_file_of
from adapters.http.answer import NoAnswer
from adapters.http.client import HttpClient
from adapters.http.guard import ForbiddenAddress, origin
from bot.errors import BadInput, DeliveryDelayed, ProviderUnavailable
from bot.jobs.model import Asset, AssetKind, InputRef
from bot.languages.said import say
from bot.ports import MediaStore
from bot.scratch import scratch_folder
from bot.tracker.intake import LARGEST_PICTURE_BYTES

DEADLINE_S: Final = 120.0
SCANNED_AGAIN_S: Final = 3.0
OURS: Final = ".slack.com"
GOV: Final = ".slack-gov.com"


async def collect(
    ref: InputRef, api: SlackApi, bots: Bots, http: HttpClient, media: MediaStore, scratch: Path
) -> Asset:
    """The file's bytes, kept. `BadInput` when it is gone or not ours to read, `ProviderUnavailable` for passing reasons."""
    file = shared_file_of(ref)
    _require_small(file.size)
    try:
        bot = await bots.of(file.team, file.enterprise)
    except NotInstalled as error:
        raise BadInput(str(error)) from error
    except (DeliveryDelayed, SlackError) as error:
        raise ProviderUnavailable(str(error)) from error
    async with scratch_folder(scratch) as folder:
        into = folder / "file"
        if not await _fetch(file, bot, api, http, into):
            # Another process may have got another token meanwhile.
            present = await bots.present(bot)
            if present is None or present.token == bot.token or not await _fetch(file, present, api, http, into):
                raise _no_right(present or bot)
        return await media.put(into, AssetKind.ORIGINAL, "application/octet-stream", consume=True)


async def _fetch(file: SharedFile, bot: Bot, api: SlackApi, http: HttpClient, into: Path) -> bool:
    """Write the bytes to `into`, from where they are now; False when they are not ours to read."""
    found = None if file.url is None else await _download(file, bot, api, http, into)
    if found is None:
        file = await _asked_for(file, bot, api)
        _require_small(file.size)
        found = await _download(file, bot, api, http, into)
    if found is None:
        raise _gone()
    return found


async def _download(file: SharedFile, bot: Bot, api: SlackApi, http: HttpClient, into: Path) -> bool | None:
    """Write the bytes to `into`; False when they are not ours to read, `None` when they are not there."""
    assert file.url is not None
    _require_slack(file.url, api.api_url)
    headers = {"Authorization": f"Bearer {bot.token}", "Accept-Encoding": "identity"}
    try:
        async with asyncio.timeout(DEADLINE_S), http.stream(file.url, home=api.api_url, headers=headers) as response:
            status, kind = response.status_code, response.headers.get("content-type", "")
            # A redirect is not followed: the token would go along.
            if status in {301, 302, 303, 307, 308, 401, 403} or (status == 200 and kind.startswith("text/html")):
                return False
            if status in {404, 410}:
                return None
            if status != 200:
                raise ProviderUnavailable(say("Slack answers {status} instead of the picture.", status=status))
            size = 0
            with await asyncio.to_thread(into.open, "wb", 0) as opened:
                async for piece in response.aiter_raw():
                    size += len(piece)
                    _require_small(size)
                    await asyncio.to_thread(opened.write, piece)
    except ForbiddenAddress as error:
        raise BadInput(
            say("The picture lies at an address that may not be read from here; attach the picture itself.")
        ) from error
    except (NoAnswer, TimeoutError) as error:
        raise ProviderUnavailable(say("Slack did not send the picture; trying again.")) from error
    return True if size > 0 else None


async def _asked_for(file: SharedFile, bot: Bot, api: SlackApi) -> SharedFile:
    """The file as Slack describes it now."""
    try:
        said: dict[str, Any] = (await api.call(bot, "files.info", file=file.id))["file"]
    except TokenDead as error:
        raise BadInput(str(NotInstalled())) from error
    except SlackError as error:
        if error.error == "missing_scope":
            raise _no_right(bot) from error
        raise (_not_shown() if error.error == "file_not_found" else _gone()) from error
    except (Unclear, DeliveryDelayed) as error:
        raise ProviderUnavailable(say("Slack did not send the picture; trying again.")) from error
    if said.get("mode") in NOT_FILES or said.get("is_external"):
        raise BadInput(say("Slack keeps only a link to this picture; upload the picture itself."))
    url = address_of(said)
    if url is None:
        # It is being scanned.
        raise ProviderUnavailable(
            say("Slack is still checking the picture; trying again."), retry_after_s=SCANNED_AGAIN_S
        )
    return replace(file, url=url, size=said.get("size") or file.size)


def _require_slack(url: str, api_url: str) -> None:
    """Our token goes to Slack, and nowhere else."""
    try:
        host, port = origin(url)
        is_home = (host, port) == origin(api_url)
    except ForbiddenAddress as error:
        raise BadInput(say("Slack names no address of this picture; attach the picture again.")) from error
    is_slack = urlsplit(url).scheme == "https" and host.endswith((OURS, GOV))
    if not is_home and not is_slack:
        raise BadInput(say("The picture lies at an address that may not be read from here; attach the picture itself."))


def _require_small(size: int | None) -> None:
    if size is not None and size > LARGEST_PICTURE_BYTES:
        megabytes = LARGEST_PICTURE_BYTES // 1_000_000
        raise BadInput(say("The file is larger than {megabytes} MB; send a smaller one.", megabytes=megabytes))


def _gone() -> BadInput:
    return BadInput(say("The picture was deleted on Slack before it could be copied; attach it again."))


def _no_right(bot: Bot) -> BadInput:
    if "files:read" in bot.scopes:
        return _not_shown()
    return BadInput(
        say(
            "Slack does not let Reelbot read this picture: an admin must add the scope files:read to the app and "
            "reinstall it; then attach the picture again."
        )
    )


def _not_shown() -> BadInput:
    """An app reads the files of conversations it is in."""
    return BadInput(
        say(
            "Slack does not show me this picture: invite me to its channel (`/invite @Reelbot`), or attach it where I am."
        )
    )

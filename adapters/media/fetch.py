"""Downloads a provider's result: guarded, bounded in bytes and time, gone on with after a break, and complete or absent."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import urljoin

import httpx

from adapters.http.answer import NoAnswer
from adapters.http.client import HttpClient
from adapters.http.guard import ForbiddenAddress
from adapters.http.retry_after import retry_after_s
from bot.errors import NO_ROOM, DiskFull, ProviderUnavailable, ResultGone
from bot.languages.said import say
from bot.ports import Clock

LARGEST_CLIP: Final = 500_000_000
"""Bytes. Ten seconds of 1080p take about 20 MB."""
WRITTEN_OUT_EVERY: Final = 8_000_000
"""Bytes of a download."""
MOST_REDIRECTS: Final = 5
MOST_BREAKS: Final = 5
"""So often a download is gone on with where it broke off, within one call."""
NOWHERE: Final = "https://nowhere.invalid"
"""The home of a provider without one: everything it names must be public."""
_RANGE: Final = re.compile(r"bytes (\d{1,15})-\d{1,15}/(\d{1,15}|\*)$", re.ASCII)
_NO_VIDEO: Final = ("text/", "application/json", "application/xml", "application/xhtml")


@dataclass(slots=True)
class _Part:
    """How far a download has come."""

    file: BinaryIO
    url: str
    size: int = 0
    etag: str | None = None
    """A strong validator, without which nothing can be gone on with."""
    redirects: int = 0
    breaks: int = field(default=0)

    def begin_anew(self) -> None:
        self.file.seek(0)
        self.file.truncate()
        self.size = 0


class HttpFetcher:
    """Implements `bot.ports.Fetcher` for https addresses, and for http ones at a provider's own host and port."""

    def __init__(self, http: HttpClient, homes: Mapping[str, str], clock: Clock) -> None:
        """`homes` are the configured addresses of the providers, by name: their results may lie there, too."""
        self._http = http
        self._homes = homes
        self._clock = clock

    async def fetch(self, url: str, provider: str, into: Path) -> None:
        """Download to `into`, completely, or raise and leave nothing there. Our keys are not sent along.

        `ProviderUnavailable` when the link does not work now (403, 404, an empty file, a page instead of a video, a
        break); `ResultGone` when it is gone for good (410), forbidden to us, or larger than 500 MB; `DiskFull`.
        """
        temporary = into.with_name(f".{into.name}.part")
        try:
            file = await asyncio.to_thread(temporary.open, "wb", 0)
            try:
                await self._all_of(_Part(file=file, url=url), self._homes.get(provider, NOWHERE))
            finally:
                await asyncio.to_thread(file.close)
            os.replace(temporary, into)
        except BaseException as error:
            with suppress(OSError):
                temporary.unlink()
            match error:
                case ForbiddenAddress():
                    raise ResultGone(
                        say("The provider named a result that may not be downloaded: {reason}", reason=error)
                    ) from error
                case OSError() if error.errno in NO_ROOM:
                    raise DiskFull(say("There is no room left on the disk: free some space and try again.")) from error
            raise

    async def _all_of(self, part: _Part, home: str) -> None:
        while True:
            before = part.size
            try:
                if await self._go_on(part, home):
                    return
            except NoAnswer as error:
                part.breaks += 1
                if part.breaks > MOST_BREAKS or (part.size == before and part.size == 0):
                    raise ProviderUnavailable(
                        say("The clip could not be downloaded: {reason}.", reason=error)
                    ) from error
                if part.etag is None:
                    part.begin_anew()

    async def _go_on(self, part: _Part, home: str) -> bool:
        """One request; True when the clip is complete, False when there is another address to go on at."""
        headers = {"Accept-Encoding": "identity", "Accept": "video/mp4,video/*;q=0.9,*/*;q=0.1"}
        if part.size and part.etag:
            headers |= {"Range": f"bytes={part.size}-", "If-Range": part.etag}
        async with self._http.stream(part.url, home=home, headers=headers) as response:
            if response.status_code in (301, 302, 303, 307, 308):
                return self._redirected(part, response)
            if response.status_code == 416 and part.size:
                part.begin_anew()
                raise NoAnswer("the server has no such part")
            self._require_good(response)
            total = self._begin(part, response)
            await self._copy(part, response)
        if part.size == 0:
            raise ProviderUnavailable(say("The provider's clip is empty so far."))
        if total is not None and part.size != total:
            raise NoAnswer("only a part of it came")
        return True

    def _begin(self, part: _Part, response: httpx.Response) -> int | None:
        """Make sure that what comes belongs behind what there is; returns how much there will be where that is said."""
        begin, total = _range_of(response) if response.status_code == 206 else (0, None)
        etag = _validator(response)
        if begin == 0:
            part.begin_anew()
            part.etag = etag
        elif begin != part.size or (etag or part.etag) != part.etag:
            # Whoever ignores `If-Range` would have us put two clips into one file.
            part.begin_anew()
            raise NoAnswer("the server went on at another place")
        return total

    def _redirected(self, part: _Part, response: httpx.Response) -> bool:
        part.redirects += 1
        if part.redirects > MOST_REDIRECTS or "location" not in response.headers:
            raise ProviderUnavailable(say("The link to the clip leads nowhere at the moment."))
        try:
            part.url = urljoin(part.url, response.headers["location"])
        except ValueError as error:
            raise ProviderUnavailable(say("The link to the clip leads nowhere at the moment.")) from error
        return False

    def _require_good(self, response: httpx.Response) -> None:
        status = response.status_code
        if status == 410:
            raise ResultGone(say("The provider says that the clip is gone."))
        if status not in (200, 206):
            wait = retry_after_s({"retry-after": response.headers.get("retry-after", "")}, self._clock.now())
            raise ProviderUnavailable(
                say("The link to the clip answers {status} at the moment.", status=status), retry_after_s=wait
            )
        kind = response.headers.get("content-type", "").lower()
        if kind.startswith(_NO_VIDEO):
            raise ProviderUnavailable(
                say("The link to the clip shows something else at the moment ({kind}).", kind=kind[:40])
            )
        size = response.headers.get("content-length", "")
        if size.isdecimal() and int(size) > LARGEST_CLIP:
            raise _too_large()

    async def _copy(self, part: _Part, response: httpx.Response) -> None:
        not_on_disk = 0
        async for piece in response.aiter_raw():
            part.size += len(piece)
            if part.size > LARGEST_CLIP:
                raise _too_large()
            _write_all(part.file, piece)
            not_on_disk += len(piece)
            if not_on_disk >= WRITTEN_OUT_EVERY:
                # It has to reach the disk anyway. Left to the system, so much gathers that it makes writers wait, for a
                # fifth of a second: this loop, and whoever commits a row that a person waits for.
                not_on_disk = 0
                await asyncio.to_thread(os.fdatasync, part.file.fileno())


def _too_large() -> ResultGone:
    most = LARGEST_CLIP // 1_000_000
    return ResultGone(say("The provider's clip is larger than {most} MB, which is more than we take.", most=most))


def _validator(response: httpx.Response) -> str | None:
    etag = str(response.headers.get("etag", ""))
    return etag if etag.startswith('"') else None


def _range_of(response: httpx.Response) -> tuple[int, int | None]:
    """Where the part begins that the server sends, and how long the whole is: `Content-Range: bytes 5-9/10`."""
    found = _RANGE.match(response.headers.get("content-range", ""))
    if found is None:
        return -1, None
    return int(found[1]), int(found[2]) if found[2] != "*" else None


def _write_all(file: BinaryIO, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[file.write(view) :]

"""Fetches results that already lie on this machine: the local renderer's."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

from adapters.media.files import written_whole
from bot.errors import NO_ROOM, DiskFull, ProviderUnavailable, ResultGone
from bot.languages.said import say


class LocalFetcher:
    """Implements `bot.ports.Fetcher` for `file://` URLs inside one directory, and for nothing else."""

    def __init__(self, allowed: Path) -> None:
        self._allowed = allowed

    async def fetch(self, url: str, provider: str, into: Path) -> None:
        """Link or copy the result to `into`, durably, or raise and leave nothing there.

        `ResultGone` when it is not (or no longer) a file inside the allowed directory; `DiskFull` when there is no
        room; `ProviderUnavailable` when the disk did not answer this time.
        """
        await asyncio.to_thread(self._fetch, url, into)

    def _fetch(self, url: str, into: Path) -> None:
        source = self._locate(url)
        try:
            into.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(into) as temporary:
                try:
                    # The renderer never writes to a finished clip again, so a second name is as good as a copy.
                    os.link(source, temporary)
                except FileNotFoundError:
                    raise
                except OSError:
                    shutil.copyfile(source, temporary)
        except FileNotFoundError as error:
            raise ResultGone(say("The rendered clip is no longer there.")) from error
        except OSError as error:
            if error.errno in NO_ROOM:
                raise DiskFull(say("There is no room left on the disk: free some space and try again.")) from error
            raise ProviderUnavailable(
                say("The rendered clip could not be read ({reason}).", reason=error.strerror)
            ) from error

    def _locate(self, url: str) -> Path:
        parts = urlsplit(url)
        gone = ResultGone(say("The rendered clip is no longer there."))
        if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
            raise gone
        try:
            # Resolved before it is compared, so that neither `..` nor a symlink leads out.
            source = Path(unquote(parts.path)).resolve(strict=True)
            inside = source.is_relative_to(self._allowed.resolve(strict=True)) and source.is_file()
        except (OSError, ValueError, RuntimeError):
            raise gone from None
        if not inside:
            raise gone
        return source

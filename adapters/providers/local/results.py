"""Fetches what the local renderer made, wherever that was."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from bot.errors import ProviderUnavailable, ResultGone
from bot.languages.said import say
from bot.ports import Fetcher, Provider, Rendering, Succeeded

_ASK_AGAIN_S = 1.0


class RenderFetcher:
    """Implements `bot.ports.Fetcher`: a result that is not on this machine is rendered here once more.

    Among many workers the one that fetches need not be the one that rendered: that one may be gone, and its disk with it.
    """

    def __init__(self, files: Fetcher, local: Provider | None) -> None:
        """`files` fetches from this machine's renders; `local` is the renderer, where there is one."""
        self._files = files
        self._local = local

    async def fetch(self, url: str, provider: str, into: Path) -> None:
        """As `files` does; `ProviderUnavailable` while it is rendered again, `ResultGone` when it cannot be."""
        try:
            await self._files.fetch(url, provider, into)
        except ResultGone:
            if self._local is None or provider != self._local.name:
                raise
            answer = await self._local.check(Path(unquote(urlsplit(url).path)).parent.name)
            if isinstance(answer, Rendering):
                raise ProviderUnavailable(
                    say("it was rendered on another machine, and is made here once more"), retry_after_s=_ASK_AGAIN_S
                ) from None
            if not isinstance(answer, Succeeded):
                raise
            await self._files.fetch(answer.url, provider, into)

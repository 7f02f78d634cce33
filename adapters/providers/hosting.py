"""Making an input reachable for a paid provider: at its own store by default, at our own signed address otherwise."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Final, Protocol

import structlog

from adapters.http.guard import ForbiddenAddress, require_allowed
from adapters.media.hosting import SignedLinks
from bot.errors import ProviderUnavailable
from bot.ids import new_id
from bot.jobs.model import Asset
from bot.languages.said import say
from bot.ports import HostedInput

log = structlog.get_logger(__name__)

LIVES: Final = timedelta(hours=24)
"""How long our own address is good. A job may wait for hours at the provider."""


class Uploader(Protocol):
    """Puts a file into a provider's store."""

    async def upload(self, asset: Asset, path: Path) -> HostedInput:
        """A new address each time. `UploadNotOffered` when there is no such store; `ProviderUnavailable`."""
        ...


class UploadNotOffered(ProviderUnavailable):
    """The provider has no such upload (any more)."""


class Hosting:
    """How one provider gets its inputs."""

    def __init__(
        self,
        home: str,
        uploaders: tuple[Uploader, ...],
        locate: Callable[[str], Awaitable[Path]],
        links: SignedLinks | None,
    ) -> None:
        """`uploaders` are tried in order; then our own address, where there is one. Without any, only our own.

        `home` is the provider's configured address: only there may an input lie that is not public.
        """
        self._home = home
        self._uploaders = uploaders
        self._locate = locate
        self._links = links

    async def host(self, asset: Asset) -> HostedInput:
        """A new address, for one attempt; public https, or at the provider's own host and port. Never anything else.

        `NotFound` when the file is gone; `ProviderUnavailable` for passing reasons.
        """
        hosted = await self._host(asset)
        try:
            require_allowed(hosted.url, self._home)
        except ForbiddenAddress as error:
            raise ProviderUnavailable(
                say("The picture's address may not be handed over: {reason}", reason=error)
            ) from error
        return hosted

    async def _host(self, asset: Asset) -> HostedInput:
        path = await self._locate(asset.id)
        problem: ProviderUnavailable | None = None
        for uploader in self._uploaders:
            try:
                return await uploader.upload(asset, path)
            except UploadNotOffered as error:
                problem = error
                log.info("provider.upload_not_offered", why=str(error))
        if self._links is not None:
            return self._links.link(asset, attempt_id=new_id(), lives=LIVES)
        raise problem or ProviderUnavailable(
            say("There is no way to hand the picture over: set {setting}.", setting="REELBOT_WEB__PUBLIC_URL")
        )

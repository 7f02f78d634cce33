"""Which chats this process is connected to, as the roles that hold the connections say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

IsConnected = Callable[[], bool]
"""Asked whenever somebody wants to know; must not wait for anything."""


class Connections:
    """The connections of one process. A chat whose role does not run here is not named."""

    def __init__(self) -> None:
        self._asked: dict[str, IsConnected] = {}

    @contextmanager
    def kept(self, platform: str, is_connected: IsConnected) -> Iterator[None]:
        """While the block lasts this process answers a chat, and `is_connected` says whether it can just now."""
        self._asked[platform] = is_connected
        try:
            yield
        finally:
            if self._asked.get(platform) is is_connected:
                del self._asked[platform]

    def stand(self) -> Mapping[str, bool]:
        """Every chat of this process, and whether it is connected."""
        return {platform: bool(ask()) for platform, ask in sorted(self._asked.items())}

"""The wire to the emulated Discord: its addresses, its gateway's troubles. `discord_world` is the people on top of it."""

from __future__ import annotations

from typing import Any

from tests.emulators.driver import OPENER, Driver


class Wire(Driver):
    """What a test asks of the emulator itself."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        facts = self._ask("world")
        self.bot: str = facts["bot"]
        self.application: str = facts["application"]
        self.owner: str = facts["owner"]
        self.token: str = facts["token"]

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/v10"

    @property
    def gateway_url(self) -> str:
        return f"{self.url.replace('http', 'ws', 1)}/gateway"

    def download(self, file: dict[str, Any]) -> bytes:
        """The bytes of an attachment."""
        with OPENER.open(file["url"], timeout=20) as answer:
            content: bytes = answer.read()
            return content

    def drop_gateway(self, close_code: int | None = None, *, forget: bool = False) -> int:
        """End the bot's connections, without a close frame or with one; `forget`: they cannot be resumed."""
        dropped: int = self.do("drop_gateway", close_code=close_code, forget=forget)
        return dropped

    def reconnect_gateway(self) -> int:
        """Ask the bot to reconnect (opcode 7)."""
        told: int = self.do("reconnect_gateway")
        return told

    def invalidate_gateway(self, *, resumable: bool = False) -> int:
        """Tell the bot its session is invalid (opcode 9)."""
        told: int = self.do("invalidate_gateway", resumable=resumable)
        return told

    def sessions(self) -> list[dict[str, Any]]:
        """The gateway sessions of the bot: id, shard, intents, connected."""
        sessions: list[dict[str, Any]] = self.do("sessions")
        return sessions

    def posted(self, file_name: str | None = None) -> list[dict[str, Any]]:
        """The bot's messages that were ever created, deleted ones included; with a file of this name, when one is given."""
        created = [entry for entry in self.journal("message-created") if entry["bot"]]
        return [entry for entry in created if file_name is None or file_name in entry["files"]]

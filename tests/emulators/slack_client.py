"""The bot's side in tests of the emulated Slack: its token and a plain HTTP client; nothing is retried."""

from __future__ import annotations

from typing import Any

import httpx

from tests.emulators.slack_world import SlackWorld
from tests.patience import PATIENCE_S


class SlackBot:
    """Calls methods, as JSON or as a form, and uploads in three steps."""

    def __init__(self, world: SlackWorld, token: str | None = None) -> None:
        self.world = world
        self.http = httpx.Client(base_url=world.api_url, trust_env=False, timeout=PATIENCE_S)
        self.http.headers["Authorization"] = f"Bearer {token or world.token}"

    def call(self, method: str, **args: Any) -> Any:
        """The answer to a JSON body."""
        return self.http.post(f"/{method}", json=args).json()

    def form(self, method: str, **args: Any) -> Any:
        """The answer to a form."""
        return self.http.post(f"/{method}", data=args).json()

    def post(self, channel: str, text: str = "hello", **args: Any) -> Any:
        return self.call("chat.postMessage", channel=channel, text=text, **args)

    def begin(self, name: str = "clip.mp4", content: bytes = b"moov", **args: Any) -> str:
        """The first two steps of an upload: the file's id."""
        begun = self.form("files.getUploadURLExternal", filename=name, length=len(content), **args)
        assert httpx.post(begun["upload_url"], content=content, trust_env=False).status_code == 200
        file_id: str = begun["file_id"]
        return file_id

    def complete(self, file_id: str, channel: str | None, **args: Any) -> Any:
        """The third step."""
        place = {"channel_id": channel} if channel else {}
        return self.call("files.completeUploadExternal", files=[{"id": file_id, "title": "a clip"}], **place, **args)

    def shares(self, file_id: str) -> Any:
        return self.form("files.info", file=file_id)["file"]["shares"]

"""The far end of transfers to Slack: `benchmarks.discord_line`, with the three steps of an upload.

python -m benchmarks.slack_line CLIP MEGABYTES_A_SECOND
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from benchmarks.discord_line import Line, run, spawned


class SlackLine(Line):
    """Shares every file at once, in the channel it was completed for."""

    def app(self) -> web.Application:
        app = super().app()
        app.router.add_post("/api/{method}", self.method)
        app.router.add_post("/upload/v1/{file}", self.take)
        return app

    async def method(self, request: web.Request) -> web.Response:
        """As much of the Web API as a delivery needs."""
        said = await request.post()
        here = f"http://127.0.0.1:{request.url.port}"
        match request.match_info["method"]:
            case "auth.test":
                return web.json_response({"ok": True, "team_id": "T1", "user_id": "U1", "bot_id": "B1"})
            case "files.getUploadURLExternal":
                return web.json_response({"ok": True, "upload_url": f"{here}/upload/v1/F1", "file_id": "F1"})
            case "files.completeUploadExternal":
                self._channel = str(said["channel_id"])
                return web.json_response({"ok": True, "files": [{"id": "F1"}]})
            case "files.info":
                shares = {"public": {self._channel: [{"ts": "1.1"}]}}
                return web.json_response({"ok": True, "file": {"id": "F1", "shares": shares}})
        return web.json_response({"ok": False, "error": "unknown_method"})


@contextmanager
def a_slack_line() -> Iterator[str]:
    """Its address; as fast as can be."""
    with spawned("benchmarks.slack_line", "none", "0") as url:
        yield url


if __name__ == "__main__":
    asyncio.run(run(SlackLine, sys.argv))

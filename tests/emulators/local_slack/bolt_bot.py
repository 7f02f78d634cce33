"""A small slack_bolt app for the tests of local-slack: it uses what Reelbot uses, and runs in a thread of its own."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Coroutine
from typing import Any

from aiohttp import ClientSession, web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from tests.emulators.local_slack.world import SlackWorld

FORM = {
    "type": "modal",
    "callback_id": "animate",
    "title": {"type": "plain_text", "text": "Animate"},
    "submit": {"type": "plain_text", "text": "Start"},
    "private_metadata": "from a command",
    "blocks": [
        {
            "type": "input",
            "block_id": "picture",
            "label": {"type": "plain_text", "text": "Picture"},
            "element": {"type": "file_input", "action_id": "files", "max_files": 1},
        },
        {
            "type": "input",
            "block_id": "prompt",
            "label": {"type": "plain_text", "text": "Prompt"},
            "element": {"type": "plain_text_input", "action_id": "text", "initial_value": "it moves"},
        },
    ],
}
TOO_SHORT = {"response_action": "errors", "errors": {"prompt": "Say more."}}


class BoltBot:
    """Hears everything, and remembers it; `heard` holds pairs of what it was and its payload."""

    def __init__(self, slack: SlackWorld, *, door: socket.socket | None = None, secret: str | None = None) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.app = AsyncApp(
            client=AsyncWebClient(token=slack.bot_token, base_url=f"{slack.api_url}/"),
            signing_secret=secret or slack.signing_secret,
            # So that what a test reads has happened when the person's act returns.
            process_before_response=True,
        )
        self._listen()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._over = self.run(self._serve(door) if door is not None else self._connect(slack.app_token))

    @property
    def client(self) -> AsyncWebClient:
        return self.app.client

    def all(self, kind: str) -> list[dict[str, Any]]:
        """What it heard of one kind, in order."""
        return [payload for name, payload in self.heard if name == kind]

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do something where the bot lives."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def upload(self, name: str, content: bytes, **complete: Any) -> str:
        """The three steps; the id of the file."""

        async def steps() -> str:
            place = await self.client.files_getUploadURLExternal(filename=name, length=len(content))
            async with ClientSession() as http, http.post(place["upload_url"], data=content) as answer:
                assert answer.status == 200
            await self.client.files_completeUploadExternal(files=[{"id": place["file_id"]}], **complete)
            return str(place["file_id"])

        found: str = self.run(steps())
        return found

    def stop(self) -> None:
        self.run(self._over())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _listen(self) -> None:
        @self.app.event(re.compile(".*"))
        async def event(body: dict[str, Any]) -> None:
            self.heard.append((body["event"]["type"], body["event"]))

        @self.app.command("/animate")
        async def command(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
            self.heard.append(("command", body))
            await client.views_open(trigger_id=body["trigger_id"], view=FORM)
            await ack()

        @self.app.action(re.compile(".*"))
        async def action(ack: Any, body: dict[str, Any], respond: Any) -> None:
            self.heard.append(("action", body))
            await ack()
            await respond(text="started", replace_original=True)

        @self.app.view("animate")
        async def view(ack: Any, body: dict[str, Any]) -> None:
            self.heard.append(("view", body["view"]))
            short = len(body["view"]["state"]["values"]["prompt"]["text"]["value"]) < 5
            await ack(**(TOO_SHORT if short else {}))

    async def _connect(self, app_token: str) -> Any:
        handler = AsyncSocketModeHandler(self.app, app_token)
        await handler.connect_async()
        return handler.close_async

    async def _serve(self, door: socket.socket) -> Any:
        runner = web.AppRunner(self.app.web_app())
        await runner.setup()
        await web.SockSite(runner, door).start()
        return runner.cleanup

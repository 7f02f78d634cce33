"""The wire to the emulated Discord: ops, knobs, faults, the journal. `discord_world` is the people on top of it."""

from __future__ import annotations

import base64
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

File = tuple[str, bytes | os.PathLike[str]]
"""A file somebody uploads: name, and bytes or where they are."""
PAUSE_S = 0.02
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Impossible(Exception):
    """No person could do that in a Discord client; the message says why."""


class Wire:
    """What a test asks of the emulator itself."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._since = 0
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
        with _OPENER.open(file["url"], timeout=20) as answer:
            content: bytes = answer.read()
            return content

    # Trouble

    def fault(
        self, route: str, fault: str, *, when: str = "before", times: int = 1, skip: int = 0, after_bytes: int = 1000
    ) -> None:
        """The next `times` requests of a route suffer it; words and patterns: `discord_faults`."""
        self.do("fault", route=route, fault=fault, when=when, times=times, skip=skip, after_bytes=after_bytes)

    def no_faults(self) -> int:
        """Forget the faults that are left; how many there were."""
        left: int = self.do("no_faults")
        return left

    def knobs(self, **knobs: Any) -> dict[str, Any]:
        """Change settings of `discord_server.SETTINGS`; `None` puts one back."""
        changed: dict[str, Any] = self._ask("knobs", knobs)
        return changed

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

    # The journal

    def journal(self, *events: str) -> list[dict[str, Any]]:
        """What was written down since `mark`, in order; all events when none are named."""
        entries = self._ask(f"log?since={self._since}")
        return [entry for entry in entries if not events or entry["event"] in events]

    def mark(self) -> None:
        """From now on this object's journal begins here."""
        self._since += len(self.journal())

    def violations(self) -> list[str]:
        """What the bot did that no correct client does, and what the emulator itself did wrong; empty after a good test."""
        return [f"{entry['event']}: {entry['why']}" for entry in self.journal("violation", "emulator-fault")]

    def posted(self, file_name: str | None = None) -> list[dict[str, Any]]:
        """The bot's messages that were ever created, deleted ones included; with a file of this name, when one is given."""
        created = [entry for entry in self.journal("message-created") if entry["bot"]]
        return [entry for entry in created if file_name is None or file_name in entry["files"]]

    def counts(self) -> dict[str, int]:
        """Requests per operation."""
        counts: dict[str, int] = self._ask("counts")
        return counts

    def until(self, look: Callable[[], Any], timeout_s: float = 10.0, *, about: str = "it") -> Any:
        """The first true thing `look` finds."""
        deadline = time.monotonic() + timeout_s
        while not (found := look()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{about} did not happen within {timeout_s} s; lately: {self.journal()[-5:]}")
            time.sleep(PAUSE_S)
        return found

    # The wire

    def do(self, op: str, **facts: Any) -> Any:
        """One op of `discord_control`."""
        return self._ask("do", {"op": op, **facts})

    def _ask(self, what: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        try:
            with _OPENER.open(f"{self.url}/_emulator/{what}", data, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise
            raise Impossible(json.load(error)["error"]) from None


def as_file(file: File) -> dict[str, Any]:
    """A file as the control desk takes it."""
    name, content = file
    if isinstance(content, bytes):
        return {"name": name, "base64": base64.b64encode(content).decode()}
    return {"name": name, "path": os.fspath(content)}


def as_option(value: Any) -> Any:
    """A value of an option or a field, files turned into what the control desk takes."""
    if isinstance(value, tuple):
        return as_file(value)
    return [as_option(one) for one in value] if isinstance(value, list) else value

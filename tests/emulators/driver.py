"""The wire to a chat emulator, for tests: ops, knobs, faults, the journal. Standard library only, no asyncio.

`discord_world` and `slack_world` are the people on top of it. Usable from any thread or process: it knows the URL, and no more.
"""

from __future__ import annotations

import base64
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from tests.patience import PATIENCE_S

File = tuple[str, bytes | os.PathLike[str]]
"""A file somebody uploads: name, and bytes or where they are."""
PAUSE_S = 0.02
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Impossible(Exception):
    """No person could do that in the chat's own client; the message says why."""


class Driver:
    """What a test asks of the emulator itself."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._since = 0

    # Trouble

    def fault(
        self, route: str, fault: str, *, when: str = "before", times: int = 1, skip: int = 0, after_bytes: int = 1000
    ) -> None:
        """The next `times` requests of a route suffer it; words and patterns: `faults`, and `…_faults` of the emulator."""
        self.do("fault", route=route, fault=fault, when=when, times=times, skip=skip, after_bytes=after_bytes)

    def no_faults(self) -> int:
        """Forget the faults that are left; how many there were."""
        left: int = self.do("no_faults")
        return left

    def knobs(self, **knobs: Any) -> dict[str, Any]:
        """Change settings of the server (its `SETTINGS`); `None` puts one back."""
        changed: dict[str, Any] = self._ask("knobs", knobs)
        return changed

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

    def counts(self) -> dict[str, int]:
        """Requests per operation."""
        counts: dict[str, int] = self._ask("counts")
        return counts

    def until(self, look: Callable[[], Any], timeout_s: float = PATIENCE_S, *, about: str = "it") -> Any:
        """The first true thing `look` finds."""
        deadline = time.monotonic() + timeout_s
        while not (found := look()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{about} did not happen within {timeout_s} s; lately: {self.journal()[-5:]}")
            time.sleep(PAUSE_S)
        return found

    # The wire

    def do(self, op: str, **facts: Any) -> Any:
        """One op of the control desk."""
        return self._ask("do", {"op": op, **facts})

    def _ask(self, what: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        try:
            with OPENER.open(f"{self.url}/_emulator/{what}", data, timeout=60) as answer:
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

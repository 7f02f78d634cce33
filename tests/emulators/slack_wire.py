"""The wire to the emulated Slack: its addresses and secrets, its troubles, its journal. `slack_world` is the people on top."""

from __future__ import annotations

import urllib.request
from typing import Any

from tests.emulators.driver import OPENER, Driver


class Wire(Driver):
    """What a test asks of the emulator itself."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        facts = self._ask("world")
        self.team: str = facts["team"]
        self.app: str = facts["app"]
        self.bot: str = facts["bot"]
        """The bot's user in the first workspace."""
        self.bot_id: str = facts["bot_id"]
        self.token: str = facts["bot_token"]
        self.app_token: str = facts["app_token"]
        self.signing_secret: str = facts["signing_secret"]
        self.client_id: str = facts["client_id"]
        self.client_secret: str = facts["client_secret"]
        self.stranger: str = facts["stranger"]
        """The address of another host: a token sent there is a violation."""

    @property
    def api_url(self) -> str:
        """What clients take for the Web API's address."""
        return f"{self.url}/api"

    def download(self, file: dict[str, Any]) -> bytes:
        """The bytes of a file, as the bot reads them."""
        request = urllib.request.Request(file["url_private"], headers={"Authorization": f"Bearer {self.token}"})
        with OPENER.open(request, timeout=20) as answer:
            content: bytes = answer.read()
            return content

    def calm(self) -> int:
        """Between two tests: forget faults, rate limits, and events that are still on their way (how many)."""
        forgotten: int = self.do("calm")
        return forgotten

    # Transport

    def deliver_to(self, target_url: str | None) -> None:
        """POST everything to this address, signed; `None`: Socket Mode."""
        self.knobs(target_url=target_url)

    def verify_url(self) -> bool:
        """`url_verification`: whether the challenge came back."""
        good: bool = self.do("verify_url")
        return good

    def post_event(self, event: dict[str, Any], **proof: Any) -> dict[str, Any]:
        """A hand-made request to `target_url`; `at` and `signature` in place of the right ones: its kind, status, body."""
        answer: dict[str, Any] = self.do("post_event", event=event, **proof)
        return answer

    def connections(self) -> int:
        """Open connections of Socket Mode."""
        count: int = self.do("connections")
        return count

    def cut(self, how: str = "reset") -> int:
        """End all of them: reset, close, refresh_requested, warning, link_disabled; how many there were."""
        cut: int = self.do("cut", how=how)
        return cut

    # The journal

    def posted(self, channel: str | None = None) -> list[dict[str, Any]]:
        """The bot's messages that were ever posted, deleted ones included."""
        return [one for one in self.journal("message-posted") if channel in {None, one["channel"]}]

    def shared(self, filename: str | None = None) -> list[dict[str, Any]]:
        """Every share there ever was, deleted ones included; of files of this name, when one is given."""
        return [one for one in self.journal("shared") if filename in {None, one["name"]}]

    def completed(self, filename: str) -> list[dict[str, Any]]:
        """Every files.completeUploadExternal that named such a file."""
        return [one for one in self.journal("completed") if filename in one["files"]]

    def refused(self, method: str | None = None) -> list[tuple[str, str]]:
        """(method, error) of every refused call."""
        return [(one["method"], one["error"]) for one in self.journal("refused") if method in {None, one["method"]}]

"""The Events API over HTTP: signed POSTs to the app's own address, as Slack sends them."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import aiohttp

from tests.emulators.slack_events import Ack, Retry

if TYPE_CHECKING:
    from tests.emulators.slack_server import Slack

AGENT = "Slackbot 1.0 (+https://api.slack.com/robots)"


class Http:
    """Posts to `target_url`."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self._session: aiohttp.ClientSession | None = None

    async def deliver(self, kind: str, payload: dict[str, Any], retry: Retry | None) -> Ack:
        """One request; 2xx within three seconds is an acknowledgement."""
        if kind == "events_api":
            body, content_type = json.dumps(payload).encode(), "application/json"
        else:
            fields = {"payload": json.dumps(payload)} if kind == "interactive" else payload
            body, content_type = urlencode(fields).encode(), "application/x-www-form-urlencoded"
        headers = {"Content-Type": content_type}
        if retry is not None:
            headers |= {"X-Slack-Retry-Num": str(retry.number), "X-Slack-Retry-Reason": retry.reason}
        return await self.post(body, headers)

    def signed(self, body: bytes, *, at: int | None = None) -> dict[str, str]:
        """The two headers that prove it is Slack."""
        moment = str(int(time.time()) if at is None else at)
        secret = self._slack.settings["signing_secret"].encode()
        signature = hmac.new(secret, b"v0:" + moment.encode() + b":" + body, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": moment, "X-Slack-Signature": f"v0={signature}"}

    async def post(self, body: bytes, headers: dict[str, str], *, proof: dict[str, str] | None = None) -> Ack:
        if self._session is None:
            # Connections are not kept: Slack's come from everywhere, and a restarted app must not meet an old one.
            connector = aiohttp.TCPConnector(force_close=True)
            self._session = aiohttp.ClientSession(connector=connector, trust_env=False)
        sent = {"User-Agent": AGENT, "Accept": "*/*", **headers, **(self.signed(body) if proof is None else proof)}
        timeout = aiohttp.ClientTimeout(total=self._slack.settings["ack_s"])
        try:
            async with self._session.post(
                self._slack.settings["target_url"], data=body, headers=sent, timeout=timeout, allow_redirects=False
            ) as answer:
                text = await answer.text()
                no_retry = answer.headers.get("X-Slack-No-Retry") == "1"
                is_json = answer.content_type == "application/json" and bool(text)
        except TimeoutError:
            return Ack(kind="timeout")
        except (aiohttp.ClientError, ConnectionError):
            return Ack(kind="nobody")
        found: Any = text
        if is_json:
            try:
                found = json.loads(text)
            except ValueError:
                self._slack.violation("an answer that says it is JSON and is not", text[:200])
        kind = "answered" if 200 <= answer.status < 300 else "refused"
        return Ack(kind=kind, status=answer.status, body=found or None, no_retry=no_retry)

    async def verify(self) -> bool:
        """`url_verification`, as when the address is entered in the app's settings."""
        challenge = secrets.token_urlsafe(30)
        asked = {"token": "a-verification-token-of-old", "challenge": challenge, "type": "url_verification"}
        ack = await self.post(json.dumps(asked).encode(), {"Content-Type": "application/json"})
        echoed = ack.body.get("challenge") if isinstance(ack.body, dict) else ack.body
        self._slack.journal.write("url-verification", kind=ack.kind, status=ack.status, good=echoed == challenge)
        return ack.kind == "answered" and echoed == challenge

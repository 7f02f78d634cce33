"""Webhooks as the two services sign and send them: up to three attempts, to this machine only.

The signing functions are written from the fact sheet (section 4) and checked against its vectors W1, W2, E1 and E2.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from tests.emulators.vendor_books import Books, Job

ATTEMPTS = 3
PROOFS = ("secret-header", "hmac-timestamp", "hmac-body")

Seal = Callable[[Job, bytes], Mapping[str, str]]
"""Makes the headers that prove where a body comes from."""


def wavespeed_signature(secret: str, webhook_id: str, timestamp: str, body: bytes) -> str:
    """`v3,<hex>`; the key is the text after `whsec_`, as it is."""
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v3," + hmac.new(secret.removeprefix("whsec_").encode(), signed, hashlib.sha256).hexdigest()


def wavespeed_headers(secret: str, body: bytes) -> dict[str, str]:
    """The three headers of a WaveSpeed webhook sent now."""
    webhook_id, timestamp = uuid.uuid4().hex, str(int(time.time()))
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": wavespeed_signature(secret, webhook_id, timestamp, body),
    }


def eachlabs_headers(proof: str, secret: str, timestamp: str, body: bytes) -> dict[str, str]:
    """The proof of an Eachlabs webhook, in one of the three forms that were documented or reported."""
    match proof:
        case "secret-header":
            return {"X-Webhook-Secret": secret}
        case "hmac-timestamp":
            signature = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
            return {"X-Webhook-Signature": signature, "X-Webhook-Timestamp": timestamp}
        case "hmac-body":
            return {"X-Webhook-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}
    raise SystemExit(f"proof must be one of {PROOFS}, not {proof!r}")


class Postman:
    """Brings webhooks to where the create asked for them."""

    def __init__(self, books: Books, settings: Mapping[str, Any], seal: Seal) -> None:
        self._books = books
        self._settings = settings
        self._seal = seal

    async def announce(self, job: Job, payload: Mapping[str, Any]) -> None:
        """Tell the job's webhook how it ended, as often and as late as its markers say."""
        if not job.webhook_url or "no-webhook" in job.markers or "cannot-tell" in job.markers:
            return
        if "webhook-late" in job.markers:
            await asyncio.sleep(job.markers.seconds("webhook-late", 1))
        body = json.dumps(payload).encode()
        for _ in range(2 if "webhook-twice" in job.markers else 1):
            await self._deliver(job, body)

    async def _deliver(self, job: Job, body: bytes) -> None:
        address = self._on_this_machine(job.webhook_url or "")
        if address is None:
            self._books.journal.write("webhook-withheld", provider_job_id=job.id, url=job.webhook_url)
            return
        timeout = aiohttp.ClientTimeout(total=self._settings["webhook_timeout_s"])
        async with aiohttp.ClientSession(timeout=timeout) as session:
            for attempt in range(1, ATTEMPTS + 1):
                answer = await self._post(session, address, job, body)
                facts = {"status": job.status, "answer": answer, "attempt": attempt}
                self._books.journal.write("webhook-sent", provider_job_id=job.id, **facts)
                job.deliveries.append({"at": time.time(), "answer": answer})
                if answer is not None and 200 <= answer < 300:
                    return
                await asyncio.sleep(self._settings["webhook_retry_s"])

    def _on_this_machine(self, url: str) -> str | None:
        """Where to bring it: the address itself, or what the setting `reachable` puts in its origin's place."""
        for public, local in self._settings["reachable"].items():
            if url.startswith(f"{public}/"):
                url = local + url.removeprefix(public)
        parts = urlsplit(url)
        return url if parts.scheme == "http" and parts.hostname == "127.0.0.1" else None

    async def _post(self, session: aiohttp.ClientSession, address: str, job: Job, body: bytes) -> int | None:
        """The status of the answer; `None` when there was none."""
        headers = {"Content-Type": "application/json", **self._seal(job, body)}
        try:
            async with session.post(address, data=body, headers=headers, allow_redirects=False) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return None

"""WaveSpeed's webhooks: `webhook-signature: v3,<hex>` over id, time and the raw body (their docs, read 2026-06)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from adapters.providers.wavespeed.wire import input_in
from bot.errors import NotAllowed
from bot.ports import ProviderEvent

TOLERANCE_S: Final = 300
_PREFIX: Final = "whsec_"
_VERSION: Final = "v3,"


def signature(secret: str, webhook_id: str, timestamp: str, body: bytes) -> str:
    """`v3,` and 64 hex digits. The key is the text after `whsec_`, as it is: it is not base64."""
    key = secret.removeprefix(_PREFIX).encode()
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return _VERSION + hmac.new(key, signed, hashlib.sha256).hexdigest()


def read(headers: Mapping[str, str], body: bytes, *, secret: str, now: datetime) -> ProviderEvent:
    """Verify, then parse. `NotAllowed` for anything but a fresh call with exactly the right signature."""
    given = {name.lower(): value for name, value in headers.items()}
    webhook_id, timestamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    signed = given.get("webhook-signature", "")
    expected = signature(secret, webhook_id, timestamp, body)
    # Without a key anybody could sign.
    if (
        not webhook_id
        or not secret.removeprefix(_PREFIX)
        or not hmac.compare_digest(signed.encode(), expected.encode())
    ):
        raise NotAllowed("This call does not carry WaveSpeed's signature.")
    if not (timestamp.isascii() and timestamp.isdigit()) or abs(now.timestamp() - float(timestamp)) > TOLERANCE_S:
        raise NotAllowed("This call is too old, or its clock is wrong.")
    return parse(body)


def parse(body: bytes) -> ProviderEvent:
    """The task's id and state; `NotAllowed` when the body names none."""
    try:
        task = json.loads(body)
        provider_job_id, status = task["id"], task["status"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise NotAllowed("This call names no task.") from error
    if not (isinstance(provider_job_id, str) and isinstance(status, str) and provider_job_id):
        raise NotAllowed("This call names no task.")
    return ProviderEvent(provider_job_id=provider_job_id, status=status, input_url=input_in(task))

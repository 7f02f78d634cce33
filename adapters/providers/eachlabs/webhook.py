"""Eachlabs' webhooks: three documented or reported proofs; which one is live is not known (docs, read 2026-08)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from bot.errors import NotAllowed
from bot.ports import ProviderEvent

Proof = Literal["auto", "secret-header", "hmac-timestamp", "hmac-body"]

SECRET: Final = "x-webhook-secret"  # noqa: S105  the name of a header
SIGNATURE: Final = "x-webhook-signature"
TIMESTAMP: Final = "x-webhook-timestamp"


def signature(secret: str, body: bytes, timestamp: str | None = None) -> str:
    """64 hex digits: over `timestamp.body`, or over the body alone."""
    signed = body if timestamp is None else f"{timestamp}.".encode() + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def read(headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str], proof: Proof) -> ProviderEvent:
    """Verify by any of `secrets` (of this attempt; several after a change of key), then parse. `NotAllowed`."""
    given = {name.lower(): value for name, value in headers.items()}
    if not any(_is_proven(given, body, secret, proof) for secret in secrets):
        raise NotAllowed("This call does not carry Eachlabs' proof.")
    return parse(body)


def _is_proven(given: Mapping[str, str], body: bytes, secret: str, proof: Proof) -> bool:
    signed, timestamp = given.get(SIGNATURE), given.get(TIMESTAMP)
    if proof == "auto":
        if signed is None:
            return _equal(given.get(SECRET), secret)
        # A signature that is there must hold; the weaker proof beside it does not mend it.
        with_time = timestamp is not None and _signed(signed, signature(secret, body, timestamp))
        return with_time or _signed(signed, signature(secret, body))
    if proof == "secret-header":
        return _equal(given.get(SECRET), secret)
    if proof == "hmac-timestamp":
        return timestamp is not None and _signed(signed, signature(secret, body, timestamp))
    return _signed(signed, signature(secret, body))


def _signed(given: str | None, expected: str) -> bool:
    return given is not None and _equal(given.removeprefix("sha256="), expected)


def _equal(given: str | None, expected: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), expected.encode())


def parse(body: bytes) -> ProviderEvent:
    """The render's id and state; `NotAllowed` when the body names none."""
    try:
        call = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotAllowed("This call names no render.") from error
    if not isinstance(call, dict):
        raise NotAllowed("This call names no render.")
    provider_job_id = call.get("exec_id") or call.get("id")
    status = call.get("status")
    if not isinstance(status, str) and isinstance(call.get("success"), bool):
        status = "succeeded" if call["success"] else "failed"
    if not (isinstance(provider_job_id, str) and isinstance(status, str) and provider_job_id):
        raise NotAllowed("This call names no render.")
    return ProviderEvent(provider_job_id=provider_job_id, status=status)

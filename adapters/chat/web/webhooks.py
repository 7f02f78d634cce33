"""`POST /webhooks/{provider}/{token}`: a provider says that something happened. A hint to look, never proof of a state.

No sign-in: the token names one attempt and cannot be guessed, and the provider proves itself in its own way before
anything of the call is believed. What is believed is written down in one transaction; the engine then asks the provider.
"""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Callable
from typing import Any

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from adapters.chat.web.problems import NOTHING_HERE, problem
from bot.errors import Fenced, NotAllowed, NotFound, ProviderUnavailable
from bot.jobs.model import Evidence, EvidenceKind, Submission
from bot.ports import Clock, LearnsWebhookSecret, Provider, ProviderEvent
from bot.service import Service

log = structlog.get_logger(__name__)

BODY_LIMIT_BYTES = 256 * 1024
READ_WITHIN_S = 15.0
"""Longest a body may take to arrive."""
LEARN_WITHIN_S = 10.0
"""Longest to ask a provider what it signs with; they wait 30 s for our answer."""
COMPLAIN_EVERY_S = 60.0
RETRY_AFTER_S = 30.0
LONGEST_TOKEN = 100
LONGEST_ID = 200
LONGEST_STATUS = 100
"""Characters."""


def routes(service: Service) -> APIRouter:
    """The route, bound to one Reelbot."""
    router = APIRouter()
    complaints = _Complaints(service.desk.clock)

    @router.post("/webhooks/{provider}/{token}", include_in_schema=False)
    async def webhook(provider: str, token: str, request: Request) -> JSONResponse:
        """Verify, write down, wake; asks the provider nothing but, once, what it signs with."""
        is_known = provider in service.desk.providers

        def count(outcome: str) -> None:
            service.desk.metrics.webhook(provider, outcome, is_known=is_known)

        try:
            sender, submission = await _addressed(service, provider, token)
        except NotFound:
            count("unknown")
            raise
        try:
            body = await _body(request)
        except HTTPException:
            count("unreadable")
            raise
        try:
            event = await _verified(service, sender, submission, _lower(request), body)
        except NotAllowed:
            count("refused")
            complaints.about(provider)
            return problem(401, "unauthorized", "The proof that this call comes from the provider is missing or wrong.")
        except ProviderUnavailable as error:
            count("unverifiable")
            wait = {"Retry-After": str(math.ceil(error.retry_after_s or RETRY_AFTER_S))}
            log.warning("webhook.cannot_be_verified", provider=provider, job_id=submission.job_id, why=str(error))
            return problem(503, error.code, "This cannot be verified at the moment; deliver it again later.", wait)
        return await _receive(service, submission, event, count)

    return router


async def _addressed(service: Service, provider: str, token: str) -> tuple[Provider, Submission]:
    """Whom the address names; the same `NotFound` for a provider and for a token that we do not know."""
    sender = service.desk.providers.get(provider)
    submission = None
    if sender is not None and len(token) <= LONGEST_TOKEN:
        submission = await service.stores.submissions.by_token(token)
    if sender is None or submission is None or submission.provider != provider:
        raise NotFound(NOTHING_HERE)
    return sender, submission


async def _body(request: Request) -> bytes:
    """The raw bytes: the proof is over them. 413 as soon as there are too many, 408 when they do not come."""
    announced = request.headers.get("content-length", "0")
    too_large = HTTPException(413, f"At most {BODY_LIMIT_BYTES // 1024} KB are taken here.")
    if not announced.isdigit() or int(announced) > BODY_LIMIT_BYTES:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            async for piece in request.stream():
                body += piece
                if len(body) > BODY_LIMIT_BYTES:
                    raise too_large
    except (TimeoutError, ClientDisconnect):
        raise HTTPException(408, "The body did not arrive.") from None
    return bytes(body)


def _lower(request: Request) -> dict[str, str]:
    """Headers by lower-case name; one that came twice is joined, as RFC 9110 reads it, and so proves nothing."""
    joined: dict[str, str] = {}
    for name, value in request.headers.items():
        joined[name.lower()] = f"{joined[name.lower()]}, {value}" if name.lower() in joined else value
    return joined


async def _verified(
    service: Service, sender: Provider, submission: Submission, headers: dict[str, str], body: bytes
) -> ProviderEvent:
    """What the call says, once it is proven. `NotAllowed` when it is not; `ProviderUnavailable`: not now."""
    if isinstance(sender, LearnsWebhookSecret):
        learning = sender.learn_webhook_secret()
        await service.desk.outside.call("provider.learn_webhook_secret", learning, timeout_s=LEARN_WITHIN_S)
    if "attempt_id" in inspect.signature(sender.read_webhook).parameters:
        return sender.read_webhook(headers, body, attempt_id=submission.attempt_id)
    # A provider of another package may prove itself without it: the protocol's first form had no such parameter.
    return sender.read_webhook(headers, body)


async def _receive(
    service: Service, submission: Submission, event: ProviderEvent, count: Callable[[str], None]
) -> JSONResponse:
    about: dict[str, Any] = {"provider": submission.provider, "job_id": submission.job_id}
    if not 0 < len(event.provider_job_id) <= LONGEST_ID:
        count("unreadable")
        return problem(422, "bad_request", "The call names no job of the provider.")
    if event.input_url is not None and event.input_url != submission.input_url:
        log.warning("webhook.contradicts", **about, why="it names another input")
        count("contradicts")
        return _contradicts()
    evidence = Evidence(
        attempt_id=submission.attempt_id,
        kind=EvidenceKind.WEBHOOK,
        provider_job_id=event.provider_job_id,
        status=event.status[:LONGEST_STATUS],
    )
    try:
        is_new = await service.stores.evidence.receive(submission, evidence)
    except Fenced as error:
        log.warning("webhook.contradicts", **about, why=str(error))
        count("contradicts")
        return _contradicts()
    count("received" if is_new else "repeated")
    log.info("webhook.received", **about, status=evidence.status, is_new=is_new)
    # Also for one that was there: whoever wrote it may have died before waking the job.
    await service.engine.wake(submission.job_id)
    return JSONResponse({"status": "ok"})


def _contradicts() -> JSONResponse:
    return problem(409, "conflict", "This contradicts what is known of the attempt; nothing was changed.")


class _Complaints:
    """One line a minute and provider: a stranger who keeps calling must not fill the log. Says nothing of the call."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: dict[str, float] = {}
        self._times: dict[str, int] = {}

    def about(self, provider: str) -> None:
        """A call in this provider's name proved nothing."""
        now = self._clock.monotonic()
        self._times[provider] = self._times.get(provider, 0) + 1
        if now - self._said.get(provider, -math.inf) >= COMPLAIN_EVERY_S:
            log.warning("webhook.refused", provider=provider, times=self._times.pop(provider))
            self._said[provider] = now

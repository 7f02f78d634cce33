"""`/api/v1/jobs/{id}/events`: what happens to a job, as it happens, as server-sent events (WHATWG HTML, 9.2).

`state` events are history: each has an id, and after a break `Last-Event-ID` brings those that were missed. `job` events
are how the job stands now, whole, whenever that changes; they have no id. The stream ends with the job; who asks again
after the last event of a job that has ended is answered 204, which tells a browser to stop.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from adapters.chat.web.api.schemas import Answers, answers
from adapters.chat.web.caller import SignedIn
from adapters.chat.web.feed import Feed, Watch
from bot.jobs.as_json import moment
from bot.jobs.model import JobEvent
from bot.service import Service

STREAM_HEADERS: Final = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
"""The second is nginx's: without it a proxy collects events until its buffer is full."""
LOOK_ANYWAY_S: Final = 15.0
"""Estimates and places in line change without anybody's doing; a quiet line would also be cut by proxies."""
RECONNECT_MS: Final = 2000


def routes(service: Service, feed: Feed) -> APIRouter:
    """The route, bound to one Reelbot."""
    router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"], responses=answers(401, 404, 422))
    described: Answers = {
        200: {
            "description": "`state` and `job` events.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        204: {"description": "The job has ended, and you have seen it all."},
    }

    @router.get("/{job_id}/events", response_class=StreamingResponse, response_model=None, responses=described)
    async def events(
        job_id: str,
        caller: SignedIn,
        last_event_id: Annotated[str | None, Header(max_length=40)] = None,
    ) -> Response:
        """What happens to a job, as server-sent events; `Last-Event-ID` goes on where a stream broke off."""
        job = await caller.job(service, job_id)
        after = int(last_event_id) if last_event_id and last_event_id.isdecimal() and last_event_id.isascii() else 0
        # Beyond what a database counts to, nothing was missed.
        after = min(after, 2**62)
        if job.is_final and after and not await service.stores.jobs.events(job.id, after=after):
            return Response(status_code=204)
        stream = _stream(service, feed, job.id, after)
        return StreamingResponse(stream, media_type="text/event-stream", headers=STREAM_HEADERS)

    return router


async def _stream(service: Service, feed: Feed, job_id: str, after: int) -> AsyncIterator[bytes]:
    yield format_sse_event(retry=RECONNECT_MS)
    shown = b""
    async with feed.watch(lambda job: job.id == job_id) as watch:
        while True:
            job = await service.stores.jobs.load(job_id)
            if job is None or job.erased_at is not None:
                yield format_sse_event(event="deleted", data_str=json.dumps({"id": job_id}))
                return
            is_quiet = True
            for event in await service.stores.jobs.events(job_id, after=after):
                after, is_quiet = event.id, False
                yield format_sse_event(event="state", id=str(event.id), data_str=_text(event_as_json(event)))
            text = _text(await service.describe(job))
            # Hundreds of streams may be open: each remembers what it said by 16 bytes.
            said = hashlib.blake2b(text.encode(), digest_size=16).digest()
            if said != shown:
                shown, is_quiet = said, False
                yield format_sse_event(event="job", data_str=text)
            del text
            if is_quiet:
                yield KEEPALIVE_COMMENT
            if job.is_final or not await _wait(watch, feed):
                return


async def _wait(watch: Watch, feed: Feed) -> bool:
    """Until something changed, or is to be looked at anyway; False when the process ends."""
    await watch.changed(within_s=LOOK_ANYWAY_S)
    return not feed.is_closed


def event_as_json(event: JobEvent) -> dict[str, Any]:
    """What happened, when, and how the job stood then."""
    return {
        "id": event.id,
        "job_id": event.job_id,
        "kind": event.kind,
        "state": event.state.value,
        "at": moment(event.at),
    }


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))

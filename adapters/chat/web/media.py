"""`GET /media/{signed}`: inputs for providers. No sign-in: nobody but us can make such an address, and it expires.

Whatever is wrong with one, the answer is the same 404: a stranger learns nothing by trying.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from adapters.chat.web.problems import problem
from adapters.media.hosting import SERVED, SignedAsset, SignedLinks
from bot.errors import NotFound
from bot.jobs.model import Asset, Evidence, EvidenceKind
from bot.service import Service

log = structlog.get_logger(__name__)

NOTHING_HERE = "There is nothing at this address."
NOTED_WITHIN_S = 3.0
"""Longest that writing down a fetch may hold up the fetch itself."""
MOST_NOTED = 10_000
"""Links whose fetch is remembered as written down, so that players asking for many ranges write nothing."""
SUFFIXES = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
    "video/mp4": "mp4",
}
_ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII | re.IGNORECASE)


def routes(service: Service, links: SignedLinks | None) -> APIRouter:
    """The route, bound to one Reelbot. Without links (no public URL) nothing is served."""
    router = APIRouter()
    noted: set[str] = set()

    @router.api_route("/media/{signed}", methods=["GET", "HEAD"], include_in_schema=False)
    async def media(signed: str, request: Request) -> Response:
        """An input, with ranges."""
        named = links.read(signed) if links is not None else None
        asset = await service.stores.assets.load(named.asset_id) if named is not None else None
        if links is None or named is None or asset is None or asset.kind not in SERVED:
            raise NotFound(NOTHING_HERE)
        try:
            answer = await _answer(service, asset, _headers(service, named), request)
        except (NotFound, FileNotFoundError):
            raise NotFound(NOTHING_HERE) from None
        if request.method == "GET" and signed not in noted and await _note(service, named, links.url(signed)):
            if len(noted) >= MOST_NOTED:
                noted.clear()
            noted.add(signed)
        return answer

    return router


def _headers(service: Service, named: SignedAsset) -> dict[str, str]:
    lives_s = max(0, int((named.expires_at - service.desk.clock.now()).total_seconds()))
    suffix = SUFFIXES.get(named.content_type, "bin")
    return {
        "Accept-Ranges": "bytes",
        "Cache-Control": f"private, max-age={lives_s}",
        "Content-Disposition": f'inline; filename="{named.asset_id[:12]}.{suffix}"',
        "Content-Type": named.content_type,
        "ETag": f'"{named.asset_id}"',
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
    }


async def _answer(service: Service, asset: Asset, headers: dict[str, str], request: Request) -> Response:
    """The file by its path where it lies here; `NotFound` or `FileNotFoundError` when it is gone."""
    path = await service.media.local_path(asset.id)
    if path is not None:
        # Looked at now: a file that is deleted meanwhile is a 404, not a broken answer.
        found = await asyncio.to_thread(os.stat, path)
        return FileResponse(path, media_type=headers["Content-Type"], headers=headers, stat_result=found)
    size = await service.media.size(asset.id)
    span = _span(request.headers, headers["ETag"], size)
    if span is not None and span[0] >= span[1]:
        unmet = {"Content-Range": f"bytes */{size}"}
        return problem(416, "bad_request", "There are no such bytes in this file.", unmet)
    start, end = span or (0, size)
    headers |= {"Content-Length": str(end - start)}
    if span is not None:
        headers |= {"Content-Range": f"bytes {start}-{end - 1}/{size}"}
    status = 200 if span is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return StreamingResponse(service.media.read(asset.id, start=start, end=end), status_code=status, headers=headers)


def _span(asked: Mapping[str, str], etag: str, size: int) -> tuple[int, int] | None:
    """The bytes asked for, end exclusive: empty when there are none such, `None` for all of them.

    Several ranges at once, and what is no range of bytes, are answered with the whole (RFC 9110, 14.2 allows it).
    """
    wanted = _ONE_RANGE.fullmatch(asked.get("range", "").strip())
    if wanted is None or wanted.groups() == ("", "") or asked.get("if-range", etag) != etag:
        return None
    first, last = wanted.groups()
    if not first:
        return max(0, size - int(last)), size
    start, end = int(first), min(int(last) + 1, size) if last else size
    return None if last and int(last) < start else (start, end)


async def _note(service: Service, named: SignedAsset, url: str) -> bool:
    """Write down that somebody outside read an attempt's input: a trace of whether it was taken. Never a condition."""
    try:
        async with asyncio.timeout(NOTED_WITHIN_S):
            submission = await service.stores.evidence.attempt_of_input(named.asset_id, url)
            if submission is None:
                return False
            fetched = Evidence(attempt_id=submission.attempt_id, kind=EvidenceKind.INPUT_FETCH)
            await service.stores.evidence.receive(submission, fetched)
    except Exception:
        # The provider must get its picture also while the database is busy or the disk is full.
        log.warning("media.fetch_not_noted", exc_info=True)
        return False
    return True

"""`GET /media/{signed}`: inputs for providers. No sign-in: nobody but us can make such an address, and it expires.

Whatever is wrong with one, the answer is the same 404: a stranger learns nothing by trying.
"""

from __future__ import annotations

import asyncio

import structlog
from fastapi import APIRouter, Request, Response

from adapters.chat.web.files import send_file
from adapters.chat.web.problems import NOTHING_HERE
from adapters.media.hosting import SERVED, SignedAsset, SignedLinks
from bot.errors import NotFound
from bot.jobs.model import Evidence, EvidenceKind
from bot.service import Service

log = structlog.get_logger(__name__)

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
            answer = await send_file(service.media, asset.id, _headers(service, named), request)
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
        "Cache-Control": f"private, max-age={lives_s}",
        "Content-Disposition": f'inline; filename="{named.asset_id[:12]}.{suffix}"',
        "Content-Type": named.content_type,
        "ETag": f'"{named.asset_id}"',
        "X-Robots-Tag": "noindex",
    }


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

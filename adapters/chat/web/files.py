"""Sending what the media store keeps to people who may see it, with ranges."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping

from fastapi import Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from adapters.chat.web.problems import problem
from bot.errors import Expired, NotFound
from bot.jobs.model import Clip, Job
from bot.ports import MediaStore

_ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII | re.IGNORECASE)


def clip_of(job: Job) -> Clip:
    """The finished clip. `Expired` when its time was over, `NotFound` when there is none."""
    if job.clip_deleted_at is not None:
        raise Expired(f"The clip was deleted on {job.clip_deleted_at:%Y-%m-%d}, when its time was over.")
    if job.output is None:
        raise NotFound("This job has no clip (yet).")
    return job.output


def private_headers(
    asset_id: str, content_type: str, *, name: str | None = None, attach: bool = False
) -> dict[str, str]:
    """Headers for a file that only its viewers may see. What an address of a job leads to never changes, but may go."""
    headers = {"Content-Type": content_type, "ETag": f'"{asset_id}"', "Cache-Control": "private, no-cache"}
    if name is not None:
        headers["Content-Disposition"] = f'{"attachment" if attach else "inline"}; filename="{name}"'
    return headers


async def send_file(store: MediaStore, asset_id: str, headers: Mapping[str, str], request: Request) -> Response:
    """A file of the media store, or the range of it that was asked for.

    `headers` name its `Content-Type` and `ETag`. `NotFound` or `FileNotFoundError` when it is gone.
    """
    headers = {**headers, "Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers={name: headers[name] for name in ("ETag", "Cache-Control")})
    path = await store.local_path(asset_id)
    if path is not None:
        # Looked at now: a file that is deleted meanwhile is a 404, not a broken answer.
        found = await asyncio.to_thread(os.stat, path)
        return FileResponse(path, media_type=headers["Content-Type"], headers=headers, stat_result=found)
    size = await store.size(asset_id)
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
    return StreamingResponse(store.read(asset_id, start=start, end=end), status_code=status, headers=headers)


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

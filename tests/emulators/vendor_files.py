"""The storage behind both services: uploads go in by signed PUT, inputs and clips come out without a key."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from tests.emulators.vendor_books import Books, Job, Upload
from tests.emulators.vendor_clips import Shelf
from tests.emulators.vendor_wire import cut, page

PUT_WITHIN_S = 15 * 60
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Storage:
    """Bytes in a folder beside the log."""

    def __init__(self, books: Books, folder: Path, shelf: Shelf) -> None:
        self._books = books
        self._folder = folder
        self._shelf = shelf

    def read(self, url: str) -> bytes | None:
        """An upload's bytes by its URL; `None` when there is nothing."""
        upload = self._books.uploads.get(url.partition("/files/")[2])
        return self._path(upload).read_bytes() if upload and upload.hosted and not upload.deleted else None

    def store(self, upload: Upload, body: bytes) -> None:
        """Keep an upload: on the disk, then in the journal."""
        unfinished = self._path(upload).with_suffix(".new")
        with unfinished.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, self._path(upload))
        self._books.hosted(upload, hashlib.sha256(body).hexdigest(), len(body))

    def _path(self, upload: Upload) -> Path:
        return self._folder / upload.file_id

    async def put(self, request: web.Request) -> web.Response:
        """Take the bytes of an upload; like the stores behind such links, pedantic about every signed header."""
        upload = self._books.uploads.get(request.match_info["key"])
        body = await request.read()
        if upload is None or time.time() > upload.at + PUT_WITHIN_S:
            return _denied(403, "AccessDenied", "Request has expired")
        if wrong := self._wrong_with(request.headers, upload, len(body)):
            self._books.violation(f"upload: {wrong}", dict(request.headers))
            return _denied(403, "SignatureDoesNotMatch", wrong)
        self.store(upload, body)
        return web.Response(status=200, headers={"ETag": _etag(body)})

    @staticmethod
    def _wrong_with(headers: Mapping[str, str], upload: Upload, size: int) -> str:
        signed = {"content-type": upload.content_type} | {k.lower(): v for k, v in upload.headers.items()}
        for name, value in signed.items():
            if headers.get(name) != value:
                return f"{name} is {headers.get(name)!r}, signed was {value!r}"
        for name in headers:
            if name.lower() in {"authorization", "x-api-key"}:
                return "the API key was sent to the storage"
            if name.lower().startswith("x-amz-") and name.lower() not in signed:
                return f"{name} was not signed"
        if "Content-Length" not in headers:
            return "no Content-Length"
        if upload.size is not None and upload.size != size:
            return f"{size} bytes came, {upload.size} were announced"
        return ""

    async def input(self, request: web.Request) -> web.StreamResponse:
        """GET or HEAD of an upload."""
        self._no_key_please(request)
        upload = self._books.uploads.get(request.match_info["key"])
        body = self.read(upload.url) if upload else None
        if upload is None or body is None:
            return _denied(404, "NoSuchKey", "there is nothing here")
        return _serve(request, body, upload.content_type)

    async def result(self, request: web.Request) -> web.StreamResponse:
        """GET or HEAD of a finished clip, as well or badly as the job's markers say."""
        self._no_key_please(request)
        job_id, _, version = request.match_info["name"].partition("~")
        job = self._books.jobs.get(job_id)
        if job is None or job.status != "succeeded" or "gone" in job.markers:
            return _denied(404, "NoSuchKey", "there is nothing here")
        clip = self._shelf.read(job.id)
        if request.method == "HEAD":
            return _serve(request, clip, "video/mp4")
        return await self._misfortune(request, job, clip, version) or self._deliver(request, job, clip)

    def _deliver(self, request: web.Request, job: Job, clip: bytes) -> web.Response:
        response = _serve(request, clip, "video/mp4")
        if response.status < 400:
            assert isinstance(response.body, bytes)
            self._books.journal.write("served", provider_job_id=job.id, bytes=len(response.body))
        return response

    @staticmethod
    async def _misfortune(request: web.Request, job: Job, clip: bytes, version: str) -> web.StreamResponse | None:
        if "moved-link" in job.markers and not version:
            job.counts["moved"] = 1
            return _denied(404, "NoSuchKey", "there is nothing here any more")
        if job.turn("dead-link"):
            return _denied(404, "NoSuchKey", "there is nothing here yet")
        if job.turn("link-403"):
            return _denied(403, "AccessDenied", "Access Denied")
        if job.turn("empty-clip"):
            return web.Response(status=200, content_type="video/mp4")
        if job.turn("html-clip"):
            return page(200, "The file is being prepared")
        if job.turn("short-clip"):
            return await cut(request, web.Response(body=clip, content_type="video/mp4"))
        if job.turn("link-302"):
            return web.Response(status=302, headers={"Location": f"{request.path}?again=1"})
        if job.turn("link-private"):
            return web.Response(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data/"})
        return None

    def _no_key_please(self, request: web.Request) -> None:
        if "Authorization" in request.headers or "X-API-Key" in request.headers:
            self._books.violation(f"the API key was sent to {request.path}")


def result_name(job: Job) -> str:
    """The last part of the link to a job's clip; a moved clip gets another one once somebody missed it."""
    return f"{job.id}~2.mp4" if job.counts["moved"] else f"{job.id}.mp4"


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def _denied(status: int, code: str, message: str) -> web.Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return web.Response(status=status, text=text, content_type="application/xml")


def _serve(request: web.Request, body: bytes, content_type: str) -> web.Response:
    """All of it, or the one range that was asked for."""
    headers = {"ETag": _etag(body), "Accept-Ranges": "bytes", "Content-Type": content_type}
    wanted = _RANGE.fullmatch(request.headers.get("Range", ""))
    if wanted is None or wanted[0] == "bytes=-" or request.headers.get("If-Range", headers["ETag"]) != headers["ETag"]:
        return web.Response(body=body, headers=headers)
    first, last = wanted[1], wanted[2]
    start = int(first) if first else max(0, len(body) - int(last))
    end = min(int(last), len(body) - 1) if first and last else len(body) - 1
    if start > end:
        return web.Response(status=416, headers=headers | {"Content-Range": f"bytes */{len(body)}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{len(body)}"
    return web.Response(status=206, body=body[start : end + 1], headers=headers)

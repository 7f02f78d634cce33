"""WaveSpeed, as the fact sheet describes it (sections 3 to 6), as a strict server.

    python -m tests.emulators.wavespeed --log FILE --port-file FILE [--name N] [--port N] [--script FILE]

Settings and knobs are in `vendor`, markers in `vendor_desk`. The only model is `alibaba/wan-2.5/image-to-video-fast`; the
setting `other_models` lets the official SDK order whatever it likes.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import uuid
from pathlib import PurePosixPath
from typing import Any, ClassVar

from aiohttp import BodyPartReader, web

from tests.emulators.vendor import run
from tests.emulators.vendor_books import RENDERING, Job
from tests.emulators.vendor_desk import Desk
from tests.emulators.vendor_kiln import TIMED_OUT
from tests.emulators.vendor_rules import Order, text, whole
from tests.emulators.vendor_times import read, written
from tests.emulators.vendor_webhooks import wavespeed_headers
from tests.emulators.wavespeed_orders import MODEL, price_of, read_order

PAGE_LIMIT = 100
MESSAGES = {
    401: "Unauthorized: invalid access key",
    403: "Forbidden: account issue",
    404: "not found",
    429: "Too many requests: rate limit exceeded, resets every minute",
    503: "service unavailable",
}


class WaveSpeed(Desk):
    """The routes and shapes of WaveSpeed."""

    refusals: ClassVar = {
        "input": (400, "invalid parameter"),
        "moderation": (400, "the content was rejected by moderation"),
        "balance": (400, "Insufficient credits, please top up your balance"),
        "balance-429": (429, "Too many requests: insufficient credits for another task"),
        "account": (403, "Forbidden: account issue"),
        "model": (404, "model not found"),
    }

    def add_routes(self, app: web.Application) -> None:
        add = app.router
        add.add_post("/api/v3/media/uploads", self.route("uploads", self.upload_ticket))
        add.add_post("/api/v3/media/upload/binary", self.route("uploads", self.upload_form))
        add.add_post("/api/v3/predictions", self.route("list", self.list_tasks))
        add.add_post("/api/v3/predictions/delete", self.route("delete", self.delete))
        add.add_get("/api/v3/predictions/{id}/result", self.route("poll", self.poll))
        add.add_get("/api/v3/predictions/{id}", self.route("poll", self.poll))
        add.add_get("/api/v3/balance", self.route("balance", self.show_balance))
        add.add_post("/api/v3/model/price", self.route("quote", self.quote))
        add.add_post("/api/v3/model/pricing", self.route("quote", self.quote))
        add.add_post("/api/v3/billings/search", self.route("billing", self.billings))
        add.add_get("/api/v3/webhook/secret", self.route("secret", self.show_secret))
        add.add_post("/api/v3/{model:.+}", self.route("create", self.create))

    def knows_key(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {self.settings['api_key']}"

    def refuse(self, status: int, message: str) -> web.Response:
        body = {"code": status, "message": message or MESSAGES.get(status, "error")}
        return web.json_response(body, status=status, headers=self.retry_after() if status == 429 else None)

    def garbled(self) -> web.Response:
        return _envelope({"model": MODEL, "status": "created", "outputs": []})

    def new_id(self) -> str:
        return uuid.uuid4().hex

    # Creating

    def sells(self, model: str) -> bool:
        return model == MODEL

    def read_order(self, request: web.Request, body: dict[str, Any]) -> Order:
        return read_order(request, body, self.grounds())

    def accepted(self, job: Job) -> web.Response:
        task = self._task(job, peek=True)
        return _envelope(task if "born-failed" in job.markers else task | {"status": "created", "outputs": []})

    async def finished(self, job: Job) -> web.Response:
        """`enable_sync_mode` holds the request open until the clip is there, or the server is tired of it."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(job.ended.wait(), self.settings["sync_wait_s"])
            return _envelope(self._task(job))
        sorry = {"code": TIMED_OUT, "status": "processing", "error": "Sync mode timed out"}
        return _envelope(self._task(job) | sorry)

    # Looking

    def shown(self, job: Job) -> web.Response:
        task = self._task(job)
        if job.turn("odd-status"):
            task["status"] = "warming_up"
        if self.shows_input(job):
            task["input"] = job.shown
        return _envelope(task)

    def _task(self, job: Job, *, peek: bool = False) -> dict[str, Any]:
        status = self._status(job)
        has_url = status == "completed" and (peek or not job.turn("no-output"))
        task = {
            "id": job.id,
            "model": job.model,
            "outputs": [self.link(job)] if has_url else [],
            "urls": {"get": f"{self.base}/api/v3/predictions/{job.id}/result"},
            "has_nsfw_contents": ["flagged" in job.markers] if has_url else [],
            "status": status,
            "created_at": written(job.at, nanoseconds=int(job.at * 1000) % 2 == 0),
            "error": job.reason,
            "timings": {"inference": round((job.ended_at - job.at) * 1000) if job.ended_at else 0},
        }
        return task | ({"code": job.code} if job.code else {})

    def _status(self, job: Job) -> str:
        if job.deleted:
            return "deleted"
        if job.status == "failed" and job.code == TIMED_OUT:
            return "timeout"
        return {"succeeded": "completed", RENDERING: self.kiln.phase(job)}.get(job.status, job.status)

    async def list_tasks(self, request: web.Request) -> web.Response:
        body = await self.json_of(request)
        if body is None:
            return self.refuse(400, "")
        if unknown := set(body) - {"page", "page_size", "model", "status", "created_after", "created_before"}:
            self.violation(f"list: unknown keys {sorted(unknown)}", body)
        page, size = body.get("page", 1), body.get("page_size", PAGE_LIMIT)
        if not whole(page) or not whole(size) or page < 1 or not 1 <= size <= PAGE_LIMIT:
            self.violation("list: page from 1, page_size 1 to 100", body)
            return self.refuse(400, "invalid page")
        after, before = read(body.get("created_after"), 0.0), read(body.get("created_before"), math.inf)
        if after is None or before is None:
            self.violation("list: times are RFC 3339 with a zone", body)
            return self.refuse(400, "invalid time")
        rows = [job for job in self.listed("list") if after <= job.at <= before]
        rows = [job for job in rows if body.get("model") in (None, job.model) and not job.deleted]
        tasks = [self._task(job, peek=True) for job in rows[(page - 1) * size : page * size]]
        tasks = [task for task in tasks if body.get("status") in (None, task["status"])]
        return _envelope({"page": page, "items": tasks})

    async def delete(self, request: web.Request) -> web.Response:
        """For good; what is running is stopped, and its money stays where it is."""
        body = await self.json_of(request)
        if body is None or not isinstance(body.get("ids"), list):
            return self.refuse(400, "ids are missing")
        jobs = [job for job in self.books.jobs.values() if job.id in body["ids"] and not job.deleted]
        for job in jobs:
            if job.status == RENDERING:
                self.books.end(job, "cancelled", kept=job.billed)
            self.books.delete(job)
        return _envelope({"deleted_count": len(jobs)})

    # Money

    async def show_balance(self, request: web.Request) -> web.Response:
        return _envelope({"balance": self.balance()})

    async def quote(self, request: web.Request) -> web.Response:
        old = request.path.endswith("/pricing")
        if self.knobs.get("pricing_only") and not old:
            return self.refuse(404, "")
        body = await self.json_of(request)
        if body is None or set(body) != {"model_id", "inputs"} or not isinstance(body["inputs"], dict):
            self.violation("quote: model_id and inputs, nothing else", body)
            return self.refuse(400, "")
        if body["model_id"] != MODEL:
            return self.refuse(404, "model not found")
        resolution, seconds = body["inputs"].get("resolution", "720p"), body["inputs"].get("duration", 5)
        if not isinstance(resolution, str) or not whole(seconds):
            self.violation("quote: resolution is a text, duration an integer", body)
            return self.refuse(400, "")
        knob, price = self.knobs.get("quote"), price_of(resolution, seconds) / 1_000_000
        asked = knob if isinstance(knob, int | float) else price
        if old:
            return _envelope({"model_id": MODEL, "unit_price": asked, "currency": "USD"})
        return _envelope({"model_id": MODEL, "price": price, "discounted_price": asked, "currency": "USD"})

    async def billings(self, request: web.Request) -> web.Response:
        body = await self.json_of(request)
        wanted = (body or {}).get("prediction_uuids", [])
        if body is None or not (whole(body.get("page")) and whole(body.get("page_size")) and isinstance(wanted, list)):
            self.violation("billing: page and page_size are required, prediction_uuids is a list", body)
            return self.refuse(400, "page and page_size are required")
        jobs = [job for job in self.books.jobs.values() if not wanted or job.id in wanted]
        records = [record for job in jobs if "failed-silent" not in job.markers for record in self._records(job)]
        first = (body["page"] - 1) * body["page_size"]
        items = records[first : first + body["page_size"]]
        return _envelope({"page": body["page"], "total": len(records), "items": items})

    def _records(self, job: Job) -> Any:
        yield self._record(job, "deduct", job.billed, job.at)
        if job.kept < job.billed:
            yield self._record(job, "refund", job.billed - job.kept, job.ended_at)

    def _record(self, job: Job, kind: str, micro_usd: int, at: float) -> dict[str, Any]:
        price = micro_usd / 1_000_000
        return {
            "uuid": uuid.uuid5(uuid.NAMESPACE_OID, kind + job.id).hex,
            "billing_type": kind,
            "price": price,
            "created_at": written(at),
            "updated_at": written(at),
            "order": {"state": "done", "price": price, "origin_price": price, "status": ""},
            "prediction": {"uuid": job.id, "model_uuid": job.model, "status": self._status(job)},
        }

    # Uploads

    async def upload_ticket(self, request: web.Request) -> web.Response:
        body = await self.json_of(request)
        if body is None or set(body) - {"filename", "size", "content_type"} or not body.get("filename"):
            self.violation("upload: filename, size and content_type", body)
            return self.refuse(400, "filename is required")
        if not whole(body.get("size")) or body["size"] < 0:
            self.violation(f"upload: size is {body.get('size')!r}", body)
            return self.refuse(400, "size is required")
        content_type = text(body.get("content_type"), "application/octet-stream")
        suffix = PurePosixPath(body["filename"]).suffix
        headers = {"Content-Type": content_type, "x-amz-meta-origin": "emulated"}
        upload = self.new_upload(suffix, content_type, headers, body["size"])
        instruction = {"method": "PUT", "url": f"{self.base}/upload/{upload.key}", "headers": headers}
        return _envelope({"download_url": upload.url, "filename": body["filename"], "upload": instruction})

    async def upload_form(self, request: web.Request) -> web.Response:
        part = await (await request.multipart()).next() if request.content_type == "multipart/form-data" else None
        if not isinstance(part, BodyPartReader) or part.name != "file":
            self.violation("upload: one form field, called file")
            return self.refuse(400, "file is required")
        body = bytes(await part.read())
        content_type = part.headers.get("Content-Type", "application/octet-stream")
        upload = self.new_upload(PurePosixPath(part.filename or "").suffix, content_type, {}, None)
        self.storage.store(upload, body)
        facts = {"type": content_type.partition("/")[0], "filename": part.filename, "size": len(body)}
        return _envelope({"download_url": upload.url, **facts})

    # Webhooks

    async def show_secret(self, request: web.Request) -> web.Response:
        return _envelope({"secret": self.settings["webhook_secret"]})

    def seal(self, job: Job, body: bytes) -> dict[str, str]:
        old = "old_" if "webhook-old-secret" in job.markers else ""
        return wavespeed_headers(self.settings[f"{old}webhook_secret"], body)

    def webhook_of(self, job: Job, job_id: str) -> dict[str, Any]:
        return self._task(job, peek=True) | {"id": job_id, "input": job.shown}


def _envelope(data: dict[str, Any]) -> web.Response:
    return web.json_response({"code": 200, "message": "success", "data": data})


def main() -> None:
    run(WaveSpeed, "wavespeed", sync_wait_s=60.0, at_once=2, per_minute=2)


if __name__ == "__main__":
    main()

"""Eachlabs, as the fact sheet describes it (sections 2 and 4 to 6), as a strict server.

    python -m tests.emulators.eachlabs --log FILE --port-file FILE [--name N] [--port N] [--script FILE]

Settings and knobs are in `vendor`, markers in `vendor_desk`. Settings of its own, where sources disagree: `auth` (`both`,
`x-api-key`, `bearer`), `errors` (`seed`, `short`, `docs`), `failed_word` (`error`, `failed`), `failure` (`rich`, `seed`,
`logs`), `output` (`string`, `list`, `object`), `cost_shown`, `balance_in` (`plain`, `data`), `proof` of webhooks
(`secret-header`, `hmac-timestamp`, `hmac-body`) and `webhook_log_early` (a row before the job ends).
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from aiohttp import web

from tests.emulators.eachlabs_orders import MODEL, read_order
from tests.emulators.vendor import run
from tests.emulators.vendor_books import RENDERING, Job
from tests.emulators.vendor_desk import Desk
from tests.emulators.vendor_rules import Order, whole
from tests.emulators.vendor_times import read, written
from tests.emulators.vendor_webhooks import PROOFS, eachlabs_headers

LIST_LIMIT = 100
LISTED_STATUSES = frozenset({"created", "starting", "success", "error"})
MESSAGES = {
    400: "Invalid input",
    401: "Missing or invalid X-API-Key",
    402: "payment required",
    403: "forbidden",
    404: "not found",
    429: "too many requests",
    503: "service unavailable",
}
IN_FLIGHT = "the estimated cost of your in-flight executions exceed your balance"
KEEP_TEN = "only 10 executions at once while the balance is $10 or less; keep more than $10 on account"
DETAILS = {402: IN_FLIGHT, 429: "Rate limit exceeded: 100 creates a minute, 10 at once"}
"""What stands beside the message, where today's documentation shows more than a message."""


class Eachlabs(Desk):
    """The routes and shapes of Eachlabs."""

    refusals: ClassVar = {
        "input": (400, "Invalid input"),
        "moderation": (400, "the content was rejected by moderation"),
        "balance": (402, "payment required"),
        "balance-429": (429, KEEP_TEN),
        "account": (403, "this account may not use the model"),
        "model": (404, "Model not found"),
    }

    def add_routes(self, app: web.Application) -> None:
        add = app.router
        add.add_post("/v1/prediction/", self.route("create", self.create))
        add.add_post("/v1/prediction", self.route("create", self.redirect_to_slash))
        add.add_get("/v1/prediction/{id}", self.route("poll", self.poll))
        add.add_post("/v1/prediction/{id}/cancel", self.route("cancel", self.cancel))
        for path, kind, handler in (
            (r"/{version:v[12]}/executions", "executions", self.executions),
            ("/v1/webhooks", "webhook_log", self.webhook_log),
            ("/v1/webhooks/{id}", "webhook_log", self.webhook_log_of),
        ):
            add.add_get(path, self.route("list", self.route(kind, handler)))
        add.add_post("/v1/upload/presign", self.route("uploads", self.presign))
        add.add_delete("/v1/files/{id}", self.route("delete", self.delete_file))
        add.add_get("/v1/billing/balance", self.route("balance", self.show_balance))

    def knows_key(self, request: web.Request) -> bool:
        key, auth = self.settings["api_key"], self.settings["auth"]
        by_header = auth != "bearer" and request.headers.get("X-API-Key") == key
        return by_header or (auth != "x-api-key" and request.headers.get("Authorization") == f"Bearer {key}")

    def refuse(self, status: int, message: str) -> web.Response:
        details, shape = DETAILS.get(status, ""), "docs" if status in DETAILS else self.settings["errors"]
        if status == 429 and message:
            message, details = "", message
        message = message or MESSAGES.get(status, "error")
        body: dict[str, Any] = {"error": message}
        if shape == "docs":
            body = {"status": status, "error": message, "details": details}
        elif shape == "seed":
            body = {"status": "error", "message": message, "details": details}
        return web.json_response(body, status=status, headers=self.retry_after() if status == 429 else None)

    def garbled(self) -> web.Response:
        return web.json_response({"status": "success", "message": "Prediction created successfully"})

    def new_id(self) -> str:
        return str(uuid.uuid4())

    # Creating

    def sells(self, model: str) -> bool:
        return model == MODEL

    async def redirect_to_slash(self, request: web.Request) -> web.Response:
        self.violation("create: the trailing slash is missing")
        return web.Response(status=307, headers={"Location": "/v1/prediction/"})

    async def create(self, request: web.Request) -> web.StreamResponse:
        response = await super().create(request)
        if not response.prepared and (request_id := request.headers.get("X-Request-Id")):
            response.headers["X-Request-Id"] = request_id
        return response

    def read_order(self, request: web.Request, body: dict[str, Any]) -> Order:
        return read_order(request, body, self.grounds())

    def accepted(self, job: Job) -> web.Response:
        if "born-failed" in job.markers:
            return web.json_response({"status": "failed", "message": job.reason, "predictionID": job.id})
        answer = {"status": "success", "message": "Prediction created successfully", "predictionID": job.id}
        return web.json_response(answer)

    async def cancel(self, request: web.Request) -> web.Response:
        """Best effort: what has ended stays as it is, and some of what is cancelled finishes anyway."""
        job = self.job_of(request)
        if job is None:
            return self.refuse(404, "Prediction not found")
        if job.status != RENDERING or "no-cancel" in job.markers:
            return self.refuse(409, "Prediction cannot be cancelled")
        self.books.journal.write("cancel-taken", provider_job_id=job.id)
        if "late-cancel" not in job.markers:
            self.books.end(job, "cancelled", kept=0)
        message = "Prediction cancelled successfully"
        return web.json_response({"status": "cancelled", "message": message, "predictionID": job.id})

    # Looking

    def shown(self, job: Job) -> web.Response:
        status = self._status(job)
        answer: dict[str, Any] = {
            "id": job.id,
            "status": "warming_up" if job.turn("odd-status") else status,
            "output": self._output(job),
            "logs": None,
            "metrics": {"predict_time": round(max(0.0, job.ended_at - job.at), 3)},
            "urls": {"cancel": f"{self._own(job)}/cancel", "get": self._own(job)},
        }
        if job.status != RENDERING and self.settings["cost_shown"] and "failed-silent" not in job.markers:
            answer["metrics"]["cost"] = job.kept / 1_000_000
        if job.status == "failed":
            answer |= self._failure(job)
        if self.shows_input(job):
            answer["input"] = job.shown
        return web.json_response(answer)

    def _own(self, job: Job) -> str:
        return f"{self.base}/v1/prediction/{job.id}"

    def _status(self, job: Job) -> str:
        if job.status == "failed":
            return self.settings["failed_word"]
        return {"succeeded": "success", RENDERING: self.kiln.phase(job)}.get(job.status, job.status)

    def _output(self, job: Job) -> Any:
        if job.status != "succeeded" or job.turn("no-output"):
            return None
        link = self.link(job)
        return {"string": link, "list": [link], "object": {"url": link}}[self.settings["output"]]

    def _failure(self, job: Job) -> dict[str, Any]:
        match self.settings["failure"]:
            case "seed":
                return {"message": job.reason, "details": ""}
            case "logs":
                return {"logs": f"Error: {job.reason}"}
        return {
            "output": {
                "success": False,
                "error": "Execution failed",
                "error_code": "PROVIDER_FAILED",
                "error_message": job.reason,
                "classification": {"category": "PROVIDER"},
                "retryable": False,
            }
        }

    async def executions(self, request: web.Request) -> web.Response:
        """All keys of the organisation, without inputs, newest first."""
        if request.match_info["version"] != self.knobs.get("executions", "v1"):
            return self.refuse(404, "")
        query = request.query
        if unknown := set(query) - {"model", "from", "to", "limit", "offset", "status"}:
            self.violation(f"list: unknown keys {sorted(unknown)}")
        if (status := query.get("status")) is not None and status not in LISTED_STATUSES:
            self.violation(f"list: status={status} is refused")
            return self.refuse(400, "invalid status")
        first, last, page = read(query.get("from"), 0.0), read(query.get("to"), math.inf), _page(query)
        if first is None or last is None or page is None:
            self.violation(f"list: {request.query_string!r} does not name times with a zone or a page of 1 to 100")
            return self.refuse(400, "invalid query")
        jobs = [job for job in self.listed("list") if first <= job.at <= last]
        jobs = [job for job in jobs if query.get("model", job.model) == job.model]
        jobs = [job for job in jobs if status in (None, self._status(job))]
        rows = [self._row(job) for job in jobs[page.start : page.stop]]
        facts = {"total_count": len(jobs), "total_capped": False, "offset": page.start, "limit": page.stop - page.start}
        return web.json_response({"executions": rows, **facts})

    def _row(self, job: Job) -> dict[str, Any]:
        ended = job.status != RENDERING
        return {
            "id": job.id,
            "model": job.model,
            "status": self._status(job),
            "execution_cost": job.kept / 1_000_000 if ended and "failed-silent" not in job.markers else None,
            "run_time": round(job.ended_at - job.at, 3) if ended else None,
            "created_at": written(job.at),
            "started_at": written(job.at),
            "completed_at": written(job.ended_at) if ended else None,
            "output": self.link(job) if job.status == "succeeded" else None,
        }

    async def webhook_log(self, request: web.Request) -> web.Response:
        page = _page(request.query)
        if set(request.query) - {"limit", "offset"} or page is None:
            self.violation(f"webhook log: {request.query_string!r}")
            return self.refuse(400, "invalid query")
        rows = [self._webhook(job) for job in self.listed("webhooks") if self._has_row(job)]
        return web.json_response({"webhooks": rows[page.start : page.stop]})

    async def webhook_log_of(self, request: web.Request) -> web.Response:
        job = self.job_of(request)
        if job is None or not self._has_row(job):
            return self.refuse(404, "Webhook not found")
        return web.json_response(self._webhook(job) | {"attempts": [_attempt(made) for made in job.deliveries]})

    def _has_row(self, job: Job) -> bool:
        early = self.settings["webhook_log_early"] or job.status != RENDERING
        return bool(job.webhook_url) and early and "cannot-tell" not in job.markers

    @staticmethod
    def _webhook(job: Job) -> dict[str, Any]:
        status = "PENDING" if not job.deliveries else _attempt(job.deliveries[-1])["status"]
        return {"execution_id": job.id, "url": job.webhook_url, "status": status, "created_at": written(job.at)}

    # Files, money, webhooks

    async def presign(self, request: web.Request) -> web.Response:
        body = await self.json_of(request)
        if body is None or not isinstance(body.get("content_type"), str):
            return self.refuse(400, "content_type is required")
        if unknown := set(body) - {"content_type", "file_type", "expires_in_seconds"}:
            self.violation(f"presign: unknown keys {sorted(unknown)}", body)
        if body.get("file_type", "other") not in ("image", "video", "audio", "other"):
            self.violation("presign: file_type is image, video, audio or other", body)
            return self.refuse(400, "invalid file_type")
        if "expires_in_seconds" in body and not (
            whole(body["expires_in_seconds"]) and 60 <= body["expires_in_seconds"] <= 365 * 86_400
        ):
            self.violation("presign: expires_in_seconds is 60 s to 365 d", body)
            return self.refuse(400, "invalid expires_in_seconds")
        suffix = "." + body["content_type"].rpartition("/")[2]
        headers = {"x-amz-meta-file-id": uuid.uuid4().hex}
        upload = self.new_upload(suffix, body["content_type"], headers, None)
        answer = {
            "id": upload.file_id,
            "presigned_url": f"{self.base}/upload/{upload.key}?X-Amz-Signature={uuid.uuid4().hex}",
            "public_url": upload.url,
            "expires_at": written(time.time() + 15 * 60),
            "required_headers": headers,
        }
        return web.json_response(answer)

    async def delete_file(self, request: web.Request) -> web.Response:
        wanted = request.match_info["id"]
        upload = next((upload for upload in self.books.uploads.values() if upload.file_id == wanted), None)
        if upload is None or upload.deleted:
            return self.refuse(404, "File not found")
        self.books.delete_file(upload)
        return web.json_response({"status": "success", "message": "File deleted", "id": upload.file_id})

    async def show_balance(self, request: web.Request) -> web.Response:
        answer: dict[str, Any] = {"balance": self.balance()}
        return web.json_response({"data": answer} if self.settings["balance_in"] == "data" else answer)

    def seal(self, job: Job, body: bytes) -> dict[str, str]:
        secret = "old-secret" if "webhook-old-secret" in job.markers else job.webhook_secret
        return eachlabs_headers(self.settings["proof"], secret, str(int(time.time())), body) if secret else {}

    def webhook_of(self, job: Job, job_id: str) -> dict[str, Any]:
        output: Any = self.link(job)
        if job.status == "failed":
            output = [{"id": "", "status": "", "output": "", "error": job.reason}]
        return {"exec_id": job_id, "flow_id": None, "status": job.status, "output": output, "error": ""}


def _attempt(made: Mapping[str, Any]) -> dict[str, Any]:
    good = made["answer"] is not None and 200 <= made["answer"] < 300
    facts = {"response_code": made["answer"], "created_at": written(made["at"])}
    return {"status": "SUCCESS" if good else "FAILED", **facts}


def _page(query: Mapping[str, str]) -> range | None:
    """Offset to offset + limit; `None` when either makes no sense."""
    limit, offset = query.get("limit", "50"), query.get("offset", "0")
    if not (limit.isdecimal() and offset.isdecimal() and 1 <= int(limit) <= LIST_LIMIT):
        return None
    return range(int(offset), int(offset) + int(limit))


def main() -> None:
    run(
        Eachlabs,
        "eachlabs",
        at_once=10,
        per_minute=100,
        auth="both",
        errors="seed",
        failed_word="error",
        failure="rich",
        output="string",
        cost_shown=True,
        balance_in="plain",
        proof=PROOFS[0],
        webhook_log_early=True,
    )


if __name__ == "__main__":
    main()

"""Customers for the emulators' own tests: they order, ask and look, over plain HTTP and without any kindness of a client."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any, ClassVar

import httpx

from tests.emulators.processes import VendorProcess
from tests.patience import PATIENCE_S


def until(look: Callable[[], Any], what: str) -> Any:
    """Wait for something true, and hand it out."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError(f"never happened: {what}")


class Customer:
    """What tests do at either service. A prompt is made unique, so that its markers count for one test only."""

    key: ClassVar[dict[str, str]]
    at_work = frozenset({"created", "processing"})

    def __init__(self, service: VendorProcess) -> None:
        self.service = service
        self.http = httpx.Client(base_url=service.url, trust_env=False, timeout=PATIENCE_S, verify=False)

    def prompt(self, text: str) -> str:
        return f"{text} {uuid.uuid4().hex}"

    def upload(self, body: bytes = b"a picture") -> str:
        raise NotImplementedError

    def body(self, prompt: str, image: str, /, **changes: Any) -> dict[str, Any]:
        """A correct create; `changes` go into the model's inputs, `None` leaves one out."""
        raise NotImplementedError

    def send(self, body: dict[str, Any], **more: Any) -> httpx.Response:
        raise NotImplementedError

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.http.request(method, path, headers=self.key | more.pop("headers", {}), **more)

    def create(self, prompt: str, **more: Any) -> httpx.Response:
        return self.send(self.body(prompt, self.upload()), **more)

    def id_in(self, answer: httpx.Response) -> str | None:
        raise NotImplementedError

    def order(self, text: str, **more: Any) -> str:
        """The id of a job that was accepted."""
        answer = self.create(self.prompt(text), **more)
        job_id = self.id_in(answer)
        assert answer.status_code == 200, answer.text
        assert job_id, answer.text
        return job_id

    def poll(self, job_id: str) -> httpx.Response:
        raise NotImplementedError

    def task(self, job_id: str) -> dict[str, Any]:
        raise NotImplementedError

    def link(self, job_id: str) -> str | None:
        """Where the finished clip is said to be."""
        raise NotImplementedError

    def ended(self, job_id: str) -> dict[str, Any]:
        """The task once it is over."""
        return until(lambda: (task := self.task(job_id))["status"] not in self.at_work and task, f"{job_id} ends")

    def listed(self) -> list[str]:
        """The ids on the first page of the list."""
        raise NotImplementedError

    def accepted(self, prompt: str) -> list[dict[str, Any]]:
        return [entry for entry in self.service.events("accepted") if entry["prompt"] == prompt]

    def of(self, job_id: str, *kinds: str) -> list[dict[str, Any]]:
        """What was written down about a job."""
        return [entry for entry in self.service.events(*kinds) if entry.get("provider_job_id") == job_id]

    def ending(self, job_id: str) -> dict[str, Any]:
        """The one ending that was written down."""
        (entry,) = self.of(job_id, "succeeded", "failed", "cancelled")
        return entry

    def violations(self, about: str) -> list[str]:
        """Why requests that hold this text broke the rules."""
        return [entry["why"] for entry in self.service.events("violation") if about in str(entry["request"])]


class AtWaveSpeed(Customer):
    vendor = "wavespeed"
    key: ClassVar = {"Authorization": "Bearer test-key"}
    done, failed = "completed", "failed"
    model = "alibaba/wan-2.5/image-to-video-fast"

    def upload(self, body=b"a picture"):
        wish = {"filename": "p.jpg", "size": len(body), "content_type": "image/jpeg"}
        ticket = self.ask("POST", "/api/v3/media/uploads", json=wish).json()["data"]
        put = httpx.put(
            ticket["upload"]["url"], content=body, headers=ticket["upload"]["headers"], trust_env=False, verify=False
        )
        assert put.status_code == 200, put.text
        return ticket["download_url"]

    def body(self, prompt, image, /, **changes):
        right = {"image": image, "prompt": prompt, "resolution": "720p", "duration": 5}
        body = right | {"enable_prompt_expansion": False, "seed": -1} | changes
        return {name: value for name, value in body.items() if value is not None}

    def send(self, body, *, webhook=None, webhook_secret=None, **more):
        params = {"webhook": webhook} if webhook else {}
        return self.ask("POST", f"/api/v3/{self.model}", json=body, params=params, **more)

    def id_in(self, answer):
        return (answer.json().get("data") or {}).get("id")

    def poll(self, job_id):
        return self.ask("GET", f"/api/v3/predictions/{job_id}/result")

    def task(self, job_id):
        return self.poll(job_id).json()["data"]

    def link(self, job_id):
        return (self.ended(job_id)["outputs"] or [None])[0]

    def listed(self):
        answer = self.ask("POST", "/api/v3/predictions", json={"page": 1, "page_size": 100})
        return [item["id"] for item in answer.json()["data"]["items"]]


class AtEachlabs(Customer):
    vendor = "eachlabs"
    key: ClassVar = {"X-API-Key": "test-key"}
    done, failed = "success", "error"

    def upload(self, body=b"a picture"):
        wish = {"content_type": "image/jpeg", "file_type": "image", "expires_in_seconds": 86400}
        ticket = self.ask("POST", "/v1/upload/presign", json=wish).json()
        headers = {"Content-Type": "image/jpeg", **ticket["required_headers"]}
        put = httpx.put(ticket["presigned_url"], content=body, headers=headers, trust_env=False, verify=False)
        assert put.status_code == 200, put.text
        return ticket["public_url"]

    def body(self, prompt, image, /, **changes):
        right = {"image_url": image, "prompt": prompt, "resolution": "720p", "duration": "5"}
        inputs = right | {"enable_prompt_expansion": True} | changes
        inputs = {name: value for name, value in inputs.items() if value is not None}
        return {"model": "wan-2-5-preview-image-to-video", "input": inputs}

    def send(self, body, *, webhook=None, webhook_secret=None, **more):
        extra = {"webhook_url": webhook, "webhook_secret": webhook_secret} if webhook else {}
        return self.ask("POST", "/v1/prediction/", json=body | extra, **more)

    def id_in(self, answer):
        return answer.json().get("predictionID")

    def poll(self, job_id):
        return self.ask("GET", f"/v1/prediction/{job_id}")

    def task(self, job_id):
        return self.poll(job_id).json()

    def link(self, job_id):
        return self.ended(job_id)["output"]

    def listed(self):
        return [row["id"] for row in self.ask("GET", "/v1/executions?limit=100").json()["executions"]]


CUSTOMERS = {"wavespeed": AtWaveSpeed, "eachlabs": AtEachlabs}

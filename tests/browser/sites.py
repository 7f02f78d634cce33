"""A real server for a module of tests, its log, and a program that talks to it beside the browser."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from tests.journeys.running import Server, server

API = "/api/v1"
ADMIN_TOKEN = "the-admin-token-of-a-browser-test"


@cache
def picture(width: int = 480, height: int = 270, kind: str = "PNG") -> bytes:
    """A small picture."""
    file = io.BytesIO()
    Image.effect_mandelbrot((width, height), (-2, -1.2, 1, 1.2), 60).convert("RGB").save(file, kind)
    return file.getvalue()


@dataclass(slots=True, kw_only=True)
class Site:
    """A server, and a program that talks to it beside the browser."""

    address: str
    folder: Path
    process: Server
    client: httpx.Client

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.folder / "data"

    @property
    def here(self) -> dict[str, str]:
        """Headers of a form that a page of ours sends."""
        return {"Origin": self.address}

    def url(self, path: str) -> str:
        """An address of it."""
        return self.address + path

    def ask(self, prompt: str = "zoom in", *, image: bytes | None = None, **fields: str) -> str:
        """Order a small clip; its id."""
        files = {"image": ("lake.png", picture() if image is None else image, "image/png")}
        answer = self.client.post(f"{API}/jobs", files=files, data={"prompt": prompt, "resolution": "480p"} | fields)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        """As it stands."""
        return dict(self.client.get(f"{API}/jobs/{job_id}").json())

    def jobs(self) -> list[dict[str, Any]]:
        """All that are listed, the newest first."""
        return list(self.client.get(f"{API}/jobs", params={"limit": 100}).json()["jobs"])

    def made(self, prompt: str = "zoom in", **fields: str) -> str:
        """A finished small clip; its id."""
        job_id = self.ask(prompt, **fields)
        self.wait(job_id, "delivered")
        return job_id

    def wait(self, job_id: str, *states: str) -> dict[str, Any]:
        """Until the job stands there."""
        return dict(self.until(lambda: self.job(job_id), lambda job: job["state"] in states))

    def until(self, look: Callable[[], Any], good: Callable[[Any], bool], seconds: float = 60) -> Any:
        """Look until it is good."""
        deadline = time.monotonic() + seconds
        while not good(seen := look()):
            assert time.monotonic() < deadline, seen
            time.sleep(0.05)
        return seen

    def require_calm(self) -> None:
        """No traceback in its log, no 500, and the database never turned anybody away."""
        for word in ("Traceback", "web.unexpected", "database is locked"):
            assert word not in self.process.said, self.process.said[-6000:]

    @contextmanager
    def paused(self) -> Iterator[None]:
        """No render begins while the block lasts: what is asked for stands in line."""
        self._decide("pause")
        try:
            yield
        finally:
            self._decide("resume")

    def _decide(self, what: str) -> None:
        sent = {"data": {"provider": "local"}, "headers": self.here}
        answer = self.client.post(f"/admin/providers/{what}", **sent)
        assert answer.status_code == 303, answer.text


@contextmanager
def a_site(folder: Path, *, env: Mapping[str, str] | None = None, port: int = 0) -> Iterator[Site]:
    """A `reelbot run` of one's own; at the end its log must be calm."""
    env = dict(env or {})
    token = env.get("REELBOT_WEB__ADMIN_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with (
        server(folder, env=env, port=port) as (address, process),
        httpx.Client(base_url=address, timeout=60, headers=headers) as client,
    ):
        site = Site(address=address, folder=folder, process=process, client=client)
        yield site
        site.require_calm()

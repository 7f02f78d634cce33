"""Browser, server and pictures for the tests of this folder."""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, WebError, expect

from tests.journeys.running import server

API = "/api/v1"
ADMIN_TOKEN = "the-admin-token-of-a-browser-test"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOW_TO_GET_ONE = (
    "There is no Chromium here: `apt-get install chromium` (Debian) puts one there, "
    "or REELBOT_TEST_CHROMIUM names the one to use."
)
RENDERED_WITHIN_MS = 60_000
"""Longest that a small clip of the `local` renderer may take on a busy machine."""
LISTENS_TO_THE_POLICY = """
document.addEventListener("securitypolicyviolation", (event) => console.error(
  `policy: ${event.effectiveDirective} refused ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`));
"""

expect.set_options(timeout=20_000)


def chromium() -> str | None:
    """The browser of this machine; `None` where there is none."""
    named = os.environ.get("REELBOT_TEST_CHROMIUM")
    if named:
        return named
    return next((found for found in map(shutil.which, BROWSERS) if found), None)


browsing = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(chromium() is None, reason=HOW_TO_GET_ONE),
]
"""What every module here marks its tests with. One loop for all: the browser lives in it."""


@cache
def picture(width: int = 480, height: int = 270, kind: str = "PNG") -> bytes:
    """A small picture."""
    file = io.BytesIO()
    Image.effect_mandelbrot((width, height), (-2, -1.2, 1, 1.2), 60).convert("RGB").save(file, kind)
    return file.getvalue()


def as_file(name: str = "lake.png", content: bytes | None = None, kind: str = "image/png") -> Any:
    """What Playwright takes for a chosen file."""
    return {"name": name, "mimeType": kind, "buffer": picture() if content is None else content}


class Log:
    """What a server says, read as it comes so that it never waits for a reader."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._reader.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                self._lines.append(line)
        except ValueError:
            # The pipe was closed with the server.
            return

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(self._lines)

    def require_calm(self) -> None:
        """No traceback, no 500, and the database never turned anybody away."""
        for word in ("Traceback", "web.unexpected", "database is locked"):
            assert word not in self.text, self.text[-6000:]


@dataclass(slots=True, kw_only=True)
class Site:
    """A server, and a program that talks to it beside the browser."""

    address: str
    folder: Path
    process: subprocess.Popen[str]
    log: Log
    client: httpx.Client

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.folder / "data"

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

    @contextmanager
    def paused(self) -> Iterator[None]:
        """No render begins while the block lasts: what is asked for stands in line."""
        self._decide("pause")
        try:
            yield
        finally:
            self._decide("resume")

    def _decide(self, what: str) -> None:
        sent = {"data": {"provider": "local"}, "headers": {"Origin": self.address}}
        answer = self.client.post(f"/admin/providers/{what}", **sent)
        assert answer.status_code == 303, answer.text


@contextmanager
def a_site(folder: Path, *, env: Mapping[str, str] | None = None, port: int = 0) -> Iterator[Site]:
    """A `reelbot run` of one's own; at the end its log must be calm."""
    env = dict(env or {})
    token = env.get("REELBOT_WEB__ADMIN_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with server(folder, env=env, port=port) as (address, process):
        log = Log(process)
        with httpx.Client(base_url=address, timeout=60, headers=headers) as client:
            yield Site(address=address, folder=folder, process=process, log=log, client=client)
            log.require_calm()


@dataclass
class Visit:
    """One person's browser: its pages, and everything they complained of."""

    context: BrowserContext
    address: str
    complaints: list[str] = field(default_factory=list)
    forgiven: list[str] = field(default_factory=list)

    def forgive(self, pattern: str) -> None:
        """A complaint that belongs to what is tried here: a browser notes each answer of 400 and above as an error."""
        self.forgiven.append(pattern)

    async def page(self, path: str = "/") -> Page:
        """A page of the site, with its scripts at work."""
        page = await self.context.new_page()
        await page.goto(self.address + path)
        return page

    def require_none(self) -> None:
        """No error, no refused script or style, no warning, on any page."""
        left = [each for each in self.complaints if not any(re.search(one, each) for one in self.forgiven)]
        assert not left, "\n".join(left)

    def heard(self, message: ConsoleMessage) -> None:
        """A line of the console."""
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def broke(self, error: WebError) -> None:
        """A script that threw."""
        self.complaints.append(f"thrown: {error.error}")


@asynccontextmanager
async def a_visit(browser: Browser, address: str, **options: Any) -> AsyncIterator[Visit]:
    """A browser of its own: no cookie, no cache. Fails at the end when a page complained."""
    context = await browser.new_context(**({"viewport": {"width": 1280, "height": 900}, "locale": "en-GB"} | options))
    visit = Visit(context, address)
    context.on("console", visit.heard)
    context.on("weberror", visit.broke)
    await context.add_init_script(LISTENS_TO_THE_POLICY)
    try:
        yield visit
        visit.require_none()
    finally:
        await context.close()


DROPS = """([node, name, kind, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name, {type: kind}));
  for (const happens of ["dragenter", "dragover", "drop"])
    node.dispatchEvent(new DragEvent(happens, {bubbles: true, cancelable: true, dataTransfer: carried}));
}"""
PASTES = """([node, name, kind, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name, {type: kind}));
  node.dispatchEvent(new ClipboardEvent("paste", {bubbles: true, cancelable: true, clipboardData: carried}));
}"""


async def bring(page: Page, at: Locator, how: str, *, name: str = "lake.png", kind: str = "image/png") -> None:
    """Drop or paste a picture there, as the browser itself would tell the page of it."""
    node = await at.element_handle()
    await page.evaluate(how, [node, name, kind, base64.b64encode(picture()).decode()])


async def plays(video: Locator) -> dict[str, Any]:
    """Let a clip play until its time has moved on; what it is."""
    found: dict[str, Any] = await video.evaluate(
        """async (video) => {
          video.muted = true;
          await video.play();
          const began = video.currentTime;
          while (video.currentTime <= began) await new Promise((then) => video.requestVideoFrameCallback(then));
          return {moved: video.currentTime - began, width: video.videoWidth, height: video.videoHeight,
                  lasts: video.duration, error: video.error && video.error.message};
        }"""
    )
    return found


def newest(page: Page) -> Locator:
    """The newest card of the studio."""
    return page.locator("#cards > article").first


async def focus(page: Page) -> str:
    """What has the focus, as a reader of screens would call it: role and name."""
    said: str = await page.evaluate(
        """() => {
          const node = document.activeElement;
          const label = node.getAttribute("aria-label") || (node.labels && node.labels[0] && node.labels[0].textContent)
            || node.textContent;
          return `${node.tagName.toLowerCase()}${node.type && node.tagName === "INPUT" ? "." + node.type : ""} `
            + label.replace(/\\s+/g, " ").trim();
        }"""
    )
    return said

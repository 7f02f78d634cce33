"""Browser, server and pictures for the tests of this folder."""

from __future__ import annotations

import base64
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, WebError, expect

from tests.browser.sites import picture

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


def as_file(name: str = "lake.png", content: bytes | None = None, kind: str = "image/png") -> Any:
    """What Playwright takes for a chosen file."""
    return {"name": name, "mimeType": kind, "buffer": picture() if content is None else content}


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

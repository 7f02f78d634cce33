"""The server goes and comes back while a page is open: the page goes on by itself."""

from __future__ import annotations

import socket
from pathlib import Path

from playwright.async_api import Browser, expect

from tests.browser.driving import RENDERED_WITHIN_MS, a_visit, as_file, browsing, newest, plays
from tests.browser.sites import a_site

pytestmark = browsing


async def test_a_card_goes_on_after_a_restart(browser: Browser, tmp_path: Path) -> None:
    """Nobody reloads: the job that waited is made by the next process, and its clip plays in the card of the first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with a_visit(browser, f"http://127.0.0.1:{port}") as visit:
        visit.forgive(
            r"ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|htmx:error: Failed to fetch"
        )
        with a_site(tmp_path, port=port) as site, site.paused():
            page = await visit.page("/")
            await page.evaluate("() => { window.isTheSamePage = true; }")
            await page.locator("#image").set_input_files(as_file())
            await page.get_by_label("What should happen?").fill("outlives its server --480p")
            await page.get_by_role("button", name="Start", exact=True).click()
            await expect(newest(page).get_by_role("button", name="Cancel")).to_be_visible()

        # Away: what is pressed now is not lost silently.
        await page.get_by_label("Camera").select_option("Orbit")
        await expect(page.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible()

        with a_site(tmp_path, port=port) as site:
            assert site.process.poll() is None
            video = newest(page).get_by_label("The clip", exact=True)
            await expect(video).to_be_visible(timeout=RENDERED_WITHIN_MS)
            assert (await plays(video))["moved"] > 0
            assert await page.evaluate("() => window.isTheSamePage") is True

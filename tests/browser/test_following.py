"""A card shows how its job stands, also where the answer that brought it, or the stream that follows it, came late."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from tests.browser.driving import Visit, a_visit, as_file, browsing, newest
from tests.browser.sites import Site, a_site

pytestmark = browsing

FAR_AWAY_MS = 2_000
"""What an answer takes to come: longer than a picture is looked at, and told of."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with the `local` renderer."""
    with a_site(tmp_path_factory.mktemp("following")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, site: Site) -> object:
    """Somebody at this machine."""
    async with a_visit(browser, site.address) as found:
        yield found


async def is_far_away(page: Page) -> None:
    """From now on each answer begins late; what an open stream says comes at once."""
    session = await page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": FAR_AWAY_MS, "downloadThroughput": -1, "uploadThroughput": -1}
    await session.send("Network.emulateNetworkConditions", slow)


async def test_what_happened_before_a_card_was_there_is_shown_on_it(visit: Visit, site: Site) -> None:
    """The stream speaks of a job before the answer to Start is there, and never again: the card does not stay behind."""
    page = await visit.page()
    await page.locator("#image").set_input_files(as_file())
    await page.get_by_label("What should happen?").fill("hold still")
    await expect(page.get_by_label("Price")).to_contain_text("5 s")
    await is_far_away(page)

    with site.paused():
        await page.locator("#start").click()

        await expect(newest(page)).to_contain_text("hold still")
        await expect(newest(page)).to_contain_text("In line")


async def test_what_happened_before_the_stream_began_is_shown(visit: Visit, site: Site) -> None:
    """A page is drawn, and only then listens: a job that ended between is shown as it ended."""
    stopped = ""

    async def late(route: Route) -> None:
        """The stream opens when the job has ended."""
        site.client.post(f"/api/v1/jobs/{stopped}/cancel").raise_for_status()
        site.wait(stopped, "cancelled")
        await route.continue_()

    with site.paused():
        stopped = site.ask("stopped before anybody listened")
        site.wait(stopped, "queued")
        await visit.context.route("**/studio/events", late, times=1)
        page = await visit.page()

        await expect(newest(page)).to_contain_text("stopped before anybody listened")
        await expect(newest(page)).to_contain_text("Cancelled")


async def test_a_list_that_was_drawn_before_a_change_shows_it_all_the_same(visit: Visit, site: Site) -> None:
    """The stream tells the row that stood there; the row that the late answer brings is asked for again."""
    with site.paused():
        job_id = site.ask("stopped while it was looked for")
        site.wait(job_id, "queued")
        page = await visit.page("/history")
        row = page.locator(f"#job-{job_id}")
        await expect(row).to_contain_text("queued")
        await row.evaluate("(row) => { row.dataset.first = 'yes'; }")
        await is_far_away(page)

        async with page.expect_request("**/history?**"):
            await page.locator("#q").fill("looked for")
        await page.wait_for_timeout(FAR_AWAY_MS / 4)
        site.client.post(f"/api/v1/jobs/{job_id}/cancel").raise_for_status()

        await expect(page.locator(f"#job-{job_id}[data-first]")).to_have_count(0)
        await expect(row).to_contain_text("cancelled")


async def test_what_is_pressed_goes_before_what_is_only_looked_at(visit: Visit, site: Site) -> None:
    """The card is just being asked for when Cancel is pressed: its answer, of a moment before, does not undo what is shown."""
    overtaken = asyncio.Event()

    async def late(route: Route) -> None:
        """The answer to the first question, when the page has shown what came after."""
        answer = await route.fetch()
        await overtaken.wait()
        await route.fulfill(response=answer)

    with site.paused():
        job_id = site.ask("not in line again")
        site.wait(job_id, "queued")
        await visit.context.route(f"**/jobs/{job_id}/card", late, times=1)
        async with visit.context.expect_event("request", lambda request: request.url.endswith("/card")):
            page = await visit.page()
        card = page.locator(f"#job-{job_id}")

        await card.get_by_role("button", name="Cancel").click()

        await expect(card).to_contain_text("Cancelled")
        await card.evaluate(
            """(card) => {
              window.shown = [];
              new MutationObserver(() => window.shown.push(document.getElementById(card.id).textContent))
                .observe(document.getElementById("cards"), {childList: true, subtree: true, characterData: true});
            }"""
        )
        overtaken.set()
        await page.wait_for_timeout(500)
        assert [text for text in await page.evaluate("window.shown") if "In line" in text] == []
        await expect(card).to_contain_text("Cancelled")

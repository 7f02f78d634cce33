"""Finding what was made: the gallery, the history and its filters, the table for a spreadsheet, the quota."""

from __future__ import annotations

import csv
import io
import re

import pytest
from playwright.async_api import Browser, expect

from tests.browser.driving import Visit, a_visit, browsing
from tests.browser.sites import Site

pytestmark = browsing

MANY = 27
"""More than a page of the history."""


@pytest.fixture(scope="module", autouse=True)
def many(site: Site) -> list[str]:
    """Jobs of every kind: most were cancelled before they began, one has a clip."""
    with site.paused():
        jobs = [site.ask(f"number {number} of many") for number in range(MANY)]
        for job_id in jobs:
            site.client.post(f"/api/v1/jobs/{job_id}/cancel").raise_for_status()
        for job_id in jobs:
            site.wait(job_id, "cancelled")
    return [*jobs, site.made("=HYPERLINK the only clip")]


async def test_the_history_is_searched_as_one_types(visit: Visit) -> None:
    """Without a reload; the filters stand in the address of the table for a spreadsheet, too."""
    page = await visit.page("/history")
    await page.evaluate("() => { window.isTheSamePage = true; }")
    rows = page.locator("#rows tr")

    await page.get_by_label("Search").fill("only clip")
    await expect(rows).to_have_count(1)
    await expect(rows.first.get_by_role("link")).to_have_text("=HYPERLINK the only clip")
    await page.get_by_label("State").select_option("Cancelled")
    await expect(page.get_by_text("Nothing found")).to_be_visible()

    assert await page.evaluate("() => window.isTheSamePage") is True
    address = await page.locator("#csv").get_attribute("href")
    assert address is not None
    assert "state=cancelled" in address
    assert "q=only" in address


async def test_older_jobs_come_as_one_scrolls(visit: Visit) -> None:
    """To the very first, each once."""
    page = await visit.page("/history?state=cancelled")
    rows = page.locator("#rows tr")
    await expect(rows).not_to_have_count(0)

    while await page.locator("#more").count():
        before = await rows.count()
        await page.locator("#more").scroll_into_view_if_needed()
        await page.wait_for_function(
            "(before) => document.querySelectorAll('#rows tr').length > before || !document.getElementById('more')",
            arg=before,
        )

    await expect(rows).to_have_count(MANY)
    ids = await rows.evaluate_all("rows => rows.map(row => row.id)")
    assert len(set(ids)) == MANY


async def test_without_scripts_the_history_has_pages(browser: Browser, site: Site) -> None:
    """A form and links are enough for everything there is."""
    async with a_visit(browser, site.address, java_script_enabled=False) as visit:
        page = await visit.page("/history")
        await page.get_by_label("State").select_option("Cancelled")
        await page.get_by_role("button", name="Search").click()
        found: list[str] = []
        while True:
            found += await page.locator("#rows th").all_inner_texts()
            if not await page.get_by_role("link", name="Older").count():
                break
            await page.get_by_role("link", name="Older").click()

    assert len(found) == len(set(found)) == MANY


async def test_the_table_for_a_spreadsheet_holds_what_is_found_and_runs_nothing(visit: Visit) -> None:
    """A prompt that begins like a formula is text there."""
    page = await visit.page("/history?q=HYPERLINK")

    async with page.expect_download() as fetching:
        await page.get_by_role("link", name="CSV").click()

    content = (await (await fetching.value).path()).read_text()
    rows = list(csv.reader(io.StringIO(content)))
    [cell] = [cell for cell in rows[1] if "the only clip" in cell]
    assert len(rows) == 2
    assert not cell.startswith(("=", "+", "-", "@"))


async def test_the_gallery_shows_the_poster_and_leads_to_the_clip(visit: Visit, many: list[str]) -> None:
    """Only what has a clip hangs there."""
    page = await visit.page("/gallery")
    tiles = page.locator(".tile")
    await expect(tiles).to_have_count(1)
    poster = await tiles.first.locator("video").get_attribute("poster")
    assert poster is not None
    answer = await page.request.get(visit.address + poster)
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")

    await tiles.first.get_by_role("link").click()

    await page.wait_for_url(f"**/jobs/{many[-1]}")
    await expect(page.get_by_role("heading", level=1)).to_have_text("=HYPERLINK the only clip")


async def test_the_quota_says_what_the_figures_say(visit: Visit, site: Site) -> None:
    """In words, in a bar, and as the API has them."""
    page = await visit.page("/quota")
    scopes = site.client.get("/api/v1/quota").json()["scopes"]
    [mine] = [each for each in scopes if each["scope"].startswith("user:") and each["period"] == "day"]

    you = page.get_by_role("region", name="You", exact=True)

    await expect(you).to_contain_text(re.compile(rf"{mine['used_jobs']} of {mine['limit_jobs']} clips"))
    await expect(you.get_by_role("progressbar").first).to_be_visible()


async def test_the_timeline_of_a_job_is_in_the_order_it_happened(visit: Visit, many: list[str]) -> None:
    """From the asking to the delivery, with its times."""
    page = await visit.page(f"/jobs/{many[-1]}")

    lines = await page.get_by_role("region", name="Timeline").get_by_role("listitem").all_inner_texts()
    times = (
        await page.get_by_role("region", name="Timeline")
        .locator("time")
        .evaluate_all("times => times.map(time => Date.parse(time.dateTime))")
    )

    assert len(lines) >= 4
    assert times == sorted(times)

"""With scripts off every way still leads to its end: forms and links are enough."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.driving import Visit, a_visit, as_file, browsing
from tests.browser.sites import Site

pytestmark = browsing


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, site: Site) -> AsyncIterator[Visit]:
    """A browser that runs no script."""
    async with a_visit(browser, site.address, java_script_enabled=False) as found:
        yield found


async def test_a_picture_is_taken_and_the_job_is_shown_after_a_reload(visit: Visit, site: Site) -> None:
    """Start leads to the job's page; loaded anew, it shows the clip."""
    page = await visit.page("/")
    await page.get_by_label("Picture", exact=True).set_input_files(as_file())
    await page.get_by_label("What should happen?").fill("made without scripts --480p")

    await page.get_by_role("button", name="Start", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("made without scripts")
    job = site.jobs()[0]
    assert page.url == site.url(f"/jobs/{job['id']}")
    site.wait(job["id"], "delivered")
    await page.reload()

    await expect(page.get_by_label("The clip", exact=True)).to_have_attribute("src", f"/api/v1/jobs/{job['id']}/video")


async def test_what_is_wrong_is_said_and_what_was_typed_stays(visit: Visit) -> None:
    """On the page as it was, beside its field."""
    visit.forgive("status of 422")
    page = await visit.page("/")
    await page.get_by_label("Picture", exact=True).set_input_files(as_file())
    await page.get_by_label("What should happen?").fill("zoom in --cammera orbit")
    await page.get_by_label("Camera").select_option("Orbit")

    await page.get_by_role("button", name="Start", exact=True).click()

    await expect(page.locator("#prompt-trouble")).to_contain_text("did you mean")
    await expect(page.get_by_label("What should happen?")).to_have_value("zoom in --cammera orbit")
    await expect(page.get_by_label("Camera")).to_have_value("orbit")


@pytest.mark.parametrize("link", ["Edit", "Use last frame"])
async def test_a_child_is_asked_for_on_a_page_of_its_own(visit: Visit, site: Site, link: str) -> None:
    """The dialog's form, as a page; it leads to the child."""
    parent = site.made("parent without scripts")
    with site.paused():
        page = await visit.page(f"/jobs/{parent}")
        await page.get_by_role("link", name=link, exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(link)
        await page.get_by_label("What should happen?").fill(f"child by {link}")
        await page.get_by_role("button", name="Start").click()

        await expect(page.get_by_role("heading", level=1)).to_have_text(f"child by {link}")
        await page.get_by_role("button", name="Cancel").click()
        site.wait(site.jobs()[0]["id"], "cancelled")

    assert site.jobs()[0]["parent_id"] == parent


async def test_deleting_asks_first(visit: Visit, site: Site) -> None:
    """On a page, and says afterwards what remains."""
    job_id = site.made("deleted without scripts")
    page = await visit.page(f"/jobs/{job_id}")

    await page.get_by_role("link", name="Delete", exact=True).click()
    await page.get_by_role("button", name="Delete", exact=True).click()

    await expect(page.get_by_role("heading", level=1)).to_have_text("Deleted")
    assert site.client.get(f"/api/v1/jobs/{job_id}").status_code == 404

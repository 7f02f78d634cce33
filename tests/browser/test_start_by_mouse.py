"""From a picture to a playing clip with the mouse: dropped, chosen and pasted; the card lives without a reload."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.driving import DROPS, PASTES, RENDERED_WITHIN_MS, Visit, as_file, bring, browsing, newest, plays
from tests.browser.sites import Site

pytestmark = browsing


async def bring_by(page: Page, how: str) -> None:
    """A picture comes onto the page in one of its ways."""
    if how == "drop":
        await bring(page, page.locator("#drop"), DROPS)
    elif how == "drop beside":
        await bring(page, page.locator("main"), DROPS)
    elif how == "paste":
        await bring(page, page.get_by_label("What should happen?"), PASTES)
    else:
        async with page.expect_file_chooser() as choosing:
            await page.locator("#drop").click()
        await (await choosing.value).set_files(as_file())


@pytest.mark.parametrize("how", ["drop", "drop beside", "paste", "choose"])
async def test_a_picture_is_seen_at_once(visit: Visit, how: str) -> None:
    """However it comes: its preview has its own width, and its name stands there, before anything is sent."""
    page = await visit.page()

    await bring_by(page, how)

    preview = page.get_by_alt_text("Your picture")
    await expect(preview).to_be_visible()
    await expect(page.locator("#image-hint")).to_have_text("lake.png")
    await page.wait_for_function("() => document.getElementById('preview').naturalWidth === 480")
    assert await page.locator("#image").evaluate("input => input.files[0].name") == "lake.png"


async def test_from_dropping_a_picture_to_a_playing_clip(visit: Visit, site: Site) -> None:
    """The card comes at once, follows its job without a reload, and the clip plays, is fetched, and its address is copied."""
    await visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await visit.page()
    await page.evaluate("() => { window.isTheSamePage = true; }")
    await bring_by(page, "drop")

    await page.get_by_label("What should happen?").fill("zoom in on the lake --seed 7")
    await page.get_by_label("Resolution").select_option("720p")
    await expect(page.get_by_label("Price")).to_contain_text("5 s, 720p, seed 7")
    await page.get_by_role("button", name="Start", exact=True).click()

    card = newest(page)
    await expect(card.get_by_role("heading")).to_have_text("zoom in on the lake")
    video = card.get_by_label("The clip", exact=True)
    await expect(video).to_be_visible(timeout=RENDERED_WITHIN_MS)
    seen = await plays(video)
    assert (seen["width"], seen["height"], seen["error"]) == (1280, 720, None)
    assert seen["moved"] > 0
    assert seen["lasts"] == pytest.approx(5, abs=0.2)
    assert await page.evaluate("() => window.isTheSamePage") is True

    async with page.expect_download() as fetching:
        await card.get_by_role("link", name="Download").click()
    fetched = await fetching.value
    job = site.jobs()[0]
    content = (await fetched.path()).read_bytes()
    assert fetched.suggested_filename == f"{job['id']}.mp4"
    assert (len(content), content[4:8]) == (job["output"]["bytes"], b"ftyp")

    await card.get_by_role("button", name="Copy link").click()
    await expect(card.get_by_role("button", name="Copied")).to_be_visible()
    assert await page.evaluate("() => navigator.clipboard.readText()") == site.url(f"/jobs/{job['id']}")


async def test_the_price_follows_every_choice(visit: Visit) -> None:
    """What is typed and what is chosen; nonsense is a sentence in the price's place."""
    page = await visit.page()
    price = page.get_by_label("Price")
    await expect(price).to_contain_text("Free")

    await page.get_by_label("Length").select_option("10 s")
    await expect(price).to_contain_text("10 s, ")
    await page.get_by_label("Camera").select_option("Orbit")
    await expect(price).to_contain_text("orbit")
    await page.get_by_label("What should happen?").fill("zoom in --cammera orbit")
    await expect(price).to_contain_text("did you mean")
    await page.get_by_label("What should happen?").fill("zoom in --480p")
    await expect(price).to_contain_text("480p")


async def test_a_double_click_is_one_job(visit: Visit, site: Site) -> None:
    """The form carries a key of its own; the next press, with the next key, is another wish."""
    with site.paused():
        page = await visit.page()
        await bring_by(page, "drop")
        await page.get_by_label("What should happen?").fill("pressed twice --480p")
        before = len(site.jobs())

        await page.get_by_role("button", name="Start", exact=True).dblclick()
        await expect(newest(page).get_by_role("heading")).to_have_text("pressed twice")
        await expect(page.get_by_role("button", name="Start", exact=True)).to_be_enabled()
        assert len(site.jobs()) == before + 1
        await page.get_by_role("button", name="Start", exact=True).click()

        await expect(page.get_by_role("heading", name="pressed twice")).to_have_count(2)
        for job in site.jobs()[:2]:
            site.client.post(f"/api/v1/jobs/{job['id']}/cancel")


async def test_a_picture_that_is_none_is_said_beside_the_field_and_nothing_typed_is_lost(
    visit: Visit, site: Site
) -> None:
    """One sentence, the focus at the field, and the form as it was."""
    visit.forgive("status of 422")
    page = await visit.page()
    await page.locator("#image").set_input_files(as_file(content=b"not a picture"))
    await page.get_by_label("What should happen?").fill("keep these words --480p")
    await page.get_by_label("Camera").select_option("Orbit")
    before = len(site.jobs())

    await page.get_by_role("button", name="Start", exact=True).click()

    trouble = page.locator("#image-trouble")
    await expect(trouble).not_to_be_empty()
    await expect(page.locator("#image")).to_be_focused()
    await expect(page.get_by_label("What should happen?")).to_have_value("keep these words --480p")
    await expect(page.get_by_label("Camera")).to_have_value("orbit")
    assert len(site.jobs()) == before


async def test_what_is_no_picture_at_all_is_not_even_taken(visit: Visit) -> None:
    """A dropped text file changes nothing but a sentence."""
    page = await visit.page()

    await bring(page, page.locator("#drop"), DROPS, name="notes.txt", kind="text/plain")

    await expect(page.locator("#image-trouble")).to_have_text("This is not a picture.")
    assert await page.locator("#image").evaluate("input => input.files.length") == 0


async def test_two_pages_show_the_same_jobs(visit: Visit, site: Site) -> None:
    """What happens to a job in one is seen in the other, and a job's own page follows it as well."""
    with site.paused():
        job_id = site.ask("seen twice")
        one, other = await visit.page("/"), await visit.page(f"/jobs/{job_id}")
        card = one.locator(f"#job-{job_id}")
        await expect(card.get_by_role("button", name="Cancel")).to_be_visible()

        await card.get_by_role("button", name="Cancel").click()

        await expect(card).to_contain_text("Cancelled")
        await expect(other.locator(f"#job-{job_id}")).to_contain_text("Cancelled")


async def test_going_back_shows_the_page_as_it_stands_now(visit: Visit, site: Site) -> None:
    """And not as it was when one left."""
    job_id = site.made("went and came back")
    page = await visit.page("/")
    await page.locator(f"#job-{job_id}").get_by_role("heading").get_by_role("link").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("went and came back")
    site.client.delete(f"/api/v1/jobs/{job_id}").raise_for_status()

    await page.go_back()

    await expect(page.locator("#ask")).to_be_visible()
    await expect(page.locator(f"#job-{job_id}")).to_have_count(0)

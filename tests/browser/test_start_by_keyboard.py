"""The same way without a mouse: every step is reached by Tab and done by Enter, Space and the arrows."""

from __future__ import annotations

import asyncio

from playwright.async_api import FileChooser, Page, Route, expect
from playwright.async_api import TimeoutError as PlaywrightTimeout

from tests.browser.driving import RENDERED_WITHIN_MS, Visit, as_file, browsing, focus, newest
from tests.browser.sites import Site

pytestmark = browsing

FORM = (
    "textarea What should happen?",
    "summary Words that set things",
    "select Model",
    "select Length",
    "select Resolution",
    "select Camera",
    "select Motion",
    "summary More options",
    "button Start",
)


async def tab_to(page: Page, *stops: str) -> None:
    """Each press of Tab leads to the next of these."""
    for stop in stops:
        await page.keyboard.press("Tab")
        assert await focus(page) == stop


async def tab_until(page: Page, stop: str, *, most: int = 60) -> None:
    """Tab onwards, wherever it leads in between: a player has controls of its own."""
    for _ in range(most):
        await page.keyboard.press("Tab")
        if await focus(page) == stop:
            return
    raise AssertionError(f"Tab never leads to {stop!r}, but to {await focus(page)!r}")


async def chooser(page: Page) -> FileChooser:
    """Opened by the keyboard. A Chromium without a window now and then swallows the first press (seen with Debian's)."""
    for left in (2, 1, 0):
        try:
            async with page.expect_file_chooser(timeout=5_000) as choosing:
                await page.keyboard.press("Enter")
            return await choosing.value
        except PlaywrightTimeout:
            if not left:
                raise
    raise AssertionError("the last try returns or raises")


async def test_a_clip_is_made_without_a_mouse(visit: Visit, site: Site) -> None:
    """From the skip link to the player, and on to another take; the focus is never lost."""
    page = await visit.page()
    await tab_to(page, "a Skip to the content")
    await page.keyboard.press("Enter")
    await tab_to(page, "input.file Picture")
    await (await chooser(page)).set_files(as_file())
    await expect(page.get_by_alt_text("Your picture")).to_be_visible()

    await tab_to(page, *FORM[:1])
    await page.keyboard.type("zoom in on the lake")
    await tab_to(page, *FORM[1:5])
    await page.keyboard.type("480")
    await expect(page.get_by_label("Resolution")).to_have_value("480p")
    await expect(page.get_by_label("Price")).to_contain_text("480p")
    await tab_to(page, FORM[5])
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_label("Camera")).to_have_value("zoom-in")
    await expect(page.get_by_label("Price")).to_contain_text("zoom in")
    assert await focus(page) == FORM[5], "what follows a choice leaves the focus where it is"
    await tab_to(page, *FORM[6:])
    await page.keyboard.press("Enter")

    card = newest(page)
    await expect(card.get_by_role("heading")).to_have_text("zoom in on the lake")
    await expect(page.get_by_role("button", name="Start", exact=True)).to_be_focused()
    await expect(card.get_by_label("The clip", exact=True)).to_be_visible(timeout=RENDERED_WITHIN_MS)
    await card.get_by_label("The clip", exact=True).evaluate("video => video.pause()")
    await tab_to(page, "video The clip")
    await page.keyboard.press("Space")
    await page.wait_for_function("() => document.querySelector('#cards video').currentTime > 0")

    await tab_until(page, "button Again")
    await page.keyboard.press("Space")
    await expect(page.locator("#cards > article")).to_have_count(2)
    await expect(card.get_by_role("heading")).to_have_text("zoom in on the lake")
    await expect(
        page.locator("#cards > article").nth(1).get_by_role("button", name="Again", exact=True)
    ).to_be_focused()
    assert site.jobs()[0]["relation"] == "again"


async def test_a_dialog_takes_the_focus_and_gives_it_back(visit: Visit, site: Site) -> None:
    """Edit opens on its heading; Escape and Cancel lead back to the link that was pressed, and nothing was asked for."""
    job_id = site.made("edited without a mouse")
    page = await visit.page()
    link = page.locator(f"#job-{job_id}").get_by_role("link", name="Edit", exact=True)
    dialog = page.get_by_role("dialog", name="Edit")
    before = len(site.jobs())

    await link.focus()
    await page.keyboard.press("Enter")
    await expect(dialog).to_be_visible()
    await expect(dialog.get_by_role("heading", name="Edit")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(link).to_be_focused()

    await page.keyboard.press("Enter")
    await expect(dialog).to_be_visible()
    await tab_until(page, "a Cancel")
    await page.keyboard.press("Enter")
    await expect(dialog).to_be_hidden()
    await expect(link).to_be_focused()
    assert len(site.jobs()) == before


async def test_what_is_wrong_leads_to_the_field(visit: Visit) -> None:
    """A prompt with a word nobody knows: the focus moves there, the sentence is the field's own description."""
    visit.forgive("status of 422")
    page = await visit.page()
    await page.locator("#image").set_input_files(as_file())
    prompt = page.get_by_label("What should happen?")
    await prompt.focus()
    await page.keyboard.type("zoom in --cammera orbit")

    await page.keyboard.press("Control+Enter")

    await expect(page.locator("#prompt-trouble")).to_contain_text("did you mean")
    await expect(prompt).to_be_focused()
    await expect(prompt).to_have_accessible_description("I do not know --cammera; did you mean --camera?")
    await expect(prompt).to_have_value("zoom in --cammera orbit")


async def test_the_menu_opens_and_closes_by_key(visit: Visit) -> None:
    """Enter opens it, Escape closes it and leaves the focus on it."""
    page = await visit.page("/gallery")
    menu = page.locator("details.me")
    await menu.locator("summary").focus()

    await page.keyboard.press("Enter")
    await expect(menu.get_by_role("link", name="Your tokens")).to_be_visible()
    await page.keyboard.press("Tab")
    assert await focus(page) == "a Your tokens"
    await page.keyboard.press("Escape")

    await expect(menu.get_by_role("link", name="Your tokens")).to_be_hidden()
    await expect(menu.locator("summary")).to_be_focused()


async def test_a_button_that_goes_away_hands_the_focus_to_its_card(visit: Visit, site: Site) -> None:
    """Cancel is gone once it was pressed, and so is the link to what was deleted: Tab goes on there, not at the top."""
    with site.paused():
        job_id = site.ask("to be cancelled by key")
        page = await visit.page()
        card = page.locator(f"#job-{job_id}")
        await card.get_by_role("button", name="Cancel").focus()

        await page.keyboard.press("Enter")

        await expect(card).to_contain_text("Cancelled")
        await expect(card.get_by_role("heading").get_by_role("link")).to_be_focused()
        await card.get_by_role("link", name="Delete", exact=True).focus()
        await page.keyboard.press("Enter")
        # Else Tab would lead away from the link, and whoever closes the dialog comes back to where Tab had led.
        await expect(page.locator("#dialog")).to_be_visible()
        await tab_until(page, "button Delete")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Deleted")).to_be_focused()
        await page.keyboard.press("Escape")

        # On the page itself, or on the card that came after it; never before both.
        await expect(page.locator("main:focus, main :focus")).to_have_count(1)
        await expect(card).to_have_count(0)


async def test_no_button_becomes_another_under_ones_finger(visit: Visit, site: Site) -> None:
    """The job ends elsewhere while Cancel has the focus: Enter does not press Again, which now stands in its place."""
    told = asyncio.Event()

    async def silent(route: Route) -> None:
        """A stream that says nothing yet, so that the card changes in one step."""
        await told.wait()
        await route.continue_()

    with site.paused():
        job_id = site.ask("cancelled from elsewhere")
        site.wait(job_id, "queued")
        await visit.context.route("**/studio/events", silent, times=1)
        page = await visit.page()
        card = page.locator(f"#job-{job_id}")
        await card.get_by_role("button", name="Cancel").focus()
        site.client.post(f"/api/v1/jobs/{job_id}/cancel").raise_for_status()
        site.wait(job_id, "cancelled")

        told.set()

        await expect(card.get_by_role("button", name="Again", exact=True)).to_be_visible()
        await expect(card.get_by_role("heading").get_by_role("link")).to_be_focused()

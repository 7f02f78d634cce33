"""What is pressed under a clip: each button makes what it says, and its card comes without a reload."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.driving import RENDERED_WITHIN_MS, Visit, browsing, newest, plays
from tests.browser.sites import Site

pytestmark = browsing


@pytest.fixture(scope="module")
def parent(site: Site) -> str:
    """A finished clip to go on from."""
    return site.made("the parent of them all")


@pytest.mark.parametrize("button", ["Again", "Loop"])
async def test_another_take_and_a_loop_need_one_press(visit: Visit, site: Site, parent: str, button: str) -> None:
    """The child's card stands above, in line or at work, and says what it descends from."""
    with site.paused():
        page = await visit.page()

        before = await page.locator("#cards > article").count()

        await page.locator(f"#job-{parent}").get_by_role("button", name=button, exact=True).click()

        await expect(page.locator("#cards > article")).to_have_count(before + 1)
        child = site.jobs()[0]
        await expect(newest(page)).to_have_id(f"job-{child['id']}")
        assert (child["parent_id"], child["relation"]) == (parent, button.lower())
    site.wait(child["id"], "delivered")


@pytest.mark.parametrize(("link", "relation"), [("Edit", "edit"), ("Extend", "extend"), ("Use last frame", "frame")])
async def test_what_has_a_form_is_asked_for_in_a_dialog(
    visit: Visit, site: Site, parent: str, link: str, relation: str
) -> None:
    """Filled in as the parent was; its price follows; the child's card comes and the dialog goes."""
    with site.paused():
        page = await visit.page()

        await page.locator(f"#job-{parent}").get_by_role("link", name=link, exact=True).click()
        dialog = page.get_by_role("dialog", name=link)
        await expect(dialog.get_by_label("What should happen?")).to_have_value("the parent of them all")
        await expect(dialog.get_by_label("Resolution").locator("option:checked")).to_have_text("480p")
        await dialog.get_by_label("What should happen?").fill(f"changed by {relation} --seed 5")
        await expect(dialog.get_by_label("Price")).to_contain_text("seed 5")
        await dialog.get_by_role("button", name="Start").click()

        await expect(dialog).to_be_hidden()
        await expect(newest(page).get_by_role("heading")).to_have_text(f"changed by {relation}")
        child = site.jobs()[0]
        assert (child["parent_id"], child["relation"], child["prompt"]) == (parent, relation, f"changed by {relation}")
        assert child["settings"]["seed"] == 5
        site.client.post(f"/api/v1/jobs/{child['id']}/cancel")


async def test_what_is_wrong_in_a_dialog_is_said_there(visit: Visit, site: Site, parent: str) -> None:
    """And what was typed stays."""
    visit.forgive("status of 422")
    page = await visit.page()
    await page.locator(f"#job-{parent}").get_by_role("link", name="Edit", exact=True).click()
    dialog = page.get_by_role("dialog", name="Edit")

    await dialog.get_by_label("What should happen?").fill("zoom in --cammera orbit")
    await dialog.get_by_role("button", name="Start").click()

    await expect(dialog.get_by_role("alert").filter(has_text="did you mean")).to_be_visible()
    await expect(dialog.get_by_label("What should happen?")).to_have_value("zoom in --cammera orbit")
    await expect(dialog.get_by_label("What should happen?")).to_be_focused()


async def test_a_child_of_a_job_page_has_a_page_of_its_own(visit: Visit, site: Site, parent: str) -> None:
    """There one is led, it plays there when it is ready, and the way back stands there."""
    page = await visit.page(f"/jobs/{parent}")

    await page.get_by_role("button", name="Loop", exact=True).click()

    await page.wait_for_url(lambda url: "/jobs/" in url and parent not in url)
    video = page.get_by_label("The clip", exact=True)
    await expect(video).to_be_visible(timeout=RENDERED_WITHIN_MS)
    assert (await plays(video))["moved"] > 0
    await page.get_by_role("link", name="the parent of them all").click()
    await page.wait_for_url(f"**/jobs/{parent}")


async def test_a_clip_that_became_ready_before_ones_eyes_plays(visit: Visit, site: Site) -> None:
    """Silently; one that was there before stays still."""
    with site.paused():
        job_id = site.ask("watched from the beginning")
        page = await visit.page()
        await expect(page.locator(f"#job-{job_id}").get_by_role("button", name="Cancel")).to_be_visible()

    video = page.locator(f"#job-{job_id}").get_by_label("The clip", exact=True)
    await expect(video).to_be_visible(timeout=RENDERED_WITHIN_MS)
    await page.wait_for_function("(id) => document.querySelector(`#job-${id} video`).currentTime > 0", arg=job_id)
    assert await video.evaluate("video => video.muted")
    still = await page.evaluate(
        "() => [...document.querySelectorAll('#cards video')].filter(each => !each.paused).length"
    )
    assert still == 1


async def test_deleting_asks_first_and_takes_the_card_away(visit: Visit, site: Site) -> None:
    """Keep it keeps it; Delete says what remains, and the job is gone for good."""
    visit.forgive("status of 404")
    job_id = site.made("to be deleted")
    page = await visit.page()
    card = page.locator(f"#job-{job_id}")
    dialog = page.get_by_role("dialog")

    await card.get_by_role("link", name="Delete", exact=True).click()
    await expect(dialog).to_contain_text("There is no way back")
    await dialog.get_by_role("link", name="Keep it").click()
    await expect(dialog).to_be_hidden()
    await card.get_by_role("link", name="Delete", exact=True).click()
    await dialog.get_by_role("button", name="Delete", exact=True).click()

    await expect(dialog).to_contain_text("Deleted")
    await dialog.get_by_role("button", name="Close").click()
    await expect(card).to_have_count(0)
    gone = await page.goto(site.url(f"/jobs/{job_id}"))
    assert gone is not None
    assert gone.status == 404
    assert site.client.get(f"/api/v1/jobs/{job_id}").status_code == 404


async def test_a_double_click_on_cancel_does_not_press_again(visit: Visit, site: Site) -> None:
    """The second press belongs to the first: what came under the pointer meanwhile is not pressed by it."""
    orders: list[str] = []
    with site.paused():
        job_id = site.ask("cancelled by a double click")
        page = await visit.page()
        page.on("request", lambda request: orders.append(request.url) if request.url.endswith("/again") else None)
        card = page.locator(f"#job-{job_id}")
        await card.get_by_role("button", name="Cancel").click()
        again = card.get_by_role("button", name="Again", exact=True)
        await again.hover()

        await page.mouse.down(click_count=2)
        await page.mouse.up(click_count=2)
        await page.wait_for_timeout(300)
        assert orders == []

        await again.click()
        await expect(newest(page)).not_to_have_id(f"job-{job_id}")
        assert len(orders) == 1
        site.client.post(f"/api/v1/jobs/{site.jobs()[0]['id']}/cancel")

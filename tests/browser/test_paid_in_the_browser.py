"""A paid clip in the browser: the price is asked for once more, and a render that takes its time can be watched and stopped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.driving import RENDERED_WITHIN_MS, Visit, a_visit, as_file, browsing, newest, plays
from tests.browser.sites import Site, a_site
from tests.emulators.processes import VendorProcess, vendor_emulator

pytestmark = browsing


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorProcess]:
    """An emulated service that renders real clips in a second."""
    folder = tmp_path_factory.mktemp("service")
    with vendor_emulator(folder, "wavespeed", clips="real", render_s=1, api_key="test-key") as found:
        yield found
        assert [event["why"] for event in found.events("violation")] == []


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, service: VendorProcess) -> Iterator[Site]:
    """A server with an account there, which asks before every clip that costs something."""
    env = {
        "REELBOT_WAVESPEED__API_KEY": "test-key",
        "REELBOT_WAVESPEED__BASE_URL": service.url,
        "REELBOT_WAVESPEED__CREATES_PER_MINUTE": "1000",
        "REELBOT_LIMITS__CONFIRM_ABOVE_USD": "0",
        "REELBOT_LIMITS__USER_DAILY_USD": "1.50",
    }
    with a_site(tmp_path_factory.mktemp("paid"), env=env) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, site: Site) -> object:
    """Somebody at this machine."""
    async with a_visit(browser, site.address) as found:
        yield found


async def quoted(visit: Visit, prompt: str) -> Page:
    """A page on which a clip was asked for and waits for its price to be confirmed."""
    page = await visit.page()
    await page.locator("#image").set_input_files(as_file())
    await page.get_by_label("What should happen?").fill(prompt)
    await expect(page.get_by_label("Price")).to_contain_text("You are asked once more before it starts")
    await page.locator("#start").click()
    await expect(newest(page).get_by_role("button", name="Start", exact=True)).to_be_visible()
    return page


def limit(site: Site, usd: str) -> None:
    """What may be spent in a day."""
    site.client.put("/api/v1/limits/user:api:admin", json={"period": "day", "usd": usd}).raise_for_status()


async def test_the_price_is_confirmed_and_the_clip_is_paid_once(
    visit: Visit, site: Site, service: VendorProcess
) -> None:
    """Nothing is ordered before; afterwards the card says what it cost, and the quota follows."""
    page = await quoted(visit, "the sea begins to move")
    card = newest(page)
    assert service.events("accepted") == []
    price = site.jobs()[0]["price"]
    assert price["charged_usd"] in (None, "0.00", "0")

    await card.get_by_role("button", name="Start", exact=True).dblclick()

    await expect(card.get_by_label("The clip", exact=True)).to_be_visible(timeout=RENDERED_WITHIN_MS)
    assert (await plays(card.get_by_label("The clip", exact=True)))["moved"] > 0
    charged = site.jobs()[0]["price"]["charged_usd"]
    await expect(card).to_contain_text(f"${charged}")
    await expect(page.get_by_label("Price")).to_contain_text("left today")
    assert len(service.events("accepted")) == 1


async def test_a_price_that_is_declined_costs_nothing(visit: Visit, site: Site, service: VendorProcess) -> None:
    """Cancel ends it, and its card says so."""
    page = await quoted(visit, "too dear after all")
    before = len(service.events("accepted"))

    await newest(page).get_by_role("button", name="Cancel").click()

    await expect(newest(page)).to_contain_text("Cancelled")
    assert site.jobs()[0]["state"] == "cancelled"
    assert len(service.events("accepted")) == before


async def test_a_limit_that_is_reached_is_said_before_and_when_pressed(visit: Visit, site: Site) -> None:
    """The price's place says which; pressing Start all the same asks for nothing, and what was typed stays."""
    visit.forgive("status of 429")
    before = len(site.jobs())
    page = await visit.page()
    await page.locator("#image").set_input_files(as_file())
    await page.get_by_label("What should happen?").fill("far too dear --1080p")
    await expect(page.get_by_label("Price")).to_contain_text("5 s, 1080p")
    limit(site, "0.01")

    await page.locator("#start").click()

    await expect(page.locator("#start-trouble")).to_contain_text("of your daily budget of $0.01 only")
    await expect(page.get_by_label("What should happen?")).to_have_value("far too dear --1080p")
    await page.get_by_label("Length").select_option("10 s")
    await expect(page.get_by_label("Price")).to_contain_text("of your daily budget of $0.01 only")
    limit(site, "1.50")
    assert len(site.jobs()) == before


async def test_a_clip_that_renders_elsewhere_is_watched_and_stopped(
    visit: Visit, site: Site, service: VendorProcess
) -> None:
    """While it renders, the picture it is made from stands there, its time runs, and Cancel is asked for at once."""
    service.knobs(render_s=60)
    page = await quoted(visit, "a long one")
    card = newest(page)
    await card.get_by_role("button", name="Start", exact=True).click()
    await site_says(site, "rendering")

    await expect(card.locator("img")).to_be_visible()
    began = await card.locator("[data-since]").inner_text()
    await expect(card.locator("[data-since]")).not_to_have_text(began)
    await card.get_by_role("button", name="Cancel").click()

    await expect(card.get_by_role("button", name="Cancel")).to_have_count(0)
    service.knobs(render_s=1)


async def site_says(site: Site, state: str) -> None:
    """Until the newest job stands there."""
    site.until(lambda: site.jobs()[0]["state"], lambda found: found == state)

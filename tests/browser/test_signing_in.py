"""Signing in and out, and a session that ends before one's eyes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.driving import Visit, a_visit, browsing
from tests.browser.sites import ADMIN_TOKEN, API, Site, a_site

pytestmark = browsing


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that knows who may come in."""
    with a_site(tmp_path_factory.mktemp("token"), env={"REELBOT_WEB__ADMIN_TOKEN": ADMIN_TOKEN}) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, site: Site) -> AsyncIterator[Visit]:
    """A stranger."""
    async with a_visit(browser, site.address) as found:
        found.forgive("status of 401")
        yield found


async def sign_in(page: Page, token: str = ADMIN_TOKEN) -> None:
    """Type a token and send it."""
    await page.get_by_label("Token").fill(token)
    await page.get_by_role("button", name="Sign in").click()


async def test_the_token_leads_back_to_where_one_was(visit: Visit, site: Site) -> None:
    """With the query that stood there; the menu says who one is, and signing out ends it everywhere in this browser."""
    page = await visit.page("/history?q=lake")
    assert page.url == site.url("/sign-in?next=%2Fhistory%3Fq%3Dlake")

    await sign_in(page)
    await expect(page).to_have_url(site.url("/history?q=lake"))
    await expect(page.get_by_label("Search")).to_have_value("lake")
    cookie = (await visit.context.cookies())[0]
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("reelbot_session", True, "Lax")
    await page.locator("details.me summary").click()
    await page.get_by_role("button", name="Sign out").click()

    await expect(page).to_have_url(site.url("/sign-in"))
    await page.goto(site.url("/gallery"))
    await expect(page).to_have_url(site.url("/sign-in?next=%2Fgallery"))
    assert await visit.context.cookies() == []


async def test_a_wrong_token_is_refused_in_one_sentence(visit: Visit, site: Site) -> None:
    """At the field, which has the focus; the right one then leads on to the same place."""
    page = await visit.page("/quota")

    await sign_in(page, "a-wrong-token")
    await expect(page.get_by_role("alert")).to_have_text("That token is not known here, has expired, or was revoked.")
    await expect(page.get_by_label("Token")).to_be_focused()
    await expect(page.get_by_label("Token")).to_have_value("")
    await sign_in(page)

    await expect(page).to_have_url(site.url("/quota"))


@pytest.mark.parametrize(
    "onward", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
async def test_nobody_is_led_elsewhere(visit: Visit, site: Site, onward: str) -> None:
    """What stands behind `next` stays on this site."""
    page = await visit.context.new_page()
    await page.goto(f"{site.address}/sign-in?next={onward}")

    await sign_in(page)

    await expect(page).to_have_url(site.url("/"))


async def test_a_token_made_on_the_page_opens_the_api_until_it_is_revoked(visit: Visit, site: Site) -> None:
    """Shown once, copied, used by a program with what it may, and refused afterwards."""
    await visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await visit.page("/tokens")
    await sign_in(page)
    await page.get_by_label("What is it for?").fill("a program")
    await page.get_by_role("radio", name="Read").check()
    await page.get_by_role("button", name="Make it").click()
    await page.get_by_role("button", name="Copy").click()
    secret = await page.evaluate("() => navigator.clipboard.readText()")
    bearer = {"Authorization": f"Bearer {secret}"}

    assert site.client.get(f"{API}/jobs", headers=bearer).status_code == 200
    assert site.client.post(f"{API}/jobs/x/cancel", headers=bearer).status_code == 403
    await page.goto(site.url("/tokens"))
    assert secret not in await page.content()
    await page.get_by_role("button", name="Revoke a program").click()
    await expect(page.get_by_role("row", name="a program")).to_have_count(0)

    assert site.client.get(f"{API}/jobs", headers=bearer).status_code == 401


async def test_a_session_that_ends_leads_to_the_sign_in_once(visit: Visit, site: Site) -> None:
    """The next press goes there and back; an open page says so, and asks no more."""
    page = await visit.page("/")
    await sign_in(page)
    await expect(page.locator("#ask")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(site.address)))

    await visit.context.clear_cookies()
    async with page.expect_request("**/sign-in?next=%2F"):
        await page.get_by_label("Camera").select_option("Orbit")
    await expect(page).to_have_url(site.url("/sign-in?next=%2F"))

    assert sum(each.startswith("/sign-in") for each in asked) == 1
    await sign_in(page)
    await expect(page).to_have_url(site.url("/"))


async def test_a_stream_of_a_session_that_ended_is_given_up(visit: Visit, site: Site) -> None:
    """One sentence, and no request after the one that found out."""
    page = await visit.page("/gallery")
    await sign_in(page)
    await page.goto(site.url("/"))
    await expect(page.locator("#ask")).to_be_visible()
    await visit.context.clear_cookies()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(site.address)))

    # A tab that was hidden comes back: its stream is opened anew.
    await page.evaluate(
        """() => {
          for (const hidden of [true, false]) {
            Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
            document.dispatchEvent(new Event("visibilitychange"));
          }
        }"""
    )
    await expect(page.get_by_role("alert").filter(has_text="You are signed out")).to_be_visible()
    found_out = len(asked)
    await page.wait_for_timeout(2_500)

    assert len(asked) == found_out
    assert found_out <= 4


async def test_signing_in_again_shows_no_page_of_somebody_else(visit: Visit, site: Site) -> None:
    """After signing out, the back button shows the sign-in, and not what stood there."""
    page = await visit.page("/tokens")
    await sign_in(page)
    await expect(page.get_by_role("heading", name="Your tokens")).to_be_visible()
    await page.locator("details.me summary").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page).to_have_url(site.url("/sign-in"))

    await page.go_back()

    await expect(page.get_by_label("Token")).to_be_visible()
    await expect(page.get_by_role("heading", name="Your tokens")).to_have_count(0)

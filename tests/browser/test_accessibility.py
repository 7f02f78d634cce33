"""Every page by axe-core's rules, in both themes and on a phone; nothing scrolls sideways, and nothing moves unasked."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.axe import violations
from tests.browser.driving import a_visit, as_file, browsing
from tests.browser.sites import ADMIN_TOKEN, Site, a_site

pytestmark = browsing

ADMIN = ("decisions", "spending", "limits", "workspaces", "people", "tokens", "providers", "chats", "doctor", "audit")
PAGES = (
    "/",
    "/gallery",
    "/history",
    "/history?q=nowhere",
    "/quota",
    "/tokens",
    "/admin",
    *(f"/admin/{page}" for page in ADMIN),
)
OF_A_JOB = ("", "/edit", "/extend", "/delete")
SCREENS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
}
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft " * 2
TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def jobs(site: Site) -> dict[str, str]:
    """One of each: finished, failed at a limit of nobody's, cancelled; with a long word in it."""
    made = site.made(LONG)
    with site.paused():
        cancelled = site.ask("cancelled before it began")
        site.client.post(f"/api/v1/jobs/{cancelled}/cancel").raise_for_status()
        site.wait(cancelled, "cancelled")
    return {"made": made, "cancelled": cancelled}


async def judged(page: Page) -> list[str]:
    """Everything wrong with a page, and by how many pixels it is too wide."""
    wrong = await violations(page)
    wide = await page.evaluate(TOO_WIDE)
    return wrong + ([f"{wide} px too wide"] if wide > 0 else [])


@pytest.mark.parametrize("screen", SCREENS)
async def test_every_page_keeps_the_rules(browser: Browser, site: Site, jobs: dict[str, str], screen: str) -> None:
    """The person's, the operator's, and those that say what is wrong."""
    paths = [
        *PAGES,
        *(f"/jobs/{jobs['made']}{page}" for page in OF_A_JOB),
        f"/jobs/{jobs['cancelled']}",
        "/nothing-here",
    ]
    wrong: dict[str, list[str]] = {}

    async with a_visit(browser, site.address, reduced_motion="reduce", **SCREENS[screen]) as visit:
        visit.forgive("status of 404")
        page = await visit.context.new_page()
        for path in paths:
            await page.goto(site.url(path))
            if found := await judged(page):
                wrong[path] = found

    assert wrong == {}


@pytest.mark.parametrize("screen", ["light", "dark"])
async def test_what_opens_and_what_runs_keeps_the_rules_too(
    browser: Browser, site: Site, jobs: dict[str, str], screen: str
) -> None:
    """A job in line, the open dialogs, all options, a chosen picture, a refused form, a token just made."""
    wrong: dict[str, list[str]] = {}
    with site.paused():
        waiting = site.ask("waits in line")
        async with a_visit(browser, site.address, reduced_motion="reduce", **SCREENS[screen]) as visit:
            visit.forgive("status of 422")
            page = await visit.page("/")
            for summary in await page.locator("#ask summary").all():
                await summary.click()
            await page.locator("#image").set_input_files(as_file())
            await page.get_by_label("What should happen?").fill("zoom in --cammera orbit")
            await page.get_by_role("button", name="Start", exact=True).click()
            await expect(page.locator("#prompt-trouble")).not_to_be_empty()
            wrong["with a job in line, a picture, and a refused form"] = await judged(page)
            for link in ("Edit", "Delete"):
                await page.locator(f"#job-{jobs['made']}").get_by_role("link", name=link, exact=True).click()
                await expect(page.get_by_role("dialog")).to_be_visible()
                wrong[f"the dialog of {link}"] = await judged(page)
                await page.keyboard.press("Escape")
            await page.goto(site.url("/tokens"))
            await page.get_by_label("What is it for?").fill(f"looks at {screen}")
            await page.get_by_role("button", name="Make it").click()
            await expect(page.get_by_role("heading", name="Here is your token")).to_be_visible()
            wrong["a token just made"] = await judged(page)
            await page.goto(site.url(f"/jobs/{waiting}"))
            wrong["the page of a job in line"] = await judged(page)
        site.client.post(f"/api/v1/jobs/{waiting}/cancel")

    assert {where: found for where, found in wrong.items() if found} == {}


async def test_the_sign_in_keeps_the_rules(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    """As it is shown first, and with what was wrong."""
    wrong: dict[str, list[str]] = {}
    with a_site(tmp_path_factory.mktemp("token"), env={"REELBOT_WEB__ADMIN_TOKEN": ADMIN_TOKEN}) as site:
        for screen in ("light", "dark", "phone"):
            async with a_visit(browser, site.address, **SCREENS[screen]) as visit:
                visit.forgive("status of 401")
                page = await visit.page("/gallery")
                wrong[f"{screen}, first"] = await judged(page)
                await page.get_by_label("Token").fill("wrong")
                await page.get_by_role("button", name="Sign in").click()
                await expect(page.get_by_role("alert")).not_to_be_empty()
                wrong[f"{screen}, refused"] = await judged(page)

    assert {where: found for where, found in wrong.items() if found} == {}


async def test_nothing_scrolls_sideways_on_the_smallest_phone_nor_with_large_text(
    browser: Browser, site: Site, jobs: dict[str, str]
) -> None:
    """320 px, and text at twice its size; long words and all."""
    wrong: dict[str, int] = {}
    for width, scale in ((320, 100), (640, 200)):
        async with a_visit(browser, site.address, viewport={"width": width, "height": 800}) as visit:
            page = await visit.context.new_page()
            for path in (*PAGES, f"/jobs/{jobs['made']}"):
                await page.goto(site.url(path))
                await page.evaluate("(scale) => { document.documentElement.style.fontSize = `${scale}%`; }", scale)
                wide = await page.evaluate(TOO_WIDE)
                if wide > 0:
                    wrong[f"{path} at {width} px, text at {scale} %"] = wide

    assert wrong == {}


async def test_nothing_moves_by_itself_for_who_does_not_want_it(browser: Browser, site: Site) -> None:
    """With `prefers-reduced-motion` no clip plays, no preview starts, and nothing is animated."""
    moving = "() => document.getAnimations().filter(each => each.playState === 'running').length"
    playing = "() => [...document.querySelectorAll('video')].filter(each => !each.paused).length"
    async with a_visit(browser, site.address, reduced_motion="reduce") as visit:
        with site.paused():
            job_id = site.ask("holds still")
            page = await visit.page()
            card = page.locator(f"#job-{job_id}")
            await expect(card.get_by_role("button", name="Cancel")).to_be_visible()
            assert await page.evaluate(moving) == 0

        await expect(card.get_by_label("The clip", exact=True)).to_be_visible(timeout=60_000)
        assert await page.evaluate(moving) == 0
        assert await page.evaluate(playing) == 0
        await page.goto(site.url("/gallery"))
        await page.locator(".tile a").first.hover()
        await page.locator(".tile a").first.focus()
        assert await page.evaluate(playing) == 0


async def test_a_preview_plays_where_one_points(browser: Browser, site: Site, jobs: dict[str, str]) -> None:
    """Silently, in the gallery, and stops when one points elsewhere."""
    async with a_visit(browser, site.address) as visit:
        page = await visit.page("/gallery")
        tile = page.locator(f"#job-{jobs['made']} a")

        await tile.hover()
        await page.wait_for_function("(id) => !document.querySelector(`#job-${id} video`).paused", arg=jobs["made"])
        assert await tile.locator("video").evaluate("video => video.muted")
        await page.get_by_role("heading", level=1).hover()

        await page.wait_for_function("(id) => document.querySelector(`#job-${id} video`).paused", arg=jobs["made"])


async def test_the_rules_themselves_are_awake(browser: Browser, site: Site) -> None:
    """Grey on grey, a button without a name, a field without a label: each is noticed."""
    async with a_visit(browser, site.address) as visit:
        page = await visit.page("/quota")
        await page.evaluate(
            """() => {
              const main = document.querySelector("main");
              main.append(document.createElement("button"), document.createElement("input"));
              const faint = document.createElement("p");
              faint.textContent = "faint";
              faint.style.color = "#bbb";
              main.append(faint);
            }"""
        )

        found = {each.partition(":")[0] for each in await violations(page)}

    assert {"button-name", "label", "color-contrast"} <= found

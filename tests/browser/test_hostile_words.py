"""What people write is text, on every page: it runs nothing, breaks no layout, and turns no other words around."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import Dialog, expect

from tests.browser.driving import Visit, as_file, browsing, newest
from tests.browser.sites import API, Site, a_site

pytestmark = browsing

WORDS = {
    "markup": '"><img src=x onerror=window.owned=1><script>window.owned=1</script><b hx-get=/sign-out hx-trigger=load>',
    "template": "{{7*7}}{% include 'x' %}${7*7}#{7*7}",
    "turned around": "\u202egnp.live\u202c \u2066isolated",
    "control": "bell\u0007 escape\u001b[31m back\u0008 tab\t",
    "emoji": "\U0001f3ac\U0001f1e9\U0001f1ea\U0001f468\u200d\U0001f469\u200d\U0001f467" * 10,
    "long": "w" * 600,
    "lines": "one\n\n\n\ntwo --seed 1",
}
EVERYWHERE = ("/", "/gallery", "/history", "/tokens", "/admin", "/admin/decisions", "/admin/tokens", "/admin/audit",
              "/admin/people", "/admin/limits", "/admin/workspaces", "/admin/spending?by=person")  # fmt: skip
OWNED = "() => Boolean(window.owned) || Boolean(document.querySelector('main b[hx-get], main img[src=x], main script'))"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that takes a megabyte."""
    env = {"REELBOT_WEB__MAX_UPLOAD_MB": "1"}
    with a_site(tmp_path_factory.mktemp("hostile"), env=env) as found:
        yield found


@pytest.fixture(scope="module")
def jobs(site: Site) -> dict[str, str]:
    """A job of each kind of words; tokens, a blocked person and an act of the same."""
    hostile = WORDS["markup"]
    with site.paused():
        found = {kind: site.ask(words) for kind, words in WORDS.items()}
        for words in WORDS.values():
            site.client.post("/tokens", data={"label": words, "scope": "jobs:read", "days": "30"}, headers=site.here)
        for path, fields in {
            "/admin/people/block": {"person": hostile},
            "/admin/workspaces": {"workspace": f"slack:{hostile}", "permission": "allowed"},
            "/admin/limits": {"scope": f"user:api:{hostile}", "period": "day", "jobs": "1"},
            "/admin/tokens": {"person": hostile, "label": hostile, "scopes": "jobs:read", "days": "90"},
        }.items():
            site.client.post(path, data=fields, headers=site.here, follow_redirects=True)
        for job_id in found.values():
            site.client.post(f"{API}/jobs/{job_id}/cancel").raise_for_status()
            site.wait(job_id, "cancelled")
    return found


async def test_nothing_that_is_written_runs_or_widens_a_page(visit: Visit, site: Site, jobs: dict[str, str]) -> None:
    """On every page of the person's and the operator's, also where the address itself is hostile."""
    asked: list[str] = []
    wrong: list[str] = []

    async def asked_for(dialog: Dialog) -> None:
        asked.append(dialog.message)
        await dialog.dismiss()

    visit.context.on("dialog", asked_for)
    visit.forgive("status of 4(04|22)")
    # What no date is, a field for dates leaves empty, and says so.
    visit.forgive("does not conform to the required format")
    hostile = "%22%3E%3Cimg%20src=x%20onerror=window.owned=1%3E"
    page = await visit.context.new_page()
    paths = [*EVERYWHERE, *(f"/jobs/{job_id}{more}" for job_id in jobs.values() for more in ("", "/delete"))]
    paths += [f"/history?q={hostile}&user={hostile}&state={hostile}&since={hostile}", f"/jobs/{hostile}", f"/{hostile}",
              f"/admin/audit?by={hostile}", f"/sign-in?next=/{hostile}", f"/admin?said={hostile}&trouble={hostile}"]  # fmt: skip

    for path in paths:
        await page.goto(site.url(path))
        if await page.evaluate(OWNED):
            wrong.append(f"{path}: it ran")
        if (wide := await page.evaluate("() => document.documentElement.scrollWidth - innerWidth")) > 0:
            wrong.append(f"{path}: {wide} px too wide")

    assert (wrong, asked) == ([], [])


async def test_words_stand_there_as_they_were_written(visit: Visit, site: Site, jobs: dict[str, str]) -> None:
    """Markup and templates letter by letter; what turns text around turns nothing but itself."""
    page = await visit.page(f"/jobs/{jobs['markup']}")
    heading = page.get_by_role("heading", level=1)
    await expect(heading).to_have_text(WORDS["markup"])
    await page.goto(site.url(f"/jobs/{jobs['template']}"))
    await expect(heading).to_have_text(WORDS["template"])

    await page.goto(site.url("/history"))
    row = page.locator(f"#job-{jobs['turned around']}")

    await expect(row.locator(".state")).to_have_text("cancelled")
    assert await row.get_by_role("link").get_attribute("dir") == "auto"
    await page.goto(site.url(f"/jobs/{jobs['control']}"))
    text = await heading.inner_text()
    assert not set(text) & {"\u0007", "\u001b", "\u0008", "\u0000"}


async def test_a_hostile_file_name_is_a_name(visit: Visit, site: Site) -> None:
    """Shown beside the picture, and sent; neither runs."""
    with site.paused():
        page = await visit.page()
        name = '"><img src=x onerror=window.owned=1>.png'

        await page.locator("#image").set_input_files(as_file(name))
        await expect(page.locator("#image-hint")).to_have_text(name)
        await page.get_by_label("What should happen?").fill("named oddly --480p")
        await page.get_by_role("button", name="Start", exact=True).click()

        await expect(newest(page).get_by_role("heading")).to_have_text("named oddly")
        assert not await page.evaluate(OWNED)
        site.client.post(f"{API}/jobs/{site.jobs()[0]['id']}/cancel")


@pytest.mark.parametrize("is_told_before", [True, False])
async def test_a_picture_that_is_too_big_is_said_in_place(visit: Visit, site: Site, is_told_before: bool) -> None:
    """Before it is sent, where the page knows the limit, and by the server where it does not; what was typed stays."""
    visit.forgive("status of 413|ERR_CONNECTION_RESET|ERR_CONNECTION_ABORTED|htmx:error")
    page = await visit.page()
    if not is_told_before:
        await page.locator("#image").evaluate("input => input.removeAttribute('data-most')")
    await page.get_by_label("What should happen?").fill("keep these words")
    before = len(site.jobs())

    await page.locator("#image").set_input_files(as_file(content=b"\x89PNG\r\n\x1a\n" + b"x" * 1_200_000))
    if not is_told_before:
        await page.get_by_role("button", name="Start", exact=True).click()

    await expect(page.get_by_role("alert").filter(has_text="1 MB").first).to_be_visible()
    await expect(page.get_by_label("What should happen?")).to_have_value("keep these words")
    assert len(site.jobs()) == before


async def test_a_prompt_of_twenty_thousand_characters_is_refused_in_words(visit: Visit, site: Site) -> None:
    """The field takes no more than it may hold; whoever gets around it is told so."""
    visit.forgive("status of 4(13|22)")
    page = await visit.page()
    prompt = page.get_by_label("What should happen?")
    await page.locator("#image").set_input_files(as_file())
    await prompt.evaluate("field => { field.removeAttribute('maxlength'); field.value = 'w'.repeat(20000); }")

    await page.get_by_role("button", name="Start", exact=True).click()

    await expect(page.locator("#prompt-trouble")).not_to_be_empty()
    assert len(await prompt.input_value()) == 20_000

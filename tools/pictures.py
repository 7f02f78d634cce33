"""Photograph every page: light, dark and on a phone. With `--readme`, also the pictures that the docs and the README show.

    python -m tools.pictures [FOLDER] [--readme]

Nothing in them is staged: a real server on a free port, the `local` renderer, a paid service played by its emulator,
people who signed in with tokens, and a browser. Needs Chromium (`apt-get install chromium`).
"""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageOps
from playwright.async_api import Browser, Page, async_playwright

from adapters.providers.local.sample import draw_sample
from tests.browser.driving import as_file, chromium
from tests.browser.sites import ADMIN_TOKEN, API, Site, a_site
from tests.emulators.processes import vendor_emulator
from tools.readme_film import film

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs" / "pictures"
SCREENS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 860}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 860}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True},
}  # fmt: skip
PAGES = {
    "gallery": "/gallery?whose=all",
    "history": "/history",
    "history-nothing": "/history?q=nowhere",
    "quota": "/quota",
    "tokens": "/tokens",
    "error": "/jobs/unknown",
    "admin": "/admin",
    "admin-decisions": "/admin/decisions",
    "admin-spending": "/admin/spending",
    "admin-limits": "/admin/limits",
    "admin-workspaces": "/admin/workspaces",
    "admin-people": "/admin/people",
    "admin-tokens": "/admin/tokens",
    "admin-providers": "/admin/providers",
    "admin-chats": "/admin/chats",
    "admin-doctor": "/admin/doctor",
    "admin-audit": "/admin/audit",
}
CLIPS = (
    ("ana", "the sun rises slowly over the lake --camera zoom-in", "wavespeed", "sunrise"),
    ("ben", "the camera pans across the mountains --camera pan-right", "local", "evening"),
    ("ana", "slow orbit, as if from a drone --camera orbit --10s", "wavespeed", "forest"),
    ("admin", "hold on the far peak and drift up --camera pan-up", "local", "night"),
    ("ben", "the water begins to move, the light turns golden", "wavespeed", "evening"),
    ("admin", "zoom in on the lake --camera zoom-in", "local", "sunrise"),
)
"""Who asked, what for, where it was made, and from which of the pictures below."""
LIGHTS = {
    "sunrise": None,
    "evening": ((30, 20, 60), (220, 110, 120), (255, 220, 190)),
    "forest": ((6, 32, 30), (70, 130, 104), (236, 246, 214)),
    "night": ((4, 8, 30), (60, 84, 150), (214, 224, 250)),
}
"""The sample picture, in its own light and in three others: shadows, middle, lights."""


def _token(site: Site, who: str) -> str:
    made = site.client.post(f"{API}/tokens", json={"user": who, "scopes": ["jobs:write"], "label": f"{who}'s laptop"})
    return str(made.raise_for_status().json()["token"])


@contextmanager
def furnished(folder: Path) -> Iterator[Site]:
    """A server with a few weeks behind it: clips of three people, jobs that failed and that wait, limits, tokens."""
    draw_sample(folder / "lake.jpg")
    with vendor_emulator(folder, "wavespeed", clips="real", render_s=1, api_key="test-key") as service:
        env = {
            "REELBOT_WAVESPEED__API_KEY": "test-key",
            "REELBOT_WAVESPEED__BASE_URL": service.url,
            "REELBOT_WAVESPEED__CREATES_PER_MINUTE": "100",
            "REELBOT_WEB__ADMIN_TOKEN": ADMIN_TOKEN,
            "REELBOT_DEFAULT_PROVIDER": "local",
        }
        with a_site(folder, env=env) as site:
            people = {name: _token(site, name) for name in ("ana", "ben")} | {"admin": ADMIN_TOKEN}
            for who, prompt, provider, light in CLIPS:
                files = {"image": ("lake.jpg", lake(folder, light), "image/jpeg")}
                fields = {"prompt": prompt, "provider": provider, "confirm": "true"}
                headers = {"Authorization": f"Bearer {people[who]}"}
                asked = site.client.post(f"{API}/jobs", files=files, data=fields, headers=headers)
                site.wait(asked.raise_for_status().json()["id"], "delivered")
            last = site.jobs()[0]["id"]
            looped = site.client.post(f"{API}/jobs/{last}/again", json={"relation": "loop"}).raise_for_status().json()
            site.wait(looped["id"], "delivered")
            limit = {"period": "month", "usd": "60"}
            site.client.put(f"{API}/limits/installation", json=limit).raise_for_status()
            site.client.put(
                f"{API}/limits/user:api:ana", json={"period": "day", "usd": "2", "jobs": 12}
            ).raise_for_status()
            yield site


def lake(folder: Path, light: str) -> bytes:
    """The sample picture in one of its lights."""
    picture = Image.open(folder / "lake.jpg").convert("RGB")
    if (tones := LIGHTS[light]) is not None:
        dark, middle, bright = tones
        picture = ImageOps.colorize(ImageOps.grayscale(picture), dark, bright, middle)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


async def photograph(browser: Browser, site: Site, target: Path, picture: bytes) -> None:
    """Every page, in every light."""
    for screen, options in SCREENS.items():
        context = await browser.new_context(locale="en-GB", **options)
        page = await context.new_page()
        await page.goto(site.url("/quota"))
        await keep(page, target / f"sign-in-{screen}.png")
        await page.get_by_label("Token").fill(ADMIN_TOKEN)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url("**/quota")
        for name, path in PAGES.items():
            await page.goto(site.url(path))
            await keep(page, target / f"{name}-{screen}.png")
        await _studio(page, site, target, screen, picture)
        job = next(each for each in site.jobs() if each["relation"] == "loop")
        for name, path in {"job": "", "edit": "/edit", "delete": "/delete"}.items():
            await page.goto(site.url(f"/jobs/{job['id']}{path}"))
            await keep(page, target / f"{name}-{screen}.png")
        await context.close()


async def _studio(page: Page, site: Site, target: Path, screen: str, picture: bytes) -> None:
    """As one comes, filled in, while a clip waits, with its dialog, and refused."""
    await page.goto(site.url("/"))
    await keep(page, target / f"studio-{screen}.png")
    with site.paused():
        await page.locator("#image").set_input_files(as_file("lake.jpg", picture, "image/jpeg"))
        await page.get_by_label("What should happen?").fill("the light turns golden, slow zoom --seed 7")
        await page.get_by_text("More options").click()
        await page.wait_for_timeout(900)
        await keep(page, target / f"studio-filled-{screen}.png", whole=False)
        await page.get_by_role("button", name="Start", exact=True).click()
        await page.locator("#cards > article").first.get_by_role("button", name="Cancel").wait_for()
        await keep(page, target / f"studio-in-line-{screen}.png", whole=False)
        await page.locator("#cards > article").nth(1).get_by_role("link", name="Edit", exact=True).click()
        await page.get_by_role("dialog").wait_for()
        await keep(page, target / f"studio-dialog-{screen}.png", whole=False)
        await page.keyboard.press("Escape")
        await page.get_by_label("What should happen?").fill("zoom in --cammera orbit")
        await page.get_by_role("button", name="Start", exact=True).click()
        await page.locator("#prompt-trouble:not(:empty)").wait_for()
        await keep(page, target / f"studio-refused-{screen}.png", whole=False)
        waiting = site.jobs()[0]["id"]
        site.client.post(f"{API}/jobs/{waiting}/cancel").raise_for_status()
        site.wait(waiting, "cancelled")
        site.client.delete(f"{API}/jobs/{waiting}").raise_for_status()


async def keep(page: Page, path: Path, *, whole: bool = True) -> None:
    """The page as it stands, its posters shown."""
    await page.evaluate("() => Promise.all([...document.images].map((each) => each.decode().catch(() => {})))")
    path.parent.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=path, full_page=whole)


async def for_the_docs(browser: Browser, site: Site, picture: bytes) -> None:
    """What the how-to pages show."""
    context = await browser.new_context(locale="en-GB", **SCREENS["light"])
    await context.set_extra_http_headers({"Authorization": f"Bearer {ADMIN_TOKEN}"})
    page = await context.new_page()
    await page.goto(site.url("/"))
    await page.locator("#image").set_input_files(as_file("lake.jpg", picture, "image/jpeg"))
    await page.get_by_label("What should happen?").fill("zoom in on the lake --camera zoom-in")
    await page.locator("#cards video").first.evaluate("(video) => { video.currentTime = 2; }")
    await page.mouse.move(0, 0)
    await page.wait_for_timeout(900)
    await _webp(page, "studio")
    await context.close()


async def _webp(page: Page, name: str) -> None:
    image = Image.open(io.BytesIO(await page.screenshot()))
    DOCS.mkdir(parents=True, exist_ok=True)
    image.convert("RGB").save(DOCS / f"{name}.webp", quality=82, method=6)


async def main(target: Path, *, is_for_readme: bool) -> None:
    """Furnish, photograph, put away."""
    path = chromium()
    if path is None:
        raise SystemExit("There is no Chromium here: `apt-get install chromium` puts one there.")
    with tempfile.TemporaryDirectory() as name, furnished(Path(name)) as site:
        picture = lake(Path(name), "sunrise")
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--hide-scrollbars"])
            if is_for_readme:
                await for_the_docs(browser, site, picture)
                await film(browser, site, picture, ROOT / "docs" / "reelbot.gif")
            else:
                await photograph(browser, site, target, picture)
            await browser.close()


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    asyncio.run(main(Path(words[0]) if words else ROOT / "build" / "pictures", is_for_readme="--readme" in sys.argv))

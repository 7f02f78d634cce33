"""The README's moving picture: the studio, from dropping a picture to the playing clip. Frames of a real browser."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.async_api import Browser, Locator, Page

from tests.browser.sites import ADMIN_TOKEN, Site

WIDTH, HEIGHT = 800, 530
SEEN = {"width": 1080, "height": 716}
PROMPT = "slowly towards the sun over the lake"
MOST_BYTES = 3_000_000
COLOURS = 256
CLIP_FRAMES = 26
CLIP_STEP_S = 0.16
DROPS = """([happens, kind, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], "lake.jpg", {type: "image/jpeg"}));
  for (const each of happens) document.getElementById("drop")
    .dispatchEvent(new DragEvent(each, {bubbles: true, cancelable: true, dataTransfer: carried}));
}"""
ARROW = [(0, 0), (0, 17), (4, 13), (7, 19), (10, 18), (7, 12), (12, 12)]


@dataclass
class Film:
    """Frames, and how long each stays."""

    frames: list[Image.Image] = field(default_factory=list)
    lasts_ms: list[int] = field(default_factory=list)

    async def take(
        self, page: Page, lasts_ms: int, hand: tuple[int, int] | None = None, held: Image.Image | None = None
    ) -> None:
        """The page as it stands; with the hand that a browser's own picture of itself leaves out."""
        frame = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
        frame = frame.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
        if hand is not None:
            x, y = (round(each * WIDTH / SEEN["width"]) for each in hand)
            if held is not None:
                frame.paste(held, (x + 6, y + 8))
            draw = ImageDraw.Draw(frame)
            draw.polygon([(x + dx, y + dy) for dx, dy in ARROW], fill=(20, 20, 20), outline=(255, 255, 255))
        self.frames.append(frame)
        self.lasts_ms.append(lasts_ms)

    def save(self, target: Path) -> int:
        """One palette for all, so that only what moves is stored; the size in bytes."""
        chosen = [self.frames[each] for each in (0, 5, len(self.frames) // 3, -CLIP_FRAMES - 2, -CLIP_FRAMES, -1)]
        sheet = Image.new("RGB", (WIDTH, HEIGHT * len(chosen)))
        for place, frame in enumerate(chosen):
            sheet.paste(frame, (0, HEIGHT * place))
        palette = sheet.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        small = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in self.frames]
        small[0].save(
            target, save_all=True, append_images=small[1:], duration=self.lasts_ms, loop=0, optimize=True, disposal=1
        )
        return target.stat().st_size


async def seek(video: Locator, at_s: float) -> None:
    """Show the clip as it is at this second. A browser does not always say that it has got there."""
    await video.evaluate(
        """(video, at) => new Promise((then) => {
          video.pause();
          video.controls = false;
          video.addEventListener("seeked", () => setTimeout(then, 40), {once: true});
          setTimeout(then, 1500);
          video.currentTime = at;
        })""",
        at_s,
    )


async def film(browser: Browser, site: Site, picture: bytes, target: Path) -> None:
    """Drop, type, choose, start, watch, play. Raises `SystemExit` when the file is too large for a README."""
    context = await browser.new_context(locale="en-GB", color_scheme="light", viewport=SEEN)
    await context.set_extra_http_headers({"Authorization": f"Bearer {ADMIN_TOKEN}"})
    page = await context.new_page()
    await page.goto(site.url("/"))
    # An empty stage, as on the first day.
    await page.evaluate("() => document.getElementById('cards').replaceChildren()")
    shot = Film()
    held = Image.open(io.BytesIO(picture)).convert("RGB").resize((132, 74), Image.Resampling.LANCZOS)
    carried = base64.b64encode(picture).decode()
    await shot.take(page, 700)
    for step in range(7):
        if step == 3:
            await page.evaluate(DROPS, [["dragenter", "dragover"], "image/jpeg", carried])
        await shot.take(page, 110, (820 - 95 * step, 560 - 50 * step), held)
    await page.evaluate(DROPS, [["drop"], "image/jpeg", carried])
    await page.wait_for_function("() => document.getElementById('preview').naturalWidth > 0")
    await shot.take(page, 600, (250, 260))
    prompt = page.get_by_label("What should happen?")
    await prompt.focus()
    for typed in range(0, len(PROMPT) + 1, 2):
        await prompt.fill(PROMPT[:typed])
        await shot.take(page, 80)
    await prompt.fill(PROMPT)
    await page.get_by_label("Camera").select_option("Zoom in")
    await page.wait_for_timeout(900)
    await shot.take(page, 900)
    await page.locator("#ask").evaluate("(form) => { form.scrollTop = 0; }")
    start = page.get_by_role("button", name="Start", exact=True)
    box = await start.bounding_box()
    assert box is not None
    # By its place: to press the button itself, the form would be scrolled once more.
    x, y = round(box["x"] + 40), round(box["y"] + 22)
    await page.mouse.move(x, y)
    await shot.take(page, 500, (x, y))
    await page.mouse.click(x, y)
    await page.locator("#cards > article").wait_for()
    await page.mouse.move(2, 2)
    while not await page.locator("#cards video").count():
        await shot.take(page, 250)
        await page.wait_for_timeout(250)
    video = page.locator("#cards video")
    for frame in range(CLIP_FRAMES):
        await seek(video, frame * CLIP_STEP_S)
        await shot.take(page, 160 if frame < CLIP_FRAMES - 1 else 2000)
    await context.close()
    size = shot.save(target)
    print(f"{target.name}: {len(shot.frames)} frames, {sum(shot.lasts_ms) / 1000:.1f} s, {size:,} bytes")
    if size > MOST_BYTES:
        raise SystemExit(f"{target.name} is too large for a README.")

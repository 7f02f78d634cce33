"""Make `docs/reelbot.gif`, the moving picture of the README: the words typed, then the clip they became.

Nothing in it is staged: the sample picture goes through the whole pipeline with the `local` provider, by the same
command a person types, and the frames are decoded from the clip it made.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import av
from PIL import Image, ImageDraw, ImageFont

from adapters.providers.local.sample import draw_sample

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "reelbot.gif"
PROMPT = "zoom in on the lake --5s"
WIDTH = 400
BAR = 34
FRAMES_PER_S = 6
MOST_BYTES = 1_000_000
BACKGROUND, TEXT, FAINT = (22, 27, 34), (230, 237, 243), (125, 133, 144)


def main() -> int:
    """Render, decode, draw, and refuse a file that is too large for a README."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "lake.jpg"
        draw_sample(picture)
        clip = _animate(picture, Path(folder))
        still = Image.open(picture).convert("RGB")
        frames = _decode(clip)
    height = frames[0].height
    still = still.resize((WIDTH, height), Image.Resampling.LANCZOS)
    command = f'reelbot animate lake.jpg "{PROMPT}"'
    shown = [_framed(still, command[:typed], "_") for typed in range(0, len(command) + 1, 5)]
    shown += [_framed(still, command, "")] * 4
    shown += [_framed(frame, command, "done") for frame in frames]
    palette = shown[-1].quantize(64, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    small = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in shown]
    step = 1000 // FRAMES_PER_S
    small[0].save(
        TARGET,
        save_all=True,
        append_images=small[1:],
        duration=[step] * (len(small) - 1) + [1500],
        loop=0,
        optimize=True,
    )
    size = TARGET.stat().st_size
    print(f"{TARGET.relative_to(ROOT)}: {len(small)} frames, {size:,} bytes")
    return 0 if size < MOST_BYTES else 1


def _animate(picture: Path, folder: Path) -> Path:
    out = folder / "out.mp4"
    command = [sys.executable, "-m", "bot.cli.main", "animate", str(picture), PROMPT, "--out", str(out), "--json"]
    environ = {**os.environ, "REELBOT_DATA_DIR": str(folder / "data")}
    done = subprocess.run(command, cwd=ROOT, env=environ, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout)["state"] == "delivered"
    return out


def _decode(clip: Path) -> list[Image.Image]:
    with av.open(str(clip)) as video:
        stream = video.streams.video[0]
        every = round(float(stream.average_rate or 24) / FRAMES_PER_S)
        height = round(WIDTH * stream.height / stream.width)
        return [
            frame.to_image().resize((WIDTH, height), Image.Resampling.LANCZOS)
            for number, frame in enumerate(video.decode(stream))
            if number % every == 0
        ]


def _framed(picture: Image.Image, command: str, after: str) -> Image.Image:
    whole = Image.new("RGB", (WIDTH, picture.height + BAR), BACKGROUND)
    whole.paste(picture, (0, BAR))
    draw = ImageDraw.Draw(whole)
    font = ImageFont.load_default(11)
    draw.text((10, 9), "$", FAINT, font)
    draw.text((24, 9), command + (after if after == "_" else ""), TEXT, font)
    if after and after != "_":
        draw.text((WIDTH - 10, 9), after, FAINT, font, anchor="ra")
    return whole


if __name__ == "__main__":
    sys.exit(main())

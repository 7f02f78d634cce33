"""What is taken from a clip is what it shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adapters.media.clips import last_frame
from adapters.media.workshop import Workshop
from bot.errors import BadInput
from tests.adapters.media.films import film, picture


def last_of(clip: Path) -> Image.Image:
    into = clip.with_name("last.png")
    found = last_frame(clip=str(clip), into=str(into))
    image = Image.open(into)
    assert (found["width"], found["height"]) == image.size
    return image


async def test_the_last_frame_is_the_last_one_as_a_png(tmp_path: Path):
    clip = film(tmp_path / "clip.mp4", range(37), x264="bframes=3", crf=10)

    await Workshop().last_frame(clip, tmp_path / "last.png")

    image = Image.open(tmp_path / "last.png")
    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (160, 120))
    assert np.abs(np.asarray(image, dtype=int) - picture(36)).mean() < 4


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 120, 40), (255, 255, 255)])
@pytest.mark.parametrize(("bt709", "size"), [(True, (160, 120)), (False, (160, 120))])
def test_its_colours_are_the_clips(tmp_path: Path, colour: tuple[int, int, int], bt709: bool, size: tuple[int, int]):
    """The matrix that made them undoes them: the wrong one shifts green by twenty levels."""
    clip = film(tmp_path / "clip.mp4", range(3), colour=colour, bt709=bt709, size=size, crf=1)

    pixels = np.asarray(last_of(clip), dtype=int)

    assert np.abs(pixels - colour).max() <= 3


def test_a_clip_whose_end_is_missing_gives_the_last_frame_there_is(tmp_path: Path):
    """Its index is in front, so that everything before the break is there."""
    clip = film(tmp_path / "clip.mp4", range(24), x264="keyint=4", noise=True)
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 2 // 3])

    assert last_of(clip).size == (160, 120)


async def test_a_clip_without_a_single_picture_is_refused(tmp_path: Path):
    clip = film(tmp_path / "clip.mp4", range(24))
    data = clip.read_bytes()
    clip.write_bytes(data[: data.index(b"mdat") + 8])

    with pytest.raises(BadInput, match="cut off"):
        await Workshop().last_frame(clip, tmp_path / "last.png")

    assert not (tmp_path / "last.png").exists()

"""The sample picture."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from adapters.providers.local.sample import draw_sample


def test_the_sample_is_the_same_picture_every_time(tmp_path: Path):
    draw_sample(tmp_path / "one.jpg")
    draw_sample(tmp_path / "two.jpg")

    image = Image.open(tmp_path / "one.jpg")
    assert (image.format, image.size) == ("JPEG", (1600, 900))
    assert (tmp_path / "one.jpg").read_bytes() == (tmp_path / "two.jpg").read_bytes()

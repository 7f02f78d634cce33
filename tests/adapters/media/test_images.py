"""Pictures are brought into a model's limits, and bad ones end in one clear sentence."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from adapters.media.images import fit, prepare
from adapters.media.workshop import Workshop
from bot.errors import BadInput
from bot.ports import ImageLimits
from tests.adapters.media.pictures import ADOBE_RGB, DISPLAY_P3, as_bytes, heic, png_header_only, saved, scene

WAN = ImageLimits(min_side=360, max_side=2000, max_bytes=9_500_000)


def prepared(source: Path, limits: ImageLimits = WAN) -> tuple[Image.Image, list[str]]:
    """In this process: what is tested here is the picture, not the sandbox."""
    into = source.parent / "prepared.jpg"
    found = prepare(
        source=str(source),
        into=str(into),
        min_side=limits.min_side,
        max_side=limits.max_side,
        max_bytes=limits.max_bytes,
    )
    image = Image.open(into)
    assert (found["width"], found["height"]) == image.size
    return image, found["changes"]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIC"])
def test_a_fitting_picture_of_every_kind_comes_out_as_the_same_picture(tmp_path: Path, kind: str):
    """Where the kind is one that models and browsers do not take, that is said."""
    original = scene(640, 480)
    source = tmp_path / "picture"
    source.write_bytes(heic(original) if kind == "HEIC" else as_bytes(original, kind))

    image, changes = prepared(source)

    assert changes == ([] if kind in {"JPEG", "PNG", "WEBP"} else [f"converted from {kind} to JPEG"])
    assert image.format == "JPEG"
    assert image.mode == "RGB"
    assert image.size == (640, 480)
    difference = np.abs(np.asarray(image, dtype=int) - np.asarray(original, dtype=int))
    assert difference.mean() < 3


def test_the_name_of_a_file_does_not_decide_what_it_is(tmp_path: Path):
    source = tmp_path / "picture.gif"
    source.write_bytes(as_bytes(scene(400, 400), "PNG"))

    image, _ = prepared(source)

    assert image.size == (400, 400)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(tmp_path: Path, orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = scene(480, 400)
    pixels = np.asarray(upright)
    # What a camera held that way stores: the inverse of what the standard asks a viewer to do.
    stored = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: np.rot90(pixels, 1),
        7: np.rot90(pixels, 2).transpose(1, 0, 2),
        8: np.rot90(pixels, -1),
    }[orientation]
    source = saved(Image.fromarray(np.ascontiguousarray(stored)), tmp_path / "turned.jpg", exif=exif, quality=95)

    image, changes = prepared(source)

    assert image.size == (480, 400)
    assert changes == ([] if orientation == 1 else ["turned upright"])
    assert np.abs(np.asarray(image, dtype=int) - pixels.astype(int)).mean() < 4


def test_no_metadata_is_left_in_the_picture(tmp_path: Path):
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    exif.get_ifd(0x8825)[1] = "N"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = saved(
        scene(640, 480), tmp_path / "p.jpg", exif=exif, icc_profile=profile, comment=b"a secret note", xmp=b"<secret/>"
    )
    assert b"secret" in source.read_bytes()

    image, _ = prepared(source)

    assert b"secret" not in (tmp_path / "prepared.jpg").read_bytes()
    assert not dict(image.getexif())
    assert "icc_profile" not in image.info


def test_a_transparent_picture_is_laid_on_white(tmp_path: Path):
    image = scene(400, 400).convert("RGBA")
    image.putalpha(Image.new("L", image.size, 0))

    flat, changes = prepared(saved(image, tmp_path / "clear.png"))

    assert changes == ["transparency laid on white"]
    assert np.asarray(flat).min() > 250


def test_a_palette_with_a_transparent_colour_is_laid_on_white(tmp_path: Path):
    image = Image.new("P", (400, 400), 0)
    image.putpalette([10, 200, 30] * 256)

    flat, _ = prepared(saved(image, tmp_path / "p.png", transparency=0))

    assert np.asarray(flat).min() > 250


def test_sixteen_bits_become_eight_without_clipping(tmp_path: Path):
    ramp = np.linspace(0, 65535, 400).astype(np.uint16)[None, :].repeat(400, axis=0)

    image, _ = prepared(saved(Image.fromarray(ramp), tmp_path / "deep.png"))

    row = np.asarray(image)[200, :, 0].astype(int)
    assert np.abs(row - np.linspace(0, 255, 400)).max() < 6


@pytest.mark.parametrize("mode", ["L", "1", "LA", "CMYK", "P"])
def test_every_colour_mode_becomes_plain_rgb(tmp_path: Path, mode: str):
    kind = "jpg" if mode == "CMYK" else "png"

    image, _ = prepared(saved(scene(400, 400).convert(mode), tmp_path / f"picture.{kind}"))

    assert image.mode == "RGB"


def test_another_colour_space_is_converted_to_srgb(tmp_path: Path):
    swapped = _profile_with_red_and_green_swapped()
    red = Image.new("RGB", (400, 400), (255, 0, 0))

    image, changes = prepared(saved(red, tmp_path / "p.png", icc_profile=swapped))

    assert changes == ["colours converted to sRGB"]
    pixel = np.asarray(image)[200, 200]
    assert pixel[1] > 200 > pixel[0]


def _profile_with_red_and_green_swapped() -> bytes:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # The tag table of an ICC profile: names of four letters; another description, so that it is not taken for sRGB.
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    text = "sRGB built-in".encode("utf-16-be")
    at = profile.find(text)
    if at >= 0:
        profile[at : at + 8] = "MINE".encode("utf-16-be")
    return bytes(profile)


def test_a_damaged_colour_profile_is_ignored(tmp_path: Path):
    image, changes = prepared(saved(scene(400, 400), tmp_path / "p.png", icc_profile=b"nonsense" * 20))

    assert changes == []
    assert image.size == (400, 400)


@pytest.mark.parametrize(
    ("profile", "colour", "expected"),
    [
        (DISPLAY_P3, (200, 60, 60), (219, 38, 50)),
        (DISPLAY_P3, (128, 128, 128), (129, 129, 129)),
        (ADOBE_RGB, (200, 60, 60), (231, 57, 56)),
        (ADOBE_RGB, (60, 120, 200), (0, 119, 203)),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIC"])
def test_wide_colours_are_converted_in_every_kind_of_file(
    tmp_path: Path, kind: str, profile: bytes, colour: tuple[int, ...], expected: tuple[int, ...]
):
    """Phones photograph in Display P3: read as sRGB their pictures are pale."""
    image = Image.new("RGB", (400, 400), colour)
    source = tmp_path / "picture"
    source.write_bytes(heic(image, icc=profile) if kind == "HEIC" else as_bytes(image, kind, icc_profile=profile))

    converted, changes = prepared(source)

    assert "colours converted to sRGB" in changes
    assert np.abs(np.asarray(converted, dtype=int)[200, 200] - expected).max() <= 6


@pytest.mark.parametrize("quarter_turns", range(4))
def test_a_phones_heic_is_upright(tmp_path: Path, quarter_turns: int):
    """It says so in a property of its own, not in EXIF; turned once and not twice."""
    original = scene(640, 480)
    source = tmp_path / "picture.heic"
    source.write_bytes(heic(original, quarter_turns=quarter_turns))

    image, _ = prepared(source)

    upright = np.rot90(np.asarray(original, dtype=int), quarter_turns)
    assert np.asarray(image).shape == upright.shape
    assert np.abs(np.asarray(image, dtype=int) - upright).mean() < 3


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_exif_turns_other_kinds_than_jpeg_too(tmp_path: Path, kind: str, orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = scene(480, 400)
    source = tmp_path / "picture"
    source.write_bytes(as_bytes(stored, kind, exif=exif))

    image, _ = prepared(source)

    upright = np.rot90(np.asarray(stored, dtype=int), 2 if orientation == 3 else -1)
    assert np.abs(np.asarray(image, dtype=int) - upright).mean() < 6


@pytest.mark.parametrize("inverted", [True, False])
def test_cmyk_is_read_the_way_round_its_program_wrote_it(tmp_path: Path, inverted: bool):
    """Adobe writes its inks inverted and says so in a marker."""
    inks = Image.new("CMYK", (400, 400), (0, 255, 255, 0))
    data = as_bytes(inks, "JPEG", quality=95)
    marker = data.index(b"\xff\xee")
    assert data[marker + 4 : marker + 9] == b"Adobe"
    if not inverted:
        length = int.from_bytes(data[marker + 2 : marker + 4], "big")
        data = as_bytes(Image.eval(inks, lambda level: 255 - level), "JPEG", quality=95)
        data = data[:marker] + data[marker + 2 + length :]
    source = tmp_path / "picture.jpg"
    source.write_bytes(data)

    image, _ = prepared(source)

    red, green, blue = np.asarray(image, dtype=int)[200, 200]
    assert red > 200
    assert max(green, blue) < 60


@pytest.mark.parametrize(("kind", "peak"), [("I;16", 65535), ("I", 65535), ("I", 255), ("F", 1.0), ("F", 255.0)])
def test_deep_tiffs_become_eight_bits_by_what_they_mean_by_white(tmp_path: Path, kind: str, peak: float):
    ramp = np.linspace(0, peak, 400)[None, :].repeat(400, axis=0)
    dtype = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[kind]

    image, _ = prepared(saved(Image.fromarray(ramp.astype(dtype)), tmp_path / "deep.tif"))

    row = np.asarray(image)[200, :, 0].astype(int)
    assert np.abs(row - np.linspace(0, 255, 400)).max() < 6


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_only_the_first_frame_of_an_animation_is_taken(tmp_path: Path, kind: str):
    first, second = Image.new("RGB", (400, 400), "red"), Image.new("RGB", (400, 400), "blue")

    image, changes = prepared(
        saved(first, tmp_path / "p", format=kind, save_all=True, append_images=[second, first], duration=100)
    )

    assert changes[0] == "kept the first of 3 frames"
    pixel = np.asarray(image)[200, 200]
    assert pixel[0] > 200 > pixel[2]


def test_only_the_first_page_of_a_tiff_is_taken(tmp_path: Path):
    first, second = Image.new("RGB", (400, 400), "red"), Image.new("RGB", (400, 400), "blue")

    image, changes = prepared(saved(first, tmp_path / "p.tif", save_all=True, append_images=[second]))

    assert changes == ["kept the first page", "converted from TIFF to JPEG"]
    assert np.asarray(image)[200, 200][0] > 200


def test_an_animation_without_an_end_is_not_counted_to_its_end(tmp_path: Path):
    """Frames are stepped over, not decoded, and not for ever."""
    source = tmp_path / "p.gif"
    frame = b"\x2c" + bytes(4) + b"\x01\0\x01\0\0\x02\x02\x4c\x01\0"
    source.write_bytes(as_bytes(scene(400, 400), "GIF")[:-1] + frame * 300_000)

    _, changes = prepared(source)

    assert changes[0] == "kept the first frame"


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((4032, 3024), (2000, 1500)),
        ((3024, 4032), (1500, 2000)),
        ((2000, 360), (2000, 360)),
        ((640, 480), (640, 480)),
        ((200, 100), (720, 360)),
        ((100, 555), (360, 1998)),
        ((8000, 1500), (2000, 375)),
    ],
)
def test_the_size_follows_the_rule(size: tuple[int, int], expected: tuple[int, int]):
    assert fit(*size, min_side=360, max_side=2000) == expected


@pytest.mark.parametrize("size", [(20000, 10), (2001, 300), (300, 1700), (8000, 1400)])
def test_a_ratio_that_no_size_fits_is_refused(size: tuple[int, int]):
    with pytest.raises(BadInput, match="crop it"):
        fit(*size, min_side=360, max_side=2000)


def test_a_resize_is_told(tmp_path: Path):
    image, changes = prepared(saved(scene(3000, 2250), tmp_path / "p.jpg"))

    assert image.size == (2000, 1500)
    assert changes == ["resized from 3000x2250 to 2000x1500"]


def test_the_quality_goes_down_until_the_bytes_fit(tmp_path: Path):
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (600, 600, 3), dtype=np.uint8))
    limits = ImageLimits(min_side=16, max_side=2000, max_bytes=300_000)

    _, changes = prepared(saved(noise, tmp_path / "p.png"), limits)

    assert (tmp_path / "prepared.jpg").stat().st_size <= 300_000
    assert changes == [f"compressed to {(tmp_path / 'prepared.jpg').stat().st_size / 1e6:.1f} MB"]


# --- bad pictures -------------------------------------------------------------------------------------------------


def _missing(path: Path) -> None:
    path.unlink(missing_ok=True)


def _half(kind: str) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        data = as_bytes(scene(640, 480), kind)
        path.write_bytes(data[: len(data) // 2])

    return make


def _half_heic(path: Path) -> None:
    data = heic(scene(640, 480))
    path.write_bytes(data[: len(data) // 2])


BAD = {
    "missing": (_missing, "send it again"),
    "empty": (lambda path: path.write_bytes(b""), "empty"),
    "text": (lambda path: path.write_text("not a picture"), "not a picture"),
    "a web page named .jpg": (lambda path: path.write_text("<!doctype html><p>404"), "not a picture"),
    "only a JPEG's first bytes": (lambda path: path.write_bytes(as_bytes(scene(64, 64), "JPEG")[:20]), "send"),
    "half a JPEG": (_half("JPEG"), "damaged or cut off"),
    "half a PNG": (_half("PNG"), "damaged or cut off"),
    "half a WebP": (_half("WEBP"), "damaged or cut off"),
    "half a HEIC": (_half_heic, "damaged or cut off"),
    "half a GIF": (_half("GIF"), "damaged or cut off"),
    "half a BMP": (_half("BMP"), "damaged or cut off"),
    "half a TIFF": (_half("TIFF"), "send"),
    "half an AVIF": (_half("AVIF"), "send"),
    "one pixel": (lambda path: scene(1, 1).save(path, "PNG"), "only 1x1"),
    "a thin strip": (lambda path: Image.new("RGB", (20000, 10)).save(path, "PNG"), "20000x10"),
    "900 megapixels": (lambda path: png_header_only(path, 30000, 30000), "900 megapixels"),
    "80 megapixels": (lambda path: png_header_only(path, 10000, 8000), "80 megapixels"),
    "a header that lies": (lambda path: png_header_only(path, 5000, 5000), "damaged or cut off"),
    "a folder": (Path.mkdir, "folder"),
    "a fifo": (os.mkfifo, "not an ordinary file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "not an ordinary file"),
    "too many bytes": (lambda path: _sparse(path, 60_000_000), "60.0 MB"),
}


def _sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_picture_ends_in_one_clear_sentence_and_leaves_nothing(tmp_path: Path, name: str):
    make, expected = BAD[name]
    source, out = tmp_path / "source", tmp_path / "out"
    out.mkdir()
    make(source)

    with pytest.raises(BadInput) as caught:
        await Workshop().prepare_image(source, WAN, out / "picture.jpg")

    sentence = str(caught.value)
    assert expected in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 200
    assert str(tmp_path) not in sentence
    assert list(out.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_an_unreadable_picture_says_so(tmp_path: Path):
    source = saved(scene(400, 400), tmp_path / "p.png")
    source.chmod(0)

    with pytest.raises(BadInput, match="cannot be opened"):
        await Workshop().prepare_image(source, WAN, tmp_path / "picture.jpg")

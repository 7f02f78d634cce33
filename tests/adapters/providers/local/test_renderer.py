"""Rendered clips: exact, tagged, smooth, the picture's own shape, and whole or not there at all."""

from __future__ import annotations

import errno
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageFilter

from adapters.providers.local.camera import Shot
from adapters.providers.local.planes import Planes
from adapters.providers.local.renderer import FRAMES_PER_S, framing, output_size, render
from tests.adapters.media.pictures import saved, scene

pytestmark = pytest.mark.media


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return saved(scene(640, 480), tmp_path / "picture.jpg", quality=95)


def rendered(picture: Path, *, move: str = "zoom-in", seed: int = 1, frames: int = 12, **options) -> Path:
    into = picture.parent / f"{move}-{seed}.mp4"
    render(picture=picture, into=into, shot=Shot(move=move, seed=seed), resolution="480p", frames=frames, **options)
    return into


def decoded(clip: Path) -> list[np.ndarray]:
    with av.open(str(clip)) as container:
        return [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]


def test_a_clip_is_what_players_expect(picture: Path):
    clip = rendered(picture, frames=FRAMES_PER_S)

    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (640, 480)
        assert stream.average_rate == 24
        assert stream.frames == 24
        assert float(stream.duration * stream.time_base) == 1.0
        codec = stream.codec_context
        assert (codec.color_primaries, codec.color_trc, codec.colorspace, codec.color_range) == (1, 1, 1, 1)
        frames = list(container.decode(stream))
        assert [frame.pts * frame.time_base * 24 for frame in frames] == list(range(24))
        assert [frame.key_frame for frame in frames] == [True] + [False] * 23
    data = clip.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_the_first_frame_of_a_zoom_is_the_picture(picture: Path):
    first = decoded(rendered(picture))[0]

    assert np.abs(first - np.asarray(Image.open(picture), dtype=int)).mean() < 4


@pytest.mark.parametrize(("move", "sign"), [("pan-left", 1), ("pan-right", -1)])
def test_after_a_pan_left_the_content_has_travelled_to_the_right(picture: Path, move: str, sign: int):
    frames = decoded(rendered(picture, move=move))
    first, last = (frame.mean(axis=2) for frame in (frames[0], frames[-1]))

    def match(shift: int) -> float:
        moved = np.roll(first, shift, axis=1)[:, 160:-160]
        return float(np.abs(moved - last[:, 160:-160]).mean())

    best = min(range(-150, 151, 5), key=match)
    assert best * sign > 40


def test_the_same_seed_is_the_same_file_and_another_seed_another(picture: Path):
    one = rendered(picture, seed=5).read_bytes()
    again = rendered(picture, seed=5).read_bytes()
    other = rendered(picture, seed=6).read_bytes()

    assert one == again
    assert one != other


@pytest.mark.parametrize("size", [(854, 480), (640, 427), (301, 333)])
def test_odd_and_awkward_shapes_render(tmp_path: Path, size: tuple[int, int]):
    picture = saved(scene(*size), tmp_path / "picture.jpg")

    frames = decoded(rendered(picture, move="pan-up", frames=3))

    assert len(frames) == 3
    height, width, _ = frames[0].shape
    assert width % 2 == height % 2 == 0
    assert min(width, height) == 480


@pytest.mark.parametrize(
    ("picture", "resolution", "size"),
    [
        ((4000, 3000), "720p", (960, 720)),
        ((3000, 4000), "720p", (720, 960)),
        ((1920, 1080), "1080p", (1920, 1080)),
        ((1600, 900), "480p", (854, 480)),
        ((500, 500), "480p", (480, 480)),
        ((9000, 1000), "720p", (1728, 720)),
        ((1000, 9000), "480p", (480, 1152)),
    ],
)
def test_the_clip_has_the_pictures_own_aspect(picture, resolution, size):
    assert output_size(*picture, resolution) == size


@pytest.mark.parametrize("picture", [(4000, 3000), (1601, 899), (9000, 1000), (333, 1000)])
def test_nothing_is_ever_stretched(picture: tuple[int, int]):
    output = output_size(*picture, "480p")

    crop = framing(picture, output).crop

    assert crop[0] / crop[1] == pytest.approx(output[0] / output[1], rel=1e-9)
    assert crop[0] <= picture[0] + 1e-6
    assert crop[1] <= picture[1] + 1e-6


def test_colours_survive_the_way_through_the_video(tmp_path: Path):
    for colour in [(255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 120, 40)]:
        picture = saved(Image.new("RGB", (480, 480), colour), tmp_path / "p.jpg", quality=100, subsampling=0)

        frame = decoded(rendered(picture, move="static", frames=2))[1]

        assert np.abs(frame[240, 240] - colour).max() <= 4


def test_a_moving_plane_is_never_rounded_to_whole_pixels():
    ramp = np.tile(np.linspace(40, 200, 640).astype(np.uint8), (480, 1))
    image = Image.fromarray(ramp).convert("RGB")
    fit = framing((640, 480), (640, 480))
    path = Shot(move="pan-right", strength="low", seed=1).path(fit.stage)
    boxes = [fit.box(path(step / 200)) for step in range(200)]
    planes = Planes(image, boxes, (640, 480))

    means = [planes.frame(box).to_ndarray()[100:300, 100:500].mean() for box in boxes]

    steps = np.diff(means)
    assert steps.min() > 0
    assert steps.std() < steps.mean() * 0.25


@pytest.mark.parametrize("across", [True, False])
def test_texture_finer_than_the_clip_can_show_is_even_grey_and_not_a_pattern(across: bool):
    """At the wide end of a close zoom too: a wave of 1.25 pixels would else show up as one of 5, and crawl."""
    stripes = 128 + 100 * np.sin(2 * np.pi * np.arange(960) / 2.5)
    image = Image.fromarray(np.tile(stripes.astype(np.uint8), (960, 1))).convert("RGB")
    fit = framing((960, 960), (480, 480))
    path = Shot(move="zoom-in", strength="high", focus=(0.5, 0.5)).path(fit.stage)
    boxes = [fit.box(path(step / 20)) for step in range(21)]

    planes = Planes(image if across else image.transpose(Image.Transpose.ROTATE_90), boxes, (480, 480))

    wide, near = (planes.frame(box).to_ndarray()[:480].astype(float) for box in (boxes[0], boxes[-1]))
    assert wide.std() < 4
    assert near.std() > 25


def test_the_steps_of_a_zoom_from_planes_to_planes_are_not_seen():
    """Even in fine noise the contrast changes by less than 3 % from one frame to the next (measured: 1.5 %)."""
    noise = np.random.default_rng(2).integers(0, 256, (540, 960), dtype=np.uint8)
    image = Image.fromarray(noise).filter(ImageFilter.GaussianBlur(1)).convert("RGB")
    fit = framing((960, 540), (480, 270))
    path = Shot(move="zoom-in", strength="medium", seed=1).path(fit.stage)
    boxes = [fit.box(path(step / 100)) for step in range(101)]
    planes = Planes(image, boxes, (480, 270))

    contrast = np.array([planes.frame(box).to_ndarray()[:270].astype(float).std() for box in boxes])

    assert np.abs(np.diff(contrast)).max() < 0.03 * contrast.mean()


def test_light_and_colour_are_the_pictures_own(tmp_path: Path):
    """The mean of every plane is within half a level of the picture's: nothing is shifted on the way."""
    for image in (scene(640, 480), Image.fromarray(np.asarray(scene(640, 480)) // 10)):
        picture = saved(image, tmp_path / "p.jpg", quality=95, subsampling=0)
        red, green, blue = (np.asarray(band, dtype=float).mean() for band in Image.open(picture).split())
        luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        wanted = (
            16 + 219 / 255 * luma,
            128 + 224 / 255 * (blue - luma) / (2 * (1 - 0.0722)),
            128 + 224 / 255 * (red - luma) / (2 * (1 - 0.2126)),
        )

        with av.open(str(rendered(picture, move="static", frames=3))) as container:
            frame = list(container.decode(video=0))[-1]
        flat = frame.to_ndarray()
        seen = (flat[:480].mean(), flat[480:600].mean(), flat[600:].mean())

        assert seen == pytest.approx(wanted, abs=0.5)


def test_progress_is_counted_in_frames_and_ends_with_the_file(picture: Path):
    seen: list[tuple[int, int]] = []
    into = picture.with_name("zoom-in-1.mp4")

    def on_frame(done: int, total: int) -> None:
        seen.append((done, total))
        assert into.exists() == (done == total)

    rendered(picture, frames=6, on_frame=on_frame)

    assert seen == [(number, 6) for number in range(7)]


@pytest.mark.parametrize("problem", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_a_render_that_is_stopped_leaves_nothing_behind(picture: Path, problem: BaseException):
    def on_frame(done: int, total: int) -> None:
        if done == 4:
            raise problem

    with pytest.raises(type(problem)):
        rendered(picture, on_frame=on_frame)

    assert [path.name for path in picture.parent.iterdir()] == ["picture.jpg"]


def test_a_picture_smaller_than_the_frame_renders(tmp_path: Path):
    frames = decoded(rendered(saved(scene(64, 48), tmp_path / "p.jpg"), frames=3))

    assert frames[0].shape == (480, 640, 3)

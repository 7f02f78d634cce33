"""Rendered clips: exact, tagged, smooth, the picture's own shape, and whole or not there at all."""

from __future__ import annotations

import errno
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from adapters.providers.local.camera import Shot
from adapters.providers.local.renderer import FRAMES_PER_S, Planes, framing, output_size, render
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

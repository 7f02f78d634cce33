"""A clip that is too large is brought below the limit, never above it, with as little loss as that allows."""

from __future__ import annotations

import resource
from pathlib import Path

import av
import numpy as np
import pytest

from adapters.media import fitting
from adapters.media.fitting import fit
from adapters.media.workshop import Workshop
from bot.errors import BadInput
from tests.adapters.media.films import film, frames, mean_colour, moments_in, numbers_in, pitch_at, sound_in

SIZE = (320, 240)


def fitted(clip: Path, max_bytes: int) -> tuple[Path, dict]:
    into = clip.with_name("fitted.mp4")
    found = fit(clip=str(clip), into=str(into), max_bytes=max_bytes)
    assert found["size_bytes"] == into.stat().st_size <= max_bytes
    assert (frames(into)[0].width, frames(into)[0].height) == (found["width"], found["height"])
    return into, found


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise: two seconds that no encoder makes small."""
    return film(tmp_path_factory.mktemp("busy") / "clip.mp4", range(48), size=SIZE, noise=True, crf=12, pitch=440)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes each pass came to."""
    seen, encode = [], fitting._encode

    def counted(*arguments: object) -> int:
        size = encode(*arguments)
        seen.append(size)
        return size

    monkeypatch.setattr(fitting, "_encode", counted)
    return seen


def test_what_fits_is_left_as_it_is(tmp_path: Path):
    clip = film(tmp_path / "clip.mp4")

    into, found = fitted(clip, clip.stat().st_size)

    assert found["how"] == "as_is"
    assert into.read_bytes() == clip.read_bytes()


def test_what_fits_but_has_its_index_at_the_end_is_packed_anew(tmp_path: Path):
    """Players begin before the download has ended, and every picture is the same bit for bit."""
    clip = film(tmp_path / "clip.mp4", faststart=False)

    into, found = fitted(clip, clip.stat().st_size + 1000)

    assert found["how"] == "remuxed"
    data = into.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert all(np.array_equal(a.to_ndarray(), b.to_ndarray()) for a, b in zip(frames(clip), frames(into), strict=True))


def test_wasted_room_is_given_back_without_encoding(tmp_path: Path):
    """A file may carry a preview or a hole larger than its pictures."""
    clip = film(tmp_path / "clip.mp4")
    size = clip.stat().st_size
    with clip.open("ab") as file:
        file.write((500_008).to_bytes(4, "big") + b"free" + bytes(500_000))

    _, found = fitted(clip, size + 2000)

    assert found["how"] == "remuxed"


@pytest.mark.parametrize("share", [0.6, 0.3, 0.15])
def test_what_is_too_large_lands_just_below_the_limit_in_one_pass(
    tmp_path: Path, busy: Path, passes: list[int], share: float
):
    limit = int(busy.stat().st_size * share)
    clip = tmp_path / "clip.mp4"
    clip.symlink_to(busy)

    into, found = fitted(clip, limit)

    assert found["how"] == "transcoded"
    assert len(passes) == 1
    assert found["size_bytes"] >= limit * 0.9
    assert moments_in(into) == moments_in(busy)
    assert pitch_at(sound_in(into), 1.0) == 440
    assert frames(into)[0].format.name == "yuv420p"
    assert frames(into)[0].colorspace == 1
    data = into.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_where_bits_get_thin_the_frame_gets_smaller(tmp_path: Path, busy: Path):
    """In the same shape, with even sides, never larger than it was."""
    clip = tmp_path / "clip.mp4"
    clip.symlink_to(busy)

    into, found = fitted(clip, 20_000)

    assert found["how"] == "shrunk"
    assert found["width"] % 2 == found["height"] % 2 == 0
    assert found["width"] < SIZE[0]
    assert found["width"] / found["height"] == pytest.approx(SIZE[0] / SIZE[1], rel=0.02)
    assert len(frames(into)) == 48


def test_a_pass_above_the_limit_is_never_what_comes_out(
    tmp_path: Path, busy: Path, passes: list[int], monkeypatch: pytest.MonkeyPatch
):
    """Let the control aim too high: it is measured, thrown away and aimed lower."""
    monkeypatch.setattr(fitting, "AIM", 1.3)
    clip = tmp_path / "clip.mp4"
    clip.symlink_to(busy)
    limit = int(busy.stat().st_size * 0.3)

    _, found = fitted(clip, limit)

    assert passes[0] > limit >= passes[-1] == found["size_bytes"]
    assert len(passes) <= 3


def test_a_limit_that_nothing_fits_is_refused_and_nothing_is_left(tmp_path: Path, busy: Path):
    clip = tmp_path / "clip.mp4"
    clip.symlink_to(busy)

    with pytest.raises(BadInput, match=r"^The clip cannot be made smaller than 0\.003 MB"):
        fit(clip=str(clip), into=str(tmp_path / "fitted.mp4"), max_bytes=3_000)

    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_the_passes_have_an_end(tmp_path: Path, busy: Path, passes: list[int]):
    """The index fits, the sound fits, but noise in the smallest frame does not."""
    clip = tmp_path / "clip.mp4"
    clip.symlink_to(busy)

    with pytest.raises(BadInput, match="cannot be made smaller"):
        fit(clip=str(clip), into=str(tmp_path / "fitted.mp4"), max_bytes=11_700)

    assert len(passes) <= fitting.MOST_PASSES
    assert not (tmp_path / "fitted.mp4").exists()


def test_pictures_and_colours_are_the_clips(tmp_path: Path):
    numbered = film(tmp_path / "clip.mp4", range(60), size=SIZE, grain=30)
    into, found = fitted(numbered, numbered.stat().st_size // 2)
    assert found["how"] == "transcoded"
    assert numbers_in(into) == list(range(60))

    plain = film(tmp_path / "plain.mp4", range(24), size=SIZE, colour=(200, 120, 40))
    with_a_hole = plain.stat().st_size - 1
    into, _ = fitted(plain, with_a_hole)
    assert mean_colour(into) == pytest.approx((200, 120, 40), abs=3)


def test_a_silent_clip_stays_silent(tmp_path: Path):
    clip = film(tmp_path / "clip.mp4", range(24), size=SIZE, noise=True)

    into, _ = fitted(clip, clip.stat().st_size // 3)

    with av.open(str(into)) as container:
        assert not container.streams.audio


def test_untagged_hd_is_tagged_before_it_is_too_small_to_be_known_as_hd(tmp_path: Path):
    """Players guess the matrix by the height: 720 lines mean BT.709, fewer BT.601."""
    clip = film(tmp_path / "clip.mp4", range(8), size=(1280, 720), bt709=False, noise=True, crf=30)

    into, found = fitted(clip, 20_000)

    assert found["how"] == "shrunk"
    assert frames(into)[0].colorspace == 1


async def test_the_workshop_fits_in_a_process_of_its_own(tmp_path: Path, busy: Path):
    limit = busy.stat().st_size // 4

    found = await Workshop().fit(busy, limit, tmp_path / "fitted.mp4")

    assert (found.path, found.how) == (tmp_path / "fitted.mp4", "transcoded")
    assert found.size_bytes == (tmp_path / "fitted.mp4").stat().st_size <= limit


def test_a_disk_without_room_is_said_as_such_and_nothing_is_left(tmp_path: Path, busy: Path):
    """As the system itself says it, while the pictures are written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    out = tmp_path / "out"
    out.mkdir()
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            fit(clip=str(busy), into=str(out / "fitted.mp4"), max_bytes=busy.stat().st_size // 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert list(out.iterdir()) == []

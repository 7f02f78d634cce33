"""A clip and its continuation become one: nothing doubled, nothing stretched, both sounds in their places."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from adapters.media.joining import join
from adapters.media.workshop import Workshop
from bot.errors import BadInput
from tests.adapters.media.films import (
    RATE,
    film,
    frames,
    mean_colour,
    moments_in,
    numbers_in,
    picture,
    pitch_at,
    sound_in,
)

LAST = 23


def joined(tmp_path: Path, first: Path, second: Path) -> tuple[Path, str]:
    """In this process: what is tested here is the film, not the sandbox."""
    into = tmp_path / "joined.mp4"
    found = join(first=str(first), second=str(second), into=str(into))
    return into, found["how"]


def test_clips_of_one_encoder_are_copied_without_the_doubled_picture(tmp_path: Path):
    """Nothing is lost where nothing must be: the pictures are those of the two files, bit for bit."""
    first = film(tmp_path / "a.mp4", range(24), x264="bframes=0")
    second = film(tmp_path / "b.mp4", range(LAST, LAST + 24), x264="bframes=0")

    into, how = joined(tmp_path, first, second)

    assert how == "copied"
    assert numbers_in(into) == list(range(47))
    assert np.array_equal(frames(into)[10].to_ndarray(), frames(first)[10].to_ndarray())
    assert np.array_equal(frames(into)[30].to_ndarray(), frames(second)[7].to_ndarray())


@pytest.mark.parametrize("x264", ["bframes=0", "bframes=3:b-adapt=0", "b-pyramid=none:bframes=2:b-adapt=0"])
@pytest.mark.parametrize("length", [24, 25, 26])
def test_every_picture_is_there_once_and_in_time_however_the_files_are_ordered(tmp_path: Path, x264: str, length: int):
    """Where a picture is built upon the one to be left out, it is not left out by copying."""
    first = film(tmp_path / "a.mp4", range(length), x264=x264)
    second = film(tmp_path / "b.mp4", range(length - 1, length + 20), x264=x264)

    into, _ = joined(tmp_path, first, second)

    assert numbers_in(into) == list(range(length + 20))
    assert moments_in(into) == [Fraction(number, 24) for number in range(length + 20)]


def test_a_last_picture_that_others_are_built_upon_is_not_dropped_by_copying(tmp_path: Path):
    """With its last packets in another order than its pictures a clip must be encoded anew."""
    first = film(tmp_path / "a.mp4", range(24))
    with av.open(str(first)) as container:
        shown = [packet.pts for packet in container.demux(video=0) if packet.size]
    assert shown[-1] < max(shown)

    into, how = joined(tmp_path, first, film(tmp_path / "b.mp4", range(LAST, LAST + 10)))

    assert how == "encoded"
    assert numbers_in(into) == list(range(33))


def test_another_size_is_cut_to_the_first_ones_aspect_and_not_stretched(tmp_path: Path):
    first = film(tmp_path / "a.mp4", range(24), size=(320, 180))
    second = film(tmp_path / "b.mp4", range(LAST, LAST + 24), size=(320, 240))

    into, how = joined(tmp_path, first, second)

    assert how == "encoded"
    assert {(frame.width, frame.height) for frame in frames(into)} == {(320, 180)}
    assert numbers_in(into) == list(range(47)), "the squares in the middle are where they were, in their own size"


def test_another_frame_rate_becomes_the_first_ones(tmp_path: Path):
    """One second at 30 frames, less the shared one, goes on for 29/30 of a second: 23 frames at 24."""
    first = film(tmp_path / "a.mp4", range(24))
    second = film(tmp_path / "b.mp4", range(100, 130), fps=30)

    into, _ = joined(tmp_path, first, second)

    numbers = numbers_in(into)
    assert numbers[:24] == list(range(24))
    assert len(numbers) == 47
    assert numbers[24] == 101, "100 was the shared one"
    assert numbers[-1] in {128, 129}
    assert all(0 <= after - before <= 2 for before, after in pairwise(numbers[24:]))


def test_both_sounds_are_in_their_places(tmp_path: Path):
    first = film(tmp_path / "a.mp4", range(24), pitch=440)
    second = film(tmp_path / "b.mp4", range(LAST, LAST + 24), pitch=880)

    into, _ = joined(tmp_path, first, second)

    samples = sound_in(into)
    assert [pitch_at(samples, second) for second in (0.1, 0.9, 0.97, 1.03, 1.1, 1.9)] == [440] * 3 + [880] * 3
    with av.open(str(into)) as container:
        lengths = [float(stream.duration * stream.time_base) for stream in container.streams]
    assert lengths == pytest.approx([47 / 24, 47 / 24], abs=0.002)


@pytest.mark.parametrize(("pitches", "expected"), [((440, None), [440, 0]), ((None, 880), [0, 880])])
def test_where_one_has_no_sound_it_is_silent(
    tmp_path: Path, pitches: tuple[float | None, float | None], expected: list[int]
):
    first = film(tmp_path / "a.mp4", range(24), pitch=pitches[0])
    second = film(tmp_path / "b.mp4", range(LAST, LAST + 24), pitch=pitches[1])

    into, _ = joined(tmp_path, first, second)

    samples = sound_in(into)
    assert [pitch_at(samples, 0.5), pitch_at(samples, 1.5)] == expected


@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_a_sound_is_as_loud_as_it_was(tmp_path: Path, layout: str):
    """One channel is heard on both sides, at its full level: FFmpeg's own way would take 3 dB off it."""
    first = film(tmp_path / "a.mp4", range(24), pitch=440, layout=layout)
    second = film(tmp_path / "b.mp4", range(LAST, LAST + 24), pitch=440, layout=layout)

    into, _ = joined(tmp_path, first, second)

    loudness = np.sqrt((sound_in(into)[:, RATE // 4 : RATE * 3 // 4] ** 2).mean(axis=1))
    assert loudness == pytest.approx([0.33 / np.sqrt(2)] * 2, rel=0.03)


def test_two_silent_clips_make_a_silent_one(tmp_path: Path):
    """No sound track is made up."""
    into, _ = joined(tmp_path, film(tmp_path / "a.mp4"), film(tmp_path / "b.mp4", range(LAST, 40)))

    with av.open(str(into)) as container:
        assert not container.streams.audio


def test_colours_stay_what_they_were_whichever_matrix_made_them(tmp_path: Path):
    """A continuation in BT.601 behind a clip in BT.709 is converted, not reinterpreted."""
    first = film(tmp_path / "a.mp4", range(6), colour=(200, 120, 40))
    second = film(tmp_path / "b.mp4", range(6), colour=(200, 120, 40), bt709=False, size=(160, 100))

    into, _ = joined(tmp_path, first, second)

    assert frames(into)[-1].colorspace == 1
    assert mean_colour(into) == pytest.approx((200, 120, 40), abs=3)


def test_a_continuation_of_one_picture_adds_nothing(tmp_path: Path):
    """The only picture it has is the shared one."""
    into, _ = joined(tmp_path, film(tmp_path / "a.mp4", range(12)), film(tmp_path / "b.mp4", range(11, 12)))

    assert numbers_in(into) == list(range(12))


def test_the_index_stands_in_front(tmp_path: Path):
    into, _ = joined(tmp_path, film(tmp_path / "a.mp4"), film(tmp_path / "b.mp4"))

    data = into.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("which", [0, 1])
async def test_a_clip_that_was_cut_off_is_refused_and_nothing_is_left(tmp_path: Path, which: int):
    clips = [film(tmp_path / "a.mp4"), film(tmp_path / "b.mp4")]
    data = clips[which].read_bytes()
    clips[which].write_bytes(data[: len(data) * 2 // 3])
    out = tmp_path / "out"
    out.mkdir()

    with pytest.raises(BadInput, match="cut off"):
        await Workshop().join(*clips, out / "joined.mp4")

    assert list(out.iterdir()) == []


def test_the_last_frame_of_the_join_is_the_last_of_the_second(tmp_path: Path):
    into, _ = joined(tmp_path, film(tmp_path / "a.mp4"), film(tmp_path / "b.mp4", range(LAST, 60)))

    shown = frames(into)[-1].to_ndarray(format="rgb24", src_colorspace=1, dst_colorspace=1).astype(int)
    assert np.abs(shown - picture(59)).mean() < 4

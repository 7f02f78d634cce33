"""What an editor knows of a clip: so many pictures, at a steady rate, from a beginning."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from adapters.media.reel import pictures_of, reel_of
from bot.errors import BadInput
from tests.adapters.media.films import SIZE, film

UNSTEADY = [0, 1, 2, 6, 7, 8, 9, 14, 15, 16, 17, 23]


def retimed(path: Path, times: list[int]) -> Path:
    """A clip whose pictures are shown at these 24ths of a second."""
    plain = film(path.with_name("plain.mp4"), range(len(times)), x264="bframes=0")
    with av.open(str(plain)) as source, av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if packet.dts is not None:
                packet.pts = packet.dts = times[number] * packet.duration
                packet.stream = stream
                container.mux(packet)
    return path


@pytest.mark.parametrize(("fps", "count"), [(24, 24), (30, 31), (25, 1), (60, 7)])
def test_a_steady_clip_has_as_many_pictures_as_frames(tmp_path: Path, fps: int, count: int):
    reel = reel_of(film(tmp_path / "clip.mp4", range(count), fps=fps))

    assert (reel.pictures, reel.rate, reel.begin, reel.is_steady) == (count, fps, 0, True)
    assert reel.seconds == Fraction(count, fps)


def test_an_unsteady_clip_keeps_every_picture_and_its_length(tmp_path: Path):
    """Phones and screen recorders show a picture until the next one comes: it is then there more than once."""
    reel = reel_of(retimed(tmp_path / "clip.mp4", UNSTEADY))

    assert not reel.is_steady
    assert (reel.rate, reel.pictures) == (24, 24)
    shown = [number_of(frame) for frame in pictures_of(reel)]
    assert shown == [max(i for i, at in enumerate(UNSTEADY) if at <= moment) for moment in range(24)]


def number_of(frame: av.VideoFrame) -> int:
    luma = frame.to_ndarray()
    return sum(1 << bit for bit in range(8) if luma[60, SIZE[0] // 2 - 57 + bit * 16] > 128)


def test_a_part_of_a_clip_at_another_rate_is_the_picture_of_each_moment(tmp_path: Path):
    reel = reel_of(film(tmp_path / "clip.mp4", range(24)))

    halved = [number_of(frame) for frame in pictures_of(reel, rate=Fraction(12), skip=Fraction(1, 24))]

    assert len(halved) == 12
    assert all(abs(number - (2 * index + 1)) <= 1 for index, number in enumerate(halved))


def test_a_clip_of_over_ten_minutes_is_not_worked_on(tmp_path: Path):
    """Its sound alone would fill the memory."""
    clip = retimed(tmp_path / "clip.mp4", [0, 24 * 601])

    with pytest.raises(BadInput, match="longer than 10 minutes"):
        reel_of(clip)

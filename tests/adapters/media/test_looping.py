"""A loop's end flows into its beginning, and everything between is the clip's own."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from adapters.media.looping import loop
from adapters.media.workshop import Workshop
from bot.errors import BadInput
from tests.adapters.media.films import film, frames, mean_colour, numbers_in, pitch_at, sound_in


class Stopped(Exception):
    pass


def looped(clip: Path) -> Path:
    into = clip.with_name("loop.mp4")
    loop(clip=clip, into=into)
    return into


def luma(path: Path) -> list[np.ndarray]:
    return [frame.to_ndarray()[: frame.height].astype(int) for frame in frames(path)]


def test_the_last_half_second_melts_into_the_first(tmp_path: Path):
    """Of 96 frames 12 are shared: the loop has 84, begins with the clip's 13th and ends with a mix that becomes its 12th."""
    into = looped(film(tmp_path / "clip.mp4", range(96)))

    numbers = numbers_in(into)
    assert len(numbers) == 84
    assert numbers[:72] == list(range(12, 84)), "untouched where nothing is shared"
    assert numbers[-1] == 11, "the one before the loop's first"


def test_the_step_over_the_seam_is_like_any_other(tmp_path: Path):
    """Nobody sees where it begins: no step between neighbours, round the corner too, is larger than the clip's own."""
    clip = film(tmp_path / "clip.mp4", range(96))
    own = max(np.abs(a - b).mean() for a, b in pairwise(luma(clip)))

    pictures = luma(looped(clip))

    seam = np.abs(pictures[-1] - pictures[0]).mean()
    steps = [np.abs(a - b).mean() for a, b in pairwise(pictures)]
    assert seam <= own * 1.2
    # A fade moves every changed pixel a little at a time, where the clip's own motion moves few of them far.
    assert max(steps) <= own * 2


def test_a_short_clip_gives_a_quarter_of_itself(tmp_path: Path):
    into = looped(film(tmp_path / "clip.mp4", range(16)))

    assert len(frames(into)) == 12


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_clip_of_too_few_frames_is_refused(tmp_path: Path, count: int):
    with pytest.raises(BadInput, match=r"too few to make a loop of\.$"):
        looped(film(tmp_path / "clip.mp4", range(count)))

    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_the_sound_is_as_long_and_flows_too(tmp_path: Path):
    """Where both ends are mixed it is as loud as elsewhere: a dip every four seconds is heard as a pulse."""
    into = looped(film(tmp_path / "clip.mp4", range(96), pitch=440))

    samples = sound_in(into)
    assert samples.shape[1] / 48_000 == pytest.approx(84 / 24, abs=0.025)
    assert {pitch_at(samples, moment) for moment in (0.1, 1.0, 2.0, 3.0, 3.25, 3.4)} == {440}
    with av.open(str(into)) as container:
        assert float(container.streams.audio[0].duration / 48_000) == pytest.approx(84 / 24, abs=0.002)


def test_a_silent_clip_makes_a_silent_loop(tmp_path: Path):
    with av.open(str(looped(film(tmp_path / "clip.mp4")))) as container:
        assert not container.streams.audio


def test_colours_and_their_tags_are_kept(tmp_path: Path):
    into = looped(film(tmp_path / "clip.mp4", range(24), colour=(200, 120, 40)))

    assert frames(into)[0].colorspace == 1
    assert mean_colour(into) == pytest.approx((200, 120, 40), abs=3)


def test_progress_is_told_frame_by_frame_and_ends_when_the_file_stands(tmp_path: Path):
    clip, told = film(tmp_path / "clip.mp4", range(24)), []

    def on_frame(done: int, total: int) -> None:
        told.append((done, total, (tmp_path / "loop.mp4").exists()))

    loop(clip=clip, into=tmp_path / "loop.mp4", on_frame=on_frame)

    assert told == [*((number, 18, False) for number in range(18)), (18, 18, True)]


def test_whoever_stops_it_leaves_nothing_behind(tmp_path: Path):
    clip = film(tmp_path / "clip.mp4", range(24))

    def stop(done: int, total: int) -> None:
        if done == 10:
            raise Stopped

    with pytest.raises(Stopped):
        loop(clip=clip, into=tmp_path / "loop.mp4", on_frame=stop)

    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


async def test_the_workshop_loops_in_a_process_of_its_own(tmp_path: Path):
    await Workshop().loop(film(tmp_path / "clip.mp4"), tmp_path / "loop.mp4")

    assert len(frames(tmp_path / "loop.mp4")) == 18

"""Clips are measured by decoding them, in a process of their own."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from adapters.media.workshop import Workshop
from bot.errors import BadInput
from bot.ports import ClipFacts
from tests.adapters.media.films import film
from tests.adapters.media.pictures import saved, scene


def clip(path: Path, *, seconds: int = 1, sound: bool = False, faststart: bool = True, kind: str = "mp4") -> Path:
    """A real clip: 160x120, 24 frames a second, moving a little."""
    options = {"movflags": "+faststart"} if faststart else {}
    with av.open(str(path), "w", format=kind, options=options) as container:
        video = container.add_stream("libx264", rate=24)
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        audio = container.add_stream("aac", rate=48000) if sound else None
        for number in range(24 * seconds):
            frame = av.VideoFrame.from_image(scene(160, 120, seed=number))
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 48000 * seconds), dtype=np.float32), "fltp", "mono")
            silence.sample_rate = 48000
            container.mux(audio.encode(silence))
            container.mux(audio.encode(None))
    return path


@pytest.mark.parametrize("sound", [False, True])
async def test_a_clip_is_measured(tmp_path: Path, sound: bool):
    facts = await Workshop().probe(clip(tmp_path / "clip.mp4", seconds=2, sound=sound))

    assert facts == ClipFacts(width=160, height=120, duration_s=2.0, codec="h264", has_audio=sound)


async def test_a_probe_says_how_fast_it_is_and_where_its_index_stands(tmp_path: Path):
    facts = await Workshop().probe(film(tmp_path / "clip.mp4", range(30), fps=30, faststart=False))

    assert (facts.fps, facts.faststart, facts.duration_s) == (30.0, False, 1.0)


async def test_a_poster_is_the_first_frame(tmp_path: Path):
    await Workshop().poster(clip(tmp_path / "clip.mp4"), tmp_path / "poster.jpg")

    poster = Image.open(tmp_path / "poster.jpg")
    assert (poster.format, poster.size) == ("JPEG", (160, 120))
    difference = np.abs(np.asarray(poster, dtype=int) - np.asarray(scene(160, 120, seed=0), dtype=int))
    assert difference.mean() < 12


@pytest.mark.parametrize("share", [0.3, 0.6, 0.97])
async def test_a_clip_that_was_cut_off_is_refused(tmp_path: Path, share: float):
    path = clip(tmp_path / "clip.mp4")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])

    with pytest.raises(BadInput, match=r"cut off|not a playable"):
        await Workshop().probe(path)


async def test_a_clip_whose_index_is_missing_is_refused(tmp_path: Path):
    path = clip(tmp_path / "clip.mp4", faststart=False)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.5)])

    with pytest.raises(BadInput, match="not a playable"):
        await Workshop().probe(path)


async def test_a_picture_or_a_page_is_no_clip(tmp_path: Path):
    page = tmp_path / "page.mp4"
    page.write_text("<!doctype html>")

    for path in (saved(scene(64, 64), tmp_path / "p.png"), page):
        with pytest.raises(BadInput, match="not a playable MP4"):
            await Workshop().probe(path)


async def test_a_playlist_in_disguise_reads_nothing_else(tmp_path: Path):
    other = clip(tmp_path / "other.mp4")
    playlist = tmp_path / "clip.mp4"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n")

    with pytest.raises(BadInput, match="not a playable MP4"):
        await Workshop().probe(playlist)


async def test_sound_alone_is_no_clip(tmp_path: Path):
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w", format="mp4") as container:
        audio = container.add_stream("aac", rate=48000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 48000), dtype=np.float32), "fltp", "mono")
        silence.sample_rate = 48000
        container.mux(audio.encode(silence))
        container.mux(audio.encode(None))

    with pytest.raises(BadInput, match="only sound"):
        await Workshop().probe(path)


async def test_a_missing_clip_is_said_to_be_missing(tmp_path: Path):
    with pytest.raises(BadInput, match="not there"):
        await Workshop().poster(tmp_path / "nothing.mp4", tmp_path / "poster.jpg")

"""What is taken from a clip is what it shows."""

from __future__ import annotations

import importlib
import resource
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from adapters.media.clips import contact_sheet, last_frame, mux_audio, remux
from adapters.media.worker import OPERATIONS as OPERATION_NAMES
from adapters.media.workshop import Workshop
from bot.errors import NO_ROOM, BadInput, DiskFull
from tests.adapters.media.films import encoded, film, moments_in, picture, pitch_at, sound_in, tone, wav


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


# --- packed anew --------------------------------------------------------------------------------------------------


def test_a_remux_keeps_every_packet_and_puts_the_index_in_front(tmp_path: Path):
    clip = film(tmp_path / "clip.mp4", range(24), pitch=440, faststart=False, x264="bframes=3")
    into = tmp_path / "out.mp4"

    remux(clip=str(clip), into=str(into))

    data = into.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert packets(into) == packets(clip)
    assert moments_in(into) == moments_in(clip)
    assert pitch_at(sound_in(into), 0.5) == 440


def test_a_remux_leaves_behind_what_is_neither_picture_nor_sound(tmp_path: Path):
    """Titles, comments, software and places stay with whoever wrote them."""
    clip = tmp_path / "clip.mp4"
    plain = film(tmp_path / "plain.mp4")
    with av.open(str(plain)) as source, av.open(str(clip), "w", format="mp4") as container:
        container.metadata["comment"] = "a secret note"
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    assert b"secret" in clip.read_bytes()

    remux(clip=str(clip), into=str(tmp_path / "out.mp4"))

    assert b"secret" not in (tmp_path / "out.mp4").read_bytes()


@pytest.mark.parametrize("had_sound", [False, True])
@pytest.mark.parametrize(("seconds", "kind"), [(12.0, "wav"), (3.0, "mp3")])
def test_a_sound_is_put_beside_untouched_pictures_and_is_as_long_as_they_are(
    tmp_path: Path, had_sound: bool, seconds: float, kind: str
):
    clip = film(tmp_path / "clip.mp4", range(96), pitch=440 if had_sound else None)
    sound = tmp_path / "sound"
    sound.write_bytes(wav(tone(880, seconds)) if kind == "wav" else encoded(tone(880, seconds, rate=44100), 44100))
    into = tmp_path / "out.mp4"

    mux_audio(clip=str(clip), audio=str(sound), into=str(into))

    assert packets(into)["video"] == packets(clip)["video"]
    assert moments_in(into) == moments_in(clip)
    with av.open(str(into)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        lengths = [float(stream.duration * stream.time_base) for stream in container.streams]
    assert lengths == pytest.approx([4.0, 4.0], abs=0.001)
    samples = sound_in(into)
    assert [pitch_at(samples, 0.1), pitch_at(samples, 2.5)] == [880, 880]
    assert pitch_at(samples, 3.5) == (880 if seconds > 4 else 0)
    assert np.abs(samples[:, 4 * 48_000 - 100 : 4 * 48_000]).max() < 0.02, "it ends softly"


async def test_a_bad_sound_beside_a_clip_is_refused_as_a_sound(tmp_path: Path):
    clip = film(tmp_path / "clip.mp4")
    (tmp_path / "sound").write_text("nothing to hear")

    with pytest.raises(BadInput, match="not a sound"):
        await Workshop().mux_audio(clip, tmp_path / "sound", tmp_path / "out.mp4")

    assert not (tmp_path / "out.mp4").exists()


def packets(path: Path) -> dict[str, list[bytes]]:
    with av.open(str(path)) as container:
        found: dict[str, list[bytes]] = {stream.type: [] for stream in container.streams}
        for packet in container.demux():
            if packet.size:
                found[packet.stream.type].append(bytes(packet))
        return found


# --- clips that are none ------------------------------------------------------------------------------------------

OPERATIONS = ("poster", "last_frame", "contact_sheet", "remux", "loop")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("problem", ["no pictures", "unknown codec", "a page", "a picture", "a playlist", "missing"])
def test_what_cannot_be_read_is_refused_in_one_sentence_whoever_asks(tmp_path: Path, operation: str, problem: str):
    clip, out = film(tmp_path / "clip.mp4", range(8)), tmp_path / "out"
    out.mkdir()
    data = clip.read_bytes()
    match problem:
        case "no pictures":
            clip.write_bytes(data[: data.index(b"mdat") + 4])
        case "unknown codec":
            clip.write_bytes(data.replace(b"avc1", b"zzzz"))
        case "a page":
            clip.write_text("<!doctype html>")
        case "a picture":
            Image.new("RGB", (64, 64)).save(clip, "PNG")
        case "a playlist":
            clip.write_text(f"#EXTM3U\n#EXTINF:1,\n{film(tmp_path / 'other.mp4')}\n#EXT-X-ENDLIST\n")
        case _:
            clip.unlink()
    module, function = OPERATION_NAMES[operation]

    with pytest.raises(BadInput) as caught:
        getattr(importlib.import_module(module), function)(clip=str(clip), into=str(out / "out"))

    assert str(caught.value).endswith(".")
    assert str(tmp_path) not in str(caught.value)
    assert list(out.iterdir()) == []


async def test_a_sound_that_nobody_can_decode_is_none(tmp_path: Path):
    """The pictures are good: they are kept, and nothing is said of a sound."""
    clip = film(tmp_path / "clip.mp4", range(24), pitch=440)
    clip.write_bytes(clip.read_bytes().replace(b"mp4a", b"zzzz").replace(b"esds", b"zzzz"))

    facts = await Workshop().probe(clip)
    remux(clip=str(clip), into=str(tmp_path / "out.mp4"))

    assert not facts.has_audio
    assert set(packets(tmp_path / "out.mp4")) == {"video"}


# --- a sheet of pictures ------------------------------------------------------------------------------------------


async def test_a_contact_sheet_shows_frames_from_all_over_the_clip(tmp_path: Path):
    clip = film(tmp_path / "clip.mp4", range(48))

    await Workshop().contact_sheet(clip, tmp_path / "sheet.jpg")

    sheet = Image.open(tmp_path / "sheet.jpg")
    assert (sheet.format, sheet.size) == ("JPEG", (4 * 164 - 4, 3 * 124 - 4))
    for place in range(12):
        left, top = place % 4 * 164, place // 4 * 124
        tile = np.asarray(sheet.crop((left, top, left + 160, top + 120)), dtype=int)
        assert np.abs(tile - picture(place * 4 + 2)).mean() < 8


def test_a_clip_of_fewer_frames_leaves_places_empty(tmp_path: Path):
    contact_sheet(clip=str(film(tmp_path / "clip.mp4", range(3))), into=str(tmp_path / "sheet.jpg"))

    sheet = np.asarray(Image.open(tmp_path / "sheet.jpg"))
    assert sheet[60, 80].min() < 200
    assert sheet[184, 80].min() > 250


# --- the disk ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", [3_000, 20_000])
def test_a_disk_that_fills_leaves_nothing_and_is_not_the_clips_fault(tmp_path: Path, room: int):
    """Early, while packets are written, and late, while the index is moved to the front."""
    clip, out = film(tmp_path / "clip.mp4", range(48), crf=8), tmp_path / "out"
    out.mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (min(room, clip.stat().st_size - 500), hard))
    try:
        with pytest.raises(OSError) as caught:
            remux(clip=str(clip), into=str(out / "out.mp4"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert caught.value.errno in NO_ROOM
    assert str(tmp_path) not in str(caught.value)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("operation", ["last_frame", "contact_sheet", "remux", "loop", "join"])
async def test_the_sandbox_says_that_the_disk_is_full(tmp_path: Path, operation: str):
    """Whatever was written, and whoever noticed."""
    clip, out = film(tmp_path / "clip.mp4", range(48), crf=8, noise=True), tmp_path / "out"
    out.mkdir()
    arguments = [clip, clip] if operation == "join" else [clip]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (15_000, hard))
    try:
        with pytest.raises(DiskFull):
            await getattr(Workshop(), operation)(*arguments, out / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert list(out.iterdir()) == []

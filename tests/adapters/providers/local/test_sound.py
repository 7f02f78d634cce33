"""A person's sound under the clip: in the same file, exactly as long as the pictures, heard when it should be."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from adapters.providers.local.camera import Shot
from adapters.providers.local.folder import NoClip
from adapters.providers.local.renderer import render
from adapters.providers.local.sound import read_sound
from tests.adapters.media.pictures import saved, scene
from tests.adapters.providers.local.tones import tone

pytestmark = pytest.mark.media


def rendered(folder: Path, audio: Path | None, *, frames: int = 24, name: str = "clip.mp4") -> Path:
    picture = saved(scene(160, 120), folder / "picture.jpg")
    into = folder / name
    render(picture=picture, into=into, shot=Shot(move="zoom-in"), resolution="480p", frames=frames, audio=audio)
    return into


def heard(clip: Path) -> np.ndarray:
    """The sound as a player gives it: two rows of samples."""
    with av.open(str(clip)) as container:
        stream = container.streams.audio[0]
        pieces = [frame.to_ndarray() for frame in container.decode(stream)]
        # AAC comes in frames of 1024; where the sound ends among the last one's samples the file says.
        return np.concatenate(pieces, axis=1)[:, : round(stream.duration * stream.time_base * 48_000)]


def level(samples: np.ndarray) -> float:
    return float(np.sqrt((samples.astype(float) ** 2).mean()))


@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.5])
@pytest.mark.parametrize(("rate", "channels"), [(44_100, 1), (8_000, 1), (48_000, 2), (96_000, 2)])
def test_both_streams_are_exactly_as_long_as_was_asked(tmp_path: Path, seconds: float, rate: int, channels: int):
    """A shorter sound is followed by silence, a longer one is cut; any rate, mono or stereo."""
    audio = tone(tmp_path / "tone.wav", seconds=seconds, rate=rate, channels=channels)

    clip = rendered(tmp_path, audio)

    with av.open(str(clip)) as container:
        video, track = container.streams.video[0], container.streams.audio[0]
        assert float(video.duration * video.time_base) == 1.0
        assert Fraction(track.duration) * track.time_base == 1
        codec = track.codec_context
        assert (codec.name, codec.sample_rate, codec.layout.name) == ("aac", 48_000, "stereo")
    assert heard(clip).shape == (2, 48_000)


def test_the_sound_is_heard_at_its_time_and_its_pitch(tmp_path: Path):
    """The run-up of AAC moves nothing: the tone begins with the first frame, ends where it ended, and is in tune."""
    clip = rendered(tmp_path, tone(tmp_path / "tone.wav", seconds=0.5, hertz=1000))

    samples = heard(clip)

    left, right = samples
    assert level(left[: 48 * 20]) > 0.2
    assert level(left[48 * 480 : 48 * 500]) > 0.2
    assert level(left[48 * 530 :]) < 0.005
    spectrum = np.abs(np.fft.rfft(left[: 48 * 500]))
    assert np.argmax(spectrum) * 2 == pytest.approx(1000, abs=3)
    # Mono sounds on both sides, as loud as it was.
    assert level(left[48 * 100 : 48 * 400]) == pytest.approx(0.345, rel=0.03)
    assert np.abs(left - right).max() < 0.02


def test_left_and_right_stay_where_they_are(tmp_path: Path):
    samples = heard(rendered(tmp_path, tone(tmp_path / "tone.wav", seconds=1, channels=2)))

    assert level(samples[0]) > 0.3
    assert level(samples[1]) < 0.01


def test_a_sound_that_is_cut_fades_instead_of_clicking(tmp_path: Path):
    """The last samples fall to nothing; what comes before is as loud as it was."""
    samples = read_sound(tone(tmp_path / "tone.wav", seconds=3), Fraction(1))

    assert np.abs(samples[:, -48:]).max() < 0.02
    assert level(samples[:, 48 * 800 : 48 * 900]) == pytest.approx(level(samples[:, 48 * 100 : 48 * 200]), rel=0.02)


def test_a_sound_that_ends_by_itself_is_not_touched(tmp_path: Path):
    samples = read_sound(tone(tmp_path / "tone.wav", seconds=0.5), Fraction(1))

    assert level(samples[:, 48 * 490 : 48 * 499]) == pytest.approx(level(samples[:, 48 * 100 : 48 * 200]), rel=0.02)
    assert np.abs(samples[:, 48 * 501 :]).max() == 0


def test_players_find_index_first_and_sound_beside_the_pictures(tmp_path: Path):
    """A clip that is still downloading plays with its sound: at no place is one stream a second ahead of the other."""
    clip = rendered(tmp_path, tone(tmp_path / "tone.wav", seconds=5), frames=120)

    data = clip.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    reached = {"video": 0.0, "audio": 0.0}
    with av.open(str(clip)) as container:
        packets = [
            (packet.pos, packet.stream.type, float(packet.dts * packet.time_base))
            for packet in container.demux()
            if packet.size
        ]
    for _, kind, second in sorted(packets):
        reached[kind] = second
        assert abs(reached["video"] - reached["audio"]) < 1.2


def test_the_pictures_are_the_same_with_and_without_sound(tmp_path: Path):
    silent = rendered(tmp_path, None, name="silent.mp4")
    sounding = rendered(tmp_path, tone(tmp_path / "tone.wav", seconds=1))

    def pictures(clip: Path) -> list[bytes]:
        with av.open(str(clip)) as container:
            return [bytes(packet) for packet in container.demux(video=0) if packet.size]

    assert pictures(silent) == pictures(sounding)


def test_the_same_sound_gives_the_same_file(tmp_path: Path):
    audio = tone(tmp_path / "tone.wav", seconds=1)

    one, again = rendered(tmp_path, audio, name="one.mp4"), rendered(tmp_path, audio, name="again.mp4")

    assert one.read_bytes() == again.read_bytes()


def test_a_sound_that_is_gone_is_said_so_and_nothing_is_left(tmp_path: Path):
    with pytest.raises(NoClip) as raised:
        rendered(tmp_path, tmp_path / "gone.wav")

    assert raised.value.failure.code == "input_gone"
    assert "sound" in raised.value.failure.message
    assert [path.name for path in tmp_path.iterdir()] == ["picture.jpg"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a sound at all",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"#EXTM3U\nfile:///etc/hostname\n",
        b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x44\xac\0\0\x88\x58\x01\0\x02\0\x10\0data\0\0\0\0",
    ],
    ids=["empty", "text", "cut in its head", "a playlist", "no samples"],
)
def test_a_damaged_sound_is_a_sentence_and_nothing_is_left(tmp_path: Path, content: bytes):
    audio = tmp_path / "sound.wav"
    audio.write_bytes(content)

    with pytest.raises(NoClip) as raised:
        rendered(tmp_path, audio)

    assert raised.value.failure.code == "render_failed"
    assert "damaged" in raised.value.failure.message
    assert str(tmp_path) not in raised.value.failure.message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["picture.jpg", "sound.wav"]


def test_a_sound_cut_off_in_its_middle_is_used_as_far_as_it_goes(tmp_path: Path):
    audio = tone(tmp_path / "tone.wav", seconds=1)
    audio.write_bytes(audio.read_bytes()[:44_100])

    samples = read_sound(audio, Fraction(1))

    assert level(samples[:, 48 * 100 : 48 * 400]) > 0.3
    assert np.abs(samples[:, 48 * 600 :]).max() == 0

"""Sounds are brought to a clip's length, and bad ones end in one clear sentence."""

from __future__ import annotations

import io
import os
import struct
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from adapters.media.audio import prepare_audio
from adapters.media.workshop import Workshop
from bot.errors import BadInput
from tests.adapters.media.films import encoded, film, tone, wav


def prepared(tmp_path: Path, data: bytes, seconds: int = 5) -> tuple[np.ndarray, int, list[str]]:
    """Samples (one row a channel), their rate, what was changed. In this process: the sandbox is tested elsewhere."""
    source, into = tmp_path / "sound", tmp_path / "sound.wav"
    source.write_bytes(data)
    found = prepare_audio(source=str(source), into=str(into), seconds=seconds)
    with wave.open(str(into)) as file:
        assert file.getsampwidth() == 2
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels()).T
        assert found["duration_s"] == samples.shape[1] / file.getframerate()
        return samples / 32767, file.getframerate(), found["changes"]


@pytest.mark.parametrize("kind", ["wav", "mp3"])
@pytest.mark.parametrize("rate", [44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_fitting_sound_comes_out_as_the_same_sound(tmp_path: Path, kind: str, rate: int, channels: int):
    original = tone(440, 4.0, rate=rate, channels=channels)
    data = wav(original, rate) if kind == "wav" else encoded(original, rate)

    samples, out_rate, changes = prepared(tmp_path, data)

    assert (out_rate, samples.shape[0], changes) == (rate, channels, [])
    assert samples.shape[1] / rate == pytest.approx(4.0, abs=0.03)
    middle = samples[0, rate : 2 * rate]
    assert np.abs(np.fft.rfft(middle)).argmax() == 440
    assert np.abs(middle).max() == pytest.approx(0.33, abs=0.02)


def test_a_longer_sound_is_cut_to_the_clip_and_ends_softly(tmp_path: Path):
    samples, rate, changes = prepared(tmp_path, wav(tone(440, 12.0)))

    assert changes == ["cut from 12.0 s to 5.0 s"]
    assert samples.shape[1] == 5 * rate
    assert np.abs(samples[:, -20:]).max() < 0.01
    assert np.abs(samples[:, -rate // 5 : -rate // 10]).max() > 0.3


def test_a_shorter_sound_is_followed_by_silence(tmp_path: Path):
    samples, rate, changes = prepared(tmp_path, wav(tone(440, 1.2)))

    assert changes == ["padded with silence from 1.2 s to 3.0 s"]
    assert samples.shape[1] == 3 * rate
    assert np.abs(samples[:, :rate]).max() > 0.3
    assert not samples[:, round(1.2 * rate) :].any()


def test_a_sound_between_three_seconds_and_the_clip_is_left_as_long_as_it_is(tmp_path: Path):
    samples, rate, changes = prepared(tmp_path, wav(tone(440, 4.5)), seconds=10)

    assert (samples.shape[1], changes) == (round(4.5 * rate), [])


@pytest.mark.parametrize("seconds", [3.0, 30.0])
def test_the_limits_themselves_are_allowed(tmp_path: Path, seconds: float):
    _, _, changes = prepared(tmp_path, wav(tone(440, seconds, channels=1)), seconds=10)

    assert changes == ([] if seconds == 3.0 else ["cut from 30.0 s to 10.0 s"])


@pytest.mark.parametrize("rate", [8000, 22050, 32000, 96000])
def test_every_other_rate_becomes_48_khz(tmp_path: Path, rate: int):
    samples, out_rate, _ = prepared(tmp_path, wav(tone(440, 4.0, rate=rate), rate))

    assert out_rate == 48_000
    assert samples.shape[1] == pytest.approx(4 * 48_000, abs=50)
    assert np.abs(np.fft.rfft(samples[0, 48_000:96_000])).argmax() == 440


def test_six_channels_become_two(tmp_path: Path):
    samples, _, _ = prepared(tmp_path, wav(tone(440, 3.5, channels=6)))

    assert samples.shape[0] == 2


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s24le", "pcm_s32le", "pcm_f32le", "adpcm_ms"])
def test_a_wav_may_hold_its_samples_in_any_common_way(tmp_path: Path, codec: str):
    samples, _, _ = prepared(tmp_path, encoded(tone(440, 3.5), codec=codec, container="wav"))

    assert np.abs(np.fft.rfft(samples[0, 48_000:96_000])).argmax() == 440
    assert np.abs(samples).max() == pytest.approx(0.33, abs=0.03)


def test_silence_is_a_sound(tmp_path: Path):
    samples, _, changes = prepared(tmp_path, wav(np.zeros((2, 48_000 * 4), np.float32)))

    assert changes == []
    assert not samples.any()


def test_two_mp3s_glued_together_are_one_sound(tmp_path: Path):
    """With another rate and other channels in the middle."""
    data = encoded(tone(440, 2.0, rate=44100), 44100) + encoded(tone(880, 2.0, channels=1), 48000)

    samples, rate, _ = prepared(tmp_path, data)

    assert samples.shape[1] / rate == pytest.approx(4.0, abs=0.15)
    assert np.abs(np.fft.rfft(samples[0, :rate])).argmax() == 440


@pytest.mark.parametrize("said", [0, 0xFFFFFFFF, 0x7FFFFFFF, 16])
def test_what_a_wav_says_of_its_length_is_not_believed(tmp_path: Path, said: int):
    """Recorders that write to a pipe leave anything there; the samples are counted."""
    data = bytearray(wav(tone(440, 4.0)))
    at = data.index(b"data") + 4
    data[4:8] = struct.pack("<I", min(said + 36, 0xFFFFFFFF))
    data[at : at + 4] = struct.pack("<I", said)
    if said == 16:
        with pytest.raises(BadInput, match="lasts only"):
            prepared(tmp_path, bytes(data))
        return

    samples, rate, _ = prepared(tmp_path, bytes(data))

    assert samples.shape[1] / rate == pytest.approx(4.0, abs=0.01)


def test_a_picture_in_an_mp3s_tag_is_not_looked_at(tmp_path: Path):
    """However large: what is not decoded cannot harm."""
    bomb = b"\x89PNG\r\n\x1a\n" + bytes(2_000_000)
    picture = b"APIC" + struct.pack(">I", len(bomb) + 14) + bytes(2) + b"\0image/png\0\x03\0" + bomb
    size = len(picture)
    head = b"ID3\x03\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))

    samples, rate, changes = prepared(tmp_path, head + picture + encoded(tone(440, 4.0)))

    assert changes == []
    assert samples.shape[1] / rate == pytest.approx(4.0, abs=0.05)


def test_an_mp3_with_a_scratch_is_still_a_sound(tmp_path: Path):
    data = bytearray(encoded(tone(440, 4.0)))
    data[20_000:21_500] = bytes(1_500)

    samples, rate, _ = prepared(tmp_path, bytes(data))

    assert 3.0 <= samples.shape[1] / rate <= 4.1


def test_a_truncated_mp3_is_as_long_as_what_is_left_of_it(tmp_path: Path):
    data = encoded(tone(440, 8.0))

    samples, rate, _ = prepared(tmp_path, data[: len(data) // 2 + 77])

    assert samples.shape[1] / rate == pytest.approx(4.0, abs=0.2)


# --- bad sounds ---------------------------------------------------------------------------------------------------


def _film(path: Path) -> None:
    film(path, range(6), pitch=440)


def _flac(path: Path) -> None:
    path.write_bytes(encoded(tone(440, 4.0), codec="flac", container="flac"))


def _other_codec(path: Path) -> None:
    """A WAV that names video's codec for what it holds."""
    data = bytearray(wav(tone(440, 4.0)))
    data[20:22] = struct.pack("<H", 0x2000)
    path.write_bytes(data)


def _unknown_codec(path: Path) -> None:
    data = bytearray(wav(tone(440, 4.0)))
    data[20:22] = struct.pack("<H", 0x9999)
    path.write_bytes(data)


def _one_a_second(path: Path) -> None:
    data = bytearray(wav(tone(440, 4.0)))
    data[24:28] = struct.pack("<I", 1)
    path.write_bytes(data)


def _noise(head: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(head + np.random.default_rng(3).bytes(60_000))


BAD = {
    "missing": (lambda path: path.unlink(missing_ok=True), "send it again"),
    "empty": (lambda path: path.write_bytes(b""), "empty"),
    "text": (lambda path: path.write_text("not a sound"), "send a WAV or MP3"),
    "a page": (lambda path: path.write_text("<!doctype html><p>404"), "send a WAV or MP3"),
    "a playlist": (lambda path: path.write_text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n"), "send a WAV or MP3"),
    "a video named .mp3": (_film, "send a WAV or MP3"),
    "another kind of sound": (_flac, "send a WAV or MP3"),
    "a WAV of something else": (_other_codec, "send"),
    "a WAV of nobody knows what": (_unknown_codec, "send a WAV or MP3"),
    "one sample a second": (_one_a_second, "damaged"),
    "only a WAV's head": (lambda path: path.write_bytes(wav(tone(440, 1.0))[:44]), "no sound"),
    "half a WAV's head": (lambda path: path.write_bytes(wav(tone(440, 1.0))[:30]), "damaged"),
    "zero samples": (lambda path: path.write_bytes(wav(np.zeros((1, 0)))), "no sound"),
    "a click": (lambda path: path.write_bytes(wav(tone(440, 0.09))), "lasts only 0.09"),
    "31 seconds": (lambda path: path.write_bytes(wav(tone(440, 31, channels=1))), "longer than 30 seconds"),
    "only a tag": (lambda path: path.write_bytes(b"ID3\x03\0\0\0\0\x10\0" + bytes(5000)), "damaged"),
    "a tag that reaches beyond the end": (
        lambda path: path.write_bytes(b"ID3\x03\0\0\x7f\x7f\x7f\x7f" + bytes(99)),
        "damaged",
    ),
    "rubbish after an MP3's first bytes": (_noise(b"\xff\xfb\x90\x64"), "send"),
    "rubbish after a WAV's first bytes": (_noise(b"RIFF\xff\xff\xff\xffWAVE"), "send"),
    "nothing but zeros": (lambda path: path.write_bytes(bytes(100_000)), "send a WAV or MP3"),
    "too many bytes": (lambda path: path.write_bytes(bytes(15_000_001)), "15.0 MB"),
    "a folder": (Path.mkdir, "folder"),
    "a fifo": (os.mkfifo, "not an ordinary file"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_sound_ends_in_one_clear_sentence_and_leaves_nothing(tmp_path: Path, name: str):
    make, expected = BAD[name]
    source, out = tmp_path / "source", tmp_path / "out"
    out.mkdir()
    make(source)

    with pytest.raises(BadInput) as caught:
        prepare_audio(source=str(source), into=str(out / "sound.wav"), seconds=5)

    sentence = str(caught.value)
    assert expected in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 200
    assert str(tmp_path) not in sentence
    assert list(out.iterdir()) == []


async def test_a_sound_is_prepared_in_a_process_of_its_own(tmp_path: Path):
    source = tmp_path / "sound.mp3"
    source.write_bytes(encoded(tone(440, 6.0)))

    found = await Workshop().prepare_audio(source, 5, tmp_path / "sound.wav")

    assert (found.path, found.duration_s, found.content_type) == (tmp_path / "sound.wav", 5.0, "audio/wav")
    assert found.changes == ("cut from 6.0 s to 5.0 s",)


async def test_a_bad_sound_is_called_a_sound_by_the_sandbox_too(tmp_path: Path):
    with pytest.raises(BadInput, match="The sound"):
        await Workshop().prepare_audio(tmp_path / "nothing", 5, tmp_path / "sound.wav")


def test_no_tag_of_the_source_is_left(tmp_path: Path):
    """A WAV of samples and nothing else: no names, no software, no place."""
    source = tmp_path / "sound"
    data = wav(tone(440, 4.0))
    note = b"LIST" + struct.pack("<I", 24) + b"INFOICMT" + struct.pack("<I", 12) + b"a secret one"
    source.write_bytes(data + note)

    prepare_audio(source=str(source), into=str(tmp_path / "sound.wav"), seconds=5)

    out = (tmp_path / "sound.wav").read_bytes()
    assert b"secret" not in out
    assert len(out) == 44 + io.BytesIO(data).getbuffer().nbytes - 44

"""Whatever is sent for a picture ends in a plain JPEG or in one clear sentence, in bounded memory, and alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from adapters.media.images import prepare
from adapters.media.processes import worker_command, worker_environment
from adapters.media.workshop import Workshop
from bot.errors import BadInput
from bot.ports import ImageLimits
from tests.adapters.media import hostile
from tests.adapters.media.hostile import BOMBS, ODD, POLYGLOTS, STRANGERS, small

WAN = ImageLimits(min_side=360, max_side=2000, max_bytes=9_500_000)
MOST_MB = 700
"""The largest pictures that are taken, 49 megapixels with alpha or of 16 bits, need 830; a bomb stays below."""
KINDS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIC")


def assert_is_a_fit_sentence(sentence: str, folder: Path) -> None:
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 200
    assert str(folder) not in sentence
    assert not re.search(r"Traceback|Error|Exception|errno|\b0x|None", sentence)


def assert_is_a_plain_jpeg(path: Path) -> None:
    image = Image.open(path)
    image.load()
    assert (image.format, image.mode) == ("JPEG", "RGB")
    assert WAN.min_side <= min(image.size) <= max(image.size) <= WAN.max_side
    assert not {"exif", "icc_profile", "comment", "xmp"} & set(image.info)
    assert path.read_bytes().endswith(b"\xff\xd9")


async def prepared(tmp_path: Path, make: hostile.Make) -> str | None:
    """The sentence that refuses it, or `None` where it became a picture."""
    source, out = tmp_path / "source.png", tmp_path / "out"
    out.mkdir()
    make(source)
    try:
        await Workshop().prepare_image(source, WAN, out / "picture.jpg")
    except BadInput as error:
        assert list(out.iterdir()) == []
        assert_is_a_fit_sentence(str(error), tmp_path)
        return str(error)
    assert [path.name for path in out.iterdir()] == ["picture.jpg"]
    assert_is_a_plain_jpeg(out / "picture.jpg")
    return None


BESIDE = """
import json, os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
said = child.stdout.read().decode()
usage = os.wait4(child.pid, 0)[2]
print(said.strip())
print(json.dumps({"megabytes": usage.ru_maxrss / 1024, "seconds": usage.ru_utime + usage.ru_stime}))
"""
"""Runs a worker, and says what it said and took. Small itself: a child's peak begins with what its parent holds."""


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_takes_no_more_than_a_picture_would(tmp_path: Path, name: str):
    """In the worker that the workshop starts, with its limits; what it took at its peak is what the system says."""
    source, into = tmp_path / "source", tmp_path / "picture.jpg"
    BOMBS[name](source)
    arguments = {"source": str(source), "into": str(into), "min_side": 360, "max_side": 2000, "max_bytes": 9_500_000}
    task = json.dumps({"arguments": arguments, "memory_bytes": 2 * 1024**3, "cpu_s": 60})
    command = worker_command("adapters.media.worker", "prepare_image", task)

    ran = subprocess.run(
        [sys.executable, "-I", "-c", BESIDE, *command], capture_output=True, check=True, env=worker_environment()
    )
    said, usage = map(json.loads, ran.stdout.splitlines())

    assert usage["megabytes"] <= MOST_MB
    assert usage["seconds"] <= 20, "of the 60 seconds after which it would have been killed"
    if "answer" in said:
        assert_is_a_plain_jpeg(into)
    else:
        assert said["error"] == "bad_input"
        assert_is_a_fit_sentence(said["message"], tmp_path)
        assert not into.exists()


@pytest.mark.parametrize("name", POLYGLOTS)
async def test_of_a_picture_that_is_something_else_too_only_the_picture_is_left(tmp_path: Path, name: str):
    assert await prepared(tmp_path, POLYGLOTS[name]) is None

    data = (tmp_path / "out" / "picture.jpg").read_bytes()
    assert b"alert" not in data
    assert b"PK\x03\x04" not in data
    assert b"script" not in data


@pytest.mark.parametrize("name", STRANGERS)
async def test_a_file_of_another_kind_is_refused_whatever_its_name_says(tmp_path: Path, name: str):
    sentence = await prepared(tmp_path, STRANGERS[name])

    assert sentence is not None
    assert sentence.startswith("This file is not a picture Reelbot can read: send a ")


@pytest.mark.parametrize("name", ODD)
async def test_an_odd_file_is_a_picture_or_one_sentence(tmp_path: Path, name: str):
    await prepared(tmp_path, ODD[name])


@pytest.mark.parametrize(
    "name", ["a PNG of 16 bits, interlaced", "a phone's moving picture", "a JPEG with an EXIF bomb"]
)
async def test_what_phones_and_programs_really_write_is_taken(tmp_path: Path, name: str):
    """A guard that refuses good pictures is broken, too."""
    assert await prepared(tmp_path, ODD[name]) is None


def test_no_postscript_is_ever_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Pillow hands EPS files to another program where it may: the list of what we take keeps it from looking."""
    source = tmp_path / "picture.png"
    source.write_bytes(hostile.EPS)
    started: list[object] = []
    monkeypatch.setattr(subprocess, "Popen", lambda *arguments, **options: started.append(arguments))

    with pytest.raises(BadInput, match="not a picture"):
        prepare(source=str(source), into=str(tmp_path / "out.jpg"), min_side=16, max_side=2000, max_bytes=9_500_000)

    assert started == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_breaks_off_anywhere_is_refused_in_one_sentence(tmp_path: Path, kind: str):
    """Unless all its pixels are there and only an end mark is missing."""
    data = small(kind)
    source, into = tmp_path / "source", tmp_path / "picture.jpg"
    refused = 0
    for tenth in range(1, 20):
        source.write_bytes(data[: len(data) * tenth // 20])
        try:
            prepare(source=str(source), into=str(into), min_side=360, max_side=2000, max_bytes=9_500_000)
        except BadInput as error:
            assert_is_a_fit_sentence(str(error), tmp_path)
            refused += 1
        else:
            assert_is_a_plain_jpeg(into)
            into.unlink()

    assert refused >= 18

"""Fitting a clip below a limit: processor time beside one plain x264 pass, and how near to the limit it lands.

    python -m benchmarks.fitting [--rounds 2] [--seconds 10]

Ten seconds of 1080p with sound are brought to 10 MB by `adapters.media.fitting.fit`, and by one plain pass of PyAV at
the same preset: the same decoder, one thread, `b = limit·8·0.94/seconds − audio`, `maxrate = bufsize = b`, AAC, the
index in front. The two take turns (A B A B …), each as a whole child process, whose user and system time is counted with
`os.wait4`.

Where it lands is told for four kinds of picture, each fitted to 10 MB or, where it is not twice as large as that, to
half its own size: noise (every pixel new in every frame), motion (a still of 1/f noise under a moving camera, with
film grain), text that scrolls, and smooth waves. A clip that a coarser quantiser cannot use more bits for stays below.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from adapters.media import fitting
from adapters.media.fitting import PRESET, fit
from adapters.media.processes import worker_environment
from benchmarks.table import Row, median, show

SIZE = (1920, 1080)
FPS = 24
LIMIT = 10_000_000
KINDS = ("motion", "noise", "text", "smooth")

# --- the clips ----------------------------------------------------------------------------------------------------


def draw(kind: str, frames: int) -> Iterator[np.ndarray]:
    """Frames as yuv420p planes below each other."""
    width, height = SIZE
    rng = np.random.default_rng(1)
    flat = np.full((height * 3 // 2, width), 128, np.uint8)
    if kind == "noise":
        pool = [rng.integers(0, 256, flat.shape, dtype=np.uint8) for _ in range(12)]
        for number in range(frames):
            yield np.roll(pool[number % 12], 7 * number, axis=1)
    elif kind == "smooth":
        rows, columns = np.mgrid[0 : flat.shape[0], 0:width].astype(np.float32)
        for number in range(frames):
            waves = np.sin(columns / 200 + number / 20) + np.cos(rows / 150 - number / 15)
            yield (waves * 50 + 128).astype(np.uint8)
    elif kind == "text":
        page = Image.new("L", (width, height * 3), 30)
        pen, font = ImageDraw.Draw(page), ImageFont.load_default(28)
        for line in range(height * 3 // 34):
            pen.text((20, line * 34), f"Reelbot turns a picture into a clip {line} " * 3, fill=220, font=font)
        pixels = np.asarray(page)
        for number in range(frames):
            flat[:height] = pixels[number * 5 % (2 * height) :][:height]
            yield flat
    else:
        frequency = np.hypot(np.fft.fftfreq(height * 2)[:, None], np.fft.fftfreq(width * 2)[None, :])
        frequency[0, 0] = 1
        field = np.real(np.fft.ifft2(np.fft.fft2(rng.standard_normal((height * 2, width * 2))) / frequency))
        still = np.clip(128 + 45 * field / field.std(), 0, 255).astype(np.int16)
        grain = [rng.integers(-6, 7, (height, width), dtype=np.int16) for _ in range(8)]
        for number in range(frames):
            left, top = int((1 + np.sin(number / 40)) * width / 3), int((1 + np.cos(number / 50)) * height / 3)
            part = still[top : top + height, left : left + width] + grain[number % 8]
            flat[:height] = np.clip(part, 0, 255)
            yield flat


def make(kind: str, seconds: int, into: Path) -> None:
    """A clip far too large, with two channels of noise."""
    with av.open(str(into), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        video.codec_context.options = {"preset": "ultrafast", "crf": "12"}
        sound = container.add_stream("aac", rate=48_000)
        sound.codec_context.layout = "stereo"
        for number, planes in enumerate(draw(kind, seconds * FPS)):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        samples = np.random.default_rng(2).normal(0, 0.1, (2, 48_000 * seconds)).astype(np.float32)
        for at in range(0, samples.shape[1], 1024):
            piece = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[:, at : at + 1024]), "fltp", "stereo")
            piece.sample_rate, piece.pts, piece.time_base = 48_000, at, Fraction(1, 48_000)
            container.mux(sound.encode(piece))
        container.mux(sound.encode(None))


# --- the two sides ------------------------------------------------------------------------------------------------


def plain(source: Path, into: Path, limit: int) -> None:
    """One pass as anybody would write it, inside its child process."""
    with (
        av.open(str(source)) as clip,
        av.open(str(into), "w", format="mp4", options={"movflags": "+faststart"}) as container,
    ):
        pictures, heard = clip.streams.video[0], clip.streams.audio[0]
        pictures.codec_context.thread_count = 1
        rate = round(limit * 8 * 0.94 / (clip.duration / av.time_base)) - 128_000
        video = container.add_stream("libx264", rate=pictures.average_rate)
        video.width, video.height, video.pix_fmt = pictures.width, pictures.height, "yuv420p"
        video.codec_context.bit_rate = rate
        options = {"preset": PRESET, "maxrate": str(rate), "bufsize": str(rate), "x264-params": "threads=1"}
        video.codec_context.options = options
        sound = container.add_stream("aac", rate=48_000)
        sound.codec_context.layout, sound.codec_context.bit_rate = "stereo", 128_000
        for packet in clip.demux(pictures, heard):
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    frame.pict_type = 0
                    container.mux(video.encode(frame))
                else:
                    container.mux(sound.encode(frame))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))


def _self(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "benchmarks.fitting", "--side", *map(str, arguments)]


def spend(command: list[str]) -> tuple[float, float]:
    """Processor seconds and megabytes of a child process, the interpreter included."""
    child = subprocess.Popen(command, env=worker_environment(), cwd=Path(__file__).resolve().parents[1])
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{command[4]} ended with status {child.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


# --- the report ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """Where one kind of picture came down."""

    kind: str
    share: float
    """Of the limit."""
    passes: int

    def __str__(self) -> str:
        return f"{self.kind} {self.share:.1%}"


def landing(kind: str, source: Path, into: Path) -> Landing:
    limit = min(LIMIT, source.stat().st_size // 2)
    found = json.loads(subprocess.check_output(_self("answer", source, into, str(limit)), env=worker_environment()))
    return Landing(kind=kind, share=found["size_bytes"] / limit, passes=found["passes"])


def counted(source: str, into: str, limit: int) -> dict[str, object]:
    """What `fit` answers, and how many passes it took."""
    encode, passes = fitting._encode, []

    def one_more(*arguments):
        passes.append(None)
        return encode(*arguments)

    fitting._encode = one_more
    return {**fit(clip=source, into=into, max_bytes=limit), "passes": len(passes)}


def measure(rounds: int, seconds: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        landings, own, theirs, memory = [], [], [], 0.0
        for kind in KINDS:
            source, into = folder / "source.mp4", folder / "fitted.mp4"
            spend(_self("make", kind, str(seconds), source))
            landings.append(landing(kind, source, into))
            if kind != "motion":
                continue
            limit = str(min(LIMIT, source.stat().st_size // 2))
            for _ in range(rounds):
                cpu, rss = spend(_self("fit", source, into, limit))
                own.append(cpu)
                memory = max(memory, rss)
                theirs.append(spend(_self("plain", source, into, limit))[0])
            over = into.stat().st_size / int(limit)
    ratio = median(own) / median(theirs)
    worst = max(found.share for found in landings)
    return [
        Row(
            what=f"fitting {seconds} s of 1080p to 10 MB, CPU beside one plain x264 pass at the same preset ({PRESET})",
            measured=f"{ratio:.2f}x ({median(own):.1f} s against {median(theirs):.1f} s; {memory:.0f} MB)",
            reach="≤ 1.1x",
            reached=ratio <= 1.1,
        ),
        Row(
            what="where it lands, of the limit, and in how many passes",
            measured=f"{', '.join(map(str, landings))}; {max(each.passes for each in landings)} pass at most "
            f"(the plain pass, motion: {over:.1%})",
            reach="≤ 100 %, motion ≥ 95 %",
            reached=worst <= 1 and landings[0].share >= 0.95,
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="only the rows of the table, for `python -m benchmarks`")
    parser.add_argument("--side", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    match options.side:
        case ["make", kind, seconds, into]:
            make(kind, int(seconds), Path(into))
        case ["plain", source, into, limit]:
            plain(Path(source), Path(into), int(limit))
        case ["fit", source, into, limit]:
            fit(clip=source, into=into, max_bytes=int(limit))
        case ["answer", source, into, limit]:
            print(json.dumps(counted(source, into, int(limit))))
        case _:
            rows = measure(options.rounds, options.seconds)
            print(json.dumps([asdict(row) for row in rows]) if options.json else show(rows))


if __name__ == "__main__":
    main()

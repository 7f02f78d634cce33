"""The local renderer beside ffmpeg's zoompan: processor time, and how smooth the camera truly is.

    python -m benchmarks.renderer [--rounds 3] [--moves zoom-in pan-left orbit …] [--no-jitter]

Both sides make the same five seconds: 120 frames of 720p from one 2400x1350 picture, x264 veryfast crf 18, one thread.
zoompan gets the usual cure for its jitter, the picture enlarged four times, once, from one input frame. The two take
turns (A B A B …), each as a whole child process, whose user and system time is counted with `os.wait4`. With no
`ffmpeg` in the path the same filter graph runs inside PyAV, and the table says so.

Jitter and sharpness are measured in the decoded file against the ideal frame rendered from the source; how, says
`benchmarks/jitter.py`. Only ratios and pixels mean something.

zoompan's cost falls with the zoom (it resamples the enlarged view of every frame), ours does not: the ratio differs by
move, and the worst one is the one to quote. Any move can be named; `-corner` after it is the same with the lower left
as its focus.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from adapters.media.processes import worker_environment
from adapters.providers.local.camera import Shot, View, view_at
from adapters.providers.local.renderer import framing, render
from benchmarks.jitter import Steadiness
from benchmarks.jitter import measure as look_at
from benchmarks.table import Row

PICTURE = (2400, 1350)
OUTPUT = (1280, 720)
FRAMES = 120


def shot_of(move: str) -> Shot:
    """The move of both sides; `zoom-in-corner` closes in on a part somebody named."""
    focus = (1 / 6, 5 / 6) if move.endswith("-corner") else None
    return Shot(move=move.removesuffix("-corner"), strength="medium", seed=3, focus=focus)


def path_of(move: str) -> Callable[[int], View]:
    """Where the camera of both sides is, frame by frame."""
    path = shot_of(move).path(framing(PICTURE, OUTPUT).stage)
    return lambda frame: view_at(path, frame, FRAMES)


# --- the picture --------------------------------------------------------------------------------------------------


def draw_picture(into: Path, size: tuple[int, int] = PICTURE) -> None:
    """1/f noise, shapes, text and a smooth area: something of everything that shows jitter."""
    rng = np.random.default_rng(1)
    width, height = size
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    frequency[0, 0] = 1
    bands = []
    for _ in range(3):
        spectrum = np.fft.fft2(rng.standard_normal((height, width))) / frequency
        band = np.real(np.fft.ifft2(spectrum))
        bands.append(128 + 40 * band / band.std())
    image = Image.fromarray(np.clip(np.stack(bands, axis=-1), 0, 255).astype(np.uint8))
    unit = width / PICTURE[0]
    draw = ImageDraw.Draw(image)
    for _ in range(40):
        x, y = rng.integers(0, width), rng.integers(0, height)
        side = unit * rng.integers(20, 160)
        colour = tuple(int(level) for level in rng.integers(0, 256, 3))
        (draw.ellipse if rng.random() < 0.5 else draw.rectangle)((x, y, x + side, y + side), fill=colour)
    font = ImageFont.load_default(42 * unit)
    for line in range(12):
        place = (int(rng.integers(0, width // 4 * 3)), (60 + line * 105) * unit)
        draw.text(place, "Reelbot turns a picture into a clip", fill="white", font=font)
    ramp = np.linspace(60, 200, round(500 * unit))[None, :, None].repeat(round(300 * unit), axis=0).repeat(3, axis=2)
    image.paste(Image.fromarray(ramp.astype(np.uint8)), (round(1750 * unit), round(950 * unit)))
    image.save(into, "JPEG", quality=95, subsampling=0)


# --- the two sides ------------------------------------------------------------------------------------------------


def zoompan_filter(move: str, enlarged: int) -> str:
    """The same path as zoompan expressions: piecewise, because its language knows no tables."""
    view = path_of(move)
    knots = list(range(FRAMES))

    def table(value: Callable[[View], float]) -> str:
        # A balanced tree of comparisons: seven of them a frame.
        def tree(low: int, high: int) -> str:
            if high - low == 1:
                return f"{value(view(knots[low])):.9f}"
            middle = (low + high) // 2
            return f"if(lt(on,{middle}),{tree(low, middle)},{tree(middle, high)})"

        return tree(0, FRAMES)

    zoom = table(lambda seen: seen.zoom)
    x = f"iw*({table(lambda seen: seen.x - 0.5 / seen.zoom)})"
    y = f"ih*({table(lambda seen: seen.y - 0.5 / seen.zoom)})"
    size = f"{PICTURE[0] * enlarged}:{PICTURE[1] * enlarged}"
    return (
        # 4:2:0 from the start, as the clip will be: the cheapest way for zoompan, so the fairest.
        f"format=yuv420p,scale={size}:flags=bicubic,"
        f"zoompan=z='{zoom}':x='{x}':y='{y}':d={FRAMES}:s={OUTPUT[0]}x{OUTPUT[1]}:fps=24"
    )


def ours(picture: Path, into: Path, move: str) -> None:
    """Side A, inside its child process."""
    render(picture=picture, into=into, shot=shot_of(move), resolution="720p", frames=FRAMES)


def zoompan_in_pyav(picture: Path, into: Path, move: str, enlarged: int) -> None:
    """Side B without an ffmpeg binary, inside its child process."""
    graph = av.filter.Graph()
    with av.open(str(picture)) as source:
        still = next(source.decode(video=0))
    buffer = graph.add_buffer(
        width=still.width, height=still.height, format=still.format.name, time_base=Fraction(1, 24)
    )
    last = buffer
    before, _, zoompan = zoompan_filter(move, enlarged).partition(",zoompan=")
    for part in (*before.split(","), f"zoompan={zoompan}"):
        name, _, arguments = part.partition("=")
        node = graph.add(name, arguments)
        last.link_to(node)
        last = node
    sink = graph.add("buffersink")
    last.link_to(sink)
    graph.configure()
    buffer.push(still)
    buffer.push(None)
    with av.open(str(into), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = *OUTPUT, "yuv420p"
        stream.codec_context.options = {"preset": "veryfast", "crf": "18", "x264-params": "threads=1:keyint=250"}
        for number in range(FRAMES):
            frame = sink.pull()
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def zoompan_command(picture: Path, into: Path, move: str, enlarged: int) -> list[str]:
    """Side B: ffmpeg where it is there, else this script with PyAV."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        return _self("zoompan", picture, into, move, str(enlarged))
    return [
        *(ffmpeg, "-nostdin", "-loglevel", "error", "-y", "-filter_threads", "1", "-i", str(picture)),
        *("-vf", zoompan_filter(move, enlarged), "-frames:v", str(FRAMES)),
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-threads", "1", "-movflags", "+faststart"),
        str(into),
    ]


def _self(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "benchmarks.renderer", "--side", *map(str, arguments)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one child process took."""

    cpu_s: float
    rss_mb: float


def spend(command: list[str]) -> Spent:
    """Run a child process to its end; its processor time includes everything, the interpreter too."""
    child = subprocess.Popen(command, env=worker_environment(), cwd=Path(__file__).resolve().parents[1])
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{command[0]} ended with status {child.returncode}")
    scale = 1024**2 if sys.platform == "darwin" else 1024
    return Spent(cpu_s=usage.ru_utime + usage.ru_stime, rss_mb=usage.ru_maxrss / scale)


# --- the report ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One way of making the clip."""

    name: str
    cpu_s: tuple[float, ...]
    rss_mb: float
    kilobytes: int
    jitter_px: float | None
    sharpness: float | None
    breathing: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One move made both ways; ours first."""

    move: str
    baseline: str
    sides: tuple[Side, Side]

    @property
    def cpu_ratio(self) -> float:
        """Medians, ours to zoompan."""
        ours, zoompan = (statistics.median(side.cpu_s) for side in self.sides)
        return round(ours / zoompan, 3)


def measure(rounds: int, move: str, *, with_jitter: bool) -> Comparison:
    """Make the move in turns and measure both sides."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.jpg"
        # In children too, as the jitter below: what this process has in memory would count as theirs.
        spend(_self("picture", picture))
        clips = {name: Path(folder) / f"{name}.mp4" for name in ("ours", "zoompan")}
        commands = {
            "ours": _self("ours", picture, clips["ours"], move),
            "zoompan": zoompan_command(picture, clips["zoompan"], move, 4),
        }
        spent: dict[str, list[Spent]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                spent[name].append(spend(command))

        def side(name: str) -> Side:
            # swscale, which both baselines use, converts by BT.601 unless told otherwise.
            matrix = "709" if name == "ours" else "601"
            command = _self("jitter", picture, clips[name], move, matrix)
            found = Steadiness(**json.loads(subprocess.check_output(command))) if with_jitter else None
            return Side(
                name=name,
                cpu_s=tuple(round(run.cpu_s, 2) for run in spent[name]),
                rss_mb=round(max(run.rss_mb for run in spent[name])),
                kilobytes=clips[name].stat().st_size // 1000,
                jitter_px=None if found is None else round(found.jitter_px, 4),
                sharpness=None if found is None else round(found.sharpness, 3),
                breathing=None if found is None else round(found.breathing, 3),
            )

        baseline = "ffmpeg" if shutil.which("ffmpeg") else "pyav"
        return Comparison(move=move, baseline=baseline, sides=(side("ours"), side("zoompan")))


def rows(results: Sequence[Comparison]) -> list[Row]:
    """The worst move counts."""
    worst = max(results, key=lambda found: found.cpu_ratio)
    mine, theirs = worst.sides
    jitters = [found.sides[0].jitter_px or 0.0 for found in results]
    others = [found.sides[1].jitter_px or 0.0 for found in results]
    sharp = [found.sides[0].sharpness or 0.0 for found in results]
    return [
        Row(
            what=f"`local` renderer, 720p 5 s, CPU beside {worst.baseline}'s zoompan ({', '.join(f.move for f in results)})",
            measured=f"{worst.cpu_ratio:.2f}x ({statistics.median(mine.cpu_s):.1f} s against "
            f"{statistics.median(theirs.cpu_s):.1f} s, {worst.move})",
            reach="≤ 0.6x",
            reached=worst.cpu_ratio <= 0.6,
        ),
        Row(
            what="its camera path, measured from the decoded frames",
            measured=f"smooth to {max(jitters):.3f} px (zoompan so: {min(others):.3f}–{max(others):.3f} px); "
            f"sharpness {min(sharp):.2f}–{max(sharp):.2f} of Lanczos without compression",
            reach="≤ 0.06 px",
            reached=max(jitters) <= 0.06,
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--moves", nargs="+", default=["zoom-in", "pan-left", "orbit", "zoom-in-corner"])
    parser.add_argument("--no-jitter", action="store_true")
    parser.add_argument("--json", action="store_true", help="only the rows of the table, for `python -m benchmarks`")
    parser.add_argument("--side", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        side, picture, *rest = options.side
        if side == "picture":
            draw_picture(Path(picture))
            return
        into, move, *rest = rest
        if side == "jitter":
            print(json.dumps(asdict(look_at(Path(into), Path(picture), shot_of(move), bt709=rest[0] == "709"))))
        elif side == "ours":
            ours(Path(picture), Path(into), move)
        else:
            zoompan_in_pyav(Path(picture), Path(into), move, int(rest[0]))
        return
    results = [measure(options.rounds, move, with_jitter=not options.no_jitter) for move in options.moves]
    if options.json:
        print(json.dumps([asdict(row) for row in rows(results)]))
        return
    print(
        f"{'move':16}{'':10}{'cpu s (each round)':>28}{'rss MB':>9}{'KB':>8}{'jitter px':>11}"
        f"{'sharp':>8}{'breathing':>11}{'ratio':>8}"
    )
    for found in results:
        for side in found.sides:
            runs = " ".join(f"{seconds:.2f}" for seconds in side.cpu_s)
            looks = (
                (f"{side.jitter_px:11.4f}{side.sharpness:8.3f}{side.breathing:11.3f}")
                if side.jitter_px is not None
                else ""
            )
            ratio = f"{found.cpu_ratio:.2f}" if side.name == "ours" else ""
            print(f"{found.move:16}{side.name:10}{runs:>28}{side.rss_mb:>9.0f}{side.kilobytes:>8}{looks:30}{ratio:>8}")
    print("reach: ratio at most 0.60, jitter of ours at most 0.06 px")
    print(json.dumps([asdict(found) | {"cpu_ratio": found.cpu_ratio} for found in results]))


if __name__ == "__main__":
    main()

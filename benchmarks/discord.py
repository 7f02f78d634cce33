"""Discord: how soon a command is acknowledged under load, and what that costs; what uploads and old buttons hold in memory.

python -m benchmarks.discord
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.discord_buttons import pressing
from benchmarks.discord_line import a_file, a_line
from benchmarks.discord_stage import TOKEN, Answered, Patient, Stage, a_patient, a_stage, stopwatch
from benchmarks.discord_upload import uploading
from benchmarks.table import Row, median, play
from tests.emulators.processes import VendorProcess, vendor_emulator

COMMANDS = 100
A_SECOND = 3.0
TRANSFERS = 16
PACE_MB = 4.0
"""Megabytes a second of each transfer: all of them together fill a line of 512 Mbit/s."""
CLIP_BYTES = 25_000_000
POLLED = 300
WARM_UP = 10
STORM = "a storm [takes:2][no-webhook]"
ROUNDS = 3
IN_A_ROUND = 60
PATIENCE_S = 60.0


@dataclass(slots=True)
class Seen:
    """What the busy Reelbot did."""

    answers: list[Answered] = field(default_factory=list)
    polls_a_second: float = 0.0
    cpu_share: float = 0.0


async def busy(folder: Path, service: VendorProcess, line: str) -> Seen:
    """Commands at random moments, beside transfers that never end and renders that are polled each second."""
    data_dir, rng, seen = folder / "data", random.Random(6), Seen()
    async with a_stage(folder / "discord", data_dir) as stage:
        about = {"data_dir": data_dir, "url": stage.url, "token": TOKEN, "service": service.url, "line": line}
        async with a_patient("reelbot", transfers=TRANSFERS, **about) as reelbot:
            await asyncio.wait_for(stage.quiet.ready.wait(), PATIENCE_S)
            await reelbot.ask(f"order {POLLED}")
            await until_rendering(reelbot, POLLED)
            for number in range(WARM_UP):
                await stage.command(number, STORM)
            polls, cpu, begun = await asyncio.to_thread(service.counts), reelbot.cpu_s(), time.monotonic()
            asked = []
            for number in range(COMMANDS):
                await asyncio.sleep(rng.expovariate(A_SECOND))
                asked.append(asyncio.create_task(stage.command(number, STORM)))
            seen.answers = list(await asyncio.gather(*asked))
            lasted = time.monotonic() - begun
            seen.polls_a_second = (
                (await asyncio.to_thread(service.counts)).get("poll", 0) - polls.get("poll", 0)
            ) / lasted
            seen.cpu_share = (reelbot.cpu_s() - cpu) / lasted
            if broken := await reelbot.ask("moving"):
                raise RuntimeError(f"{len(broken)} of {TRANSFERS} transfers ended: {broken[0]}")
        stage.require_good()
    return seen


async def until_rendering(reelbot: Patient, count: int) -> None:
    """Wait until so many renders are in flight."""
    deadline = time.monotonic() + PATIENCE_S
    while await reelbot.ask("rendering") < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not {count} renders in flight")
        await asyncio.sleep(0.5)


async def alone(folder: Path) -> tuple[dict[str, list[float]], list[Answered]]:
    """Milliseconds of CPU of one command after the other, of Reelbot's front end and of a bare handler in turns."""
    taken: dict[str, list[float]] = {"ours": [], "bare": []}
    answers: list[Answered] = []
    data_dir = folder / "data"
    async with a_stage(folder / "ours", data_dir) as mine, a_stage(folder / "theirs") as theirs:
        ours = a_patient("reelbot", data_dir=data_dir, url=mine.url, token=TOKEN)
        bare = a_patient("bare", url=theirs.url, gateway=theirs.gateway.url, token=TOKEN)
        async with ours as reelbot, bare as other:
            await asyncio.wait_for(mine.quiet.ready.wait(), PATIENCE_S)
            both: tuple[tuple[str, Stage, Patient], ...] = (("ours", mine, reelbot), ("bare", theirs, other))
            for number in range(1 + ROUNDS):
                for name, stage, patient in both:
                    with stopwatch(patient, taken[name], IN_A_ROUND):
                        for each in range(IN_A_ROUND):
                            answered = await stage.command(each, "a storm")
                            if name == "ours" and number:
                                answers.append(answered)
        mine.require_good()
    # The first round warms up.
    return {name: values[1:] for name, values in taken.items()}, answers


def p99(values: list[float]) -> float:
    """The value that one in a hundred exceeds."""
    return sorted(values)[max(0, -(-len(values) * 99 // 100) - 1)]


def acknowledging() -> list[Row]:
    """The rows about commands."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in ("busy", "alone"):
            (folder / each).mkdir()
        clip = a_file(folder / "clip.mp4", CLIP_BYTES)
        with vendor_emulator(folder, "wavespeed", clips="magic") as service, a_line(clip, PACE_MB) as line:
            seen = asyncio.run(busy(folder / "busy", service, line))
        taken, answers = asyncio.run(alone(folder / "alone"))
    took = [each.took_s * 1000 for each in seen.answers]
    late = sum(each.kind != "message" for each in seen.answers)
    stored = sum(each.is_stored for each in seen.answers)
    ours, bare = median(taken["ours"]), median(taken["bare"])
    idle = median([each.took_s * 1000 for each in answers])
    return [
        Row(
            what=f"acknowledging `/animate` on Discord, from the gateway's socket to the card, its row committed, beside "
            f"{TRANSFERS} transfers and {seen.polls_a_second:.0f} polls/s",
            measured=(
                f"p99 {p99(took):.0f} ms, median {median(took):.0f} ms, longest {max(took):.0f} ms of {len(took)} at "
                f"{A_SECOND:.0f}/s; {stored} rows there before the answer, {late} promised first; "
                f"{seen.cpu_share:.0%} of a core"
            ),
            reach="p99 < 100 ms",
            reached=p99(took) < 100 and stored == len(took) and not late,
        ),
        Row(
            what="CPU of one command in the role `discord` alone (row, card, the picture copied), beside a bare discord.py handler that answers a constant",
            measured=f"{ours / bare:.1f}x ({ours:.2f} ms against {bare:.2f} ms; alone it takes {idle:.1f} ms)",
        ),
    ]


def measure() -> list[Row]:
    return [*acknowledging(), *uploading(), *pressing()]


if __name__ == "__main__":
    play(measure)

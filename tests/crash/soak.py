"""All of it, many times: `python -m tests.crash.soak [N]`.

Every story killed at every point it passes, N random seeds, every power cut of three stories, and every mutation, which
has to be noticed. Prints a table; exits 1 on any violation, or when a mutation stays green.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from tests.crash.mutations import MUTATIONS
from tests.crash.patient import Kill
from tests.crash.plan import StoryDidNotHappen, all_kills, record
from tests.crash.power import cuts, play_until_the_end, restart_after
from tests.crash.seeds import live_through_a_seed
from tests.crash.stage import Zygote, kill_and_restart, prepare_template, staged
from tests.crash.stories import DISCORD_STORIES, SLACK_STORIES, STORIES, VENDOR_STORIES, Story
from tests.postgres import PostgresServer

POWER_CUTS = ("plain", "lost answer", "post unanswered")
TELLING = {
    "write-after-send": ("plain", "lost answer"),
    "release-on-read-timeout": ("lost answer",),
    "resubmit-on-submitting": ("plain",),
    "post-without-checkpoint": ("plain",),
    "settle-the-quote": ("dearer than quoted",),
}
"""Where each mutation has to show."""

Case = Callable[[Zygote, Path], list[str]]


@dataclass
class Tally:
    """What came of one kind of case."""

    cases: int = 0
    seconds: float = 0.0
    violations: Counter[str] = field(default_factory=Counter)
    """By the promise that was broken; a case may break several."""
    examples: list[str] = field(default_factory=list)

    def add(self, name: str, findings: list[str]) -> None:
        """Count one case."""
        self.cases += 1
        self.violations.update({finding.partition(":")[0] for finding in findings})
        self.examples.extend(f"{name}: {finding}" for finding in findings)


def first_red(zygote: Zygote, folder: Path, mutation: str) -> str | None:
    """The first kill under which a mutation is noticed; `None` when it gets away with everything where it should show."""
    for story in (story for name in TELLING[mutation] for story in STORIES if story.name == name):
        for kill in (None, *all_kills(record(zygote, folder / "recording", story))):
            if kill is None:
                with staged(zygote, folder / "stage", story) as stage:
                    findings = stage.run_to_the_end(mutation=mutation)
            else:
                findings = kill_and_restart(zygote, folder / "stage", story, kill, mutation=mutation)
            if findings:
                where = f"killed at {kill.point} #{kill.occurrence}" if kill else "never killed"
                return f"{story.name}, {where}: {findings[0]}"
    return None


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.soak")
    parser.add_argument("seeds", nargs="?", type=int, default=20, help="random seeds to live through")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="cases at once")
    parser.add_argument("--every", type=int, default=1, help="kill at every n-th point only, beginning anywhere")
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL, with the engine of many workers")
    parser.add_argument("--only", choices=("points", "seeds", "power", "mutations"))
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="reelbot-crash-") as folder,
        _crew(Path(folder), options.jobs, on_server=options.postgres) as crew,
    ):
        kinds = {
            "points": lambda: _points(crew, options.every),
            "seeds": lambda: _seeds(crew, range(options.first_seed, options.first_seed + options.seeds)),
            "power": lambda: _power(crew),
        }
        if options.postgres:
            # The cuts are made in SQLite's own files, and the mutations where SQLite's patients live.
            del kinds["power"]
            options.only = options.only or "points"
        tallies = {kind: run() for kind, run in kinds.items() if options.only in (None, kind)}
        caught = _mutations(crew) if options.only in (None, "mutations") else {}
    return _report(tallies, caught)


class Crew:
    """Zygotes with a folder each; runs cases side by side."""

    def __init__(self, folder: Path, jobs: int, server: PostgresServer | None) -> None:
        self._free: SimpleQueue[tuple[Zygote, Path]] = SimpleQueue()
        self._pool = ThreadPoolExecutor(jobs)
        self.zygotes = [Zygote() for _ in range(jobs)]
        for number, zygote in enumerate(self.zygotes):
            zygote.server = server
            if server is None:
                prepare_template(zygote, folder / f"template-{number}")
            self._free.put((zygote, folder / f"stage-{number}"))

    def play(self, cases: dict[str, Case]) -> Tally:
        """Run every case; a case that cannot be run at all counts as broken."""
        tally, began = Tally(), time.monotonic()
        for done, (name, findings) in enumerate(self._pool.map(self._one, cases.items()), start=1):
            tally.add(name, findings)
            for finding in findings:
                print(f"  {name}: {finding}", flush=True)
            if done % 100 == 0:
                print(f"  … {done} of {len(cases)}", flush=True)
        tally.seconds = time.monotonic() - began
        return tally

    def _one(self, named: tuple[str, Case]) -> tuple[str, list[str]]:
        name, case = named
        zygote, folder = self._free.get()
        try:
            return name, case(zygote, folder)
        except (StoryDidNotHappen, RuntimeError) as error:
            return name, [f"could not be played: {error}"]
        finally:
            self._free.put((zygote, folder))

    def one_zygote(self) -> tuple[Zygote, Path]:
        """For what is not worth spreading; nobody else may be playing."""
        member = self._free.get()
        self._free.put(member)
        return member

    def stop(self) -> None:
        """End all."""
        self._pool.shutdown()
        for zygote in self.zygotes:
            zygote.stop()


@contextmanager
def _crew(folder: Path, jobs: int, *, on_server: bool) -> Iterator[Crew]:
    server = PostgresServer(durable=True) if on_server else None
    if server is not None:
        _ = server.template
    crew = Crew(folder, jobs, server)
    try:
        yield crew
    finally:
        crew.stop()
        if server is not None:
            server.remove()


def _points(crew: Crew, every: int) -> Tally:
    print("recording the stories", flush=True)
    recordings: dict[str, list[str]] = {}

    def listen(story: Story, zygote: Zygote, folder: Path) -> list[str]:
        recordings[story.name] = record(zygote, folder, story)
        return []

    stories = (*STORIES, *VENDOR_STORIES, *DISCORD_STORIES, *SLACK_STORIES)
    tally = crew.play({story.name: partial(listen, story) for story in stories})
    cases: dict[str, Case] = {}
    for story in stories:
        for kill in all_kills(recordings.get(story.name, [])):
            name = f"{story.name}, {kill.point} #{kill.occurrence}"
            cases[name] = partial(_kill, story=story, kill=kill)
    found = len(cases)
    cases = dict(list(cases.items())[random.randrange(every) :: every])
    print(f"killing at {len(cases)} of {found} points", flush=True)
    killed = crew.play(cases)
    killed.violations.update(tally.violations)
    killed.examples += tally.examples
    return killed


def _kill(zygote: Zygote, folder: Path, *, story: Story, kill: Kill) -> list[str]:
    return kill_and_restart(zygote, folder, story, kill)


def _seeds(crew: Crew, seeds: range) -> Tally:
    print(f"living through {len(seeds)} seeds", flush=True)
    return crew.play({f"seed {seed}": partial(_seed, seed=seed) for seed in seeds})


def _seed(zygote: Zygote, folder: Path, *, seed: int) -> list[str]:
    return live_through_a_seed(zygote, folder, seed)


def _power(crew: Crew) -> Tally:
    print("cutting the power", flush=True)
    zygote, folder = crew.one_zygote()
    cases: dict[str, Case] = {}
    for story in (story for story in STORIES if story.name in POWER_CUTS):
        past = folder.with_name(f"past-{story.name.replace(' ', '-')}")
        with staged(zygote, past, story) as stage:
            play_until_the_end(stage)
        for number, cut in enumerate(cuts(past)):
            cases[f"{story.name}, power cut {number} after {cut.after}"] = partial(
                _cut, past=past, story=story, number=number
            )
    return crew.play(cases)


def _cut(zygote: Zygote, folder: Path, *, past: Path, story: Story, number: int) -> list[str]:
    return restart_after(zygote, past, story, cuts(past)[number], folder)


def _mutations(crew: Crew) -> dict[str, str | None]:
    print("breaking the product on purpose", flush=True)
    zygote, folder = crew.one_zygote()
    return {mutation: first_red(zygote, folder / "mutated", mutation) for mutation in MUTATIONS}


def _report(tallies: dict[str, Tally], caught: dict[str, str | None]) -> int:
    names = {"points": "kills at named points", "seeds": "random seeds", "power": "power cuts"}
    print(f"\n| {'what':24} | cases | seconds | billed twice | lost | posted twice | other |")
    print(f"|{'-' * 26}|------:|--------:|-------------:|-----:|-------------:|------:|")
    for kind, tally in tallies.items():
        told = {"billed twice", "lost", "a paid clip was lost", "posted twice"}
        lost = tally.violations["lost"] + tally.violations["a paid clip was lost"]
        other = sum(count for promise, count in tally.violations.items() if promise not in told)
        print(
            f"| {names[kind]:24} | {tally.cases:5} | {tally.seconds:7.0f} | {tally.violations['billed twice']:12} "
            f"| {lost:4} | {tally.violations['posted twice']:12} | {other:5} |"
        )
    for mutation, noticed in caught.items():
        print(f"mutation {mutation}: {'red, ' + noticed if noticed else 'NOT NOTICED'}")
    broken = [example for tally in tallies.values() for example in tally.examples]
    for example in broken:
        print(f"broken: {example}")
    return 1 if broken or None in caught.values() else 0


if __name__ == "__main__":
    sys.exit(main())

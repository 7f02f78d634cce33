"""The product in a process that can be killed at a named point.

    python -m tests.crash.patient RUN.json

composes the app with the judges' clients and fast timers, lets the people of the story ask, runs the engine until every
job has ended or waits for a person, and prints what it saw as one JSON document. `tests.crash.stage` writes RUN.json.
"""

from __future__ import annotations

import asyncio
import faulthandler
import json
import logging
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import structlog

from adapters.engine import embedded, leader, procrastinate, queue, wakeups
from adapters.http import fresh
from bot.app import App, Parts, open_app
from bot.cards import board
from bot.jobs.model import Job
from bot.money.amount import Money
from bot.ports import Capacity, Courier
from bot.settings import Settings, load_settings
from bot.tracker import breaker
from bot.tracker.schedule import Times
from storage import capacity, submissions
from storage.media_store import ObjectMediaStore
from tests.crash import mutations
from tests.crash.evidence import DATABASE, UNCONFIRMED_OCCUPIES_S
from tests.crash.people import PLATFORM, WORKSPACE, People, describe
from tests.crash.rooms import rooms
from tests.crash.stories import Story
from tests.emulators.processes import base_url
from tests.fakes.judge_courier import JudgeCourier
from tests.fakes.judge_provider import JudgeFetcher, JudgeProvider
from tests.fakes.workshop import FakeWorkshop

AT_THE_END = "end"
LAST_LOOK = "after the last look"
STACKS = "stacks.log"
"""Where a patient that is asked by SIGUSR1 writes what it waits for."""
PATIENCE_S = 20.0
ANSWER_WITHIN_S = 0.4
"""How long the judges' clients wait; `[hang]` lasts exactly so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """SIGKILL at the n-th time a point is reached, counted from 1."""

    point: str
    occurrence: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Everything a patient is told."""

    folder: str
    story: dict[str, Any]
    ports: dict[str, int]
    kill: Kill | None = None
    freeze: Kill | None = None
    """SIGSTOP instead, once; whoever wakes it up again decides how long it slept."""
    patience_s: float = PATIENCE_S
    mutation: str | None = None
    report: str = ""
    """A file for what it prints; empty for stdout."""
    database_url: str | None = None
    """PostgreSQL's, and then the engine of many workers; else SQLite in the folder."""

    def to_json(self) -> str:
        """As text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """From text."""
        plain = json.loads(text)
        kill, freeze = plain.pop("kill"), plain.pop("freeze")
        return cls(kill=Kill(**kill) if kill else None, freeze=Kill(**freeze) if freeze else None, **plain)


class Watcher:
    """Told of every commit and every outside call; remembers them, and ends the process at the chosen one."""

    def __init__(self, kill: Kill | None, folder: Path, freeze: Kill | None = None) -> None:
        self._kill = kill
        self._freeze = freeze
        self._wal = folder / f"{DATABASE}-wal"
        self._marks_file = folder / "marks.log"
        self._counts: Counter[str] = Counter()
        self.marks: list[tuple[float, str, int]] = []
        """When, what, and the size of the write-ahead log then."""

    def __call__(self, point: str) -> None:
        self._counts[point] += 1
        try:
            wal_bytes = os.stat(self._wal).st_size
        except FileNotFoundError:
            wal_bytes = 0
        self.marks.append((time.time(), point, wal_bytes))
        if self._freeze is not None and (point, self._counts[point]) == (self._freeze.point, self._freeze.occurrence):
            os.kill(os.getpid(), signal.SIGSTOP)
        if self._kill is not None and (point, self._counts[point]) == (self._kill.point, self._kill.occurrence):
            self._marks_file.write_text("".join(json.dumps(mark) + "\n" for mark in self.marks))
            os.kill(os.getpid(), signal.SIGKILL)


def hurry() -> None:
    """Make the product's fixed waits short; what they mean stays the same."""
    embedded.LISTEN_EVERY_S = 0.05
    embedded.LINE_EVERY_S = 0.05
    embedded.RECONCILE_EVERY_S = 0.1
    embedded.AFTER_A_FAULT_S = procrastinate.AFTER_A_FAULT_S = 0.1
    leader.LINE_EVERY_S = leader.HAND_ON_EVERY_S = 0.05
    leader.LOOK_AROUND_EVERY_S = leader.RECONCILE_EVERY_S = 0.1
    procrastinate.FETCH_EVERY_S = wakeups.AGAIN_AFTER_S = 0.05
    # Whoever was killed is noticed soon; whoever lives says so often.
    queue.DEAD_AFTER_S = procrastinate.DEAD_AFTER_S = 1.0
    procrastinate.HEARTBEAT_S = 0.2
    breaker.FIRST_REST = timedelta(seconds=0.1)
    breaker.LONGEST_REST = timedelta(seconds=0.4)
    fresh.ANSWER_S = ANSWER_WITHIN_S
    board.RETRIES_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 2.0)
    capacity.UNCONFIRMED_OCCUPIES = timedelta(seconds=UNCONFIRMED_OCCUPIES_S)


def times_for(story: Story) -> Times:
    """A day in a second."""
    return Times(
        resolve_after=timedelta(0),
        lookups=tuple(timedelta(seconds=seconds) for seconds in (0.03, 0.08, 0.15, 0.25)),
        poll_fastest=timedelta(seconds=0.01),
        poll_slowest=timedelta(seconds=0.03),
        render_within=timedelta(seconds=story.render_within_s),
        retry_first=timedelta(seconds=0.02),
        retry_longest=timedelta(seconds=0.1),
        throttle_wait=timedelta(seconds=0.1),
        call_timeout_s=5.0,
        transfer_timeout_s=5.0,
    )


def settings_for(folder: Path, story: Story, ports: Mapping[str, int], database_url: str | None = None) -> Settings:
    """The data directory of the case, the story's limits, and the account at the emulated service."""
    limits = {
        "user_daily_usd": story.user_daily_micro_usd,
        "workspace_monthly_usd": story.workspace_monthly_micro_usd,
        "installation_monthly_usd": story.installation_monthly_micro_usd,
    }
    overrides: dict[str, object] = {f"limits.{name}": Money(amount).to_usd() for name, amount in limits.items()}
    overrides |= {
        "limits.user_daily_jobs": str(story.user_daily_jobs),
        "data_dir": str(folder / "data"),
        "allowed_workspaces": ",".join(
            [f"{PLATFORM}:{WORKSPACE}", *(f"{name}:{room.WORKSPACE}" for name, room in rooms().items())]
        ),
    }
    if story.vendor is not None:
        home = base_url(story.vendor, f"http://127.0.0.1:{ports[story.vendor]}")
        overrides |= {f"{story.vendor}.api_key": "test-key", f"{story.vendor}.base_url": home}
        overrides |= {f"{story.vendor}.max_concurrent": story.max_concurrent or 8}
        overrides |= {f"{story.vendor}.creates_per_minute": 1000}
    if database_url is not None:
        overrides |= {"database_url": database_url, "secret_key": "k" * 40}
    return load_settings(overrides, environ={"HOME": str(folder)}, cwd=folder)


def parts_for(run: Run, story: Story, watcher: Watcher) -> Parts:
    """The judges' clients in the place of everything outside."""
    room = Capacity(max_concurrent=story.max_concurrent)
    provider = mutations.provider_class(run.mutation)
    courier = mutations.courier_class(run.mutation)
    store = ObjectMediaStore((Path(run.folder) / "data" / "media").as_uri())
    if story.vendor is not None:
        vendors_chat: JudgeCourier = courier(run.ports["chat"], store, platform=PLATFORM, timeout_s=ANSWER_WITHIN_S)
        return Parts(couriers={PLATFORM: vendors_chat}, workshop=FakeWorkshop(), times=times_for(story), watch=watcher)
    clients: dict[str, JudgeProvider] = {
        name: provider(run.ports[name], name=name, capacity=room, timeout_s=ANSWER_WITHIN_S)
        for name in ("judge", "backup")
    }
    chats: dict[str, Courier] = {
        PLATFORM: courier(run.ports["chat"], store, platform=PLATFORM, timeout_s=ANSWER_WITHIN_S)
    }
    workshop = FakeWorkshop()
    if (emulated := rooms().get(story.chat)) is not None:
        scratch = Path(run.folder) / "data" / "scratch"
        chats = {story.chat: emulated.courier(run.ports["chat"], store, workshop, scratch, watcher)}
    return Parts(
        providers=dict(clients),
        couriers=chats,
        workshop=workshop,
        fetchers={"judge": JudgeFetcher(run.ports)},
        times=times_for(story),
        watch=watcher,
    )


async def live(run: Run, story: Story, watcher: Watcher) -> dict[str, Any]:
    """Run the engine until nothing is left to do, or until patience is at its end."""
    folder = Path(run.folder)
    _tell_when_asked(folder / STACKS)
    async with open_app(
        settings_for(folder, story, run.ports, run.database_url), parts_for(run, story, watcher)
    ) as app:
        people = People(app, story, folder, run.ports["chat"])
        settled, resting = True, False
        while settled and not resting:
            async with app.run_engine("run"):
                settled = await _live_through(people, story, run.patience_s)
            # Late evidence may have taken up a job again just before the end.
            resting = await people.are_done(set())
        jobs = {key: describe(await people.job(job_id)) for key, job_id in people.jobs.items()}
        # The last moment before a clean end: whoever is killed here leaves an unfolded write-ahead log.
        watcher(AT_THE_END)
    points = [point for _, point, _ in watcher.marks]
    return {"settled": settled, "jobs": jobs, "points": points}


async def _live_through(people: People, story: Story, patience_s: float) -> bool:
    deeds = {repr(deed): asyncio.create_task(people.do(deed)) for deed in story.deeds}
    await asyncio.gather(*(people.ask(ask) for ask in story.asks))
    deadline, quiet_since = time.monotonic() + patience_s, None
    try:
        while time.monotonic() < deadline:
            pending = {name for name, task in deeds.items() if not task.done()}
            if not await people.are_done(pending):
                quiet_since = None
            elif not story.quiet_s or await people.ended_as_told():
                return True
            elif quiet_since is None:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since >= story.quiet_s:
                return True
            await asyncio.sleep(0.02)
        return False
    finally:
        for task in deeds.values():
            task.cancel()
        for failed in await asyncio.gather(*deeds.values(), return_exceptions=True):
            if isinstance(failed, Exception):
                raise failed


def perform(run: Run) -> None:
    """Live, and say what happened. What goes wrong in the product's own logs goes to `patient.log` in the folder."""
    _log_to(Path(run.folder) / "patient.log")
    hurry()
    story = Story.from_json(json.dumps(run.story))
    watcher = Watcher(run.kill, Path(run.folder), run.freeze)
    _watch_the_last_look(watcher)
    with mutations.applied(run.mutation):
        report = asyncio.run(live(run, story, watcher))
    if run.report:
        Path(run.report).write_text(json.dumps(report))
    else:
        print(json.dumps(report))


def _tell_when_asked(path: Path) -> None:
    """At SIGUSR1, write down where every thread and every task stands: the threads even where the loop is stuck."""
    file = path.open("a")

    def tell() -> None:
        for task in asyncio.all_tasks():
            task.print_stack(file=file)
        file.flush()

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, tell)
    faulthandler.register(signal.SIGUSR1, file=file, chain=True)


def _watch_the_last_look(watcher: Watcher) -> None:
    """One more point: the very last moment before the check of the clock and the send."""
    look = submissions.Submissions.still_ours

    async def watched(self: submissions.Submissions, job: Job) -> bool:
        answer = await look(self, job)
        watcher(LAST_LOOK)
        return answer

    submissions.Submissions.still_ours = watched  # type: ignore[method-assign]


def _log_to(path: Path) -> None:
    file = path.open("a")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=file),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )


def main() -> None:
    perform(Run.from_json(Path(sys.argv[1]).read_text()))


if __name__ == "__main__":
    main()


__all__ = ["App", "Kill", "Run", "perform"]

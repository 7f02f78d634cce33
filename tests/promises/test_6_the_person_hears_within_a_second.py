"""Promise 6: the person hears within a second, and nothing says "started" before the row is committed (DESIGN §2).

No stopwatch: an answer that waits for nothing outside, while everything outside stands still, is as quick as one commit.
"""

from __future__ import annotations

import asyncio
import errno
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.chat.web.server import serve
from bot.app import App
from bot.errors import DiskFull, Unconfirmed
from bot.ids import JobId
from bot.jobs.actions import Presser
from bot.jobs.model import Asset, Job
from bot.jobs.states import State
from bot.money.amount import FREE
from bot.ports import Cancelled, CheckResult, Failed, JobCard, MessageRef, Rendering
from tests.conformance.engines import GENEROUS, QUICK, EngineBench, Gate, HeldCourier, Outside, ask, is_in, load, until
from tests.emulators.judge_chat import PICTURE_MAGIC
from tests.factories import ALICE, BOB, a_picture, a_request, an_asset

OPERATOR = Presser(person="cli:local", is_operator=True)
ASKS_FIRST = {**GENEROUS["limits"], "confirm_above_usd": "0.40"}
DOORS = ("deliver", "fetch", "check", "sent", "connect", "host", "prepare", "collect")
"""Every kind of outside call, in the order in which jobs can be left standing before each."""
LONG_S = 20.0
JOBS = "/api/v1/jobs"


class Witness:
    """A connection of its own to the database: it sees what is committed, and nothing else."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=LONG_S)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def version(self, job_id: JobId) -> int:
        """0 while there is no row."""
        found = self.rows("SELECT version FROM jobs WHERE id = ?", job_id)
        return int(found[0][0]) if found else 0

    def states(self, job_id: JobId) -> list[str]:
        """Every state the job is known to have been in."""
        return [row[0] for row in self.rows("SELECT state FROM job_events WHERE job_id = ? ORDER BY id", job_id)]

    def everything(self) -> dict[str, int]:
        """How many rows there are of all that a job may leave."""
        tables = ("jobs", "assets", "job_assets", "job_events", "jobs_fts", "cards", "ledger", "submissions")
        return {table: self.rows(f"SELECT count(*) FROM {table}")[0][0] for table in tables}


class TalkativeCourier(HeldCourier):
    """A chat that notes, at the moment a card is shown, what is committed."""

    def __init__(self, outside: Outside, folder: Path) -> None:
        super().__init__(outside, folder)
        self.witness: Witness | None = None
        self.said: list[tuple[JobCard, int, list[str]]] = []
        self.showing = Gate()

    async def show(self, card: JobCard, at: MessageRef | None) -> MessageRef | None:
        assert self.witness is not None
        self.said.append((card, self.witness.version(card.job_id), self.witness.states(card.job_id)))
        await self.showing.passed()
        return await super().show(card, at)


class Town(EngineBench):
    """One Reelbot whose chat is talkative."""

    def __init__(self, folder: Path) -> None:
        super().__init__("embedded", folder)
        self.courier: TalkativeCourier = TalkativeCourier(self.outside, folder)

    @asynccontextmanager
    async def opened(self, **settings: Any) -> AsyncIterator[tuple[App, Witness]]:
        """No engine yet."""
        async with self.process(web={"port": 0}, **settings) as app:
            self.courier.witness = Witness(app.ground.path)
            yield app, self.courier.witness

    def open_all(self) -> None:
        """Everything outside moves again."""
        for gate in (*self.outside.gates.values(), self.courier.showing):
            gate.open()


class WatchfulEngine:
    """Notes what is committed at the moment it is told of a job."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self.told: list[tuple[JobId, int]] = []

    async def start(self, job_id: JobId) -> None:
        self.told.append((job_id, self._witness.version(job_id)))

    async def wake(self, job_id: JobId) -> None:
        await self.start(job_id)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def some_assets() -> list[tuple[str, Asset]]:
    return [("original", an_asset(id="11" * 32)), ("image", an_asset())]


# --- nothing is said before it is so ------------------------------------------------------------------------------------


async def test_the_row_is_committed_before_anybody_hears_of_it(town: Town) -> None:
    """Neither the engine nor whoever asked; and they are told after the commit, not merely after the write."""
    points: list[str] = []
    town.watch = points.append
    async with town.opened() as (app, witness):
        engine = WatchfulEngine(witness)
        app.switchboard.engine = engine

        job, _ = await app.service.front_desk.accept(a_request(), some_assets())

        assert (witness.version(job.id), witness.states(job.id)) == (job.version, [job.state])
        assert engine.told == [(job.id, 1)]
        accepting = [point for point in points if point.endswith("commit accept")]
        assert accepting == ["before commit accept", "after commit accept"]
        assert town.courier.said == []


async def test_a_wish_is_committed_before_anybody_hears_of_it(town: Town) -> None:
    async with town.opened() as (app, witness):
        job = await ask(app)
        heard: list[int] = []

        class Engine(WatchfulEngine):
            async def wake(self, job_id: JobId) -> None:
                heard.append(witness.rows("SELECT count(*) FROM wishes WHERE job_id = ?", job_id)[0][0])

        app.switchboard.engine = Engine(witness)
        await app.service.actions.cancel(job.id, OPERATOR)

        assert heard == [1]


async def test_every_card_shows_what_is_committed(town: Town) -> None:
    """Clips that arrive, fail, are cancelled, wait for Start, or are lost for a while: never a word too early."""
    checks: list[CheckResult | Exception] = [
        Rendering(progress=0.2), Failed(code="failed", message="no"), Rendering(progress=0.5), Cancelled(charged=FREE)
    ]  # fmt: skip
    town.provider.checks = checks
    town.provider.answers = [None, Unconfirmed("lost"), None]
    async with town.opened(limits=ASKS_FIRST) as (app, _), app.run_engine("run"):
        jobs = [await ask(app, confirmed=True) for _ in range(6)]
        quoted, declined = await ask(app), await ask(app, requester=BOB)
        await until(lambda: is_in(app, quoted, State.QUOTED))
        await until(lambda: is_in(app, declined, State.QUOTED))
        await app.service.actions.confirm(quoted.id, OPERATOR)
        await app.service.actions.cancel(declined.id, OPERATOR)

        async def all_rest() -> bool:
            states = [(await load(app, job)).state for job in (*jobs, quoted, declined)]
            return all(state in _RESTING for state in states)

        await until(all_rest)

    shown = {card.state for card, _, _ in town.courier.said}
    assert {"quoted", "delivered", "failed", "unconfirmed", "cancelled"} <= shown
    for card, version, states in town.courier.said:
        assert card.version <= version, f"{card.headline} was said before it was so"
        assert card.state in states


_RESTING = frozenset({State.DELIVERED, State.FAILED, State.CANCELLED, State.UNCONFIRMED})


async def test_the_last_card_shows_the_end(town: Town) -> None:
    """However quickly a job went through its states."""
    async with town.opened() as (app, _), app.run_engine("run"):
        jobs = [await ask(app) for _ in range(5)]

        await until(lambda: all("delivered" in [card.state for card in _cards_of(town, job)] for job in jobs))
        assert await town.delivered(app, *jobs)

    for job in jobs:
        versions = [card.version for card in _cards_of(town, job)]
        assert versions == sorted(set(versions))
        assert _cards_of(town, job)[-1].is_final


def _cards_of(town: Town, job: Job) -> list[JobCard]:
    return [card for card, _, _ in town.courier.said if card.job_id == job.id]


# --- when it cannot be saved --------------------------------------------------------------------------------------------


def broken_before_commit(town: Town, app: App, error: Exception) -> Callable[[], None]:
    """The commit of an acceptance fails until the returned function is called."""

    def watch(point: str) -> None:
        if point == "before commit accept":
            raise error

    town.watch = watch

    def mend() -> None:
        town.watch = lambda _point: None

    return mend


@pytest.mark.parametrize(
    ("error", "heard"),
    [(RuntimeError("power"), RuntimeError), (OSError(errno.ENOSPC, "No space left on device"), DiskFull)],
    ids=["fault", "full-disk"],
)
async def test_what_could_not_be_committed_never_was(town: Town, error: Exception, heard: type[Exception]) -> None:
    """An error for the person; no row, no card, no file is referred to; and the same key may be used again."""
    async with town.opened() as (app, witness), app.run_engine("run"):
        mend = broken_before_commit(town, app, error)
        request = a_request(request_key="k", image=a_picture(locator="p"))

        with pytest.raises(heard):
            await app.service.front_desk.accept(request, some_assets())

        assert set(witness.everything().values()) == {0}
        assert town.courier.said == []
        assert not await app.stores.jobs.is_repeated(request)
        mend()
        job, is_new = await app.service.front_desk.accept(request)
        assert is_new
        await until(lambda: town.delivered(app, job))


@pytest.mark.parametrize("table", ["assets", "jobs", "job_assets", "job_events"])
async def test_a_write_that_fails_half_way_leaves_nothing(town: Town, table: str) -> None:
    """Whichever of the rows it is; and the next request goes through."""
    async with town.opened() as (app, witness):
        with sqlite3.connect(app.ground.path, timeout=LONG_S) as connection:
            fails = "BEGIN SELECT RAISE(ABORT, 'this disk is dying'); END"
            connection.execute(f"CREATE TRIGGER dying BEFORE INSERT ON {table} {fails}")
        app.switchboard.engine = engine = WatchfulEngine(witness)

        with pytest.raises(Exception, match="this disk is dying"):
            await app.service.front_desk.accept(a_request(), some_assets())

        assert set(witness.everything().values()) == {0}
        assert engine.told == []
        with sqlite3.connect(app.ground.path, timeout=LONG_S) as connection:
            connection.execute("DROP TRIGGER dying")
        job, _ = await app.service.front_desk.accept(a_request(), some_assets())
        assert engine.told == [(job.id, 1)]


# --- nobody waits for the outside ---------------------------------------------------------------------------------------


def _is_waited_at(gate: Gate) -> bool:
    return gate.waiting > 0


async def one_at_each_door(town: Town, app: App) -> list[Job]:
    """A job held up before every kind of outside call, and every card held up too."""
    town.courier.showing.close()
    held = []
    for gate in map(town.gate, DOORS):
        gate.close()
        held.append(await ask(app, confirmed=True))
        await until(partial(_is_waited_at, gate))
    await until(lambda: town.courier.showing.waiting)
    return held


async def test_answering_never_waits_for_the_outside(town: Town) -> None:
    """Providers, chats, downloads and decoding all stand still: everything a person may ask is answered meanwhile."""
    async with town.opened(limits=ASKS_FIRST) as (app, witness), app.run_engine("run"):
        quoted = await ask(app)
        await until(lambda: is_in(app, quoted, State.QUOTED))
        held = await one_at_each_door(town, app)
        service, answers = app.service, []
        try:
            async with asyncio.timeout(LONG_S):
                fresh = await asyncio.gather(*(ask(app, confirmed=True, prompt=f"leaf {n}") for n in range(10)))
                answers.append(await service.actions.confirm(quoted.id, OPERATOR))
                for job in (*held[1:], fresh[0]):
                    answers.append(await service.actions.cancel(job.id, OPERATOR))
                found = await service.stores.history.page(q="leaf", person=ALICE.person)
                quota = await service.quota(ALICE)
                described = [await service.describe(job) for job in (*held, *fresh)]
                readiness = await app.readiness()

            assert {job.id for job in found.jobs} == {job.id for job in fresh}
            assert all(witness.version(job.id) for job in fresh)
            assert witness.rows("SELECT count(*) FROM wishes") == [(len(answers),)]
            assert quota["scopes"]
            assert len(described) == 18
            assert readiness["engine"] == "ok"
            assert all(town.gate(name).waiting for name in DOORS)
            assert town.courier.showing.waiting
            assert not await town.delivered(app, held[0])
        finally:
            town.open_all()
        await until(lambda: town.delivered(app, held[0], quoted))


# --- over HTTP, under load ----------------------------------------------------------------------------------------------


@asynccontextmanager
async def client(app: App) -> AsyncIterator[httpx.AsyncClient]:
    """A browser on this machine, over a real socket."""
    async with (
        serve(app.service, app.settings, app.data_dir, app.parts) as address,
        httpx.AsyncClient(base_url=address, timeout=60) as found,
    ):
        yield found


async def post(browser: httpx.AsyncClient, **headers: str) -> httpx.Response:
    files = {"image": ("a.png", PICTURE_MAGIC + b"a picture", "image/png")}
    return await browser.post(JOBS, files=files, data={"prompt": "the leaves start to move"}, headers=headers)


async def test_while_two_hundred_render_a_request_is_answered_with_its_row_committed(town: Town) -> None:
    """Twenty at once, and cancels beside them; what each answer says is what another connection reads at that moment."""
    every_second = replace(QUICK, poll_fastest=timedelta(seconds=1), poll_slowest=timedelta(seconds=1))

    async def still(_provider_job_id: str) -> CheckResult:
        await town.outside.visit("check")
        return Rendering()

    town.provider.check = still  # type: ignore[method-assign,assignment]  # a render that goes on and on
    async with town.process(every_second, web={"port": 0}) as app, app.run_engine("run"), client(app) as browser:
        town.courier.witness = witness = Witness(app.ground.path)
        await asyncio.gather(*(ask(app) for _ in range(200)))

        async def all_render() -> bool:
            return len(await app.stores.jobs.in_state(State.RENDERING)) == 200

        await until(all_render, patience_s=180)
        polls = town.outside.calls.count("check")
        committed: list[bool] = []

        async def ask_and_cancel(number: int) -> str:
            answer = await post(browser, **{"Idempotency-Key": str(number)})
            job = answer.json()
            committed.append(witness.version(job["id"]) >= 1 and job["state"] in witness.states(job["id"]))
            stopped = await browser.post(f"{JOBS}/{job['id']}/cancel")
            wished = witness.rows("SELECT kind FROM wishes WHERE job_id = ?", job["id"])
            assert (answer.status_code, stopped.status_code, wished) == (202, 202, [("cancel",)])
            return str(job["id"])

        ids = await asyncio.gather(*(ask_and_cancel(number) for number in range(20)))

        assert len(set(ids)) == 20
        assert committed == [True] * 20
        assert len(await app.stores.jobs.in_state(State.RENDERING)) >= 200
        await until(lambda: town.outside.calls.count("check") > polls)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(RuntimeError("power"), 500, "internal"), (OSError(errno.ENOSPC, "No space left"), 507, "disk_full")],
)
async def test_over_http_what_was_not_saved_is_an_error(town: Town, error: Exception, status: int, code: str) -> None:
    """With its code, and without an id somebody might wait for."""
    async with town.opened() as (app, witness), client(app) as browser:
        mend = broken_before_commit(town, app, error)

        answer = await post(browser, **{"Idempotency-Key": "k"})

        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert "id" not in answer.json()
        assert set(witness.everything().values()) == {0}
        mend()
        assert (await post(browser, **{"Idempotency-Key": "k"})).status_code == 202


async def test_whoever_hangs_up_leaves_all_or_nothing(town: Town) -> None:
    """Cancelled at any moment of accepting: all rows or none, and whoever comes next is answered."""
    async with town.opened() as (app, witness):
        for number in range(120):
            asking = asyncio.create_task(app.service.front_desk.accept(a_request(), some_assets()))
            await asyncio.sleep(number % 60 * 0.0003)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

            job, _ = await app.service.front_desk.accept(a_request(), some_assets())

            assert witness.version(job.id) == 1
        found = witness.everything()
        assert found["job_events"] == found["jobs_fts"] == found["jobs"]
        assert found["job_assets"] == 2 * found["jobs"]

"""The emulated Discord within the measuring process, and Reelbots in processes of their own before it.

What the emulator checks is left out: holding every body against Discord's document takes it about 5 ms, and writing its
journal syncs the disk that Reelbot commits to. Gateway, REST routes, shapes and permissions are the emulator's own.
"""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.ground.one_machine import DATABASE_FILE
from tests.emulators.discord_calls import Call, Reply
from tests.emulators.discord_interactions import Interaction
from tests.emulators.discord_server import SETTINGS, Discord
from tests.emulators.discord_state import Channel, Person
from tests.emulators.judge_chat import PICTURE_MAGIC

CHANNELS = 40
PEOPLE = 40
START_WITHIN_S = 60.0
ROOT = Path(__file__).parent.parent
TOKEN = "a benchmark's own token"
_JOB = re.compile(r"rb:[bf]:[a-z]+:([0-9a-f-]{36})")


class Unjudging:
    """In the place of the emulator's judge: everything is right."""

    def knows(self, operation: str) -> bool:
        return True

    def request(self, operation: str, body: Any) -> list[str]:
        return []

    def answer(self, operation: str, status: int, body: Any) -> list[str]:
        return []

    def value(self, schema: str, value: Any) -> list[str]:
        return []


class Quiet:
    """In the place of its journal: only what must not happen is kept."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.ready = asyncio.Event()

    def write(self, event: str, **facts: Any) -> None:
        if event in {"violation", "emulator-fault", "interaction-timeout"}:
            self.entries.append({"event": event, **facts})
        if event == "synced":
            self.ready.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One interaction's first answer."""

    took_s: float
    """From before the event was written to the gateway's socket until the answer's last byte had arrived."""
    kind: str
    job_id: str | None
    """Named by the buttons of the answer."""
    is_stored: bool
    """Whether another process could read that job at the moment the answer arrived."""


class Stage(Discord):
    """One bot's Discord, with a server of some channels and people."""

    def __init__(self, folder: Path, database: Path | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__("discord", folder / "discord.log", {**SETTINGS, "token": TOKEN, "limits": False})
        self.quiet = Quiet()
        self.journal = self.quiet  # type: ignore[assignment]  # as much of one as is asked for
        self.judge = Unjudging()  # type: ignore[assignment]
        self.url = ""
        self.database = database
        self._arrived: dict[str, tuple[float, str | None, bool]] = {}
        self._stored: sqlite3.Connection | None = None
        self._callback = self.answers.callback
        self.answers.callback = self._noted  # type: ignore[method-assign]
        self.channels_there: list[Channel] = []
        self.people_there: list[Person] = []

    async def build(self) -> None:
        """The server, its channels and its people."""
        guild = (await self.control.do_guild("Studio", premium_tier=3))["id"]
        for number in range(CHANNELS):
            made = await self.control.do_channel(guild, f"room-{number}")
            self.channels_there.append(self.world.channels[made["id"]])
        for number in range(PEOPLE):
            person = (await self.control.do_person(f"Person {number}"))["id"]
            await self.control.do_join(guild, person)
            self.people_there.append(self.world.people[person])

    async def command(self, number: int, prompt: str) -> Answered:
        """One of the people says `/animate`."""
        person, channel = self.people_there[number % PEOPLE], self.channels_there[number % CHANNELS]
        path = self.cdn._folder / "picture.png"
        path.write_bytes(PICTURE_MAGIC + b"of a benchmark")
        options = {"image": {"name": "cat.png", "path": str(path)}, "prompt": prompt}
        return self._answered(await self.people.slash(person, channel, "animate", options))

    async def press(self, channel: str, message: str, label: str, number: int) -> Answered:
        """One of the people presses a button."""
        place, person = self.world.channels[channel], self.people_there[number % PEOPLE]
        return self._answered(
            await self.people.press(person, place, place.messages[message], custom_id=None, label=label, values=None)
        )

    def _answered(self, interaction: Interaction) -> Answered:
        if interaction.id not in self._arrived:
            raise RuntimeError(f"never answered: {interaction.data.get('name') or interaction.data.get('custom_id')}")
        at, job_id, is_stored = self._arrived.pop(interaction.id)
        self.interactions.by_id.pop(interaction.id)
        took_s = at - interaction.began
        return Answered(took_s=took_s, kind=str(interaction.answer), job_id=job_id, is_stored=is_stored)

    async def _noted(self, call: Call) -> Reply:
        at = time.monotonic()
        found = _JOB.search(json.dumps(call.body.payload))
        job_id = found[1] if found else None
        self._arrived.setdefault(call.path["interaction_id"], (at, job_id, self._has(job_id)))
        return await self._callback(call)

    def _has(self, job_id: str | None) -> bool:
        if self.database is None or job_id is None:
            return False
        if self._stored is None:
            self._stored = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        return self._stored.execute("SELECT 1 FROM jobs WHERE id = ?", (job_id,)).fetchone() is not None

    def require_good(self) -> None:
        """Raise when it saw something that no correct client does, or did something wrong itself."""
        if self.quiet.entries:
            raise RuntimeError(f"{len(self.quiet.entries)} times, first: {self.quiet.entries[0]}")


@asynccontextmanager
async def a_stage(folder: Path, data_dir: Path | None = None) -> AsyncIterator[Stage]:
    """A Discord that listens on 127.0.0.1; with the data directory of the Reelbot before it, rows can be looked up."""
    stage = Stage(folder, data_dir / DATABASE_FILE if data_dir else None)
    await stage.build()
    runner = web.AppRunner(stage.app(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        stage.cdn.base = f"http://127.0.0.1:{port}"
        stage.url = f"{stage.cdn.base}/api/v10"
        stage.gateway.url = f"ws://127.0.0.1:{port}/gateway"
        yield stage
    finally:
        await stage.gateway.drop()
        if stage._stored is not None:
            stage._stored.close()
        await runner.cleanup()


class Patient:
    """A process of `benchmarks.discord_patients`: it says one line of JSON when it is ready, and one for every request."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.told: Any = None
        """What it said when it was ready."""

    async def ask(self, what: str = "") -> Any:
        """Its next line, after this request."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        if what:
            stdin.write(what.encode() + b"\n")
            await stdin.drain()
        line = await asyncio.wait_for(stdout.readline(), START_WITHIN_S)
        if not line:
            raise RuntimeError(f"the process ended with {await self._process.wait()}")
        return json.loads(line)

    def cpu_s(self) -> float:
        """Processor time of its whole life so far, all threads, user and system."""
        # clock_getcpuclockid(3): the clock of another process is its id, inverted, above three bits that say which clock.
        return time.clock_gettime((~self._process.pid << 3) | 2)


@asynccontextmanager
async def a_patient(role: str, *, of: str = "benchmarks.discord_patients", **options: Any) -> AsyncIterator[Patient]:
    """It runs, and is ready; at the end it is told to finish."""
    command = [sys.executable, "-m", of, role, json.dumps(options, default=str)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe)
    try:
        patient = Patient(process)
        patient.told = await patient.ask()
        yield patient
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), START_WITHIN_S)
        if process.returncode is None:
            process.kill()
            await process.wait()


@contextmanager
def stopwatch(patient: Patient, into: list[float], times: int) -> Any:
    """Append the milliseconds of processor time that the patient takes for each of so many."""
    begun = patient.cpu_s()
    yield
    into.append((patient.cpu_s() - begun) * 1000 / times)

"""An installation with everything in it, and short ways to move it: for the tests of `storage.copying`."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg

from bot.errors import Refused, Unconfirmed
from bot.jobs.model import Evidence, EvidenceKind, WishKind
from bot.jobs.moves import Settle
from bot.jobs.states import State
from bot.keys import KeyRing
from bot.money.amount import Money
from bot.money.limits import Limit, Period
from bot.people import Role, TokenScope
from bot.workspaces import Permission
from storage.copying import Copied, Files, copy_installation
from storage.copying_media import Carried
from storage.installations import Installations
from storage.schema_postgres import prepare_server
from storage.sqlite import SqliteDatabase
from tests.conformance.stores import open_stores
from tests.conformance.test_installation_store import of_team
from tests.factories import BOB, MALLORY, a_requester
from tests.fakes.clock import NEW_YEAR
from tests.house import OPERATOR, a_house

ROOT = Path(__file__).parents[2]
PROMPTS = (
    "the leaves start to move",
    "the café at noon, ein Blatt fällt, 木の葉が動く, a 🍁 falls",
    "a tab\there, a line\nthere, a \\backslash, a \\N, a \\. and 'quotes' \"of\" both kinds",
    "\u2028 \ufeff \u200f \x7f \x01",
)
SECRET_KEY = "the key of the installation that moves"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A data directory without a server."""

    folder: Path

    @property
    def database(self) -> Path:
        """The file."""
        return self.folder / "reelbot.db"

    @property
    def address(self) -> str:
        """As the command takes it."""
        return f"sqlite:///{self.database}"

    def copy_to(self, folder: Path) -> Place:
        """The same once more."""
        shutil.copytree(self.folder, folder)
        return Place(folder=folder)

    def execute(self, statement: str, *values: object) -> list[Any]:
        """One statement, committed."""
        with closing(sqlite3.connect(self.database)) as connection, connection:
            return connection.execute(statement, values).fetchall()


def move(place: Place, url: str, **changes: Any) -> Copied:
    """Without files and keys, which are other tests' business."""
    chosen: dict[str, Any] = {
        "prepare": prepare_server,
        "check": lambda _path: None,
        "carry": no_files,
        "now": NEW_YEAR,
        "patience_s": 0.2,
    }
    return copy_installation(place.database, url, **(chosen | changes))


def no_files(files: Files, _installation: str | None) -> Carried:
    """Nobody looks."""
    return Carried(there=sum(1 for _ in files))


def asked(url: str, query: str) -> list[Any]:
    """What PostgreSQL says."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def a_worked_installation(folder: Path) -> Place:
    """Jobs in every state, delivered ones with files, erased ones, forgotten people, limits, tokens, a sealed access."""
    asyncio.run(_work(folder))
    return Place(folder=folder / "data")


async def _work(folder: Path) -> None:
    async with a_house(folder, secret_key=SECRET_KEY) as house:
        for prompt in PROMPTS:
            await house.run(await house.ask(prompt=prompt))
        house.provider.answers = [Refused("no such thing"), Unconfirmed("no answer")]
        await house.run(await house.ask(prompt="refused"))
        await house.run(await house.ask(prompt="unconfirmed"))
        house.provider.answers = []
        gone = await house.run(await house.ask(prompt="to be erased"))
        await house.app.service.forgetting.delete(gone, OPERATOR)
        bobs = await house.run(await house.ask(requester=BOB, prompt="Bob's own"))
        await house.app.service.forgetting.forget(bobs.requester.person)
        await _decide(house.app.stores)
    async with open_stores("sqlite", folder / "data", allowed=frozenset({"*"})) as bench:
        clock = bench.clock
        await clock.advance(timedelta(hours=3).total_seconds())
        await bench.accept(prompt="received")
        quoted = await bench.accept(prompt="quoted")
        await bench.move(quoted, State.QUOTED)
        await bench.queued(prompt="queued", requester=a_requester(user="zoë", roles=("9", "10")))
        await bench.submitting(prompt="submitting")
        rendering = await bench.rendering(prompt="rendering")
        [attempt] = await bench.stores.submissions.of_job(rendering.id)
        message = Evidence(attempt_id=attempt.attempt_id, kind=EvidenceKind.INPUT_FETCH)
        await bench.stores.evidence.receive(attempt, message)
        await bench.stores.wishes.add(rendering.id, WishKind.CANCEL, "judge:team:alice", {"why": None})
        await bench.move(await bench.rendering(prompt="fetching"), State.FETCHING)
        await bench.delivering(prompt="delivering")
        settled = await bench.rendering(prompt="charged and failed", requester=MALLORY)
        await bench.fail(settled, money=Settle(amount=Money.usd("0.70")))
        await bench.stores.ledger.correct(settled.id, Money.usd("-0.20"), by="cli:local", reason="they gave some back")
    database = SqliteDatabase(folder / "data" / "reelbot.db")
    book = Installations(database, KeyRing([SECRET_KEY]))
    await book.save(of_team())
    await book.issue_state("who began to add it", NEW_YEAR + timedelta(hours=1))
    await database.close()
    place = Place(folder=folder / "data")
    # A second press within ten seconds, and a rate that is kept.
    place.execute("INSERT INTO request_aliases SELECT person, 'judge:second', id FROM jobs WHERE state = 'quoted'")
    place.execute("INSERT INTO paces VALUES ('slack:T1:chat.postMessage', '2026-01-01 00:00:00.250000')")


async def _decide(stores: Any) -> None:
    await stores.limits.put(Limit(scope="workspace:judge:team", period=Period.MONTH, micro_usd=90_000_000))
    await stores.workspaces.put("slack", "T1", Permission.BLOCKED)
    await stores.workspaces.choose("slack", "T1", "confirm_above_usd", 5)
    await stores.workspaces.choose("slack", "T1", "language", "de", channel="C1")
    await stores.workspaces.block(MALLORY.person)
    await stores.members.sign_in("slack:T1:U1", name="Zoë", role=Role.MEMBER, chat_roles=["9"])
    await stores.audit.add("api:admin", "limit.set", "installation", {"jobs": None, "text": "\0 \ud800"})
    await stores.notes.put("something", "to remember")
    await stores.notes.is_first_today("disk")
    await stores.render_times.add("judge", "judge/clip", 5, "720p", 41.7)
    await stores.tokens.make("slack:T1:U1", [TokenScope.READ], by="cli:local", label="for a script")


# --- a copy that is killed ----------------------------------------------------------------------------------------------


def killed_at(points: Sequence[tuple[Place, str, str]]) -> list[int]:
    """Move each place to its address in a process that is killed (-9) at that point; the signals they ended by.

    One interpreter for all of them, which forks: it has a single thread.
    """
    words = [word for place, url, point in points for word in (str(place.folder), url, point)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.storage.moving_places", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return [int(line) for line in done.stdout.split()]


def _killing(point: str) -> Callable[[str], None]:
    def watch(reached: str) -> None:
        if reached == point:
            os.kill(os.getpid(), signal.SIGKILL)

    return watch


def _main(words: list[str]) -> None:
    for at in range(0, len(words), 3):
        folder, url, point = words[at : at + 3]
        child = os.fork()
        if child == 0:
            move(Place(folder=Path(folder)), url, watch=_killing(point))
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    _main(sys.argv[1:])

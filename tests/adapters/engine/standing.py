"""What stands in the queue, looked at and changed past the product."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from adapters.engine.queue import QUEUE, RUN_JOB, Queue
from bot.app import App
from bot.ground.many_machines import ManyMachines
from tests import postgres
from tests.patience import PATIENCE_S

DEAD = "interval '60 seconds'"
"""A worker that said nothing for so long is dead for every sweeper."""


class Standing:
    """The tables of one database."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """One statement, committed."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def rows(self) -> list[tuple[str, str]]:
        """Each job of ours in the queue, and its status, oldest first."""
        return [
            (row[0].removeprefix("job:"), row[1])
            for row in self.ask(
                "SELECT lock, status::text FROM procrastinate_jobs WHERE task_name = %s ORDER BY id", RUN_JOB
            )
        ]

    def worker(self, *, silent_for: str = "interval '0 seconds'") -> int:
        """One more worker in the queue's books; its number."""
        made = self.ask(
            f"INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - {silent_for}) RETURNING id"
        )
        return int(made[0][0])

    def fall_silent(self) -> None:
        """Whoever is registered now counts as dead, until it gives a sign of life."""
        self.ask(f"UPDATE procrastinate_workers SET last_heartbeat = now() - {DEAD}")

    def taken(self, job_id: str, worker: int | None, *, queue: str = QUEUE) -> None:
        """A job that a worker has in hand; `None`: one that was pruned since."""
        name = f"job:{job_id}"
        self.ask(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args, status, worker_id) "
            "VALUES (%s, %s, %s, %s, jsonb_build_object('job_id', %s::text), 'doing', %s)",
            queue, RUN_JOB, name, name, job_id, worker,
        )  # fmt: skip

    def cut(self, where: str) -> int:
        """End the sessions that this is true of, from the server's side, and wait until they are gone; how many."""
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        ended = self.ask(f"SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others} AND ({where})")
        deadline = time.monotonic() + PATIENCE_S
        while self.ask("SELECT 1 FROM pg_stat_activity WHERE pid = ANY(%s)", [row[0] for row in ended]):
            assert time.monotonic() < deadline, "a session that was ended is still there"
        return len(ended)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody gets in, and whoever was in was thrown out."""
        name = self.ask("SELECT current_database()")[0][0]
        postgres.server().execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            sessions = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            postgres.server().execute(sessions)
            yield
        finally:
            postgres.server().execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def standing(folder: Any) -> Standing:
    """The database that goes with a test's folder."""
    return Standing(postgres.database_of(folder))


def queue_of(app: App) -> Queue:
    """The one of an App on many machines."""
    assert isinstance(app.ground, ManyMachines)
    return app.ground._queue

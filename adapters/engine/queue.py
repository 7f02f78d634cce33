"""The queue in PostgreSQL: Procrastinate's tables, what is put into them, and who is woken through the database.

One long task per job (decision 0045). A job stands in the queue at most once waiting (`queueing_lock`) and is run by at
most one worker at a time (`lock`), as far as the queue can tell; that nobody else changes the job is the epoch's
business, not the queue's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import procrastinate
import psycopg
import psycopg_pool
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException

from bot.errors import DatabaseUnavailable
from bot.ids import JobId

QUEUE = "reelbot"
RUN_JOB = "reelbot.run_job"
WAKE_CHANNEL = "reelbot_wake"
"""What is told here: `wake ID` or `turn ID`."""
CONNECTIONS = 2
"""Of the queue's own, in each process; one more listens for new jobs in a worker."""
MOST_REMEMBERED = 10_000
LAY_STILL_S = 1.0
"""After which a connection is asked whether it lives before it is used."""
RECONNECT_S = 1.0
"""Between two attempts while the server is away. The pool's own pause doubles each time: after a minute's outage nobody
would notice for another that the server is back."""
DEAD_AFTER_S = 15.0
"""Without a sign of life. A worker gives one every `HEARTBEAT_S`."""
HEARTBEAT_S = 5.0

_MISSING = (
    "SELECT wanted FROM unnest(%(ids)s::text[]) AS wanted WHERE NOT EXISTS (SELECT 1 FROM procrastinate_jobs "
    "WHERE queueing_lock = 'job:' || wanted AND status = 'todo') AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs "
    "WHERE lock = 'job:' || wanted AND status = 'doing')"
)
_NOTIFY = "SELECT pg_notify(%(channel)s, payload) FROM unnest(%(payloads)s::text[]) AS payload"
_ALIVE = (
    "SELECT count(*) AS alive FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => %(secs)s)"
)


class HandedOn(Exception):
    """This worker gives a job back to the queue."""


class Queue:
    """The queue of one installation, as every process sees it. Implements `bot.ports.Engine` for those that run no jobs."""

    def __init__(self, conninfo: str, *, connections: int = CONNECTIONS, options: dict[str, Any] | None = None) -> None:
        """`conninfo` in libpq's form; `options` for each connection."""
        self.conninfo = conninfo
        self.options = dict(options or {})
        pool: dict[str, Any] = {
            "conninfo": conninfo,
            "min_size": 0,
            "max_size": connections,
            "kwargs": self.options,
            "timeout": 15,
        }
        connector = procrastinate.PsycopgConnector(pool_factory=_pool, **pool)
        self.app = procrastinate.App(connector=connector)
        # Inside other people's transactions; it never opens a connection of its own.
        self._inside = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())
        self._queued_here: set[JobId] = set()

    async def open(self) -> None:
        """Open the pool; no connection is made before one is needed."""
        await self.app.open_async()

    async def close(self) -> None:
        """Close every connection."""
        await self.app.close_async()

    # --- the port -------------------------------------------------------------------------------------------------

    async def start(self, job_id: JobId) -> None:
        """See to it that some worker runs the job. Harmless when called twice."""
        if job_id in self._queued_here:
            # Accepted a moment ago, and queued in the same transaction: the database need not be asked.
            self._queued_here.discard(job_id)
            return
        await self.start_missing([job_id])

    async def wake(self, job_id: JobId) -> None:
        """End the job's wait, in whichever process it waits; a job that nobody runs is queued."""
        await self.tell("wake", [job_id])
        await self.start(job_id)

    # --- more -----------------------------------------------------------------------------------------------------

    def enqueue(self, connection: Any, job_id: JobId) -> None:
        """Queue a new job inside the transaction of `connection`, the driver's own: both are committed, or neither.

        Raises the driver's own errors: whoever has the transaction knows what they mean, a full disk as a lost connection.
        """
        task = self._inside.configure_task(
            RUN_JOB, queue=QUEUE, lock=_name(job_id), queueing_lock=_name(job_id), connection=connection
        )
        try:
            task.defer(job_id=job_id)
        except ConnectorException as error:
            raise (error.__cause__ or error) from None
        if len(self._queued_here) > MOST_REMEMBERED:  # of transactions that were undone afterwards, and nobody starts
            self._queued_here.clear()
        self._queued_here.add(job_id)

    async def tell(self, word: str, job_ids: Collection[JobId]) -> None:
        """Say something about jobs to every worker."""
        payloads = [f"{word} {job_id}" for job_id in job_ids]
        with _Asking():
            await self.app.connector.execute_query_async(_NOTIFY, channel=WAKE_CHANNEL, payloads=payloads)

    async def start_missing(self, job_ids: Sequence[JobId]) -> list[JobId]:
        """Queue those of these jobs that neither wait in the queue nor are run; returns which."""
        with _Asking():
            rows = await self.app.connector.execute_query_all_async(_MISSING, ids=list(job_ids))
            missing = [JobId(row["wanted"]) for row in rows]
            for job_id in missing:
                await self._defer(job_id)
        return missing

    async def workers_alive(self) -> int:
        """How many workers gave a sign of life lately."""
        with _Asking():
            found = await self.app.connector.execute_query_one_async(_ALIVE, secs=DEAD_AFTER_S)
        return int(found["alive"])

    async def note_alive(self, worker_id: int) -> None:
        """A sign of life of a worker."""
        with _Asking():
            await self.app.job_manager.update_heartbeat(worker_id)

    async def hand_on(self) -> int:
        """Give jobs of dead workers back to the queue; returns how many. Only one process may do so at a time."""
        manager = self.app.job_manager
        with _Asking():
            stalled = list(await manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=DEAD_AFTER_S))
            for job in stalled:
                try:
                    await manager.retry_job(job)
                except ConnectorException:
                    # It ended meanwhile; or the same job was queued again, and waits for this one to go.
                    await self._finish(job)
        return len(stalled)

    async def _finish(self, job: procrastinate.jobs.Job) -> None:
        try:
            await self.app.job_manager.finish_job(job, status=procrastinate.jobs.Status.FAILED, delete_job=True)
        except ConnectorException:
            return

    async def _defer(self, job_id: JobId) -> None:
        task = self.app.configure_task(RUN_JOB, queue=QUEUE, lock=_name(job_id), queueing_lock=_name(job_id))
        try:
            await task.defer_async(job_id=job_id)
        except AlreadyEnqueued:
            return


def _pool(**options: Any) -> psycopg_pool.AsyncConnectionPool:
    """Procrastinate's own asks every connection whether it lives each time; one that was used a moment ago need not be."""
    used: WeakKeyDictionary[psycopg.AsyncConnection, float] = WeakKeyDictionary()

    async def check(connection: psycopg.AsyncConnection) -> None:
        if time.monotonic() - used.get(connection, -LAY_STILL_S) >= LAY_STILL_S:
            await psycopg_pool.AsyncConnectionPool.check_connection(connection)

    async def reset(connection: psycopg.AsyncConnection) -> None:
        used[connection] = time.monotonic()

    async def try_again(pool: psycopg_pool.AsyncConnectionPool) -> None:
        if pool.get_stats().get("requests_waiting"):
            await pool.check()  # which lets an empty pool grow

    own = {"check": check, "reset": reset, "reconnect_timeout": RECONNECT_S, "reconnect_failed": try_again}
    return psycopg_pool.AsyncConnectionPool(**(options | own))


def _name(job_id: JobId) -> str:
    return f"job:{job_id}"


class _Asking:
    """Around what the queue's database is asked: its errors become ours, and a cancellation meanwhile is never lost.

    On Python 3.11 `asyncio.wait_for`, by which the pool waits for a connection, drops a cancellation that comes in the
    same moment as the connection (mended in Python 3.12): whoever was told to end would go on, and be waited for, for ever.
    """

    def __enter__(self) -> None:
        self._cancelled_before = _cancellations()

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if _cancellations() > self._cancelled_before and (error is None or isinstance(error, Exception)):
            raise asyncio.CancelledError from error
        if isinstance(error, (ConnectorException, asyncio.TimeoutError)):
            raise DatabaseUnavailable from error


def _cancellations() -> int:
    """How often the task that runs was told to end."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()

"""What a transition adds to the metrics. Counted after it was committed, so that nothing is counted that did not happen."""

from __future__ import annotations

from bot.ids import JobId
from bot.jobs.model import Job
from bot.jobs.moves import Move, Settle
from bot.jobs.states import State
from bot.money.amount import FREE
from bot.telemetry.metrics import Metrics


class Tally:
    """Counts the transitions of one process."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._ended_before: set[JobId] = set()
        """Jobs that ended once and go on: sent again, or proven late. They do not end a second time."""

    def add(self, move: Move, moved: Job) -> None:
        """Count one transition: `move` as it was carried out, and the job as it stands since."""
        job, metrics = move.job, self._metrics
        if isinstance(move.money, Settle):
            # Late proof comes on top of what was booked before.
            metrics.settled(moved.provider, moved.model, move.money.amount - (job.charged or FREE))
        if (fact := move.ended_delivery) is not None:
            metrics.deliveries.labels(job.requester.answered_on, fact.method or "none", fact.outcome).inc()
        if job.is_final and not moved.is_final:
            self._ended_before.add(job.id)
        elif moved.is_final and not job.is_final:
            self._end(moved)

    def _end(self, job: Job) -> None:
        if job.id in self._ended_before:
            self._ended_before.discard(job.id)
            return
        labels = (job.provider, job.model)
        self._metrics.jobs_ended.labels(job.requester.platform, *labels, job.state.value).inc()
        if job.state is State.DELIVERED:
            taken = (job.state_since - job.created_at).total_seconds()
            self._metrics.job_seconds.labels(*labels).observe(max(taken, 0.0))

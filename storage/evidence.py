"""Evidence: what the outside told us of an attempt by itself. Facts, written once, whoever owns the job."""

from __future__ import annotations

from functools import cache

import sqlalchemy as sa

from bot.errors import Fenced
from bot.jobs.model import Evidence, EvidenceKind, Submission, WishKind
from bot.jobs.moves import AttemptFact
from bot.ports import Clock
from storage import tables
from storage.database import Database, insert_into
from storage.rows import submission_from_row
from storage.submissions import write_attempt_fact

_evidence = tables.evidence
_submissions = tables.submissions

_OWNER = sa.select(_submissions.c.attempt_id).where(
    _submissions.c.provider == sa.bindparam("of_provider"), _submissions.c.provider_job_id == sa.bindparam("of_id")
)
_ID = sa.select(_submissions.c.provider_job_id).where(_submissions.c.attempt_id == sa.bindparam("of_attempt"))


class EvidenceBook:
    """What came in for one installation."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def receive(self, submission: Submission, evidence: Evidence) -> bool:
        """Write it down, and what follows from it, in one transaction; False when the same was there already.

        A webhook gives the attempt its id where it has none, and leaves a hint for the job. What the attempt's outcome
        is, is not for it to say. Raises `Fenced`, with nothing written, when the attempt has another id by now, or the
        id belongs to another attempt.
        """
        among = (f"evidence {submission.provider}",)
        name = f"evidence {evidence.kind}"
        return await self._database.transact(name, self._receive, submission, evidence, among=among)

    def _receive(self, connection: sa.Connection, submission: Submission, evidence: Evidence) -> bool:
        now = self._clock.now()
        row = {"attempt_id": submission.attempt_id, "kind": evidence.kind.value, "at": now}
        row |= {"provider_job_id": evidence.provider_job_id, "status": evidence.status}
        if connection.execute(_insert(connection.dialect.name), row).first() is None:
            return False
        if evidence.kind is not EvidenceKind.WEBHOOK:
            return True
        known = connection.execute(_ID, {"of_attempt": submission.attempt_id}).scalar_one()
        if known is None:
            of_it = {"of_provider": submission.provider, "of_id": evidence.provider_job_id}
            if connection.execute(_OWNER, of_it).first() is not None:
                raise Fenced("another attempt has this id")
            fact = AttemptFact(attempt_id=submission.attempt_id, provider_job_id=evidence.provider_job_id)
            write_attempt_fact(connection, fact, now)
        elif known != evidence.provider_job_id:
            raise Fenced("this attempt has another id")
        wish = {"job_id": submission.job_id, "kind": WishKind.HINT.value, "by": submission.provider, "at": now}
        details = {"provider_job_id": evidence.provider_job_id, "status": evidence.status}
        connection.execute(tables.wishes.insert(), wish | {"details": details})
        return True

    async def of_attempt(self, attempt_id: str) -> list[Evidence]:
        """What came in for an attempt, oldest first."""
        async with self._database.look() as connection:
            rows = await connection.execute(
                sa.select(_evidence).where(_evidence.c.attempt_id == attempt_id).order_by(_evidence.c.id)
            )
            return [
                Evidence(
                    attempt_id=row.attempt_id,
                    kind=EvidenceKind(row.kind),
                    provider_job_id=row.provider_job_id,
                    status=row.status,
                )
                for row in rows
            ]

    async def attempt_of_input(self, asset_id: str, input_url: str) -> Submission | None:
        """The attempt that was given this asset at this address."""
        roles = tables.job_assets
        async with self._database.look() as connection:
            # By way of the asset: addresses are not indexed, and few jobs share a picture.
            found = await connection.execute(
                sa.select(_submissions)
                .join(roles, roles.c.job_id == _submissions.c.job_id)
                .where(roles.c.asset_id == asset_id, _submissions.c.input_url == input_url)
                .limit(1)
            )
            row = found.mappings().first()
        return submission_from_row(row) if row else None


@cache
def _insert(dialect: str) -> sa.Insert:
    return insert_into(dialect, _evidence).on_conflict_do_nothing().returning(_evidence.c.id)

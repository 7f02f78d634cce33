"""Requests that were made before: under the same key, or as the second of two presses of one button."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from bot.jobs.model import JobRequest
from bot.keeping.pseudonyms import FORGOTTEN, Pseudonyms
from storage import tables

PRESSED_TWICE_WITHIN = timedelta(seconds=10)
"""Two presses of the same button under one clip by one person are one job."""

_jobs = tables.jobs
_aliases = tables.request_aliases
_ALIAS = _aliases.insert()


def _is(table: sa.Table) -> sa.ColumnElement[bool]:
    """Under this person's key, or as an erased job of this person, forgotten since. Two searches of one index."""
    own = sa.and_(table.c.person == sa.bindparam("of_person"), table.c.request_key == sa.bindparam("of_key"))
    hidden = table.c.request_key.in_(sa.bindparam("hidden", expanding=True))
    return sa.or_(own, sa.and_(table.c.person == FORGOTTEN, hidden))


_BY_KEY = sa.select(_jobs).where(_is(_jobs))
_BY_ALIAS = sa.select(_jobs).join(_aliases, _aliases.c.job_id == _jobs.c.id).where(_is(_aliases))
# The mark holds the relation, and everything else that was asked.
_TWIN = (
    sa.select(_jobs)
    .where(
        _jobs.c.parent_id == sa.bindparam("of_parent"),
        _jobs.c.person == sa.bindparam("of_person"),
        _jobs.c.fingerprint == sa.bindparam("of_mark"),
        _jobs.c.created_at > sa.bindparam("since"),
    )
    .order_by(_jobs.c.seq.desc())
    .limit(1)
)


class Repeats:
    """Finds the job that a request asks for once more."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms

    def find(
        self, connection: sa.Connection, request: JobRequest, mark: str, now: datetime, *, writes: bool = True
    ) -> sa.RowMapping | None:
        """The job that this request asks for once more: by its key, or as the second of two presses of one button."""
        person, key = request.requester.person, request.request_key
        if key is not None:
            # An erased job must not be ordered again by a platform that delivers its request late.
            names = {
                "of_person": person, "of_key": key, "hidden": self._pseudonyms.request_keys(person, key),
            }  # fmt: skip
            for question in (_BY_KEY, _BY_ALIAS) if request.parent_id is not None else (_BY_KEY,):
                if (found := connection.execute(question, names).mappings().first()) is not None:
                    return found
        if request.parent_id is None:
            return None
        twin = {
            "of_parent": request.parent_id, "of_person": person, "of_mark": mark, "since": now - PRESSED_TWICE_WITHIN,
        }  # fmt: skip
        first = connection.execute(_TWIN, twin).mappings().first()
        if first is not None and key is not None and writes:
            # Whoever says this key once more, however late, means that job.
            connection.execute(_ALIAS, {"person": person, "request_key": key, "job_id": first["id"]})
        return first

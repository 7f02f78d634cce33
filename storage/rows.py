"""Rows to domain values and back. The only place that knows how a job lies in its columns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import RowMapping

from bot.ids import new_id
from bot.jobs.model import (
    Asset,
    AssetKind,
    Clip,
    Delivery,
    Forget,
    InputRef,
    Job,
    JobError,
    JobEvent,
    JobRequest,
    Outcome,
    Relation,
    RenderSettings,
    Requester,
    Submission,
    Wish,
    WishKind,
)
from bot.jobs.states import State
from bot.languages.stored import pack, unpack
from bot.money.amount import Money
from storage import tables

_SAME_NAME = frozenset(
    "version epoch request_key prompt provider model image_asset audio_asset parent_id hold_id attempt_id "
    "provider_job_id result_url delivery_id note progress tries retries_used failed_over flagged held_back "
    "inputs_deleted_at clip_deleted_at erased_at next_at state_since queued_at created_at updated_at".split()
)
_MONEY = {"quote": "quote_micro_usd", "confirmed": "confirmed_micro_usd", "held": "held_micro_usd"} | {
    "charged": "charged_micro_usd"
}
WHOLE_JOB = (
    tables.jobs,
    # Written out: in RETURNING, SQLAlchemy leaves the names of tables away, and `id` would be the wish's own.
    sa.literal_column(
        "EXISTS (SELECT 1 FROM wishes WHERE wishes.job_id = jobs.id AND wishes.taken_at IS NULL)", sa.Boolean
    ).label("wished"),
)
"""What to select, or to return from an update, for `job_from_row` to know of waiting wishes, too."""
_VALUES: Mapping[str, type[Any]] = {
    "settings": RenderSettings,
    "image": InputRef,
    "audio": InputRef,
    "output": Clip,
    "error": JobError,
}


_STANDS = sa.select(tables.jobs.c.version, tables.jobs.c.epoch).where(tables.jobs.c.id == sa.bindparam("of_id"))

# SQLite has one writer, and leaves the lock away.
_LOCKED = _STANDS.with_for_update(key_share=True)


def is_still(connection: sa.Connection, job: Job, *, locks: bool = False) -> bool:
    """Whether nobody moved or took over the job since it was read; `locks`: nor can until the transaction ends."""
    found = (connection.execute(_LOCKED if locks else _STANDS, {"of_id": job.id})).one()
    return tuple(found) == (job.version, job.epoch)


def job_from_row(row: RowMapping | dict[str, Any]) -> Job:
    """The job a row holds."""
    values: dict[str, Any] = {name: row[name] for name in _SAME_NAME}
    for name, column in _MONEY.items():
        values[name] = None if row[column] is None else Money(row[column])
    for name, kind in _VALUES.items():
        values[name] = None if row[name] is None else kind(**row[name])
    if values["note"] is not None:
        values["note"] = unpack(values["note"])
    if (error := values["error"]) is not None:
        values["error"] = replace(error, message=unpack(error.message))
    return Job(
        adjustments=tuple(unpack(each) for each in row["adjustments"] or ()),
        id=row["id"],
        state=State(row["state"]),
        relation=Relation(row["relation"]) if row["relation"] else None,
        forget=Forget(row["forget"]) if row["forget"] else None,
        requester=requester_from_row(row),
        wished=bool(row.get("wished")),
        **values,
    )


def requester_from_row(row: RowMapping | dict[str, Any]) -> Requester:
    """Who asked."""
    return Requester(
        platform=row["platform"],
        workspace=row["workspace"],
        user=row["user"],
        channel=row["channel"],
        thread=row["thread"],
        roles=tuple(row["roles"]),
        locale=row["locale"],
        anchor=row["anchor"],
    )


def job_columns(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Column values for changed fields of a job. `KeyError` for a field nobody may change."""
    columns: dict[str, Any] = {}
    for name, value in changes.items():
        if name in _MONEY:
            columns[_MONEY[name]] = None if value is None else int(value)
        elif name in _VALUES:
            columns[name] = None if value is None else asdict(value)
            if name == "error" and value is not None:
                columns[name]["message"] = pack(value.message)
        elif name == "adjustments":
            columns[name] = [pack(each) for each in value]
        elif name == "note":
            columns[name] = None if value is None else pack(value)
        elif name in _SAME_NAME or name == "anchor":
            columns[name] = value
        else:
            raise KeyError(name)
    return columns


def submission_from_row(row: RowMapping) -> Submission:
    """The attempt a row holds."""
    return Submission(
        attempt_id=row["attempt_id"],
        job_id=row["job_id"],
        provider=row["provider"],
        model=row["model"],
        token=row["token"],
        input_url=row["input_url"],
        started_at=row["started_at"],
        outcome=Outcome(row["outcome"]) if row["outcome"] else None,
        provider_job_id=row["provider_job_id"],
        ended_at=row["ended_at"],
        lookups=row["lookups"],
        lookups_empty=row["lookups_empty"],
        likely_refused=row["likely_refused"],
        refund_expected=row["refund_expected"],
    )


def wish_from_row(row: RowMapping) -> Wish:
    """The wish a row holds."""
    return Wish(
        id=row["id"],
        job_id=row["job_id"],
        kind=WishKind(row["kind"]),
        by=row["by"],
        at=row["at"],
        details=row["details"],
    )


def delivery_from_row(row: RowMapping) -> Delivery:
    """The delivery a row holds."""
    names = "id job_id number place method checkpoint posted_at outcome reference".split()
    return Delivery(**{name: row[name] for name in names})


def event_from_row(row: RowMapping) -> JobEvent:
    """The event a row holds."""
    return JobEvent(
        id=row["id"],
        job_id=row["job_id"],
        at=row["at"],
        kind=row["kind"],
        state=State(row["state"]),
        details=row["details"],
    )


def asset_from_row(row: RowMapping) -> Asset:
    """The asset a row holds."""
    names = "id size_bytes content_type width height duration_s".split()
    return Asset(kind=AssetKind(row["kind"]), is_known=True, **{name: row[name] for name in names})


def new_job_row(request: JobRequest, quote: Money, mark: str, now: datetime) -> dict[str, Any]:
    """The columns of a job that was just accepted, all but its epoch; `mark` is the request's `fingerprint`."""
    requester = request.requester
    return {
        "id": new_id(),
        "state": State.RECEIVED.value,
        "version": 1,
        "platform": requester.platform,
        "workspace": requester.workspace,
        "user": requester.user,
        "channel": requester.channel,
        "thread": requester.thread,
        "roles": list(requester.roles),
        "locale": requester.locale,
        "anchor": requester.anchor,
        "person": requester.person,
        "request_key": request.request_key,
        "fingerprint": mark,
        "prompt": request.prompt,
        "settings": asdict(request.settings),
        "provider": request.provider,
        "model": request.model,
        "image": asdict(request.image),
        "audio": asdict(request.audio) if request.audio else None,
        "parent_id": request.parent_id,
        "relation": request.relation.value if request.relation else None,
        "quote_micro_usd": int(quote),
        "confirmed_micro_usd": int(quote) if request.confirmed else None,
        "held_micro_usd": 0,
        "tries": 0,
        "retries_used": 0,
        "failed_over": False,
        "flagged": False,
        "held_back": False,
        "adjustments": [pack(each) for each in request.adjustments],
        "state_since": now,
        "created_at": now,
        "updated_at": now,
    }


def fingerprint(request: JobRequest) -> str:
    """A hash of what was asked, to tell a repeated request from another under the same key.

    An asset names its content, so the same picture sent twice is the same request; who confirmed it does not matter.
    """
    asked = {
        "prompt": request.prompt,
        "settings": asdict(request.settings),
        "provider": request.provider,
        "model": request.model,
        "image": request.image.locator,
        "audio": request.audio.locator if request.audio else None,
        "parent": request.parent_id,
        "relation": request.relation,
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

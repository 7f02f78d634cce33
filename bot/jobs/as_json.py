"""A job in JSON: one shape for the API, the CLI and exports (DESIGN §7). Fields may be added, never change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from bot.jobs.model import Delivery, Job
from bot.money.amount import Money
from bot.money.limits import Limit, Standing


def moment(value: datetime | None) -> str | None:
    """`2026-01-01T00:00:00Z`, with milliseconds only when there are some."""
    if value is None:
        return None
    value = value.astimezone(UTC)
    precise = "milliseconds" if value.microsecond else "seconds"
    return value.replace(tzinfo=None).isoformat(timespec=precise) + "Z"


def dollars(amount: Money | None) -> str | None:
    """Money as a string."""
    return None if amount is None else amount.to_usd()


def job_as_json(
    job: Job,
    *,
    deliveries: Sequence[Delivery] = (),
    cancel_requested: bool = False,
    queue_position: int | None = None,
    eta_at: datetime | None = None,
    video_url: str | None = None,
    video_path: str | None = None,
) -> dict[str, Any]:
    """The public shape of a job."""
    output = None
    if job.output is not None:
        clip = job.output
        output = {
            "bytes": clip.size_bytes,
            "width": clip.width,
            "height": clip.height,
            "duration_s": clip.duration_s,
            "sha256": clip.asset_id,
            "url": video_url,
            "path": video_path,
            "part": {"sha256": clip.part_id, "url": f"/api/v1/jobs/{job.id}/part"} if clip.part_id else None,
        }
    requester = job.requester
    return {
        "id": job.id,
        "state": job.state.value,
        "provider": job.provider,
        "model": job.model,
        "provider_job_id": job.provider_job_id,
        "prompt": job.prompt,
        "settings": asdict(job.settings),
        "price": {
            "quoted_usd": dollars(job.quote),
            "held_usd": dollars(job.held),
            "charged_usd": dollars(job.charged),
        },
        "requested_by": {
            "platform": requester.platform,
            "workspace": requester.workspace,
            "channel": requester.channel,
            "thread": requester.thread,
            "user": requester.user,
        },
        "parent_id": job.parent_id,
        "relation": job.relation.value if job.relation else None,
        "cancel_requested": cancel_requested,
        "queue_position": queue_position,
        "eta_at": moment(eta_at),
        "progress": job.progress,
        "note": job.note,
        "adjustments": list(job.adjustments),
        "inputs_deleted_at": moment(job.inputs_deleted_at),
        "clip_deleted_at": moment(job.clip_deleted_at),
        "error": asdict(job.error) if job.error else None,
        "output": output,
        "deliveries": [
            {"place": delivery.place, "method": delivery.method, "at": moment(delivery.posted_at)}
            for delivery in deliveries
            if delivery.outcome == "posted"
        ],
        "created_at": moment(job.created_at),
        "updated_at": moment(job.updated_at),
    }


def standing_as_json(standing: Standing) -> dict[str, Any]:
    """One scope of `quota`."""
    return {
        "scope": standing.scope,
        "period": standing.period.value,
        "limit_usd": dollars(standing.limit_usd),
        "used_usd": dollars(standing.used_usd),
        "left_usd": dollars(standing.left_usd),
        "limit_jobs": standing.limit_jobs,
        "used_jobs": standing.used_jobs,
        "resets_at": moment(standing.resets_at),
    }


def limit_as_json(limit: Limit, *, source: str) -> dict[str, Any]:
    """One rule of `limits`; `source` is `stored` or `default`."""

    def figure(value: int | None, is_money: bool) -> Any:
        if value is None:
            return None
        if value < 0:
            return "unlimited"
        return Money(value).to_usd() if is_money else value

    return {
        "scope": limit.scope,
        "period": limit.period.value,
        "usd": figure(limit.micro_usd, True),
        "jobs": figure(limit.jobs, False),
        "source": source,
    }

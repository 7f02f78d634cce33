"""Failover: another provider for a job that nobody has accepted yet. Once per job, and within its hold."""

from __future__ import annotations

from bot.errors import UsageError
from bot.jobs.catalogue import check_settings
from bot.jobs.model import Job
from bot.ports import Model
from bot.tracker.desk import Desk


def another_provider(job: Job, desk: Desk) -> Model | None:
    """The first other paid model that takes the same settings for no more than was held; `None` when there is none.

    A free local render is no substitute for a generated scene, so models of another kind are left out.
    """
    if job.failed_over:
        return None
    try:
        kind = desk.model(job).kind
    except UsageError:
        return None
    for name, provider in desk.providers.items():
        if name == job.provider:
            continue
        for model in provider.models():
            if model.kind == kind and _fits(job, model):
                return model
    return None


def _fits(job: Job, model: Model) -> bool:
    try:
        settings = check_settings(model, job.settings)
        price = model.price.price(duration_s=settings.duration_s, resolution=settings.resolution)
    except (UsageError, KeyError):
        return False
    return settings == job.settings and price <= job.held

"""What Eachlabs is sent and what it answers (vendor page of 2026-06-01 and docs, read 2026-08).

Readers take every shape the page, the docs and the schema show; the HTTP status always comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from adapters.providers.remote import words
from bot.ports import SubmitRequest

AT_WORK: Final = frozenset({"created", "starting", "processing", "queued", "pending", "running"})
DONE: Final = frozenset({"success", "succeeded", "completed"})
FAILED: Final = frozenset({"error", "failed"})
STOPPED: Final = frozenset({"cancelled", "canceled"})


class CreateInput(BaseModel):
    """Every parameter of the model. A resolution they do not list would cost the top rate, so only checked ones come here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: str
    image_url: str
    duration: str
    """Seconds, as text."""
    resolution: str
    enable_prompt_expansion: bool | None
    negative_prompt: str | None = None
    seed: int | None = Field(None, ge=0, le=2_147_483_647)
    """Left out for a random one."""
    audio_url: str | None = None


class CreateBody(BaseModel):
    """A create. `version` is deprecated and left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    input: CreateInput
    webhook_url: str | None = None
    webhook_secret: str | None = None

    @classmethod
    def of(cls, request: SubmitRequest, *, webhook_secret: str, takes_expand: bool = True) -> CreateBody:
        """The body of one attempt."""
        settings = request.settings
        return cls(
            model=request.model,
            input=CreateInput(
                prompt=request.prompt,
                image_url=request.image.url,
                duration=str(settings.duration_s),
                resolution=settings.resolution,
                enable_prompt_expansion=settings.expand if takes_expand else None,
                negative_prompt=settings.negative_prompt,
                seed=settings.seed,
                audio_url=request.audio.url if request.audio else None,
            ),
            webhook_url=request.webhook_url,
            webhook_secret=webhook_secret if request.webhook_url is not None else None,
        )

    def plain(self) -> dict[str, Any]:
        """As JSON, without what is not set."""
        return self.model_dump(exclude_none=True)


def id_in(found: Mapping[str, Any]) -> str | None:
    """The render's id in an answer to a create."""
    for name in ("predictionID", "prediction_id", "id"):
        value = found.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def status_in(found: Mapping[str, Any]) -> str:
    """The word for how a render stands; `None` as text when there is none."""
    return str(found.get("status")).strip().lower()


def message_in(found: Mapping[str, Any]) -> str:
    """What an error body says: `message` and `details` [page], `error` [docs]."""
    parts = [words(found.get(name)) for name in ("message", "error", "details")]
    told = [part for part in dict.fromkeys(parts) if part]
    return ": ".join(told[:2])


def failure_in(found: Mapping[str, Any]) -> str:
    """Why a render failed: the first of the places where it may stand that says something."""
    output = found.get("output")
    inside = output if isinstance(output, dict) else {}
    first = output[0] if isinstance(output, list) and output and isinstance(output[0], dict) else {}
    places = (
        inside.get("error_message"), first.get("error"), found.get("message"), found.get("details"),
        found.get("error"), found.get("logs"), inside.get("error"),
    )  # fmt: skip
    return next((text for place in places if (text := words(place))), "")


def cost_in(found: Mapping[str, Any]) -> object:
    """The settled price, in USD, where it stands."""
    metrics = found.get("metrics")
    return metrics.get("cost") if isinstance(metrics, dict) else None


def input_in(found: Mapping[str, Any]) -> str | None:
    """The picture a render was given; `None` when the answer does not show it."""
    given = found.get("input")
    url = given.get("image_url") if isinstance(given, dict) else None
    return url if isinstance(url, str) else None

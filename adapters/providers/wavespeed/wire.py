"""What WaveSpeed is sent and what it answers (vendor page, docs and SDK 2.0.5, read 2026-06).

Bodies are built from `CreateBody` and nothing else: WaveSpeed drops keys it does not know without a word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from adapters.http.answer import HttpAnswer
from bot.languages.said import say
from bot.ports import SubmitRequest

RANDOM_SEED: Final = -1
AT_WORK: Final = frozenset({"created", "processing", "pending", "queued"})
DONE: Final = frozenset({"completed"})
FAILED: Final = frozenset({"failed", "timeout"})
STOPPED: Final = frozenset({"cancelled", "canceled", "deleted"})

MODERATED: Final = 1200
OTHERWISE: Final = 1403
"""What a failure without a code we know counts as."""
CODES: Final[Mapping[int, tuple[str, str]]] = {
    MODERATED: ("moderation", say("The picture or the words were refused by WaveSpeed's moderation; change them.")),
    1400: ("provider_failed", say("WaveSpeed misses a parameter.")),
    1401: ("provider_failed", say("WaveSpeed refuses a parameter.")),
    1402: ("input_unreachable", say("WaveSpeed could not read the picture; please try again.")),
    1403: ("provider_failed", say("The render failed at {provider}.", provider="WaveSpeed")),
    1405: ("provider_failed", say("The render failed at {provider}.", provider="WaveSpeed")),
    5000: ("provider_failed", say("WaveSpeed had a fault of its own.")),
    5003: ("provider_failed", say("WaveSpeed was not available.")),
    5004: ("timed_out", say("The render timed out at WaveSpeed.")),
}
"""`data.code` of a failed task → our code, and the sentence for the person."""


class CreateBody(BaseModel):
    """Every parameter of the model; what is optional is sent all the same, so that no default of theirs counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: str
    prompt: str
    resolution: str
    duration: int
    enable_prompt_expansion: bool | None
    seed: int | None = Field(ge=RANDOM_SEED, le=2_147_483_647)
    negative_prompt: str | None = None
    audio: str | None = None

    @classmethod
    def of(cls, request: SubmitRequest, *, takes_expand: bool = True, takes_seed: bool = True) -> CreateBody:
        """The body of one attempt."""
        settings = request.settings
        return cls(
            image=request.image.url,
            prompt=request.prompt,
            resolution=settings.resolution,
            duration=settings.duration_s,
            enable_prompt_expansion=settings.expand if takes_expand else None,
            seed=(RANDOM_SEED if settings.seed is None else settings.seed) if takes_seed else None,
            negative_prompt=settings.negative_prompt,
            audio=request.audio.url if request.audio else None,
        )

    def plain(self) -> dict[str, Any]:
        """As JSON, without what is not set."""
        return self.model_dump(exclude_none=True)


@dataclass(frozen=True, slots=True)
class Envelope:
    """`{"code", "message", "data"}` around everything."""

    code: int
    message: str
    data: Mapping[str, Any]

    @classmethod
    def of(cls, found: object, status: int) -> Envelope | None:
        """Read an answer's JSON; `None` when it is no object. A missing code is that of HTTP."""
        if not isinstance(found, dict):
            return None
        code, data = number_in(found, "code"), found.get("data")
        message = found.get("message") or found.get("error") or found.get("msg") or ""
        return cls(
            status if code is None else code,
            message if isinstance(message, str) else "",
            data if isinstance(data, dict) else {},
        )


def meant(answer: HttpAnswer, envelope: Envelope | None) -> HttpAnswer:
    """The answer under the status it is meant as: 200 with another code inside is that code."""
    if envelope is None or answer.status != 200 or not 300 <= envelope.code < 600:
        return answer
    return replace(answer, status=envelope.code)


def number_in(found: Mapping[str, Any], name: str) -> int | None:
    """A whole number, also one that stands there as text."""
    value = found.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def status_in(task: Mapping[str, Any]) -> str:
    """The word for how a task stands; `None` as text when there is none."""
    return str(task.get("status")).strip().lower()


def input_in(task: Mapping[str, Any]) -> str | None:
    """The picture a task was given; `None` when the answer does not show it."""
    given = task.get("input")
    image = given.get("image") if isinstance(given, dict) else None
    return image if isinstance(image, str) else None


def task_age(task: Mapping[str, Any], now: datetime) -> timedelta | None:
    """How long ago a task was created; `created_at` may have nine digits after the second."""
    said = task.get("created_at")
    found = _MOMENT.match(said) if isinstance(said, str) else None
    if found is None:
        return None
    try:
        return now - datetime.fromisoformat(found[1] + (found[2] or "+00:00").replace("Z", "+00:00"))
    except (ValueError, OverflowError):
        return None


_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)?$", re.ASCII)

"""What the API answers with, for its own description. Answers are plain documents; tests hold them to these shapes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from adapters.chat.web.api.written import SOMEBODY
from bot.jobs.model import Relation
from bot.jobs.states import State
from bot.people import TokenScope

PROBLEM = "application/problem+json"


class _Shape(BaseModel):
    model_config = ConfigDict(extra="allow")


class Problem(_Shape):
    """RFC 9457; `code` is stable."""

    type: str
    title: str
    status: int
    detail: str
    code: str


class JobSettings(_Shape):
    """What the model was told besides the prompt and the picture."""

    duration_s: int
    resolution: str
    seed: int | None
    negative_prompt: str | None
    expand: bool
    audio: bool
    camera: str | None
    motion: str | None


class Price(_Shape):
    """Dollars as strings."""

    quoted_usd: str | None
    held_usd: str | None
    charged_usd: str | None


class RequestedBy(_Shape):
    """Who asked, and where."""

    platform: str
    workspace: str
    channel: str | None
    thread: str | None
    user: str


class JobTrouble(_Shape):
    """Why it ended without a clip."""

    code: str
    message: str
    charged: bool


class Output(_Shape):
    """The clip."""

    bytes: int
    width: int
    height: int
    duration_s: float
    sha256: str
    url: str | None
    path: str | None


class Posted(_Shape):
    """One posting of the clip."""

    place: str
    method: str | None
    at: str | None


class JobDocument(_Shape):
    """A job (DESIGN §7). Fields may be added, but never change."""

    id: str
    state: State
    provider: str
    model: str
    provider_job_id: str | None
    prompt: str
    settings: JobSettings
    price: Price
    requested_by: RequestedBy
    parent_id: str | None
    relation: Relation | None
    cancel_requested: bool
    queue_position: int | None
    eta_at: str | None
    error: JobTrouble | None
    output: Output | None
    deliveries: list[Posted]
    created_at: str
    updated_at: str


class JobPage(_Shape):
    """A page of history."""

    jobs: list[JobDocument]
    next_cursor: str | None


class Erased(_Shape):
    """What became of a job that was to be deleted."""

    erased: int
    under_way: list[str]
    remains: list[str]


class Standing(_Shape):
    """How one scope stands."""

    scope: str
    period: Literal["day", "month"]
    limit_usd: str | None
    used_usd: str
    left_usd: str | None
    limit_jobs: int | None
    used_jobs: int
    resets_at: str


class Quota(_Shape):
    """Every scope that the next job counts in."""

    scopes: list[Standing]


class LimitDocument(_Shape):
    """A limit."""

    scope: str
    period: Literal["day", "month"]
    usd: str | None
    jobs: int | str | None
    source: Literal["stored", "default"]


class LimitList(_Shape):
    """Limits."""

    limits: list[LimitDocument]


class ModelDocument(_Shape):
    """What can be ordered."""

    provider: str
    model: str
    title: str
    kind: str
    durations_s: list[int]
    resolutions: list[str]
    default_duration_s: int
    default_resolution: str
    prices_usd: dict[str, str]


class ModelList(_Shape):
    """The catalogue."""

    models: list[ModelDocument]


class TokenDocument(_Shape):
    """A personal token; its secret is not in it."""

    id: str
    user: str
    scopes: list[TokenScope]
    label: str
    created_by: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None


class NewToken(TokenDocument):
    """A token just made: the only time its secret is shown."""

    token: str


class TokenList(_Shape):
    """Personal tokens."""

    tokens: list[TokenDocument]


class TokenBody(BaseModel):
    """What a token is asked for with."""

    model_config = ConfigDict(extra="forbid")

    user: str | None = Field(
        None,
        max_length=120,
        json_schema_extra=SOMEBODY,
        description="Whose it is, like `alice` or `slack:T1:U2`; unset: yours.",
    )
    scopes: list[TokenScope] = Field(default=[TokenScope.READ, TokenScope.WRITE], min_length=1, max_length=3)
    label: str = Field("", max_length=80, description="What it is for; only for people to read.")
    expires_in_days: int | None = Field(None, ge=1, le=3650)


Answers = dict[int | str, dict[str, Any]]
"""What a route may answer with, as FastAPI takes it."""


def shows(model: type[BaseModel], status: int = 200) -> Answers:
    """A route that answers with such a document."""
    return {status: {"model": model}}


def sends(kind: str, *statuses: int) -> Answers:
    """A route that answers with a file of this content type."""
    return {status: {"description": "The file.", "content": {kind: {}}} for status in statuses}


def answers(*statuses: int, **described: Any) -> Answers:
    """The failures a route may answer with, for its description."""
    body = {"description": "A problem with a stable `code`.", "model": Problem, "content": {PROBLEM: {}}}
    return {status: {**body, **described} for status in statuses}

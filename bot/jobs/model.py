"""The values a job is made of. All frozen; a change makes a new one with `dataclasses.replace`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.ids import JobId
from bot.jobs.states import FINAL, State
from bot.money.amount import FREE, Money

OPERATORS_OWN = frozenset({"cli", "api"})
"""Platforms whose people are the operator's own: always allowed, and named without a workspace."""
ON_THE_PAGE = "page"
"""The anchor of what a person of a chat asks for on the web page: the answer stays there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """Who asked, and where the answer belongs."""

    platform: str
    """`discord`, `slack`, `api` or `cli`."""
    workspace: str
    """The isolation boundary: a Discord server, a Slack workspace; `local` for the operator's own."""
    user: str
    channel: str | None = None
    thread: str | None = None
    roles: tuple[str, ...] = ()
    """Role ids that may carry a personal allowance (Discord)."""
    locale: str | None = None
    """The language they are answered in, as their chat names it: `de`, `en-US`, `ja`."""
    anchor: str | None = None
    """Where the answer hangs, as the courier of their chat wrote it down: which message is answered, what may be posted
    there. Theirs to read; never shown."""

    @property
    def person(self) -> str:
        """`discord:1:7`, `slack:T1:U2`, `api:admin`, `cli:local`: how people are named in commands and limits."""
        if self.platform in OPERATORS_OWN:
            return f"{self.platform}:{self.user}"
        return f"{self.platform}:{self.workspace}:{self.user}"

    @property
    def answered_on(self) -> str:
        """Whose courier brings the answer: their own platform's, or the page's, where they asked there."""
        return "api" if self.anchor == ON_THE_PAGE else self.platform


class Relation(StrEnum):
    """How a job descends from its parent."""

    AGAIN = "again"
    EDIT = "edit"
    EXTEND = "extend"
    LOOP = "loop"
    FRAME = "frame"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSettings:
    """What a model is told besides the prompt and the picture."""

    duration_s: int = 5
    resolution: str = "720p"
    seed: int | None = None
    negative_prompt: str | None = None
    expand: bool = False
    audio: bool = False
    camera: str | None = None
    motion: str | None = None


class Forget(StrEnum):
    """What is erased once a job has ended."""

    JOB = "job"
    PERSON = "person"
    """The job, and who asked for it."""


class AssetKind(StrEnum):
    """What an asset is for."""

    ORIGINAL = "original"
    """As the person sent it, picture or sound; kept for Again, never served."""
    IMAGE = "image"
    """The stripped, normalised picture; the only copy that leaves."""
    AUDIO = "audio"
    CLIP = "clip"
    POSTER = "poster"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file we keep. Its id is the SHA-256 of its bytes, in hex."""

    id: str
    kind: AssetKind
    size_bytes: int
    content_type: str
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    stored_at: float | None = field(default=None, compare=False)
    """Just put into the media store, at this time (of the system's clock); `None` when read from our books."""
    is_known: bool = field(default=False, compare=False)
    """Read from our books: whoever refers to it does so only while its row still stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRef:
    """Where an input lies before we have copied it: `source` names who can collect it, `locator` is theirs to read."""

    source: str
    """`asset` (in our media store; `locator` is its id), `frame` (the last frame of the clip with that id), `clip` (that
    clip itself), or a platform's name."""
    locator: str
    filename: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """What a person asked, already parsed and validated, before anything is stored."""

    requester: Requester
    request_key: str | None
    """Unique within its owner (DESIGN §4); `None` never matches another."""
    prompt: str
    provider: str
    model: str
    image: InputRef
    audio: InputRef | None = None
    settings: RenderSettings = field(default_factory=RenderSettings)
    confirmed: bool = False
    """The person said yes to the quoted price in advance (`--yes`, `confirm`)."""
    parent_id: JobId | None = None
    relation: Relation | None = None
    adjustments: tuple[str, ...] = ()
    """What was changed of the inputs already, as in `Job`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """Why a job ended without a clip, for the person."""

    code: str
    message: str
    charged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A finished video in our media store, probed and measured."""

    asset_id: str
    size_bytes: int
    width: int
    height: int
    duration_s: float
    poster_id: str | None = None
    flagged: bool = False
    """The provider marked it as not safe for work."""
    part_id: str | None = None
    """Of an extended clip: the new part by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One accepted wish for one video, from request to delivery."""

    id: JobId
    state: State
    version: int
    """Raised by every transition; a transition names the version it was decided on."""
    epoch: int
    """Which engine owns the job; a write with another epoch changes nothing."""
    requester: Requester
    request_key: str | None
    prompt: str
    settings: RenderSettings
    provider: str
    model: str
    image: InputRef
    audio: InputRef | None = None
    image_asset: str | None = None
    """The normalised picture, once intake has made it."""
    audio_asset: str | None = None
    parent_id: JobId | None = None
    relation: Relation | None = None
    quote: Money = FREE
    """The price told; what a hold will reserve."""
    confirmed: Money | None = None
    """The highest price the person said yes to; `None` when never asked."""
    held: Money = FREE
    """What was held when queued; kept afterwards."""
    hold_id: int | None = None
    """The open hold in the ledger, if any."""
    charged: Money | None = None
    """What the ledger settled."""
    attempt_id: str | None = None
    """The submission this job stands or falls with."""
    provider_job_id: str | None = None
    result_url: str | None = None
    output: Clip | None = None
    delivery_id: str | None = None
    error: JobError | None = None
    note: str | None = None
    """One sentence for the card about why it waits."""
    progress: float | None = None
    tries: int = 0
    """Passing failures of the present step in a row."""
    failed_over: bool = False
    flagged: bool = False
    """The provider marked the result as not safe for work."""
    retries_used: int = 0
    """Submissions made so far."""
    held_back: bool = False
    """Came with a restored database: goes on, but posts nothing by itself."""
    adjustments: tuple[str, ...] = ()
    """What was changed of the inputs to fit the model, each a few words for the card."""
    inputs_deleted_at: datetime | None = None
    """When its picture and sound were deleted, their time being over."""
    clip_deleted_at: datetime | None = None
    """When its clip was."""
    forget: Forget | None = None
    """Somebody who may asked to erase it: done as soon as it has ended, and nothing more is posted."""
    erased_at: datetime | None = None
    """Since when only its bookkeeping is left."""
    next_at: datetime | None = None
    """When to look again; `None` is now."""
    state_since: datetime
    created_at: datetime
    updated_at: datetime
    queued_at: datetime | None = None
    wished: bool = field(default=False, compare=False)
    """Wishes were waiting for an answer when this was read."""

    @property
    def expected_charge(self) -> Money:
        """What counts where the provider does not say what it charged: its own price, which another's hold may exceed."""
        return self.quote if self.failed_over else self.held

    @property
    def is_final(self) -> bool:
        """The engine has nothing left to do by itself."""
        return self.state in FINAL


class WishKind(StrEnum):
    """What people, and hints of providers, may ask of a job that exists."""

    CONFIRM = "confirm"
    CANCEL = "cancel"
    RESOLVE = "resolve"
    RESEND = "resend"
    HINT = "hint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A row of its own that never touches the job's version; the engine takes it at the next step."""

    id: int
    job_id: JobId
    kind: WishKind
    by: str
    at: datetime
    details: dict[str, Any] = field(default_factory=dict)


class Outcome(StrEnum):
    """How a submission ended; written once."""

    ACCEPTED = "accepted"
    NOT_SENT = "not_sent"
    THROTTLED = "throttled"
    REFUSED = "refused"
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One attempt to place a job with a provider; written before it is sent."""

    attempt_id: str
    job_id: JobId
    provider: str
    model: str
    token: str
    """Names the attempt in webhook URLs."""
    input_url: str
    started_at: datetime
    outcome: Outcome | None = None
    provider_job_id: str | None = None
    ended_at: datetime | None = None
    """When it stopped occupying the provider's capacity."""
    lookups: int = 0
    lookups_empty: int = 0
    """How many of them worked and found nothing."""
    likely_refused: bool = False
    """What answered stood before the provider and very likely let nothing through: one empty look-up proves it."""
    refund_expected: bool = False
    """Its render failed, and by the provider's rule is paid back; its books did not show that yet."""


class EvidenceKind(StrEnum):
    """What the outside may tell us of an attempt by itself."""

    WEBHOOK = "webhook"
    INPUT_FETCH = "input_fetch"
    """Somebody outside read the input from our own address: evidence that the provider took the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One such message; a fact of its own. The same one twice is written once."""

    attempt_id: str
    kind: EvidenceKind
    provider_job_id: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One posting of a clip to one place."""

    id: str
    job_id: JobId
    number: int
    """1 for the first; part of the file name `<job>-<n>.mp4`."""
    place: str
    method: str | None = None
    checkpoint: dict[str, Any] | None = None
    posted_at: datetime | None = None
    outcome: str | None = None
    """`posted`, `refused` or `unclear`; empty while it is under way."""
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """Something that happened to a job, for cards, the event stream and the audit."""

    id: int
    job_id: JobId
    at: datetime
    kind: str
    state: State
    details: dict[str, Any] = field(default_factory=dict)

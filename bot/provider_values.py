"""What providers are asked and what they answer: models, requests, renders, findings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bot.ids import JobId
from bot.jobs.model import Asset, RenderSettings
from bot.money.amount import Money
from bot.money.prices import PriceRule


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLimits:
    """What a model accepts as a picture; sides in pixels."""

    min_side: int = 16
    max_side: int = 8192
    max_bytes: int = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One of a provider's offers: what may be asked of it, and what that costs."""

    provider: str
    slug: str
    title: str
    durations_s: tuple[int, ...]
    resolutions: tuple[str, ...]
    default_duration_s: int
    default_resolution: str
    price: PriceRule
    prompt_max: int = 800
    """Unicode code points, after trimming and NFC."""
    negative_max: int = 500
    seed_max: int = 2_147_483_647
    takes_audio: bool = False
    takes_negative: bool = True
    takes_expand: bool = False
    expand_default: bool = False
    takes_seed: bool = True
    real_camera: bool = False
    """Camera and motion words are real moves; otherwise they become prompt text."""
    end_frame: bool = False
    image: ImageLimits = field(default_factory=ImageLimits)
    typical_s: float | None = None
    """How long a render usually takes by the vendor's word; what was measured here replaces it."""
    made_from: str = "image"
    """What it takes: `image`, or `clip` for what is only made from a finished clip and offered under one."""
    kind: str = "generated scene"
    """What the clip truly is, said on the card: `generated scene`, `camera move over the picture` or `loop of the finished clip`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedInput:
    """An asset a provider can reach; unique per attempt."""

    asset: Asset
    url: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitRequest:
    """Everything one attempt sends."""

    attempt_id: str
    job_id: JobId
    model: str
    prompt: str
    settings: RenderSettings
    image: HostedInput
    audio: HostedInput | None = None
    token: str = ""
    webhook_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The provider has it. `price` when it said one."""

    provider_job_id: str
    price: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """Still at work. `progress` runs from 0 to 1 and is `None` unless the provider truly knows."""

    progress: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeded:
    """A result lies at `url`. `price` is what the provider charged, when it says so."""

    url: str
    price: Money | None = None
    flagged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The provider gave up. `charged` is what it kept; `None` when it does not say (then the hold is settled).

    `refund_expected`: by its own rule it keeps nothing, and its books do not show that yet; it is asked again later.
    """

    code: str
    message: str
    charged: Money | None = None
    refund_expected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The provider stopped it. `charged` as in `Failed`."""

    charged: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """The provider does not know the id, or said something we do not understand. Look again later; change nothing."""

    reason: str


CheckResult = Rendering | Succeeded | Failed | Cancelled | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The look-up proved that the attempt was accepted under this id."""

    provider_job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotThere:
    """The look-up worked and did not find it. One empty list proves nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CannotTell:
    """The look-up failed, or could not tell this attempt from others. `candidates` are ids an operator may compare."""

    reason: str
    candidates: tuple[str, ...] = ()


FindResult = Found | NotThere | CannotTell


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEvent:
    """A verified webhook: a hint to look, never proof of a state."""

    provider_job_id: str
    status: str
    input_url: str | None = None
    """The input the call itself names, where it does: it must be that of the attempt the path's token names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """How much an account takes at once. `None` is no limit."""

    max_concurrent: int | None = None
    creates_per_minute: int | None = None
    creates_at_once: int | None = None
    """Creates that may be under way, unanswered, at the same moment: so many may end unconfirmed together."""

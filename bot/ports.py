"""The protocols outsiders implement, and the values that cross them (DESIGN §6).

`adapters` and `storage` implement these; the product calls them. `tests/conformance/` holds one suite per
protocol that every implementation passes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from bot.chat_values import Button, Checkpoint, JobCard, MessageRef, Parcel, Receipt
from bot.doctor.finding import Finding
from bot.ids import JobId
from bot.jobs.model import Asset, AssetKind, Delivery, InputRef, RenderSettings, Requester, Submission
from bot.media_values import ClipFacts, FittedClip, PreparedAudio, PreparedImage
from bot.money.amount import Money
from bot.provider_values import (
    Accepted,
    Cancelled,
    CannotTell,
    Capacity,
    CheckResult,
    Failed,
    FindResult,
    Found,
    HostedInput,
    ImageLimits,
    Model,
    NotThere,
    ProviderEvent,
    Rendering,
    SubmitRequest,
    Succeeded,
    Unknown,
)

# --- time ---------------------------------------------------------------------------------------------------------


class Clock(Protocol):
    """Time, injected so that tests own it."""

    def now(self) -> datetime:
        """Wall-clock time, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait without blocking the loop."""
        ...


# --- providers ----------------------------------------------------------------------------------------------------


@runtime_checkable
class Provider(Protocol):
    """A service, or the local renderer, that makes videos."""

    name: str
    capacity: Capacity

    def models(self) -> Sequence[Model]:
        """The catalogue; the first is the default."""
        ...

    async def host(self, asset: Asset) -> HostedInput:
        """Make an input reachable for the provider; unique per attempt. `ProviderUnavailable` for passing reasons."""
        ...

    async def submit(self, request: SubmitRequest, about_to_send: Callable[[], Awaitable[None]]) -> Accepted:
        """Place one order, at most once.

        Opens what it needs first (a fresh connection), awaits `about_to_send`, and then sends with nothing awaited in
        between and every automatic retry off. When `about_to_send` raises, nothing is sent and the exception passes.
        Raises `NotSent`, `Throttled`, `Refused` or `Unconfirmed`; any other exception counts as `Unconfirmed`.
        """
        ...

    async def check(self, provider_job_id: str) -> CheckResult:
        """Ask once how a job is doing; never waits for it. `ProviderUnavailable` for passing reasons."""
        ...

    async def find(self, submission: Submission) -> FindResult:
        """Look for an attempt whose answer was lost. Costs nothing and creates nothing."""
        ...

    async def cancel(self, provider_job_id: str) -> bool:
        """Ask to stop a job. True when the provider took the wish; the job may still finish."""
        ...

    async def balance(self) -> Money | None:
        """What is left on the account; `None` when the provider does not say. Free of charge."""
        ...

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, attempt_id: str = "") -> ProviderEvent:
        """Verify, then read. `NotAllowed` when the proof is missing or wrong.

        `attempt_id` is the attempt that the address called belongs to; some proofs are made for one attempt only.
        """
        ...


@runtime_checkable
class Quotes(Protocol):
    """A provider that tells a price before the work."""

    async def quote(self, model: str, settings: RenderSettings) -> Money | None:
        """Today's price, free of charge; `None` when it does not say. `ProviderUnavailable` for passing reasons."""
        ...


@runtime_checkable
class LearnsWebhookSecret(Protocol):
    """A provider that tells what it signs its webhooks with."""

    async def learn_webhook_secret(self) -> None:
        """Ask for it, unless it is known. `ProviderUnavailable` when it cannot be had now."""
        ...


@runtime_checkable
class HasHome(Protocol):
    """A provider with an address of its own, where its results may lie although it is not public (a proxy, an emulator)."""

    @property
    def home(self) -> str:
        """The address an operator configured."""
        ...


@runtime_checkable
class TellsTime(Protocol):
    """A provider whose answers say what time it is there."""

    @property
    def skew_s(self) -> float:
        """Seconds by which its clock is ahead of ours, by its last answer."""
        ...


@runtime_checkable
class HasProcesses(Protocol):
    """A provider that works on this machine, in processes that must end with the engine."""

    async def aclose(self) -> None:
        """End them; what they did is begun again by the next `check`."""
        ...


@runtime_checkable
class KeepsResults(Protocol):
    """A provider whose results take up our own room until we say that we have copied them."""

    async def discard(self, provider_job_id: str) -> None:
        """The clip is in the media store: forget the rest. Harmless when called twice."""
        ...


# --- chats --------------------------------------------------------------------------------------------------------


class Courier(Protocol):
    """Brings cards and clips to one chat system."""

    platform: str

    async def collect(self, source: InputRef) -> Asset:
        """Copy an attachment from the platform into the media store, with the platform's credentials.

        `BadInput` when it is gone or not a file we take; `ProviderUnavailable` for passing reasons.
        """
        ...

    async def show(self, card: JobCard, at: MessageRef | None) -> MessageRef | None:
        """Post the card, or edit the one at `at`. `None` where this platform has no cards."""
        ...

    async def deliver(self, parcel: Parcel, save: Callable[[Checkpoint], Awaitable[None]]) -> Receipt:
        """Post the clip at most once, resuming from `parcel.checkpoint`.

        `save` commits before it returns and raises `Fenced` when the job is no longer ours: then nothing more is sent.
        Raises `DeliveryDelayed`, `DeliveryRefused` or `DeliveryUnclear`; any other exception is treated as a passing
        failure and the same delivery is resumed from its last checkpoint.
        """
        ...


# --- engine -------------------------------------------------------------------------------------------------------


@runtime_checkable
class Paced(Protocol):
    """A courier of a chat that limits how often a message may be edited."""

    edit_every_s: float
    """Least time between two edits of one card; how a job ends is shown at once all the same."""


@runtime_checkable
class Examined(Protocol):
    """A courier that can be asked how it fares."""

    def examine(self, alerts_channel: str | None) -> AsyncIterator[Finding]:
        """Every check of its chat, for `doctor`. Reads only."""
        ...


@runtime_checkable
class Retracts(Protocol):
    """A courier that can take back what it posted."""

    async def take_down(self, at: MessageRef, requester: Requester) -> bool:
        """Delete a card. True when it is gone; what is raised counts as False."""
        ...

    async def retract(self, delivery: Delivery, requester: Requester) -> bool:
        """Delete the message or file of one delivery. True when it is gone; what is raised counts as False."""
        ...


class Engine(Protocol):
    """What runs jobs and wakes them."""

    async def start(self, job_id: JobId) -> None:
        """See to it that the job is run. Harmless when called twice."""
        ...

    async def wake(self, job_id: JobId) -> None:
        """End the job's wait now. Harmless when it is not waiting."""
        ...


# --- media --------------------------------------------------------------------------------------------------------


class MediaStore(Protocol):
    """Content-addressed files: the id is the SHA-256 of the bytes."""

    async def put(self, path: Path, kind: AssetKind, content_type: str, *, consume: bool = False) -> Asset:
        """Copy a local file in, atomically and durably: when this returns, a power cut cannot lose it.

        Putting the same bytes twice is harmless. `DiskFull` when there is no room; then nothing is left behind.
        `consume`: nobody else needs the file, which may be moved instead of copied, and be gone from `path`.
        """
        ...

    async def local_path(self, asset_id: str) -> Path | None:
        """The asset as a local file where the store lies on this machine, else `None`."""
        ...

    async def copy_to(self, asset_id: str, path: Path) -> None:
        """Write the asset to a local file. `NotFound` when it is gone."""
        ...

    async def size(self, asset_id: str) -> int:
        """Bytes. `NotFound` when it is gone."""
        ...

    def read(self, asset_id: str, *, start: int, end: int) -> Any:
        """An async iterator over the bytes `start` to `end` (exclusive). `NotFound` when it is gone."""
        ...

    async def delete(self, asset_id: str) -> None:
        """Remove it; harmless when it is gone."""
        ...

    async def touch(self, asset: Asset) -> Asset:
        """Make a file that was just put young again, while its row is still to be written. `NotFound` when it is gone."""
        ...

    async def delete_older(self, asset_id: str, age_s: float) -> bool:
        """Remove a file that no row names, unless it was put within `age_s` seconds; says whether it is gone."""
        ...

    def ids(self) -> AsyncIterator[tuple[str, float]]:
        """Every file that is kept, by its id, and how many seconds ago it was put."""
        ...


class MediaWorkshop(Protocol):
    """Everything that decodes. It runs in killable worker processes with limits in bytes, pixels and time."""

    async def prepare_image(self, source: Path, limits: ImageLimits, into: Path) -> PreparedImage:
        """Decode, rotate, strip, flatten and resize a picture. `BadInput` in one sentence when it cannot be used."""
        ...

    async def prepare_audio(self, source: Path, seconds: int, into: Path) -> PreparedAudio:
        """Decode a WAV or MP3, cut it to a clip of `seconds` and write it as a WAV of at least 3 s.

        `BadInput` in one sentence when it cannot be used.
        """
        ...

    async def probe(self, clip: Path) -> ClipFacts:
        """Measure a video by decoding its first frames. `BadInput` when it is not a playable video."""
        ...

    async def poster(self, clip: Path, into: Path) -> None:
        """Write the first frame as a JPEG."""
        ...

    async def last_frame(self, clip: Path, into: Path) -> None:
        """Write the very last frame as a lossless PNG."""
        ...

    async def contact_sheet(self, clip: Path, into: Path) -> None:
        """Write evenly spaced frames side by side as a JPEG."""
        ...

    async def remux(self, clip: Path, into: Path) -> None:
        """Pack pictures and sound anew, untouched, with the index in front."""
        ...

    async def mux_audio(self, clip: Path, audio: Path, into: Path) -> None:
        """Put a WAV or MP3 beside a clip's untouched pictures, cut or followed by silence to be as long as they are."""
        ...

    async def fit(self, clip: Path, max_bytes: int, into: Path) -> FittedClip:
        """Write the clip in at most `max_bytes`: as it is where it fits, else encoded once to land just below.

        `BadInput` when no frame size is small enough.
        """
        ...

    async def join(self, first: Path, second: Path, into: Path) -> None:
        """Write both clips as one, in the first one's size and frame rate.

        The second begins with the first one's last frame, which is shown once. Where only one has sound, the other's
        part is silent. `BadInput` when one of them cannot be read.
        """
        ...

    async def loop(self, clip: Path, into: Path) -> None:
        """Write a clip whose end flows into its beginning, by cross-fading the two."""
        ...


@runtime_checkable
class KeepsReady(Protocol):
    """A workshop that can have a process ready, so that whoever waits for a picture waits less."""

    def keep_ready(self) -> None:
        """From now on."""
        ...

    async def rest(self) -> None:
        """No longer: end what waits."""
        ...


class Fetcher(Protocol):
    """Copies a provider's result to a local file."""

    async def fetch(self, url: str, provider: str, into: Path) -> None:
        """Download completely, or raise and leave nothing at `into`.

        `ProviderUnavailable` for passing reasons (also a link that is dead for now), `ResultGone` when it is gone
        for good, `DiskFull` when there is no room.
        """
        ...


__all__ = [
    "Accepted",
    "Button",
    "Cancelled",
    "CannotTell",
    "Capacity",
    "CheckResult",
    "Checkpoint",
    "ClipFacts",
    "Clock",
    "Courier",
    "Engine",
    "Examined",
    "Failed",
    "Fetcher",
    "FindResult",
    "FittedClip",
    "Found",
    "HasHome",
    "HasProcesses",
    "HostedInput",
    "ImageLimits",
    "JobCard",
    "KeepsReady",
    "KeepsResults",
    "LearnsWebhookSecret",
    "MediaStore",
    "MediaWorkshop",
    "MessageRef",
    "Model",
    "NotThere",
    "Paced",
    "Parcel",
    "PreparedAudio",
    "PreparedImage",
    "Provider",
    "ProviderEvent",
    "Quotes",
    "Receipt",
    "Rendering",
    "Retracts",
    "SubmitRequest",
    "Succeeded",
    "TellsTime",
    "Unknown",
]

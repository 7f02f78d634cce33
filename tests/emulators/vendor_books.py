"""The books of a paid service: what was uploaded, ordered and billed. The journal has it before memory has.

A restarted emulator reads its own log and knows every upload, every job and every bill; only how often a marker has had
its turn starts anew.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.emulators.judging import Journal, Script, read_journal

RENDERING = "rendering"
_MARKER = re.compile(r"\[(?:(?P<only>[a-z]+)/)?(?P<word>[a-z]+(?:-[a-z0-9]+)*)(?::(?P<value>[a-z0-9.-]+))?\]")


class Markers(Script):
    """The markers in a prompt; unlike the judges' they may hold digits and fractions: `[late-5xx]`, `[takes:0.5]`."""

    def __init__(self, text: str, name: str) -> None:
        self._words = {
            match["word"]: match["value"] or "" for match in _MARKER.finditer(text) if match["only"] in (None, name)
        }

    def seconds(self, word: str, default: float) -> float:
        """How long: the number after the colon."""
        return float(self.value(word) or default)


@dataclass
class Upload:
    """A place an input was or will be put."""

    key: str
    """Its path below `/files/`."""
    file_id: str
    url: str
    content_type: str
    headers: dict[str, str]
    """What the PUT has to carry, to the letter."""
    size: int | None
    """What was announced, where the service asks for it."""
    at: float
    hosted: bool = False
    deleted: bool = False


@dataclass
class Job:
    """A create that was accepted, and so is billed."""

    id: str
    model: str
    prompt: str
    input_url: str
    audio_url: str | None
    duration_s: int
    resolution: str
    seed: int | None
    webhook_url: str | None
    webhook_secret: str | None
    billed: int
    """Micro-USD."""
    shown: dict[str, Any]
    """What poll answers repeat as `input`."""
    at: float
    markers: Markers
    status: str = RENDERING
    kept: int = 0
    """What of `billed` was not given back."""
    code: int = 0
    reason: str = ""
    ended_at: float = 0.0
    unreachable: bool = False
    """The input could not be fetched."""
    deleted: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    counts: Counter[str] = field(default_factory=Counter)
    ending: asyncio.Task[None] | None = None
    deliveries: list[dict[str, Any]] = field(default_factory=list)
    """Every attempt to call the webhook."""

    def turn(self, word: str, default: int = 1) -> bool:
        """Whether this marker still has a turn; takes it."""
        if word not in self.markers:
            return False
        self.counts[word] += 1
        return self.counts[word] <= self.markers.times(word, default)


class Books:
    """Everything the service knows about its customer."""

    def __init__(self, log: Path, name: str, *, strict: bool) -> None:
        self._name = name
        self._strict = strict
        self._turns: Counter[tuple[str, str]] = Counter()
        self.jobs: dict[str, Job] = {}
        self.uploads: dict[str, Upload] = {}
        self.inputs: set[str] = set()
        """Input URLs of accepted creates."""
        self.secrets: set[str] = set()
        """Webhook secrets of accepted creates."""
        self.origins: set[str] = set()
        """Every address this emulator has had."""
        for entry in read_journal(log):
            self._remember(entry)
        self.journal = Journal(log, name)

    def _remember(self, entry: dict[str, Any]) -> None:
        match entry["event"]:
            case "started":
                self.origins.add(entry["url"])
            case "ticket":
                self._keep_upload(entry)
            case "hosted":
                self.uploads[entry["key"]].hosted = True
            case "file-deleted":
                self.uploads[entry["key"]].deleted = True
            case "accepted":
                self._keep_job(entry, entry["at"])
            case "deleted":
                self.jobs[entry["provider_job_id"]].deleted = True
            case "succeeded" | "failed" | "cancelled":
                self._close(self.jobs[entry["provider_job_id"]], entry, entry["at"])

    def violation(self, why: str, request: Any = None) -> None:
        """Write down a fault of the client."""
        if self._strict:
            self.journal.write("violation", why=why, request=request)

    def started(self, url: str) -> None:
        """Links will begin with this."""
        self.journal.write("started", url=url)
        self.origins.add(url)

    def ticket(self, **facts: Any) -> Upload:
        """Promise a place for an upload."""
        self.journal.write("ticket", **facts)
        return self._keep_upload(facts | {"at": time.time()})

    def _keep_upload(self, entry: dict[str, Any]) -> Upload:
        names = ("key", "file_id", "url", "content_type", "headers", "size", "at")
        upload = self.uploads[entry["key"]] = Upload(**{name: entry[name] for name in names})
        return upload

    def hosted(self, upload: Upload, sha256: str, size: int) -> None:
        """The bytes are on the disk."""
        self.journal.write("hosted", url=upload.url, key=upload.key, sha256=sha256, size=size)
        upload.hosted = True

    def delete_file(self, upload: Upload) -> None:
        self.journal.write("file-deleted", url=upload.url, key=upload.key)
        upload.deleted = True

    def accept(self, **facts: Any) -> Job:
        """Take an order: from here on it costs money."""
        self.journal.write("accepted", **facts)
        return self._keep_job(facts, time.time())

    def _keep_job(self, entry: dict[str, Any], at: float) -> Job:
        names = ("model", "prompt", "input_url", "audio_url", "duration_s", "resolution", "seed", "billed")
        job = Job(
            **{name: entry[name] for name in names},
            id=entry["provider_job_id"],
            webhook_url=entry["webhook_url"],
            webhook_secret=entry["webhook_secret"],
            shown=entry["shown"],
            at=at,
            markers=Markers(entry["prompt"], self._name),
            kept=entry["billed"],
        )
        self.jobs[job.id] = job
        self.inputs.add(job.input_url)
        if job.webhook_secret:
            self.secrets.add(job.webhook_secret)
        return job

    def end(self, job: Job, event: str, *, kept: int, code: int = 0, reason: str = "") -> None:
        """Close a job: `succeeded`, `failed` or `cancelled`."""
        facts = {"provider_job_id": job.id, "kept": kept, "code": code, "reason": reason}
        self.journal.write(event, **facts)
        self._close(job, facts | {"event": event}, time.time())

    def _close(self, job: Job, entry: dict[str, Any], at: float) -> None:
        job.status, job.kept, job.ended_at = entry["event"], entry["kept"], at
        job.code, job.reason = entry["code"], entry["reason"]
        job.ended.set()

    def delete(self, job: Job) -> None:
        """Forget a job for good, as far as the customer can see."""
        self.journal.write("deleted", provider_job_id=job.id)
        job.deleted = True

    def spent(self) -> int:
        """Micro-USD that were taken and not given back."""
        return sum(job.kept for job in self.jobs.values())

    def turn(self, prompt: str, markers: Markers, word: str, default: int = 1) -> bool:
        """Whether this marker still has a turn among the creates with this prompt; takes it."""
        if word not in markers:
            return False
        self._turns[prompt, word] += 1
        return self._turns[prompt, word] <= markers.times(word, default)

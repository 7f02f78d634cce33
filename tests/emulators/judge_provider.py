"""A video provider that bills, forgets to answer, throttles, hangs and loses results: exactly as the prompt tells it to.

    python -m tests.emulators.judge_provider --log FILE --port-file FILE [--name judge] [--port N] [--script FILE]

It never prevents a double charge: whatever is submitted is billed and written down. The suite counts afterwards.

Markers in the prompt (`[backup/…]` is for the judge of that name only):

    reset-before[:n]   the first n connections of the job break off in the handshake, before any request is read
    throttled[:n]      429 for the first n creates of the job           refused[:about]     refused, nothing billed
    lost-answer[:n]    accepted and billed, no answer, n times          hang                the same, connection kept open
    garbled[:n]        accepted and billed, an answer without an id     slow[:n]            n checks long
    stuck              never finishes                                   flagged             finishes, not safe for work
    billed-then-failed fails and keeps the money                        failed-free         fails and gives it back
    failed-silent      fails and does not say what it kept              unknown-check[:n]   n checks do not know the id
    check-down[:n]     n checks answer "unavailable"                    dead-link[:n]       the result link is dead n times
    gone               the result link is dead for good                 late-cancel         cancel is taken, finishes anyway
    no-cancel          cancel is not offered                            not-listed[:n]      n look-ups do not see it yet
    cannot-tell        look-ups cannot tell it from others              dearer              bills twice what it quoted
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.emulators.judging import (
    Answer,
    Bench,
    Hang,
    HangUp,
    Journal,
    Script,
    Violation,
    arguments,
    demand,
    read_journal,
    settings_from,
)

CLIP_MAGIC = b"JUDGE-CLIP\n"
RATES = {"480p": 50_000, "720p": 100_000, "1080p": 150_000}
"""Micro-USD per second."""
FINISHED = frozenset({"succeeded", "failed", "cancelled"})


def clip_of(provider_job_id: str) -> bytes:
    """The bytes a job's clip is made of: different for every job, the same whenever asked."""
    seed = hashlib.sha256(provider_job_id.encode()).digest()
    return CLIP_MAGIC + provider_job_id.encode() + b"\n" + seed * 64


@dataclass
class Render:
    """A job the judge accepted."""

    id: str
    job_id: str
    input_url: str
    script: Script
    billed: int
    status: str = "rendering"
    kept: int = 0
    """What of `billed` was not given back."""
    counts: Counter[str] = field(default_factory=Counter)

    def once_more(self, word: str, default: int) -> bool:
        """Whether this marker still has a turn; takes it."""
        self.counts[word] += 1
        return self.counts[word] <= self.script.times(word, default)


class Court:
    """The provider's books. Every change is in the journal before it is in memory."""

    def __init__(self, name: str, journal: Journal, settings: dict[str, Any]) -> None:
        self._name = name
        self._journal = journal
        self._settings = settings
        self._renders: dict[str, Render] = {}
        self._hosted: dict[str, bool] = {}
        """Every input URL given out, and whether an attempt has used it."""
        self._counts: Counter[tuple[str, str]] = Counter()
        self.operations = {
            "hello": self.hello,
            "host": self.host,
            "submit": self.submit,
            "check": self.check,
            "find": self.find,
            "list": self.listed,
            "cancel": self.cancel,
            "get": self.get,
            "balance": self.balance,
        }

    def remember(self, log: Path) -> None:
        """Take up the books where an earlier process left them; how often a marker had its turn starts anew."""
        for entry in read_journal(log):
            match entry["event"]:
                case "hosted":
                    self._hosted[entry["url"]] = False
                case "accepted":
                    self._keep(entry)
                case "succeeded" | "failed" | "cancelled":
                    render = self._renders[entry["provider_job_id"]]
                    render.status, render.kept = entry["event"], entry["kept"]

    def _keep(self, entry: dict[str, Any]) -> Render:
        self._hosted[entry["input_url"]] = True
        render = Render(
            id=entry["provider_job_id"],
            job_id=entry["job_id"],
            input_url=entry["input_url"],
            script=Script(entry["prompt"], self._name),
            billed=entry["billed"],
            kept=entry["billed"],
        )
        self._renders[render.id] = render
        return render

    def hello(self, request: dict[str, Any]) -> Answer:
        """The handshake before a create; carries what a TLS handshake would not, so that scripts can break it off."""
        demand(request, job_id=str, prompt=str)
        if self._again(request["job_id"], "reset-before", Script(request["prompt"], self._name), 1):
            self._journal.write("reset", job_id=request["job_id"])
            raise HangUp
        return {"ok": True}

    def host(self, request: dict[str, Any]) -> Answer:
        demand(request, sha256=str, size_bytes=int)
        url = f"judge://{self._name}/inputs/{len(self._hosted) + 1}-{request['sha256'][:8]}"
        self._journal.write("hosted", url=url, sha256=request["sha256"])
        self._hosted[url] = False
        return {"url": url}

    def submit(self, request: dict[str, Any]) -> Answer:
        texts = dict.fromkeys(("attempt_id", "job_id", "model", "prompt", "token", "input_url", "resolution"), str)
        nullable = (str, type(None))
        demand(
            request,
            **texts,
            duration_s=int,
            seed=(int, type(None)),
            negative_prompt=nullable,
            audio_url=nullable,
            webhook_url=nullable,
            expand=bool,
        )
        job_id, script = request["job_id"], Script(request["prompt"], self._name)
        if self._again(job_id, "throttled", script, 1):
            self._journal.write("throttled", job_id=job_id, attempt_id=request["attempt_id"])
            return {
                "error": "throttled",
                "message": "too many requests",
                "retry_after_s": self._settings["retry_after_s"],
            }
        if "refused" in script:
            about = script.value("refused", "input")
            self._journal.write("refused", job_id=job_id, attempt_id=request["attempt_id"], about=about)
            return {"error": "refused", "message": f"refused: {about}", "about": about}
        if request["model"] not in {f"{self._name}/clip", f"{self._name}/long"}:
            self._journal.write("refused", job_id=job_id, attempt_id=request["attempt_id"], about="model")
            return {"error": "refused", "message": "no such model", "about": "model"}
        if request["resolution"] not in RATES or request["duration_s"] not in (5, 10):
            raise Violation("submit: a resolution or duration we do not offer")
        if self._hosted.get(request["input_url"]) is None:
            raise Violation("submit: an input we do not host")
        if self._hosted[request["input_url"]]:
            self._journal.write("violation", why="submit: an input URL that another attempt used", request=request)
        return self._accept(request, script)

    def _accept(self, request: dict[str, Any], script: Script) -> Answer:
        price = RATES[request["resolution"]] * request["duration_s"] * (2 if "dearer" in script else 1)
        entry = {
            **{name: request[name] for name in ("attempt_id", "job_id", "token", "input_url", "prompt", "model")},
            "provider_job_id": f"{self._name}-{len(self._renders) + 1}",
            "billed": price,
        }
        self._journal.write("accepted", **entry)
        render = self._keep(entry)
        if "hang" in script:
            raise Hang
        if self._again(request["job_id"], "lost-answer", script, 1):
            raise HangUp
        if self._again(request["job_id"], "garbled", script, 1):
            return {"ok": True}
        return {"provider_job_id": render.id, "price_micro_usd": price}

    def check(self, request: dict[str, Any]) -> Answer:
        demand(request, provider_job_id=str)
        render = self._renders.get(request["provider_job_id"])
        if render is None or render.once_more("unknown-check", 1):
            return {"status": "unknown"}
        if render.once_more("check-down", 1):
            return {"error": "unavailable", "message": "try again"}
        if render.status == "rendering":
            self._go_on(render)
        answer: Answer = {"status": render.status}
        if render.status != "rendering" and "failed-silent" not in render.script:
            answer["charged_micro_usd"] = render.kept
        if render.status == "succeeded":
            answer |= {"url": f"judge://{self._name}/results/{render.id}", "flagged": "flagged" in render.script}
        if render.status == "failed":
            answer |= {"code": "judge_failed", "message": "the render failed"}
        return answer

    def _go_on(self, render: Render) -> None:
        script = render.script
        render.counts["check"] += 1
        if "stuck" in script or render.counts["check"] <= (script.times("slow", 3) or self._settings["checks"]):
            return
        if "billed-then-failed" in script or "failed-silent" in script:
            self._end(render, "failed", render.billed)
        elif "failed-free" in script:
            self._end(render, "failed", 0)
        else:
            self._end(render, "succeeded", render.billed)

    def _end(self, render: Render, status: str, kept: int) -> None:
        self._journal.write(status, provider_job_id=render.id, job_id=render.job_id, kept=kept)
        render.status, render.kept = status, kept

    def find(self, request: dict[str, Any]) -> Answer:
        """By the input's URL, which is unique per attempt."""
        demand(request, input_url=str)
        matches = [render for render in self._renders.values() if render.input_url == request["input_url"]]
        if any("cannot-tell" in render.script for render in matches):
            return {"cannot_tell": "the list does not say", "candidates": [render.id for render in matches]}
        seen = [render.id for render in matches if not render.once_more("not-listed", 1)]
        return {"provider_job_id": seen[0] if seen else None}

    def listed(self, request: dict[str, Any]) -> Answer:
        demand(request)
        return {"renders": [{"id": r.id, "status": r.status, "input_url": r.input_url} for r in self._renders.values()]}

    def cancel(self, request: dict[str, Any]) -> Answer:
        demand(request, provider_job_id=str)
        render = self._renders.get(request["provider_job_id"])
        if render is None or render.status in FINISHED or "no-cancel" in render.script:
            return {"taken": False}
        self._journal.write("cancel-taken", provider_job_id=render.id, job_id=render.job_id)
        if "late-cancel" not in render.script:
            self._end(render, "cancelled", 0)
        return {"taken": True}

    def get(self, request: dict[str, Any]) -> Answer:
        demand(request, url=str)
        render = self._renders.get(request["url"].rpartition("/")[2])
        if render is None or render.status != "succeeded" or "gone" in render.script:
            return {"error": "gone", "message": "there is nothing at this address any more"}
        if render.once_more("dead-link", 1):
            return {"error": "unavailable", "message": "not now"}
        self._journal.write("served", provider_job_id=render.id, job_id=render.job_id)
        return {"body": base64.b64encode(clip_of(render.id)).decode()}

    def balance(self, request: dict[str, Any]) -> Answer:
        demand(request)
        return {
            "micro_usd": self._settings["balance_micro_usd"] - sum(render.kept for render in self._renders.values())
        }

    def _again(self, job_id: str, word: str, script: Script, default: int) -> bool:
        self._counts[job_id, word] += 1
        return self._counts[job_id, word] <= script.times(word, default)


def main() -> None:
    options = arguments("judge")
    settings = settings_from(options.script, checks=1, retry_after_s=0.1, balance_micro_usd=1_000_000_000)
    journal = Journal(options.log, options.name)
    court = Court(options.name, journal, settings)
    court.remember(options.log)
    asyncio.run(Bench(journal, court.operations).serve(options.port, options.port_file))


if __name__ == "__main__":
    main()

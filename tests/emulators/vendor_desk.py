"""Where creates are taken, refused, billed and answered: or not answered.

Markers in the prompt, counted per prompt where they concern creates and per job afterwards; `[eachlabs/…]` is for the
emulator of that name only; a bare word counts once unless the table says otherwise:

    nothing accepted    throttled[:n]       429 for the first n       plain-5xx[:n]  503, JSON
                        refused[:about]     about input, moderation, balance, account, model, edge; `balance-429`
                                            chooses the status        code-500*      200 with code 500 and no data
                        redirect*           307                       portal*        200, a login page
    accepted, billed    lost-answer[:n]     TCP reset, no answer      hang*          no answer, connection open
                        late-5xx[:n]        502, HTML                 cut[:n]        half an answer
                        garbled[:n]         200 without an id         empty-200*     200 without a body
                        slow-answer*        after `slow_s`            trickle*       byte by byte
                        born-failed         the answer says "failed"  dearer         bills twice what it quoted
    rendering           takes:N             N seconds                 slow[:n]       n polls long (3)
                        stuck               never ends                backwards      processing, created, processing
                        odd-status[:n]      n polls with a new word
    ends badly          failed-free         gives the money back      billed-then-failed   keeps it
                        failed-silent       keeps it, does not say so moderated      code 1200
                        timed-out           "timeout", code 5004      flagged        finished, not safe for work (WaveSpeed)
    polls               unknown-check[:n]   404                       check-down[:n] 503
                        check-cut[:n]       half an answer            check-401[:n]  401
                        no-output[:n]       finished, no URL yet      no-input       no `input` in the answer
    the clip            dead-link[:n]       404                       link-403[:n]   403
                        empty-clip[:n]      no bytes                  html-clip[:n]  a page
                        short-clip[:n]      half of what was announced  gone         404 for ever
                        moved-link          404, and a later poll names another link
                        link-302[:n]        redirect to itself        link-private[:n]  redirect to a private address
    looking it up       not-listed[:n]      n lists without it        cannot-tell    no-input, no webhook, and a twin in the list
    cancelling          late-cancel         taken, finishes anyway    no-cancel      not offered
    webhooks            no-webhook          webhook-twice             webhook-late:N seconds
                        webhook-early       before the create's answer  webhook-other-job  names another job
                        webhook-old-secret  signed with yesterday's secret

    * for every create with this prompt, unless a number says how many.
"""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from email.utils import formatdate
from typing import Any, ClassVar

from aiohttp import web

from tests.emulators.vendor import Vendor
from tests.emulators.vendor_books import RENDERING, Job, Markers
from tests.emulators.vendor_kiln import NEVER
from tests.emulators.vendor_rules import Order, about_reuse

EARLY_WEBHOOK_WITHIN_S = 5.0
NOT_ACCEPTED = (
    ("plain-5xx", "503", 1),
    ("code-500", "code-500", NEVER),
    ("redirect", "redirect", NEVER),
    ("portal", "portal", NEVER),
)
ACCEPTED = (
    ("lost-answer", "reset", 1),
    ("hang", "hang", NEVER),
    ("late-5xx", "html-502", 1),
    ("cut", "cut", 1),
    ("empty-200", "empty-200", NEVER),
    ("slow-answer", "slow-answer", NEVER),
    ("trickle", "trickle", NEVER),
)
"""Marker, what happens on the wire, and how often when no number says so."""


class Desk(Vendor):
    """Takes orders. A subclass reads them, prices them and says yes or no in its own way."""

    refusals: ClassVar[Mapping[str, tuple[int, str]]]
    """Status and message by what a refusal is about; `balance-429` is the entry for another status than the usual."""

    @abstractmethod
    def read_order(self, request: web.Request, body: dict[str, Any]) -> Order:
        """The create, and everything that is wrong with it."""

    @abstractmethod
    def sells(self, model: str) -> bool:
        """Whether this is a model whose rules we know."""

    @abstractmethod
    def accepted(self, job: Job) -> web.Response:
        """The answer to an accepted create."""

    @abstractmethod
    def garbled(self) -> web.Response:
        """A 200 of the right shape without an id."""

    @abstractmethod
    def new_id(self) -> str:
        """An id as the service makes them."""

    async def create(self, request: web.Request) -> web.StreamResponse:
        """Take, refuse or lose an order."""
        body = await self.json_of(request)
        if body is None:
            return self._refused(request, Order(model="", shown={}, price=0), "input")
        order = self.read_order(request, body)
        for complaint in order.complaints:
            self.violation(f"create: {complaint.why}", body)
        markers = Markers(order.prompt, self.name)
        if (answer := await self._turned_away(request, order, markers)) is not None:
            return answer
        if self.sells(order.model):
            for complaint in about_reuse(order, self.books):
                self.violation(f"create: {complaint.why}", body)
        job = self._accept(request, order, markers)
        if "born-failed" in markers or "webhook-early" in markers:
            await self.kiln.end_now(job)
        if "webhook-early" in markers:
            await asyncio.wait({self.kiln.later(self.kiln.announce(job))}, timeout=EARLY_WEBHOOK_WITHIN_S)
        return await self._answer(request, order, job)

    async def _turned_away(self, request: web.Request, order: Order, markers: Markers) -> web.StreamResponse | None:
        """The answer to a create that is not accepted."""
        if self.books.turn(order.prompt, markers, "throttled"):
            return self._throttled(request, order)
        for marker, word, default in NOT_ACCEPTED:
            if self.books.turn(order.prompt, markers, marker, default):
                return await self.spoil(request, word, self._none)
        if "refused" in markers:
            return await self._refused_for(request, order, markers.value("refused", "input"))
        if not (self.sells(order.model) or self.settings["other_models"]):
            return self._refused(request, order, "model")
        if fatal := next((complaint for complaint in order.complaints if complaint.fatal), None):
            return self._refused(request, order, "input", message=fatal.why)
        if self.settings["enforce_limits"] and self._is_full():
            return self._throttled(request, order)
        if self.balance() * 1_000_000 < order.price:
            return self._refused(request, order, "balance")
        return None

    @staticmethod
    async def _none() -> web.Response:
        return web.Response()

    def _is_full(self) -> bool:
        jobs = self.books.jobs.values()
        at_once = sum(job.status == RENDERING for job in jobs)
        this_minute = sum(job.at > time.time() - 60 for job in jobs)
        return at_once >= self.settings["at_once"] or this_minute >= self.settings["per_minute"]

    def _throttled(self, request: web.Request, order: Order) -> web.Response:
        self.books.journal.write("throttled", **_facts(request, order))
        return self.refuse(429, "")

    async def _refused_for(self, request: web.Request, order: Order, about: str) -> web.StreamResponse:
        about, _, status = about.partition("-")
        if about == "edge":
            self.books.journal.write("refused", about=about, **_facts(request, order))
            return await self.spoil(request, "html-403", self._none)
        return self._refused(request, order, about, status=int(status or 0))

    def _refused(
        self, request: web.Request, order: Order, about: str, *, status: int = 0, message: str = ""
    ) -> web.Response:
        usual_status, usual_message = self.refusals.get(f"{about}-{status}") or self.refusals[about]
        message = message or usual_message
        self.books.journal.write("refused", about=about, message=message, **_facts(request, order))
        return self.refuse(status or usual_status, message)

    def _accept(self, request: web.Request, order: Order, markers: Markers) -> Job:
        job = self.books.accept(
            provider_job_id=self.new_id(),
            model=order.model,
            prompt=order.prompt,
            negative_prompt=order.negative_prompt,
            input_url=order.input_url,
            audio_url=order.audio_url,
            duration_s=order.duration_s,
            resolution=order.resolution,
            seed=order.seed,
            expand=order.expand,
            billed=order.price * (2 if "dearer" in markers else 1),
            webhook_url=order.webhook_url,
            webhook_secret=order.webhook_secret,
            request_id=request.headers.get("X-Request-Id"),
            shown=order.shown,
        )
        self.kiln.start(job)
        return job

    async def _answer(self, request: web.Request, order: Order, job: Job) -> web.StreamResponse:
        async def answer() -> web.Response:
            return await self.finished(job) if order.sync else self.accepted(job)

        for marker, word, default in ACCEPTED:
            if self.books.turn(order.prompt, job.markers, marker, default):
                return await self.spoil(request, word, answer)
        if self.books.turn(order.prompt, job.markers, "garbled"):
            return self.garbled()
        return await answer()

    async def finished(self, job: Job) -> web.Response:
        """The answer to a create that waits for its clip."""
        return self.accepted(job)

    def retry_after(self) -> dict[str, str]:
        """The header of a 429, as the settings want it."""
        value = self.settings["retry_after"]
        if value is None:
            return {}
        return {"Retry-After": formatdate(time.time() + 30, usegmt=True) if value == "date" else value}

    async def poll(self, request: web.Request) -> web.StreamResponse:
        """How a job is doing, or what polls suffer from."""
        job = self.job_of(request)
        if job is None:
            twin = self.twin_of(request.match_info["id"])
            return self.shown(twin) if twin else self.refuse(404, "")
        if job.turn("unknown-check"):
            return self.refuse(404, "")
        if job.turn("check-down"):
            return self.refuse(503, "")
        if job.turn("check-401"):
            return self.refuse(401, "")
        if job.turn("check-cut"):
            return await self.spoil(request, "cut", lambda: self._shown(job))
        await self.kiln.check(job)
        return self.shown(job)

    async def _shown(self, job: Job) -> web.Response:
        return self.shown(job)

    @abstractmethod
    def shown(self, job: Job) -> web.Response:
        """The answer to a poll."""

    def shows_input(self, job: Job) -> bool:
        """Whether poll answers repeat what was ordered."""
        hidden = "no-input" in job.markers or "cannot-tell" in job.markers
        return self.knobs.get("input_shown", True) and not hidden

    def listed(self, kind: str) -> list[Job]:
        """What a list shows, newest first; `[cannot-tell]` jobs have a twin that somebody else ordered."""
        if self.knobs.get("list") == "empty":
            return []
        rows = []
        for job in self.books.jobs.values():
            if "not-listed" in job.markers:
                job.counts[kind] += 1
                if job.counts[kind] <= job.markers.times("not-listed", 1):
                    continue
            rows.append(job)
            if "cannot-tell" in job.markers:
                rows.append(_twin(job))
        return sorted(rows, key=lambda job: -job.at)

    def twin_of(self, job_id: str) -> Job | None:
        """The twin with this id."""
        twins = (_twin(job) for job in self.books.jobs.values() if "cannot-tell" in job.markers)
        return next((twin for twin in twins if twin.id == job_id), None)


def _twin(job: Job) -> Job:
    """Another job of the same model and second, ordered by somebody else who uses the same account."""
    return replace(job, id=job.id[::-1], at=job.at + 0.01, counts=job.counts.copy(), ending=None)


def _facts(request: web.Request, order: Order) -> dict[str, Any]:
    return {
        "prompt": order.prompt,
        "input_url": order.input_url,
        "model": order.model,
        "request_id": request.headers.get("X-Request-Id"),
    }

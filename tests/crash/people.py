"""The people of a story: they ask, they press buttons, and they remember what they were told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bot.app import App
from bot.errors import ReelbotError
from bot.jobs.actions import Presser
from bot.jobs.model import (
    Asset,
    InputRef,
    Job,
    JobRequest,
    Relation,
    RenderSettings,
    Requester,
    Wish,
    WishKind,
)
from bot.jobs.states import State
from tests.crash.evidence import ACKS
from tests.crash.rooms import rooms
from tests.crash.stories import Ask, Deed, Story
from tests.emulators.judge_chat import PICTURE_MAGIC
from tests.emulators.judging import Journal, read_journal

PLATFORM = "judge"
WORKSPACE = "team"
LOOK_EVERY_S = 0.01


class People:
    """Everybody in a story. What they were told is on the disk before anything else happens."""

    def __init__(self, app: App, story: Story, folder: Path, chat_port: int = 0) -> None:
        self._app = app
        self._chat_port = chat_port
        self._story = story
        self._folder = folder
        self._done = {entry["deed"] for entry in read_journal(folder / ACKS) if "deed" in entry}
        made = [entry for entry in read_journal(folder / ACKS) if entry.get("made")]
        self._memory = Journal(folder / ACKS, "people")
        self.jobs: dict[str, str] = {entry["made"]: entry["made_id"] for entry in made}
        """Ask → job id, as far as the answer was yes; with the jobs that were made from others."""

    async def ask(self, ask: Ask) -> None:
        """Ask, always under the same key: as a platform that delivers an event again does."""
        try:
            job, is_new = await self._accept(ask)
        except ReelbotError as error:
            self._memory.write("ack", ask=ask.key, said=error.code)
            return
        self._memory.write("ack", ask=ask.key, said="ok", job_id=job.id, is_new=is_new)
        self.jobs[ask.key] = job.id

    async def _accept(self, ask: Ask) -> tuple[Job, bool]:
        front_desk = self._app.service.front_desk
        model = front_desk.model(self._story.vendor or "judge", None)
        image = self._picture(ask)
        assets: tuple[tuple[str, Asset], ...] = ()
        if not ask.attached:
            picture = self._folder / f"picture-{ask.key}"
            picture.write_bytes(PICTURE_MAGIC + ask.key.encode())
            taken = await self._app.service.take_picture(picture, model, filename="picture.png")
            image, assets = taken.ref, taken.assets
        request = JobRequest(
            requester=self._requester(ask),
            request_key=f"judge:m:{ask.key}",
            prompt=ask.prompt,
            provider=model.provider,
            model=model.slug,
            image=image,
            settings=RenderSettings(duration_s=ask.duration_s, resolution=ask.resolution),
        )
        return await front_desk.accept(request, assets)

    def _requester(self, ask: Ask) -> Requester:
        if self._story.chat in rooms():
            return self._asked(ask)[0]
        return Requester(platform=PLATFORM, workspace=WORKSPACE, user=ask.user, channel=ask.place)

    def _picture(self, ask: Ask) -> InputRef:
        """What the chat holds for the request; the same each time it is asked."""
        if self._story.chat in rooms():
            return self._asked(ask)[1]
        return InputRef(source=PLATFORM, locator=f"picture-{ask.key}", filename="picture.png")

    def _asked(self, ask: Ask) -> tuple[Requester, InputRef]:
        """What somebody did in an emulated chat: once, however often its event is delivered."""
        kept = self._folder / f"asked-{ask.key}.json"
        if not kept.exists():
            requester, picture = rooms()[self._story.chat].asked(ask, self._chat_port)
            kept.with_suffix(".new").write_text(json.dumps([asdict(requester), asdict(picture)]))
            kept.with_suffix(".new").rename(kept)
        who, what = json.loads(kept.read_text())
        return Requester(**who), InputRef(**what)

    async def do(self, deed: Deed) -> None:
        """Wait for the right moment and press the button once; a moment that cannot come any more is let go."""
        name = f"{deed.do} {deed.key} at {deed.at}"
        if name in self._done:
            return
        job_id = await self._once_it_stands(deed)
        try:
            made = await self._press(deed, job_id)
        except ReelbotError as error:
            self._memory.write("ack", deed=name, did=deed.do, job_id=job_id, said=error.code)
        else:
            more = {"made": f"{deed.key}+{deed.do}", "made_id": made.id} if made else {}
            self._memory.write("ack", deed=name, did=deed.do, job_id=job_id, said="ok", **more)
            if made:
                self.jobs[f"{deed.key}+{deed.do}"] = made.id

    async def _once_it_stands(self, deed: Deed) -> str:
        while True:
            job_id = self.jobs.get(deed.key)
            if job_id is not None and (await self.job(job_id)).state is State(deed.at):
                return job_id
            await asyncio.sleep(LOOK_EVERY_S)

    async def _press(self, deed: Deed, job_id: str) -> Job | None:
        """Returns the job that was made, if one was."""
        actions = self._app.service.actions
        ask = next(ask for ask in self._story.asks if ask.key == deed.key)
        presser = Presser(person=self._requester(ask).person)
        match deed.do:
            case "again" | "extend" | "loop" | "frame":
                here = self._requester(ask)
                key = f"judge:press:{deed.key}:{deed.do}"
                made, _ = await self._app.service.lineage.descend(
                    await self.job(job_id), Relation(deed.do), here, presser, request_key=key
                )
                return made
            case "delete":
                await self._app.service.forgetting.delete(await self.job(job_id), presser)
            case "cancel":
                await actions.cancel(job_id, presser)
            case "confirm":
                await actions.confirm(job_id, presser)
            case "resend":
                await actions.resend(job_id, presser)
            case "resolve-lost" | "resolve-submitted":
                operator = Presser(person="cli:local", is_operator=True)
                await actions.resolve(job_id, operator, decision=deed.do.removeprefix("resolve-"))
            case other:
                raise AssertionError(f"nobody knows how to {other}")
        return None

    async def job(self, job_id: str) -> Job:
        """As it stands."""
        job = await self._app.stores.jobs.load(job_id)
        assert job is not None, f"job {job_id} is gone"
        return job

    async def are_done(self, pending: set[str]) -> bool:
        """Whether every job has ended or waits for somebody who is not coming."""
        for key, job_id in self.jobs.items():
            # In this order: a wish that is no longer waiting has already moved the job that is loaded after it.
            wishes = await self._app.stores.wishes.waiting(job_id)
            job = await self.job(job_id)
            if not await self._rests(job, wishes):
                return False
            if any(deed.key == key and deed.at == job.state for deed in self._story.deeds if repr(deed) in pending):
                return False
        return True

    async def ended_as_told(self) -> bool:
        """Whether every job stands where the story says that it ends: then there is nothing more to wait for."""
        ends = {key: (await self.job(job_id)).state.value for key, job_id in self.jobs.items()}
        return ends == self._story.ends

    async def _rests(self, job: Job, wishes: Sequence[Wish]) -> bool:
        if job.state is State.UNCONFIRMED:
            submission = await self._app.stores.submissions.load(job.attempt_id or "")
            looked_enough = submission is not None and submission.lookups >= len(self._app.desk.times.lookups)
            return looked_enough and all(wish.kind is WishKind.CANCEL for wish in wishes)
        return (job.is_final or job.state is State.QUOTED) and not wishes and job.forget is None


def describe(job: Job) -> dict[str, Any]:
    """For reports."""
    return {"state": job.state.value, "note": job.note, "error": job.error.code if job.error else None}

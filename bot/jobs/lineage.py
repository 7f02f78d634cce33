"""What is made from a job that exists: Again, Edit, Extend, Loop, Use last frame (DESIGN §8).

A child takes its own reference to every file it is made from, in the transaction that accepts it: what the parent's
owner deletes later does not touch it. The presser pays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bot.errors import BadPrompt, Expired, NotAllowed, NotFound, TooLate
from bot.jobs.accept import FrontDesk
from bot.jobs.actions import Presser
from bot.jobs.model import Asset, InputRef, Job, JobRequest, Relation, RenderSettings, Requester
from bot.jobs.options import combine
from bot.languages.said import say
from bot.languages.words import state_word
from bot.ports import Model
from bot.prompts.words import parse
from bot.stores import Stores

FROM_CLIP = frozenset({Relation.EXTEND, Relation.LOOP, Relation.FRAME})
"""Relations that need the parent's clip; the others need its picture."""
UNCHANGING = frozenset({Relation.AGAIN, Relation.LOOP})
"""Relations that leave prompt and settings as they were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What the person says anew; what is `None` or absent stays as it was."""

    prompt: str | None = None
    """May hold words such as `--10s`."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `RenderSettings`."""
    provider: str | None = None
    model: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said."""
        said = (self.prompt, self.provider, self.model, *self.settings.values())
        return all(value is None for value in said)


class Lineage:
    """Turns a press under a job into the request for its child, and hands it in."""

    def __init__(self, stores: Stores, front_desk: FrontDesk) -> None:
        self._stores = stores
        self._front_desk = front_desk

    async def descend(
        self,
        parent: Job,
        relation: Relation,
        requester: Requester,
        presser: Presser,
        changes: Changes | None = None,
        *,
        request_key: str | None = None,
        confirmed: bool = False,
    ) -> tuple[Job, bool]:
        """Accept the child of `parent`; returns it, and whether it is new: two presses within ten seconds are one job.

        Raises what `FrontDesk.accept` raises; `NotAllowed` for whoever may not press, `Expired` when what it is made
        from was deleted, `TooLate` when there is no clip (yet), `BadPrompt` for changes that this relation has not.
        """
        changes = changes or Changes()
        _require_may(parent, relation, requester, presser)
        if relation in UNCHANGING and not changes.is_empty:
            button = say("Loop") if relation is Relation.LOOP else say("Again")
            raise BadPrompt(say("{button} takes no changes; use Edit to change words or settings.", button=button))
        if relation is Relation.EDIT and changes.is_empty:
            raise BadPrompt(say("Nothing was changed; use Again for another take with the same words."))
        origin = await self._origin(parent)
        if relation is Relation.LOOP:
            request, assets = await self._loop(parent, origin)
        elif relation in FROM_CLIP:
            request, assets = await self._from_clip(parent, origin, relation, changes)
        else:
            request, assets = await self._from_picture(origin, relation, changes)
        asked = replace(
            request, requester=requester, request_key=request_key, parent_id=parent.id, relation=relation,
            confirmed=confirmed,
        )  # fmt: skip
        return await self._front_desk.accept(asked, assets)

    async def _origin(self, job: Job) -> Job:
        """The job whose words, model and picture count: a loop has none of its own."""
        while job.relation is Relation.LOOP and job.parent_id is not None:
            above = await self._stores.jobs.load(job.parent_id)
            if above is None:
                break
            job = above
        return job

    async def _from_picture(
        self, origin: Job, relation: Relation, changes: Changes
    ) -> tuple[JobRequest, list[tuple[str, Asset]]]:
        if origin.inputs_deleted_at is not None:
            raise Expired(
                say(
                    "The picture of this clip was deleted on {day}, when its time was over: attach a picture again.",
                    day=f"{origin.inputs_deleted_at:%Y-%m-%d}",
                )
            )
        model, prompt, settings = self._words(origin, changes)
        if relation is Relation.AGAIN:
            settings = replace(settings, seed=None)
        files = await self._stores.assets.of_job(origin.id)
        # The prepared copies serve again where the same model is to make a clip of the same length from them.
        same = (model.provider, model.slug, settings.duration_s) == (
            origin.provider, origin.model, origin.settings.duration_s,
        )  # fmt: skip
        roles = ["original", "source"] + (["image"] if same else [])
        if origin.audio is not None and settings.audio:
            roles += ["sound"] + (["audio"] if same else [])
        assets = [(role, files[role]) for role in roles if role in files]
        request = JobRequest(
            requester=origin.requester,
            request_key=None,
            prompt=prompt,
            provider=model.provider,
            model=model.slug,
            image=_kept(files.get("original"), origin.image),
            audio=_kept(files.get("sound"), origin.audio) if settings.audio and origin.audio else None,
            settings=settings,
            adjustments=origin.adjustments if same and "image" in files else (),
        )
        return request, assets

    async def _from_clip(
        self, parent: Job, origin: Job, relation: Relation, changes: Changes
    ) -> tuple[JobRequest, list[tuple[str, Asset]]]:
        clip = await self._clip(parent)
        # What comes next is another scene: the parent's seed is not carried on, one that is said anew counts.
        unseeded = replace(origin, settings=replace(origin.settings, seed=None))
        model, prompt, settings = self._words(unseeded, changes)
        # The parent's sound belongs to what was seen; the new part begins without one.
        settings = replace(settings, audio=False)
        request = JobRequest(
            requester=parent.requester,
            request_key=None,
            prompt=prompt,
            provider=model.provider,
            model=model.slug,
            image=InputRef(source="frame", locator=clip.id),
            settings=settings,
        )
        return request, [("source" if relation is Relation.EXTEND else "frame_of", clip)]

    async def _loop(self, parent: Job, origin: Job) -> tuple[JobRequest, list[tuple[str, Asset]]]:
        clip = await self._clip(parent)
        model = self._front_desk.loop_model()
        length = max(model.durations_s[0], min(round(clip.duration_s or 0), model.durations_s[-1]))
        request = JobRequest(
            requester=parent.requester,
            request_key=None,
            prompt=origin.prompt,
            provider=model.provider,
            model=model.slug,
            image=InputRef(source="clip", locator=clip.id),
            settings=RenderSettings(duration_s=length, resolution=origin.settings.resolution),
        )
        return request, [("image", clip)]

    async def _clip(self, parent: Job) -> Asset:
        if parent.clip_deleted_at is not None:
            raise Expired(
                say(
                    "The clip was deleted on {day}, when its time was over: attach a picture again.",
                    day=f"{parent.clip_deleted_at:%Y-%m-%d}",
                )
            )
        if parent.output is None:
            raise TooLate(
                say("This job is {state} and has no finished clip to go on from.", state=state_word(parent.state))
            )
        clip = await self._stores.assets.load(parent.output.asset_id)
        if clip is None:
            raise NotFound(say("The clip is no longer kept; attach a picture and start anew."))
        return clip

    def _words(self, origin: Job, changes: Changes) -> tuple[Model, str, RenderSettings]:
        """Model, prompt and settings: the origin's, but for what is said anew."""
        written = parse(changes.prompt if changes.prompt is not None else "")
        named = changes.model or written.model
        provider = changes.provider or (origin.provider if named is None else None)
        model = self._front_desk.model(provider, named or (origin.model if changes.provider is None else None))
        prompt = origin.prompt if changes.prompt is None or not written.prompt else written.prompt
        if not prompt:
            raise Expired(
                say("The words of this clip were deleted when their time was over: write them anew with Edit.")
            )
        return model, prompt, combine(model, written, changes.settings, base=origin.settings)


def require_may_edit(job: Job, presser: Presser) -> None:
    """`NotAllowed` for everybody but who asked, and operators."""
    if not presser.is_operator and presser.person != job.requester.person:
        raise NotAllowed(say("Only the person who asked can edit this; press Again or start your own."))


def _require_may(parent: Job, relation: Relation, requester: Requester, presser: Presser) -> None:
    if parent.erased_at is not None or parent.forget:
        raise NotFound(say("There is no job {id}.", id=parent.id))
    home = (parent.requester.platform, parent.requester.workspace)
    if not presser.is_operator and home != (requester.platform, requester.workspace):
        raise NotFound(say("There is no job {id}.", id=parent.id))
    if relation is Relation.EDIT:
        require_may_edit(parent, presser)


def _kept(asset: Asset | None, given: InputRef) -> InputRef:
    """The file itself once it is kept; until then where the person left it."""
    return InputRef(source="asset", locator=asset.id, filename=given.filename) if asset is not None else given

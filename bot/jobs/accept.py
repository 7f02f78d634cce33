"""Accepting a job: everything is checked before one row is written, and nothing says "started" before it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from bot.errors import BadPrompt, LimitReached, NotAllowed
from bot.jobs.catalogue import check_settings, choose_model, quote
from bot.jobs.model import Asset, Job, JobRequest, Relation
from bot.keeping.files import freshened
from bot.languages.said import say
from bot.money.amount import Money
from bot.money.limits import require_room
from bot.ports import Engine, MediaStore, Model, Provider
from bot.prompts.check import check_prompt, compose
from bot.stores import Entrance, Stores
from bot.workspaces import Permission

BLOCKED: Final = say("You cannot use Reelbot here; an operator has blocked you.")


class FrontDesk:
    """Where every front end hands its requests in."""

    def __init__(
        self,
        stores: Stores,
        media: MediaStore,
        providers: Mapping[str, Provider],
        engine: Engine,
        default: str,
        require_disk: Callable[[], None] = lambda: None,
    ) -> None:
        """`require_disk` raises `DiskFull` while there is too little room left for new jobs."""
        self._require_disk = require_disk
        self._stores = stores
        self._media = media
        self._providers = providers
        self._engine = engine
        self._default = default

    def model(self, provider: str | None, model: str | None) -> Model:
        """The catalogue entry asked for, by provider, slug, both or neither. `BadPrompt` names what there is."""
        return choose_model(
            list(self._providers.values()), provider=provider, model=model, default_provider=self._default
        )

    def loop_model(self) -> Model:
        """What makes loops. `BadPrompt` where nothing here does."""
        for provider in self._providers.values():
            for model in provider.models():
                if model.made_from == "clip":
                    return model
        raise BadPrompt(say("Nothing on this installation makes loops; the `local` provider would."))

    async def accept(self, request: JobRequest, assets: Sequence[tuple[str, Asset]] = ()) -> tuple[Job, bool]:
        """Check a request and write its row; returns the job and whether it is new.

        `assets` are files of the request that are in the media store already, by role. Raises `BadPrompt`,
        `NotAllowed`, `LimitReached`, `DiskFull` and `RequestKeyReused`; then nothing was written.
        """
        self._require_disk()
        model = self.model(request.provider, request.model)
        if (model.made_from == "clip") != (request.relation is Relation.LOOP):
            raise BadPrompt(say("{model} is made from a finished clip: press Loop under one.", model=model.title))
        checked = replace(
            request, prompt=check_prompt(request.prompt, model), settings=check_settings(model, request.settings)
        )
        compose(checked.prompt, checked.settings, model)
        price = quote(model, checked.settings)
        try:
            entrance = await self._stores.entrances.look(checked.requester)
            await self._require_permission(checked, price, entrance)
            require_room(price, entrance.standings)
        except (LimitReached, NotAllowed):
            # The same key again is no new request: whoever asks twice gets the job that stands.
            if not await self._stores.jobs.is_repeated(checked):
                raise
        named = await freshened(self._media, assets)
        job, is_new = await self._stores.jobs.accept(checked, price, named)
        if is_new:
            await self._engine.start(job.id)
        return job, is_new

    async def _require_permission(self, request: JobRequest, price: Money, entrance: Entrance) -> None:
        requester = request.requester
        if entrance.is_blocked:
            raise NotAllowed(BLOCKED)
        permission = entrance.permission
        if permission is None:
            permission = await self._stores.workspaces.see(requester)
        if permission is Permission.BLOCKED:
            raise NotAllowed(say("An operator has blocked Reelbot here."))
        if permission is Permission.PENDING and price > 0:
            raise NotAllowed(
                say(
                    "Paid models are not switched on here yet: an operator of this Reelbot must allow it first "
                    "(`reelbot workspaces allow {workspace}`). The `local` provider works.",
                    workspace=f"{requester.platform}:{requester.workspace}",
                )
            )

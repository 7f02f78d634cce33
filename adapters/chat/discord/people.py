"""Who somebody is to Reelbot: the workspace that their job counts in, what they may do there, the language they read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from adapters.chat.discord.anchor import Anchor
from adapters.chat.discord.rest import Rest, RestError
from adapters.chat.discord.scene import Scene
from bot.jobs.actions import Presser
from bot.jobs.model import Job, Requester
from bot.ports import Clock
from bot.stores import WorkspaceStore
from bot.workspaces import PRIVATE, Permission

log = structlog.get_logger(__name__)

PLATFORM: Final = "discord"
REMEMBERED_S: Final = 600.0
"""How long an answer to "is this person a member there?" is believed."""
MOST_REMEMBERED: Final = 10_000
MOST_SERVERS: Final = 20
"""Servers asked about one person."""
PATIENCE_S: Final = 2.0
AUTOMATIC: Final = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who asks, where it counts, and what was chosen for that place."""

    scene: Scene
    workspace: str
    choices: Mapping[str, Any]
    """What the workspace's team lead chose: `language`, `answer`, `model`."""
    presser: Presser

    @property
    def locale(self) -> str:
        """The language of the place where one was chosen, else the person's."""
        return locale_of(self.scene, self.choices)

    def requester(self, *, of: Anchor | None = None, title: str = "", spoiler: bool = False) -> Requester:
        """As whom a job is asked for, with what its answer hangs on; `title` names its thread, if it gets one.

        `of` is what the answer of the job hung on that it is made from.
        """
        scene = self.scene
        anchor = scene.anchor(of=of, spoiler=spoiler, title=title, in_thread=self.choices.get("answer") == "thread")
        return Requester(
            platform=PLATFORM,
            workspace=self.workspace,
            user=scene.user,
            channel=scene.parent or scene.channel,
            thread=scene.channel if scene.parent else None,
            # Roles of another server say nothing about what a person may spend in this one.
            roles=scene.roles if self.workspace == scene.guild else (),
            locale=self.locale,
            anchor=anchor.to_text(),
        )


class People:
    """Tells who somebody is."""

    def __init__(self, workspaces: WorkspaceStore, rest: Rest, clock: Clock, operators: Collection[str]) -> None:
        self._workspaces = workspaces
        self._rest = rest
        self._clock = clock
        self._operators = frozenset(operators)
        self._memberships: dict[tuple[str, str], tuple[float, bool]] = {}

    async def caller(self, scene: Scene, *, of: Job | None = None, choices: Mapping[str, Any] | None = None) -> Caller:
        """Who asks. In direct messages, and where we are no member, this may ask Discord a few questions.

        `of` is the job under which somebody presses: where several workspaces are possible, its own comes first.
        `choices` are the place's own, where they were read a moment ago.
        """
        workspace = await self._home(scene, of.requester.workspace if of else None)
        if choices is None or workspace != scene.guild:
            choices = await self.choices(scene, workspace)
        return Caller(scene=scene, workspace=workspace, choices=choices, presser=self._presser(scene, workspace))

    async def choices(self, scene: Scene, workspace: str | None = None) -> Mapping[str, Any]:
        """What was chosen for this place; asks nobody but the database."""
        workspace = workspace or scene.guild or f"{PRIVATE}{scene.user}"
        return await self._workspaces.settings(PLATFORM, workspace, scene.parent or scene.channel)

    def presser(self, scene: Scene, job: Job) -> Presser:
        """Who presses a button of this job. Asks nobody: a person's own job is theirs in whatever place its card is."""
        own = job.requester.platform == PLATFORM and job.requester.user == scene.user
        return self._presser(scene, job.requester.workspace if own else (scene.guild or f"{PRIVATE}{scene.user}"))

    def may_see(self, scene: Scene, job: Job) -> bool:
        """Whether a job is of this place, or this person's own, or the person operates the installation."""
        if job.requester.platform != PLATFORM or job.erased_at is not None:
            return False
        own = job.requester.user == scene.user
        return own or job.requester.workspace == scene.guild or self.is_operator(scene)

    def is_operator(self, scene: Scene) -> bool:
        """Whether the settings name this person, for this server or everywhere."""
        names = {f"{PLATFORM}:{scene.user}", f"{PLATFORM}:{scene.guild}:{scene.user}"}
        return bool(names & self._operators)

    def _presser(self, scene: Scene, workspace: str) -> Presser:
        # Whoever manages one server is nobody in another.
        is_home = workspace == scene.guild
        return Presser(
            person=f"{PLATFORM}:{workspace}:{scene.user}",
            is_operator=self.is_operator(scene) or f"{PLATFORM}:{workspace}:{scene.user}" in self._operators,
            is_team_lead=is_home and scene.leads,
            is_moderator=is_home and scene.moderates,
        )

    async def _home(self, scene: Scene, preferred: str | None) -> str:
        """The workspace that counts: the server itself where we are a member; elsewhere an allowed one of theirs."""
        if scene.guild is not None and scene.is_member:
            return scene.guild
        alone = f"{PRIVATE}{scene.user}"
        allowed = [
            each.workspace
            for each in await self._workspaces.all()
            if each.platform == PLATFORM
            and each.permission is Permission.ALLOWED
            and not each.workspace.startswith(PRIVATE)
        ]
        if scene.guild in allowed:
            return str(scene.guild)
        if preferred == alone:
            return alone
        for guild in sorted(allowed, key=lambda each: each != preferred)[:MOST_SERVERS]:
            if await self._is_in(guild, scene.user):
                return guild
        return alone

    async def _is_in(self, guild: str, user: str) -> bool:
        known = self._memberships.get((guild, user))
        if known is not None and known[0] > self._clock.monotonic():
            return known[1]
        try:
            await self._rest.ask("GET", f"/guilds/{guild}/members/{user}", patience_s=PATIENCE_S)
            found = True
        except RestError as error:
            # 404: the person is not there. 403: we are not there any more.
            if error.status not in (403, 404):
                raise
            found = False
        if len(self._memberships) >= MOST_REMEMBERED:
            self._memberships.clear()
        self._memberships[guild, user] = (self._clock.monotonic() + REMEMBERED_S, found)
        return found


def locale_of(scene: Scene, choices: Mapping[str, Any]) -> str:
    """The language to answer in."""
    chosen = choices.get("language")
    return str(chosen) if chosen and chosen != AUTOMATIC else scene.locale

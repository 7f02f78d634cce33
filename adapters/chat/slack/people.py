"""Who somebody is on Slack: the workspace that counts, what they may do there, the language they read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from adapters.chat.slack.anchor import Anchor
from adapters.chat.slack.api import Bot, SlackApi, SlackError, TokenDead, Unclear
from adapters.chat.slack.bots import PLATFORM
from adapters.chat.slack.scene import Scene
from bot.errors import DeliveryDelayed, NotAllowed
from bot.jobs.actions import Presser
from bot.jobs.model import Job, Requester
from bot.languages.said import say
from bot.ports import Clock
from bot.stores import WorkspaceStore

log = structlog.get_logger(__name__)

REMEMBERED_S: Final = 600.0
"""How long what Slack says of a person is believed without asking again."""
OLD_IS_BETTER_S: Final = 86_400.0
"""So long, when Slack does not answer: knowing who led yesterday is better than knowing nothing."""
MOST_REMEMBERED: Final = 20_000
ASK_S: Final = 2.0
AUTOMATIC: Final = "auto"
GUESTS, STRANGERS = "guests", "strangers"
"""What a team lead may allow: guests of the workspace, people of other organisations in shared channels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What Slack says of a person."""

    locale: str = "en"
    is_lead: bool = False
    """Admin or owner of the workspace."""
    is_guest: bool = False
    is_stranger: bool = False
    """Of another organisation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who asks, and what was chosen for the place."""

    scene: Scene
    profile: Profile
    choices: Mapping[str, Any]
    """What the workspace's team lead chose: `language`, `model`, `guests`, `strangers`."""
    presser: Presser

    @property
    def locale(self) -> str:
        """The language of the place where one was chosen, else the person's."""
        return locale_of(self.profile, self.choices)

    def requester(self, anchor: Anchor | None = None) -> Requester:
        """As whom a job is asked for, with what its answer hangs on."""
        scene = self.scene
        hung = anchor or scene.anchor()
        return Requester(
            platform=PLATFORM,
            workspace=scene.team,
            user=scene.user,
            channel=hung.channel or None,
            thread=hung.root,
            # The role that everybody of the workspace has: a team lead's limit for each person.
            roles=(scene.team,),
            locale=self.locale,
            anchor=hung.to_text(),
        )


class People:
    """Tells who somebody is."""

    def __init__(self, workspaces: WorkspaceStore, api: SlackApi, clock: Clock, operators: Collection[str]) -> None:
        self._workspaces = workspaces
        self._api = api
        self._clock = clock
        self._operators = frozenset(operators)
        self._profiles: OrderedDict[tuple[str, str], tuple[float, Profile]] = OrderedDict()

    async def caller(self, bot: Bot, scene: Scene) -> Caller:
        """Who asks. Asks Slack about a person once in a while; `Unclear` or `DeliveryDelayed` when it does not say."""
        profile = await self.profile(bot, scene)
        return Caller(
            scene=scene,
            profile=profile,
            choices=await self.choices(scene),
            presser=self.presser(scene, profile),
        )

    async def choices(self, scene: Scene) -> Mapping[str, Any]:
        """What was chosen for this place; asks nobody but the database."""
        return await self._workspaces.settings(PLATFORM, scene.team, scene.channel)

    def locale_known(self, scene: Scene) -> str:
        """A person's language as far as it is known without asking anybody; English for whoever is new."""
        found = self._profiles.get((scene.team, scene.user))
        return (found[1] if found is not None else Profile()).locale

    async def profile(self, bot: Bot, scene: Scene) -> Profile:
        """What Slack says of a person."""
        now = self._clock.monotonic()
        known = self._profiles.get((scene.team, scene.user))
        if known is not None and now - known[0] < REMEMBERED_S:
            return known[1]
        try:
            said = await self._api.call(bot, "users.info", user=scene.user, include_locale=True, within_s=ASK_S)
        except TokenDead:
            raise
        except SlackError as error:
            log.info("person.not_told", user=scene.user, why=str(error))
            # Without the right to ask, nobody is a team lead, and whoever is plainly from elsewhere is a stranger.
            found = Profile(is_stranger=_is_elsewhere(scene, scene.home_team))
        except (Unclear, DeliveryDelayed):
            if known is not None and now - known[0] < OLD_IS_BETTER_S:
                return known[1]
            raise
        else:
            found = _profile(said.get("user") or {}, bot, scene)
        self._profiles[scene.team, scene.user] = (now, found)
        self._profiles.move_to_end((scene.team, scene.user))
        if len(self._profiles) > MOST_REMEMBERED:
            self._profiles.popitem(last=False)
        return found

    def require_may_ask(self, caller: Caller) -> None:
        """Guests and people of other organisations ask only where a team lead allowed them. `NotAllowed` otherwise."""
        if self.is_operator(caller.scene):
            return
        if caller.profile.is_stranger and not caller.choices.get(STRANGERS):
            raise NotAllowed(
                say("People of other organisations cannot use Reelbot here until an admin of this workspace allows it.")
            )
        if caller.profile.is_guest and not caller.choices.get(GUESTS):
            raise NotAllowed(say("Guests cannot use Reelbot here until an admin of this workspace allows it."))

    def presser(self, scene: Scene, profile: Profile) -> Presser:
        """Who presses something here."""
        leads = profile.is_lead and not profile.is_stranger
        return Presser(
            person=f"{PLATFORM}:{scene.team}:{scene.user}",
            is_operator=self.is_operator(scene),
            is_team_lead=leads,
            is_moderator=leads,
        )

    def may_see(self, scene: Scene, job: Job) -> bool:
        """Whether a job is of this workspace, or the person operates the installation."""
        if job.requester.platform != PLATFORM or job.erased_at is not None:
            return False
        return job.requester.workspace == scene.team or self.is_operator(scene)

    def is_operator(self, scene: Scene) -> bool:
        """Whether the settings name this person."""
        return f"{PLATFORM}:{scene.team}:{scene.user}" in self._operators


def locale_of(profile: Profile, choices: Mapping[str, Any]) -> str:
    """The language to answer in."""
    chosen = choices.get("language")
    return str(chosen) if chosen and chosen != AUTOMATIC else profile.locale


def _profile(said: Mapping[str, Any], bot: Bot, scene: Scene) -> Profile:
    own = said.get("team_id") or scene.home_team
    of_org = (said.get("enterprise_user") or {}).get("enterprise_id")
    is_ours = own == scene.team or (of_org is not None and of_org == (bot.enterprise or scene.enterprise))
    return Profile(
        locale=str(said.get("locale") or "en"),
        is_lead=any(bool(said.get(each)) for each in ("is_admin", "is_owner", "is_primary_owner")),
        is_guest=bool(said.get("is_restricted") or said.get("is_ultra_restricted")),
        is_stranger=bool(said.get("is_stranger")) or not is_ours,
    )


def _is_elsewhere(scene: Scene, team: str | None) -> bool:
    return team is not None and team != scene.team

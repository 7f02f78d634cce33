"""Who we are in a workspace: by the token of the settings, or by what was installed there through OAuth."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from adapters.chat.slack.api import Bot, SlackApi, SlackError, TokenDead, Unclear
from bot.errors import DeliveryDelayed, ReelbotError
from bot.keys import CannotUnseal
from bot.languages.said import say
from bot.ports import Clock
from bot.stores import InstallationStore
from bot.telemetry.logs import hide
from bot.workspaces import Installation

log = structlog.get_logger(__name__)

PLATFORM: Final = "slack"
REMEMBERED_S: Final = 60.0
"""How long an installation is used without looking again: another process may have noticed that it was removed."""
ABSENT_S: Final = 5.0
"""How long a workspace without one is taken to have none: another process may be adding it just now."""
ASK_AGAIN_S: Final = 60.0
"""How long a refused token of the settings rests."""


class NotInstalled(ReelbotError):
    """The app is not (any more) in this workspace."""

    code = "slack_not_installed"

    def __init__(self) -> None:
        super().__init__(say("Reelbot was removed from this Slack workspace; add it again, then press Send again."))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    until: float
    bot: Bot | None


class Bots:
    """Finds the bot of a workspace, asking rarely."""

    def __init__(
        self, api: SlackApi, clock: Clock, *, token: str | None, installations: InstallationStore | None = None
    ) -> None:
        """`token` is that of the settings; `installations` those that came through OAuth."""
        self._api = api
        self._clock = clock
        self._token = token
        self._installations = installations
        self._home: Bot | None = None
        self._refused_until = 0.0
        self._asking = asyncio.Lock()
        self._known: dict[tuple[str, str | None], _Known] = {}
        self._urls: dict[str, str | None] = {}
        if installations is not None:
            api.renewed = self.present

    async def of(self, team: str, enterprise: str | None = None) -> Bot:
        """The bot of a workspace.

        `NotInstalled` where there is none; `DeliveryDelayed` when that cannot be known now; `TokenDead` when the settings'
        token is refused, and the workspace may be its.
        """
        unknown: DeliveryDelayed | SlackError | None = None
        if self._token is not None:
            try:
                home = await self._at_home()
            except (DeliveryDelayed, SlackError) as error:
                # Other workspaces have tokens of their own, and are served all the same.
                unknown = error
            else:
                if home.team == team or (home.is_org and enterprise is not None and home.enterprise == enterprise):
                    return home
        found = await self._installed(team, enterprise)
        if found is None:
            raise unknown or NotInstalled
        return found

    async def home(self, *, anew: bool = False) -> Bot | None:
        """The bot of the settings' token, as Slack knows it; `anew`: as it does now. `TokenDead` when it is refused."""
        if anew:
            self._home, self._refused_until = None, 0.0
        return None if self._token is None else await self._at_home()

    async def installed(self) -> tuple[list[Bot], list[str]]:
        """Every workspace that added the app through OAuth, and the names of those whose token cannot be opened."""
        if self._installations is None:
            return [], []
        found = await self._installations.all(PLATFORM)
        return [_bot_of(each) for each in found], await self._installations.unopenable(PLATFORM)

    def forget(self, team: str | None = None) -> None:
        """Something changed there: look anew. Without a workspace, everywhere."""
        if self._home is not None and team in {None, self._home.team}:
            self._home = None
        self._known = {key: each for key, each in self._known.items() if team is not None and key[0] != team}

    async def address(self, bot: Bot) -> str | None:
        """Where the workspace's messages are shown in a browser, `https://acme.slack.com/`; `None` when it does not say."""
        if bot.url is not None or bot.team in self._urls:
            return bot.url or self._urls[bot.team]
        try:
            said = await self._api.call(bot, "auth.test", within_s=2.0)
        except (SlackError, Unclear, DeliveryDelayed):
            return None
        self._urls[bot.team] = said.get("url")
        return self._urls[bot.team]

    async def _at_home(self) -> Bot:
        if (known := self._home) is not None:
            return known
        async with self._asking:
            return await self._asked_home()

    async def _asked_home(self) -> Bot:
        if self._home is None:
            if self._clock.monotonic() < self._refused_until:
                raise DeliveryDelayed(_TOKEN_REFUSED, retry_after_s=ASK_AGAIN_S)
            assert self._token is not None
            try:
                said, scopes = await self._api.ask(self._token, "auth.test")
            except TokenDead:
                self._refused_until = self._clock.monotonic() + ASK_AGAIN_S
                log.error("slack.token_refused", fix="Set REELBOT_SLACK__BOT_TOKEN to the app's present bot token.")
                raise
            except Unclear as error:
                raise DeliveryDelayed(say("Slack does not answer; trying again.")) from error
            is_org = bool(said.get("is_enterprise_install"))
            self._home = Bot(
                team=str(said["team_id"]),
                token=self._token,
                user=str(said.get("user_id", "")),
                bot=said.get("bot_id"),
                enterprise=said.get("enterprise_id"),
                is_org=is_org,
                scopes=scopes,
                name=said.get("team"),
                url=said.get("url"),
            )
        return self._home

    async def _installed(self, team: str, enterprise: str | None) -> Bot | None:
        if self._installations is None:
            return None
        known = self._known.get((team, enterprise))
        if known is not None and known.until > self._clock.monotonic():
            return known.bot
        try:
            installation = await self._installations.find(PLATFORM, team, enterprise)
        except CannotUnseal as error:
            # An operator can put the key back: what waits goes on then.
            log.error("slack.sealed", team=team, fix="Put the former secret key back behind the present one.")
            raise DeliveryDelayed(str(error), retry_after_s=ASK_AGAIN_S) from error
        bot = _bot_of(installation, team) if installation is not None else None
        lasts_s = REMEMBERED_S if bot is not None else ABSENT_S
        self._known[team, enterprise] = _Known(until=self._clock.monotonic() + lasts_s, bot=bot)
        return bot

    async def present(self, refused: Bot) -> Bot | None:
        """Who we are now in a workspace whose token was refused; the settings' own token has no other."""
        if refused.token == self._token:
            return None
        known = self._known.get((refused.team, refused.enterprise))
        if known is None or known.bot is None or known.bot.token == refused.token:
            self.forget(refused.team)
        return await self._installed(refused.team, refused.enterprise)


def _bot_of(installation: Installation, team: str | None = None) -> Bot:
    hide([installation.token])
    return Bot(
        team=team or installation.workspace or installation.enterprise or "",
        token=installation.token,
        user=installation.bot_user,
        bot=installation.bot,
        enterprise=installation.enterprise,
        is_org=installation.is_org,
        scopes=frozenset(installation.scopes),
        name=installation.name,
    )


_TOKEN_REFUSED = say("Slack does not accept our bot token; an operator must renew it.")

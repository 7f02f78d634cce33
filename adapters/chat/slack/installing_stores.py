"""Our installations as slack_sdk wants to see them. Nothing of slack_sdk's own stores is used: those keep tokens in clear.

Facts: `oauth.v2.access` names no team where a whole organisation added the app (docs.slack.dev/enterprise, read
2026-05-26); Bolt turns a `BoltError` of `async_save` into a page, and anything else into a crash of the route.
"""

from __future__ import annotations

import logging
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from slack_bolt.error import BoltError
from slack_sdk.oauth.installation_store import Bot
from slack_sdk.oauth.installation_store import Installation as SlackInstallation
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore

from adapters.chat.slack.bots import PLATFORM
from bot.ports import Clock
from bot.stores import InstallationStore
from bot.workspaces import Installation

log = structlog.get_logger(__name__)

STATE_LIVES: Final = timedelta(minutes=10)
"""How long somebody may take between beginning and Slack's sending them back."""
LONGEST_NAME: Final = 100


def ours(theirs: SlackInstallation) -> Installation:
    """What Slack said of an installation. `BoltError` when it lacks what we cannot do without."""
    is_org = theirs.is_enterprise_install
    name = theirs.enterprise_name if is_org else theirs.team_name
    token, bot_user, place = theirs.bot_token, theirs.bot_user_id, theirs.enterprise_id if is_org else theirs.team_id
    if not token or not bot_user or not place:
        raise BoltError("Slack named no bot token, no bot user or no place")
    return Installation(
        platform=PLATFORM,
        workspace=None if is_org else theirs.team_id,
        enterprise=theirs.enterprise_id,
        is_org=is_org,
        app=theirs.app_id,
        bot_user=bot_user,
        bot=theirs.bot_id,
        scopes=tuple(theirs.bot_scopes or ()),
        token=token,
        name=" ".join((name or "").split())[:LONGEST_NAME] or None,
        installed_by=theirs.user_id or None,
        installed_at=datetime.fromtimestamp(theirs.installed_at, UTC),
    )


def theirs(installation: Installation) -> SlackInstallation:
    """The same in slack_sdk's words."""
    return SlackInstallation(
        app_id=installation.app,
        enterprise_id=installation.enterprise,
        enterprise_name=installation.name if installation.is_org else None,
        team_id=installation.workspace,
        team_name=None if installation.is_org else installation.name,
        bot_token=installation.token,
        bot_id=installation.bot,
        bot_user_id=installation.bot_user,
        bot_scopes=list(installation.scopes),
        user_id=installation.installed_by or "",
        is_enterprise_install=installation.is_org,
        installed_at=installation.installed_at.timestamp(),
    )


class BoltInstallations(AsyncInstallationStore):
    """An `InstallationStore`, for Bolt. There are bot tokens only: nobody gives Reelbot a token of their own."""

    def __init__(self, store: InstallationStore, logger: logging.Logger) -> None:
        self._store = store
        self._logger = logger

    @property
    def logger(self) -> logging.Logger:
        """Bolt's."""
        return self._logger

    async def async_save(self, installation: SlackInstallation) -> None:
        """Remember it. `BoltError` when it is not to be used, or could not be written: then nothing of it is kept."""
        kept = ours(installation)
        try:
            await self._store.save(kept)
        except Exception as error:
            # Whatever keeps the database from being written, Bolt has a page for it; the log says what it was.
            log.exception("slack.installation_not_kept", workspace=kept.workspace, enterprise=kept.enterprise)
            raise BoltError("the installation could not be kept") from error

    async def async_save_bot(self, bot: Bot) -> None:
        """Bolt calls it only to rotate tokens, and ours do not rotate."""
        raise BoltError("tokens do not rotate here")

    async def async_find_installation(
        self,
        *,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None = None,
        is_enterprise_install: bool | None = False,
    ) -> SlackInstallation | None:
        """The workspace's own, else its organisation's. `CannotUnseal` where its token cannot be opened."""
        workspace = None if is_enterprise_install else team_id
        found = await self._store.find(PLATFORM, workspace, enterprise_id)
        return theirs(found) if found else None

    async def async_find_bot(
        self, *, enterprise_id: str | None, team_id: str | None, is_enterprise_install: bool | None = False
    ) -> Bot | None:
        """The same as a bot."""
        found = await self.async_find_installation(
            enterprise_id=enterprise_id, team_id=team_id, is_enterprise_install=is_enterprise_install
        )
        return found.to_bot() if found else None

    async def async_delete_bot(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        """Erase it with its token; without a team, the organisation's."""
        await self._store.forget(PLATFORM, team_id, enterprise_id, org_wide=team_id is None)

    async def async_delete_installation(
        self, *, enterprise_id: str | None, team_id: str | None, user_id: str | None = None
    ) -> None:
        """As `async_delete_bot`; of one person there is nothing, and whoever leaves must not take the bot along."""
        if user_id is None:
            await self.async_delete_bot(enterprise_id=enterprise_id, team_id=team_id)

    async def async_delete_all(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        """As `async_delete_bot`."""
        await self.async_delete_bot(enterprise_id=enterprise_id, team_id=team_id)


class BoltStates(AsyncOAuthStateStore):
    """Who began and is expected back, for Bolt; in our database, so that any process may receive them."""

    def __init__(self, store: InstallationStore, clock: Clock, logger: logging.Logger) -> None:
        self._store = store
        self._clock = clock
        self._logger = logger

    @property
    def logger(self) -> logging.Logger:
        """Bolt's."""
        return self._logger

    async def async_issue(self, *_: Any, **__: Any) -> str:
        """A state nobody can guess, good for ten minutes."""
        state = secrets.token_urlsafe(32)
        await self._store.issue_state(state, self._clock.now() + STATE_LIVES)
        return state

    async def async_consume(self, state: str) -> bool:
        """Whether it is one of ours, in time, for the first time."""
        return await self._store.consume_state(state, self._clock.now())

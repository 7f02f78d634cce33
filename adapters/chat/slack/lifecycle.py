"""Workspaces come and go: the settings' own may spend at once, one that removed us is stopped and its token erased."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from adapters.chat.lifetime import cancel_all
from adapters.chat.slack.api import Bot
from adapters.chat.slack.bots import PLATFORM
from adapters.chat.slack.front import Front
from bot.jobs.model import Requester
from bot.workspaces import Permission

log = structlog.get_logger(__name__)


async def came(front: Front, home: Bot) -> None:
    """Note the workspace of the settings' token: it may spend (DESIGN §5), unless an operator blocked it."""
    workspaces = front.service.stores.workspaces
    permission = await workspaces.see(Requester(platform=PLATFORM, workspace=home.team, user=""), home.name)
    if permission is Permission.PENDING:
        await workspaces.put(PLATFORM, home.team, Permission.ALLOWED)


async def left(front: Front, body: Mapping[str, Any]) -> None:
    """The app was removed, or its token revoked: erase the token, cancel what is not finished; the history stays."""
    given = (body.get("authorizations") or [{}])[0]
    team = str(given.get("team_id") or body.get("team_id") or "")
    enterprise = given.get("enterprise_id") or body.get("enterprise_id")
    org_wide = bool(given.get("is_enterprise_install"))
    erased = await front.service.stores.installations.forget(
        PLATFORM, None if org_wide else team, enterprise, org_wide=org_wide
    )
    front.bots.forget(None if org_wide else team)
    cancelled = await cancel_all(front.service, PLATFORM, team)
    log.info("slack.left", team=team, token_erased=erased, cancelled=cancelled)

"""Opening forms: what opens one is good for three seconds and once."""

from __future__ import annotations

from typing import Any, Final

import structlog

from adapters.chat.slack.api import Bot, SlackError, Unclear
from adapters.chat.slack.front import Front
from adapters.chat.slack.scene import Scene
from adapters.chat.slack.text import Block
from bot.errors import DeliveryDelayed
from bot.languages.said import say

log = structlog.get_logger(__name__)

OPENS_WITHIN_S: Final = 2.5


async def open_form(front: Front, bot: Bot, scene: Scene, form: Block) -> str | None:
    """Open a form; its id. `None` when it came too late: the person is told to try again."""
    try:
        opened: dict[str, Any] = await front.api.call(
            bot, "views.open", trigger_id=scene.trigger, view=form, within_s=OPENS_WITHIN_S
        )
    except (SlackError, Unclear, DeliveryDelayed) as error:
        log.warning("form.not_opened", reference=scene.reference, why=str(error))
        text = front.spoken_here(say("The form did not open in time; please try once more."), scene)
        front.meanwhile(front.whisper(scene, text))
        return None
    return str(opened["view"]["id"])


async def update_form(front: Front, bot: Bot, view: str, form: Block) -> None:
    """Draw an open form anew; harmless when it was closed meanwhile."""
    try:
        await front.api.call(bot, "views.update", view_id=view, view=form)
    except (SlackError, Unclear, DeliveryDelayed) as error:
        log.info("form.not_updated", why=str(error))

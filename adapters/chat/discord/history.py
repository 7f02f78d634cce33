"""`/history`: what was made, newest first, for one person's eyes; pages whose buttons say all that is needed to turn them."""

from __future__ import annotations

from typing import Any, Final

from discord import app_commands
from discord.app_commands import locale_str

from adapters.chat.discord.buttons import POST_HERE
from adapters.chat.discord.card_view import BUTTON, COMPONENTS_V2, ROW, SECONDARY, TEXT, clip_link
from adapters.chat.discord.commands import Commands
from adapters.chat.discord.custom_ids import button_id, form_id
from adapters.chat.discord.front import AnyInteraction, Front
from adapters.chat.discord.people import PLATFORM, Caller
from adapters.chat.discord.words import moment, plain
from adapters.chat.past import Asked, Entry, asked_of, find_page
from bot.cards.messages import headline
from bot.languages.catalogue import in_language
from bot.languages.said import say

HISTORY: Final = "history"
A_PAGE: Final = 5
PROMPT_SHOWN: Final = 160
SECTION: Final = 9
LONGEST: Final = 80
"""Characters that the id of a button has room for, after its name."""


def add_history(tree: Commands, front: Front) -> None:
    """Put `/history` into the tree."""

    @tree.command(
        name=locale_str("history"), description=locale_str(say("Your clips, newest first; only you see this"))
    )
    @app_commands.describe(
        search=locale_str(say("Words that must be in the description")),
        everyone=locale_str(say("Of everybody in this server, for people who manage it")),
    )
    async def history(
        interaction: AnyInteraction,
        search: app_commands.Range[str, 1, 100] | None = None,
        everyone: bool = False,
    ) -> None:
        async with front.turn(interaction) as turn:

            async def work() -> dict[str, Any]:
                caller = await front.people.caller(turn.scene)
                return await page(front, caller, Asked(everyone=everyone, words=search or ""))

            await turn.show(await turn.soon(work(), private=True), private=True)


async def turned(front: Front, interaction: AnyInteraction, of: str) -> None:
    """Another page was asked for."""
    async with front.turn(interaction) as turn:
        caller = await front.people.caller(turn.scene)
        await turn.update(await page(front, caller, asked_of(of)))


async def page(front: Front, caller: Caller, asked: Asked) -> dict[str, Any]:
    """One page as a message. `NotAllowed` when others' jobs are not this person's to see."""
    found = await find_page(
        front.service.stores,
        workspace=f"{PLATFORM}:{caller.workspace}",
        presser=caller.presser,
        asked=asked,
        most=A_PAGE,
    )
    locale = caller.locale
    parts = [_text(_title(asked, locale))]
    for entry in found.entries:
        parts.append(_entry(entry, locale, names_asker=asked.everyone))
    if not found.entries:
        parts.append(_text(in_language(say("There is nothing here yet."), locale)))
    newest = Asked(everyone=asked.everyone, words=asked.words)
    older = newest.older(found.next_cursor or "")
    buttons = [*_turning(say("Newest"), newest, locale)] if asked.cursor else []
    if found.next_cursor:
        buttons += _turning(say("Older"), older, locale)
        if _is_too_long(older):
            parts.append(_text(in_language(say("There is more: search with fewer words to turn pages."), locale)))
    if buttons:
        parts.append({"type": ROW, "components": buttons})
    return {"flags": COMPONENTS_V2, "components": parts}


def _title(asked: Asked, locale: str) -> str:
    said = say("What was made in this server") if asked.everyone else say("What you made")
    title = f"**{in_language(said, locale)}**"
    return f"{title} · {plain(asked.words, 100)}" if asked.words else title


def _entry(entry: Entry, locale: str, *, names_asker: bool) -> dict[str, Any]:
    job = entry.job
    price = f" · {job.charged}" if job.charged else ""
    asker = f" · <@{job.requester.user}>" if names_asker else ""
    lines = [
        f"**{in_language(headline(job), locale)}** {moment(job.created_at)}{asker}",
        f"> {plain(job.prompt, PROMPT_SHOWN)}" if job.prompt else "",
        f"-# {job.provider} · {job.settings.duration_s} s · {job.settings.resolution}{price}",
    ]
    if (link := clip_link(job.requester, entry.posted)) is not None:
        lines.append(f"-# [{in_language(say('Go to the clip'), locale)}]({link})")
    text = _text("\n".join(line for line in lines if line))
    if not entry.can_be_posted:
        return text
    label = in_language(say("Post here"), locale)
    button = {"type": BUTTON, "style": SECONDARY, "label": label, "custom_id": button_id(POST_HERE, job.id)}
    return {"type": SECTION, "components": [text], "accessory": button}


def _turning(label: str, asked: Asked, locale: str) -> list[dict[str, Any]]:
    """The button, unless its words are too many for an id."""
    if _is_too_long(asked):
        return []
    custom_id = form_id(HISTORY, asked.to_text())
    return [{"type": BUTTON, "style": SECONDARY, "label": in_language(label, locale), "custom_id": custom_id}]


def _text(content: str) -> dict[str, Any]:
    return {"type": TEXT, "content": content}


def _is_too_long(asked: Asked) -> bool:
    """No button's id holds all of it."""
    return len(asked.to_text()) > LONGEST

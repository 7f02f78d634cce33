"""What was made, newest first, for one person's eyes; pages whose buttons say all that is needed to turn them."""

from __future__ import annotations

from typing import Any, Final

from adapters.chat.past import Asked, Entry, Page, find_page
from adapters.chat.slack.api import Bot
from adapters.chat.slack.bots import PLATFORM
from adapters.chat.slack.custom_ids import button_id, page_id
from adapters.chat.slack.front import Front
from adapters.chat.slack.mine import PROMPT_SHOWN, clip_link
from adapters.chat.slack.people import Caller
from adapters.chat.slack.text import (
    Block,
    button,
    escaped,
    marked,
    message,
    moment,
    one_line,
    plain,
    row,
    section,
    small,
)
from bot.cards.messages import headline
from bot.errors import BadPrompt
from bot.languages.catalogue import in_language
from bot.languages.said import say

HISTORY: Final = "history"
"""The page in a message."""
LEAF: Final = "leaf"
"""The same in a form, which is turned in another way."""
A_PAGE: Final = 5
LONGEST: Final = 100
"""Characters that may be searched for: a button's value holds them, however they are written."""
_NEWEST, _OLDER = 0, 1


def search(words: str, *, everyone: bool) -> Asked:
    """What somebody looks for. `BadPrompt` when it is too much."""
    words = " ".join(words.split())
    if len(words) > LONGEST:
        raise BadPrompt(say("Search with fewer words: at most {most} characters.", most=LONGEST))
    return Asked(everyone=everyone, words=words)


async def page(front: Front, bot: Bot, caller: Caller, asked: Asked, *, turned_by: str = HISTORY) -> dict[str, Any]:
    """One page as a message. `NotAllowed` when others' jobs are not this person's to see."""
    found, locale = await find(front, caller, asked), caller.locale
    title = _title(asked, locale)
    blocks = [section(marked(title)), *await entries(front, bot, caller, found, names_asker=asked.everyone)]
    newest = Asked(everyone=asked.everyone, words=asked.words)
    buttons = []
    if asked.cursor:
        buttons.append(_turning(say("Newest"), newest, turned_by, _NEWEST, locale))
    if found.next_cursor:
        buttons.append(_turning(say("Older"), newest.older(found.next_cursor), turned_by, _OLDER, locale))
    said = [f"{in_language(headline(e.job), locale)}: {one_line(e.job.prompt, PROMPT_SHOWN)}" for e in found.entries]
    return message("\n".join([title, *map(escaped, said)]), [*blocks, *row(buttons)])


async def find(front: Front, caller: Caller, asked: Asked) -> Page:
    """What a page holds, of the workspace where it is asked for."""
    workspace = f"{PLATFORM}:{caller.scene.team}"
    return await find_page(front.service.stores, workspace=workspace, presser=caller.presser, asked=asked, most=A_PAGE)


async def entries(front: Front, bot: Bot, caller: Caller, found: Page, *, names_asker: bool = False) -> list[Block]:
    """What was found, each with its clip and a way to have it posted again."""
    locale = caller.locale
    if not found.entries:
        return [section(marked(in_language(say("There is nothing here yet."), locale)))]
    address = await front.bots.address(bot)
    blocks: list[Block] = []
    for entry in found.entries:
        card = await front.service.stores.deliveries.card(entry.job.id)
        url = clip_link(address, entry.job, entry.posted, card[0] if card is not None else None)
        blocks += _entry(entry, url, locale, names_asker=names_asker)
    return blocks


def turn_older(found: Page, locale: str) -> list[Block]:
    """The button below the first page of one's own that opens the next; none when there is no more."""
    if not found.next_cursor:
        return []
    return row([_turning(say("Older"), Asked(cursor=found.next_cursor), HISTORY, _OLDER, locale)])


def _title(asked: Asked, locale: str) -> str:
    said = say("What was made in this workspace") if asked.everyone else say("What you made")
    title = f"*{escaped(in_language(said, locale))}*"
    return f"{title} · {escaped(asked.words)}" if asked.words else title


def _entry(entry: Entry, url: str | None, locale: str, *, names_asker: bool) -> list[Block]:
    job = entry.job
    said = f"*{escaped(in_language(headline(job), locale))}* · {moment(job.created_at)}"
    if names_asker:
        # Only the person who asked for this page sees it, so that nobody is pinged.
        said += f" · <@{job.requester.user}>"
    if url is not None:
        said += f" · <{url}|{escaped(in_language(say('Go to the clip'), locale))}>"
    again = None
    if entry.can_be_posted:
        again = button(in_language(say("Post again"), locale), button_id("resend"), job.id)
    price = f" · {job.charged}" if job.charged else ""
    facts = f"{job.provider} · {job.settings.duration_s} s · {job.settings.resolution}{price}"
    lines = [plain(f"“{one_line(job.prompt, PROMPT_SHOWN)}”")] if job.prompt else []
    return [section(marked(said), again), *small([*lines, plain(facts)])]


def _turning(label: str, asked: Asked, turned_by: str, number: int, locale: str) -> Block:
    return button(in_language(label, locale), page_id(turned_by, number), asked.to_text())

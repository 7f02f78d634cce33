"""What belongs to one person, and is told to nobody else: `/quota`, `/jobs`, `/my-data`, `/forget-me`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from discord.app_commands import locale_str

from adapters.chat.discord.buttons import closed
from adapters.chat.discord.card_view import BUTTON, DANGER, ROW, SECONDARY, message_link
from adapters.chat.discord.commands import Commands
from adapters.chat.discord.custom_ids import form_id
from adapters.chat.discord.front import AnyInteraction, Front
from adapters.chat.discord.people import PLATFORM, Caller
from adapters.chat.discord.rest import Upload
from adapters.chat.discord.scene import MESSAGE_AT_MOST, Scene
from adapters.chat.discord.turn import Turn
from adapters.chat.discord.words import moment, plain
from adapters.chat.wording import erased_sentence, standing_pieces, standing_title, standings_shown
from bot.cards.messages import headline
from bot.errors import BadPrompt, NotFound
from bot.ids import new_id
from bot.jobs.model import Job
from bot.jobs.states import UNFINISHED
from bot.keeping.export import Extent
from bot.keeping.forgetting import Forgotten
from bot.languages.catalogue import in_language
from bot.languages.said import say, say_n
from bot.money.limits import Standing
from bot.workspaces import PRIVATE

FORGET: Final = "forget"
YES, NO = "yes", "no"
MOST_JOBS: Final = 15
PROMPT_SHOWN: Final = 80
MOST_UPLOADED: Final = 10_000_000
"""Bytes that every place on Discord takes, where nothing else is said."""
ARCHIVE: Final = "reelbot-data.zip"


def add_mine(tree: Commands, front: Front) -> None:
    """Put the commands into the tree."""

    @tree.command(
        name=locale_str("quota"), description=locale_str(say("What is left of your budget; only you see this"))
    )
    async def quota(interaction: AnyInteraction) -> None:
        async with front.turn(interaction) as turn:
            await turn.show(await turn.soon(_quota(front, turn), private=True), private=True)

    @tree.command(name=locale_str("jobs"), description=locale_str(say("Your clips under way; only you see this")))
    async def jobs(interaction: AnyInteraction) -> None:
        async with front.turn(interaction) as turn:
            await turn.show(await turn.soon(_jobs(front, turn), private=True), private=True)

    @tree.command(name=locale_str("my-data"), description=locale_str(say("Everything Reelbot keeps of you, as a file")))
    async def my_data(interaction: AnyInteraction) -> None:
        async with front.turn(interaction) as turn:
            await _export(front, turn)

    @tree.command(
        name=locale_str("forget-me"), description=locale_str(say("Erase everything Reelbot keeps of you here"))
    )
    async def forget_me(interaction: AnyInteraction) -> None:
        async with front.turn(interaction) as turn:
            await turn.show(_question(turn.locale), private=True)


async def answered(front: Front, interaction: AnyInteraction, of: str) -> None:
    """The question of `/forget-me` was answered."""
    async with front.turn(interaction) as turn:
        if of != YES:
            await turn.update(closed(say("Nothing was deleted."), turn.locale))
            return
        await turn.nod()
        done = Forgotten()
        for person in _persons(await front.people.caller(turn.scene)):
            done += await front.service.forgetting.forget(person)
        await turn.redraw(closed(erased_sentence(done), turn.locale))


# --- what is left ---------------------------------------------------------------------------------------------------


async def _quota(front: Front, turn: Turn) -> dict[str, Any]:
    requester = (await front.people.caller(turn.scene)).requester()
    shown = standings_shown(await front.service.stores.ledger.standings(requester), requester)
    return {"content": "\n".join(_standing(each, turn.locale) for each in shown)[:MESSAGE_AT_MOST]}


def _standing(standing: Standing, locale: str) -> str:
    title = standing_title(standing, is_server=True)
    told = [in_language(each, locale) for each in standing_pieces(standing, moment(standing.resets_at))]
    return f"**{in_language(title, locale)}**: {' · '.join(told)}"


# --- under way ------------------------------------------------------------------------------------------------------


async def _jobs(front: Front, turn: Turn) -> dict[str, Any]:
    caller = await front.people.caller(turn.scene)
    persons = _persons(caller)
    found = [job for job in await front.service.stores.jobs.in_state(*UNFINISHED) if job.requester.person in persons]
    if not found:
        return {"content": in_language(say("Nothing of yours is under way."), turn.locale)}
    lines = [await _line(front, job, turn.locale) for job in found[:MOST_JOBS]]
    return {"content": "\n".join(lines)[:MESSAGE_AT_MOST]}


async def _line(front: Front, job: Job, locale: str) -> str:
    said = f"**{in_language(headline(job), locale)}** {moment(job.created_at)}: {plain(job.prompt, PROMPT_SHOWN)}"
    known = await front.service.stores.deliveries.card(job.id)
    link = message_link(job.requester, known[0]) if known is not None else None
    return said if link is None else f"{said} · {link}"


# --- what is kept ---------------------------------------------------------------------------------------------------


async def _export(front: Front, turn: Turn) -> None:
    await turn.promise(private=True)
    person = (await front.people.caller(turn.scene)).presser.person
    archive = front.service.desk.scratch / f"{new_id()}.zip"
    try:
        try:
            done = await front.service.exporter.export(Extent(person=person), archive)
        except BadPrompt as error:
            # It names a place on this machine, which is nobody's business on Discord.
            raise OSError("the export could not be written") from error
        if not done.jobs:
            raise NotFound(say("Nothing is kept of you here."))
        size = (await asyncio.to_thread(archive.stat)).st_size
        if size > _limit(turn.scene):
            text = say(
                "What is kept of you is {megabytes} MB, too large to be sent here. Ask the operator of this Reelbot for "
                "`reelbot export --user {person}`.",
                megabytes=max(1, size // 1_000_000),
                person=person,
            )
            await turn.say(text)
            return
        text = say_n("{count} job of yours in this server.", "{count} jobs of yours in this server.", done.jobs)
        payload = {
            "content": in_language(text, turn.locale),
            "attachments": [{"id": 0, "filename": ARCHIVE}],
        }
        upload = Upload(path=archive, filename=ARCHIVE, content_type="application/zip")
        await turn.show(payload, private=True, files=[upload])
    finally:
        await asyncio.to_thread(archive.unlink, missing_ok=True)


def _limit(scene: Scene) -> int:
    return min(scene.upload_limit or MOST_UPLOADED, 10 * MOST_UPLOADED)


# --- to be forgotten ------------------------------------------------------------------------------------------------


def _persons(caller: Caller) -> Sequence[str]:
    """Who somebody is here, and in direct messages where they count for themselves."""
    alone = f"{PLATFORM}:{PRIVATE}{caller.scene.user}:{caller.scene.user}"
    return tuple(dict.fromkeys((caller.presser.person, alone)))


def _question(locale: str) -> dict[str, Any]:
    text = say(
        "This erases every picture, prompt and clip of yours in this server, deletes what was posted where that is "
        "possible, and cancels what waits. It cannot be undone. `/my-data` gives you a copy first."
    )
    buttons = [_button(say("Erase everything"), YES, DANGER, locale), _button(say("Keep it"), NO, SECONDARY, locale)]
    return {"content": in_language(text, locale), "components": [{"type": ROW, "components": buttons}]}


def _button(label: str, answer: str, style: int, locale: str) -> dict[str, Any]:
    text = in_language(label, locale)
    return {"type": BUTTON, "style": style, "label": text, "custom_id": form_id(FORGET, answer)}

"""What belongs to one person on Slack, and is told to nobody else: the budget, what is under way, their data."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from adapters.chat.slack.anchor import anchor_of
from adapters.chat.slack.api import Bot, SlackError, Unclear
from adapters.chat.slack.course import Place
from adapters.chat.slack.custom_ids import button_id, page_id
from adapters.chat.slack.delivery import ANYWHERE, NO_FILES, TOO_LARGE
from adapters.chat.slack.front import Front
from adapters.chat.slack.people import Caller
from adapters.chat.slack.scene import Scene
from adapters.chat.slack.sharing import VISIBLE_WITHIN_S, Fate, Upload
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
from adapters.chat.wording import erased_sentence, standing_pieces, standing_title, standings_shown
from bot.cards.messages import headline
from bot.errors import BadPrompt, DeliveryDelayed, NotFound
from bot.ids import new_id
from bot.jobs.model import Delivery, Job
from bot.jobs.states import UNFINISHED, State
from bot.keeping.export import Extent
from bot.languages.catalogue import in_language
from bot.languages.said import say, say_n
from bot.money.limits import Standing

MY_DATA, FORGET_ME = "my-data", "forget-me"
YES, NO = "yes", "no"
MOST_JOBS: Final = 15
PROMPT_SHOWN: Final = 160
MOST_UPLOADED: Final = ANYWHERE
ARCHIVE: Final = "reelbot-data.zip"
ASKED_TO_FORGET: Final = say(
    "This erases every picture, prompt and clip of yours in this workspace, deletes what was posted where that is "
    "possible, and cancels what waits. It cannot be undone. `/reelbot my-data` gives you a copy first."
)


# --- what is left ---------------------------------------------------------------------------------------------------


async def quota(front: Front, caller: Caller) -> dict[str, Any]:
    """What is left of every budget that this person's next clip here would count in."""
    return message("\n".join(await quota_lines(front, caller)))


async def quota_lines(front: Front, caller: Caller) -> list[str]:
    """The same, line by line, as marked text."""
    requester = caller.requester()
    shown = standings_shown(await front.service.stores.ledger.standings(requester), requester)
    return [_standing(each, caller.locale) for each in shown]


def _standing(standing: Standing, locale: str) -> str:
    title = standing_title(standing, is_server=False)
    told = [in_language(each, locale) for each in standing_pieces(standing, moment(standing.resets_at))]
    return f"*{in_language(title, locale)}*: {' · '.join(told)}"


# --- under way ------------------------------------------------------------------------------------------------------


async def jobs(front: Front, bot: Bot, caller: Caller) -> dict[str, Any]:
    """What is under way, each with a way to its card."""
    blocks = await running(front, bot, caller)
    texts = [each["text"]["text"] for each in blocks if each["type"] == "section"]
    return message("\n".join(texts), blocks)


async def running(front: Front, bot: Bot, caller: Caller) -> list[Block]:
    """A person's jobs that have not ended: where each stands, its card, and how to stop it."""
    person, locale = caller.presser.person, caller.locale
    unfinished = await front.service.stores.jobs.in_state(*UNFINISHED)
    found = [job for job in unfinished if job.requester.person == person]
    if not found:
        return [section(marked(in_language(say("Nothing of yours is under way."), locale)))]
    address = await front.bots.address(bot)
    blocks: list[Block] = []
    for job in found[:MOST_JOBS]:
        blocks += await _under_way(front, job, address, locale)
    if len(found) > MOST_JOBS:
        more = say_n("{count} more.", "{count} more.", len(found) - MOST_JOBS)
        blocks += small([plain(in_language(more, locale))])
    return blocks


async def _under_way(front: Front, job: Job, address: str | None, locale: str) -> list[Block]:
    known = await front.service.stores.deliveries.card(job.id)
    said = f"*{escaped(in_language(headline(job), locale))}* · {moment(job.created_at)}"
    if known is not None and (url := card_link(address, job, known[0])) is not None:
        said += f" · <{url}|{escaped(in_language(say('Go to the card'), locale))}>"
    cancel = button(in_language(say("Cancel"), locale), button_id("cancel"), job.id)
    lines = [plain(f"“{one_line(job.prompt, PROMPT_SHOWN)}”")] if job.prompt else []
    if eta := await front.service.eta_line(job):
        lines.append(plain(in_language(eta, locale)))
    return [section(marked(said), None if job.state is State.DELIVERING else cancel), *small(lines)]


# --- where it is ----------------------------------------------------------------------------------------------------


def card_link(address: str | None, job: Job, card: str) -> str | None:
    """Where a job's card is seen in a browser; `address` is the workspace's own."""
    anchor, channel = anchor_of(job.requester), card.partition(":")[0]
    return _message_link(address, card, anchor.root if channel == anchor.channel else None)


def clip_link(address: str | None, job: Job, posted: Delivery | None, card: str | None) -> str | None:
    """Where a job's clip is; `None` for a link, which is no message of its own."""
    if posted is None or posted.method == "link" or not posted.reference:
        return None
    anchor, channel = anchor_of(job.requester), posted.reference.partition(":")[0]
    root = anchor.root if channel == anchor.channel else None
    if root is None and card is not None and card.partition(":")[0] == channel:
        # Without a thread of its own, the answer's thread began at the card.
        root = card.partition(":")[2]
    return _message_link(address, posted.reference, root)


def _message_link(address: str | None, reference: str, root: str | None) -> str | None:
    channel, _, rest = reference.partition(":")
    ts = rest.partition(":")[0]
    if address is None or not (channel and ts):
        return None
    link = f"{address.rstrip('/')}/archives/{channel}/p{ts.replace('.', '')}"
    return link if root in {None, ts} else f"{link}?thread_ts={root}&cid={channel}"


# --- what is kept ---------------------------------------------------------------------------------------------------


def my_data(front: Front, bot: Bot, caller: Caller) -> str:
    """Begin to collect what is kept of a person, for their direct messages; what to tell them meanwhile, escaped."""
    front.meanwhile(_collect(front, bot, caller))
    text = say("Everything Reelbot keeps of you here is being collected; it comes to your direct messages.")
    return escaped(in_language(text, caller.locale))


async def _collect(front: Front, bot: Bot, caller: Caller) -> None:
    try:
        refused = await _send(front, bot, caller)
    except Exception as error:
        # Whatever went wrong, the person waits for something: they are told, and the log has what was unexpected.
        await front.whisper(caller.scene, front.spoken(error, caller.scene, caller.locale))
        return
    if refused is not None:
        await front.whisper(caller.scene, escaped(in_language(refused, caller.locale)))


async def _send(front: Front, bot: Bot, caller: Caller) -> str | None:
    """Write the archive and share it; why not, where Slack does not take it."""
    person = caller.presser.person
    archive = front.service.desk.scratch / f"{new_id()}.zip"
    try:
        try:
            done = await front.service.exporter.export(Extent(person=person), archive)
        except BadPrompt as error:
            # It names a place on this machine, which is nobody's business on Slack.
            raise OSError("the export could not be written") from error
        if not done.jobs:
            raise NotFound(say("Nothing is kept of you here."))
        size = (await asyncio.to_thread(archive.stat)).st_size
        if size > MOST_UPLOADED:
            return _too_large(size, person)
        text = say_n("{count} job of yours in this workspace.", "{count} jobs of yours in this workspace.", done.jobs)
        try:
            return await _share(front, bot, caller.scene.user, archive, escaped(in_language(text, caller.locale)))
        except SlackError as error:
            if error.error in TOO_LARGE | NO_FILES:
                return _too_large(size, person)
            raise
    finally:
        await asyncio.to_thread(archive.unlink, missing_ok=True)


async def _share(front: Front, bot: Bot, user: str, archive: Path, comment: str) -> str | None:
    """Into the person's direct messages, and nowhere else; why not, where Slack shows nothing."""
    sharing = front.courier.sharing
    place = Place(kind="dm", channel=await front.api.direct(bot, user))
    (file,) = await sharing.upload(bot, [Upload(path=archive, filename=ARCHIVE)])
    # Without an answer it may be there all the same: it is looked for below.
    with suppress(Unclear):
        await sharing.complete(bot, [(file, ARCHIVE)], place, comment)
    found = await sharing.seen(bot, file, place, until=front.service.desk.clock.monotonic() + VISIBLE_WITHIN_S)
    if found not in {Fate.HIDDEN, Fate.MISSING}:
        return None
    with suppress(SlackError, Unclear, DeliveryDelayed):
        await sharing.delete(bot, [file])
    return say("Slack did not show the file with your data; ask for it once more.")


def _too_large(size: int, person: str) -> str:
    return say(
        "What is kept of you is {megabytes} MB, and Slack does not take it here. Ask the operator of this Reelbot for "
        "`reelbot export --user {person}`.",
        megabytes=max(1, size // 1_000_000),
        person=person,
    )


# --- to be forgotten ------------------------------------------------------------------------------------------------


def question(locale: str) -> dict[str, Any]:
    """Asked before anything is erased."""
    yes, no = in_language(say("Erase everything"), locale), in_language(say("Keep it"), locale)
    buttons = [
        button(yes, page_id(FORGET_ME, 0), YES, style="danger"),
        button(no, page_id(FORGET_ME, 1), NO),
    ]
    text = in_language(ASKED_TO_FORGET, locale)
    return message(text, [section(marked(text)), *row(buttons)])


async def forget(front: Front, caller: Caller) -> None:
    """Erase, and say what became of it where it was asked for, else directly."""
    scene = caller.scene
    await _redraw(front, scene, escaped(in_language(say("It is being erased…"), caller.locale)))
    try:
        done = await front.service.forgetting.forget(caller.presser.person)
        text = escaped(in_language(erased_sentence(done), caller.locale))
    except Exception as error:
        # Nobody waits for this any more but the person who wants to be forgotten.
        text = front.spoken(error, scene, caller.locale)
    if not await _redraw(front, scene, text):
        await front.whisper(scene, text)


async def _redraw(front: Front, scene: Scene, text: str) -> bool:
    """Put this in the place of the question; whether it stands there now."""
    if scene.response_url is None:
        return False
    try:
        await front.api.respond(scene.response_url, {"replace_original": True, **message(text)})
    except (SlackError, Unclear):
        return False
    return True

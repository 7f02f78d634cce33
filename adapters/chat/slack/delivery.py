"""Sharing a clip at most once (DESIGN §8): the file's id is saved before it is completed, and only that one is ever completed.

After any unclear failure Slack is asked about the saved file. Visible: it was delivered. There, and not visible: it is
completed once more. Still not visible: it is deleted, and only then another is uploaded. Where Slack does not say, nobody
posts again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

from adapters.chat.fitting import Fitted, fitted
from adapters.chat.slack.anchor import anchor_of, beneath
from adapters.chat.slack.api import UNREADABLE_PLACE, Bot, SlackApi, SlackError, TokenDead, Unclear
from adapters.chat.slack.bots import Bots, NotInstalled
from adapters.chat.slack.course import Course, Place
from adapters.chat.slack.letters import clip_comment, link_message, withheld_text
from adapters.chat.slack.sharing import NEVER_THERE, VISIBLE_WITHIN_S, Fate, Sharing, Upload
from adapters.chat.slack.text import message
from adapters.media.hosting import SignedLinks
from bot.errors import DeliveryDelayed, DeliveryRefused, DeliveryUnclear, Withheld
from bot.jobs.model import Asset, AssetKind, Delivery, Requester
from bot.languages.said import say
from bot.ports import Checkpoint, Clock, MediaStore, MediaWorkshop, Parcel, Receipt

log = structlog.get_logger(__name__)

Save = Callable[[Checkpoint], Awaitable[None]]

MB: Final = 1_000_000
ANYWHERE: Final = 1000 * MB
"""Largest file on Slack (slackapi/python-slack-sdk#739); what admins allow is less where they say so."""
SMALLER: Final = (500 * MB, 200 * MB, 100 * MB, 50 * MB, 25 * MB, 10 * MB, 5 * MB, 1 * MB)
TOO_LARGE: Final = frozenset({"file_upload_size_restricted", "file_too_large"})
NO_FILES: Final = frozenset(
    {"file_uploads_disabled", "file_uploads_except_images_disabled", "file_type_not_allowed", "storage_limit_reached"}
)
"""Whatever its size, no clip can be uploaded in this workspace: a link is left."""
COMPLETED_AT_MOST: Final = 2
LOOK_AGAIN_S: Final = 3.0
LINK_LIVES: Final = timedelta(days=7)


class Deliverer:
    """Shares clips."""

    def __init__(
        self,
        api: SlackApi,
        bots: Bots,
        media: MediaStore,
        workshop: MediaWorkshop,
        clock: Clock,
        scratch: Path,
        links: SignedLinks | None,
    ) -> None:
        self._api = api
        self._bots = bots
        self._sharing = Sharing(api, clock)
        self._media = media
        self._workshop = workshop
        self._clock = clock
        self._scratch = scratch
        self._links = links

    async def deliver(self, parcel: Parcel, save: Save) -> Receipt:
        """See `bot.ports.Courier.deliver`."""
        course = Course.from_json(parcel.checkpoint)
        try:
            bot = await self._bot_of(parcel)
            with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
                while True:
                    step = self._follow if course.files else self._begin
                    outcome = await step(bot, course, parcel, save, Path(folder))
                    if isinstance(outcome, Receipt):
                        return outcome
                    course = outcome
        except Unclear as error:
            raise DeliveryDelayed(
                say("Slack did not say whether the clip arrived; looking before trying again."),
                retry_after_s=LOOK_AGAIN_S,
            ) from error
        except TokenDead as error:
            raise DeliveryRefused(str(NotInstalled())) from error
        except SlackError as error:
            raise DeliveryDelayed(str(error), retry_after_s=LOOK_AGAIN_S) from error

    async def find(self, delivery: Delivery, requester: Requester) -> tuple[str, ...]:
        """The files of a delivery: of its message, or of what was uploaded for it."""
        if delivery.reference and delivery.method != "link":
            return files_of(delivery.reference)
        return Course.from_json(delivery.checkpoint).files

    # --- uploading ------------------------------------------------------------------------------------------------

    async def _begin(self, bot: Bot, course: Course, parcel: Parcel, save: Save, folder: Path) -> Receipt | Course:
        """Upload to the best place left, and complete; or return what to try next."""
        if parcel.clip.flagged:
            await self._tell_withheld(bot, parcel)
            raise Withheld(
                say(
                    "The provider marked this clip as possibly not safe for work, so it is not posted on Slack. It is kept."
                )
            )
        place = course.place or await self._choose(bot, course, parcel)
        course = replace(course, place=place)
        await save(course.to_json())
        ready = await fitted(parcel, course.limit or ANYWHERE, self._media, self._workshop, folder)
        if ready is None:
            return await self._link(bot, course, parcel)
        try:
            files = await self._sharing.upload(bot, [Upload(path=p, filename=n) for p, n in ready.named(parcel)])
        except SlackError as error:
            return await self._after_refusal(bot, course, parcel, error, ready)
        # From here on these files may be seen, so their ids are on the disk first.
        now = self._clock.now().timestamp()
        course = replace(course, files=files, since=now, completed=1, was_encoded=ready.was_encoded)
        await save(course.to_json())
        return await self._complete(bot, course, parcel, save)

    async def _complete(self, bot: Bot, course: Course, parcel: Parcel, save: Save) -> Receipt | Course:
        place = course.place
        assert place is not None
        names = (parcel.filename, parcel.part_filename or parcel.filename)
        try:
            comment = clip_comment(parcel, is_elsewhere=place.kind == "dm")
            await self._sharing.complete(bot, list(zip(course.files, names, strict=False)), place, comment)
        except TokenDead:
            raise
        except DeliveryDelayed:
            # Nothing was done: whoever goes on need not wait for it to be seen.
            await save(replace(course, completed=course.completed - 1).to_json())
            raise
        except SlackError as error:
            if error.error not in UNREADABLE_PLACE:
                # It may be that it was completed before: what became of it is looked up.
                log.warning("delivery.not_completed", job_id=parcel.job_id, why=str(error))
                return await self._after_look(bot, course, parcel, error)
            log.info("delivery.place_refused", job_id=parcel.job_id, place=place.kind, why=error.error)
            await self._throw_away(bot, course)
            return course.elsewhere()
        return course

    async def _after_look(self, bot: Bot, course: Course, parcel: Parcel, error: SlackError) -> Receipt | Course:
        place = course.place
        assert place is not None
        found = await self._sharing.seen(bot, course.files[0], place, until=0.0)
        if isinstance(found, str):
            return self._receipt(course, found)
        if found is Fate.CANNOT_TELL or course.completed > 1:
            return course
        if error.error in NEVER_THERE:
            raise DeliveryDelayed(say("Slack lost the upload; trying again."), retry_after_s=LOOK_AGAIN_S)
        await self._throw_away(bot, course)
        raise DeliveryRefused(say("Slack does not take this clip: {why}.", why=error.error))

    # --- what became of it ----------------------------------------------------------------------------------------

    async def _follow(self, bot: Bot, course: Course, parcel: Parcel, save: Save, _folder: Path) -> Receipt | Course:
        """Wait until it can be seen; complete it once more, or delete it and begin anew."""
        place = course.place
        assert place is not None
        if course.deleting:
            await self._sharing.delete(bot, course.files)
            course = course.anew()
            await save(course.to_json())
            return course
        if not course.completed:
            return await self._once_more(bot, replace(course, since=self._clock.now().timestamp()), parcel, save)
        waits_s = course.since + VISIBLE_WITHIN_S * course.completed - self._clock.now().timestamp()
        until = self._clock.monotonic() + max(0.0, min(waits_s, VISIBLE_WITHIN_S))
        found = await self._sharing.seen(bot, course.files[0], place, until=until)
        match found:
            case str():
                return self._receipt(course, found)
            case Fate.CANNOT_TELL:
                raise DeliveryUnclear(say("Slack does not let me look whether the clip was posted."))
            case Fate.DELETED:
                # It was posted, and somebody did not want it.
                return self._receipt(course, None)
            case Fate.HIDDEN | Fate.MISSING if course.completed < COMPLETED_AT_MOST:
                return await self._once_more(bot, course, parcel, save)
            case _:
                gone = replace(course, deleting=True)
                await save(gone.to_json())
                return gone

    async def _once_more(self, bot: Bot, course: Course, parcel: Parcel, save: Save) -> Receipt | Course:
        """Complete the same files: those and no others may become visible."""
        again = replace(course, completed=course.completed + 1)
        await save(again.to_json())
        return await self._complete(bot, again, parcel, save)

    async def _throw_away(self, bot: Bot, course: Course) -> None:
        """What was uploaded for nothing takes up the workspace's room."""
        try:
            await self._sharing.delete(bot, course.files)
        except (SlackError, Unclear, DeliveryDelayed) as error:
            log.info("delivery.not_thrown_away", files=course.files, why=str(error))

    # --- places ---------------------------------------------------------------------------------------------------

    async def _choose(self, bot: Bot, course: Course, parcel: Parcel) -> Place:
        """The best place that was not given up. `DeliveryRefused` when none is left."""
        anchor = beneath(anchor_of(parcel.requester), parcel.card)
        if anchor.channel and "here" not in course.given_up:
            return Place(kind="here", channel=anchor.channel, root=anchor.root)
        if "dm" not in course.given_up and not anchor.is_direct:
            try:
                opened = await self._api.call(bot, "conversations.open", users=parcel.requester.user)
            except TokenDead:
                raise
            except SlackError as error:
                log.info("delivery.no_direct_messages", job_id=parcel.job_id, why=error.error)
            else:
                channel = str(opened["channel"]["id"])
                card = parcel.card.reference.partition(":") if parcel.card else ("", "", "")
                return Place(kind="dm", channel=channel, root=card[2] if card[0] == channel else None)
        raise DeliveryRefused(
            say(
                "I can post neither here nor in direct messages. Invite me to the channel (`/invite @Reelbot`), then "
                "press Send again."
            )
        )

    async def _bot_of(self, parcel: Parcel) -> Bot:
        anchor = anchor_of(parcel.requester)
        try:
            return await self._bots.of(anchor.team, anchor.enterprise)
        except NotInstalled as error:
            raise DeliveryRefused(str(error)) from error
        except TokenDead as error:
            raise DeliveryDelayed(
                say("Slack does not accept our bot token; an operator must renew it."), retry_after_s=60.0
            ) from error

    async def _after_refusal(
        self, bot: Bot, course: Course, parcel: Parcel, error: SlackError, ready: Fitted
    ) -> Receipt | Course:
        if isinstance(error, TokenDead):
            raise error
        if error.error in TOO_LARGE:
            below = next((each for each in SMALLER if each < ready.largest_bytes), 0)
            if below:
                return replace(course, limit=below)
        if error.error in TOO_LARGE | NO_FILES:
            return await self._link(bot, course, parcel, why=error.error)
        if error.error == "missing_scope":
            raise DeliveryRefused(
                say(
                    "The app lacks the right to {scope}: an admin must add it and reinstall the app, then press Send again.",
                    scope=error.needed or "files:write",
                )
            )
        log.info("delivery.upload_refused", job_id=parcel.job_id, why=error.error)
        return course.elsewhere()

    # --- otherwise ------------------------------------------------------------------------------------------------

    async def _link(self, bot: Bot, course: Course, parcel: Parcel, *, why: str = "") -> Receipt:
        """No file can be posted: an address instead, as an edit of the card."""
        place = course.place
        assert place is not None
        if self._links is None:
            raise DeliveryRefused(_NO_ROOM if why == "storage_limit_reached" else _NO_FILE)
        asset = Asset(
            id=parcel.clip.asset_id, kind=AssetKind.CLIP, size_bytes=parcel.clip.size_bytes, content_type="video/mp4"
        )
        link = self._links.link(asset, attempt_id="", lives=LINK_LIVES)
        body = link_message(parcel, link.url, self._clock.now() + LINK_LIVES)
        channel, _, ts = parcel.card.reference.partition(":") if parcel.card else ("", "", "")
        try:
            if ts and channel == place.channel:
                await self._api.call(bot, "chat.update", channel=channel, ts=ts, **body)
            else:
                await self._api.call(bot, "chat.postMessage", channel=place.channel, thread_ts=place.root, **body)
        except TokenDead:
            raise
        except SlackError as error:
            raise DeliveryRefused(
                say("The clip is too large to be posted here, and its address could not be shown either.")
            ) from error
        return Receipt(place=_named(place), method="link", reference=link.url)

    async def _tell_withheld(self, bot: Bot, parcel: Parcel) -> None:
        """Tell the asker, and nobody else; closed direct messages stay closed."""
        try:
            opened = await self._api.call(bot, "conversations.open", users=parcel.requester.user)
            channel = opened["channel"]["id"]
            await self._api.call(bot, "chat.postMessage", channel=channel, **message(withheld_text(parcel)))
        except TokenDead:
            raise
        except (SlackError, Unclear) as error:
            # Not tried again: an unclear answer may have arrived, and the card says it, too.
            log.info("delivery.withheld_not_told", job_id=parcel.job_id, why=str(error))

    def _receipt(self, course: Course, ts: str | None) -> Receipt:
        place = course.place
        assert place is not None
        method = "direct_message" if place.kind == "dm" else "transcoded" if course.was_encoded else "attachment"
        return Receipt(
            place=_named(place), method=method, reference=f"{place.channel}:{ts or ''}:{','.join(course.files)}"
        )


_NO_ROOM = say(
    "This workspace's storage on Slack is full: delete files there, then press Send again. The clip is kept."
)
_NO_FILE = say("The clip cannot be uploaded here, and without REELBOT_WEB__PUBLIC_URL it has no address.")


def files_of(reference: str) -> tuple[str, ...]:
    """The files of a delivery's message, `channel:ts:file,file`."""
    return tuple(each for each in reference.partition(":")[2].partition(":")[2].split(",") if each)


def _named(place: Place) -> str:
    return f"slack:{'direct message' if place.kind == 'dm' else place.channel}"

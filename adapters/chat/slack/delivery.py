"""Sharing a clip at most once (DESIGN §8): the file's id is saved before it is completed, and only that one is ever completed.

After any unclear failure Slack is asked about the saved file. Visible: it was delivered. Unknown to Slack: it was never
completed, which is done now. There, and never visible: it is deleted, and only then another is uploaded. It is not
completed a second time: were its first share only late, there could be two. Where Slack does not say, nobody posts again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog

from adapters.chat.fitting import fitted
from adapters.chat.slack.anchor import anchor_of, beneath
from adapters.chat.slack.api import UNREADABLE_PLACE, Bot, SlackApi, SlackError, TokenDead, Unclear
from adapters.chat.slack.bots import Bots, NotInstalled
from adapters.chat.slack.course import Course, Place
from adapters.chat.slack.letters import clip_comment, clip_titles
from adapters.chat.slack.otherwise import Otherwise
from adapters.chat.slack.sharing import NEVER_THERE, VISIBLE_WITHIN_S, Fate, Sharing, Upload
from adapters.media.hosting import SignedLinks
from bot.errors import DeliveryDelayed, DeliveryRefused, DeliveryUnclear, Withheld
from bot.jobs.model import Delivery
from bot.languages.said import say
from bot.ports import Checkpoint, Clock, MediaStore, MediaWorkshop, Parcel, Receipt
from bot.scratch import scratch_folder

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
PATIENCES: Final = 2
"""What Slack has completed may take so many times as long as usual to be seen, before it is deleted."""
LOST_AT_MOST: Final = 3
"""So many uploads that never became visible are no chance any more: a link is left."""
LOOK_AGAIN_S: Final = 3.0


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
        visible_within_s: float = VISIBLE_WITHIN_S,
    ) -> None:
        """`visible_within_s` is how long Slack usually takes at most between completing a file and showing it."""
        self._api = api
        self._bots = bots
        self._sharing = Sharing(api, clock)
        self._otherwise = Otherwise(api, clock, links)
        self._media = media
        self._workshop = workshop
        self._clock = clock
        self._scratch = scratch
        self._visible_within_s = visible_within_s

    async def deliver(self, parcel: Parcel, save: Save) -> Receipt:
        """See `bot.ports.Courier.deliver`."""
        course = Course.from_json(parcel.checkpoint)
        bot = await self._bot_of(parcel)
        try:
            async with scratch_folder(self._scratch) as folder:
                while True:
                    step = self._follow if course.files else self._begin
                    outcome = await step(bot, course, parcel, save, folder)
                    if isinstance(outcome, Receipt):
                        return outcome
                    course = outcome
        except Unclear as error:
            raise _delayed() from error
        except TokenDead as error:
            raise await self._removed(bot, parcel) from error
        except SlackError as error:
            raise DeliveryDelayed(str(error), retry_after_s=LOOK_AGAIN_S) from error

    async def find(self, delivery: Delivery) -> tuple[str, ...]:
        """The files of a delivery: of its message, or of what was uploaded for it."""
        if delivery.reference and delivery.method != "link":
            return files_of(delivery.reference)
        return Course.from_json(delivery.checkpoint).files

    # --- uploading ------------------------------------------------------------------------------------------------

    async def _begin(self, bot: Bot, course: Course, parcel: Parcel, save: Save, folder: Path) -> Receipt | Course:
        """Upload to the best place left, and complete; or return what to try next."""
        if parcel.clip.flagged:
            await self._otherwise.tell_withheld(bot, parcel)
            raise Withheld(
                say(
                    "The provider marked this clip as possibly not safe for work, so it is not posted on Slack. It is kept."
                )
            )
        if course.linking:
            raise _unclear()
        place = course.place or await self._choose(bot, course, parcel)
        course = replace(course, place=place)
        await save(course.to_json())
        if course.lost >= LOST_AT_MOST:
            return await self._link(bot, course, parcel, save)
        ready = await fitted(parcel, course.limit or ANYWHERE, self._media, self._workshop, folder)
        if ready is None:
            return await self._link(bot, course, parcel, save)
        try:
            files = await self._sharing.upload(bot, [Upload(path=p, filename=n) for p, n in ready.named(parcel)])
        except SlackError as error:
            return await self._after_refusal(bot, course, parcel, save, error, sent_bytes=ready.largest_bytes)
        # From here on these files may be seen, so their ids are on the disk first.
        now = self._clock.now().timestamp()
        course = replace(course, files=files, since=now, completed=1, was_encoded=ready.was_encoded)
        await save(course.to_json())
        return await self._complete(bot, course, parcel, save)

    async def _complete(self, bot: Bot, course: Course, parcel: Parcel, save: Save) -> Receipt | Course:
        place = course.place
        assert place is not None
        titles = clip_titles(parcel)
        comment = clip_comment(parcel, is_elsewhere=place.kind == "dm")
        try:
            await self._sharing.complete(bot, list(zip(course.files, titles, strict=False)), place, comment)
        except DeliveryDelayed:
            # Nothing was done: whoever goes on need not wait for it to be seen.
            await save(replace(course, completed=course.completed - 1).to_json())
            raise
        except SlackError as error:
            log.info("delivery.not_completed", job_id=parcel.job_id, place=place.kind, why=error.error)
            if course.completed > 1:
                return await self._after_doubt(bot, course, save, error)
            return await self._after_first(bot, course, parcel, save, error)
        return course

    async def _after_first(
        self, bot: Bot, course: Course, parcel: Parcel, save: Save, error: SlackError
    ) -> Receipt | Course:
        """The files were refused before anybody could see them, and never will be seen: they are forgotten."""
        if isinstance(error, TokenDead):
            raise error
        following = course.elsewhere() if error.error in UNREADABLE_PLACE else course.anew()
        if error.error in NEVER_THERE:
            following = replace(following, lost=course.lost + 1)
        # Before they are deleted: a file that is gone looks like one that was posted and then deleted by somebody.
        await save(following.to_json())
        await self._throw_away(bot, course)
        if error.error in NEVER_THERE:
            raise DeliveryDelayed(say("Slack lost the upload; trying again."), retry_after_s=LOOK_AGAIN_S)
        if error.error in UNREADABLE_PLACE:
            return following
        sent_bytes = course.limit or parcel.clip.size_bytes
        return await self._after_refusal(bot, following, parcel, save, error, sent_bytes=sent_bytes)

    async def _after_doubt(self, bot: Bot, course: Course, save: Save, error: SlackError) -> Receipt | Course:
        """Refused now, while an earlier completion may still count: what became of that is looked up."""
        assert course.place is not None
        found = await self._sharing.seen(bot, course.files[0], course.place, until=0.0)
        if isinstance(found, str) or found is Fate.DELETED:
            return self._receipt(course, found)
        if found is Fate.CANNOT_TELL:
            raise _unclear()
        following = replace(course, deleting=True, leaving=error.error in UNREADABLE_PLACE)
        await save(following.to_json())
        return following

    # --- what became of it ----------------------------------------------------------------------------------------

    async def _follow(self, bot: Bot, course: Course, parcel: Parcel, save: Save, _folder: Path) -> Receipt | Course:
        """Wait until it can be seen; complete what was not, or delete it and begin anew."""
        place = course.place
        assert place is not None
        if course.deleting:
            return await self._deleted(bot, course, save)
        if not course.completed:
            return await self._once_more(bot, course, parcel, save)
        patience_s = PATIENCES * self._visible_within_s
        waits_s = course.since + patience_s - self._clock.now().timestamp()
        until = self._clock.monotonic() + max(0.0, min(waits_s, patience_s))
        found = await self._sharing.seen(bot, course.files[0], place, until=until)
        if isinstance(found, str) or found is Fate.DELETED:
            # Deleted: it was posted, and somebody did not want it.
            return self._receipt(course, found)
        if found is Fate.CANNOT_TELL:
            raise _unclear()
        if found is Fate.MISSING and course.completed < COMPLETED_AT_MOST:
            return await self._once_more(bot, course, parcel, save)
        gone = replace(course, deleting=True)
        await save(gone.to_json())
        return gone

    async def _once_more(self, bot: Bot, course: Course, parcel: Parcel, save: Save) -> Receipt | Course:
        """Complete the same files: those and no others may become visible. They have all of their time again."""
        again = replace(course, completed=course.completed + 1, since=self._clock.now().timestamp())
        await save(again.to_json())
        return await self._complete(bot, again, parcel, save)

    async def _deleted(self, bot: Bot, course: Course, save: Save) -> Course:
        """Delete what never became visible, for certain: then, and only then, another upload may."""
        try:
            await self._sharing.delete(bot, course.files)
        except SlackError as error:
            log.warning("delivery.not_deleted", files=course.files, why=error.error)
            raise _unclear() from error
        following = course.after_deleting()
        await save(following.to_json())
        return following

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
                channel = await self._api.direct(bot, parcel.requester.user)
            except TokenDead:
                raise
            except SlackError as error:
                log.info("delivery.no_direct_messages", job_id=parcel.job_id, why=error.error)
            else:
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
        except SlackError as error:
            raise DeliveryDelayed(str(error), retry_after_s=LOOK_AGAIN_S) from error

    async def _removed(self, bot: Bot, parcel: Parcel) -> DeliveryDelayed | DeliveryRefused:
        """Its token is worth nothing any more: the app was removed, unless it was added once more since we looked."""
        self._bots.forget(bot.team)
        try:
            now = await self._bot_of(parcel)
        except (DeliveryDelayed, DeliveryRefused) as error:
            return error
        return DeliveryRefused(str(NotInstalled())) if now.token == bot.token else _delayed()

    # --- otherwise ------------------------------------------------------------------------------------------------

    async def _after_refusal(
        self, bot: Bot, course: Course, parcel: Parcel, save: Save, error: SlackError, *, sent_bytes: int
    ) -> Receipt | Course:
        """Slack does not take the files, whatever their place: smaller ones, an address, or none."""
        if isinstance(error, TokenDead):
            raise error
        if error.error in TOO_LARGE:
            below = next((each for each in SMALLER if each < sent_bytes), 0)
            if below:
                return replace(course, limit=below)
        if error.error in TOO_LARGE | NO_FILES:
            return await self._link(bot, course, parcel, save, why=error.error)
        if error.error == "missing_scope":
            raise DeliveryRefused(
                say(
                    "The app lacks the right to {scope}: an admin must add it and reinstall the app, then press Send again.",
                    scope=error.needed or "files:write",
                )
            )
        if error.error in UNREADABLE_PLACE and course.place is not None:
            return course.elsewhere()
        raise DeliveryRefused(say("Slack does not take this clip: {why}.", why=error.error))

    async def _link(self, bot: Bot, course: Course, parcel: Parcel, save: Save, *, why: str = "") -> Receipt:
        place = course.place or await self._choose(bot, course, parcel)
        url = await self._otherwise.link(bot, replace(course, place=place), parcel, save, why=why)
        return Receipt(place=_named(place), method="link", reference=url)

    def _receipt(self, course: Course, seen: str | Fate) -> Receipt:
        place = course.place
        assert place is not None
        ts = seen if isinstance(seen, str) else ""
        method = "direct_message" if place.kind == "dm" else "transcoded" if course.was_encoded else "attachment"
        return Receipt(place=_named(place), method=method, reference=f"{place.channel}:{ts}:{','.join(course.files)}")


def _delayed() -> DeliveryDelayed:
    return DeliveryDelayed(
        say("Slack did not say whether the clip arrived; looking before trying again."), retry_after_s=LOOK_AGAIN_S
    )


def _unclear() -> DeliveryUnclear:
    return DeliveryUnclear(say("Slack does not let me look whether the clip was posted."))


def files_of(reference: str) -> tuple[str, ...]:
    """The files of a delivery's message, `channel:ts:file,file`."""
    return tuple(each for each in reference.partition(":")[2].partition(":")[2].split(",") if each)


def _named(place: Place) -> str:
    return f"slack:{'direct message' if place.kind == 'dm' else place.channel}"

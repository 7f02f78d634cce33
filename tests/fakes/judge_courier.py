"""`bot.ports.Courier` over the socket of `tests.emulators.judge_chat`."""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bot.errors import BadInput, DeliveryDelayed, DeliveryRefused, DeliveryUnclear, ProviderUnavailable
from bot.jobs.model import Asset, AssetKind, InputRef, Requester
from bot.ports import Checkpoint, JobCard, MediaStore, MessageRef, Parcel, Receipt
from tests.emulators.judging import Script
from tests.fakes.wire import Answer, Call, CannotConnect, NoAnswer, ask_once


class JudgeCourier:
    """A chat whose messages lie in another process; posts at most once by the pattern every courier follows.

    `posting`, with the nonce, is saved before the post. Whoever finds that checkpoint searches for the file first; posts
    again only what is not there and only where the nonce makes a second post the first one.
    """

    def __init__(self, port: int, store: MediaStore, *, platform: str = "judge", timeout_s: float = 5.0) -> None:
        self.platform = platform
        self._port = port
        self._store = store
        self._timeout_s = timeout_s

    async def collect(self, source: InputRef) -> Asset:
        """`BadInput` for an attachment that is gone, `ProviderUnavailable` when the judge cannot be reached."""
        try:
            answer = await ask_once(self._port, self._timeout_s, "collect", locator=source.locator)
        except (CannotConnect, NoAnswer) as error:
            raise ProviderUnavailable(f"The chat is not answering: {error}") from error
        if answer.get("error") == "gone":
            raise BadInput("The picture was deleted before it could be read.")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "attachment"
            path.write_bytes(base64.b64decode(answer["body"]))
            return await self._store.put(path, AssetKind.ORIGINAL, "image/png")

    async def show(self, card: JobCard, at: MessageRef | None) -> MessageRef:
        """Posts or edits. `DeliveryDelayed` when the judge cannot be reached."""
        try:
            answer = await ask_once(
                self._port,
                self._timeout_s,
                "show",
                place=place_of(card.requester),
                message_id=at.reference if at else None,
                job_id=card.job_id,
                state=card.state,
                text="\n".join((card.headline, *card.lines)),
                version=card.version,
            )
        except (CannotConnect, NoAnswer) as error:
            raise DeliveryDelayed(f"The chat is not answering: {error}") from error
        return MessageRef(platform=self.platform, reference=answer["message_id"])

    async def deliver(self, parcel: Parcel, save: Callable[[Checkpoint], Awaitable[None]]) -> Receipt:
        """See `bot.ports.Courier.deliver`."""
        place = place_of(parcel.requester)
        nonce = (parcel.checkpoint or {}).get("nonce") or parcel.delivery_id
        if (parcel.checkpoint or {}).get("stage") == "posting":
            posted = await self._look_for(parcel, place)
            if posted is not None:
                return Receipt(place=place, method="attachment", reference=posted)
        else:
            await save({"stage": "posting", "nonce": nonce})
        return Receipt(place=place, method="attachment", reference=await self._post(parcel, place, nonce, save))

    async def _look_for(self, parcel: Parcel, place: str) -> str | None:
        """The id of a post that is there already, or `None` when posting (again) is harmless."""
        try:
            answer = await ask_once(self._port, self._timeout_s, "search", place=place, filename=parcel.filename)
        except (CannotConnect, NoAnswer) as error:
            raise ProviderUnavailable(f"The chat is not answering: {error}") from error
        if "cannot_tell" in answer:
            raise DeliveryUnclear(f"It may have been posted: {answer['cannot_tell']}.")
        if found := answer["message_ids"]:
            return str(found[0])
        if "no-nonce" in Script(place, "chat"):
            raise DeliveryUnclear("It may have been posted, and this place cannot tell a second post from the first.")
        return None

    async def _post(self, parcel: Parcel, place: str, nonce: str, save: Callable[[Checkpoint], Awaitable[None]]) -> str:
        digest, size = await self._measure(parcel)
        post: dict[str, Any] = {
            "place": place,
            "nonce": nonce,
            "filename": parcel.filename,
            "text": parcel.text,
            "sha256": digest,
            "size_bytes": size,
        }
        try:
            async with Call(self._port, self._timeout_s) as call:
                await call.handshake(place=place, filename=parcel.filename)
                answer: Answer = await call.ask("post", **post)
        except CannotConnect as error:
            # Provably nothing was posted: the next try starts afresh instead of wondering.
            await save({"stage": "ready", "nonce": nonce})
            raise DeliveryDelayed(f"The chat is not answering: {error}") from error
        except NoAnswer as error:
            raise ProviderUnavailable(f"The chat did not say whether it posted the clip: {error}") from error
        if answer.get("error") == "later":
            await save({"stage": "ready", "nonce": nonce})
            raise DeliveryDelayed(answer["message"], retry_after_s=answer["retry_after_s"])
        if answer.get("error") == "refused":
            raise DeliveryRefused(answer["message"])
        return str(answer["message_id"])

    async def _measure(self, parcel: Parcel) -> tuple[str, int]:
        if parcel.path is not None:
            content = parcel.path.read_bytes()
        else:
            pieces = self._store.read(parcel.clip.asset_id, start=0, end=parcel.clip.size_bytes)
            content = b"".join([piece async for piece in pieces])
        return hashlib.sha256(content).hexdigest(), len(content)


def place_of(requester: Requester) -> str:
    """The most exact address there is: thread, channel, or a direct message to the person."""
    return requester.thread or requester.channel or f"dm:{requester.user}"

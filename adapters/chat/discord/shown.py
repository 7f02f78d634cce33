"""Pictures in messages: attached, shown from a link, in a gallery, or in a message that was forwarded.

Works on messages as Discord sends them, so that it reads what the gateway, an interaction and its REST side bring alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from adapters.chat.discord.inputs import Attachment
from adapters.chat.pictures import is_picture

SPOILER: Final = 1 << 3
GALLERY, THUMBNAIL = 12, 11


def pictures(message: Mapping[str, Any]) -> list[Attachment]:
    """Every picture of a message, in the order in which people see them."""
    channel, number = _text(message.get("channel_id")), _text(message.get("id"))
    found = list(_own(message, channel, number))
    for snapshot in message.get("message_snapshots") or ():
        found += _own(snapshot.get("message") or {}, channel, number)
    seen: set[str] = set()
    # A link's preview may show what is attached as well.
    return [each for each in found if not (each.url in seen or seen.add(each.url))]  # type: ignore[func-returns-value]  # remembers


def _own(message: Mapping[str, Any], channel: str | None, number: str | None) -> Iterator[Attachment]:
    for each in message.get("attachments") or ():
        if is_picture(each.get("filename"), each.get("content_type")):
            yield Attachment(
                url=each["url"],
                filename=each.get("filename"),
                size=each.get("size"),
                channel=channel,
                message=number,
                id=_text(each.get("id")),
                spoiler=_is_spoiler(each),
            )
    for each in message.get("embeds") or ():
        # The picture of a video's preview is not what the person means.
        if each.get("type") in {"video", "gifv"}:
            continue
        if url := _address(each.get("image")) or _address(each.get("thumbnail")):
            yield Attachment(url=url, channel=channel, message=number)
    for item, spoiler in _media(message.get("components") or ()):
        if is_picture(item.get("url", "").partition("?")[0], item.get("content_type")) and (url := _address(item)):
            yield Attachment(url=url, channel=channel, message=number, spoiler=spoiler)


def _media(components: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], bool]]:
    for each in components:
        if each.get("type") == GALLERY:
            yield from ((item.get("media") or {}, bool(item.get("spoiler"))) for item in each.get("items") or ())
        if each.get("type") == THUMBNAIL:
            yield each.get("media") or {}, bool(each.get("spoiler"))
        yield from _media(each.get("components") or ())
        if isinstance(each.get("accessory"), dict):
            yield from _media([each["accessory"]])


def _address(media: Mapping[str, Any] | None) -> str | None:
    """Discord's own copy where it made one: the other address is anybody's."""
    return (media.get("proxy_url") or media.get("url")) if media else None


def _is_spoiler(attachment: Mapping[str, Any]) -> bool:
    name = str(attachment.get("filename") or "")
    return (
        bool(attachment.get("spoiler"))
        or bool(int(attachment.get("flags") or 0) & SPOILER)
        or name.startswith("SPOILER_")
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)

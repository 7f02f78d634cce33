"""What Discord asks of a message beyond the schema: components, Components V2, attachments, pings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.emulators.discord_bodies import Body
from tests.emulators.discord_errors import Refused, invalid
from tests.emulators.discord_state import V2

MAX_COMPONENTS, MAX_TEXT, MAX_CONTENT = 40, 4000, 2000
V2_ONLY = {9, 10, 11, 12, 13, 14, 17}
WITH_ID = {2, 3, 5, 6, 7, 8}


def walk(components: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every component, nested ones included."""
    for component in components:
        yield component
        yield from walk(component.get("components") or [])
        for name in ("accessory", "component"):
            if component.get(name):
                yield from walk([component[name]])


def media_urls(components: list[dict[str, Any]]) -> Iterator[str]:
    """Every address a component shows something from."""
    for one in walk(components):
        match one["type"]:
            case 11:
                yield one["media"]["url"]
            case 12:
                yield from (item["media"]["url"] for item in one["items"])
            case 13:
                yield one["file"]["url"]


def check_components(components: list[dict[str, Any]], *, is_v2: bool, names: set[str]) -> None:
    """Refuse what Discord refuses; `names` are the files the message will have."""
    every = list(walk(components))
    if is_v2 and len(every) > MAX_COMPONENTS:
        raise invalid("components", f"{len(every)} components are more than {MAX_COMPONENTS}")
    if not is_v2 and len(components) > 5:
        raise invalid("components", "must be 5 or fewer in length")
    if sum(len(one.get("content", "")) for one in every if one["type"] == 10) > MAX_TEXT:
        raise invalid("components", f"the texts are longer than {MAX_TEXT} characters")
    if not is_v2 and (new := {one["type"] for one in every} & V2_ONLY):
        raise invalid("components", f"types {sorted(new)} need the flag IS_COMPONENTS_V2")
    seen: set[str] = set()
    for one in every:
        if one["type"] in WITH_ID and one.get("style") not in {5, 6}:
            if not one.get("custom_id"):
                raise invalid("components", "a custom id is required")
            if one["custom_id"] in seen:
                raise invalid("components", f"the custom id {one['custom_id']!r} cannot be duplicated")
            seen.add(one["custom_id"])
        if one["type"] == 2:
            _check_button(one)
        if one["type"] == 1:
            _check_row(one)
        if one["type"] == 13 and not one["file"]["url"].startswith("attachment://"):
            raise invalid("components", "a file component takes attachment:// only")
    for url in media_urls(components):
        if url.startswith("attachment://") and url.removeprefix("attachment://") not in names:
            raise invalid("components", f"the referenced attachment {url} was not found")
        if not url.startswith(("attachment://", "http://", "https://")):
            raise invalid("components", f"scheme of {url}")


def _check_button(button: dict[str, Any]) -> None:
    if (button["style"] == 5) != bool(button.get("url")) or (button["style"] == 5 and button.get("custom_id")):
        raise invalid("components", "a link button has a url, every other one a custom id")
    if not (button.get("label") or button.get("emoji") or button["style"] == 6):
        raise invalid("components", "a button needs a label or an emoji")


def _check_row(row: dict[str, Any]) -> None:
    kinds = [one["type"] for one in row["components"]]
    if not kinds or (kinds != [2] * len(kinds) and len(kinds) > 1) or len(kinds) > 5:
        raise invalid("components", "a row holds 1 to 5 buttons, or one select")


def check_message(
    *, payload: dict[str, Any], flags: int, names: set[str], has_more: bool, content: str, embeds: Any, components: Any
) -> None:
    """Refuse a message that, as it would be shown, breaks the rules; `has_more`: it has a reference or a poll."""
    is_v2 = bool(flags & V2)
    if is_v2 and (content or embeds or payload.get("poll") or payload.get("sticker_ids")):
        raise invalid("flags", "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2")
    if is_v2 and not components:
        raise invalid("components", "a Components V2 message has at least one component")
    if not is_v2 and not (content.strip() or embeds or components or names or has_more):
        raise Refused(50006)
    if len(content) > MAX_CONTENT:
        raise invalid("content", f"must be {MAX_CONTENT} or fewer in length")
    if len(names) > 10:
        raise invalid("attachments", "must be 10 or fewer in length")
    if sum(map(_embed_length, embeds)) > 6000:
        raise invalid("embeds", "embed size exceeds maximum size of 6000")
    check_components(components, is_v2=is_v2, names=names)


def _embed_length(embed: dict[str, Any]) -> int:
    texts = [embed.get("title"), embed.get("description")]
    texts += [(embed.get("footer") or {}).get("text"), (embed.get("author") or {}).get("name")]
    texts += [text for one in embed.get("fields") or [] for text in (one.get("name"), one.get("value"))]
    return sum(len(text or "") for text in texts)


def check_uploads(body: Body, limit: int) -> None:
    """Refuse files over the limit, in bytes, and attachments that name a file that is not there."""
    if any(upload.size > limit for upload in body.files.values()):
        raise Refused(40005)
    listed = (body.payload or {}).get("attachments")
    for entry in listed or []:
        number = str(entry["id"])
        if len(number) < 15 and int(number) not in body.files:
            raise invalid("attachments", f"no file was uploaded for the attachment {number}")


def unseen(flags: int, names: set[str], components: list[dict[str, Any]]) -> str | None:
    """Why some files of a message would be seen by nobody: in Components V2 only what a component names is shown."""
    shown = {url.removeprefix("attachment://") for url in media_urls(components)}
    # A link of the CDN's in a component shows a file that was there before.
    shown |= {url.partition("?")[0].rpartition("/")[2] for url in shown}
    left = sorted(names - shown)
    return f"no component shows the attachments {left}" if flags & V2 and left else None


def pings(payload: dict[str, Any]) -> str | None:
    """Why a message of the bot's could ping somebody it did not name; `None` when it cannot."""
    allowed = payload.get("allowed_mentions")
    if not isinstance(allowed, dict) or "parse" not in allowed:
        return "allowed_mentions with an empty parse is missing"
    return "allowed_mentions.parse is not empty" if allowed["parse"] else None

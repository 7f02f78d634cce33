"""What a correct client never sends: the checks both services share.

A complaint is journaled as a violation. A fatal one is also answered with a refusal, as the real service would; the others
the real service would let pass, or would not even notice.
"""

from __future__ import annotations

import io
import ipaddress
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.emulators.vendor_books import Books

PROMPT_LIMIT = 800
NEGATIVE_LIMIT = 500
SEED_LIMIT = 2**31 - 1
PICTURES = ("JPEG", "PNG", "BMP", "WEBP")
PICTURE_LIMIT = 10_000_000
SOUND_LIMIT = 15_000_000


@dataclass(frozen=True)
class Complaint:
    """Something that is wrong with a request."""

    why: str
    fatal: bool = True


@dataclass
class Order:
    """A create, as far as it could be read."""

    model: str
    shown: dict[str, Any]
    """The model's inputs, as poll answers repeat them."""
    price: int
    """Micro-USD."""
    prompt: str = ""
    negative_prompt: str | None = None
    input_url: str = ""
    audio_url: str | None = None
    duration_s: int = 5
    resolution: str = "720p"
    seed: int | None = None
    expand: bool | None = None
    webhook_url: str | None = None
    webhook_secret: str | None = None
    sync: bool = False
    """The answer is to wait for the clip."""
    complaints: list[Complaint] = field(default_factory=list)


def text(value: object, default: str = "") -> str:
    """The value when it is text."""
    return value if isinstance(value, str) else default


def whole(value: object) -> bool:
    """An integer, and not a boolean in disguise."""
    return isinstance(value, int) and not isinstance(value, bool)


def about_keys(given: Mapping[str, Any], known: Collection[str], where: str, *, fatal: bool) -> Iterator[Complaint]:
    """Keys the service has no use for, and nulls where a key should have been left out."""
    for key in given:
        if key not in known:
            yield Complaint(f"{where}: unknown key {key!r}", fatal=fatal)
        elif given[key] is None:
            yield Complaint(f"{where}: {key} is null; leave it out", fatal=fatal)


def about_explicit(given: Mapping[str, Any], names: Collection[str]) -> Iterator[Complaint]:
    """Optional values whose defaults differ or may change, so that they have to be sent."""
    for name in names:
        if name not in given:
            yield Complaint(f"{name} is not sent explicitly", fatal=False)


def about_texts(given: Mapping[str, Any], *, long_is_fatal: bool) -> Iterator[Complaint]:
    """Prompt and negative prompt: text, not empty, not too long."""
    for name, limit in (("prompt", PROMPT_LIMIT), ("negative_prompt", NEGATIVE_LIMIT)):
        if name == "negative_prompt" and given.get(name) is None:
            continue
        value = given.get(name)
        if not isinstance(value, str):
            yield Complaint(f"{name} is {value!r}, not text")
            continue
        length = len(unicodedata.normalize("NFC", value.strip()))
        if not length:
            yield Complaint(f"{name} is empty", fatal=name == "prompt")
        if length > limit:
            yield Complaint(f"{name} has {length} characters, {limit} are allowed", fatal=long_is_fatal)


@dataclass(frozen=True)
class Grounds:
    """What an order is judged against."""

    books: Books
    reachable: Mapping[str, str]
    """Origins that inputs may lie at, whatever they look like."""
    look: Callable[[str], bytes | None] | None
    """Reads an upload, when its contents are to be judged too."""


def about_media(name: str, value: object, grounds: Grounds) -> Iterator[Complaint]:
    """An input has to be a public https address, or one of our own uploads that is really there."""
    if not isinstance(value, str):
        yield Complaint(f"{name} is {value!r}, not a URL")
        return
    parts = urlsplit(value)
    origin = f"{parts.scheme}://{parts.netloc}"
    if origin in grounds.books.origins:
        upload = grounds.books.uploads.get(parts.path.removeprefix("/files/"))
        if upload is None or not upload.hosted or upload.deleted:
            yield Complaint(f"{name} names an upload that is not there")
        elif grounds.look and (body := grounds.look(value)) is not None:
            yield from _about_sound(name, body) if name.startswith("audio") else _about_picture(name, body)
    elif origin in grounds.reachable:
        return
    elif parts.scheme != "https" or not parts.hostname:
        yield Complaint(f"{name} is not an https URL: {value[:80]!r}")
    elif not _is_public(parts.hostname):
        yield Complaint(f"{name} is not a public address: {value[:80]!r}")


def _about_picture(name: str, body: bytes) -> Iterator[Complaint]:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(body)) as picture:
            form, sides, metadata = picture.format, picture.size, picture.getexif()
    except OSError:
        yield Complaint(f"{name} is not a picture")
        return
    if form not in PICTURES or not all(360 <= side <= 2000 for side in sides) or len(body) > PICTURE_LIMIT:
        yield Complaint(f"{name} is {form}, {sides[0]}x{sides[1]}, {len(body)} bytes: not what the model takes")
    if metadata:
        yield Complaint(f"{name} still holds metadata", fatal=False)


def _about_sound(name: str, body: bytes) -> Iterator[Complaint]:
    is_wav, is_mp3 = body[:4] == b"RIFF" and body[8:12] == b"WAVE", body[:3] == b"ID3" or body[:1] == b"\xff"
    if not (is_wav or is_mp3) or len(body) > SOUND_LIMIT:
        yield Complaint(f"{name} is not WAV or MP3 of at most 15 MB")


def _is_public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".local", ".internal", ".localhost"))


def about_reuse(order: Order, books: Books) -> Iterator[Complaint]:
    """Each attempt has an input URL and a webhook secret of its own, or nobody can tell two attempts apart."""
    if order.input_url in books.inputs:
        yield Complaint("the input URL was used by another accepted create", fatal=False)
    if order.webhook_secret and order.webhook_secret in books.secrets:
        yield Complaint("the webhook secret was used by another accepted create", fatal=False)


def about_webhook(url: str | None) -> Iterator[Complaint]:
    """A webhook is https; plain http only on this machine, where tests listen."""
    if url is None:
        return
    parts = urlsplit(url)
    if not (parts.scheme == "https" and parts.hostname) and not (
        parts.scheme == "http" and parts.hostname == "127.0.0.1"
    ):
        yield Complaint(f"the webhook address is not https: {url[:80]!r}", fatal=False)

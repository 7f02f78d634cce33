"""Request bodies: JSON, or multipart with `payload_json` and `files[n]` that are written to the disk as they come."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import BodyPartReader, web

from tests.emulators.discord_cdn import Cdn
from tests.emulators.discord_errors import invalid

_FILE = re.compile(r"files\[(\d+)\]")
CHUNK = 1 << 18
SMALLEST_ID = 10**15


@dataclass(slots=True, kw_only=True)
class Upload:
    """A file of a multipart request."""

    id: str
    name: str
    path: Path
    size: int


@dataclass(slots=True, kw_only=True)
class Body:
    """What a request carries."""

    payload: Any = None
    files: dict[int, Upload] = field(default_factory=dict)

    def discard(self) -> None:
        """Forget the files of a request that came to nothing."""
        for upload in self.files.values():
            upload.path.unlink(missing_ok=True)


async def read_body(request: web.Request, cdn: Cdn) -> Body:
    """The whole body; an `invalid` refusal for one that is neither JSON nor a form as Discord takes it."""
    if not request.can_read_body:
        return Body()
    if request.content_type == "multipart/form-data":
        return await _read_form(request, cdn)
    text = await request.read()
    if not text:
        return Body()
    if request.content_type != "application/json":
        raise invalid("", f"content type {request.content_type}")
    return Body(payload=_parsed(text))


async def _read_form(request: web.Request, cdn: Cdn) -> Body:
    body = Body()
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader):
            raise invalid("", "a form within a form")
        if part.name == "payload_json":
            body.payload = _parsed(bytes(await part.read()))
        elif match := _FILE.fullmatch(part.name or ""):
            body.files[int(match[1])] = await _store(part, cdn)
        else:
            raise invalid(part.name or "?", "no such form field")
    if body.payload is None:
        body.payload = {}
    return body


async def _store(part: BodyPartReader, cdn: Cdn) -> Upload:
    if not part.filename:
        raise invalid(part.name or "?", "a file without a name")
    file_id, path = cdn.place()
    size = 0
    with path.open("wb") as file:
        while chunk := await part.read_chunk(CHUNK):
            size += len(chunk)
            file.write(chunk)
    return Upload(id=file_id, name=part.filename, path=path, size=size)


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise invalid("", "the body is not JSON") from error


NUMBERS = frozenset({"nonce", "default_member_permissions", "min_value", "max_value"})
"""Fields that may be as large as an id, and are numbers."""


def with_text_ids(value: Any, name: str = "") -> Any:
    """Ids in text, as we keep them; the API takes numbers too. Few other fields are as large."""
    if isinstance(value, dict):
        return {key: with_text_ids(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [with_text_ids(one, name) for one in value]
    large = isinstance(value, int) and value > SMALLEST_ID and name not in NUMBERS
    return str(value) if large else value


def without_nulls(value: Any) -> Any:
    """What is null is as good as absent in components and forms."""
    if isinstance(value, dict):
        return {key: without_nulls(one) for key, one in value.items() if one is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value

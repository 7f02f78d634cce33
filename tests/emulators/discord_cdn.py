"""Files: kept on the disk under their id, served under links that are signed and end."""

from __future__ import annotations

import hashlib
import hmac
import mimetypes
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from aiohttp import web

from tests.emulators.discord_state import Attachment, World

_KEY = b"only this emulator signs with it"
_UNSAFE = re.compile(r"[^A-Za-z0-9_.\-]+")


class Cdn:
    """Keeps the bytes of attachments, and gives them to whoever has a link that is still good."""

    def __init__(self, folder: Path, world: World, settings: Any) -> None:
        self._folder = folder
        self._world = world
        self._settings = settings
        self.base = ""
        self.channel_of: dict[str, str] = {}

    def place(self) -> tuple[str, Path]:
        """An id and a path for new bytes."""
        file_id = self._world.new_id()
        return file_id, self._folder / file_id

    def keep(self, file_id: str, path: Path, name: str, **facts: Any) -> Attachment:
        """An attachment of bytes that are already at `path`; the name is made safe as Discord does."""
        safe = _UNSAFE.sub("_", name).lstrip(".") or "unknown"
        attachment = Attachment(
            id=file_id,
            filename=safe,
            size=path.stat().st_size,
            content_type=mimetypes.guess_type(safe)[0] or "application/octet-stream",
            path=path,
            title=facts.pop("title", None) or (Path(name).stem if safe != name else None),
            sha256=_digest(path),
            spoiler=safe.startswith("SPOILER_"),
            **facts,
        )
        self._world.attachments[attachment.id] = attachment
        return attachment

    def add(self, name: str, content: bytes, **facts: Any) -> Attachment:
        """An attachment of these bytes."""
        file_id, path = self.place()
        path.write_bytes(content)
        return self.keep(file_id, path, name, **facts)

    def link(self, attachment: Attachment) -> str:
        """A link, good for `cdn_lives_s` from now."""
        kind = "ephemeral-attachments" if attachment.ephemeral else "attachments"
        place = self.channel_of.setdefault(attachment.id, self._world.app_id)
        path = f"/cdn/{kind}/{place}/{attachment.id}/{quote(attachment.filename)}"
        now = int(time.time())
        expiry, issued = f"{now + int(self._settings['cdn_lives_s']):x}", f"{now:x}"
        return f"{self.base}{path}?ex={expiry}&is={issued}&hm={_signed(path, expiry, issued)}&"

    def find(self, url: str) -> Attachment | None:
        """The attachment a link of ours leads to, whether it is still good or not."""
        parts = urlsplit(url).path.split("/")
        return self._world.attachments.get(parts[4]) if len(parts) == 6 and parts[1] == "cdn" else None

    async def get(self, request: web.Request) -> web.StreamResponse:
        """404 with a text for what is unknown, unsigned or over, as the real one answers."""
        query = {name: values[0] for name, values in parse_qs(request.query_string).items()}
        attachment = self._world.attachments.get(request.match_info["id"])
        expiry, issued = query.get("ex", "0"), query.get("is", "0")
        good = hmac.compare_digest(query.get("hm", ""), _signed(request.path, expiry, issued))
        if attachment is None or not good or int(expiry, 16) <= time.time() or not attachment.path.exists():
            return web.Response(status=404, text="This content is no longer available.")
        headers = {"Content-Type": attachment.content_type, "Cache-Control": "public, max-age=31536000"}
        return web.FileResponse(attachment.path, headers=headers)


def _signed(path: str, expiry: str, issued: str) -> str:
    return hmac.new(_KEY, f"{path}|{expiry}|{issued}".encode(), hashlib.sha256).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

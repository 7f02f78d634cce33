"""What the pages are made of besides HTML: a fixed table of files, under addresses that change whenever one of them does.

One hash for all: a script names its neighbour by a relative address, and must not meet an older one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Response

from adapters.chat.web.problems import NOTHING_HERE
from bot.errors import NotFound

STATIC = Path(__file__).parent / "static"
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
FOR_EVER = "public, max-age=31536000, immutable"
HASH_LENGTH = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFile:
    """One file as it is served."""

    name: str
    """Below the folder `static`, like `vendor/htmx.js`."""
    content: bytes
    kind: str
    digest: str

    @property
    def url(self) -> str:
        """Its address, which is another one as soon as it changes."""
        return f"/static/{self.digest}/{self.name}"


def read_files(folder: Path = STATIC) -> dict[str, StaticFile]:
    """Every file that is served, by name. What is not of a known kind is not served."""
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix in KINDS and path.is_file()]
    contents = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    over = hashlib.sha256()
    for name, content in contents.items():
        over.update(f"{name} {len(content)}\n".encode() + content)
    digest = over.hexdigest()[:HASH_LENGTH]
    return {
        name: StaticFile(name=name, content=content, kind=KINDS[Path(name).suffix], digest=digest)
        for name, content in contents.items()
    }


def routes(files: dict[str, StaticFile]) -> APIRouter:
    """The files, for everybody: the page that asks to sign in needs them too. A path is looked up, never opened."""
    router = APIRouter()

    @router.get("/static/{digest}/{name:path}", include_in_schema=False)
    async def static(digest: str, name: str) -> Response:
        """One file of this version; of any other there is none."""
        file = files.get(name)
        if file is None or file.digest != digest:
            raise NotFound(NOTHING_HERE)
        return Response(file.content, media_type=file.kind, headers={"Cache-Control": FOR_EVER})

    return router

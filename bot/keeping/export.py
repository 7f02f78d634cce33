"""Export: everything that is kept of a person, a workspace or the installation, as JSON and media."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import tempfile
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bot.errors import NO_ROOM, BadPrompt, DiskFull, NotFound
from bot.jobs.as_json import limit_as_json, moment
from bot.jobs.model import Asset, Job
from bot.keeping.files import as_file
from bot.people import token_as_json
from bot.ports import Clock, MediaStore
from bot.stores import Stores

FORMAT = 1
DOCUMENT = "export.json"
PAGE = 100
CHUNK_BYTES = 1 << 20
_SUFFIXES = {
    "image/jpeg": "jpg", "image/png": "png", "audio/wav": "wav", "audio/mpeg": "mp3", "video/mp4": "mp4",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Of whom: a person (`discord:1:7`), a workspace (`slack:T1`), or, with neither, everybody."""

    person: str | None = None
    workspace: str | None = None

    @property
    def name(self) -> str:
        """For file names and the document."""
        return self.person or self.workspace or "everything"


@dataclass(slots=True)
class Exported:
    """What was written."""

    path: Path
    jobs: int = 0
    files: int = 0
    bytes: int = 0
    missing: list[str] = field(default_factory=list)
    """Files that our books name and the media store has not."""


class _Place(Protocol):
    def put(self, name: str, source: Path) -> None: ...


class Exporter:
    """Writes exports: to a zip archive where the name ends so, else to a directory. Whole, or not there at all."""

    def __init__(
        self,
        stores: Stores,
        media: MediaStore,
        clock: Clock,
        scratch: Path,
        describe: Callable[[Job], Awaitable[dict[str, object]]],
    ) -> None:
        self._stores = stores
        self._media = media
        self._clock = clock
        self._scratch = scratch
        self._describe = describe

    async def export(self, extent: Extent, into: Path) -> Exported:
        """Write `export.json` and `media/<sha256>.<type>` into a new archive or directory.

        Raises `BadPrompt` when `into` exists or cannot be there, and `DiskFull`; then nothing is left of it.
        """
        if into.exists():
            raise BadPrompt(f"{into} is there already; name a new file or directory.")
        if not into.parent.is_dir():
            raise BadPrompt(f"There is no directory {into.parent}; make it first.")
        done = Exported(path=into)
        try:
            with _new_place(into) as place, tempfile.TemporaryDirectory(dir=self._scratch) as folder:
                document = Path(folder) / DOCUMENT
                await self._write(extent, document, place, Path(folder), done)
                await asyncio.to_thread(place.put, DOCUMENT, document)
        except OSError as error:
            if error.errno in NO_ROOM:
                raise DiskFull("There is no room left for the export; nothing of it was kept.") from error
            raise BadPrompt(f"{into} cannot be written ({error.strerror}); choose another place.") from error
        return done

    async def _write(self, extent: Extent, document: Path, place: _Place, folder: Path, done: Exported) -> None:
        seen: set[str] = set()
        head = {
            "format": FORMAT, "of": extent.name, "exported_at": moment(self._clock.now()),
            "limits": await self._limits(extent),
        }  # fmt: skip
        if extent.person is not None:
            head["blocked"] = await self._stores.workspaces.is_blocked(extent.person)
            head |= await self._on_the_page(extent.person)
        with document.open("w", encoding="utf-8") as out:
            out.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "jobs": [')
            async for job in self._jobs(extent):
                files = await self._files(job, place, folder, seen, done)
                whole = await self._describe(job) | {"files": files, **await self._books(job)}
                out.write((",\n" if done.jobs else "\n") + json.dumps(whole, ensure_ascii=False))
                done.jobs += 1
            out.write("\n]}\n")
            out.flush()
            os.fsync(out.fileno())

    async def _jobs(self, extent: Extent) -> AsyncIterator[Job]:
        cursor: str | None = None
        while True:
            page = await self._stores.history.page(
                person=extent.person, workspace=extent.workspace, limit=PAGE, cursor=cursor
            )
            for job in page.jobs:
                yield job
            if (cursor := page.next_cursor) is None:
                return

    async def _files(
        self, job: Job, place: _Place, folder: Path, seen: set[str], done: Exported
    ) -> list[dict[str, object]]:
        said = []
        for role, asset in sorted((await self._stores.assets.of_job(job.id)).items()):
            name = f"media/{asset.id}.{_SUFFIXES.get(asset.content_type, 'bin')}"
            if asset.id not in seen:
                seen.add(asset.id)
                await self._copy(asset, name, place, folder, done)
            there = asset.id not in done.missing
            said.append({"role": role, "sha256": asset.id, "bytes": asset.size_bytes, "path": name if there else None})
        return said

    async def _copy(self, asset: Asset, name: str, place: _Place, folder: Path, done: Exported) -> None:
        copy = folder / asset.id
        try:
            source = await as_file(self._media, asset.id, copy)
            await asyncio.to_thread(place.put, name, source)
        except (NotFound, FileNotFoundError):
            done.missing.append(asset.id)
            return
        finally:
            copy.unlink(missing_ok=True)
        done.files += 1
        done.bytes += asset.size_bytes

    async def _books(self, job: Job) -> dict[str, Any]:
        events = await self._stores.jobs.events(job.id)
        entries = await self._stores.ledger.entries(job.id)
        return {
            "events": [{"at": moment(each.at), "kind": each.kind, "state": each.state.value} for each in events],
            "ledger": [
                {"at": moment(each["at"]), "kind": each["kind"], "micro_usd": each["micro_usd"]} for each in entries
            ],
        }

    async def _on_the_page(self, person: str) -> dict[str, Any]:
        """How they signed in to the web side, and with which tokens programs do."""
        member = await self._stores.members.load(person)
        signed_in = None
        if member is not None:
            first, last = moment(member.first_seen_at), moment(member.signed_in_at)
            signed_in = {"name": member.name, "role": member.role.value, "first_seen_at": first, "signed_in_at": last}
        tokens = [token_as_json(each) for each in await self._stores.tokens.all(person)]
        return {"signed_in": signed_in, "tokens": tokens}

    async def _limits(self, extent: Extent) -> list[dict[str, Any]]:
        stored = await self._stores.limits.stored()
        if extent.person is not None:
            stored = [each for each in stored if each.scope == f"user:{extent.person}"]
        elif extent.workspace is not None:
            # `workspace:slack:T1`, `channel:slack:T1:C1`, `user:slack:T1:U1` …
            stored = [each for each in stored if f"{each.scope.partition(':')[2]}:".startswith(f"{extent.workspace}:")]
        return [limit_as_json(each, source="stored") for each in stored]


class _Archive:
    """A zip archive; media go in as they are, for they are packed already."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def put(self, name: str, source: Path) -> None:
        packed = zipfile.ZIP_DEFLATED if name.endswith(".json") else zipfile.ZIP_STORED
        self._archive.write(source, name, compress_type=packed)


class _Directory:
    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, source: Path) -> None:
        target = self._root / name
        target.parent.mkdir(exist_ok=True)
        with source.open("rb") as file, target.open("xb") as out:
            while piece := file.read(CHUNK_BYTES):
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())


@contextmanager
def _new_place(into: Path) -> Iterator[_Place]:
    """Something beside `into` to write to, moved there when all is written; only its owner may read it."""
    half = into.with_name(f".{into.name}.{secrets.token_hex(4)}.part")
    try:
        if into.suffix == ".zip":
            with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
                    yield _Archive(archive)
                file.flush()
                os.fsync(file.fileno())
        else:
            half.mkdir(mode=0o700)
            yield _Directory(half)
        half.rename(into)
    except BaseException:
        _remove(half)
        raise


def _remove(half: Path) -> None:
    import shutil

    with contextlib.suppress(OSError):
        shutil.rmtree(half) if half.is_dir() else half.unlink(missing_ok=True)

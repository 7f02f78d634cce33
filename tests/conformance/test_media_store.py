"""What every media store promises, and what only a directory can: a power cut or a full disk leaves nothing half-done."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.errors import ConfigurationError, NotFound
from bot.jobs.model import Asset, AssetKind
from bot.ports import MediaStore
from storage.media_store import ObjectMediaStore
from storage.shelves import CHUNK_BYTES, STALE_AFTER_S

pytestmark = pytest.mark.asyncio

BYTES = bytes(range(256)) * 12_288 + b"and a tail"  # 3 MiB: many pieces, and more than the small disks below
NOBODYS = "0" * 64


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectMediaStore:
    return ObjectMediaStore(f"file://{tmp_path}/media" if request.param == "file" else "memory:///")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "media"


@pytest.fixture
def files(directory: Path) -> ObjectMediaStore:
    return ObjectMediaStore(directory.as_uri())


def a_file(tmp_path: Path, content: bytes = BYTES) -> Path:
    path = tmp_path / "source.bin"
    path.write_bytes(content)
    return path


async def put(store: MediaStore, path: Path) -> Asset:
    return await store.put(path, AssetKind.CLIP, "video/mp4")


async def joined(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


async def said_by(*command: str) -> tuple[str, str]:
    """Run a program to its end: what it wrote to stdout and to stderr."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    out, err = await process.communicate()
    return out.decode(), err.decode()


def everything_in(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


async def test_it_is_a_media_store(store: ObjectMediaStore) -> None:
    """The class fits the protocol for the type checker."""
    fits: MediaStore = store
    assert fits is store


async def test_a_file_nobody_else_needs_is_taken_whole(store: ObjectMediaStore, tmp_path: Path) -> None:
    """Moved where that is possible; the same asset comes of it, also when its bytes were there already."""
    copied = await put(store, a_file(tmp_path))

    taken = await store.put(a_file(tmp_path), AssetKind.CLIP, "video/mp4", consume=True)

    assert taken == copied
    assert await joined(store.read(taken.id, start=0, end=len(BYTES))) == BYTES


async def test_a_taken_file_is_not_written_twice(files: ObjectMediaStore, directory: Path, tmp_path: Path) -> None:
    source = a_file(tmp_path)
    inode = source.stat().st_ino

    asset = await files.put(source, AssetKind.CLIP, "video/mp4", consume=True)

    assert not source.exists()
    assert [path.stat().st_ino for path in everything_in(directory)] == [inode]
    assert await files.local_path(asset.id) == everything_in(directory)[0]


async def test_what_was_put_is_named_by_its_bytes(store: ObjectMediaStore, tmp_path: Path) -> None:
    asset = await put(store, a_file(tmp_path))

    assert asset.id == hashlib.sha256(BYTES).hexdigest()
    assert (asset.size_bytes, asset.kind, asset.content_type) == (len(BYTES), AssetKind.CLIP, "video/mp4")
    assert await store.size(asset.id) == len(BYTES)
    assert await joined(store.read(asset.id, start=0, end=len(BYTES))) == BYTES


async def test_the_same_bytes_twice_are_one_file(store: ObjectMediaStore, tmp_path: Path) -> None:
    first = await put(store, a_file(tmp_path))
    second = await put(store, a_file(tmp_path))

    assert first == second
    assert await store.size(first.id) == len(BYTES)


async def test_an_empty_file_is_a_file(store: ObjectMediaStore, tmp_path: Path) -> None:
    asset = await put(store, a_file(tmp_path, b""))

    await store.copy_to(asset.id, tmp_path / "copy")

    assert (tmp_path / "copy").read_bytes() == b""
    assert await joined(store.read(asset.id, start=0, end=10)) == b""


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (0, 1),
        (5, 5),
        (7, CHUNK_BYTES + 7),
        (CHUNK_BYTES - 1, CHUNK_BYTES + 1),
        (len(BYTES) - 3, len(BYTES)),
        (len(BYTES) - 3, len(BYTES) + 99),
        (len(BYTES) + 1, len(BYTES) + 2),
    ],
)
async def test_a_range_is_what_a_slice_is(store: ObjectMediaStore, tmp_path: Path, start: int, end: int) -> None:
    asset = await put(store, a_file(tmp_path))

    assert await joined(store.read(asset.id, start=start, end=end)) == BYTES[start:end]


async def test_a_copy_is_complete_and_replaces_what_was_there(store: ObjectMediaStore, tmp_path: Path) -> None:
    asset = await put(store, a_file(tmp_path))
    (tmp_path / "copy").write_bytes(b"older")

    await store.copy_to(asset.id, tmp_path / "copy")

    assert (tmp_path / "copy").read_bytes() == BYTES


async def test_a_missing_folder_is_not_a_missing_asset(store: ObjectMediaStore, tmp_path: Path) -> None:
    asset = await put(store, a_file(tmp_path))

    with pytest.raises(FileNotFoundError):
        await store.copy_to(asset.id, tmp_path / "nowhere" / "copy")


async def test_what_is_deleted_is_gone_and_may_be_deleted_again(store: ObjectMediaStore, tmp_path: Path) -> None:
    asset = await put(store, a_file(tmp_path))

    await store.delete(asset.id)
    await store.delete(asset.id)

    assert await store.local_path(asset.id) is None
    with pytest.raises(NotFound):
        await store.size(asset.id)


@pytest.mark.parametrize("name", [NOBODYS, "../../etc/passwd", "", "ab/cd", NOBODYS.upper() + "A"])
async def test_what_is_not_there_is_not_found(store: ObjectMediaStore, tmp_path: Path, name: str) -> None:
    """Names that are no SHA-256, too: no id climbs out of the store."""
    with pytest.raises(NotFound):
        await store.size(name)
    with pytest.raises(NotFound):
        await store.copy_to(name, tmp_path / "copy")
    with pytest.raises(NotFound):
        await joined(store.read(name, start=0, end=1))
    assert await store.local_path(name) is None
    await store.delete(name)
    assert not (tmp_path / "copy").exists()


async def test_only_a_directory_has_local_files(files: ObjectMediaStore, directory: Path, tmp_path: Path) -> None:
    bucket = ObjectMediaStore("memory:///")

    here = await put(files, a_file(tmp_path))
    there = await put(bucket, a_file(tmp_path))

    assert await files.local_path(here.id) == directory / here.id[:2] / here.id
    assert await bucket.local_path(there.id) is None


async def test_nothing_is_made_before_the_first_put(files: ObjectMediaStore, directory: Path) -> None:
    assert await files.local_path(NOBODYS) is None
    assert not directory.exists()


async def test_a_put_leaves_only_the_asset(files: ObjectMediaStore, directory: Path, tmp_path: Path) -> None:
    asset = await put(files, a_file(tmp_path))

    assert everything_in(directory) == [await files.local_path(asset.id)]


async def test_putting_again_heals_a_damaged_file(files: ObjectMediaStore, tmp_path: Path) -> None:
    asset = await put(files, a_file(tmp_path))
    path = await files.local_path(asset.id)
    assert path is not None
    path.write_bytes(b"rot")

    await put(files, a_file(tmp_path))

    assert path.read_bytes() == BYTES


async def test_leftovers_of_the_dead_are_swept_and_work_in_progress_is_not(
    files: ObjectMediaStore, directory: Path, tmp_path: Path
) -> None:
    incoming = directory / "incoming"
    incoming.mkdir(parents=True)
    (incoming / "old").write_bytes(b"half")
    (incoming / "young").write_bytes(b"half")
    long_ago = time.time() - STALE_AFTER_S - 60
    os.utime(incoming / "old", (long_ago, long_ago))

    await put(files, a_file(tmp_path))

    assert [path.name for path in incoming.iterdir()] == ["young"]


async def test_bytes_and_names_are_synced_before_put_returns(
    files: ObjectMediaStore, directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file before it gets its name; then the folder it is in, and every folder on the way there."""
    done: list[tuple[str, str]] = []
    sync, replace = os.fsync, os.replace

    def watched_sync(descriptor: int) -> None:
        sync(descriptor)
        done.append(("sync", os.readlink(f"/proc/self/fd/{descriptor}")))

    def watched_replace(old: Path, new: Path) -> None:
        replace(old, new)
        done.append(("name", str(new)))

    monkeypatch.setattr(os, "fsync", watched_sync)
    monkeypatch.setattr(os, "replace", watched_replace)

    asset = await put(files, a_file(tmp_path))

    path = directory / asset.id[:2] / asset.id
    named = done.index(("name", str(path)))
    before = [name for action, name in done[:named] if action == "sync"]
    assert any(name.startswith(f"{directory}/incoming/") for name in before)
    assert {str(tmp_path), str(directory)} <= set(before)
    assert done[named + 1] == ("sync", str(path.parent))


async def test_a_url_nobody_knows_is_a_configuration_error() -> None:
    for url in ("ftp://example.net/media", "/var/media", "file://elsewhere/media", ""):
        with pytest.raises(ConfigurationError):
            ObjectMediaStore(url)


async def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    """A file size limit stands in for the disk: the kernel refuses the bytes in the middle of a write."""
    a_file(tmp_path)

    said, complained = await said_by(sys.executable, "-c", _WITH_LITTLE_ROOM, str(tmp_path))

    assert said.split() == ["DiskFull", "DiskFull"], complained
    assert everything_in(tmp_path / "media") == []
    assert not (tmp_path / "copy").exists()


_WITH_LITTLE_ROOM = """
import asyncio, resource, sys
from pathlib import Path
from bot.errors import DiskFull
from bot.jobs.model import AssetKind
from storage.media_store import ObjectMediaStore

async def main(folder):
    store = ObjectMediaStore((folder / "media").as_uri())
    asset = await store.put(folder / "source.bin", AssetKind.CLIP, "video/mp4")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
    for attempt in (store.put(folder / "source.bin", AssetKind.CLIP, "video/mp4"), store.copy_to(asset.id, folder / "copy")):
        try:
            await attempt
        except DiskFull as error:
            print(type(error).__name__)
    await store.delete(asset.id)

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_a_really_full_disk(tmp_path: Path) -> None:
    """The same on a file system of one megabyte, where this machine lets us mount one."""
    if not shutil.which("unshare"):
        pytest.skip("there is no `unshare` on this machine")
    mount = tmp_path / "small"
    mount.mkdir()
    a_file(tmp_path)
    mounting = f'mount -t tmpfs -o size=1m tmpfs "{mount}" && exec "{sys.executable}" -c "$0" "{tmp_path}"'

    said, complained = await said_by("unshare", "-rm", "sh", "-c", mounting, _ON_A_SMALL_DISK)

    if "small disk mounted" not in said:
        pytest.skip("this machine does not let us mount a small file system")
    assert "refused, and empty" in said, complained


_ON_A_SMALL_DISK = """
import asyncio, sys
from pathlib import Path
from bot.errors import DiskFull
from bot.jobs.model import AssetKind
from storage.media_store import ObjectMediaStore

async def main(folder):
    print("small disk mounted", flush=True)
    store = ObjectMediaStore((folder / "small").as_uri())
    try:
        await store.put(folder / "source.bin", AssetKind.CLIP, "video/mp4")
    except DiskFull:
        if not [path for path in (folder / "small").rglob("*") if path.is_file()]:
            print("refused, and empty")

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_a_touched_file_is_young_again_and_one_that_is_gone_says_so(
    store: ObjectMediaStore, tmp_path: Path
) -> None:
    asset = await put(store, a_file(tmp_path))

    touched = await store.touch(asset)

    assert touched == asset
    assert (touched.stored_at or 0) >= (asset.stored_at or 0)
    assert not await store.delete_older(asset.id, 20)
    await store.delete(asset.id)
    with pytest.raises(NotFound):
        await store.touch(asset)

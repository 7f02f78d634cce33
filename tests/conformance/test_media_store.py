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
from bot.ids import new_id
from bot.jobs.model import Asset, AssetKind
from bot.ports import MediaStore
from storage.asset_keys import CHUNK_BYTES
from storage.media_store import COPY_KEPT_S, ObjectMediaStore
from storage.shelves import STALE_AFTER_S
from tests.emulators.s3 import a_bucket

pytestmark = pytest.mark.asyncio

BYTES = bytes(range(256)) * 12_288 + b"and a tail"  # 3 MiB: many pieces, and more than the small disks below
NOBODYS = "0" * 64
NAMED = [url for url in (os.environ.get("REELBOT_TEST_MEDIA_URL"),) if url]
"""A store of the developer's own, in any cloud: the same suite runs over it, in folders that it leaves behind."""


@pytest.fixture(params=["file", "memory", "s3", *NAMED])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectMediaStore:
    match request.param:
        case "file":
            return ObjectMediaStore(f"file://{tmp_path}/media")
        case "memory":
            return ObjectMediaStore("memory:///")
        case "s3":
            return ObjectMediaStore(a_bucket(monkeypatch))
    return ObjectMediaStore(f"{request.param}/{new_id()}")


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
from storage.media_store import COPY_KEPT_S, ObjectMediaStore

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
from storage.media_store import COPY_KEPT_S, ObjectMediaStore

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


async def test_every_file_is_listed_once_and_nothing_else_is(store: ObjectMediaStore, tmp_path: Path) -> None:
    kept = [await put(store, a_file(tmp_path, content)) for content in (b"one", b"two", b"one")]
    await store.set_note("installation.json", b"{}")

    listed = [each async for each in store.ids()]

    assert sorted(asset_id for asset_id, _ in listed) == sorted({asset.id for asset in kept})
    assert all(age_s < 60 for _, age_s in listed)


async def test_what_is_young_stays_and_what_is_gone_is_gone(store: ObjectMediaStore, tmp_path: Path) -> None:
    asset = await put(store, a_file(tmp_path))

    assert not await store.delete_older(asset.id, 20)
    assert await store.size(asset.id) == len(BYTES)
    assert await store.delete_older(NOBODYS, 20)


async def test_a_note_is_what_was_noted_last(store: ObjectMediaStore) -> None:
    assert await store.note("installation.json") is None

    await store.set_note("installation.json", b"first, and longer")
    await store.set_note("installation.json", b"second")

    assert await store.note("installation.json") == b"second"
    assert await store.note("another.json") is None


@pytest.mark.parametrize("name", ["", "../up.json", "a/b.json", NOBODYS, ".hidden.json", "No.json", f"ab/{NOBODYS}"])
async def test_a_note_cannot_have_the_name_of_anything_else(store: ObjectMediaStore, name: str) -> None:
    with pytest.raises(ValueError, match="no name of a note"):
        await store.set_note(name, b"x")
    with pytest.raises(ValueError, match="no name of a note"):
        await store.note(name)


async def test_a_note_is_synced_before_it_has_its_name(
    files: ObjectMediaStore, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    sync = os.fsync

    def watched(descriptor: int) -> None:
        sync(descriptor)
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(os, "fsync", watched)

    await files.set_note("installation.json", b"{}")

    assert any(Path(name).name.startswith(".installation.json.") for name in synced)
    assert synced[-1] == str(directory)
    assert [path.name for path in everything_in(directory)] == ["installation.json"]


async def test_a_store_that_works_passes_its_probe_and_is_as_it_was(store: ObjectMediaStore) -> None:
    await store.probe()

    assert [each async for each in store.ids()] == []


async def test_a_directory_nobody_may_write_fails_its_probe_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(ConfigurationError, match=r"^The media store .* cannot be written \(Not a directory\)"):
        await ObjectMediaStore((tmp_path / "file" / "media").as_uri()).probe()


async def test_a_probe_leaves_nothing_in_a_directory(files: ObjectMediaStore, directory: Path) -> None:
    await files.probe()

    assert everything_in(directory) == []


# --- a file for whoever must have one ---------------------------------------------------------------------------------


@pytest.fixture
def lending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectMediaStore:
    return ObjectMediaStore(a_bucket(monkeypatch), copies=tmp_path / "copies")


async def test_a_directory_lends_its_own_file(directory: Path, tmp_path: Path) -> None:
    files = ObjectMediaStore(directory.as_uri(), copies=tmp_path / "copies")
    asset = await put(files, a_file(tmp_path))

    lent = await files.on_this_machine(asset.id)

    assert lent == await files.local_path(asset.id)
    assert not (tmp_path / "copies").exists()


async def test_a_bucket_lends_a_copy_that_is_made_once(lending: ObjectMediaStore, tmp_path: Path) -> None:
    asset = await put(lending, a_file(tmp_path))

    lent = await lending.on_this_machine(asset.id)
    made = lent.stat().st_ino
    again = await lending.on_this_machine(asset.id)

    assert lent.read_bytes() == BYTES
    assert (again, again.stat().st_ino) == (lent, made)
    assert everything_in(tmp_path / "copies") == [lent]


async def test_a_copy_is_gone_with_what_it_was_made_of(lending: ObjectMediaStore, tmp_path: Path) -> None:
    asset = await put(lending, a_file(tmp_path))
    await lending.on_this_machine(asset.id)

    await lending.delete(asset.id)

    assert everything_in(tmp_path / "copies") == []
    with pytest.raises(NotFound):
        await lending.on_this_machine(asset.id)


async def test_a_copy_nobody_asked_for_in_a_day_goes_when_the_next_is_made(
    lending: ObjectMediaStore, tmp_path: Path
) -> None:
    old = await put(lending, a_file(tmp_path, b"old"))
    young = await put(lending, a_file(tmp_path, b"young"))
    forgotten = await lending.on_this_machine(old.id)
    long_ago = time.time() - COPY_KEPT_S - 60
    os.utime(forgotten, (long_ago, long_ago))

    lent = await lending.on_this_machine(young.id)

    assert everything_in(tmp_path / "copies") == [lent]


@pytest.mark.parametrize("name", [NOBODYS, "../../etc/passwd", ""])
async def test_what_is_not_there_is_not_lent(lending: ObjectMediaStore, tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFound):
        await lending.on_this_machine(name)
    assert everything_in(tmp_path / "copies") == []

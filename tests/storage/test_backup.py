"""Backups: one archive of everything, proven before it has a name; and back into an empty place, all or nothing."""

from __future__ import annotations

import asyncio
import errno
import json
import random
import shutil
import sqlite3
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from bot.errors import (
    BackupFailed,
    BackupTooNew,
    BadBackup,
    DatabaseCorrupt,
    DiskFull,
    NotEmpty,
    NotFound,
    ReelbotError,
    UsageError,
)
from bot.jobs.model import AssetKind
from storage import archive as archives
from storage import schema
from storage.archive import DATABASE, MANIFEST
from storage.media_store import ObjectMediaStore
from storage.origin import COPIED_AT
from tests.storage.backup_places import ROW, Place, an_installation, forged, read

SAMPLES = 250


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Made once: bringing a database to its schema takes longer than most tests here."""
    return an_installation(tmp_path_factory.mktemp("template"), files=4)


@pytest.fixture
def place(template: Place, tmp_path: Path) -> Place:
    return Place(folder=Path(shutil.copytree(template.folder, tmp_path / "original")))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Place:
    return Place(folder=tmp_path / "elsewhere")


@pytest.fixture
def archive(place: Place, tmp_path: Path) -> Path:
    path = tmp_path / "backup.tar"
    asyncio.run(place.back_up(path))
    return path


# --- making one ---------------------------------------------------------------------------------------------------


async def test_what_was_backed_up_comes_back(place: Place, elsewhere: Place, tmp_path: Path) -> None:
    """Every row and every file; the archive is its owner's alone, and nothing lies beside it."""
    target = tmp_path / "out" / "backup.tar"
    target.parent.mkdir()

    made = await place.back_up(target)
    restored = await elsewhere.restore(target)

    assert target.stat().st_mode & 0o777 == 0o600
    assert list(target.parent.iterdir()) == [target]
    assert made.manifest == restored.manifest == read(target)
    assert (len(made.manifest.media), made.manifest.missing, made.manifest.schema) == (4, (), schema.HEAD)
    assert elsewhere.ids() == place.ids()
    assert all(elsewhere.holds(asset_id) for asset_id in place.ids())
    assert elsewhere.files() == sorted([DATABASE, *(f"media/{each[:2]}/{each}" for each in place.ids())])


async def test_any_tar_can_list_it_and_the_manifest_comes_first(archive: Path) -> None:
    """With what anybody needs to know about it, before the rest is read."""
    with tarfile.open(archive) as tar:
        names = tar.getnames()
        first = json.loads(tar.extractfile(MANIFEST).read())

    assert names == [MANIFEST, DATABASE, *(f"media/{each['id']}" for each in first["media"]), "seal"]
    assert (first["format"], first["created_at"], first["counts"]) == (
        1, "2026-01-01T00:00:00Z", {"jobs": 0, "media": 4, "missing": 0},
    )  # fmt: skip


async def test_rows_written_meanwhile_are_in_it_whole_or_not_at_all(place: Place, tmp_path: Path) -> None:
    """The copy is of one moment, while another process writes as fast as it can."""
    writer = sqlite3.connect(place.database, isolation_level=None, timeout=10, check_same_thread=False)
    writer.execute("PRAGMA synchronous = OFF")
    is_over = asyncio.Event()

    def write() -> None:
        for number in range(100_000):
            if is_over.is_set():
                return
            writer.execute("BEGIN IMMEDIATE")
            for side in ("left", "right"):
                writer.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (side, str(number)))
            writer.execute("COMMIT")

    writing = asyncio.create_task(asyncio.to_thread(write))
    for number in range(3):
        target = tmp_path / f"{number}.tar"
        await place.back_up(target)
        other = Place(folder=tmp_path / f"elsewhere-{number}")
        await other.restore(target)
        with sqlite3.connect(other.database) as copy:
            found = dict(copy.execute("SELECT key, value FROM meta").fetchall())
        copy.close()
        assert found.get("left") == found.get("right")
    is_over.set()
    await writing
    writer.close()


async def test_files_that_are_gone_or_damaged_are_told_and_no_reason_to_have_no_backup(
    place: Place, elsewhere: Place, tmp_path: Path
) -> None:
    """One was deleted, of one some bytes were changed, one is cut short: the fourth is in it."""
    gone, changed, short, whole = place.ids()
    await place.media.delete(gone)
    for asset_id, content in ((changed, b"x"), (short, b"")):
        path = place.folder / "media" / asset_id[:2] / asset_id
        path.write_bytes(content + path.read_bytes()[1:])

    made = await place.back_up(tmp_path / "backup.tar")
    await elsewhere.restore(tmp_path / "backup.tar")

    assert made.manifest.missing == (gone, changed, short)
    assert [asset_id for asset_id, _ in read(tmp_path / "backup.tar").media] == [whole]
    assert elsewhere.holds(whole)


async def test_a_file_deleted_while_the_backup_is_made_is_missing(place: Place, tmp_path: Path) -> None:
    """Between the copy of the database and its turn."""
    *others, third = place.ids()
    seen: list[str] = []

    def delete_the_third(point: str) -> None:
        seen.append(point)
        if seen.count("file written") == 1:
            (place.folder / "media" / third[:2] / third).unlink(missing_ok=True)

    made = await place.back_up(tmp_path / "backup.tar", watch=delete_the_third)

    assert made.manifest.missing == (third,)
    assert [asset_id for asset_id, _ in made.manifest.media] == others


async def test_without_media_and_with_the_key(place: Place, elsewhere: Place, tmp_path: Path) -> None:
    """The key is in it only when asked for, and comes back readable by its owner alone."""
    target = tmp_path / "backup.tar"

    made = await place.back_up(target, media=None, key="0123456789abcdef")
    restored = await elsewhere.restore(target)

    assert (made.manifest.with_media, made.manifest.media, made.manifest.missing) == (False, (), ())
    assert restored.key == "restored"
    key = elsewhere.folder / "secret-key"
    assert (key.read_text(), key.stat().st_mode & 0o777) == ("0123456789abcdef", 0o600)
    assert elsewhere.files() == [DATABASE, "secret-key"]


async def test_a_key_that_lies_there_already_stays(place: Place, elsewhere: Place, tmp_path: Path) -> None:
    """An operator put it there; settings may lie there, too."""
    await place.back_up(tmp_path / "backup.tar", key="the one of the backup")
    elsewhere.folder.mkdir()
    (elsewhere.folder / "secret-key").write_text("the operator's own key")
    (elsewhere.folder / "reelbot.toml").write_text("")

    restored = await elsewhere.restore(tmp_path / "backup.tar")

    assert restored.key == "kept"
    assert (elsewhere.folder / "secret-key").read_text() == "the operator's own key"


async def test_files_in_an_object_store_are_streamed_from_it_and_back_into_it(
    place: Place, elsewhere: Place, tmp_path: Path
) -> None:
    """Wherever the media store is, the archive is the same."""
    bucket, other = ObjectMediaStore("memory:///one"), ObjectMediaStore("memory:///two")
    for asset_id in place.ids():
        await bucket.put(place.folder / "media" / asset_id[:2] / asset_id, AssetKind.CLIP, "video/mp4")

    await place.back_up(tmp_path / "bucket.tar", media=bucket)
    await place.back_up(tmp_path / "directory.tar")
    await elsewhere.restore(tmp_path / "bucket.tar", media=other)

    assert (tmp_path / "bucket.tar").read_bytes() == (tmp_path / "directory.tar").read_bytes()
    assert [await other.size(asset_id) for asset_id in place.ids()] == [await bucket.size(each) for each in place.ids()]


async def test_a_large_file_is_never_whole_in_memory(place: Place, elsewhere: Place, tmp_path: Path) -> None:
    """Neither on its way in nor on its way out."""
    source = tmp_path / "large"
    source.write_bytes(bytes(24_000_000))
    asset = await place.media.put(source, AssetKind.CLIP, "video/mp4", consume=True)
    with sqlite3.connect(place.database) as connection:
        connection.execute(ROW, (asset.id, asset.size_bytes))
    connection.close()

    tracemalloc.start()
    await place.back_up(tmp_path / "backup.tar")
    await elsewhere.restore(tmp_path / "backup.tar")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert elsewhere.holds(asset.id)
    assert most < 6_000_000


async def test_a_backup_never_replaces_anything(place: Place, tmp_path: Path) -> None:
    """Not a file, not a link that leads nowhere, and not what came there while it was being made."""
    taken, dangling, late = tmp_path / "taken.tar", tmp_path / "dangling.tar", tmp_path / "late.tar"
    taken.write_text("precious")
    dangling.symlink_to(tmp_path / "nowhere")

    for target in (taken, dangling, tmp_path / "no" / "where.tar"):
        with pytest.raises(UsageError):
            await place.back_up(target)
    with pytest.raises(UsageError, match="meanwhile"):
        await place.back_up(late, watch=lambda point: late.write_text("x") if point == "sealed" else None)

    assert (taken.read_text(), late.read_text()) == ("precious", "x")
    assert not (tmp_path / "nowhere").exists()
    assert not list(tmp_path.glob(".*"))


async def test_without_a_database_or_with_a_damaged_one_there_is_no_backup(place: Place, tmp_path: Path) -> None:
    """The sentence says which; nothing is left behind."""
    with pytest.raises(NotFound, match="no database"):
        await Place(folder=tmp_path / "empty").back_up(tmp_path / "backup.tar")
    content = bytearray(place.database.read_bytes())
    content[4096 * 3 : 4096 * 12] = random.Random(1).randbytes(4096 * 9)
    place.database.write_bytes(content)

    with pytest.raises(DatabaseCorrupt):
        await place.back_up(tmp_path / "backup.tar")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["original"]


async def test_a_store_that_does_not_answer_is_no_missing_file(place: Place, tmp_path: Path) -> None:
    """Nobody knows what it has: then there is no backup, rather than one that looks whole."""

    class Silent(ObjectMediaStore):
        async def read(self, asset_id, *, start, end):
            yield b"f"
            raise RuntimeError("connection reset")

    with pytest.raises(BackupFailed, match="did not give a file"):
        await place.back_up(tmp_path / "backup.tar", media=Silent("memory:///"))

    assert not (tmp_path / "backup.tar").exists()


@pytest.mark.parametrize("point", ["begun", "database copied", "database written", "file written", "sealed"])
async def test_a_disk_that_fills_up_leaves_no_archive(place: Place, tmp_path: Path, point: str) -> None:
    """Wherever it happens."""

    def fill(at: str) -> None:
        if at == point:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskFull):
        await place.back_up(tmp_path / "backup.tar", watch=fill)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["original"]


# --- taking one back ----------------------------------------------------------------------------------------------


async def refused(place: Place, archive: Path) -> ReelbotError:
    """Why it was; and nothing was written."""
    with pytest.raises(BadBackup) as caught:
        await place.restore(archive)
    assert not place.folder.exists()
    assert str(caught.value).startswith(str(archive))
    return caught.value


def test_one_changed_byte_anywhere_is_refused(archive: Path, elsewhere: Place) -> None:
    """In the manifest, in a header, in a file, in the padding between, in the seal, at the very end."""
    content, rng = archive.read_bytes(), random.Random(7)
    manifest_end, tail = 512 + 2_000, len(content) - 12_000
    chosen = {rng.randrange(manifest_end) for _ in range(SAMPLES)}
    chosen |= {rng.randrange(tail, len(content)) for _ in range(SAMPLES)}
    chosen |= {rng.randrange(len(content)) for _ in range(SAMPLES // 5)} | {0, len(content) - 1}
    altered = archive.with_name("altered.tar")

    accepted = []
    for index in sorted(chosen):
        altered.write_bytes(content[:index] + bytes([content[index] ^ 1 << rng.randrange(8)]) + content[index + 1 :])
        try:
            read(altered)
        except BadBackup:
            continue
        accepted.append(index)

    assert accepted == []


def test_an_archive_that_was_cut_short_is_refused(archive: Path) -> None:
    """After any number of bytes; and one that goes on after its end."""
    content, rng = archive.read_bytes(), random.Random(7)
    lengths = {0, 1, 511, 512, len(content) - 1, len(content) - 512, len(content) - 1024, len(content) - 1536}
    lengths |= {rng.randrange(len(content)) for _ in range(30)}
    altered = archive.with_name("altered.tar")

    for length in sorted(lengths):
        altered.write_bytes(content[:length])
        with pytest.raises(BadBackup):
            read(altered)
    altered.write_bytes(content + b"\0")
    with pytest.raises(BadBackup, match="after its end"):
        read(altered)


def _link(name: str, kind: bytes, to: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


@pytest.mark.parametrize(
    "extra",
    [
        tarfile.TarInfo("../../outside"),
        tarfile.TarInfo("/etc/outside"),
        tarfile.TarInfo("media/" + "ab" * 32),
        tarfile.TarInfo(DATABASE),
        _link("media/link", tarfile.SYMTYPE, "/etc/passwd"),
        _link("media/link", tarfile.LNKTYPE, DATABASE),
        _link("media/device", tarfile.CHRTYPE),
        _link("media", tarfile.DIRTYPE),
    ],
    ids=lambda info: f"{info.name[:14]} {info.type.decode()}",
)
async def test_a_member_that_the_manifest_does_not_name_is_refused(
    archive: Path, elsewhere: Place, extra: tarfile.TarInfo
) -> None:
    """Whatever it is, although the seal fits: paths that climb, absolute ones, links, devices, a second database."""
    hostile = forged(archive, archive.with_name("hostile.tar"), (extra, b"x" if extra.isreg() else b""))

    error = await refused(elsewhere, hostile)

    assert "where its manifest names seal" in str(error)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"format": 1', b'"format": 2'), (f'"schema": "{schema.HEAD}"'.encode(), b'"schema": "9999"')],
    ids=["format", "schema"],
)
async def test_what_a_newer_reelbot_made_is_refused(
    place: Place, elsewhere: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bytes, new: bytes
) -> None:
    """And the sentence says to use that one."""
    written = archives.Manifest.to_bytes
    monkeypatch.setattr(archives.Manifest, "to_bytes", lambda self: written(self).replace(old, new))
    monkeypatch.setattr(archives, "FORMAT", 2)
    await place.back_up(tmp_path / "newer.tar")
    monkeypatch.undo()

    error = await refused(elsewhere, tmp_path / "newer.tar")

    assert isinstance(error, BackupTooNew)
    assert "with that version" in str(error)


async def test_what_an_older_reelbot_made_comes_back_and_is_upgraded_at_the_next_start(
    elsewhere: Place, tmp_path: Path
) -> None:
    """By the migration that every start makes; the copy still says that it is one."""
    older = Place(folder=tmp_path / "older")
    older.folder.mkdir()
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    config.attributes["path"] = older.database
    command.upgrade(config, "0001")

    made = await older.back_up(tmp_path / "older.tar")
    await elsewhere.restore(tmp_path / "older.tar")
    schema.prepare(elsewhere.database)

    assert made.manifest.schema == "0001"
    assert schema.current_revision(elsewhere.database) == schema.HEAD
    with sqlite3.connect(elsewhere.database) as connection:
        assert connection.execute("SELECT value FROM meta WHERE key = ?", (COPIED_AT,)).fetchone() == (
            "2026-01-01T00:00:00Z",
        )
    connection.close()


async def test_what_is_no_archive_is_refused(elsewhere: Place, tmp_path: Path) -> None:
    """Another tar, a database, an empty file; a file that is not there is not found."""
    other, empty = tmp_path / "other.tar", tmp_path / "empty"
    with tarfile.open(other, "w") as tar:
        tar.add(__file__, arcname="something.py")
    empty.touch()

    for file in (other, empty):
        assert "not a backup that Reelbot made" in str(await refused(elsewhere, file))
    with pytest.raises(NotFound):
        await elsewhere.restore(tmp_path / "nowhere.tar")


@pytest.mark.parametrize("there", [DATABASE, "reelbot.db-wal", "media/ab/abc", "clips/one.mp4", "renders/one.part"])
async def test_a_directory_that_is_not_empty_is_refused(archive: Path, elsewhere: Place, there: str) -> None:
    """A database, or any file of an installation."""
    (elsewhere.folder / there).parent.mkdir(parents=True)
    (elsewhere.folder / there).write_text("precious")

    with pytest.raises(NotEmpty, match="empty data directory"):
        await elsewhere.restore(archive)

    assert elsewhere.files() == [there]


@pytest.mark.parametrize("point", ["begun", "member restored", "database named"])
async def test_a_disk_that_fills_up_leaves_nothing_half_restored(archive: Path, elsewhere: Place, point: str) -> None:
    """And once there is room the same restore works; after the database has its name, all is there."""

    def fill(at: str) -> None:
        if at == point:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskFull):
        await elsewhere.restore(archive, watch=fill)

    if point == "database named":
        assert all(elsewhere.holds(asset_id) for asset_id in elsewhere.ids())
        return
    assert elsewhere.files() == []
    await elsewhere.restore(archive)
    assert all(elsewhere.holds(asset_id) for asset_id in elsewhere.ids())

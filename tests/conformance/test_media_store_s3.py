"""What only a store in a cloud can do to us: parts, pages, rights, silence, and answers that break off."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.errors import ConfigurationError, MediaUnavailable, NotFound
from bot.jobs.model import Asset, AssetKind
from storage import buckets
from storage.asset_keys import key_of
from storage.buckets import PART_BYTES
from storage.media_store import ObjectMediaStore
from tests.emulators.s3 import ROOT, S3, a_bucket, documented_policy, s3

pytestmark = pytest.mark.asyncio

BIG = PART_BYTES * 2 + 12_345
"""Bytes: three parts."""
SENTENCE = "The media store cannot be reached at the moment."


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is lost is asked for once more, at once; and nothing stays lost for the next test."""
    monkeypatch.setitem(buckets.RETRY, "max_retries", 1)
    yield
    s3().lose("")
    s3().ask(swallow=0)


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> str:
    return a_bucket(monkeypatch)


@pytest.fixture
def bucket(url: str) -> str:
    return url.split("/")[2]


@pytest.fixture
def store(url: str) -> ObjectMediaStore:
    return ObjectMediaStore(url)


def a_file(tmp_path: Path, size: int = 1000) -> Path:
    path = tmp_path / f"source-{size}"
    path.write_bytes((bytes(range(256)) * (size // 256 + 1))[:size])
    return path


async def put(store: ObjectMediaStore, path: Path) -> Asset:
    return await store.put(path, AssetKind.CLIP, "video/mp4")


async def everything_in(store: ObjectMediaStore) -> list[str]:
    return [asset_id async for asset_id, _ in store.ids()]


async def sentence_of(probing: Any, kind: type[Exception] = ConfigurationError) -> str:
    with pytest.raises(kind) as caught:
        await probing
    return str(caught.value)


# --- objects ------------------------------------------------------------------------------------------------------


async def test_objects_are_called_as_files_are_in_a_directory(
    store: ObjectMediaStore, bucket: str, tmp_path: Path
) -> None:
    """So that `rclone` or `aws s3 sync` moves a media store from one kind to the other."""
    asset = await put(store, a_file(tmp_path))
    await store.set_note("installation.json", b"{}")
    files = ObjectMediaStore((tmp_path / "media").as_uri())
    await put(files, a_file(tmp_path))
    await files.set_note("installation.json", b"{}")

    there = {key.removeprefix("some/where/") for key in s3().look(bucket)}

    here = {str(path.relative_to(tmp_path / "media")) for path in (tmp_path / "media").rglob("*") if path.is_file()}
    assert there == here == {key_of(asset.id), "installation.json"}


async def test_a_big_file_goes_in_parts_and_comes_back_whole(
    store: ObjectMediaStore, bucket: str, tmp_path: Path
) -> None:
    source = a_file(tmp_path, BIG)
    s3().seen()

    asset = await put(store, source)
    await store.copy_to(asset.id, tmp_path / "copy")

    parts = [each for each in s3().seen()["requests"] if "partNumber=" in each]
    assert len(parts) == 3
    assert hashlib.sha256((tmp_path / "copy").read_bytes()).hexdigest() == asset.id
    middle = [piece async for piece in store.read(asset.id, start=PART_BYTES - 5, end=PART_BYTES + 5)]
    assert b"".join(middle) == source.read_bytes()[PART_BYTES - 5 : PART_BYTES + 5]


async def test_what_was_just_put_is_not_sent_again(store: ObjectMediaStore, bucket: str, tmp_path: Path) -> None:
    await put(store, a_file(tmp_path))
    s3().seen()

    await put(store, a_file(tmp_path))

    assert [each.split()[0] for each in s3().seen()["requests"]] == ["HEAD"]


async def test_more_objects_than_a_page_holds_are_all_listed(store: ObjectMediaStore, bucket: str) -> None:
    ids = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(1100)]
    strangers = [ids[0], f"zz/{ids[0]}", f"{ids[0][:2]}/notes.txt"]
    s3().ask(put=[f"some/where/{key}" for key in [*map(key_of, ids), *strangers]], bucket=bucket)
    s3().seen()

    listed = await everything_in(store)

    assert sorted(listed) == sorted(ids)
    assert len(s3().seen()["requests"]) == 2


async def test_objects_of_others_in_the_same_bucket_are_none_of_ours(
    store: ObjectMediaStore, bucket: str, tmp_path: Path
) -> None:
    asset = await put(store, a_file(tmp_path))
    s3().ask(put=[f"some/where-else/{key_of(asset.id)}", f"other/{key_of('a' * 64)}"], bucket=bucket)

    assert await everything_in(store) == [asset.id]


async def test_an_object_is_removed_once_it_is_old(
    store: ObjectMediaStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = await put(store, a_file(tmp_path))
    kept = await store.delete_older(asset.id, 20)
    monkeypatch.setattr(buckets, "FRESH_FOR_S", 0)

    removed = await store.delete_older(asset.id, 0)

    assert (kept, removed) == (False, True)
    with pytest.raises(NotFound):
        await store.size(asset.id)


# --- what is lost on the way --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lost", "size"), [("puts", 1000), ("puts", BIG), ("later parts", BIG)])
async def test_a_put_that_was_cut_leaves_nothing_and_may_be_made_again(
    store: ObjectMediaStore, bucket: str, tmp_path: Path, lost: str, size: int
) -> None:
    source = a_file(tmp_path, size)
    s3().lose(lost)
    with pytest.raises(MediaUnavailable, match=SENTENCE):
        await put(store, source)
    s3().lose("")
    assert await everything_in(store) == []
    assert s3().look(bucket) == []

    asset = await put(store, source)

    assert await everything_in(store) == [asset.id]
    assert await store.size(asset.id) == size


async def test_an_upload_that_failed_is_given_up_where_the_store_still_answers(
    store: ObjectMediaStore, bucket: str, tmp_path: Path
) -> None:
    s3().lose("later parts")

    with pytest.raises(MediaUnavailable):
        await put(store, a_file(tmp_path, BIG))

    assert s3().uploads(bucket) == 0


async def test_an_answer_that_breaks_off_never_passes_for_a_whole_file(store: ObjectMediaStore, tmp_path: Path) -> None:
    asset = await put(store, a_file(tmp_path, 300_000))
    s3().lose("answers")

    with pytest.raises(MediaUnavailable, match=SENTENCE):
        await store.copy_to(asset.id, tmp_path / "copy")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["source-300000"]


async def test_a_store_that_was_killed_in_the_middle_is_unavailable_and_said_so_to_operators(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doomed = S3()
    store = ObjectMediaStore(a_bucket(monkeypatch, doomed))
    asset = await put(store, a_file(tmp_path))
    reading = store.read(asset.id, start=0, end=10)

    doomed.stop()

    with capture_logs() as logs:
        with pytest.raises(MediaUnavailable, match=SENTENCE):
            await put(store, a_file(tmp_path, BIG))
        with pytest.raises(MediaUnavailable, match=SENTENCE):
            await anext(aiter(reading))
        with pytest.raises(MediaUnavailable, match=SENTENCE):
            await everything_in(store)
        with pytest.raises(MediaUnavailable, match=SENTENCE):
            await store.delete(asset.id)
    assert {(each["event"], each["why"]) for each in logs} == {
        ("media.unavailable", "it does not answer; look at its address and at the network")
    }
    assert "it does not answer" in await sentence_of(store.probe(), MediaUnavailable)


async def test_a_store_that_is_silent_is_waited_for_so_long_and_no_longer(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(buckets.CLIENT, "read_timeout", timedelta(milliseconds=50))
    store = ObjectMediaStore(url)
    s3().lose("time")

    with pytest.raises(MediaUnavailable, match=SENTENCE):
        await store.size("a" * 64)


async def test_a_store_that_is_silent_holds_up_nothing_else(store: ObjectMediaStore) -> None:
    """However many wait for it: the threads that all share are free."""
    s3().lose("time")
    waiting = [asyncio.create_task(store.size("a" * 64)) for _ in range(64)]

    await asyncio.to_thread(lambda: None)

    assert not any(task.done() for task in waiting)
    s3().lose("")
    ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(end) for end in ends} == {NotFound}


# --- rights -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("AWS_SECRET_ACCESS_KEY", "not-the-secret", "SignatureDoesNotMatch"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE", "InvalidAccessKeyId"),
    ],
)
async def test_wrong_keys_are_one_sentence_without_them(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, code: str
) -> None:
    monkeypatch.setenv(variable, value)
    store = ObjectMediaStore(url)

    with capture_logs() as logs:
        said = await sentence_of(store.probe())
        with pytest.raises(MediaUnavailable, match=SENTENCE) as caught:
            await put(store, a_file(tmp_path))

    assert f"the store does not accept the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY ({code})." in said
    told = said + repr(caught.value) + repr(logs) + repr(caught.value.__cause__)
    assert s3().secret not in told
    assert value not in told
    assert s3().key not in told


@pytest.mark.usefixtures("url")
async def test_a_bucket_that_is_not_there_is_named(tmp_path: Path) -> None:
    """And no file is called gone because of it: whoever asks for one learns that the store is unavailable."""
    s3().ask(allow="nobodys-bucket", policy=documented_policy("nobodys-bucket"))
    store = ObjectMediaStore("s3://nobodys-bucket/some/where")

    said = await sentence_of(store.probe())

    assert said.endswith(
        "could not be written: there is no bucket nobodys-bucket; make it, or correct REELBOT_MEDIA_URL."
    )
    with pytest.raises(MediaUnavailable):
        await put(store, a_file(tmp_path))
    with pytest.raises(MediaUnavailable):
        await store.size("a" * 64)
    with pytest.raises(MediaUnavailable):
        await store.copy_to("a" * 64, tmp_path / "copy")
    with pytest.raises(MediaUnavailable):
        await everything_in(store)


@pytest.mark.parametrize(
    ("missing", "doing"),
    [
        ("s3:PutObject", "written"),
        ("s3:GetObject", "read"),
        ("s3:ListBucket", "listed"),
        ("s3:DeleteObject", "deleted"),
    ],
)
async def test_each_right_of_the_documented_policy_is_needed_and_its_lack_is_said(
    store: ObjectMediaStore, bucket: str, missing: str, doing: str
) -> None:
    policy = documented_policy(bucket)
    for statement in policy["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        statement["Action"] = [action for action in actions if action != missing] or ["s3:GetBucketLocation"]
    s3().ask(allow=bucket, policy=policy)

    said = await sentence_of(store.probe())

    assert f"a small file could not be {doing}: these keys may not do this" in said
    assert "(AccessDenied)" in said


# --- memory -------------------------------------------------------------------------------------------------------


async def test_a_clip_of_300_megabytes_passes_through_little_memory(url: str, tmp_path: Path) -> None:
    """In both directions: a child of its own says how far its memory grew."""
    size = 300 << 20
    with (tmp_path / "clip").open("wb") as file:
        file.truncate(size)
    s3().ask(swallow=size)
    environ = os.environ | {"PYTHONPATH": str(ROOT)}

    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _THERE_AND_BACK, url, str(tmp_path), env=environ, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()

    grown = json.loads(out)
    assert grown["read"] == size
    assert grown["put_kib"] < 64 << 10
    assert grown["both_kib"] < 64 << 10


_THERE_AND_BACK = """
import asyncio, json, resource, sys
from pathlib import Path
from bot.jobs.model import AssetKind
from storage.media_store import ObjectMediaStore

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

async def main(url, folder):
    store = ObjectMediaStore(url)
    await store.probe()
    before = peak()
    asset = await store.put(folder / "clip", AssetKind.CLIP, "video/mp4")
    after_put, read = peak(), 0
    async for piece in store.read(asset.id, start=0, end=asset.size_bytes):
        read += len(piece)
    await store.delete(asset.id)
    print(json.dumps({"put_kib": after_put - before, "both_kib": peak() - before, "read": read}))

asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
"""

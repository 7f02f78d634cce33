"""Files on their way into another media store: each arrives whole or is named, and what is there already stays."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bot.errors import ConfigurationError, ProviderUnavailable
from bot.jobs.model import AssetKind
from storage.copying_media import AT_ONCE, Carried, carry, require_own_store
from storage.marks import Mark, MediaMarks
from storage.media_store import ObjectMediaStore

FILES = [f"file {number} ".encode() * (100 + number) for number in range(2 * AT_ONCE + 3)]
NAMED = [(hashlib.sha256(content).hexdigest(), len(content)) for content in FILES]


def a_folder(root: Path) -> ObjectMediaStore:
    return ObjectMediaStore(root.as_uri())


def put(root: Path, *contents: bytes, under: str | None = None) -> None:
    """Into a store that is a folder; `under` another name than that of its bytes."""
    for content in contents:
        asset_id = under or hashlib.sha256(content).hexdigest()
        (root / asset_id[:2]).mkdir(parents=True, exist_ok=True)
        (root / asset_id[:2] / asset_id).write_bytes(content)


async def read(store: ObjectMediaStore, asset_id: str) -> bytes:
    return b"".join([piece async for piece in store.read(asset_id, start=0, end=1 << 30)])


async def test_every_file_arrives_once(tmp_path: Path) -> None:
    """The second time all of them are there, and nothing is read from anywhere."""
    put(tmp_path / "old", *FILES)
    new = a_folder(tmp_path / "new")

    first = await carry(NAMED, stores=[a_folder(tmp_path / "old")], to=new, folder=tmp_path)
    second = await carry(NAMED, stores=[a_folder(tmp_path / "gone")], to=new, folder=tmp_path)

    assert first == Carried(copied=len(FILES), copied_bytes=sum(map(len, FILES)))
    assert second == Carried(there=len(FILES))
    assert [await read(new, asset_id) for asset_id, _ in NAMED] == FILES
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


async def test_what_one_store_has_not_the_next_may_have(tmp_path: Path) -> None:
    """Somebody moved to a bucket once before, and began there with nothing."""
    put(tmp_path / "older", *FILES[:2])
    bucket = ObjectMediaStore("memory:///")
    half = tmp_path / "half"
    half.write_bytes(FILES[2])
    await bucket.put(half, AssetKind.IMAGE, "image/png")

    done = await carry(
        NAMED[:3], stores=[a_folder(tmp_path / "older"), bucket], to=a_folder(tmp_path / "new"), folder=tmp_path
    )

    assert done.copied == 3


async def test_a_file_that_was_harmed_or_is_gone_is_named_and_stops_nothing(tmp_path: Path) -> None:
    """Nothing arrives under a name that is not that of its bytes."""
    put(tmp_path / "old", FILES[0])
    put(tmp_path / "old", b"other bytes", under=NAMED[1][0])
    new = a_folder(tmp_path / "new")

    done = await carry(NAMED[:3], stores=[a_folder(tmp_path / "old")], to=new, folder=tmp_path)

    assert done == Carried(
        copied=1, copied_bytes=NAMED[0][1], damaged=(NAMED[1][0],), missing=(NAMED[2][0],)
    )  # fmt: skip
    assert [asset_id async for asset_id, _ in new.ids()] == [NAMED[0][0]]


async def test_in_the_same_store_it_is_only_looked_whether_they_are_there(tmp_path: Path) -> None:
    """A file of another size is damaged."""
    put(tmp_path / "old", FILES[0])
    put(tmp_path / "old", b"cut short", under=NAMED[1][0])

    done = await carry(NAMED[:3], stores=[], to=a_folder(tmp_path / "old"), folder=tmp_path)

    assert done == Carried(there=1, damaged=(NAMED[1][0],), missing=(NAMED[2][0],))


async def test_a_half_written_file_in_the_new_store_is_replaced(tmp_path: Path) -> None:
    put(tmp_path / "old", FILES[0])
    put(tmp_path / "new", FILES[0][:10], under=NAMED[0][0])
    new = a_folder(tmp_path / "new")

    done = await carry(NAMED[:1], stores=[a_folder(tmp_path / "old")], to=new, folder=tmp_path)

    assert (done.copied, await read(new, NAMED[0][0])) == (1, FILES[0])


async def test_a_store_that_fails_is_said_in_one_sentence(tmp_path: Path) -> None:
    """Not as a group of eight."""

    class Silent(ObjectMediaStore):
        async def size(self, asset_id: str) -> int:
            raise ProviderUnavailable("The media store does not answer.")

    with pytest.raises(ProviderUnavailable, match="does not answer"):
        await carry(NAMED, stores=[], to=Silent((tmp_path / "new").as_uri()), folder=tmp_path)


async def test_the_store_of_another_installation_is_refused(tmp_path: Path) -> None:
    """Its files and ours would be swept by each other."""
    new = a_folder(tmp_path / "new")
    await require_own_store(new, "ours")
    await MediaMarks(new).write(Mark(installation_id="theirs", generation=1, epoch=1))

    with pytest.raises(ConfigurationError, match="another installation"):
        await require_own_store(new, "ours")

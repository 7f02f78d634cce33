"""A parcel's files, where the media store lies elsewhere and hands out no path."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.chat.fitting import fitted
from bot.jobs.model import AssetKind, Clip
from bot.ports import Parcel
from storage.media_store import ObjectMediaStore
from tests.factories import ALICE
from tests.fakes.workshop import FakeWorkshop

pytestmark = pytest.mark.asyncio

PLENTY = 1 << 20


async def a_parcel(media: ObjectMediaStore, folder: Path) -> Parcel:
    """An extension: the whole, and the new part of it."""
    kept = []
    for content in (b"the whole clip", b"its new part"):
        file = folder / "source"
        file.write_bytes(content)
        kept.append(await media.put(file, AssetKind.CLIP, "video/mp4"))
    whole, part = kept
    clip = Clip(
        asset_id=whole.id,
        size_bytes=whole.size_bytes,
        width=2,
        height=2,
        duration_s=1.0,
        poster_id="p",
        part_id=part.id,
    )
    return Parcel(
        delivery_id="d", job_id="j", requester=ALICE, clip=clip, path=None, filename="j-1.mp4", text="", title="",
        checkpoint={}, part=None, part_filename="j-1-part.mp4",
    )  # fmt: skip


async def test_the_new_part_is_copied_out_of_a_bucket_as_the_whole_is(tmp_path: Path) -> None:
    media = ObjectMediaStore("memory:///")
    parcel = await a_parcel(media, tmp_path)

    ready = await fitted(parcel, PLENTY, media, FakeWorkshop(), tmp_path)

    assert ready is not None
    assert [(path.read_bytes(), name) for path, name in ready.named(parcel)] == [
        (b"the whole clip", "j-1.mp4"),
        (b"its new part", "j-1-part.mp4"),
    ]


async def test_a_part_that_is_gone_does_not_hold_the_whole_back(tmp_path: Path) -> None:
    media = ObjectMediaStore("memory:///")
    parcel = await a_parcel(media, tmp_path)
    await media.delete(parcel.clip.part_id or "")

    ready = await fitted(parcel, PLENTY, media, FakeWorkshop(), tmp_path)

    assert ready is not None
    assert [name for _, name in ready.named(parcel)] == ["j-1.mp4"]


async def test_a_clip_that_is_no_extension_has_no_part(tmp_path: Path) -> None:
    media = ObjectMediaStore("memory:///")
    parcel = await a_parcel(media, tmp_path)
    alone = replace(parcel, clip=replace(parcel.clip, part_id=None), part_filename=None)

    ready = await fitted(alone, PLENTY, media, FakeWorkshop(), tmp_path)

    assert ready is not None
    assert ready.part is None

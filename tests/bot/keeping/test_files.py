"""A file is named while it is young, and made young again where that took a while."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import AssetStale
from bot.jobs.model import Asset, AssetKind, InputRef
from bot.jobs.states import State
from tests.emulators.judge_chat import PICTURE_MAGIC
from tests.factories import a_request
from tests.house import House, a_house

A_MINUTE_AGO = 60.0


async def kept(house: House, folder: Path) -> Asset:
    """A picture that was put a minute ago, and not named since."""
    path = folder / "picture"
    path.write_bytes(PICTURE_MAGIC + b"of mine")
    asset = await house.app.service.media.put(path, AssetKind.ORIGINAL, "image/png")
    return replace(asset, stored_at=time.time() - A_MINUTE_AGO)


async def test_what_was_put_a_while_ago_is_made_young_and_named(tmp_path: Path) -> None:
    """While a sound was fetched, say. A sweeper that comes now leaves it alone."""
    async with a_house(tmp_path) as house:
        asset = await kept(house, tmp_path)
        request = a_request(image=InputRef(source="asset", locator=asset.id))

        job, _ = await house.app.service.front_desk.accept(request, [("original", asset)])

        assert not await house.app.service.media.delete_older(asset.id, 20)
        assert (await house.run(job)).state is State.DELIVERED


async def test_what_was_removed_meanwhile_is_not_named(tmp_path: Path) -> None:
    """No row ever names a file that is gone."""
    async with a_house(tmp_path) as house:
        asset = await kept(house, tmp_path)
        await house.app.service.media.delete(asset.id)

        with pytest.raises(AssetStale):
            await house.app.service.front_desk.accept(a_request(), [("original", asset)])

        assert (await house.app.stores.history.page()).jobs == []


async def test_the_store_itself_names_nothing_that_is_old(tmp_path: Path) -> None:
    """Whoever froze between looking and writing writes nothing."""
    async with a_house(tmp_path) as house:
        asset = await kept(house, tmp_path)
        request = a_request(image=InputRef(source="asset", locator=asset.id))

        with pytest.raises(AssetStale):
            await house.app.stores.jobs.accept(request, house.app.desk.confirm_above, [("original", asset)])

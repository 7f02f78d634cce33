"""How a picture gets to where a provider can read it, and the minute a finished render has to show its video."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.media.hosting import SignedLinks
from adapters.providers.hosting import LIVES, Hosting, Uploader, UploadNotOffered
from adapters.providers.patience import NO_VIDEO_S, NoVideoYet
from bot.errors import NotFound, ProviderUnavailable
from bot.jobs.model import Asset
from bot.keys import KeyRing
from bot.ports import Failed, HostedInput, Rendering
from tests.factories import an_asset
from tests.fakes.clock import NEW_YEAR, FakeClock

HOME = "http://127.0.0.1:9000/v1"


class Store:
    """An uploader that answers with an address, or an error."""

    def __init__(self, answer: str | Exception) -> None:
        self.answer = answer
        self.asked = 0

    async def upload(self, asset: Asset, path: Path) -> HostedInput:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return HostedInput(asset=asset, url=self.answer)


def links(public_url: str = "https://bot.example.net") -> SignedLinks:
    return SignedLinks(KeyRing(["a test's own secret key"]), FakeClock(), public_url)


def hosting(
    *stores: Uploader, own: SignedLinks | None = None, locate: Callable[[str], Awaitable[Path]] | None = None
) -> Hosting:
    async def here(asset_id: str) -> Path:
        return Path("/nowhere/picture.jpg")

    return Hosting(HOME, stores, locate or here, own)


GONE = UploadNotOffered("not offered")


async def test_the_first_store_that_is_offered_is_taken() -> None:
    first, second, third = Store(GONE), Store("https://store.example.net/1"), Store("https://store.example.net/2")

    hosted = await hosting(first, second, third, own=links()).host(an_asset())

    assert hosted.url == "https://store.example.net/1"
    assert (first.asked, second.asked, third.asked) == (1, 1, 0)


async def test_a_store_that_is_down_is_not_gone_round() -> None:
    """It passes, and our own address would be another way in for no reason."""
    down, other = Store(ProviderUnavailable("down")), Store("https://store.example.net/1")

    with pytest.raises(ProviderUnavailable, match="down"):
        await hosting(down, other, own=links()).host(an_asset())
    assert other.asked == 0


@pytest.mark.parametrize("stores", [(), (Store(GONE),), (Store(GONE), Store(GONE))])
async def test_our_own_address_comes_last_lives_a_day_and_is_new_each_time(stores: tuple[Store, ...]) -> None:
    """Two attempts with one picture must be told apart by its address."""
    where = hosting(*stores, own=links())

    first, second = await where.host(an_asset()), await where.host(an_asset())

    assert first.url.startswith("https://bot.example.net/media/")
    assert first.url != second.url
    assert first.expires_at == NEW_YEAR + LIVES
    assert timedelta(hours=2) <= LIVES


async def test_without_any_way_it_is_said_what_to_set() -> None:
    with pytest.raises(ProviderUnavailable, match="REELBOT_WEB__PUBLIC_URL"):
        await hosting().host(an_asset())
    with pytest.raises(UploadNotOffered, match="not offered"):
        await hosting(Store(GONE)).host(an_asset())


async def test_a_picture_that_is_gone_is_not_handed_over() -> None:
    async def gone(asset_id: str) -> Path:
        raise NotFound("gone")

    store = Store("https://store.example.net/1")
    with pytest.raises(NotFound):
        await hosting(store, own=links(), locate=gone).host(an_asset())
    assert store.asked == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://store.example.net/1",
        "https://10.0.0.1/1",
        "https://ann:secret@store.example.net/",
        "http://127.0.0.1:9001/1",
        "nonsense",
        "",
    ],
)
async def test_an_address_that_is_not_public_is_never_handed_over(url: str) -> None:
    with pytest.raises(ProviderUnavailable, match="may not be handed over") as raised:
        await hosting(Store(url)).host(an_asset())
    assert "secret" not in str(raised.value)


async def test_an_address_at_the_providers_own_host_may_be_private() -> None:
    assert (
        await hosting(Store("http://127.0.0.1:9000/files/1")).host(an_asset())
    ).url == "http://127.0.0.1:9000/files/1"
    with pytest.raises(ProviderUnavailable):
        await hosting(own=links("http://127.0.0.1:8080")).host(an_asset())


# --- patience --------------------------------------------------------------------------------------------------------


async def test_a_finished_render_has_a_minute_to_show_its_video() -> None:
    clock = FakeClock()
    patience = NoVideoYet(clock)

    assert patience.judge("a") == Rendering()
    await clock.advance(NO_VIDEO_S - 1)
    assert patience.judge("a") == Rendering()
    assert patience.judge("b") == Rendering()
    await clock.advance(1)

    failed = patience.judge("a")
    assert isinstance(failed, Failed)
    assert (failed.code, failed.charged, failed.refund_expected) == ("no_video", None, False)
    assert patience.judge("a") == failed
    assert patience.judge("b") == Rendering()


async def test_a_video_that_came_begins_the_minute_anew() -> None:
    clock = FakeClock()
    patience = NoVideoYet(clock)
    patience.judge("a")
    await clock.advance(NO_VIDEO_S)

    patience.forget("a")
    patience.forget("never heard of")

    assert patience.judge("a") == Rendering()


async def test_a_change_of_the_wall_clock_changes_no_minute() -> None:
    clock = FakeClock()
    patience = NoVideoYet(clock)
    patience.judge("a")

    clock.jump(86_400)

    assert patience.judge("a") == Rendering()


async def test_the_oldest_are_forgotten_when_there_are_very_many() -> None:
    clock = FakeClock()
    patience = NoVideoYet(clock)
    patience.judge("first")
    await clock.advance(NO_VIDEO_S)
    for number in range(1000):
        patience.judge(f"p-{number}")

    assert patience.judge("first") == Rendering()
    await clock.advance(NO_VIDEO_S)
    assert isinstance(patience.judge("p-999"), Failed)

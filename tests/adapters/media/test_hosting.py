"""Links to `/media/…`: made by us alone, one for each attempt, good for their time, and never for an original."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from adapters.media.hosting import SignedLinks
from bot.ids import new_id
from bot.jobs.model import AssetKind
from bot.keys import KeyRing
from tests.factories import an_asset
from tests.fakes.clock import FakeClock

TWO_HOURS = timedelta(hours=2)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def links(clock: FakeClock) -> SignedLinks:
    return SignedLinks(KeyRing(["a-key-of-some-length"]), clock, "https://reelbot.example/bot/")


def signed_part(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2]


def test_a_link_says_what_it_is_for_and_until_when(links: SignedLinks, clock: FakeClock) -> None:
    asset, attempt_id = an_asset(), new_id()

    hosted = links.link(asset, attempt_id=attempt_id, lives=TWO_HOURS)

    named = links.read(signed_part(hosted.url))
    assert hosted.url.startswith("https://reelbot.example/bot/media/")
    assert hosted.url == links.url(signed_part(hosted.url))
    assert (hosted.asset, hosted.expires_at) == (asset, clock.now() + TWO_HOURS)
    assert named is not None
    assert (named.asset_id, named.attempt_id) == (asset.id, attempt_id)
    assert (named.content_type, named.expires_at) == ("image/jpeg", hosted.expires_at)


def test_every_attempt_has_a_link_of_its_own(links: SignedLinks) -> None:
    """Or two jobs with one picture could not be told apart at the provider."""
    urls = {links.link(an_asset(), attempt_id=new_id(), lives=TWO_HOURS).url for _ in range(50)}

    assert len(urls) == 50


async def test_a_link_ends(links: SignedLinks, clock: FakeClock) -> None:
    signed = signed_part(links.link(an_asset(), attempt_id="1", lives=TWO_HOURS).url)

    await clock.advance(2 * 3600 - 1)
    assert links.read(signed) is not None
    await clock.advance(1)
    assert links.read(signed) is None


def test_nobody_else_makes_one(links: SignedLinks, clock: FakeClock) -> None:
    """Another key; another purpose of the same key."""
    elsewhere = SignedLinks(KeyRing(["a-key-of-another-one"]), clock, "https://reelbot.example/bot")
    theirs = signed_part(elsewhere.link(an_asset(), attempt_id="1", lives=TWO_HOURS).url)
    payload = {"asset": an_asset().id, "attempt": "1", "type": "image/jpeg"}
    session = KeyRing(["a-key-of-some-length"]).sign("session", payload, expires_at=clock.now() + TWO_HOURS)

    assert [links.read(text) for text in (theirs, session, "", "x" * 300)] == [None] * 4


@pytest.mark.parametrize("kind", [AssetKind.ORIGINAL, AssetKind.POSTER])
def test_what_is_never_served_has_no_link(links: SignedLinks, kind: AssetKind) -> None:
    with pytest.raises(ValueError, match="never served"):
        links.link(an_asset(kind=kind), attempt_id="1", lives=TWO_HOURS)

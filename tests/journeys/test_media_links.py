"""`/media/…` over a real socket: inputs for whoever holds the link, for its time, and nothing else for anybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from structlog.testing import capture_logs

from bot.ids import new_id
from bot.jobs.model import Asset, AssetKind, Evidence, EvidenceKind
from bot.service import Service
from storage.media_store import ObjectMediaStore
from tests.emulators.judge_chat import PICTURE_MAGIC
from tests.factories import a_request
from tests.house import a_house
from tests.journeys.calling import PUBLIC_URL, Site, a_site, without
from tests.journeys.running import server

CONTENT = PICTURE_MAGIC + bytes(range(256)) * 8


def in_a_bucket(service: Service) -> Service:
    """No file to be served by its path: the bytes come from an object store."""
    return replace(service, media=ObjectMediaStore(f"memory:///{new_id()}"))


KINDS: dict[str, Callable[[Service], Service]] = {"local": lambda it: it, "bucket": in_a_bucket}


class Shelf:
    """A site whose media store holds one picture, and the link to it."""

    def __init__(self, site: Site, service: Service, folder: Path) -> None:
        self.site = site
        self.service = service
        self._folder = folder

    async def put(self, kind: AssetKind, content: bytes = CONTENT, content_type: str = "image/jpeg") -> Asset:
        """Kept, and known."""
        file = self._folder / new_id()
        file.write_bytes(content)
        asset = await self.service.media.put(file, kind, content_type)
        await self.site.house.app.stores.jobs.accept(
            a_request(), self.site.house.provider.rates["720p"], [("image", asset)]
        )
        return asset

    def path(self, asset: Asset, *, attempt_id: str = "none", lives_s: float = 7200) -> str:
        """Where it is served."""
        assert self.site.provider.links is not None
        hosted = self.site.provider.links.link(asset, attempt_id=attempt_id, lives=timedelta(seconds=lives_s))
        return urlsplit(hosted.url).path

    def forged_path(self, asset: Asset) -> str:
        """As a mistake of ours would sign it."""
        keys, now = self.site.house.app.keys, self.site.house.clock.now()
        payload = {"asset": asset.id, "attempt": "none", "type": asset.content_type}
        return f"/media/{keys.sign('media-link', payload, expires_at=now + timedelta(hours=1))}"


@pytest.fixture(params=KINDS)
async def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    built: list[Service] = []

    def furnish(service: Service) -> Service:
        built.append(KINDS[request.param](service))
        return built[0]

    async with a_site(tmp_path, furnish=furnish) as site:
        yield Shelf(site, built[0], tmp_path)


# --- for who holds the link ---------------------------------------------------------------------------------------------


async def test_a_provider_gets_the_picture_without_signing_in(shelf: Shelf) -> None:
    """With everything a picky service looks at; and nothing may keep, index or guess."""
    path = shelf.path(await shelf.put(AssetKind.IMAGE))

    answer = await shelf.site.client.get(path)

    assert (answer.status_code, answer.content) == (200, CONTENT)
    headers = answer.headers
    assert headers["content-type"] == "image/jpeg"
    assert headers["content-length"] == str(len(CONTENT))
    assert headers["cache-control"] == "private, max-age=7200"
    assert headers["accept-ranges"] == "bytes"
    assert headers["x-robots-tag"] == "noindex"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-disposition"].startswith('inline; filename="')
    assert headers["content-disposition"].endswith('.jpg"')
    assert headers.get_list("etag") == [headers["etag"]]


async def test_head_says_the_same_and_sends_nothing(shelf: Shelf) -> None:
    path = shelf.path(await shelf.put(AssetKind.IMAGE))

    head, get = await shelf.site.client.head(path), await shelf.site.client.get(path)

    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "content-length", "etag", "accept-ranges", "content-disposition"):
        assert head.headers[name] == get.headers[name], name


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-99", 0, 100), ("bytes=100-", 100, None), ("bytes=-10", -10, None), ("bytes=5-999999", 5, None)],
)
async def test_ranges(shelf: Shelf, asked: str, start: int, end: int | None) -> None:
    path, size = shelf.path(await shelf.put(AssetKind.CLIP, content_type="video/mp4")), len(CONTENT)
    wanted = CONTENT[start:end]
    first = start if start >= 0 else size + start

    get = await shelf.site.client.get(path, headers={"Range": asked})
    head = await shelf.site.client.head(path, headers={"Range": asked})

    assert (get.status_code, get.content) == (206, wanted)
    assert get.headers["content-range"] == f"bytes {first}-{first + len(wanted) - 1}/{size}"
    assert get.headers["content-length"] == str(len(wanted))
    assert (head.status_code, head.content, head.headers["content-range"]) == (206, b"", get.headers["content-range"])


async def test_a_range_past_the_end_is_said_to_be(shelf: Shelf) -> None:
    path = shelf.path(await shelf.put(AssetKind.IMAGE))

    answer = await shelf.site.client.get(path, headers={"Range": f"bytes={len(CONTENT)}-"})

    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(CONTENT)}")


async def test_a_range_of_another_version_is_answered_with_the_whole(shelf: Shelf) -> None:
    path = shelf.path(await shelf.put(AssetKind.IMAGE))
    etag = (await shelf.site.client.head(path)).headers["etag"]

    stale = await shelf.site.client.get(path, headers={"Range": "bytes=0-9", "If-Range": '"another"'})
    fresh = await shelf.site.client.get(path, headers={"Range": "bytes=0-9", "If-Range": etag})

    assert (stale.status_code, fresh.status_code) == (200, 206)


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [(AssetKind.IMAGE, "image/jpeg"), (AssetKind.AUDIO, "audio/wav"), (AssetKind.CLIP, "video/mp4")],
)
async def test_pictures_sounds_and_clips_are_served_as_what_they_are(
    shelf: Shelf, kind: AssetKind, content_type: str
) -> None:
    path = shelf.path(await shelf.put(kind, content_type=content_type))

    answer = await shelf.site.client.get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)


# --- and for nobody else ------------------------------------------------------------------------------------------------


async def test_whatever_is_wrong_with_a_link_the_answer_is_the_same(shelf: Shelf) -> None:
    """Expired, forged, unknown, gone, or never to be served: a stranger learns nothing by trying."""
    site, picture = shelf.site, await shelf.put(AssetKind.IMAGE)
    good = shelf.path(picture)
    expired = shelf.path(picture, lives_s=60)
    gone = await shelf.put(AssetKind.IMAGE, PICTURE_MAGIC + b"gone")
    await shelf.service.media.delete(gone.id)
    original = await shelf.put(AssetKind.ORIGINAL, PICTURE_MAGIC + b"original")
    poster = await shelf.put(AssetKind.POSTER, b"a poster")
    unknown = replace(picture, id="ee" * 32)
    await site.house.clock.advance(60)
    paths = [
        expired, shelf.path(gone), shelf.path(unknown), shelf.forged_path(original), shelf.forged_path(poster),
        good[:-1], good[:-3] + "AAA", f"{good}A", f"/media/{picture.id}", "/media/x", "/media/%2e%2e", "/media/%00",
        good.replace("/media/e", "/media/.e"),
    ]  # fmt: skip

    answers = [await site.client.get(path) for path in paths]
    heads = [await site.client.head(path) for path in paths]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "not_found")] * len(paths)
    assert len({answer.content for answer in answers if answer.url.path.startswith("/media/")}) == 1
    assert [(head.status_code, head.content) for head in heads] == [(404, b"")] * len(paths)
    assert (await site.client.get(good)).status_code == 200


async def test_nothing_but_reading_is_taken(shelf: Shelf) -> None:
    path = shelf.path(await shelf.put(AssetKind.IMAGE))

    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert (await shelf.site.client.request(method, path)).status_code == 405


async def test_a_link_is_no_sign_in(shelf: Shelf) -> None:
    path = shelf.path(await shelf.put(AssetKind.IMAGE))
    token = path.rpartition("/")[2]

    answer = await shelf.site.client.get("/api/v1/jobs", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 401


# --- evidence -----------------------------------------------------------------------------------------------------------


async def test_a_fetch_of_an_attempts_input_is_noted_once(shelf: Shelf) -> None:
    """However many players ask, in however many pieces; asking how large it is is no fetch."""
    site = shelf.site
    _, attempt = await site.rendering()
    path = urlsplit(attempt.input_url).path
    assert attempt.input_url.startswith(f"{PUBLIC_URL}/media/")
    await _copy(site.house.app.service, shelf.service)

    await site.client.head(path)
    assert await site.evidence(attempt) == []
    pieces = [site.client.get(path, headers={"Range": f"bytes={at}-{at}"}) for at in range(5)]
    answers = await asyncio.gather(*pieces, site.client.get(path))

    assert {answer.status_code for answer in answers} == {200, 206}
    fetched = Evidence(attempt_id=attempt.attempt_id, kind=EvidenceKind.INPUT_FETCH)
    assert await site.evidence(attempt) == [fetched]


async def _copy(source: Service, target: Service) -> None:
    """Every input of the house into the store that is served."""
    if source.media is target.media:
        return
    (job,) = (await source.stores.history.page()).jobs
    asset = (await source.stores.assets.of_job(job.id))["image"]
    path = await source.media.local_path(asset.id)
    assert path is not None
    await target.media.put(path, asset.kind, asset.content_type)


async def test_two_attempts_with_one_picture_are_told_apart(tmp_path: Path) -> None:
    """Only the one whose link was fetched has evidence."""
    async with a_site(tmp_path) as site:
        first, hers = await site.rendering()
        _, his = await site.rendering(image=first.image)

        await site.client.get(urlsplit(his.input_url).path)

        assert hers.input_url != his.input_url
        assert await site.evidence(hers) == []
        assert len(await site.evidence(his)) == 1


class _FullBook:
    """`bot.stores.EvidenceStore` on a disk that is full, or behind a lock."""

    def __init__(self, fault: Exception | None) -> None:
        self._fault = fault

    async def attempt_of_input(self, *_: object) -> Any:
        if self._fault is None:
            await asyncio.Event().wait()
        raise self._fault or AssertionError


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), None])
async def test_a_fetch_that_cannot_be_noted_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception | None
) -> None:
    """The disk is full; the database does not answer."""
    monkeypatch.setattr("adapters.chat.web.media.NOTED_WITHIN_S", 0.1)
    async with a_site(tmp_path, furnish=lambda it: without(it, evidence=_FullBook(fault))) as site:
        _, attempt = await site.rendering()

        with capture_logs() as logs:
            answer = await site.client.get(urlsplit(attempt.input_url).path)

        assert answer.status_code == 200
        assert answer.content.startswith(PICTURE_MAGIC)
        assert "media.fetch_not_noted" in [line["event"] for line in logs]


# --- what is reachable --------------------------------------------------------------------------------------------------


async def test_without_a_public_url_nothing_is_served_and_nobody_is_told_to_call(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        assert house.app.desk.webhook_url("judge", "token") is None


def test_with_a_public_url_only_providers_and_health_need_no_sign_in(tmp_path: Path) -> None:
    """A real process: everything else asks who you are, also when the request comes from this machine."""
    with (
        server(tmp_path, env={"REELBOT_WEB__PUBLIC_URL": PUBLIC_URL}) as (url, _),
        httpx.Client(base_url=url) as client,
    ):
        open_to_all = {path: client.get(path) for path in ("/livez", "/readyz", "/media/x", "/slack/install")}
        call = client.post("/webhooks/local/x", content=b"{}")
        closed = ("/", "/metrics", "/no-such-page", "/api/v1/jobs", "/api/v1/quota", "/api/v1/limits")
        closed += ("/api/v1/models", "/api/v1/openapi.json", "/api/v1/jobs/x", "/api/v1/jobs/x/video")
        refused = {path: client.get(path).status_code for path in closed}
        forms = [client.post("/api/v1/jobs"), client.post("/api/v1/jobs/x/cancel"), client.put("/api/v1/limits/x")]

    assert refused == dict.fromkeys(closed, 401)
    assert [form.status_code for form in forms] == [401] * 3
    assert (open_to_all["/livez"].status_code, open_to_all["/media/x"].status_code) == (200, 404)
    assert (open_to_all["/readyz"].status_code, open_to_all["/readyz"].content) == (200, b"")
    assert (call.status_code, call.json()["code"]) == (404, "not_found")
    key = tmp_path / "data" / "secret-key"
    assert key.stat().st_mode & 0o777 == 0o600


async def test_every_route_but_those_asks_for_a_sign_in(tmp_path: Path) -> None:
    """Also those that are added later: whoever opens another one to the world has to say so here."""
    open_to_all = ("/livez", "/readyz", "/media/", "/webhooks/", "/slack/", "/static/", "/sign-in", "/sign-out")
    async with a_site(tmp_path) as site:
        described = (await site.client.get("/api/v1/openapi.json")).status_code
        app = _application(site)
        paths = {
            (path, method)
            for path, methods in _routes(app)
            for method in methods - {"HEAD"}
            if not path.startswith(open_to_all)
        }
        answers = {
            (path, method): (await site.client.request(method, path.replace("{", "").replace("}", ""))).status_code
            for path, method in paths
        }

    assert described == 401
    assert len(answers) >= 13
    assert answers == dict.fromkeys(answers, 401)


def _application(site: Site) -> Any:
    from adapters.chat.web.app import WebParts, create_web
    from adapters.chat.web.sign_in import SignInRule

    async def ready() -> dict[str, str]:
        return {}

    parts = WebParts(rule=SignInRule(token="a-token"), readiness=ready, upload_limit_bytes=1000)
    return create_web(site.house.app.service, parts)


def _routes(router: Any) -> list[tuple[str, set[str]]]:
    own = [(route.path, set(route.methods)) for route in router.routes if hasattr(route, "methods")]
    included = [route.original_router for route in router.routes if hasattr(route, "original_router")]
    return own + [found for inner in included for found in _routes(inner)]

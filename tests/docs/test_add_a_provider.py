"""The providers of the guide are providers: each passes the suite that every provider passes.

The paid one orders from a small strict service on a real socket. It bills what it accepts, and its books are the judge.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import shutil
import socket
import struct
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from aiohttp import web
from PIL import Image

from adapters.http.client import HttpClient
from adapters.media.fetch import HttpFetcher
from adapters.providers.registry import ProviderContext
from bot.clock import SystemClock
from bot.errors import KeyRefused, NotAllowed, NotSent, Refused, Throttled, Unconfirmed
from bot.keys import KeyRing
from bot.money.amount import Money
from bot.ports import Found, NotThere, ProviderEvent, Succeeded
from tests.conformance.provider_suite import ProviderBench, ProviderSuite
from tests.factories import an_asset

pytestmark = pytest.mark.media

GUIDE = Path(__file__).parents[2] / "docs" / "howto" / "add-a-provider.md"
KEY = "a-key-of-this-test"
CLIP = b"\0\0\0\x18ftypmp42" + bytes(2000)


def module_of(name: str) -> dict[str, Any]:
    """The one Python module of the guide that defines this class."""
    sources = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    [source] = [source for source in sources if f"class {name}:" in source]
    module: dict[str, Any] = {}
    exec(compile(source, str(GUIDE), "exec"), module)
    return module


def a_picture(folder: Path) -> Path:
    picture = folder / "picture.jpg"
    Image.new("RGB", (320, 180), "teal").save(picture)
    return picture


class GuideBench(ProviderBench):
    def __init__(self, folder: Path) -> None:
        picture = a_picture(folder)

        async def locate(asset_id: str) -> Path:
            return picture

        self.provider = module_of("StillProvider")["build"](SimpleNamespace(data_dir=folder, locate=locate))
        self.asset = an_asset(size_bytes=picture.stat().st_size)

    async def fetch(self, url: str, into: Path) -> None:
        shutil.copyfile(unquote(urlsplit(url).path), into)

    def is_clip(self, path: Path) -> bool:
        return path.read_bytes()[4:8] == b"ftyp"


class TestTheProviderOfTheGuide(ProviderSuite):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> ProviderBench:
        return GuideBench(tmp_path)


# --- the paid one ----------------------------------------------------------------------------------------------------


class Paper:
    """The invented service. What it accepted stands in `billed`; what no correct client would send in `violations`."""

    def __init__(self) -> None:
        self.url = ""
        self.pictures: dict[str, bytes] = {}
        self.billed: dict[str, dict[str, Any]] = {}
        self.violations: list[str] = []
        self.creates = 0
        self.next_create: str | None = None
        """What happens to the next order: `lost`, `late 502`, `503`, `429`, `no credit`, `page`."""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_put("/pictures/{name}", self._take_picture)
        app.router.add_post("/orders", self._create)
        app.router.add_get("/orders", self._look_up)
        app.router.add_get("/orders/{id}", self._show)
        app.router.add_get("/credit", self._credit)
        app.router.add_get("/clips/{id}.mp4", self._clip)
        return app

    async def _take_picture(self, request: web.Request) -> web.Response:
        if "Authorization" in request.headers:
            self.violations.append("the key was sent to the store")
        if request.path in self.pictures:
            self.violations.append("one address for two pictures")
        self.pictures[request.path] = await request.read()
        return web.json_response({})

    async def _create(self, request: web.Request) -> web.Response:
        self.creates += 1
        order, turn = await request.json(), self.next_create
        self.next_create = None
        answers = {
            "503": web.json_response({}, status=503),
            "429": web.json_response({"error": "slow down"}, status=429, headers={"Retry-After": "7"}),
            "no credit": web.json_response({"error": "insufficient credit"}, status=402),
            "page": web.Response(status=400, text="<html>an edge</html>", content_type="text/html"),
        }
        if turn in answers:
            return answers[turn]
        if not self._knows(request):
            return web.json_response({"error": "who are you?"}, status=401)
        if urlsplit(order["picture"]).path not in self.pictures:
            self.violations.append("a picture that was never uploaded")
        number = f"p-{len(self.billed) + 1}"
        self.billed[number] = order
        if turn == "lost":
            assert request.transport is not None
            connection = request.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.transport.abort()
        if turn == "late 502":
            return web.Response(status=502, text="<html>", content_type="text/html")
        return web.json_response({"id": number}, status=201)

    async def _look_up(self, request: web.Request) -> web.Response:
        label = request.query["label"]
        return web.json_response(
            {"orders": [number for number, order in self.billed.items() if order["label"] == label]}
        )

    async def _show(self, request: web.Request) -> web.Response:
        number = request.match_info["id"]
        if not self._knows(request):
            return web.json_response({"error": "who are you?"}, status=401)
        if number not in self.billed:
            return web.json_response({"error": "no such order"}, status=404)
        return web.json_response({"state": "done", "video": f"{self.url}/clips/{number}.mp4", "usd": 0.25})

    async def _credit(self, request: web.Request) -> web.Response:
        return web.json_response({"usd": "12.50"})

    async def _clip(self, request: web.Request) -> web.Response:
        if "Authorization" in request.headers:
            self.violations.append("the key was sent for a clip")
        return web.Response(body=CLIP, content_type="video/mp4")

    def _knows(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {KEY}"


class PaperBench(ProviderBench):
    def __init__(self, folder: Path, paper: Paper, monkeypatch: pytest.MonkeyPatch) -> None:
        picture = a_picture(folder)
        self.paper, self.http, self.keys = paper, HttpClient(), KeyRing(["a test's own secret key"])

        async def locate(asset_id: str) -> Path:
            return picture

        async def known_ids(provider: str, ids: Collection[str]) -> set[str]:
            return set()

        monkeypatch.setenv("PAPER_API_KEY", KEY)
        monkeypatch.setenv("PAPER_URL", paper.url)
        context = ProviderContext(
            settings=None, clock=SystemClock(), data_dir=folder, locate=locate, keys=self.keys, links=None,
            http=self.http, known_ids=known_ids,
        )  # fmt: skip
        self.provider = module_of("PaperProvider")["build"](context)
        self.asset = an_asset(size_bytes=picture.stat().st_size)
        self.fetcher = HttpFetcher(self.http, {"paper": paper.url}, context.clock)

    async def fetch(self, url: str, into: Path) -> None:
        await self.fetcher.fetch(url, "paper", into)

    def is_clip(self, path: Path) -> bool:
        return path.read_bytes() == CLIP


class TestThePaidProviderOfTheGuide(ProviderSuite):
    @pytest.fixture
    async def bench(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PaperBench]:
        paper = Paper()
        runner = web.AppRunner(paper.app())
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        paper.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        bench = PaperBench(tmp_path, paper, monkeypatch)
        yield bench
        await bench.http.aclose()
        await runner.cleanup()
        assert paper.violations == []

    async def test_without_a_key_it_is_not_there(self, bench: PaperBench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("PAPER_API_KEY")

        assert module_of("PaperProvider")["build"](None) is None

    async def test_what_it_orders_is_billed_once_at_the_price_told(self, bench: PaperBench) -> None:
        accepted = await bench.place(await bench.order())
        result = await bench.end_of(accepted.provider_job_id)

        assert isinstance(result, Succeeded)
        assert (bench.paper.creates, len(bench.paper.billed)) == (1, 1)
        assert (
            result.price == bench.provider.models()[0].price.price(duration_s=5, resolution="720p") == Money.usd("0.25")
        )

    @pytest.mark.parametrize("turn", ["lost", "late 502"])
    async def test_a_lost_answer_is_unconfirmed_sent_once_and_found(self, bench: PaperBench, turn: str) -> None:
        order = await bench.order()
        bench.paper.next_create = turn

        with pytest.raises(Unconfirmed):
            await bench.place(order)

        assert bench.paper.creates == 1
        assert await bench.provider.find(bench.submission(order)) == Found(provider_job_id="p-1")

    @pytest.mark.parametrize("turn", ["503", "page"])
    async def test_an_answer_that_proves_nothing_is_unconfirmed(self, bench: PaperBench, turn: str) -> None:
        order = await bench.order()
        bench.paper.next_create = turn

        with pytest.raises(Unconfirmed):
            await bench.place(order)

        assert await bench.provider.find(bench.submission(order)) == NotThere()

    async def test_what_it_says_no_to_is_not_billed(self, bench: PaperBench) -> None:
        bench.paper.next_create = "429"
        with pytest.raises(Throttled) as throttled:
            await bench.place(await bench.order())
        bench.paper.next_create = "no credit"
        with pytest.raises(Refused) as refused:
            await bench.place(await bench.order())

        assert throttled.value.retry_after_s == 7
        assert refused.value.about == "balance"
        assert bench.paper.billed == {}

    async def test_nobody_there_means_that_nothing_was_sent(
        self, bench: PaperBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        order = await bench.order()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            monkeypatch.setattr(bench.provider, "_base", f"http://127.0.0.1:{taken.getsockname()[1]}")
            with pytest.raises(NotSent):
                await bench.place(order)

    async def test_a_refused_key_is_said_as_such(self, bench: PaperBench, monkeypatch: pytest.MonkeyPatch) -> None:
        accepted = await bench.place(await bench.order())
        monkeypatch.setattr(f"{__name__}.KEY", "another one")

        with pytest.raises(KeyRefused):
            await bench.provider.check(accepted.provider_job_id)

    async def test_a_webhook_is_proven_by_the_secret_of_its_attempt(self, bench: PaperBench) -> None:
        order = await bench.order()
        await bench.place(order)
        body = json.dumps({"id": "p-1", "state": "done"}).encode()
        secret = bench.paper.billed["p-1"]["webhook_secret"]
        headers = {"Paper-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}

        event = bench.provider.read_webhook(headers, body, attempt_id=order.attempt_id)

        assert event == ProviderEvent(provider_job_id="p-1", status="done")
        with pytest.raises(NotAllowed):
            bench.provider.read_webhook(headers, body, attempt_id="another attempt")

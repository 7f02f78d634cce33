"""What the emulators of both paid services share: a strict HTTP server that bills and remembers.

    python -m tests.emulators.wavespeed --log FILE --port-file FILE [--name N] [--port N] [--script FILE] [--cert --key]

It never prevents a double charge: whatever is accepted is billed and written down. A request no correct client would send
is journaled as a `violation`, and answered as the real service would. Everything that goes wrong does so because a marker
in the prompt or a knob says so. Knobs are turned while it runs (`POST /_emulator/knobs`, a JSON object; null removes one):

    create, poll, list, uploads, put, quote, balance, billing, cancel, delete, secret, results, files
                     an outage (words: `vendor_wire`) for every such request; `503:2` for the next two; `502-after`,
                     `reset-after`, …: the request is carried out, then the outage happens
    list: "empty"    nothing is listed              balance: 12.5          what is left, in USD
    quote: 0.5       the price quoted, in USD       pricing_only: true     WaveSpeed has only /model/pricing
    key: "revoked"   401 for every key              input_shown: false     poll answers hold no `input`
    executions, webhook_log     outages of one of the two lists of Eachlabs; `list` is about both
    executions: "v2" where Eachlabs lists           any setting: its value from now on (but not `strict` and `clips`)

`GET /_emulator/log` is the journal, `GET /_emulator/counts` the number of requests per route.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import ssl
import uuid
from abc import ABC, abstractmethod
from collections import ChainMap, Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.emulators.judging import read_journal, settings_from
from tests.emulators.vendor_books import Books, Job, Upload
from tests.emulators.vendor_clips import Shelf
from tests.emulators.vendor_files import Storage, result_name
from tests.emulators.vendor_kiln import Kiln
from tests.emulators.vendor_rules import Grounds
from tests.emulators.vendor_webhooks import Postman
from tests.emulators.vendor_wire import is_outage, spoil

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SETTINGS: dict[str, Any] = {
    "api_key": "test-key",
    "strict": True,
    "other_models": False,  # models we know nothing about are rendered too, and are nobody's violation
    "render_s": 0.2,
    "checks": 0,
    "clips": "tiny",
    "retry_after": "30",  # the header's text; "date" for one in 30 s; null for none
    "slow_s": 1.0,
    "trickle_s": 0.02,
    "balance_usd": 1000.0,
    "check_media": False,  # uploads are opened, and refused when the model would not take them
    "enforce_limits": False,
    "webhook_secret": "whsec_test-secret",
    "old_webhook_secret": "whsec_old-secret",
    "webhook_retry_s": 0.2,
    "webhook_timeout_s": 5.0,
    "public_url": None,  # what links begin with; the emulator's own address when null
    "reachable": {},  # {origin: origin}: whom to ask for inputs hosted elsewhere, and to bring webhooks to
    "knobs": {},
}
BODY_LIMIT = 128 << 20


class Vendor(ABC):
    """One emulated service. A subclass adds the routes, the shapes of its answers and its prices."""

    def __init__(self, name: str, log: Path, settings: dict[str, Any]) -> None:
        self.name = name
        self.knobs: dict[str, Any] = dict(settings["knobs"])
        self.settings = ChainMap(self.knobs, settings)
        self.counts: Counter[str] = Counter()
        self.base = ""
        self._log = log
        folder = log.with_suffix(".files")
        folder.mkdir(exist_ok=True)
        self.books = Books(log, name, strict=settings["strict"])
        self.violation = self.books.violation
        self.shelf = Shelf(settings["clips"], folder)
        self.storage = Storage(self.books, folder, self.shelf)
        self.kiln = Kiln(self.books, self.shelf, self.storage, self.settings, self.reachable)
        self.kiln.announce = self._announce
        self.postman = Postman(self.books, self.settings, self.seal)

    # What differs

    @abstractmethod
    def add_routes(self, app: web.Application) -> None:
        """The service's own routes."""

    @abstractmethod
    def refuse(self, status: int, message: str) -> web.Response:
        """An error in the service's own words and shape."""

    @abstractmethod
    def knows_key(self, request: web.Request) -> bool:
        """Whether the request carries the key, in a header the service reads."""

    @abstractmethod
    def seal(self, job: Job, body: bytes) -> dict[str, str]:
        """The headers that prove where a webhook comes from."""

    @abstractmethod
    def webhook_of(self, job: Job, job_id: str) -> dict[str, Any]:
        """What a webhook says; `job_id` is another job's when a marker wants that."""

    # Requests

    def route(self, kind: str, handler: Handler, *, key: bool = True) -> Handler:
        """Count a request, let the knobs have their way with it, ask for the key."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            self.counts[kind] += 1
            word = self._knob_turn(kind)

            async def answer() -> web.Response:
                if key and (self.knobs.get("key") == "revoked" or not self.knows_key(request)):
                    self.books.journal.write("refused", about="key", route=kind)
                    return self.refuse(401, "")
                response = await handler(request)
                assert isinstance(response, web.Response) or word is None, "a marker and a knob about one answer"
                return response  # type: ignore[return-value]

            if word is None:
                return await answer()
            event = "throttled" if (kind, word) == ("create", "429") else "outage"
            self.books.journal.write(event, route=kind, word=word)
            if word.endswith("-after"):
                done = await answer()
                return await self.spoil(request, word.removesuffix("-after"), partial(_given, done))
            return await self.spoil(request, word, answer)

        return guarded

    async def spoil(
        self, request: web.Request, word: str, answer: Callable[[], Awaitable[web.Response]]
    ) -> web.StreamResponse:
        """An outage of this service."""
        return await spoil(request, word, answer, self.refuse, self.settings)

    def _knob_turn(self, kind: str) -> str | None:
        """The outage this kind of request is to suffer; counts down `503:2`."""
        value = self.knobs.get(kind)
        word, _, times = value.partition(":") if isinstance(value, str) else ("", "", "")
        if not is_outage(word.removesuffix("-after")):
            return None
        if times:
            self.knobs[kind] = f"{word}:{int(times) - 1}"
            if int(times) <= 1:
                del self.knobs[kind]
        return word

    async def json_of(self, request: web.Request) -> dict[str, Any] | None:
        """The request's JSON object; anything else is a violation and `None`."""
        if request.content_type != "application/json":
            self.violation(f"{request.path}: content type {request.content_type}")
        try:
            body = json.loads(await request.read())
        except ValueError:
            body = None
        if not isinstance(body, dict):
            self.violation(f"{request.path}: the body is not a JSON object")
            return None
        return body

    # Links, uploads, webhooks

    def job_of(self, request: web.Request) -> Job | None:
        return self.books.jobs.get(request.match_info["id"])

    def link(self, job: Job) -> str:
        """Where a finished job's clip is."""
        return f"{self.base}/results/{result_name(job)}"

    def new_upload(self, suffix: str, content_type: str, headers: dict[str, str], size: int | None) -> Upload:
        """A place for an upload, under an address nobody can guess."""
        file_id = uuid.uuid4().hex
        key = f"{file_id}{suffix}"
        url = f"{self.base}/files/{key}"
        facts = {"content_type": content_type, "headers": headers, "size": size}
        return self.books.ticket(key=key, file_id=file_id, url=url, **facts)

    def grounds(self) -> Grounds:
        """What orders are judged against."""
        look = self.storage.read if self.settings["check_media"] else None
        return Grounds(self.books, self.reachable(), look)

    def reachable(self) -> dict[str, str]:
        """Whom to ask for inputs that are hosted elsewhere, by their origin."""
        return self.settings["reachable"]

    def balance(self) -> float:
        """What is left, in USD."""
        knob = self.knobs.get("balance")
        if isinstance(knob, int | float):
            return float(knob)
        return (round(self.settings["balance_usd"] * 1_000_000) - self.books.spent()) / 1_000_000

    async def _announce(self, job: Job) -> None:
        other = "webhook-other-job" in job.markers
        await self.postman.announce(job, self.webhook_of(job, uuid.uuid4().hex if other else job.id))

    # The server

    def app(self) -> web.Application:
        app = web.Application(client_max_size=BODY_LIMIT)
        self.add_routes(app)
        app.router.add_put("/upload/{key}", self.route("put", self.storage.put, key=False))
        app.router.add_get("/files/{key}", self.route("files", self.storage.input, key=False))
        app.router.add_get(r"/results/{name}.mp4", self.route("results", self.storage.result, key=False))
        app.router.add_get("/_emulator/knobs", self._show_knobs)
        app.router.add_post("/_emulator/knobs", self._turn_knobs)
        app.router.add_get("/_emulator/log", self._show_log)
        app.router.add_get("/_emulator/counts", self._show_counts)
        app.router.add_route("*", "/{tail:.*}", self._nothing_here)
        return app

    async def _show_knobs(self, request: web.Request) -> web.Response:
        return web.json_response(self.knobs)

    async def _turn_knobs(self, request: web.Request) -> web.Response:
        for name, value in (await request.json()).items():
            if value is None:
                self.knobs.pop(name, None)
            else:
                self.knobs[name] = value
        return web.json_response(self.knobs)

    async def _show_log(self, request: web.Request) -> web.Response:
        return web.json_response(list(read_journal(self._log)))

    async def _show_counts(self, request: web.Request) -> web.Response:
        return web.json_response(self.counts)

    async def _nothing_here(self, request: web.Request) -> web.Response:
        self.violation(f"no such route: {request.method} {request.path}")
        return self.refuse(404, "not found")

    async def serve(self, port: int, port_file: Path, cert: Path | None, key: Path | None) -> None:
        """Listen on 127.0.0.1 until stdin ends; `port_file` appears, complete, once connections are taken."""
        tls = None
        if cert is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(cert, key)
        runner = web.AppRunner(self.app(), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls)
        await site.start()
        port = runner.addresses[0][1]
        own = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        self.base = self.settings["public_url"] or own
        for url in {own, self.base}:
            self.books.started(url)
        for job in self.books.jobs.values():
            if job.status == "rendering":
                self.kiln.start(job)
        temporary = port_file.with_name(port_file.name + ".new")
        temporary.write_text(str(port))
        os.replace(temporary, port_file)
        ended = asyncio.Event()
        # Whoever started us holds the other end: when they die, however they die, we leave too. A file does not end.
        with contextlib.suppress(PermissionError):
            asyncio.get_running_loop().add_reader(0, ended.set)
        await ended.wait()
        os._exit(0)  # hanging connections have nothing to say any more


async def _given(answer: web.Response) -> web.Response:
    return answer


def run(vendor: type[Vendor], default_name: str, **defaults: Any) -> None:
    """The command line of both emulators."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", default=default_name)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--script", type=Path, help="JSON that changes the settings")
    parser.add_argument("--cert", type=Path, help="PEM; speak TLS")
    parser.add_argument("--key", type=Path)
    options = parser.parse_args()
    service = vendor(options.name, options.log, settings_from(options.script, **SETTINGS | defaults))
    asyncio.run(service.serve(options.port, options.port_file, options.cert, options.key))

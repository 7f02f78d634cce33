"""Looking up an order whose answer was lost: by our token, else by our picture, and never by the time alone."""

from __future__ import annotations

from collections.abc import Callable, Collection
from urllib.parse import urlsplit

import pytest

from adapters.http.answer import HttpAnswer
from adapters.providers.candidates import MOST_PAGES, PAGE
from adapters.providers.eachlabs.finding import Finder
from bot.errors import KeyRefused, ProviderUnavailable
from bot.jobs.model import Submission
from bot.ports import CannotTell, Found, HostedInput, NotThere
from tests.adapters.providers.scripted import Asked, Script, answered
from tests.factories import NOON, a_submission, a_submit_request, an_asset
from tests.fakes.clock import FakeClock

BASE = "https://api.eachlabs.ai/v1"
PICTURE = "https://in.example.net/a/J1-1.jpg"
OTHER = "https://other.example.net/1.jpg"
MODEL = "wan-2-5-preview-image-to-video"


def a_lost(**changes: object) -> Submission:
    hosted = HostedInput(asset=an_asset(), url=PICTURE)
    return a_submission(a_submit_request(hosted, model=MODEL), **({"provider": "eachlabs", "token": "TOKEN"} | changes))


class Vendor:
    """Eachlabs' three free answers, as the docs show them."""

    def __init__(self, renders: dict[str, object] | None = None) -> None:
        self.renders = renders or {}
        """Picture by id; `None` where it is not shown; an exception where it cannot be read."""
        self.hooks: object = []
        self.lists: Callable[[str, dict[str, str]], HttpAnswer] = self.listed
        self.version = "v1"
        self.read: list[str] = []
        self.script = Script(self.answer)
        self.api = self.script.api("Eachlabs", BASE, FakeClock(NOON))
        self.known: set[str] = set()

    def finder(self, **more: str) -> Finder:
        return Finder(self.api, self.render, self.known_ids, **more)

    def answer(self, asked: Asked) -> HttpAnswer:
        path = urlsplit(asked.url).path
        if path == "/v1/webhooks":
            return self.hooks if isinstance(self.hooks, HttpAnswer) else answered({"webhooks": self.hooks})
        _, version, name = path.split("/")
        assert name == "executions"
        assert asked.params is not None
        return self.lists(version, dict(asked.params))

    def listed(self, version: str, params: dict[str, str]) -> HttpAnswer:
        if version != self.version:
            return answered({"error": "not found"}, 404)
        begin = int(params["offset"])
        rows = [{"id": each, "status": "starting"} for each in list(self.renders)[begin : begin + int(params["limit"])]]
        return answered({"executions": rows, "total_count": 1, "total_capped": True, "offset": begin, "limit": PAGE})

    async def render(self, render_id: str) -> dict[str, object] | None:
        self.read.append(render_id)
        found = self.renders[render_id]
        if isinstance(found, Exception):
            raise found
        return None if found is None else {"id": render_id, "input": {"image_url": found}}

    async def known_ids(self, provider: str, ids: Collection[str]) -> set[str]:
        assert provider == "eachlabs"
        return self.known & set(ids)

    def lists_asked(self) -> list[Asked]:
        return [asked for asked in self.script.asked if "executions" in asked.url]


# --- by our token ----------------------------------------------------------------------------------------------------


def a_hook(url: object, execution_id: object = "p-1") -> dict[str, object]:
    return {"execution_id": execution_id, "url": url, "created_at": "2026-01-01T12:00:00Z"}


async def test_our_token_in_the_webhook_log_is_an_exact_match() -> None:
    vendor = Vendor()
    vendor.hooks = [
        a_hook("https://bot.example.net/webhooks/eachlabs/OTHER", "p-0"),
        a_hook("https://bot.example.net/webhooks/eachlabs/TOKEN"),
    ]

    assert await vendor.finder().find(a_lost()) == Found(provider_job_id="p-1")
    assert [(asked.url, asked.params) for asked in vendor.script.asked] == [(f"{BASE}/webhooks", {"limit": "100"})]


@pytest.mark.parametrize(
    "hook",
    [a_hook("https://bot.example.net/webhooks/eachlabs/TOKENS"), a_hook("https://bot.example.net/webhooks/eachlabs/XTOKEN"),
     a_hook("https://bot.example.net/webhooks/eachlabs/token"), a_hook("https://bot.example.net/TOKEN/eachlabs"), a_hook("TOKEN"), a_hook(None), a_hook(["TOKEN"]),
     a_hook("https://bot.example.net/webhooks/eachlabs/TOKEN", None), a_hook("https://bot.example.net/webhooks/eachlabs/TOKEN", ""),
     a_hook("https://bot.example.net/webhooks/eachlabs/TOKEN", 5), "TOKEN", None, []],
)  # fmt: skip
async def test_nothing_like_our_token_is_a_match(hook: object) -> None:
    vendor = Vendor()
    vendor.hooks = [hook]

    assert await vendor.finder().find(a_lost()) == NotThere()


async def test_an_attempt_without_a_token_matches_no_hook() -> None:
    vendor = Vendor()
    vendor.hooks = [a_hook("https://bot.example.net/webhooks/eachlabs/")]

    assert await vendor.finder().find(a_lost(token="")) == NotThere()


@pytest.mark.parametrize(
    "hooks",
    [
        None,
        {},
        "x",
        answered({"error": "x"}, 404),
        answered(b"<html>", 502),
        answered({"error": "x"}, 401),
        answered([1]),
    ],
)
async def test_a_log_that_cannot_be_read_leaves_it_to_the_list(hooks: object) -> None:
    vendor = Vendor({"p-1": PICTURE})
    vendor.hooks = hooks

    assert await vendor.finder().find(a_lost()) == Found(provider_job_id="p-1")


async def test_a_log_that_does_not_answer_leaves_it_to_the_list() -> None:
    vendor = Vendor({"p-1": PICTURE})
    answer = vendor.answer

    def silent_log(asked: Asked) -> HttpAnswer:
        if asked.url.endswith("/webhooks"):
            raise ProviderUnavailable("Eachlabs cannot be reached.")
        return answer(asked)

    vendor.script.answer = silent_log

    assert await vendor.finder().find(a_lost()) == Found(provider_job_id="p-1")


# --- by our picture --------------------------------------------------------------------------------------------------


async def test_the_list_is_asked_for_around_the_attempt_and_not_by_state() -> None:
    vendor = Vendor()

    assert await vendor.finder().find(a_lost(started_at=NOON)) == NotThere()
    assert [asked.params for asked in vendor.lists_asked()] == [
        {"model": MODEL, "from": "2026-01-01T11:59:55Z", "to": "2026-01-01T12:03:00Z", "limit": "100", "offset": "0"}
    ]


@pytest.mark.parametrize(
    ("skew_s", "begin", "end"),
    [(3600.0, "2026-01-01T12:59:55Z", "2026-01-01T13:03:00Z"), (-90.5, "2026-01-01T11:58:24Z", "2026-01-01T12:01:29Z")],
)
async def test_a_clock_that_differs_moves_the_window(skew_s: float, begin: str, end: str) -> None:
    vendor = Vendor()
    vendor.api.skew_s = skew_s

    await vendor.finder().find(a_lost(started_at=NOON))

    params = vendor.lists_asked()[0].params
    assert params is not None
    assert (params["from"], params["to"]) == (begin, end)


async def test_only_the_exact_picture_is_ours() -> None:
    nearly = {"a": f"{PICTURE}?x", "b": PICTURE.upper(), "c": PICTURE.replace("https", "http"), "d": OTHER}
    assert await Vendor(nearly).finder().find(a_lost()) == NotThere()
    assert await Vendor(nearly | {"e": PICTURE}).finder().find(a_lost()) == Found(provider_job_id="e")


async def test_ids_of_other_attempts_are_not_looked_at() -> None:
    vendor = Vendor({"p-1": PICTURE, "p-2": OTHER})
    vendor.known = {"p-1"}

    assert await vendor.finder().find(a_lost()) == NotThere()
    assert vendor.read == ["p-2"]


async def test_rows_of_others_in_the_organisation_are_no_proof_and_no_obstacle() -> None:
    """Since 2026-08 the list holds the renders of all its keys; some may not be read by ours."""
    foreign = {"a": OTHER, "b": None, "c": ProviderUnavailable("Eachlabs answers 403 at the moment.")}

    assert await Vendor(foreign | {"d": PICTURE}).finder().find(a_lost()) == Found(provider_job_id="d")

    alone = await Vendor(foreign).finder().find(a_lost())
    assert isinstance(alone, CannotTell)
    assert alone.candidates == ("b", "c")
    assert await Vendor({"a": OTHER}).finder().find(a_lost()) == NotThere()


async def test_a_provider_that_is_down_is_not_asked_for_ever() -> None:
    vendor = Vendor({f"p-{number:03}": ProviderUnavailable("down") for number in range(90)})

    assert isinstance(await vendor.finder().find(a_lost()), CannotTell)
    assert len(vendor.read) < 10


async def test_a_refused_key_ends_the_look_up_at_once() -> None:
    vendor = Vendor({"a": KeyRefused("Eachlabs does not accept the key."), "b": PICTURE})

    assert await vendor.finder().find(a_lost()) == CannotTell(reason="Eachlabs does not accept the key.")
    assert vendor.read == ["a"]


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("others", "pages"), [(0, 1), (98, 1), (99, 2), (199, 3), (250, 3)])
async def test_the_list_is_read_until_a_short_page_whatever_its_total_says(others: int, pages: int) -> None:
    """The total is capped and says 1 all the time."""
    vendor = Vendor({f"a-{number:03}": OTHER for number in range(others)} | {"z": PICTURE})

    assert await vendor.finder().find(a_lost()) == Found(provider_job_id="z")
    assert [asked.params["offset"] for asked in vendor.lists_asked() if asked.params] == [
        str(page * PAGE) for page in range(pages)
    ]


async def test_absence_from_a_list_without_end_says_nothing() -> None:
    vendor = Vendor({"p-1": OTHER})
    vendor.lists = lambda *_: answered({"executions": [{"id": "p-1"}] * PAGE, "total_count": 1})

    found = await vendor.finder().find(a_lost())

    assert isinstance(found, CannotTell)
    assert found.candidates == ()
    assert len(vendor.lists_asked()) == MOST_PAGES


async def test_rows_that_are_none_are_passed_over() -> None:
    vendor = Vendor({"p-1": PICTURE})
    rows: list[object] = [None, "x", 5, [], {}, {"id": None}, {"id": 5}, {"id": ""}, {"id": ["p-1"]}]
    vendor.lists = lambda *_: answered({"executions": rows})

    assert await vendor.finder().find(a_lost()) == NotThere()
    assert vendor.read == []


@pytest.mark.parametrize("answer", [answered({"error": "x"}, 500), answered({}, 200), answered({"executions": None}), answered({"executions": {}}), answered([]),
                                    answered(b"<html>"), answered({"error": "x"}, 400), answered({"error": "x"}, 429), answered({"executions": []}, 206)])  # fmt: skip
async def test_a_list_that_cannot_be_read_cannot_tell(answer: HttpAnswer) -> None:
    vendor = Vendor()
    vendor.lists = lambda *_: answer

    assert isinstance(await vendor.finder().find(a_lost()), CannotTell)


async def test_a_second_page_that_fails_cannot_tell() -> None:
    vendor = Vendor({f"a-{number:03}": OTHER for number in range(150)})
    vendor.lists = lambda version, params: (
        answered(b"", 502) if params["offset"] != "0" else vendor.listed(version, params)
    )

    assert isinstance(await vendor.finder().find(a_lost()), CannotTell)
    assert vendor.read == []


# --- which list ------------------------------------------------------------------------------------------------------


def versions(vendor: Vendor) -> list[str]:
    return [urlsplit(asked.url).path.split("/")[1] for asked in vendor.lists_asked()]


async def test_the_other_list_is_tried_once_on_404_and_remembered() -> None:
    vendor = Vendor({"p-1": PICTURE})
    vendor.version = "v2"
    finder = vendor.finder()

    for _ in range(3):
        assert await finder.find(a_lost()) == Found(provider_job_id="p-1")

    assert versions(vendor) == ["v1", "v2", "v2", "v2"]


@pytest.mark.parametrize("gone", [answered({"error": "x"}, 404), answered(b"<html>", 404)])
async def test_a_list_that_is_nowhere_cannot_tell_and_is_looked_for_again(gone: HttpAnswer) -> None:
    """It was away for a moment only: the path that is documented is not given up for one that never answered."""
    vendor = Vendor({"p-1": PICTURE})
    vendor.lists = lambda *_: gone
    finder = vendor.finder()

    assert isinstance(await finder.find(a_lost()), CannotTell)
    assert versions(vendor) == ["v1", "v2"]

    vendor.lists = vendor.listed
    assert await finder.find(a_lost()) == Found(provider_job_id="p-1")
    assert versions(vendor) == ["v1", "v2", "v1"]


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 503])
async def test_nothing_but_404_tries_the_other_list(status: int) -> None:
    vendor = Vendor()
    vendor.lists = lambda *_: answered({"error": "x"}, status)

    assert isinstance(await vendor.finder().find(a_lost()), CannotTell)
    assert versions(vendor) == ["v1"]


@pytest.mark.parametrize("setting", ["v1", "v2"])
async def test_the_setting_names_the_only_list_that_is_asked(setting: str) -> None:
    vendor = Vendor({"p-1": PICTURE})
    finder = vendor.finder(list_path=setting)

    await finder.find(a_lost())
    vendor.version = setting
    await finder.find(a_lost())

    assert versions(vendor) == [setting, setting]


# --- what a render cost ----------------------------------------------------------------------------------------------


async def test_what_a_render_cost_stands_in_the_list() -> None:
    vendor = Vendor()
    vendor.lists = lambda *_: answered(
        {"executions": [{"id": "a", "execution_cost": 0.1}, {"id": "p-1", "execution_cost": 0.5}, None]}
    )

    assert await vendor.finder().cost_of("p-1") == 0.5
    assert await vendor.finder().cost_of("p-2") is None

    vendor.lists = lambda *_: answered(b"", 503)
    assert await vendor.finder().cost_of("p-1") is None

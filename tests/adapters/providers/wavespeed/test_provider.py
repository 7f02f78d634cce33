"""How WaveSpeed's states, lists, quotes and uploads are read; without a socket, answer by answer."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.http.answer import HttpAnswer
from adapters.providers.candidates import MOST_PAGES, PAGE
from adapters.providers.catalogue import read_models
from adapters.providers.hosting import Hosting
from adapters.providers.wavespeed.entry import CATALOGUE
from adapters.providers.wavespeed.provider import SECRET_GOOD_S, WaveSpeedProvider
from adapters.providers.wavespeed.uploads import BinaryUpload, Uploads
from bot.errors import KeyRefused, NotAllowed, ProviderUnavailable
from bot.jobs.model import RenderSettings, Submission
from bot.money.amount import Money
from bot.ports import (
    Cancelled,
    CannotTell,
    Capacity,
    Failed,
    Found,
    HostedInput,
    NotThere,
    Rendering,
    Succeeded,
    Unknown,
)
from tests.adapters.providers.scripted import Asked, Script, answered
from tests.factories import NOON, a_submission, a_submit_request, an_asset
from tests.fakes.clock import FakeClock

BASE = "https://api.wavespeed.ai"
PICTURE = "https://in.example.net/a/J2-1.jpg"
LINK = "https://cdn.example.net/a.mp4"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


def a_provider(
    clock: FakeClock, answer: Callable[[Asked], HttpAnswer], *, known: Collection[str] = (), **more: object
) -> tuple[WaveSpeedProvider, Script]:
    script = Script(answer)

    async def known_ids(provider: str, ids: Collection[str]) -> set[str]:
        assert provider == "wavespeed"
        return set(known) & set(ids)

    async def locate(asset_id: str) -> Path:
        return Path("/nowhere/picture.jpg")

    api = script.api("WaveSpeed", BASE, clock)
    hosting = Hosting(BASE, (Uploads(api, clock), BinaryUpload(api, clock)), locate, None)
    models = read_models("wavespeed", CATALOGUE)
    return WaveSpeedProvider(api, models, Capacity(), clock, hosting, known_ids, **more), script  # type: ignore[arg-type]


def a_task(**more: object) -> HttpAnswer:
    return answered({"code": 200, "message": "success", "data": {"id": "t-1", "outputs": [], "error": ""} | more})


# --- how a task stands -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "result"),
    [
        ({"status": "created"}, Rendering()), ({"status": "processing"}, Rendering()), ({"status": "pending"}, Rendering()),
        ({"status": "queued"}, Rendering()),
        ({"status": "dreaming"}, Rendering()), ({"status": None}, Rendering()), ({"status": []}, Rendering()), ({"status": {"a": 1}}, Rendering()), ({}, Rendering()),
        ({"status": "completed", "outputs": [LINK]}, Succeeded(url=LINK)), ({"status": "Completed", "outputs": [LINK]}, Succeeded(url=LINK)),
        ({"status": "completed", "outputs": LINK}, Succeeded(url=LINK)),
        ({"status": "completed", "outputs": [{"url": LINK}]}, Succeeded(url=LINK)),
        ({"status": "completed", "outputs": [LINK], "has_nsfw_contents": [True]}, Succeeded(url=LINK, flagged=True)),
        ({"status": "completed", "outputs": [LINK], "has_nsfw_contents": [False]}, Succeeded(url=LINK)),
        ({"status": "completed", "outputs": [LINK], "has_nsfw_contents": "yes"}, Succeeded(url=LINK)),
        ({"status": "completed", "outputs": []}, Rendering()), ({"status": "completed", "outputs": ["http://cdn.example.net/a.mp4"]}, Rendering()),
    ],
)  # fmt: skip
async def test_every_state_is_read(clock: FakeClock, task: dict, result: object) -> None:
    provider, script = a_provider(clock, lambda _: a_task(**task))

    assert await provider.check("t-1") == result
    assert script.paths() == ["/api/v3/predictions/t-1/result"]


@pytest.mark.parametrize(
    ("task", "code", "told"),
    [
        ({"status": "failed"}, "provider_failed", "failed at WaveSpeed"),
        ({"status": "failed", "error": "out of\nmemory"}, "provider_failed", "(out of memory)"),
        ({"status": "failed", "code": 1200}, "moderation", "change them"), ({"status": "failed", "code": "1200"}, "moderation", "change them"),
        ({"status": "failed", "code": 1402}, "input_unreachable", "could not read the picture"),
        ({"status": "failed", "code": 5004}, "timed_out", "timed out"), ({"status": "timeout"}, "timed_out", "timed out"),
        ({"status": "timeout", "code": 5000}, "timed_out", "timed out"),
        ({"status": "failed", "code": 5000}, "provider_failed", "fault of its own"), ({"status": "failed", "code": 999}, "provider_failed", "failed at"),
        ({"status": "failed", "code": [1200]}, "provider_failed", "failed at"), ({"status": "failed", "error": {"a": 1}}, "provider_failed", "failed at"),
        ({"status": "deleted"}, "deleted_at_provider", "deleted"),
    ],
)  # fmt: skip
async def test_every_failure_says_why(clock: FakeClock, task: dict, code: str, told: str) -> None:
    provider, _ = a_provider(clock, lambda asked: a_task(**task) if "predictions" in asked.path else answered({}, 404))

    result = await provider.check("t-1")

    assert isinstance(result, Failed)
    assert result.code == code
    assert told in result.message


@pytest.mark.parametrize("word", ["cancelled", "canceled"])
async def test_a_stopped_task_costs_what_the_bill_says(clock: FakeClock, word: str) -> None:
    bill = answered({"code": 200, "data": {"items": [{"price": 0.34}]}})
    provider, _ = a_provider(clock, lambda asked: a_task(status=word) if "predictions" in asked.path else bill)

    assert await provider.check("t-1") == Cancelled(charged=Money.usd("0.34"))


async def test_moderation_costs_what_the_bill_says_and_else_the_price(clock: FakeClock) -> None:
    """Nobody says whether it is refunded: it is not called free without a proof."""
    bill = answered({}, 404)
    provider, _ = a_provider(
        clock, lambda asked: a_task(status="failed", code=1200) if "predictions" in asked.path else bill
    )

    result = await provider.check("t-1")

    assert isinstance(result, Failed)
    assert (result.charged, result.refund_expected) == (None, False)


async def test_a_refund_is_overdue_by_their_clock(clock: FakeClock) -> None:
    bill = answered({"code": 200, "data": {"items": [{"price": 0.34}]}})
    created = "2026-01-01T12:00:00.123456789Z"
    provider, _ = a_provider(
        clock, lambda asked: a_task(status="failed", created_at=created) if "predictions" in asked.path else bill
    )
    early = await provider.check("t-1")
    provider.api.skew_s = 5 * 3600.0
    late = await provider.check("t-1")

    assert isinstance(early, Failed)
    assert isinstance(late, Failed)
    assert (early.charged, early.refund_expected) == (Money(0), True)
    assert (late.charged, late.refund_expected) == (Money.usd("0.34"), False)


async def test_without_a_video_it_has_failed_after_a_minute(clock: FakeClock) -> None:
    provider, script = a_provider(clock, lambda _: a_task(status="completed"))
    assert await provider.check("t-1") == Rendering()
    await clock.advance(61)
    failed = await provider.check("t-1")
    assert isinstance(failed, Failed)
    assert failed.code == "no_video"

    script.answer = lambda _: a_task(status="completed", outputs=[LINK])
    assert await provider.check("t-1") == Succeeded(url=LINK)


@pytest.mark.parametrize(
    "answer", [answered({"code": 404, "message": "not found"}, 404), answered({"code": 404, "message": "not found"}), answered({"code": 400}, 400),
               answered({"code": "404"})],
)  # fmt: skip
async def test_an_id_they_do_not_know_is_unknown(clock: FakeClock, answer: HttpAnswer) -> None:
    provider, _ = a_provider(clock, lambda _: answer)

    assert isinstance(await provider.check("t-1"), Unknown)


@pytest.mark.parametrize(
    "answer", [answered({"code": 500}, 500), answered({"code": 500}), answered({"code": 503, "data": {"status": "failed"}}), answered(b"<html>", 404),
               answered(b"<html>", 502), answered(b"<html>"), answered(b"", 302), answered({"code": 429}, 429), answered({"code": 429}), answered([]),
               answered({"code": 403}, 403), answered({"code": 1200})],
)  # fmt: skip
async def test_what_says_nothing_of_the_task_is_a_passing_trouble(clock: FakeClock, answer: HttpAnswer) -> None:
    provider, _ = a_provider(clock, lambda _: answer)

    with pytest.raises(ProviderUnavailable) as raised:
        await provider.check("t-1")
    assert not isinstance(raised.value, KeyRefused)


@pytest.mark.parametrize("answer", [answered({"code": 401}, 401), answered({"code": 401}), answered(b"<html>", 401)])
async def test_a_refused_key_is_told_apart_wherever_it_is_said(clock: FakeClock, answer: HttpAnswer) -> None:
    provider, _ = a_provider(clock, lambda _: answer)

    for asking in (
        provider.check("t-1"),
        provider.balance(),
        provider.quote("m", RenderSettings()),
        provider.host(an_asset()),
    ):
        with pytest.raises(KeyRefused):
            await asking
    assert isinstance(await provider.find(a_lost()), CannotTell)


async def test_an_id_is_a_part_of_a_path_and_nothing_more(clock: FakeClock) -> None:
    provider, script = a_provider(clock, lambda _: a_task(status="created"))

    await provider.check("../balance?x=1#y/ä")

    assert script.paths() == ["/api/v3/predictions/..%2Fbalance%3Fx%3D1%23y%2F%C3%A4/result"]
    assert isinstance(await provider.check(""), Unknown)
    assert len(script.asked) == 1


# --- looking an attempt up -------------------------------------------------------------------------------------------


def a_lost(**changes: object) -> Submission:
    hosted = HostedInput(asset=an_asset(), url=PICTURE)
    return a_submission(
        a_submit_request(hosted, model="alibaba/wan-2.5/image-to-video-fast"), provider="wavespeed", **changes
    )


def a_shop(tasks: dict[str, HttpAnswer | object], *, page: int = PAGE) -> Callable[[Asked], HttpAnswer]:
    """Lists these, a page at a time, and shows each: an answer, or the `input` of a task."""

    def answer(asked: Asked) -> HttpAnswer:
        if asked.path == "/api/v3/predictions":
            begin = (asked.body["page"] - 1) * page
            return answered(
                {"code": 200, "data": {"items": [{"id": each} for each in list(tasks)[begin : begin + page]]}}
            )
        found = tasks[asked.path.split("/")[-2]]
        return found if isinstance(found, HttpAnswer) else a_task(status="processing", input=found)

    return answer


async def test_the_list_is_asked_for_around_the_attempt_by_their_clock(clock: FakeClock) -> None:
    provider, script = a_provider(clock, a_shop({}))
    provider.api.skew_s = 3600.0

    assert await provider.find(a_lost(started_at=NOON)) == NotThere()
    assert script.asked[0].body == {
        "page": 1,
        "page_size": 100,
        "model": "alibaba/wan-2.5/image-to-video-fast",
        "created_after": "2026-01-01T12:59:55Z",
        "created_before": "2026-01-01T13:03:00Z",
    }


async def test_only_the_exact_picture_is_ours(clock: FakeClock) -> None:
    others = {
        "a": {"image": f"{PICTURE}?x"},
        "b": {"image": PICTURE.upper()},
        "c": {"image": "https://other.example.net/1.jpg"},
    }
    provider, _ = a_provider(clock, a_shop(others))
    assert await provider.find(a_lost()) == NotThere()

    provider, _ = a_provider(clock, a_shop(others | {"d": {"image": PICTURE}}))
    assert await provider.find(a_lost()) == Found(provider_job_id="d")


async def test_ids_of_other_attempts_are_not_looked_at(clock: FakeClock) -> None:
    provider, script = a_provider(clock, a_shop({"a": {"image": PICTURE}}), known=["a"])

    assert await provider.find(a_lost()) == NotThere()
    assert len(script.asked) == 1


@pytest.mark.parametrize("shown", [None, {}, [], "x", {"prompt": "only"}, {"image": None}, {"image": 5}, answered({"code": 404, "message": "?"}, 404),
                                   answered({"code": 403, "message": "not yours"}, 403), answered({"code": 500}, 500)])  # fmt: skip
async def test_a_task_that_does_not_show_its_picture_is_a_candidate_for_a_person(
    clock: FakeClock, shown: object
) -> None:
    provider, _ = a_provider(clock, a_shop({"a": shown, "b": {"image": "https://other.example.net/1.jpg"}}))

    found = await provider.find(a_lost())

    assert isinstance(found, CannotTell)
    assert found.candidates == ("a",)


async def test_a_task_that_cannot_be_read_does_not_hide_ours(clock: FakeClock) -> None:
    tasks = {"a": answered({"code": 403}, 403), "b": answered(b"<html>", 502), "c": None, "d": {"image": PICTURE}}
    provider, _ = a_provider(clock, a_shop(tasks))

    assert await provider.find(a_lost()) == Found(provider_job_id="d")


async def test_a_provider_that_is_down_is_not_asked_for_ever(clock: FakeClock) -> None:
    provider, script = a_provider(clock, a_shop({f"t-{number:03}": answered(b"", 502) for number in range(90)}))

    assert isinstance(await provider.find(a_lost()), CannotTell)
    assert len(script.asked) < 10


async def test_the_list_is_read_until_a_short_page(clock: FakeClock) -> None:
    tasks: dict[str, object] = {
        f"t-{number:03}": {"image": "https://other.example.net/1.jpg"} for number in range(PAGE * 2)
    }
    provider, script = a_provider(clock, a_shop(tasks | {"zz": {"image": PICTURE}}))

    assert await provider.find(a_lost()) == Found(provider_job_id="zz")
    assert [asked.body["page"] for asked in script.asked if asked.body] == [1, 2, 3]


async def test_absence_from_a_list_without_end_says_nothing(clock: FakeClock) -> None:
    same = answered({"code": 200, "data": {"items": [{"id": "t-1"}] * PAGE}})
    provider, script = a_provider(
        clock, lambda asked: same if asked.body else a_task(input={"image": "https://other.example.net/1.jpg"})
    )

    assert isinstance(await provider.find(a_lost()), CannotTell)
    assert len(script.asked) == MOST_PAGES + 1


@pytest.mark.parametrize(
    "answer", [answered({"code": 500}), answered({"code": 200, "data": {}}), answered({"code": 200, "data": {"items": {}}}), answered(b"<html>"),
               answered({"code": 404}, 404), answered({"code": 429}, 429)],
)  # fmt: skip
async def test_a_list_that_cannot_be_read_cannot_tell(clock: FakeClock, answer: HttpAnswer) -> None:
    provider, _ = a_provider(clock, lambda _: answer)

    assert isinstance(await provider.find(a_lost()), CannotTell)


async def test_rows_that_are_none_are_passed_over(clock: FakeClock) -> None:
    rows = answered(
        {"code": 200, "data": {"items": [None, "x", {}, {"id": None}, {"id": 5}, {"id": ""}, {"id": ["t"]}]}}
    )
    provider, script = a_provider(clock, lambda _: rows)

    assert await provider.find(a_lost()) == NotThere()
    assert len(script.asked) == 1


# --- prices and balance ----------------------------------------------------------------------------------------------

SETTINGS = RenderSettings(duration_s=10, resolution="1080p")


@pytest.mark.parametrize(
    ("data", "usd"),
    [({"price": 0.51}, "0.51"), ({"price": "0.51", "discounted_price": 0.4}, "0.51"), ({"unit_price": 0.51}, "0.51"), ({"price": 0, "unit_price": 0.51}, "0.51"),
     ({"price": None, "unit_price": 0.51}, "0.51"), ({"price": 0}, None), ({"price": -1}, None), ({}, None), ({"discounted_price": 0.4}, None),
     ({"price": "free"}, None)],
)  # fmt: skip
async def test_the_full_price_is_the_quote(clock: FakeClock, data: dict, usd: str | None) -> None:
    """A discount is theirs to grant at the time; a price of nothing is a field they do not fill."""
    provider, script = a_provider(clock, lambda _: answered({"code": 200, "data": data}))

    quote = await provider.quote("alibaba/wan", SETTINGS)

    assert quote == (None if usd is None else Money.usd(usd))
    assert script.asked[0].path == "/api/v3/model/price"
    assert script.asked[0].body["model_id"] == "alibaba/wan"
    assert script.asked[0].body["inputs"].items() >= {"duration": 10, "resolution": "1080p"}.items()


@pytest.mark.parametrize("gone", [answered({"code": 404}, 404), answered({"code": 404}), answered(b"<html>", 404)])
async def test_the_other_path_is_tried_on_404_and_the_one_that_answers_is_asked_first(
    clock: FakeClock, gone: HttpAnswer
) -> None:
    price = answered({"code": 200, "data": {"unit_price": 0.34}})
    provider, script = a_provider(clock, lambda asked: price if asked.path.endswith("/pricing") else gone)

    for _ in range(2):
        assert await provider.quote("alibaba/wan", SETTINGS) == Money.usd("0.34")

    assert script.paths() == ["/api/v3/model/price", "/api/v3/model/pricing", "/api/v3/model/pricing"]


@pytest.mark.parametrize(
    ("setting", "paths"), [("price", ["/api/v3/model/price"]), ("pricing", ["/api/v3/model/pricing"]), ("table", [])]
)
async def test_the_setting_says_which_path_is_asked(clock: FakeClock, setting: str, paths: list[str]) -> None:
    provider, script = a_provider(clock, lambda _: answered({"code": 404}, 404), quote_path=setting)

    assert await provider.quote("alibaba/wan", SETTINGS) is None
    assert script.paths() == paths


async def test_a_quote_that_is_down_is_a_passing_trouble_and_a_refused_one_none(clock: FakeClock) -> None:
    provider, script = a_provider(clock, lambda _: answered(b"", 503))
    with pytest.raises(ProviderUnavailable):
        await provider.quote("alibaba/wan", SETTINGS)

    script.answer = lambda _: answered({"code": 400, "message": "unknown resolution"}, 400)
    assert await provider.quote("alibaba/wan", SETTINGS) is None


@pytest.mark.parametrize(("data", "usd"), [({"balance": 156.78}, "156.78"), ({"balance": "0.5"}, "0.5"), ({"balance": 0}, "0"), ({}, None), ({"balance": None}, None),
                                           ({"balance": "plenty"}, None)])  # fmt: skip
async def test_the_balance_is_what_they_say_or_unknown_never_nothing(
    clock: FakeClock, data: dict, usd: str | None
) -> None:
    provider, script = a_provider(clock, lambda _: answered({"code": 200, "data": data}))

    assert await provider.balance() == (None if usd is None else Money.usd(usd))
    assert script.paths() == ["/api/v3/balance"]


# --- webhooks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", [{"code": 200, "data": {"secret": "whsec_x"}}, {"data": {"webhook_secret": "whsec_x"}}, {"data": {"key": "whsec_x"}},
                                   {"data": "whsec_x"}, {"secret": "whsec_x"}])  # fmt: skip
async def test_the_webhook_secret_is_learned_in_every_shape_and_once_an_hour(clock: FakeClock, found: dict) -> None:
    provider, script = a_provider(clock, lambda _: answered(found))
    with pytest.raises(NotAllowed):
        provider.read_webhook({}, b"{}")

    for _ in range(3):
        await provider.learn_webhook_secret()
    assert script.paths() == ["/api/v3/webhook/secret"]
    assert provider._webhook_secret == "whsec_x"

    await clock.advance(SECRET_GOOD_S)
    script.answer = lambda _: answered(b"", 503)
    await provider.learn_webhook_secret()
    assert provider._webhook_secret == "whsec_x"


@pytest.mark.parametrize(
    "found", [{"data": {}}, {"data": None}, {"data": {"secret": ""}}, {"data": {"secret": 5}}, {"data": []}]
)
async def test_a_secret_that_is_not_said_is_a_passing_trouble(clock: FakeClock, found: dict) -> None:
    provider, _ = a_provider(clock, lambda _: answered(found))

    with pytest.raises(ProviderUnavailable):
        await provider.learn_webhook_secret()
    with pytest.raises(NotAllowed):
        provider.read_webhook({}, b"{}")


async def test_a_secret_of_the_settings_is_never_asked_for(clock: FakeClock) -> None:
    provider, script = a_provider(clock, lambda _: answered(), webhook_secret="whsec_ours")

    await provider.learn_webhook_secret()
    await clock.advance(10 * SECRET_GOOD_S)
    await provider.learn_webhook_secret()

    assert script.asked == []


# --- inputs ----------------------------------------------------------------------------------------------------------

UPLOAD = {
    "download_url": PICTURE,
    "upload": {"method": "PUT", "url": "https://store.example.net/put?sig=1", "headers": {"x-a": "b"}},
}


async def test_an_upload_is_put_where_they_say_with_exactly_their_headers(clock: FakeClock) -> None:
    provider, script = a_provider(clock, lambda _: answered({"code": 200, "data": UPLOAD}))

    hosted = await provider.host(an_asset(size_bytes=123_456))

    assert hosted.url == PICTURE
    assert hosted.expires_at == NOON + timedelta(days=7)
    assert script.paths() == ["/api/v3/media/uploads"]
    assert script.asked[0].body == {
        "filename": script.asked[0].body["filename"], "size": 123_456, "content_type": "image/jpeg"
    }  # fmt: skip
    assert script.asked[0].body["filename"].endswith(".jpg")
    assert script.put == [("https://store.example.net/put?sig=1", {"x-a": "b"})]


@pytest.mark.parametrize(
    "first", [answered({"code": 404}, 404), answered({"code": 404}), answered(b"<html>", 405),
              answered({"code": 200, "data": UPLOAD | {"upload": {"method": "POST", "url": "https://store.example.net", "fields": {}}}})],
)  # fmt: skip
async def test_the_older_upload_is_taken_where_the_newer_is_not_offered(
    clock: FakeClock, first: HttpAnswer, tmp_path: Path
) -> None:
    def answer(asked: Asked) -> HttpAnswer:
        older = answered({"code": 200, "data": {"download_url": PICTURE, "type": "image", "size": 1}})
        return older if asked.path.endswith("/binary") else first

    provider, script = a_provider(clock, answer)
    (tmp_path / "picture.jpg").write_bytes(b"picture")

    async def locate(asset_id: str) -> Path:
        return tmp_path / "picture.jpg"

    provider._hosting._locate = locate
    hosted = await provider.host(an_asset())

    assert hosted.url == PICTURE
    assert script.paths() == ["/api/v3/media/uploads", "/api/v3/media/upload/binary"]
    name, content, kind = script.asked[1].files["file"]
    assert (content, kind) == (b"picture", "image/jpeg")
    assert "picture" not in name


@pytest.mark.parametrize(
    "answer", [answered({"code": 500}), answered(b"", 503), answered({"code": 400, "message": "no"}, 400), answered({"code": 200, "data": {}}),
               answered({"code": 200, "data": UPLOAD | {"download_url": "http://cdn.example.net/x"}}), answered({"code": 200, "data": UPLOAD | {"upload": None}}),
               answered({"code": 200, "data": UPLOAD | {"upload": {"method": "PUT"}}}), answered({"code": 200, "data": UPLOAD | {"download_url": "https://10.0.0.1/x"}})],
)  # fmt: skip
async def test_an_upload_that_fails_is_a_passing_trouble(clock: FakeClock, answer: HttpAnswer) -> None:
    provider, _ = a_provider(clock, lambda _: answer)

    with pytest.raises(ProviderUnavailable):
        await provider.host(an_asset())


async def test_cancelling_deletes_nothing(clock: FakeClock) -> None:
    provider, script = a_provider(clock, lambda _: answered())

    assert await provider.cancel("t-1") is False
    assert script.asked == []

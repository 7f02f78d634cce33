"""How Eachlabs' states, balance and uploads are read; without a socket, answer by answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.http.answer import HttpAnswer
from adapters.providers.catalogue import read_models
from adapters.providers.eachlabs.entry import CATALOGUE
from adapters.providers.eachlabs.provider import EachlabsProvider
from adapters.providers.eachlabs.uploads import PresignedUpload
from adapters.providers.hosting import Hosting
from bot.errors import KeyRefused, ProviderUnavailable
from bot.jobs.model import AssetKind
from bot.keys import KeyRing
from bot.money.amount import Money
from bot.ports import Cancelled, CannotTell, Capacity, Failed, Found, HostedInput, Rendering, Succeeded, Unknown
from tests.adapters.providers.scripted import Asked, Script, answered, none_known
from tests.factories import NOON, a_submission, a_submit_request, an_asset
from tests.fakes.clock import FakeClock

BASE = "https://api.eachlabs.ai/v1"
LINK = "https://cdn-us.eachlabs.ai/x.mp4"
PICTURE = "https://in.example.net/a/J1-1.jpg"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


def a_provider(clock: FakeClock, answer: Callable[[Asked], HttpAnswer]) -> tuple[EachlabsProvider, Script]:
    script = Script(answer)
    api = script.api("Eachlabs", BASE, clock)

    async def locate(asset_id: str) -> Path:
        return Path("/nowhere/picture.jpg")

    hosting = Hosting(BASE, (PresignedUpload(api, clock),), locate, None)
    models = read_models("eachlabs", CATALOGUE)
    return EachlabsProvider(
        api, models, Capacity(), clock, hosting, none_known, KeyRing(["a test's own secret key"])
    ), script


def showing(render: object, *, rows: object = ()) -> Callable[[Asked], HttpAnswer]:
    """The render to whoever asks for it, these rows to whoever asks for the list."""
    return lambda asked: answered({"executions": list(rows)} if "executions" in asked.url else render)  # type: ignore[call-overload]


# --- how a render stands ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("render", "result"),
    [
        *(({"status": word}, Rendering()) for word in ("created", "starting", "processing", "queued", "pending", "running")),
        *(({"status": word}, Rendering()) for word in ("dreaming", "", None, 5, [], {"a": 1})), ({}, Rendering()),
        *(({"status": word, "output": LINK}, Succeeded(url=LINK)) for word in ("success", "succeeded", "completed", "SUCCESS")),
        ({"status": "success", "output": [LINK], "metrics": {"cost": 0.5}}, Succeeded(url=LINK, price=Money.usd("0.50"))),
        ({"status": "success", "output": {"url": LINK}, "metrics": {"cost": "?"}}, Succeeded(url=LINK)),
        ({"status": "success", "output": None}, Rendering()), ({"status": "success", "output": "http://cdn-us.eachlabs.ai/x.mp4"}, Rendering()),
        ({"status": "cancelled", "metrics": {"cost": 0.1}}, Cancelled(charged=Money.usd("0.10"))), ({"status": "canceled"}, Cancelled()),
    ],
)  # fmt: skip
async def test_every_state_is_read(clock: FakeClock, render: dict, result: object) -> None:
    provider, script = a_provider(clock, showing(render))

    assert await provider.check("0b6e1c52") == result
    assert script.paths() == ["/v1/prediction/0b6e1c52"]


@pytest.mark.parametrize("word", ["error", "failed"])
@pytest.mark.parametrize(
    ("more", "rows", "charged", "is_expected"),
    [
        ({"metrics": {"cost": 0}}, [], "0", False), ({"metrics": {"cost": 0.5}}, [], "0.5", False),
        ({}, [{"id": "0b6e1c52", "execution_cost": 0.25}], "0.25", False), ({}, [{"id": "0b6e1c52", "execution_cost": None}], "0", True),
        ({}, [{"id": "another", "execution_cost": 0.25}], "0", True), ({}, None, "0", True),
    ],
)  # fmt: skip
async def test_a_failure_costs_what_they_say_and_is_looked_at_again_where_they_do_not(
    clock: FakeClock, word: str, more: dict, rows: object, charged: str, is_expected: bool
) -> None:
    render = {"status": word, "error": "model timeout"} | more
    down = answered(b"", 503)
    provider, _ = a_provider(
        clock, showing(render, rows=rows) if rows is not None else lambda asked: down if "executions" in asked.url else answered(render)
    )  # fmt: skip

    result = await provider.check("0b6e1c52")

    assert isinstance(result, Failed)
    assert (result.charged, result.refund_expected) == (Money.usd(charged), is_expected)
    assert (result.code, result.message) == ("provider_failed", "The render failed at Eachlabs. (model timeout)")


async def test_a_refused_picture_is_the_persons_to_change(clock: FakeClock) -> None:
    output = {"error": "Execution failed", "error_message": "blocked by content moderation", "retryable": True}
    provider, _ = a_provider(clock, showing({"status": "error", "output": output, "metrics": {"cost": 0}}))

    result = await provider.check("0b6e1c52")

    assert isinstance(result, Failed)
    assert result.code == "moderation"
    assert "change them" in result.message


async def test_without_a_video_it_has_failed_after_a_minute(clock: FakeClock) -> None:
    provider, script = a_provider(clock, showing({"status": "success", "output": []}))
    assert await provider.check("p") == Rendering()
    await clock.advance(61)
    failed = await provider.check("p")
    assert isinstance(failed, Failed)
    assert failed.code == "no_video"

    script.answer = showing({"status": "success", "output": LINK})
    assert await provider.check("p") == Succeeded(url=LINK)


@pytest.mark.parametrize("answer", [answered({"error": "Prediction not found"}, 404), answered({}, 400)])
async def test_an_id_they_do_not_know_is_unknown(clock: FakeClock, answer: HttpAnswer) -> None:
    provider, _ = a_provider(clock, lambda _: answer)

    assert isinstance(await provider.check("p"), Unknown)


@pytest.mark.parametrize("answer", [answered({}, 500), answered(b"<html>", 404), answered(b"<html>"), answered(b"", 302), answered({}, 429), answered([]), answered({}, 403),
                                    answered({}, 202)])  # fmt: skip
async def test_what_says_nothing_of_the_render_is_a_passing_trouble(clock: FakeClock, answer: HttpAnswer) -> None:
    provider, _ = a_provider(clock, lambda _: answer)

    with pytest.raises(ProviderUnavailable):
        await provider.check("p")


async def test_an_id_is_a_part_of_a_path_and_nothing_more(clock: FakeClock) -> None:
    provider, script = a_provider(clock, showing({"status": "starting"}))

    await provider.check("../billing/balance?x=1#y")
    await provider.cancel("../x")

    assert script.paths() == ["/v1/prediction/..%2Fbilling%2Fbalance%3Fx%3D1%23y", "/v1/prediction/..%2Fx/cancel"]
    assert isinstance(await provider.check(""), Unknown)
    assert await provider.cancel("") is False


async def test_a_render_that_is_not_for_us_to_read_is_a_candidate_and_no_obstacle(clock: FakeClock) -> None:
    """The list is the whole organisation's."""

    def answer(asked: Asked) -> HttpAnswer:
        if "executions" in asked.url:
            return answered({"executions": [{"id": "a"}, {"id": "b"}, {"id": "c"}]})
        if asked.path.endswith("/a"):
            return answered({"error": "forbidden"}, 403)
        picture = PICTURE if asked.path.endswith(ours) else "https://other.example.net/1.jpg"
        return (
            answered({"id": "x", "input": {"image_url": picture}})
            if "prediction" in asked.url
            else answered({"webhooks": []})
        )

    hosted = HostedInput(asset=an_asset(), url=PICTURE)
    lost = a_submission(a_submit_request(hosted), provider="eachlabs")
    provider, _ = a_provider(clock, answer)
    ours = "/c"
    assert await provider.find(lost) == Found(provider_job_id="c")
    ours = "/nobody"
    found = await provider.find(lost)
    assert isinstance(found, CannotTell)
    assert found.candidates == ("a",)


# --- cancelling, balance ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "is_taken"),
    [(answered({"status": "cancelled", "predictionID": "p"}), True), (answered({"status": "canceled"}), True), (answered({"status": "success"}), False),
     (answered({}), False), (answered([]), False), (answered({"error": "already finished"}, 400), False), (answered({"error": "x"}, 404), False),
     (answered({"error": "x"}, 409), False), (answered({"error": "x"}, 403), False)],
)  # fmt: skip
async def test_cancelling_is_best_effort(clock: FakeClock, answer: HttpAnswer, is_taken: bool) -> None:
    provider, script = a_provider(clock, lambda _: answer)

    assert await provider.cancel("p") is is_taken
    assert [(asked.method, asked.path) for asked in script.asked] == [("POST", "/v1/prediction/p/cancel")]


@pytest.mark.parametrize(
    ("answer", "error"),
    [(answered({}, 401), KeyRefused), (answered({}, 429), ProviderUnavailable), (answered({}, 503), ProviderUnavailable),
     (answered(b"<html>", 400), ProviderUnavailable), (answered(b"<html>"), ProviderUnavailable)],
)  # fmt: skip
async def test_cancelling_that_is_not_answered_is_a_passing_trouble(
    clock: FakeClock, answer: HttpAnswer, error: type[Exception]
) -> None:
    provider, _ = a_provider(clock, lambda _: answer)

    with pytest.raises(error):
        await provider.cancel("p")


@pytest.mark.parametrize(
    ("body", "usd"),
    [({"balance": 12.34}, "12.34"), ({"balance": "12.34"}, "12.34"), ({"data": {"balance": 12.34}}, "12.34"), ({"result": {"balance": 12.34}}, "12.34"),
     ({"balance": {"amount": 12.34, "currency": "USD"}}, "12.34"), ({"balance": {"usd": 0}}, "0"), (12.34, "12.34"), ({"balance": 0}, "0"),
     ({}, None), ({"balance": None}, None), ({"balance": -1}, None), ({"balance": [12.34]}, None), ({"credits": 5}, None), ([12.34], None), ("plenty", None),
     ({"data": {"data": {"data": {"data": {"data": {"data": {"balance": 1}}}}}}}, None), (True, None)],
)  # fmt: skip
async def test_the_balance_is_found_in_some_wrapper_or_unknown_never_nothing(
    clock: FakeClock, body: object, usd: str | None
) -> None:
    provider, script = a_provider(clock, lambda _: answered(body))

    assert await provider.balance() == (None if usd is None else Money.usd(usd))
    assert script.paths() == ["/v1/billing/balance"]


@pytest.mark.parametrize("status", [403, 404, 405])
async def test_a_balance_that_is_not_offered_is_unknown(clock: FakeClock, status: int) -> None:
    provider, _ = a_provider(clock, lambda _: answered(b"<html>", status))

    assert await provider.balance() is None


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (answered({}, 401), KeyRefused),
        (answered({}, 503), ProviderUnavailable),
        (answered(b"<html>"), ProviderUnavailable),
    ],
)
async def test_a_balance_that_is_not_answered_is_a_passing_trouble(
    clock: FakeClock, answer: HttpAnswer, error: type[Exception]
) -> None:
    provider, _ = a_provider(clock, lambda _: answer)

    with pytest.raises(error):
        await provider.balance()


# --- inputs ----------------------------------------------------------------------------------------------------------

PRESIGNED = {
    "id": "f-1", "presigned_url": "https://store.example.net/put?sig=1", "public_url": PICTURE, "expires_at": "2026-01-09T12:00:00Z",
    "required_headers": {"x-amz-meta-file-id": "f-1"},
}  # fmt: skip


@pytest.mark.parametrize("kind", [AssetKind.IMAGE, AssetKind.AUDIO])
async def test_an_upload_is_put_with_its_type_and_every_required_header(clock: FakeClock, kind: AssetKind) -> None:
    provider, script = a_provider(clock, lambda _: answered(PRESIGNED))
    content_type = "image/jpeg" if kind is AssetKind.IMAGE else "audio/wav"

    hosted = await provider.host(an_asset(kind=kind, content_type=content_type))

    assert (hosted.url, hosted.expires_at) == (PICTURE, NOON + timedelta(days=8))
    file_type = "image" if kind is AssetKind.IMAGE else "audio"
    assert [(asked.path, asked.body) for asked in script.asked] == [
        ("/v1/upload/presign", {"content_type": content_type, "file_type": file_type, "expires_in_seconds": 691_200})
    ]
    headers = {"Content-Type": content_type, "x-amz-meta-file-id": "f-1"}
    assert script.put == [("https://store.example.net/put?sig=1", headers)]


@pytest.mark.parametrize("required", [None, [], "x"])
async def test_an_upload_without_required_headers_has_its_type_alone(clock: FakeClock, required: object) -> None:
    provider, script = a_provider(clock, lambda _: answered(PRESIGNED | {"required_headers": required}))

    await provider.host(an_asset())

    assert script.put[0][1] == {"Content-Type": "image/jpeg"}


@pytest.mark.parametrize(
    "answer", [answered({}, 404), answered(b"<html>", 405), answered({}, 500), answered({}, 429), answered({"error": "x"}, 400), answered({}), answered([]),
               answered(PRESIGNED | {"public_url": None}), answered(PRESIGNED | {"presigned_url": "http://store.example.net/x"}),
               answered(PRESIGNED | {"public_url": "https://10.0.0.1/x"}), answered(PRESIGNED, 302)],
)  # fmt: skip
async def test_an_upload_that_fails_is_a_passing_trouble(clock: FakeClock, answer: HttpAnswer) -> None:
    provider, _ = a_provider(clock, lambda _: answer)

    with pytest.raises(ProviderUnavailable):
        await provider.host(an_asset())

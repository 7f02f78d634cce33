"""What the paid providers share: their sentences, amounts and links, their free answers, and the one paid request."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.http.answer import HttpAnswer
from adapters.http.client import HttpClient
from adapters.providers.remote import LONGEST_MESSAGE, RemoteApi, https_link, kind_of, money, text_time, words
from bot.errors import Fenced, KeyRefused, NotSent, ProviderUnavailable, Throttled, Unconfirmed
from bot.money.amount import Money
from tests.adapters.http.servers import Cut, Server, a_server, said
from tests.fakes.clock import NEW_YEAR, FakeClock

pytestmark = pytest.mark.usefixtures("no_proxies")

HOME = "http://127.0.0.1:9000/v1"


# --- sentences -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("The image is too small.", "The image is too small."),
        ("  two\n lines\r\n and\ta tab ", "two lines and a tab"),
        ("a\x00b\x1b[31mred\x07\x7f\x85", "a b [31mred"),
        ("safe\u202egnp.exe\u2066x\u2069", "safe gnp.exe x"),
        ("zero\u200bwidth\ufeff\u00ad\u2060", "zero width"),
        ("hidden \U000e0041\U000e0042 tags", "hidden tags"),
        ("half of a pair: \ud800", "half of a pair:"),
        ("no\u00a0break\u3000wide\u2028line\u2029paragraph", "no break wide line paragraph"),
        ("café — blocked 🎬", "café — blocked 🎬"),
        ("", ""), (" \n ", ""), (None, ""), (5, ""), (["a"], ""), ({"message": "a"}, ""), (b"bytes", ""),
    ],
)  # fmt: skip
def test_a_providers_sentence_is_one_line_without_tricks(text: object, told: str) -> None:
    assert words(text) == told


def test_a_sentence_without_end_is_cut() -> None:
    assert words("x" * 300) == "x" * 300
    assert words("x" * 301) == "x" * 300 + "…"
    assert words("word " * 1_000_000).endswith("…")
    assert words(" " * 5000 + "x") == ""


@given(st.text())
def test_no_sentence_holds_a_control_or_format_character(text: str) -> None:
    told = words(text)

    assert len(told) <= LONGEST_MESSAGE + 1
    assert not {unicodedata.category(letter) for letter in told} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert words(told) == told or len(told) > LONGEST_MESSAGE


@pytest.mark.parametrize(
    "message",
    ["Content moderation failed", "NSFW content detected", "inappropriate content", "violates the content policy",
     "violates our content_policy", "content-policy", "rejected by the safety system", "may contain sensitive content", "prohibited content",
     "data_inspection_failed", "DataInspectionFailed: input data may contain inappropriate content", "Data inspection failed"],
)  # fmt: skip
def test_a_refusal_for_what_is_shown_is_moderation(message: str) -> None:
    assert kind_of(message) == kind_of(message.upper()) == kind_of(message, "model") == "moderation"


@pytest.mark.parametrize(
    "message",
    ["Insufficient credits", "insufficient_balance", "INSUFFICIENT_ACCOUNT_BALANCE", "insufficientQuota", "your balance is too low",
     "payment required: in-flight executions exceed your balance", "please top up", "please top-up your account", "not enough funds",
     "billing is not set up"],
)  # fmt: skip
def test_a_refusal_for_the_accounts_credit_is_the_balance(message: str) -> None:
    assert kind_of(message) == kind_of(message, "account") == "balance"


@pytest.mark.parametrize(
    "message",
    ["the image is too small", "model names are case-sensitive", "model names are case sensitive", "insufficient permissions",
     "insufficient resolution: 100x100", "imbalance", "unsafely", "accredited", "desktop uploads only", "", "duration must be 5 or 10"],
)  # fmt: skip
def test_a_refusal_for_anything_else_stays_what_its_status_says(message: str) -> None:
    assert kind_of(message) == "input"
    assert kind_of(message, "model") == "model"


# --- amounts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "micros"),
    [
        (0.5, 500_000), ("0.5", 500_000), (1, 1_000_000), (0, 0), (0.0, 0), (-0.0, 0), ("0", 0), (0.068, 68_000),
        (0.1 + 0.2, 300_000), (156.78, 156_780_000), (1e-6, 1), (1e-9, 0), ("1e-6", 1), (" 12.34 ", 12_340_000),
        (0.34000000000000002, 340_000), (1e9, 10**15),
    ],
)  # fmt: skip
def test_an_amount_is_read_as_a_number_or_a_text(value: object, micros: int) -> None:
    found = money(value)

    assert found == micros
    assert type(found) is Money


@pytest.mark.parametrize(
    "value",
    [-0.01, -1, "-5", float("nan"), float("inf"), float("-inf"), "NaN", "sNaN", "Infinity", "-Infinity", "1e999999", "1e400000",
     "9" * 5000, pytest.param(10**5000, id="10**5000"), 1e300, 1_000_000_001, True, False, None, "", " ", "free", "$5", "1,5", "0x10", [], [0.5], {"usd": 1},
     b"1", Decimal("0.5")],
)  # fmt: skip
def test_what_is_no_amount_is_none(value: object) -> None:
    assert money(value) is None


@given(st.one_of(st.floats(), st.integers(), st.text(), st.decimals().map(str), st.booleans(), st.none()))
def test_whatever_stands_for_an_amount_is_money_that_fits_or_nothing(value: object) -> None:
    found = money(value)

    assert found is None or 0 <= found < 2**63


@given(st.integers(0, 10**12))
def test_an_amount_in_micro_dollars_survives_json(micros: int) -> None:
    assert money(json.loads(json.dumps(micros / 1_000_000))) == micros
    assert money(str(Decimal(micros) / 1_000_000)) == micros


# --- links -----------------------------------------------------------------------------------------------------------

LINK = "https://cdn.example.net/a.mp4"


@pytest.mark.parametrize(
    "value",
    [LINK, f"  {LINK}\n", [LINK], [LINK, "https://cdn.example.net/b.mp4"], {"url": LINK}, [{"url": LINK}], {"url": [LINK]},
     ["", None, "http://cdn.example.net/x", LINK], [{"url": None}, {"x": 1}, [LINK]], [[[LINK]]], {"url": {"url": LINK}}],
)  # fmt: skip
def test_the_first_https_link_is_found_in_every_shape(value: object) -> None:
    assert https_link(value, HOME) == LINK


@pytest.mark.parametrize(
    "value",
    [None, "", " ", 5, True, [], {}, "cdn.example.net/a.mp4", "//cdn.example.net/a.mp4", "ftp://cdn.example.net", "data:video/mp4;base64,AA",
     "http://cdn.example.net/a.mp4", "file:///etc/passwd", "javascript:x", {"link": LINK}, {"url": 5}, "see https://cdn.example.net",
     "http://127.0.0.1:9001/a.mp4", "http://127.0.0.1/a.mp4", "http://127.0.0.1:9000@evil.example/", "http://[", "http://"],
)  # fmt: skip
def test_what_is_no_https_link_is_none(value: object) -> None:
    assert https_link(value, HOME) is None


def test_a_plain_link_is_one_at_the_configured_address_only() -> None:
    assert https_link("http://127.0.0.1:9000/files/a.mp4", HOME) == "http://127.0.0.1:9000/files/a.mp4"
    assert https_link("HTTPS://cdn.example.net/a.mp4", HOME) == "HTTPS://cdn.example.net/a.mp4"


def test_a_result_that_is_nested_without_end_has_no_link() -> None:
    nested: object = LINK
    for _ in range(900):
        nested = [nested]

    assert https_link(nested, HOME) is None


@given(st.recursive(st.one_of(st.none(), st.booleans(), st.floats(), st.text()),
                    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["url", "x"]), inner)))  # fmt: skip
def test_whatever_a_result_looks_like_it_has_an_https_link_or_none(value: object) -> None:
    found = https_link(value, HOME)

    assert found is None or found.lower().startswith("https://")


def test_times_are_written_in_utc_with_whole_seconds() -> None:
    assert text_time(datetime(2026, 6, 1, 12, 0, 0, 987654, tzinfo=UTC)) == "2026-06-01T12:00:00Z"
    assert text_time(datetime.fromisoformat("2026-06-01T14:00:00+02:00")) == "2026-06-01T12:00:00Z"


# --- free questions --------------------------------------------------------------------------------------------------


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient()
    yield client
    await client.aclose()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def api_at(http: HttpClient, clock: FakeClock, base_url: str) -> RemoteApi:
    return RemoteApi(http, clock, title="Vendor", base_url=base_url, headers={"X-API-Key": "the-key"})


def api_of(http: HttpClient, clock: FakeClock, server: Server) -> RemoteApi:
    return api_at(http, clock, server.url)


async def test_a_question_carries_the_key_and_an_upload_does_not(
    http: HttpClient, clock: FakeClock, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    async with a_server(lambda _: said(b'{"a":1}')) as server:
        api = api_of(http, clock, server)
        assert await api.ask_object("POST", f"{server.url}/x", body={"b": 1}) == {"a": 1}
        await api.put_file(f"{server.url}/put", tmp_path / "a.jpg", {"Content-Type": "image/jpeg"})

    assert [heard.header("x-api-key") for heard in server.heard] == ["the-key", None]


@pytest.mark.parametrize(
    "url",
    ["https://10.0.0.1/put", "http://cdn.example.net/put", "nonsense", "https://[", "https://a:b@cdn.example.net/"],
)
async def test_an_upload_address_that_is_not_public_is_not_used(
    http: HttpClient, clock: FakeClock, tmp_path: Path, url: str
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    with pytest.raises(ProviderUnavailable, match="may not be used"):
        await api_at(http, clock, "https://api.example.net").put_file(url, tmp_path / "a.jpg", {})


@pytest.mark.parametrize(
    "answer", [said(b"", status=403), said(b"", status=302, location="/x"), said(b"", status=500), Cut(b"")]
)
async def test_an_upload_that_is_not_taken_is_a_passing_trouble(
    http: HttpClient, clock: FakeClock, tmp_path: Path, answer: bytes
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    async with a_server(lambda _: answer) as server:
        with pytest.raises(ProviderUnavailable, match="could not be handed to Vendor"):
            await api_of(http, clock, server).put_file(f"{server.url}/put", tmp_path / "a.jpg", {})


@pytest.mark.parametrize(
    "answer",
    [said(b"[]"), said(b"null"), said(b"<html>"), said(b""), said(b'{"a":'), said(b"{}", status=404), said(b"{}", status=400),
     said(b"{}", status=408), said(b"{}", status=429), said(b"{}", status=500), said(b"{}", status=302), said(b"\xff\xfe{}"),
     said(b"[" * 100_000), Cut(b"")],
)  # fmt: skip
async def test_only_a_json_object_answers_a_question_for_one(http: HttpClient, clock: FakeClock, answer: bytes) -> None:
    async with a_server(lambda _: answer) as server:
        with pytest.raises(ProviderUnavailable) as raised:
            await api_of(http, clock, server).ask_object("GET", f"{server.url}/secret-path")

    assert not isinstance(raised.value, KeyRefused)
    assert "secret-path" not in str(raised.value)


async def test_a_refused_key_is_told_apart(http: HttpClient, clock: FakeClock) -> None:
    async with a_server(lambda _: said(b"<html>", status=401, content_type="text/html")) as server:
        with pytest.raises(KeyRefused) as raised:
            await api_of(http, clock, server).ask_object("GET", f"{server.url}/x")

    assert raised.value.retry_after_s is not None
    assert "the-key" not in str(raised.value)


@pytest.mark.parametrize(("said_wait", "waits"), [("30", 30), ("99999", 900), ("soon", None), (None, None)])
async def test_a_passing_trouble_says_when_to_ask_again(
    http: HttpClient, clock: FakeClock, said_wait: str | None, waits: float | None
) -> None:
    async with a_server(lambda _: said(b"{}", status=503, retry_after=said_wait)) as server:
        with pytest.raises(ProviderUnavailable) as raised:
            await api_of(http, clock, server).ask_object("GET", f"{server.url}/x")

    assert raised.value.retry_after_s == waits


async def test_an_address_that_cannot_be_used_is_a_passing_trouble(http: HttpClient, clock: FakeClock) -> None:
    with pytest.raises(ProviderUnavailable):
        await api_at(http, clock, "https://api.example.net").ask("GET", "https://10.0.0.1/x")


# --- whose clock is right --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 5, -5, 3600, -86_400])
async def test_the_last_answer_says_how_far_their_clock_is_ahead(
    http: HttpClient, clock: FakeClock, seconds: int
) -> None:
    date = format_datetime(NEW_YEAR + timedelta(seconds=seconds), usegmt=True)
    async with a_server(lambda _: said(date=date)) as server:
        api = api_of(http, clock, server)
        await api.ask("GET", f"{server.url}/x")
        assert api.skew_s == seconds

        # The same answer, read much later from somebody's cache, does not set their clock back.
        await clock.advance(60)
        await api.ask("GET", f"{server.url}/x")
        assert api.skew_s == seconds


@pytest.mark.parametrize(
    "date", ["", "soon", "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
             "Mon, 01 Jan 2026 00:00:00 +99999999999999999999"],
)  # fmt: skip
async def test_a_date_that_is_none_says_nothing(http: HttpClient, clock: FakeClock, date: str) -> None:
    """Also behind a paid request: an answer that came is not lost over its date."""
    async with a_server(lambda _: said(b'{"id":"x"}', date=date)) as server:
        api = api_of(http, clock, server)
        api.skew_s = 7.0
        answer = await api.create(f"{server.url}/create", {}, {}, _nothing)

    assert (answer.object(), api.skew_s) == ({"id": "x"}, 7.0)


# --- the paid request ------------------------------------------------------------------------------------------------


async def _nothing() -> None:
    pass


async def test_a_paid_request_is_json_with_the_key_and_what_the_provider_adds(
    http: HttpClient, clock: FakeClock
) -> None:
    async with a_server(lambda _: said(b'{"id":"x"}')) as server:
        api = api_of(http, clock, server)
        await api.create(f"{server.url}/create?a=b%2Fc", {"prompt": "ä🎬", "n": 1}, {"X-Request-Id": "a-1"}, _nothing)

    heard = server.heard[0]
    assert (heard.method, heard.target) == ("POST", "/create?a=b%2Fc")
    assert json.loads(heard.body) == {"prompt": "ä🎬", "n": 1}
    assert (heard.header("x-api-key"), heard.header("x-request-id")) == ("the-key", "a-1")
    assert (heard.header("content-type"), heard.header("accept")) == ("application/json", "application/json")


@pytest.mark.parametrize("objection", [Fenced("not ours"), NotSent("held up"), RuntimeError("anything")])
async def test_an_objection_passes_and_nothing_is_sent(
    http: HttpClient, clock: FakeClock, objection: Exception
) -> None:
    async def object_() -> None:
        raise objection

    async with a_server(lambda _: said()) as server:
        with pytest.raises(type(objection)) as raised:
            await api_of(http, clock, server).create(f"{server.url}/create", {}, {}, object_)

    assert raised.value is objection
    assert server.heard == []


async def test_no_answer_is_unconfirmed_and_no_connection_is_not_sent(http: HttpClient, clock: FakeClock) -> None:
    async with a_server(lambda _: Cut(b"HTTP/1.1 200 OK\r\n")) as server:
        api = api_of(http, clock, server)
        with pytest.raises(Unconfirmed, match="Vendor did not say"):
            await api.create(f"{server.url}/create", {}, {}, _nothing)
    assert len(server.heard) == 1

    called = False

    async def about_to_send() -> None:
        nonlocal called
        called = True

    with pytest.raises(NotSent):
        await api.create(f"{server.url}/create", {}, {}, about_to_send)
    assert not called


@pytest.mark.parametrize("key", ["key\n", "kéy", "k\0y"])
async def test_a_key_that_cannot_be_sent_leaves_nothing_unconfirmed(
    http: HttpClient, clock: FakeClock, key: str
) -> None:
    async with a_server(lambda _: said()) as server:
        api = RemoteApi(http, clock, title="Vendor", base_url=server.url, headers={"X-API-Key": key})
        with pytest.raises(NotSent) as raised:
            await api.create(f"{server.url}/create", {}, {}, _nothing)
        with pytest.raises(ProviderUnavailable):
            await api.ask("GET", f"{server.url}/x")

    assert key not in str(raised.value)
    assert server.heard == []


def test_a_throttled_create_waits_as_long_as_they_say(http: HttpClient, clock: FakeClock) -> None:
    api = api_at(http, clock, HOME)

    assert api.throttled(HttpAnswer(429, {}, b""), "", wait_s=90).retry_after_s == 90
    found = api.throttled(HttpAnswer(429, {"retry-after": "0"}, b""), "slow down", wait_s=90, about="balance")
    assert isinstance(found, Throttled)
    assert (str(found), found.retry_after_s, found.about) == ("Vendor: slow down", 0, "balance")
    assert str(api.refused("", "input")) == "Vendor says: the request was refused without a reason"

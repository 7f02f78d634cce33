"""Every row of the table of answers to a create: accepted, refused, throttled, or nobody knows (fact sheet §3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.http.answer import HttpAnswer
from adapters.providers.remote import RemoteApi
from adapters.providers.wavespeed.creating import judge
from bot.errors import Refused, SubmitError, Throttled, Unconfirmed
from bot.ports import Accepted
from tests.adapters.providers.scripted import Script, answered
from tests.fakes.clock import FakeClock

TASK = {"id": "9f0c", "status": "created", "outputs": [], "urls": {"get": "https://api.wavespeed.ai/x"}}


@pytest.fixture
def api() -> RemoteApi:
    return Script(lambda _: answered()).api("WaveSpeed", "https://api.wavespeed.ai", FakeClock())


def outcome(api: RemoteApi, answer: HttpAnswer) -> SubmitError:
    with pytest.raises(SubmitError) as raised:
        judge(api, answer)
    return raised.value


# --- accepted --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 302, 400, 401, 402, 404, 408, 409, 429, 500, 502, 503])
@pytest.mark.parametrize("code", [200, 400, 401, 429, 500, None])
def test_any_answer_with_an_id_is_accepted_whatever_else_it_says(api: RemoteApi, status: int, code: int | None) -> None:
    answer = answered({"code": code, "message": "x", "data": TASK}, status)

    assert judge(api, answer) == Accepted(provider_job_id="9f0c")


def test_a_task_that_was_born_failed_is_accepted(api: RemoteApi) -> None:
    failed = TASK | {"status": "failed", "error": "out of memory", "code": 5000}

    assert judge(api, answered({"code": 200, "data": failed})) == Accepted(provider_job_id="9f0c")


# --- nobody knows ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data", [None, {}, [], {"id": ""}, {"id": None}, {"id": 5}, {"id": ["9f0c"]}, "9f0c", {"task_id": "9f0c"}]
)
@pytest.mark.parametrize(("status", "code"), [(200, 200), (200, None), (201, 200), (201, 400), (204, None)])
def test_a_success_without_an_id_is_unconfirmed(api: RemoteApi, data: object, status: int, code: int | None) -> None:
    found = outcome(api, answered({"code": code, "message": "success", "data": data}, status))

    assert isinstance(found, Unconfirmed)
    assert not found.likely_refused


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"null", b"[]", b'"9f0c"', b'{"code":200,"data":{"id":"9f', b"\xff", b"{}"]
)
@pytest.mark.parametrize("status", [200, 204, 301, 302, 307, 408, 409, 500, 502, 503, 504, 599])
def test_what_is_no_answer_of_theirs_is_unconfirmed(api: RemoteApi, status: int, body: bytes) -> None:
    """A portal's page, an edge's 502, a redirect, half a body: it may have been taken all the same."""
    found = outcome(api, answered(body, status))

    assert isinstance(found, Unconfirmed)
    assert not found.likely_refused


@pytest.mark.parametrize(("status", "code"), [(500, 500), (503, 400), (502, None), (200, 500), (200, 503), (200, 599), (408, 408), (409, 400), (200, 408),
                                              (200, 409), (200, 0), (200, 1200), (200, 5004), (302, 400), (200, 302)])  # fmt: skip
def test_a_fault_of_theirs_is_unconfirmed_wherever_it_stands(api: RemoteApi, status: int, code: int | None) -> None:
    """ "May still have been created and billed" (their docs): never sent again."""
    found = outcome(api, answered({"code": code, "message": "internal error", "data": None}, status))

    assert isinstance(found, Unconfirmed)
    assert not found.likely_refused


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 451, 499])
@pytest.mark.parametrize("body", [b"<html>blocked</html>", b"", b"[]", b"null"])
def test_a_page_of_an_edge_is_very_likely_a_refusal(api: RemoteApi, status: int, body: bytes) -> None:
    found = outcome(api, answered(body, status))

    assert isinstance(found, Unconfirmed)
    assert found.likely_refused


# --- refused ---------------------------------------------------------------------------------------------------------


def in_both_places(status: int, message: str | None) -> list[HttpAnswer]:
    """As the status of HTTP, and as 200 with that code inside."""
    body = {"code": status} | ({} if message is None else {"message": message})
    return [answered(body, status), answered(body | {"data": None}, 200), answered(body | {"code": str(status)}, 200)]


@pytest.mark.parametrize(
    ("status", "message", "about"),
    [
        (400, "prompt is required", "input"), (422, "duration must be 5 or 10", "input"), (413, "too large", "input"), (400, None, "input"),
        (418, "anything else", "input"),
        (400, "insufficient credits, please top up", "balance"), (400, "account balance is too low", "balance"),
        (400, "input may contain sensitive content", "moderation"), (403, "rejected by content moderation", "moderation"),
        (401, "Unauthorized", "account"), (401, "insufficient credits", "account"), (401, None, "account"),
        (402, "payment required", "balance"), (402, None, "balance"),
        (403, "forbidden", "account"), (403, "insufficient balance", "balance"), (403, None, "account"),
        (404, "model not found", "model"), (404, None, "model"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_it_is_about(api: RemoteApi, status: int, message: str | None, about: str) -> None:
    for answer in in_both_places(status, message):
        found = outcome(api, answer)

        assert isinstance(found, Refused)
        assert found.about == about
        assert str(found).startswith("WaveSpeed says: ")
        assert message is None or message in str(found)


def test_a_refused_key_hints_at_the_first_top_up(api: RemoteApi) -> None:
    assert "made before the first top-up" in str(outcome(api, answered({"code": 401}, 401)))


@pytest.mark.parametrize("name", ["message", "error", "msg"])
def test_the_reason_is_found_under_every_name_and_fit_for_a_person(api: RemoteApi, name: str) -> None:
    told = str(outcome(api, answered({"code": 400, name: "bad\x00 \u202epicture\n" + "x" * 1000}, 400)))

    assert told.startswith("WaveSpeed says: bad picture xxx")
    assert len(told) < 350


# --- throttled -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "waits"),
    [(None, 60), ("30", 30), ("0", 0), ("soon", 60), ("99999", 900), ("Thu, 01 Jan 2026 00:00:20 GMT", 20)],
)
def test_a_rate_limit_is_waited_for_as_long_as_they_say(api: RemoteApi, said: str | None, waits: float) -> None:
    headers = {} if said is None else {"retry_after": said}
    for status in (429, 200):
        found = outcome(api, answered({"code": 429, "message": "rate limit, resets every minute"}, status, **headers))

        assert isinstance(found, Throttled)
        assert (found.retry_after_s, found.about) == (waits, "rate")


def test_a_limit_for_want_of_credit_is_about_the_balance(api: RemoteApi) -> None:
    found = outcome(api, answered({"code": 429, "message": "balance too low for another task"}, 429))

    assert isinstance(found, Throttled)
    assert found.about == "balance"


# --- anything at all -------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from([200, 400, 500])),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["code", "message", "error", "data", "id"]), inner),
)


@given(st.integers(200, 599), JSON | st.binary())
def test_whatever_is_answered_is_accepted_or_one_of_three_refusals(status: int, body: object) -> None:
    """And money is only given up for lost where an application said no: 4xx, in JSON, not 408 and not 409."""
    api = Script(lambda _: answered()).api("WaveSpeed", "https://api.wavespeed.ai", FakeClock())
    answer = answered(body, status)
    try:
        accepted = judge(api, answer)
    except (Refused, Throttled):
        found = answer.object()
        assert found is not None
        said = status if status != 200 else int(found["code"])
        assert 400 <= said < 500
        assert said not in (408, 409)
    except Unconfirmed:
        pass
    else:
        assert accepted.provider_job_id == answer.object()["data"]["id"]

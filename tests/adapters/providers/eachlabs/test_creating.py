"""Every row of the table of answers to a create: accepted, refused, throttled, or nobody knows (fact sheet §2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.http.answer import HttpAnswer
from adapters.providers.eachlabs.creating import judge
from adapters.providers.eachlabs.wire import id_in
from adapters.providers.remote import RemoteApi
from bot.errors import Refused, SubmitError, Throttled, Unconfirmed
from bot.ports import Accepted
from tests.adapters.providers.scripted import Script, answered
from tests.fakes.clock import FakeClock

ID = "0b6e1c52"


def an_api() -> RemoteApi:
    return Script(lambda _: answered()).api("Eachlabs", "https://api.eachlabs.ai/v1", FakeClock())


def outcome(answer: HttpAnswer) -> SubmitError:
    with pytest.raises(SubmitError) as raised:
        judge(an_api(), answer)
    return raised.value


# --- accepted --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["predictionID", "prediction_id", "id"])
@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("word", ["success", "created", "error", None, []])
def test_a_success_with_an_id_is_accepted_whatever_else_it_says(name: str, status: int, word: object) -> None:
    """ "success" means accepted here; a render that was born failed is polled as any other."""
    answer = answered({"status": word, "message": "Prediction created successfully", name: ID}, status)

    assert judge(an_api(), answer) == Accepted(provider_job_id=ID)


# --- nobody knows ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [{}, {"status": "success"}, {"predictionID": ""}, {"predictionID": None}, {"id": 5}, {"data": {"id": ID}}, [], [{"id": ID}], ID,
                                  None, b"", b"<html>please sign in</html>", b'{"predictionID":"0b6e', b"\xff"])  # fmt: skip
@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_success_without_an_id_is_unconfirmed(body: object, status: int) -> None:
    found = outcome(answered(body, status))

    assert isinstance(found, Unconfirmed)
    assert not found.likely_refused


@pytest.mark.parametrize("status", [301, 302, 307, 308, 408, 409, 500, 502, 503, 504, 520, 599])
@pytest.mark.parametrize(
    "body",
    [
        {"status": "error", "message": "internal"},
        {"error": "x"},
        {"predictionID": ID},
        b"<html>bad gateway</html>",
        b"",
    ],
)
def test_a_redirect_a_conflict_and_every_fault_of_theirs_are_unconfirmed(status: int, body: object) -> None:
    """Their page says to retry 5xx with backoff; that is true of questions and never of an order."""
    found = outcome(answered(body, status))

    assert isinstance(found, Unconfirmed)
    assert not found.likely_refused
    assert str(status) in str(found)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422, 429, 451, 499])
@pytest.mark.parametrize("body", [b"<html>blocked</html>", b"", [], [{"error": "x"}], None, "text"])
def test_a_page_of_an_edge_is_very_likely_a_refusal(status: int, body: object) -> None:
    found = outcome(answered(body, status))

    assert isinstance(found, Unconfirmed)
    assert found.likely_refused


# --- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [{"status": "error", "message": "{}"}, {"error": "{}"}, {"status": 400, "error": "{}"}, {"status": "error", "details": "{}"}],
)  # fmt: skip
@pytest.mark.parametrize(
    ("status", "reason", "about"),
    [
        (400, "duration must be 5 or 10", "input"), (422, "prompt is required", "input"), (413, "too large", "input"), (405, "anything else", "input"),
        (418, "anything else", "input"),
        (400, "input may contain sensitive content", "moderation"), (400, "your balance is too low", "balance"),
        (401, "invalid key", "account"), (401, "no credit", "account"), (403, "forbidden", "account"), (403, "content policy", "account"),
        (404, "model not found", "model"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_it_is_about_in_every_shape(status: int, reason: str, about: str, body: dict) -> None:
    shaped = {name: value.format(reason) if isinstance(value, str) else value for name, value in body.items()}

    found = outcome(answered(shaped, status))

    assert isinstance(found, Refused)
    assert found.about == about
    assert str(found).startswith("Eachlabs says: ")
    assert reason in str(found)


def test_a_refusal_with_an_id_is_a_refusal() -> None:
    """An error body may carry the id of the request."""
    assert isinstance(outcome(answered({"error": "bad input", "id": "req-1"}, 400)), Refused)


def test_a_refused_key_hints_at_the_other_way_to_send_it() -> None:
    assert "REELBOT_EACHLABS__AUTH" in str(outcome(answered({"error": "unauthorized"}, 401)))
    assert "REELBOT_EACHLABS__AUTH" in str(outcome(answered({}, 401)))


def test_a_refusal_without_words_is_still_one_and_a_long_one_is_cut() -> None:
    assert "without a reason" in str(outcome(answered({}, 400)))
    assert len(str(outcome(answered({"message": "x" * 5000, "details": "y\n" * 5000}, 400)))) < 700


# --- throttled -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "waits"),
    [(None, 90), ("30", 30), ("0", 0), ("soon", 90), ("99999", 900), ("Thu, 01 Jan 2026 00:00:20 GMT", 20)],
)
@pytest.mark.parametrize("status", [402, 429])
def test_a_limit_is_waited_for_as_long_as_they_say_else_90_seconds(status: int, said: str | None, waits: float) -> None:
    headers = {} if said is None else {"retry_after": said}

    found = outcome(
        answered({"status": status, "error": "too many requests", "details": "10 at once"}, status, **headers)
    )

    assert isinstance(found, Throttled)
    assert found.retry_after_s == waits
    assert "10 at once" in str(found)


@pytest.mark.parametrize(
    ("status", "details", "about"),
    [(429, "too many requests in flight", "rate"), (429, "keep more than $10 on account to lift it: balance is low", "balance"),
     (402, "in-flight executions exceed your balance", "balance"), (402, "", "balance")],
)  # fmt: skip
def test_credit_that_is_held_up_is_told_apart_from_a_rate(status: int, details: str, about: str) -> None:
    found = outcome(answered({"status": status, "error": "", "details": details}, status))

    assert isinstance(found, Throttled)
    assert found.about == about
    assert str(found) != "Eachlabs: "


# --- anything at all -------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["status", "message", "error", "details", "id", "predictionID"]), inner)
    ),
    max_leaves=6,
)


@given(st.integers(200, 599), JSON | st.binary(max_size=20))
def test_whatever_is_answered_is_accepted_or_one_of_three_refusals(status: int, body: object) -> None:
    """And money is only given up for lost where an application said no: 4xx, a JSON object, not 408 and not 409."""
    answer = answered(body, status)
    try:
        accepted = judge(an_api(), answer)
    except (Refused, Throttled):
        assert 400 <= status < 500
        assert status not in (408, 409)
        assert answer.object() is not None
    except Unconfirmed:
        pass
    else:
        found = answer.object()
        assert status < 300
        assert found is not None
        assert accepted.provider_job_id == id_in(found)

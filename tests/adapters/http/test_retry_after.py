"""How long they ask us to wait: seconds, a date, or nothing we can use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.http.retry_after import LONGEST_S, retry_after_s

NOW = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "waits"),
    [
        ("30", 30), ("0", 0), ("900", 900), ("901", 900), ("999999", 900), ("9" * 400, 900), (" 30 ", 30), ("007", 7),
        ("0" * 20 + "30", 30),
        ("Mon, 01 Jun 2026 12:00:30 GMT", 30), ("Mon, 01 Jun 2026 14:00:30 +0200", 30), ("Mon, 01 Jun 2026 12:00:30", 30),
        ("Monday, 01-Jun-26 12:00:30 GMT", 30), ("Mon, 01 Jun 2026 11:59:59 GMT", 0), ("Fri, 31 Dec 9999 23:59:59 GMT", 900),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
    ],
)  # fmt: skip
def test_seconds_and_dates_are_understood_and_bounded(said: str, waits: float) -> None:
    assert retry_after_s({"retry-after": said}, NOW) == waits


@pytest.mark.parametrize(
    "said", ["", " ", "soon", "-1", "1.5", "1e3", "+5", "٣٠", "²", "30s", "30, 60", "0x10", "nan", "inf", "None", "Mon",
             "Mon, 99 Jun 2026 12:00:00 GMT", "Mon, 01 Jun 99999999999999999999 12:00:00 GMT", "2026-06-01T12:00:30Z",
             "Mon, 01 Jun 2026 12:00:30 +99999999999999999999"],
)  # fmt: skip
def test_rubbish_counts_as_not_said(said: str) -> None:
    assert retry_after_s({"retry-after": said}, NOW) is None


def test_no_header_says_nothing() -> None:
    assert retry_after_s({}, NOW) is None
    assert retry_after_s({"date": "Mon, 01 Jun 2026 12:00:30 GMT"}, NOW) is None


@given(st.integers(-100_000, 100_000))
def test_a_date_is_as_far_off_as_it_is(seconds: int) -> None:
    said = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)

    assert retry_after_s({"retry-after": said}, NOW) == min(max(seconds, 0), LONGEST_S)


DATE_LIKE = st.lists(
    st.sampled_from(["Mon,", "Mon", "01", "32", "Jun", "June", "2026", "26", "0", "12:00:30", "25:61:61", "12:00", "GMT",
                     "+0000", "-9999", "+99999", "EST", "1-Jun-26", "99999999999999999999", "-1", "(", ")", '"', "\\", ","]),
    max_size=9,
).map(" ".join)  # fmt: skip


@given(st.one_of(st.text(), DATE_LIKE, st.integers().map(str), st.floats().map(str)))
@example("Mon, 01 Jun 2026 12:00:30 +9999999999")
@example("99999999999999999999 Jun 2026 12:00:30 GMT")
@example("0 Jan 0001 00:00:00 +1400")
def test_nothing_they_may_say_raises_or_lasts_longer_than_a_quarter_of_an_hour(said: str) -> None:
    wait = retry_after_s({"retry-after": said}, NOW)

    assert wait is None or 0 <= wait <= LONGEST_S

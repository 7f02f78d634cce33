"""What WaveSpeed charged in the end: its bill, and its promise that failed renders are paid back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.http.answer import HttpAnswer
from adapters.providers.wavespeed.billing import REFUNDED_WITHIN, Billing, after_failure
from bot.errors import ProviderUnavailable
from bot.money.amount import Money
from bot.ports import Failed
from tests.adapters.providers.scripted import Asked, Script, answered
from tests.fakes.clock import FakeClock

PRICE = Money.usd("0.34")


async def bill_of(answer: HttpAnswer) -> tuple[Money | None, list[Asked]]:
    script = Script(lambda _: answer)
    found = await Billing(script.api("WaveSpeed", "https://api.wavespeed.ai", FakeClock())).of("task-1")
    return found, script.asked


def items(*lines: object) -> HttpAnswer:
    return answered({"code": 200, "data": {"page": 1, "items": list(lines)}})


async def test_the_bill_of_one_task_is_asked_for() -> None:
    bill, asked = await bill_of(items({"price": 0.34}))

    assert bill == PRICE
    assert [(each.method, each.url, each.body) for each in asked] == [
        ("POST", "https://api.wavespeed.ai/api/v3/billings/search", {"prediction_uuids": ["task-1"], "page": 1, "page_size": 10})
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "usd"),
    [
        ([{"price": 0.34}], "0.34"), ([{"amount": "0.34"}], "0.34"), ([{"cost": 0.34, "billing_type": "deduct"}], "0.34"), ([{"price": 0}], "0"),
        ([{"price": 0.34}, {"price": 0.17}], "0.51"),
        ([{"price": 0.34}, {"price": -0.34}], "0"), ([{"price": "0.34"}, {"price": "-0.34"}], "0"),
        ([{"price": 0.34, "billing_type": "deduct"}, {"price": 0.34, "billing_type": "refund"}], "0"),
        ([{"price": 0.34}, {"price": -0.34, "type": "REFUND"}], "0"), ([{"price": 0.34}, {"price": 0.10, "type": "Partial_Refund"}], "0.24"),
        ([{"price": 0.10, "type": "refund"}], "0"), ([{"price": -5}], "0"),
        ([{"price": 0.1}, {"price": 0.2}], "0.3"),
    ],
)  # fmt: skip
async def test_refunds_are_taken_off_by_their_name_or_their_sign(lines: list, usd: str) -> None:
    bill, _ = await bill_of(items(*lines))

    assert bill == Money.usd(usd)


@pytest.mark.parametrize(
    "answer",
    [items(), items("x"), items({}), items({"price": None}), items({"price": "free"}), items({"price": 0.34}, {"price": "free"}),
     items({"price": float("nan")}), items({"price": True}), items({"price": -float("inf")}), items({"price": {"usd": 1}}),
     items({"total": 0.34}), items({"price": "--1"}),
     answered({"code": 200, "data": {"items": None}}), answered({"code": 200, "data": {}}), answered({"code": 200, "data": []}),
     answered({"code": 404, "message": "no"}, 404), answered({"code": 500}), answered({"code": 401}, 401), answered({"code": 429}, 429), answered(b"<html>"),
     answered(b"", 502), answered([1]), answered(None)],
)  # fmt: skip
async def test_a_bill_that_cannot_be_read_says_nothing(answer: HttpAnswer) -> None:
    """Neither that it was free nor what it cost."""
    assert (await bill_of(answer))[0] is None


async def test_a_bill_that_cannot_be_asked_for_says_nothing() -> None:
    def unreachable(_: Asked) -> HttpAnswer:
        raise ProviderUnavailable("WaveSpeed cannot be reached.")

    script = Script(unreachable)

    assert await Billing(script.api("WaveSpeed", "https://api.wavespeed.ai", FakeClock())).of("task-1") is None


@given(st.lists(st.dictionaries(st.sampled_from(["price", "amount", "cost", "type", "billing_type"]),
                                st.one_of(st.floats(), st.text(), st.integers(), st.none(), st.sampled_from(["refund", "0.34"])))))  # fmt: skip
async def test_whatever_the_bill_says_is_an_amount_or_nothing(lines: list) -> None:
    bill, _ = await bill_of(items(*lines))

    assert bill is None or bill >= 0


# --- after a failure -------------------------------------------------------------------------------------------------

JUST_NOW, IN_TIME, DUE = timedelta(seconds=30), REFUNDED_WITHIN, REFUNDED_WITHIN + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("bill", "age", "charged", "is_expected"),
    [
        (Money(0), JUST_NOW, Money(0), False), (Money(0), DUE, Money(0), False), (Money(0), None, Money(0), False),
        (PRICE, JUST_NOW, Money(0), True), (PRICE, IN_TIME, Money(0), True), (PRICE, DUE, PRICE, False), (PRICE, None, Money(0), True),
        (PRICE, timedelta(seconds=-60), Money(0), True),
        (None, JUST_NOW, Money(0), True), (None, DUE, Money(0), True), (None, None, Money(0), True),
    ],
)  # fmt: skip
def test_a_failure_is_free_until_the_refund_is_overdue(
    bill: Money | None, age: timedelta | None, charged: Money, is_expected: bool
) -> None:
    assert after_failure("timed_out", "why", bill, age=age) == Failed(
        code="timed_out", message="why", charged=charged, refund_expected=is_expected
    )


def test_three_hours_are_theirs() -> None:
    assert timedelta(hours=3) < REFUNDED_WITHIN <= timedelta(hours=6)

"""The judge's provider passes the suite, and reads every way of failing exactly as paid providers must."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.errors import NotSent, ProviderUnavailable, Refused, ResultGone, Throttled, Unconfirmed
from bot.money.amount import Money
from bot.ports import Cancelled, CannotTell, Failed, Found, HostedInput, NotThere, Rendering, Succeeded, Unknown
from tests.conformance.provider_suite import ProviderBench, ProviderSuite
from tests.emulators.judge_provider import CLIP_MAGIC, clip_of
from tests.emulators.processes import JudgeProcess, provider_judge
from tests.factories import a_submission, a_submit_request, an_asset
from tests.fakes.judge_provider import JudgeFetcher, JudgeProvider

HALF_A_DOLLAR = Money.usd("0.50")
HOSTED = HostedInput(asset=an_asset(), url="judge://judge/inputs/of-nobody")


class JudgeBench(ProviderBench):
    def __init__(self, judge: JudgeProcess, timeout_s: float = 5.0) -> None:
        self.judge = judge
        self.provider = JudgeProvider(judge.port, timeout_s=timeout_s)
        self.asset = an_asset()

    async def fetch(self, url: str, into: Path) -> None:
        await JudgeFetcher({"judge": self.judge.port}).fetch(url, "judge", into)

    def is_clip(self, path: Path) -> bool:
        return path.read_bytes().startswith(CLIP_MAGIC)

    def billed(self) -> int:
        return len(self.judge.events("accepted"))


@pytest.fixture
def judge(tmp_path: Path) -> Iterator[JudgeProcess]:
    process = provider_judge(tmp_path)
    try:
        yield process.wait_until_listening()
    finally:
        process.stop()


class TestJudge(ProviderSuite):
    @pytest.fixture
    def bench(self, judge: JudgeProcess) -> Iterator[ProviderBench]:
        yield JudgeBench(judge)
        assert judge.events("violation") == []


@pytest.fixture
def bench(judge: JudgeProcess) -> JudgeBench:
    return JudgeBench(judge)


async def test_an_order_is_billed_and_quoted_alike(bench: JudgeBench) -> None:
    accepted = await bench.place(await bench.order())

    model = bench.provider.models()[0]
    assert accepted.price == HALF_A_DOLLAR == model.price.price(duration_s=5, resolution="720p")
    assert [entry["billed"] for entry in bench.judge.events("accepted")] == [HALF_A_DOLLAR]


async def test_nothing_is_billed_before_it_says_that_it_is_about_to_send(bench: JudgeBench) -> None:
    billed_before: list[int] = []

    async def about_to_send() -> None:
        billed_before.append(bench.billed())

    await bench.provider.submit(await bench.order(), about_to_send)

    assert billed_before == [0]
    assert bench.billed() == 1


@pytest.mark.parametrize("marker", ["lost-answer", "hang", "garbled"])
async def test_no_answer_after_the_request_left_is_unconfirmed_and_can_be_found(
    judge: JudgeProcess, marker: str
) -> None:
    bench = JudgeBench(judge, timeout_s=0.5)
    order = await bench.order(prompt=f"a storm [{marker}]")

    with pytest.raises(Unconfirmed):
        await bench.place(order)

    assert bench.billed() == 1
    assert await bench.provider.find(a_submission(order)) == Found(provider_job_id="judge-1")


async def test_a_handshake_that_breaks_off_sent_nothing(bench: JudgeBench) -> None:
    order = await bench.order(prompt="a storm [reset-before:2]")

    for _ in range(2):
        with pytest.raises(NotSent):
            await bench.place(order)

    assert bench.billed() == 0
    await bench.place(order)
    assert bench.billed() == 1


async def test_a_refused_connection_sent_nothing() -> None:
    provider = JudgeProvider(_a_port_nobody_listens_on())
    request = a_submit_request(HOSTED)

    with pytest.raises(NotSent):
        await provider.submit(request, _must_not_be_called)

    assert isinstance(await provider.find(a_submission(request)), CannotTell)
    with pytest.raises(ProviderUnavailable):
        await provider.check("judge-1")


async def test_a_connection_closed_before_the_first_byte_sent_nothing() -> None:
    """The handshake went well, and the other side leaves while we still write our books."""
    gone = asyncio.Event()

    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"ok": true}\n')
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        gone.set()

    async def about_to_send() -> None:
        await gone.wait()
        await asyncio.sleep(0.05)

    async with await asyncio.start_server(leave, "127.0.0.1", 0) as server:
        provider = JudgeProvider(server.sockets[0].getsockname()[1])

        with pytest.raises(NotSent):
            await provider.submit(a_submit_request(HOSTED), about_to_send)


@pytest.mark.parametrize("after", [0, 1, 40])
async def test_an_answer_that_breaks_off_is_unconfirmed(after: int) -> None:
    """Whatever part of the answer came: without its end it proves nothing."""

    async def answer_in_part(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"ok": true}\n')
        await reader.readline()
        writer.write(b'{"provider_job_id": "judge-1", "price_micro_usd": 500000}\n'[:after])
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer_in_part, "127.0.0.1", 0) as server:
        provider = JudgeProvider(server.sockets[0].getsockname()[1])

        with pytest.raises(Unconfirmed):
            await provider.submit(a_submit_request(HOSTED), _nothing)


async def test_throttled_creates_nothing_and_says_when(bench: JudgeBench) -> None:
    order = await bench.order(prompt="a storm [throttled:2]")

    for _ in range(2):
        with pytest.raises(Throttled) as raised:
            await bench.place(order)
        assert raised.value.retry_after_s == pytest.approx(0.1)

    assert bench.billed() == 0
    await bench.place(order)


@pytest.mark.parametrize("about", ["moderation", "balance", "input", "account", "availability"])
async def test_a_refusal_says_what_it_is_about(bench: JudgeBench, about: str) -> None:
    with pytest.raises(Refused) as raised:
        await bench.place(await bench.order(prompt=f"a storm [refused:{about}]"))

    assert raised.value.about == about
    assert bench.billed() == 0


async def test_a_marker_may_be_meant_for_another_judge(bench: JudgeBench) -> None:
    await bench.place(await bench.order(prompt="a storm [backup/refused:balance]"))

    assert bench.billed() == 1


@pytest.mark.parametrize(
    ("marker", "kept"), [("billed-then-failed", HALF_A_DOLLAR), ("failed-free", Money(0)), ("failed-silent", None)]
)
async def test_a_failure_says_what_it_kept(bench: JudgeBench, marker: str, kept: Money | None) -> None:
    accepted = await bench.place(await bench.order(prompt=f"a storm [{marker}]"))

    result = await bench.end_of(accepted.provider_job_id)

    assert isinstance(result, Failed)
    assert result.charged == kept


async def test_what_costs_more_than_it_said_says_so(bench: JudgeBench) -> None:
    accepted = await bench.place(await bench.order(prompt="a storm [dearer]"))

    assert accepted.price == 2 * HALF_A_DOLLAR
    result = await bench.end_of(accepted.provider_job_id)
    assert isinstance(result, Succeeded)
    assert result.price == 2 * HALF_A_DOLLAR


async def test_a_late_cancel_is_taken_and_finishes_anyway(bench: JudgeBench) -> None:
    honoured = await bench.place(await bench.order())
    late = await bench.place(await bench.order(prompt="a storm [late-cancel]"))

    assert await bench.provider.cancel(honoured.provider_job_id)
    assert await bench.provider.cancel(late.provider_job_id)

    assert await bench.end_of(honoured.provider_job_id) == Cancelled(charged=Money(0))
    assert isinstance(await bench.end_of(late.provider_job_id), Succeeded)


async def test_slow_stuck_and_forgetful_renders(bench: JudgeBench) -> None:
    slow = await bench.place(await bench.order(prompt="a storm [slow:4]"))
    stuck = await bench.place(await bench.order(prompt="a storm [stuck]"))
    shy = await bench.place(await bench.order(prompt="a storm [unknown-check] [check-down]"))

    answers = [await bench.provider.check(slow.provider_job_id) for _ in range(5)]
    assert [type(answer) for answer in answers] == [Rendering] * 4 + [Succeeded]
    assert {type(await bench.provider.check(stuck.provider_job_id)) for _ in range(20)} == {Rendering}
    assert isinstance(await bench.provider.check(shy.provider_job_id), Unknown)
    with pytest.raises(ProviderUnavailable):
        await bench.provider.check(shy.provider_job_id)


async def test_look_ups_lag_and_sometimes_cannot_tell(bench: JudgeBench) -> None:
    lagging = await bench.order(prompt="a storm [not-listed]")
    alike = await bench.order(prompt="a storm [cannot-tell]")
    await bench.place(lagging)
    await bench.place(alike)

    assert await bench.provider.find(a_submission(lagging)) == NotThere()
    assert await bench.provider.find(a_submission(lagging)) == Found(provider_job_id="judge-1")
    assert await bench.provider.find(a_submission(alike)) == CannotTell(
        reason="the list does not say", candidates=("judge-2",)
    )


async def test_a_result_link_can_be_dead_for_a_while_or_for_good(bench: JudgeBench, tmp_path: Path) -> None:
    flaky = await bench.place(await bench.order(prompt="a storm [dead-link:2]"))
    gone = await bench.place(await bench.order(prompt="a storm [gone]"))
    flaky_url, gone_url = [
        result.url
        for accepted in (flaky, gone)
        if isinstance(result := await bench.end_of(accepted.provider_job_id), Succeeded)
    ]

    for _ in range(2):
        with pytest.raises(ProviderUnavailable):
            await bench.fetch(flaky_url, tmp_path / "clip")
    with pytest.raises(ResultGone):
        await bench.fetch(gone_url, tmp_path / "clip")
    assert not (tmp_path / "clip").exists()

    await bench.fetch(flaky_url, tmp_path / "clip")
    assert (tmp_path / "clip").read_bytes() == clip_of(flaky.provider_job_id)


async def test_the_books_survive_the_judge(judge: JudgeProcess, tmp_path: Path) -> None:
    """A new process with the old log knows every job, and bills the next one under a new id."""
    bench = JudgeBench(judge)
    order = await bench.order()
    accepted = await bench.place(order)
    ended = await bench.end_of(accepted.provider_job_id)
    judge.stop()
    successor = provider_judge(tmp_path).wait_until_listening()
    try:
        bench = JudgeBench(successor)

        assert await bench.provider.find(a_submission(order)) == Found(provider_job_id=accepted.provider_job_id)
        assert await bench.provider.check(accepted.provider_job_id) == ended
        assert (await bench.place(await bench.order())).provider_job_id != accepted.provider_job_id
    finally:
        successor.stop()


async def test_the_judge_bills_a_second_order_for_one_job_and_writes_it_down(bench: JudgeBench) -> None:
    order = await bench.order()
    await bench.place(order)
    again = a_submit_request(await bench.provider.host(bench.asset), job_id=order.job_id)
    await bench.place(again)

    assert [entry["job_id"] for entry in bench.judge.events("accepted")] == [order.job_id] * 2


async def test_the_judge_calls_a_foul(bench: JudgeBench) -> None:
    """One input for two attempts, and an input it never hosted."""
    order = await bench.order()
    await bench.place(order)
    await bench.place(order)
    with pytest.raises(AssertionError, match="do not host"):
        await bench.place(a_submit_request(HOSTED))

    assert len(bench.judge.events("violation")) == 2


def _a_port_nobody_listens_on() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def _nothing() -> None:
    pass


async def _must_not_be_called() -> None:
    raise AssertionError("nothing was about to be sent")

"""Eachlabs and WaveSpeed pass the suite of every provider, and read every answer to a paid request as the fact sheet says.

The emulators' logs are the judge: what they billed, and what no correct client would have sent.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import KeyRefused, NotSent, ProviderUnavailable, Refused, ResultGone, Throttled, Unconfirmed
from bot.jobs.model import RenderSettings
from bot.money.amount import Money
from bot.ports import Cancelled, CannotTell, Failed, Found, NotThere, Rendering, Succeeded, Unknown
from tests.conformance.paid import VENDORS, PaidBench, paid_emulator
from tests.conformance.provider_suite import ProviderBench, ProviderSuite
from tests.emulators.processes import VendorProcess, base_url

STORM = "a storm"


@pytest.fixture(params=VENDORS)
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def emulator(tmp_path: Path, vendor: str) -> Iterator[VendorProcess]:
    with paid_emulator(tmp_path, vendor) as process:
        yield process


@pytest.fixture
async def bench(tmp_path: Path, vendor: str, emulator: VendorProcess) -> AsyncIterator[PaidBench]:
    bench = PaidBench(tmp_path, vendor, emulator)
    yield bench
    await bench.http.aclose()
    assert bench.violations() == []


class TestWaveSpeed(ProviderSuite):
    @pytest.fixture
    def vendor(self) -> str:
        return "wavespeed"

    @pytest.fixture
    async def bench(self, tmp_path: Path, emulator: VendorProcess) -> AsyncIterator[ProviderBench]:
        bench = PaidBench(tmp_path, "wavespeed", emulator)
        yield bench
        await bench.http.aclose()
        assert bench.violations() == []


class TestEachlabs(ProviderSuite):
    @pytest.fixture
    def vendor(self) -> str:
        return "eachlabs"

    @pytest.fixture
    async def bench(self, tmp_path: Path, emulator: VendorProcess) -> AsyncIterator[ProviderBench]:
        bench = PaidBench(tmp_path, "eachlabs", emulator)
        yield bench
        await bench.http.aclose()
        assert bench.violations() == []


# --- what is sent ---------------------------------------------------------------------------------------------------


async def test_every_parameter_arrives_and_is_billed_as_quoted(bench: PaidBench) -> None:
    model = bench.provider.models()[0]
    for resolution in model.resolutions:
        for duration_s in model.durations_s:
            settings = RenderSettings(
                duration_s=duration_s, resolution=resolution, seed=7, negative_prompt="blur", expand=True, audio=True
            )
            order = await bench.order(settings=settings)
            sound = await bench.provider.host(bench.asset)
            order = await bench.order(settings=settings, audio=sound)
            await bench.place(order)
            bill = bench.billed()[-1]
            assert bill["billed"] == model.price.price(duration_s=duration_s, resolution=resolution)
            assert (bill["duration_s"], bill["resolution"], bill["seed"]) == (duration_s, resolution, 7)
            assert (bill["expand"], bill["negative_prompt"]) == (True, "blur")
            assert (bill["input_url"], bill["audio_url"]) == (order.image.url, sound.url)


@pytest.mark.parametrize(
    ("vendor", "resolution", "duration_s", "usd"),
    [
        ("eachlabs", "480p", 5, "0.25"), ("eachlabs", "720p", 5, "0.50"), ("eachlabs", "1080p", 10, "1.50"),
        ("wavespeed", "720p", 5, "0.34"), ("wavespeed", "720p", 10, "0.68"), ("wavespeed", "1080p", 5, "0.51"),
        ("wavespeed", "1080p", 10, "1.02"), ("wavespeed", "720p", 3, "0.34"), ("wavespeed", "720p", 7.2, "0.544"),
        ("wavespeed", "1080p", 7.2, "0.816"),
    ],
)  # fmt: skip
async def test_the_price_list_is_the_vendors(bench: PaidBench, resolution: str, duration_s: float, usd: str) -> None:
    price = bench.provider.models()[0].price.price(duration_s=duration_s, resolution=resolution)

    assert price == Money.usd(usd)


async def test_a_random_seed_is_sent_as_the_vendor_wants_it(bench: PaidBench) -> None:
    await bench.place(await bench.order())

    assert bench.billed()[0]["seed"] == (-1 if bench.vendor == "wavespeed" else None)


async def test_the_webhook_names_the_attempt(bench: PaidBench) -> None:
    order = await bench.order(webhook_url=f"{bench.emulator.url}/webhooks/{bench.vendor}/a-token?x=1&y=2")

    await bench.place(order)

    assert bench.billed()[0]["webhook_url"] == order.webhook_url
    if bench.vendor == "eachlabs":
        secret = bench.billed()[0]["webhook_secret"]
        assert len(secret) == 64
        await bench.place(await bench.order(webhook_url=order.webhook_url))
        assert bench.billed()[1]["webhook_secret"] != secret


# --- paid requests: what each answer means ---------------------------------------------------------------------------

TAKEN_AND_UNKNOWABLE = ["lost-answer", "late-5xx", "cut", "garbled", "empty-200"]
NOT_TAKEN_AND_UNKNOWABLE = ["plain-5xx", "code-500", "redirect", "portal"]


@pytest.mark.parametrize("marker", TAKEN_AND_UNKNOWABLE)
async def test_taken_without_a_usable_answer_is_unconfirmed_and_found_again(bench: PaidBench, marker: str) -> None:
    order = await bench.order(prompt=f"{STORM} [{marker}]")

    with pytest.raises(Unconfirmed):
        await bench.place(order)

    assert len(bench.billed()) == 1
    found = await bench.provider.find(bench.submission(order))
    assert found == Found(provider_job_id=bench.billed()[0]["provider_job_id"])


@pytest.mark.parametrize("marker", NOT_TAKEN_AND_UNKNOWABLE)
async def test_an_answer_that_proves_nothing_is_unconfirmed_even_when_nothing_was_taken(
    bench: PaidBench, marker: str
) -> None:
    order = await bench.order(prompt=f"{STORM} [{marker}]")

    with pytest.raises(Unconfirmed) as raised:
        await bench.place(order)

    assert not raised.value.likely_refused
    assert bench.billed() == []
    assert await bench.provider.find(bench.submission(order)) == NotThere()


async def test_no_answer_in_time_is_unconfirmed(bench: PaidBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.http.fresh.ANSWER_S", 0.5)

    with pytest.raises(Unconfirmed):
        await bench.place(await bench.order(prompt=f"{STORM} [hang]"))

    assert len(bench.billed()) == 1


async def test_an_answer_that_trickles_in_is_still_an_answer(bench: PaidBench) -> None:
    accepted = await bench.place(await bench.order(prompt=f"{STORM} [trickle]"))

    assert accepted.provider_job_id == bench.billed()[0]["provider_job_id"]


async def test_an_answer_that_names_a_failed_render_is_accepted(bench: PaidBench) -> None:
    """It was billed: the next poll says what became of it."""
    accepted = await bench.place(await bench.order(prompt=f"{STORM} [born-failed]"))

    assert isinstance(await bench.end_of(accepted.provider_job_id), Failed)


@pytest.mark.parametrize("about", ["input", "moderation", "account", "model"])
async def test_a_refusal_says_what_it_is_about_and_is_not_billed(bench: PaidBench, about: str) -> None:
    with pytest.raises(Refused) as raised:
        await bench.place(await bench.order(prompt=f"{STORM} [refused:{about}]"))

    assert raised.value.about == about
    assert bench.billed() == []


async def test_too_little_credit_is_about_the_balance(bench: PaidBench) -> None:
    """WaveSpeed refuses; at Eachlabs the next settled render may make room."""
    with pytest.raises((Refused, Throttled)) as raised:
        await bench.place(await bench.order(prompt=f"{STORM} [refused:balance]"))

    assert isinstance(raised.value, Refused if bench.vendor == "wavespeed" else Throttled)
    assert raised.value.about == "balance"
    assert bench.billed() == []


async def test_a_page_from_an_edge_is_very_likely_a_refusal(bench: PaidBench) -> None:
    with pytest.raises(Unconfirmed) as raised:
        await bench.place(await bench.order(prompt=f"{STORM} [refused:edge]"))

    assert raised.value.likely_refused
    assert bench.billed() == []


@pytest.mark.parametrize("status", ["408", "409"])
async def test_some_4xx_prove_nothing(bench: PaidBench, status: str) -> None:
    bench.emulator.knobs(create=status)

    with pytest.raises(Unconfirmed) as raised:
        await bench.place(await bench.order())

    assert not raised.value.likely_refused


@pytest.mark.parametrize(
    ("said", "waits"),
    [("30", (30, 30)), ("date", (20, 31)), ("0", (0, 0)), ("soon", None), (None, None), ("999999", (900, 900))],
)
async def test_throttled_creates_nothing_and_says_when(
    tmp_path: Path, vendor: str, said: str | None, waits: tuple[float, float] | None
) -> None:
    with paid_emulator(tmp_path, vendor, retry_after=said) as emulator:
        bench = PaidBench(tmp_path, vendor, emulator)
        with pytest.raises(Throttled) as raised:
            await bench.place(await bench.order(prompt=f"{STORM} [throttled]"))
        await bench.http.aclose()

    least, most = waits or ((60, 60) if vendor == "wavespeed" else (90, 90))
    assert raised.value.retry_after_s is not None
    assert least <= raised.value.retry_after_s <= most
    assert bench.billed() == []


# --- paid requests: the connection -----------------------------------------------------------------------------------


async def test_a_refused_connection_and_an_unknown_name_sent_nothing(tmp_path: Path, bench: PaidBench) -> None:
    order = await bench.order()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for address in (f"http://127.0.0.1:{port}", f"https://127.0.0.1:{port}", "https://nowhere.invalid"):
            bench.provider.api.base_url = base_url(bench.vendor, address)
            with pytest.raises(NotSent):
                await bench.provider.submit(order, _must_not_be_called)


async def test_a_certificate_nobody_vouches_for_sends_nothing(tmp_path: Path, bench: PaidBench) -> None:
    trustme = pytest.importorskip("trustme")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    received = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read())

    order = await bench.order()
    async with await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context) as server:
        address = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        bench.provider.api.base_url = base_url(bench.vendor, address)
        with pytest.raises(NotSent):
            await bench.provider.submit(order, _must_not_be_called)

    assert b"".join(received) == b""


async def test_a_connection_closed_before_the_first_byte_sent_nothing(bench: PaidBench) -> None:
    """It was opened, and the other side leaves while we still write our books."""
    order, gone = await bench.order(), asyncio.Event()

    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()
        gone.set()

    async def about_to_send() -> None:
        await gone.wait()
        await asyncio.sleep(0.05)

    async with await asyncio.start_server(leave, "127.0.0.1", 0) as server:
        bench.provider.api.base_url = base_url(bench.vendor, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(NotSent):
            await bench.provider.submit(order, about_to_send)


async def test_the_whole_request_leaves_in_one_go_over_a_connection_of_its_own(bench: PaidBench) -> None:
    """One connection, one request, nothing before the last check, and nothing again after a reset."""
    order = await bench.order()
    arrived: list[bytes] = []
    connections = 0

    async def read_and_reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        arrived.append(await reader.read(100_000))
        writer.transport.abort()

    async def about_to_send() -> None:
        await asyncio.sleep(0.1)
        assert connections == 1
        assert arrived == []

    async with await asyncio.start_server(read_and_reset, "127.0.0.1", 0) as server:
        bench.provider.api.base_url = base_url(bench.vendor, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(Unconfirmed):
            await bench.provider.submit(order, about_to_send)
        await asyncio.sleep(0.1)

    assert connections == 1
    assert len(arrived) == 1
    head, _, body = arrived[0].partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head.lower()
    assert order.image.url.encode() in body


@pytest.mark.parametrize("length", [0, 1, 20, 60, 120])
async def test_an_answer_that_breaks_off_anywhere_is_unconfirmed(bench: PaidBench, length: int) -> None:
    body = b'{"code":200,"data":{"id":"task-1"},"predictionID":"task-1","status":"success"}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    order = await bench.order()

    async def answer_in_part(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100_000)
        writer.write(answer[:length])
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer_in_part, "127.0.0.1", 0) as server:
        bench.provider.api.base_url = base_url(bench.vendor, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(Unconfirmed):
            await bench.place(order)


# --- looking it up ---------------------------------------------------------------------------------------------------


async def test_the_list_lags_and_proves_nothing_until_it_shows_it(bench: PaidBench) -> None:
    order = await bench.order(prompt=f"{STORM} [lost-answer][not-listed:2]")
    with pytest.raises(Unconfirmed):
        await bench.place(order)

    answers = [await bench.provider.find(bench.submission(order)) for _ in range(3)]

    assert answers[:2] == [NotThere(), NotThere()]
    assert answers[2] == Found(provider_job_id=bench.billed()[0]["provider_job_id"])


async def test_model_and_time_alone_prove_nothing(bench: PaidBench) -> None:
    """Without the input in the answers the candidates are named for a person, and none is adopted."""
    bench.emulator.knobs(input_shown=False)
    order = await bench.order(prompt=f"{STORM} [lost-answer]")
    with pytest.raises(Unconfirmed):
        await bench.place(order)

    found = await bench.provider.find(bench.submission(order))

    assert isinstance(found, CannotTell)
    assert found.candidates == (bench.billed()[0]["provider_job_id"],)
    bench.known = set(found.candidates)
    assert await bench.provider.find(bench.submission(order)) == NotThere()


@pytest.mark.parametrize("outage", ["503", "401", "html-502", "hang"])
async def test_a_list_that_does_not_answer_cannot_tell(
    bench: PaidBench, outage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await bench.order()
    bench.emulator.knobs(list=outage)
    monkeypatch.setattr("adapters.http.client.READ_S", 0.5)
    monkeypatch.setattr(
        "adapters.http.client._TIMEOUTS", {"timeout": {"connect": 0.5, "read": 0.5, "pool": None, "write": None}}
    )

    assert isinstance(await bench.provider.find(bench.submission(order)), CannotTell)


# --- polling ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("marker", ["check-down", "check-cut"])
async def test_a_poll_that_fails_is_harmless(bench: PaidBench, marker: str) -> None:
    accepted = await bench.place(await bench.order(prompt=f"{STORM} [{marker}]"))

    with pytest.raises(ProviderUnavailable):
        await bench.provider.check(accepted.provider_job_id)

    assert isinstance(await bench.end_of(accepted.provider_job_id), Succeeded)


async def test_a_refused_key_is_told_apart_and_fails_nothing(bench: PaidBench) -> None:
    accepted = await bench.place(await bench.order())
    bench.emulator.knobs(key="revoked")

    with pytest.raises(KeyRefused):
        await bench.provider.check(accepted.provider_job_id)
    with pytest.raises(KeyRefused):
        await bench.provider.balance()

    bench.emulator.knobs(key=None)
    assert isinstance(await bench.end_of(accepted.provider_job_id), Succeeded)


async def test_words_we_do_not_know_and_steps_back_are_still_at_work(bench: PaidBench) -> None:
    odd = await bench.place(await bench.order(prompt=f"{STORM} [odd-status:2]"))
    back = await bench.place(await bench.order(prompt=f"{STORM} [backwards]"))
    lagging = await bench.place(await bench.order(prompt=f"{STORM} [unknown-check:2]"))

    assert isinstance(await bench.provider.check(odd.provider_job_id), Rendering)
    assert isinstance(await bench.provider.check(lagging.provider_job_id), Unknown)
    assert isinstance(await bench.provider.check(lagging.provider_job_id), Unknown)
    for accepted in (odd, back, lagging):
        assert isinstance(await bench.end_of(accepted.provider_job_id), Succeeded)


async def test_finished_without_a_video_is_looked_at_again_for_a_minute(
    bench: PaidBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = await bench.place(await bench.order(prompt=f"{STORM} [no-output:3]"))
    assert isinstance(await bench.end_of(late.provider_job_id), Succeeded)

    never = await bench.place(await bench.order(prompt=f"{STORM} [no-output:999]"))
    monkeypatch.setattr("adapters.providers.patience.NO_VIDEO_S", 0.3)
    result = await bench.end_of(never.provider_job_id)
    assert isinstance(result, Failed)
    assert result.code == "no_video"


@pytest.mark.parametrize("marker", ["failed-free", "billed-then-failed", "failed-silent"])
async def test_a_failure_says_what_it_cost(bench: PaidBench, marker: str) -> None:
    accepted = await bench.place(await bench.order(prompt=f"{STORM} [{marker}]"))

    result = await bench.end_of(accepted.provider_job_id)

    assert isinstance(result, Failed)
    kept = next(entry["kept"] for entry in bench.emulator.events("failed"))
    if bench.vendor == "wavespeed":
        # Failed renders are refunded within three hours; until the bill shows it, it counts as expected.
        assert result.charged == Money(0)
        assert result.refund_expected is (marker != "failed-free")
    elif marker == "failed-silent":
        assert result.charged == Money(0), "nothing, where they do not say otherwise"
    else:
        assert result.charged == kept


@pytest.mark.parametrize("vendor", ["wavespeed"])
async def test_a_refund_that_did_not_come_is_booked_in_the_end(
    bench: PaidBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted = await bench.place(await bench.order(prompt=f"{STORM} [billed-then-failed]"))
    await bench.end_of(accepted.provider_job_id)

    monkeypatch.setattr("adapters.providers.wavespeed.billing.REFUNDED_WITHIN", timedelta(0))

    result = await bench.end_of(accepted.provider_job_id)
    assert isinstance(result, Failed)
    assert (result.charged, result.refund_expected) == (bench.billed()[0]["billed"], False)


async def test_moderation_is_said_as_such(bench: PaidBench) -> None:
    accepted = await bench.place(await bench.order(prompt=f"{STORM} [moderated]"))

    result = await bench.end_of(accepted.provider_job_id)

    assert isinstance(result, Failed)
    assert result.code == "moderation"
    assert "change" in result.message


async def test_what_a_vendor_flags_is_flagged(bench: PaidBench) -> None:
    accepted = await bench.place(await bench.order(prompt=f"{STORM} [flagged]"))

    result = await bench.end_of(accepted.provider_job_id)

    assert isinstance(result, Succeeded)
    assert result.flagged is (bench.vendor == "wavespeed")


async def test_cancelling_is_asked_where_it_can_be(bench: PaidBench) -> None:
    accepted = await bench.place(await bench.order(prompt=f"{STORM} [takes:30]"))

    taken = await bench.provider.cancel(accepted.provider_job_id)

    assert taken is (bench.vendor == "eachlabs")
    if taken:
        assert isinstance(await bench.end_of(accepted.provider_job_id), Cancelled)


# --- results ---------------------------------------------------------------------------------------------------------


async def _result_of(bench: PaidBench, marker: str) -> str:
    accepted = await bench.place(await bench.order(prompt=f"{STORM} [{marker}]"))
    result = await bench.end_of(accepted.provider_job_id)
    assert isinstance(result, Succeeded)
    return result.url


@pytest.mark.parametrize("marker", ["dead-link", "link-403", "empty-clip", "html-clip"])
async def test_a_link_that_does_not_work_yet_is_a_passing_trouble(
    bench: PaidBench, tmp_path: Path, marker: str
) -> None:
    url = await _result_of(bench, marker)

    with pytest.raises(ProviderUnavailable):
        await bench.fetch(url, tmp_path / "clip.mp4")
    assert list(tmp_path.glob("*clip.mp4*")) == []

    await bench.fetch(url, tmp_path / "clip.mp4")
    assert bench.is_clip(tmp_path / "clip.mp4")


async def test_a_download_that_breaks_off_is_gone_on_with_where_it_was(bench: PaidBench, tmp_path: Path) -> None:
    url = await _result_of(bench, "short-clip:2")

    await bench.fetch(url, tmp_path / "clip.mp4")

    whole = max(entry["bytes"] for entry in bench.emulator.events("served"))
    assert bench.is_clip(tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").stat().st_size >= whole


@pytest.mark.parametrize("marker", ["link-302:99", "link-private"])
async def test_redirects_end_and_never_lead_into_a_private_network(
    bench: PaidBench, tmp_path: Path, marker: str
) -> None:
    url = await _result_of(bench, marker)

    with pytest.raises((ProviderUnavailable, ResultGone)):
        await bench.fetch(url, tmp_path / "clip.mp4")

    assert list(tmp_path.glob("*clip.mp4*")) == []


async def _must_not_be_called() -> None:
    raise AssertionError("nothing was about to be sent")

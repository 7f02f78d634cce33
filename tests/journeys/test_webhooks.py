"""Webhooks over a real socket: verified before they are believed, a hint and never proof, harmless however they come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from bot.errors import ProviderUnavailable, Unconfirmed
from bot.jobs.model import Evidence, EvidenceKind, Outcome
from bot.jobs.states import State
from bot.money.amount import Money
from bot.ports import Failed, SubmitRequest
from tests.fakes.provider import FakeProvider
from tests.house import OPERATOR
from tests.journeys.calling import PROOF, PUBLIC_URL, CallingProvider, Site, a_site, proof, without

LOST = Unconfirmed("the answer was lost")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with a_site(tmp_path) as found:
        yield found


# --- the good ones ------------------------------------------------------------------------------------------------------


async def test_the_provider_is_told_where_to_call_and_is_heard(site: Site) -> None:
    """At once, and without another question to the provider."""
    job, attempt = await site.rendering()

    answer = await site.call(attempt)

    assert site.provider.paid[0].webhook_url == f"{PUBLIC_URL}/webhooks/judge/{attempt.token}"
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert site.ear.woken == [job.id]
    said = Evidence(
        attempt_id=attempt.attempt_id, kind=EvidenceKind.WEBHOOK, provider_job_id="judge-1", status="completed"
    )
    assert await site.evidence(attempt) == [said]
    assert (await site.house.load(job)).version == job.version


async def test_a_hint_ends_the_wait_but_only_the_provider_says_how_it_ended(site: Site) -> None:
    job, attempt = await site.rendering()
    site.provider.checks = [Failed(code="provider_failed", message="model timeout", charged=Money.usd(0))]

    await site.call(attempt, status="completed")
    job = await site.house.run(job)

    assert (job.state, job.error.code if job.error else None) == (State.FAILED, "provider_failed")
    assert await site.hints(job) == 0


async def test_the_same_call_twice_is_one_hint_and_wakes_again(site: Site) -> None:
    """Whoever wrote the first may have died before waking the job."""
    job, attempt = await site.rendering()

    answers = await asyncio.gather(*(site.call(attempt) for _ in range(4)))

    assert [answer.status_code for answer in answers] == [200] * 4
    assert (len(await site.evidence(attempt)), await site.hints(job)) == (1, 1)
    assert site.ear.woken == [job.id] * 4


async def test_a_call_before_the_answer_of_the_create_proves_the_attempt(site: Site) -> None:
    """The answer comes after it: one id, one state, nothing twice."""

    async def call_first(request: SubmitRequest) -> None:
        attempt = await site.house.app.stores.submissions.load(request.attempt_id)
        assert attempt is not None
        assert attempt.outcome is None
        assert (await site.call(attempt)).status_code == 200

    site.provider.meanwhile = call_first
    job, attempt = await site.rendering()

    assert (job.state, job.provider_job_id) == (State.RENDERING, "judge-1")
    assert (attempt.outcome, attempt.provider_job_id) == (Outcome.ACCEPTED, "judge-1")
    job = await site.house.run(job)
    assert (job.state, len(site.provider.paid), await site.hints(job)) == (State.DELIVERED, 1, 0)


async def test_a_call_before_an_answer_that_never_comes_leads_straight_to_the_render(site: Site) -> None:
    async def call_first(request: SubmitRequest) -> None:
        await site.post(f"/webhooks/judge/{request.token}", request.attempt_id)

    site.provider.meanwhile = call_first
    site.provider.answers = [LOST]
    job, attempt = await site.rendering()

    assert (job.state, job.provider_job_id) == (State.RENDERING, "judge-1")
    assert (attempt.outcome, attempt.lookups) == (Outcome.ACCEPTED, 0)
    assert (await site.house.run(job)).state is State.DELIVERED


async def test_a_call_finds_the_attempt_nobody_could_vouch_for(site: Site) -> None:
    site.provider.answers = [LOST]
    job = await site.house.ask()
    await site.house.step(job)
    assert (await site.house.load(job)).state is State.UNCONFIRMED

    await site.call(await site.attempt(job))
    job = await site.house.run(job)

    assert (job.state, len(site.provider.paid)) == (State.DELIVERED, 1)
    assert await site.house.used() == Money.usd("0.50")


async def test_a_call_for_an_attempt_that_was_given_up_books_it_and_fetches_its_clip(site: Site) -> None:
    """An operator was wrong: the provider had taken it. The hold is long gone; what it cost is booked all the same."""
    site.provider.answers = [LOST]
    job = await site.house.ask()
    await site.house.step(job)
    await site.house.clock.advance(60)
    await site.house.app.service.actions.resolve(job.id, OPERATOR, decision="lost")
    await site.house.step(job)
    assert (await site.house.load(job)).state is State.FAILED
    assert await site.house.used() == Money(0)

    answer = await site.call(await site.attempt(job))
    await site.house.step(job)
    job = await site.house.load(job)

    assert answer.status_code == 200
    assert (job.state, job.error, job.provider_job_id) == (State.DELIVERED, None, "judge-1")
    assert await site.house.used() == Money.usd("0.50")
    assert await site.hints(job) == 0


async def test_a_call_for_a_job_that_has_ended_well_changes_nothing(site: Site) -> None:
    job, attempt = await site.rendering()
    before = await site.house.run(job)

    answer = await site.call(attempt, status="failed")
    await site.house.step(job)

    assert answer.status_code == 200
    assert await site.house.load(job) == before
    assert await site.hints(job) == 0


# --- those that prove nothing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seal", ["", "wrong", "made-for-somebody-else"])
async def test_a_forged_call_is_refused_and_leaves_no_trace(site: Site, seal: str) -> None:
    """401; nothing written; nobody woken."""
    job, attempt = await site.rendering()

    answer = await site.call(attempt, sealed=seal)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await site.evidence(attempt), await site.hints(job), site.ear.woken) == ([], 0, [])


async def test_a_proof_is_over_the_bytes_as_they_came(site: Site) -> None:
    """Nothing has looked into them before: not even whether they are JSON."""
    _, attempt = await site.rendering()
    body = b'{"id": "judge-1"  ,\n"status": "\xff'

    answer = await site.client.post(f"/webhooks/judge/{attempt.token}", content=body)

    assert answer.status_code == 401
    assert site.provider.read == [body]


async def test_a_proof_that_comes_twice_is_none(site: Site) -> None:
    _, attempt = await site.rendering()
    twice = [(PROOF, proof(attempt.attempt_id)), (PROOF, "wrong")]

    answer = await site.client.post(
        f"/webhooks/judge/{attempt.token}", content=b'{"id": "judge-1", "status": "x"}', headers=twice
    )

    assert answer.status_code == 401


async def test_somebody_who_keeps_calling_fills_no_log(site: Site) -> None:
    """A line a minute, and it says nothing of the call."""
    _, attempt = await site.rendering()

    with capture_logs() as logs:
        for _ in range(20):
            await site.call(attempt, sealed="wrong", note="the body of the call")
        await site.house.clock.advance(61)
        await site.call(attempt, sealed="wrong")

    refused = [line for line in logs if line["event"] == "webhook.refused"]
    assert [(line["provider"], line["times"]) for line in refused] == [("judge", 1), ("judge", 20)]
    assert not [word for word in ("wrong", "the body", attempt.token) if word in str(logs)]


async def test_an_unknown_provider_and_an_unknown_token_look_alike(site: Site) -> None:
    """And so does a token of another provider."""
    _, attempt = await site.rendering()
    paths = (
        f"/webhooks/nobody/{attempt.token}",
        f"/webhooks/judge/{attempt.token}x",
        "/webhooks/judge/" + "t" * 32,
        "/webhooks/judge/" + "t" * 5000,
    )

    answers = [await site.post(path, attempt.attempt_id) for path in paths]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert len({answer.content for answer in answers}) == 1
    assert site.provider.read == []


async def test_a_token_is_worth_nothing_at_another_provider(tmp_path: Path) -> None:
    other = CallingProvider("other")
    async with a_site(tmp_path, furnish=lambda it: _also(it, other)) as site:
        _, attempt = await site.rendering()

        answer = await site.post(f"/webhooks/other/{attempt.token}", attempt.attempt_id)

        assert (answer.status_code, other.read) == (404, [])


def _also(service: Any, provider: FakeProvider) -> Any:
    return replace(service, desk=replace(service.desk, providers={**service.desk.providers, provider.name: provider}))


@pytest.mark.parametrize("announced", [True, False])
async def test_ten_megabytes_are_not_read(site: Site, announced: bool) -> None:
    """By their announced length, and by counting what really comes."""
    _, attempt = await site.rendering()
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(160):
            sent += 65536
            yield b"x" * 65536

    content: Any = b"x" * 10_000_000 if announced else pieces()
    try:
        answer = await site.client.post(f"/webhooks/judge/{attempt.token}", content=content)
    except httpx.WriteError:
        pass  # hung up on while still sending: as good an answer
    else:
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")

    assert site.provider.read == []
    assert (await site.client.get("/livez")).status_code == 200


async def test_nothing_but_a_post_is_taken(site: Site) -> None:
    _, attempt = await site.rendering()

    answers = {
        method: await site.client.request(method, f"/webhooks/judge/{attempt.token}")
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS")
    }

    assert {method: answer.status_code for method, answer in answers.items()} == dict.fromkeys(answers, 405)
    assert answers["GET"].headers["allow"] == "POST"
    assert answers["GET"].json()["code"] == "method_not_allowed"


async def test_a_call_from_a_browser_on_another_site_is_like_any_other(site: Site) -> None:
    """The proof decides, not where it comes from: nobody is signed in here."""
    _, attempt = await site.rendering()
    headers = {PROOF: proof(attempt.attempt_id), "Origin": "https://provider.example", "Sec-Fetch-Site": "cross-site"}

    answer = await site.client.post(
        f"/webhooks/judge/{attempt.token}", content=b'{"id": "judge-1", "status": "completed"}', headers=headers
    )

    assert answer.status_code == 200


# --- those that contradict what is known --------------------------------------------------------------------------------


Told = Callable[[Site], Awaitable[dict[str, Any]]]


async def _the_id_of_another(site: Site) -> dict[str, Any]:
    other, _ = await site.rendering()
    return {"id": other.provider_job_id}


async def _another_input(site: Site) -> dict[str, Any]:
    return {"input": f"{PUBLIC_URL}/media/of-another"}


async def _an_unknown_id(site: Site) -> dict[str, Any]:
    return {"id": "judge-77"}


@pytest.mark.parametrize("told", [_the_id_of_another, _another_input, _an_unknown_id])
async def test_a_verified_call_that_contradicts_what_is_known_changes_nothing(site: Site, told: Told) -> None:
    """409, and the operator's log says so."""
    job, attempt = await site.rendering()
    fields = await told(site)

    with capture_logs() as logs:
        answer = await site.call(attempt, **fields)

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert (await site.evidence(attempt), await site.hints(job), site.ear.woken) == ([], 0, [])
    assert await site.attempt(job) == attempt
    assert [line["job_id"] for line in logs if line["event"] == "webhook.contradicts"] == [job.id]


async def test_an_attempt_without_an_id_does_not_take_that_of_another(site: Site) -> None:
    other, _ = await site.rendering()
    site.provider.answers = [LOST]
    job = await site.house.ask()
    await site.house.step(job)
    attempt = await site.attempt(job)

    answer = await site.call(attempt, id=other.provider_job_id)

    assert answer.status_code == 409
    assert await site.attempt(job) == attempt
    assert (await site.house.load(job)).state is State.UNCONFIRMED


async def test_a_call_that_names_its_own_input_is_believed(site: Site) -> None:
    _, attempt = await site.rendering()

    assert (await site.call(attempt, input=attempt.input_url)).status_code == 200


@pytest.mark.parametrize("named", ["", "x" * 201])
async def test_a_call_that_names_no_job_of_the_provider_is_no_use(site: Site, named: str) -> None:
    _, attempt = await site.rendering()

    answer = await site.call(attempt, id=named)

    assert (answer.status_code, await site.evidence(attempt)) == (422, [])


# --- when we cannot -----------------------------------------------------------------------------------------------------


class LearningProvider(CallingProvider):
    """It must be asked what it signs with, and does not always answer."""

    def __init__(self) -> None:
        super().__init__()
        self.silent_for: list[ProviderUnavailable] = []
        self.asked = 0

    async def learn_webhook_secret(self) -> None:
        self.asked += 1
        if self.silent_for:
            raise self.silent_for.pop(0)


async def test_a_call_that_cannot_be_verified_now_is_to_be_delivered_again(tmp_path: Path) -> None:
    """503 and when; nothing is lost, and nothing is believed meanwhile."""
    provider = LearningProvider()
    provider.silent_for = [
        ProviderUnavailable("judge does not answer", retry_after_s=6.2),
        ProviderUnavailable("judge does not answer"),
    ]
    async with a_site(tmp_path, provider=provider) as site:
        _, attempt = await site.rendering()

        answers = [await site.call(attempt) for _ in range(3)]

        assert [answer.status_code for answer in answers] == [503, 503, 200]
        assert [answer.headers.get("retry-after") for answer in answers] == ["7", "30", None]
        assert answers[0].json()["code"] == "provider_unavailable"
        assert (provider.asked, len(provider.read)) == (3, 1)


class _FullBook:
    """`bot.stores.EvidenceStore` on a disk that is full."""

    async def receive(self, *_: object) -> bool:
        raise OSError(28, "No space left on device")


async def test_a_call_that_cannot_be_written_down_is_not_acknowledged(tmp_path: Path) -> None:
    """They deliver it again."""
    async with a_site(tmp_path, furnish=lambda it: without(it, evidence=_FullBook())) as site:
        _, attempt = await site.rendering()

        answer = await site.call(attempt)

        assert answer.status_code == 500
        assert site.ear.woken == []
        assert "No space" not in answer.text


async def test_a_body_that_is_cut_off_is_not_read(site: Site) -> None:
    """Hung up on in the middle: nothing is verified, and the server goes on."""
    _, attempt = await site.rendering()
    url = site.client.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = f"POST /webhooks/judge/{attempt.token} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    writer.write(head.encode() + b'{"id":')
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    del reader

    with capture_logs() as logs:
        assert (await site.call(attempt)).status_code == 200

    assert [json.loads(body)["id"] for body in site.provider.read] == ["judge-1"]
    assert not [line for line in logs if line["log_level"] == "error"]

"""Whose jobs, limits and tokens somebody sees and decides over. Alice asked, Bob is a member beside her, Lea leads, Mallory
belongs to another workspace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from bot.jobs.model import Job
from bot.people import Role
from tests.adapters.chat.web.web_house import API, WebHouse, a_web_house, problem

ALICE, BOB, LEA, MALLORY = "slack:T1:ALICE", "slack:T1:BOB", "slack:T1:LEA", "slack:T2:MALLORY"


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[WebHouse]:
    """A Reelbot that the world can reach."""
    async with a_web_house(tmp_path, needs_sign_in=True) as found:
        yield found


async def asked_by_alice(web: WebHouse) -> tuple[httpx.AsyncClient, Job]:
    alice = await web.as_(ALICE, Role.MEMBER)
    return alice, await web.delivered(alice)


async def test_what_somebody_of_a_chat_asks_for_here_counts_as_theirs_and_stays_here(web: WebHouse) -> None:
    """The same person, the same budgets; the clip is on the page and nothing is posted in the chat."""
    alice, job = await asked_by_alice(web)

    shown = (await alice.get(f"{API}/jobs/{job.id}")).json()
    scopes = {each["scope"] for each in (await alice.get(f"{API}/quota")).json()["scopes"]}

    assert (shown["state"], shown["requested_by"]["workspace"], shown["requested_by"]["user"]) == (
        "delivered",
        "T1",
        "ALICE",
    )
    assert {"user:slack:T1:ALICE", "workspace:slack:T1", "installation"} <= scopes
    assert [each["method"] for each in shown["deliveries"]] == ["gallery"]


@pytest.mark.parametrize(("who", "role"), [(BOB, Role.MEMBER), (MALLORY, Role.TEAM_LEAD), (MALLORY, Role.MEMBER)])
async def test_another_persons_job_is_not_there(web: WebHouse, who: str, role: Role) -> None:
    """Every way to reach it answers as for an id that never was."""
    _, job = await asked_by_alice(web)
    client = await web.as_(who, role)

    answers = [
        await client.get(f"{API}/jobs/{job.id}"),
        await client.get(f"{API}/jobs/{job.id}/video"),
        await client.get(f"{API}/jobs/{job.id}/part"),
        await client.get(f"{API}/jobs/{job.id}/events"),
        *[await client.post(f"{API}/jobs/{job.id}/{wish}") for wish in ("cancel", "confirm", "resend")],
        await client.post(f"{API}/jobs/{job.id}/again", json={}),
        await client.delete(f"{API}/jobs/{job.id}"),
    ]
    never = await client.get(f"{API}/jobs/{'0' * len(job.id)}")

    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert problem(never)["detail"].replace("0" * len(job.id), job.id) == problem(answers[0])["detail"]
    assert (await client.get(f"{API}/jobs")).json()["jobs"] == []
    assert (await client.get(f"{API}/jobs.csv")).text.count("\n") == 1


async def test_a_search_for_somebody_else_is_refused(web: WebHouse) -> None:
    """By person or by workspace, and not answered with nothing: that would be a lie."""
    await asked_by_alice(web)
    bob, mallory = await web.as_(BOB, Role.MEMBER), await web.as_(MALLORY, Role.TEAM_LEAD)

    refused = [
        await bob.get(f"{API}/jobs", params={"user": ALICE}),
        await bob.get(f"{API}/jobs.csv", params={"user": ALICE}),
        await mallory.get(f"{API}/jobs", params={"workspace": "slack:T1"}),
        await bob.get(f"{API}/quota", params={"user": ALICE}),
    ]

    assert [answer.status_code for answer in refused] == [403] * 4


async def test_a_team_lead_sees_their_workspace_and_may_cancel_send_again_and_delete(web: WebHouse) -> None:
    """And nothing of another one."""
    _, job = await asked_by_alice(web)
    mallory = await web.as_(MALLORY, Role.MEMBER)
    foreign = await web.delivered(mallory)
    lea = await web.as_(LEA, Role.TEAM_LEAD)

    found = (await lea.get(f"{API}/jobs")).json()["jobs"]
    resent = await lea.post(f"{API}/jobs/{job.id}/resend")
    deleted = await lea.delete(f"{API}/jobs/{job.id}")

    assert [each["id"] for each in found] == [job.id]
    assert (await lea.get(f"{API}/jobs/{foreign.id}")).status_code == 404
    assert (resent.status_code, deleted.status_code) == (202, 200)


async def test_edit_is_the_askers_own_also_against_a_team_lead(web: WebHouse) -> None:
    """Again is for whoever sees the clip, and the presser pays."""
    alice, job = await asked_by_alice(web)
    lea = await web.as_(LEA, Role.TEAM_LEAD)

    edited = await lea.post(f"{API}/jobs/{job.id}/again", json={"relation": "edit", "prompt": "zoom out"})
    again = await lea.post(f"{API}/jobs/{job.id}/again", json={"relation": "again"})
    own = await alice.post(f"{API}/jobs/{job.id}/again", json={"relation": "edit", "prompt": "zoom out"})

    assert (edited.status_code, again.status_code, own.status_code) == (403, 202, 202)
    assert again.json()["requested_by"]["user"] == "LEA"
    assert again.json()["parent_id"] == job.id


async def test_a_viewer_sees_their_own_and_starts_nothing(web: WebHouse) -> None:
    """Not a job, not a token that may more, not a deletion."""
    _, job = await asked_by_alice(web)
    viewer = await web.as_(ALICE, Role.VIEWER)

    seen = await viewer.get(f"{API}/jobs/{job.id}")
    refused = [
        await web.ask(viewer),
        await viewer.post(f"{API}/jobs/{job.id}/again", json={}),
        await viewer.post(f"{API}/jobs/{job.id}/resend"),
        await viewer.delete(f"{API}/jobs/{job.id}"),
        await viewer.post(f"{API}/tokens", json={"scopes": ["jobs:write"]}),
        await viewer.put(f"{API}/limits/user:{ALICE}", json={"usd": "1000"}),
    ]

    assert seen.status_code == 200
    assert [answer.status_code for answer in refused] == [403] * len(refused)


async def test_only_operators_decide_about_unconfirmed_jobs_and_make_tokens_for_others(web: WebHouse) -> None:
    """Not even a team lead of the workspace."""
    _, job = await asked_by_alice(web)
    lea, olga = await web.as_(LEA, Role.TEAM_LEAD), await web.as_("slack:T9:OLGA", Role.OPERATOR)

    resolved = await lea.post(f"{API}/jobs/{job.id}/resolve", json={"as": "lost"})
    made = await lea.post(f"{API}/tokens", json={"user": ALICE})
    too_late = await olga.post(f"{API}/jobs/{job.id}/resolve", json={"as": "lost"})
    for_alice = await olga.post(f"{API}/tokens", json={"user": ALICE, "scopes": ["jobs:read"], "label": "her script"})

    assert (resolved.status_code, made.status_code) == (403, 403)
    assert (too_late.status_code, problem(too_late)["code"]) == (409, "too_late")
    assert for_alice.status_code == 201
    program = await web.open(Authorization=f"Bearer {for_alice.json()['token']}")
    assert [each["id"] for each in (await program.get(f"{API}/jobs")).json()["jobs"]] == [job.id]


async def test_a_tokens_secret_is_shown_once_and_kept_nowhere(web: WebHouse) -> None:
    """Not in the list, not in the database's files."""
    alice = await web.as_(ALICE, Role.MEMBER)

    made = (await alice.post(f"{API}/tokens", json={"label": "laptop"})).json()

    listed = (await alice.get(f"{API}/tokens")).text
    kept = b"".join(path.read_bytes() for path in web.house.app.data_dir.glob("reelbot.db*"))
    assert made["token"] not in listed
    assert made["token"].encode() not in kept
    assert made["id"].encode() in kept


async def test_a_token_is_revoked_by_its_owner_and_by_operators(web: WebHouse) -> None:
    """For anybody else it is not there."""
    alice, bob = await web.as_(ALICE, Role.MEMBER), await web.as_(BOB, Role.TEAM_LEAD)
    made = (await alice.post(f"{API}/tokens", json={})).json()

    by_bob = await bob.delete(f"{API}/tokens/{made['id']}")
    by_alice = await alice.delete(f"{API}/tokens/{made['id']}")

    assert (by_bob.status_code, by_alice.status_code) == (404, 200)
    assert by_alice.json()["revoked_at"] is not None
    trail = [act.action for act in await web.house.app.stores.audit.page()]
    assert trail == ["token.revoked", "token.made"]


async def test_the_same_key_of_two_people_is_two_jobs(web: WebHouse) -> None:
    """A key is unique within its owner."""
    alice, bob = await web.as_(ALICE, Role.MEMBER), await web.as_(BOB, Role.MEMBER)

    first, again, other = [(await web.ask(client, key="k")).json()["id"] for client in (alice, alice, bob)]

    assert first == again
    assert first != other

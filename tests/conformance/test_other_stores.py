"""What every store of wishes, deliveries, cards, assets, workspaces, notes and provider health promises."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import Fenced
from bot.ids import new_id
from bot.jobs.model import AssetKind, Delivery, WishKind
from bot.jobs.moves import DeliveryFact
from bot.jobs.states import State
from bot.tracker.breaker import Health
from bot.workspaces import Permission
from tests.conformance.stores import HALF, StoreBench, open_stores
from tests.factories import ALICE, BOB, a_request, a_requester, an_asset

# --- wishes -------------------------------------------------------------------------------------------------------------


async def test_wishes_wait_in_the_order_in_which_they_were_written(bench: StoreBench, elsewhere: StoreBench) -> None:
    """Whoever wrote them, and whatever the clock said; they never touch the job."""
    job = await bench.accept()
    details = {"as": "submitted", "provider_job_id": "p-1"}
    first = await bench.stores.wishes.add(job.id, WishKind.CONFIRM, ALICE.person)
    bench.clock.jump(-3600)
    second = await elsewhere.stores.wishes.add(job.id, WishKind.RESOLVE, "cli:local", details)

    waiting = await bench.stores.wishes.waiting(job.id)

    assert [(wish.id, wish.kind, wish.by) for wish in waiting] == [
        (first, WishKind.CONFIRM, ALICE.person),
        (second, WishKind.RESOLVE, "cli:local"),
    ]
    assert [wish.details for wish in waiting] == [{}, details]
    assert waiting[1].at == bench.clock.now()
    assert ((await bench.load(job)).version, (await bench.load(job)).updated_at) == (job.version, job.updated_at)


async def test_a_wish_that_was_taken_waits_no_longer(bench: StoreBench) -> None:
    job, other = await bench.accept(), await bench.accept()
    for each in (job, job, other):
        await bench.stores.wishes.add(each.id, WishKind.HINT, "judge")
    first, second = await bench.stores.wishes.waiting(job.id)

    await bench.stores.wishes.take(first)
    await bench.stores.wishes.take(first)
    assert await bench.stores.wishes.waiting(job.id) == [second]
    assert sorted(await bench.stores.wishes.unanswered()) == sorted([job.id, other.id])

    await bench.move(job, State.RECEIVED, taken=(second.id,))
    assert await bench.stores.wishes.waiting(job.id) == []
    assert await bench.stores.wishes.unanswered() == [other.id]


async def test_a_cancel_is_remembered_also_when_it_was_answered(bench: StoreBench) -> None:
    job, other = await bench.accept(), await bench.accept()
    await bench.stores.wishes.add(other.id, WishKind.CONFIRM, ALICE.person)
    await bench.stores.wishes.add(job.id, WishKind.CANCEL, ALICE.person)
    await bench.stores.wishes.take((await bench.stores.wishes.waiting(job.id))[0])

    assert await bench.stores.wishes.cancel_requested(job.id)
    assert not await bench.stores.wishes.cancel_requested(other.id)


async def test_added_since_tells_only_what_is_newer(bench: StoreBench, elsewhere: StoreBench) -> None:
    jobs = [await bench.accept() for _ in range(3)]
    assert await bench.stores.wishes.added_since(0) == (0, [])
    await bench.stores.wishes.add(jobs[0].id, WishKind.HINT, "judge")
    mark, _ = await bench.stores.wishes.added_since(0)

    for job in (jobs[2], jobs[1]):
        await elsewhere.stores.wishes.add(job.id, WishKind.HINT, "judge")

    new_mark, ids = await bench.stores.wishes.added_since(mark)
    assert ids == [jobs[2].id, jobs[1].id]
    assert await bench.stores.wishes.added_since(new_mark) == (new_mark, [])


# --- deliveries and cards -----------------------------------------------------------------------------------------------


async def test_a_checkpoint_is_kept_for_whoever_resumes(bench: StoreBench, elsewhere: StoreBench) -> None:
    job, delivery = await bench.delivering()

    for checkpoint in ({"stage": "posting"}, {"stage": "posted", "nested": {"ids": [1, "ü"]}}):
        await bench.stores.deliveries.save_checkpoint(job, delivery.id, checkpoint)
        found = await elsewhere.stores.deliveries.load(delivery.id)
        assert found == replace(delivery, checkpoint=checkpoint)
    assert await bench.load(job) == job


@pytest.mark.parametrize("lost", ["version", "epoch"])
async def test_a_checkpoint_of_whoever_lost_the_job_is_refused(bench: StoreBench, lost: str) -> None:
    job, delivery = await bench.delivering()
    await bench.stores.deliveries.save_checkpoint(job, delivery.id, {"stage": 1})
    if lost == "version":
        await bench.move(job, State.DELIVERING, changes={"note": "n"})
    else:
        await bench.stores.jobs.claim_all(await bench.stores.jobs.raise_epoch())

    with pytest.raises(Fenced):
        await bench.stores.deliveries.save_checkpoint(job, delivery.id, {"stage": 2})

    assert await bench.stores.deliveries.load(delivery.id) == replace(delivery, checkpoint={"stage": 1})


async def test_how_a_delivery_ended_is_written_once(bench: StoreBench) -> None:
    """Send again is another one; deliveries are listed by their numbers."""
    job, delivery = await bench.delivering()
    posted = DeliveryFact(delivery_id=delivery.id, outcome="posted", method="link", place="dm", reference="m-1")
    job = await bench.move(job, State.DELIVERED, ended_delivery=posted)
    second = Delivery(id=new_id(), job_id=job.id, number=2, place="judge:room")
    job = await bench.move(job, State.DELIVERING, new_delivery=second, changes={"delivery_id": second.id})
    await bench.clock.advance(60)

    unclear = DeliveryFact(delivery_id=delivery.id, outcome="unclear", method="attachment", place="x", reference="m-2")
    await bench.move(job, State.UNDELIVERED, ended_delivery=unclear)

    first = await bench.stores.deliveries.load(delivery.id)
    assert first is not None
    assert (first.outcome, first.method, first.place, first.reference) == ("posted", "link", "dm", "m-1")
    assert first.posted_at == bench.clock.now() - timedelta(seconds=60)
    assert await bench.stores.deliveries.of_job(job.id) == [first, second]
    assert await bench.stores.deliveries.load(new_id()) is None


async def test_a_delivery_that_was_not_posted_has_no_time_of_posting(bench: StoreBench) -> None:
    job, delivery = await bench.delivering()

    await bench.move(job, State.UNDELIVERED, ended_delivery=DeliveryFact(delivery_id=delivery.id, outcome="refused"))

    found = await bench.stores.deliveries.load(delivery.id)
    assert found == replace(delivery, outcome="refused")


async def test_a_job_has_one_card_and_the_last_one_saved_stands(bench: StoreBench, elsewhere: StoreBench) -> None:
    job = await bench.accept()
    assert await bench.stores.deliveries.card(job.id) is None

    await bench.stores.deliveries.save_card(job.id, "message-1", 1)
    await elsewhere.stores.deliveries.save_card(job.id, "message-1", 4)

    assert await bench.stores.deliveries.card(job.id) == ("message-1", 4)


async def test_stale_cards_are_those_that_do_not_show_how_their_job_ended(bench: StoreBench) -> None:
    """Only of jobs that ended, and only where cards are shown; the newest when there are many."""
    save = bench.stores.deliveries.save_card
    going_on = await bench.accept()
    without, behind, shown = [await bench.fail(await bench.accept()) for _ in range(3)]
    other = await bench.fail(await bench.accept(requester=a_requester(platform="cli")))
    await save(going_on.id, "m", going_on.version - 1)
    await save(behind.id, "m", behind.version - 1)
    await save(shown.id, "m", shown.version)

    stale = bench.stores.deliveries.stale_cards

    assert {job.id for job in await stale({"judge"})} == {without.id, behind.id}
    assert {job.id for job in await stale({"judge", "cli"})} == {without.id, behind.id, other.id}
    assert {job.id for job in await stale({"judge"}, limit=2)} == {behind.id}
    assert await stale(set()) == []


# --- assets -------------------------------------------------------------------------------------------------------------


async def test_a_file_is_known_once_and_referred_to_by_role(bench: StoreBench) -> None:
    """Two jobs may share one; a role has one file, the last."""
    first = an_asset(id="11" * 32, kind=AssetKind.ORIGINAL, width=None, height=None)
    sound = an_asset(id="22" * 32, kind=AssetKind.AUDIO, content_type="audio/wav", duration_s=3.25)
    roles = [("original", first), ("audio", sound)]
    hers, _ = await bench.stores.jobs.accept(a_request(), HALF, roles)
    his, _ = await bench.stores.jobs.accept(a_request(requester=BOB), HALF, [("image", first)])
    clip = an_asset(id="33" * 32, kind=AssetKind.CLIP, size_bytes=9_000_000_000)

    for asset in (sound, clip):
        his = await bench.move(his, State.RECEIVED, assets=(("clip", asset),))

    assert await bench.stores.assets.of_job(hers.id) == dict(roles)
    assert await bench.stores.assets.of_job(his.id) == {"image": first, "clip": clip}
    assert await bench.stores.assets.load(clip.id) == clip
    assert await bench.stores.assets.load("44" * 32) is None


# --- provider health ----------------------------------------------------------------------------------------------------


async def test_what_is_measured_of_a_provider_is_kept_to_the_last_field(
    bench: StoreBench, elsewhere: StoreBench
) -> None:
    until = bench.clock.now() + timedelta(seconds=30, microseconds=7)
    measured = Health(provider="judge", ambiguous=1, failures=2, opened=3, open_until=until, reason="lost “it”")

    assert await bench.stores.health.load("judge") == Health(provider="judge")
    await bench.stores.health.change("judge", lambda _health: measured)

    assert await elsewhere.stores.health.load("judge") == measured
    assert await elsewhere.stores.health.load("other") == Health(provider="other")
    await elsewhere.stores.health.change("judge", lambda health: health.after_success())
    assert await bench.stores.health.load("judge") == Health(provider="judge")


async def test_no_change_of_a_providers_health_is_lost(bench: StoreBench, elsewhere: StoreBench) -> None:
    """Failures counted by two processes at once add up."""
    now = bench.clock.now()

    await asyncio.gather(
        *(
            each.stores.health.change("judge", lambda health: health.after_failure(now, "refused"))
            for _ in range(2)
            for each in (bench, elsewhere)
        )
    )

    assert (await bench.stores.health.load("judge")).failures == 4


async def test_a_pause_is_an_operators_and_leaves_the_breaker_alone(bench: StoreBench, elsewhere: StoreBench) -> None:
    health = bench.stores.health
    await health.change("judge", lambda known: replace(known, failures=2))
    await health.pause("judge", "cli:local")

    assert await elsewhere.stores.health.load("judge") == Health(provider="judge", failures=2, paused=True)
    assert not (await health.load("other")).paused
    await health.change("judge", lambda known: known.after_success())
    assert await health.load("judge") == Health(provider="judge", paused=True)
    assert await health.paused() == ["judge"]
    await health.resume("judge")
    assert await health.load("judge") == Health(provider="judge")
    await health.resume("never-seen")


async def test_a_pause_of_everything_is_lifted_only_as_a_whole(bench: StoreBench) -> None:
    health = bench.stores.health
    await health.pause("judge", "cli:local")
    await health.pause("*", "cli:local")

    await health.resume("judge")
    assert [(await health.load(name)).paused for name in ("judge", "other")] == [True, True]
    await health.change("other", lambda known: replace(known, failures=1))
    await health.pause("judge", "cli:local")
    assert sorted(await health.paused()) == ["*", "judge"]

    await health.resume("*")
    assert [(await health.load(name)).paused for name in ("judge", "other")] == [False, False]
    assert await health.paused() == []


# --- workspaces ---------------------------------------------------------------------------------------------------------

SERVER = a_requester(platform="discord", workspace="1")


async def test_a_new_workspace_is_pending_until_it_is_allowed_or_blocked(
    bench: StoreBench, elsewhere: StoreBench
) -> None:
    workspaces = bench.stores.workspaces

    assert await workspaces.see(ALICE, "The team") is Permission.PENDING
    for permission in (Permission.ALLOWED, Permission.BLOCKED, Permission.PENDING):
        await elsewhere.stores.workspaces.put("judge", "team", permission)
        assert await workspaces.see(ALICE) is permission

    (known,) = await workspaces.all()
    assert (known.platform, known.workspace, known.name) == ("judge", "team", "The team")
    assert (known.permission, known.first_seen_at) == (Permission.PENDING, bench.clock.now())


async def test_a_workspace_may_be_decided_on_before_it_is_seen(bench: StoreBench) -> None:
    await bench.stores.workspaces.put("judge", "team", Permission.BLOCKED)

    assert await bench.stores.workspaces.see(ALICE) is Permission.BLOCKED
    assert await bench.stores.workspaces.see(a_requester(workspace="other")) is Permission.PENDING


async def test_the_first_server_ever_seen_is_allowed_and_later_ones_wait(
    bench: StoreBench, elsewhere: StoreBench
) -> None:
    """Discord's; also when several are seen at the same moment. Other platforms do not count."""
    assert await bench.stores.workspaces.see(ALICE) is Permission.PENDING
    servers = [replace(SERVER, workspace=str(number)) for number in range(6)]

    seen = await asyncio.gather(
        *(each.stores.workspaces.see(server) for server, each in zip(servers, (bench, elsewhere) * 3, strict=True))
    )

    assert sorted(seen) == [Permission.ALLOWED] + [Permission.PENDING] * 5
    assert [await bench.stores.workspaces.see(server) for server in servers] == seen


@pytest.mark.parametrize("name", ["*", "judge:team", "team"])
async def test_settings_may_allow_a_workspace_by_name(kind: str, tmp_path: Path, name: str) -> None:
    """By itself, with its platform, or all of them; a decision that is stored stands."""
    async with open_stores(kind, tmp_path, allowed=frozenset({name})) as bench:
        workspaces = bench.stores.workspaces

        assert await workspaces.see(ALICE) is Permission.ALLOWED
        other = await workspaces.see(a_requester(workspace="teams"))
        assert other is (Permission.ALLOWED if name == "*" else Permission.PENDING)
        await workspaces.put("judge", "team", Permission.BLOCKED)
        assert await workspaces.see(ALICE) is Permission.BLOCKED


@pytest.mark.parametrize("platform", ["cli", "api"])
async def test_the_operators_own_are_allowed_and_leave_no_row(bench: StoreBench, platform: str) -> None:
    assert await bench.stores.workspaces.see(a_requester(platform=platform)) is Permission.ALLOWED
    assert await bench.stores.workspaces.all() == []


async def test_workspaces_are_listed_oldest_first(bench: StoreBench) -> None:
    for number in (3, 1, 2):
        await bench.stores.workspaces.see(a_requester(workspace=str(number)))
        await bench.clock.advance(1)

    assert [each.workspace for each in await bench.stores.workspaces.all()] == ["3", "1", "2"]


async def test_a_block_is_one_persons_and_may_be_said_twice(bench: StoreBench, elsewhere: StoreBench) -> None:
    workspaces = bench.stores.workspaces
    await workspaces.block(ALICE.person)
    await workspaces.block(ALICE.person)

    people = (ALICE.person, BOB.person, ALICE.person + "2", "judge:elsewhere:alice")
    assert [await elsewhere.stores.workspaces.is_blocked(person) for person in people] == [True, False, False, False]
    await workspaces.unblock(ALICE.person)
    await workspaces.unblock(ALICE.person)
    assert not await workspaces.is_blocked(ALICE.person)


async def test_settings_allow_what_was_seen_before_they_named_it(kind: str, tmp_path: Path) -> None:
    """Naming a server in the settings is a decision; one that waits is allowed by it, a blocked one stays blocked."""
    async with open_stores(kind, tmp_path) as before:
        await before.stores.workspaces.see(ALICE)
        await before.stores.workspaces.put("judge", "elsewhere", Permission.BLOCKED)

    async with open_stores(kind, tmp_path, allowed=frozenset({"*"})) as bench:
        workspaces = bench.stores.workspaces
        assert await workspaces.see(ALICE) is Permission.ALLOWED
        assert await workspaces.see(replace(ALICE, workspace="elsewhere")) is Permission.BLOCKED


async def test_a_direct_message_is_never_the_first_server(bench: StoreBench) -> None:
    """A stranger who writes first spends nothing, and takes nothing from the server that comes next."""
    stranger = replace(SERVER, workspace="dm-7")

    assert await bench.stores.workspaces.see(stranger) is Permission.PENDING
    assert await bench.stores.workspaces.see(SERVER) is Permission.ALLOWED


async def test_a_channels_choice_goes_before_its_workspaces(bench: StoreBench, elsewhere: StoreBench) -> None:
    """By key; taken back, the broader one counts again."""
    workspaces = bench.stores.workspaces
    await workspaces.choose("discord", "1", "language", "de")
    await workspaces.choose("discord", "1", "answer", "thread")
    await elsewhere.stores.workspaces.choose("discord", "1", "language", "ja", channel="2")

    assert await workspaces.settings("discord", "1") == {"language": "de", "answer": "thread"}
    assert await workspaces.settings("discord", "1", "2") == {"language": "ja", "answer": "thread"}
    assert await workspaces.settings("discord", "9", "2") == {}

    await workspaces.choose("discord", "1", "language", None, channel="2")
    assert await workspaces.settings("discord", "1", "2") == {"language": "de", "answer": "thread"}


# --- notes --------------------------------------------------------------------------------------------------------------


async def test_a_note_is_what_was_last_written_under_its_name(bench: StoreBench, elsewhere: StoreBench) -> None:
    """By whichever process."""
    assert await bench.stores.notes.get("commands") is None

    await bench.stores.notes.put("commands", "one")
    await elsewhere.stores.notes.put("commands", "two")

    assert await bench.stores.notes.get("commands") == "two"


async def test_an_alert_is_told_once_per_cause_and_day(bench: StoreBench, elsewhere: StoreBench) -> None:
    """Whoever asks first tells it; tomorrow it may be told again."""
    notes = (bench.stores.notes, elsewhere.stores.notes)

    told = await asyncio.gather(*(each.is_first_today("disk") for each in notes * 3))

    assert sorted(told) == [False] * 5 + [True]
    assert await bench.stores.notes.is_first_today("budget")
    bench.clock.jump(24 * 3600)
    assert await elsewhere.stores.notes.is_first_today("disk")

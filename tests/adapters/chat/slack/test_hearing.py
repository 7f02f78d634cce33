"""What Slack brings is answered when it is kept: redelivery, faults, both ways of transport, and who may ask at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from bot.jobs.accept import FrontDesk
from bot.workspaces import Permission
from tests.adapters.chat.slack.room import PICTURE, Room, a_room, texts
from tests.emulators.slack_world import SlackWorld


async def test_what_could_not_be_saved_is_brought_again(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault before the row is committed is answered 500: Slack delivers once more, and there is one job."""
    failing(monkeypatch, times=2)

    asked = await room.say()

    await room.done(asked["ts"])
    assert len(await room.jobs()) == 1
    assert await room.act(room.world.ephemerals, room.alice) == []


async def test_when_slack_will_not_bring_it_again_the_person_is_told(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the last delivery there is nobody else to tell them."""
    failing(monkeypatch, times=10)

    await room.say()

    [told] = await room.whispers(room.alice)
    assert "Something went wrong on our side" in told
    assert await room.jobs() == []


async def test_an_answer_that_came_too_late_makes_no_second_job(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack did not see our answer, and brings the same post again: the key is the post's."""
    await room.act(room.world.knobs, ack_s=0.0)

    asked = await room.say()
    await room.until(lambda: room.world.journal("event-lost"), "the end of Slack's tries")

    await room.done(asked["ts"])
    await room.act(room.world.knobs, ack_s=None)
    assert len(await room.jobs()) == 1


async def test_a_refusal_is_told_to_the_asker_alone(room: Room) -> None:
    """Nothing is asked for, and nobody else reads why."""
    await room.say("the leaves --shiny")

    [told] = await room.whispers(room.alice)

    assert "shiny" in told
    assert await room.jobs() == []
    assert await room.act(room.world.from_bot, room.channel) == []


async def test_a_limit_is_named_with_its_reset(tmp_path: Path, town: SlackWorld) -> None:
    """As everywhere: which limit, and when it begins anew."""
    async with a_room(tmp_path, town, limits={"user_daily_jobs": 0}) as room:
        await room.say()

        [told] = await room.whispers(room.alice)

        assert "limit" in told.lower() or "clips" in told.lower()
        assert await room.jobs() == []


async def test_guests_are_refused_until_an_admin_allows_them(room: Room) -> None:
    """By what Slack says of the person."""
    guest = await room.act(room.world.person, "Gus", is_restricted=True)
    await room.act(room.world.join, room.channel, guest)

    await room.say(by=guest)
    [told] = await room.whispers(guest)
    await room.app.stores.workspaces.choose("slack", room.world.team, "guests", True)
    asked = await room.say(by=guest)

    assert "Guests cannot use Reelbot here" in told
    await room.done(asked["ts"])


async def test_people_of_other_organisations_are_refused(room: Room) -> None:
    """In a channel that two organisations share."""
    await room.act(room.world.workspace, "Elsewhere", own_id="T0ELSEWHERE", installed=False)
    mallory = await room.act(room.world.person, "Mallory", "T0ELSEWHERE")
    await room.act(room.world.join, room.channel, mallory)

    await room.say(by=mallory)

    [told] = await room.whispers(mallory)
    assert "other organisations" in told
    assert await room.jobs() == []


async def test_a_blocked_person_gets_nothing(room: Room) -> None:
    """Whatever they press or write."""
    await room.app.stores.workspaces.block(f"slack:{room.world.team}:{room.alice}")

    await room.say()

    [told] = await room.whispers(room.alice)
    assert "blocked you" in told
    assert await room.jobs() == []


async def test_the_settings_own_workspace_may_spend(tmp_path: Path, town: SlackWorld) -> None:
    """It is allowed at the start, unless an operator blocked it."""
    async with a_room(tmp_path, town, allowed_workspaces="") as room:
        [known] = await room.app.stores.workspaces.all()

        assert (known.platform, known.workspace) == ("slack", town.team)
        assert known.permission is Permission.ALLOWED


async def test_a_blocked_workspace_stays_blocked(tmp_path: Path, town: SlackWorld) -> None:
    """A restart takes no decision of an operator's back."""
    async with a_room(tmp_path, town, allowed_workspaces="") as room:
        await room.app.stores.workspaces.put("slack", town.team, Permission.BLOCKED)
    async with a_room(tmp_path, town, allowed_workspaces="") as room:
        await room.say()

        [told] = await room.whispers(room.alice)

        assert "An operator has blocked Reelbot here." in told


async def test_slacks_own_environment_changes_nothing(
    tmp_path: Path, town: SlackWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a client id and secret in it, Bolt would turn to files of its own."""
    for name in ("CLIENT_ID", "CLIENT_SECRET", "BOT_TOKEN", "SIGNING_SECRET", "APP_TOKEN", "SCOPES"):
        monkeypatch.setenv(f"SLACK_{name}", "xoxb-of-somebody-else")
    monkeypatch.setenv("HOME", str(tmp_path))
    async with a_room(tmp_path, town) as room:
        asked = await room.say()

        await room.done(asked["ts"])

    assert [each for each in tmp_path.rglob("*") if "slack" in each.name.lower()] == []


async def test_bots_and_edits_ask_for_nothing(room: Room) -> None:
    """What we or others' bots write, and what is changed afterwards, is no request."""
    direct = await room.act(room.world.dm, room.alice)
    asked = await room.act(room.world.say, room.alice, direct, "the leaves move", files=[PICTURE])
    await room.done(asked["ts"], channel=direct)

    await room.act(room.world.edit_message, room.alice, direct, asked["ts"], "the leaves fall")

    assert len(await room.jobs()) == 1


async def test_where_we_are_not_the_clip_comes_by_direct_message(room: Room) -> None:
    """The shortcut works on any message; the card and the clip go to the asker, and say where they could not."""
    elsewhere = await room.act(room.world.new_channel, "elsewhere", room.alice, room.bob, bot=False)
    await room.act(room.world.knobs, files_need_membership=False)
    theirs = await room.act(room.world.say, room.bob, elsewhere, "look", files=[PICTURE])
    opened = await room.act(room.world.shortcut, room.alice, "animate_message", theirs)
    view = await room.act(opened.view)

    await room.act(room.world.submit, room.alice, {"What should happen?": "rain"}, view=view)

    direct = await room.act(room.world.dm, room.alice)
    await room.done(channel=direct)
    share = await room.clip(await room.job())
    assert share["channel"] == direct
    said = [texts(each) for each in await room.act(room.world.from_bot, direct)]
    assert any(f"<#{elsewhere}>" in each for each in said)
    await room.act(room.world.knobs, files_need_membership=None)


async def test_a_workspace_that_removed_us_is_stopped(tmp_path: Path) -> None:
    """What is not finished is cancelled; nothing more is sent there."""
    from tests.emulators.processes import slack_emulator

    process = slack_emulator(tmp_path, limits=False)
    world = SlackWorld(process.url)
    try:
        async with a_room(tmp_path, world, engine=False) as room:
            await room.say()
            await room.until(lambda: room.world.from_bot(room.channel), "the card")

            await room.act(world.uninstall, world.team)

            async def cancelled() -> bool:
                job = await room.job()
                return await room.app.stores.wishes.cancel_requested(job.id)

            for _ in range(200):
                if await cancelled():
                    break
                await room.act(world.counts)
            assert await cancelled()
    finally:
        process.stop()


def failing(monkeypatch: pytest.MonkeyPatch, *, times: int) -> None:
    """The database cannot be written so many times."""
    real, left = FrontDesk.accept, [times]

    async def accept(self: FrontDesk, *args: Any, **kwargs: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise OperationalError("INSERT", {}, Exception("database is locked"))
        return await real(self, *args, **kwargs)

    monkeypatch.setattr(FrontDesk, "accept", accept)

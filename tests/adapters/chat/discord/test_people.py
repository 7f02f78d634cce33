"""Who somebody is: where their jobs count, what their place lets them do, and that one server's lead is nobody elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.chat.discord.people import REMEMBERED_S, People
from adapters.chat.discord.rest import RestError, Unclear
from adapters.chat.discord.scene import Scene
from bot.app import open_app
from bot.settings import load_settings
from bot.stores import WorkspaceStore
from bot.workspaces import Permission
from tests.factories import NOON, a_job, a_requester
from tests.fakes.clock import FakeClock

HOME, OTHER, FAR = "100", "200", "300"
ALICE = "7"


class Members:
    """`Rest`, which knows who is a member where, and counts how often it is asked."""

    def __init__(self, *known: tuple[str, str]) -> None:
        self.known = set(known)
        self.asked = 0
        self.failure: Exception | None = None

    async def ask(self, method: str, path: str, *, patience_s: float) -> Any:
        """`GET /guilds/1/members/2`."""
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        _, _, guild, _, user = path.split("/")
        if (guild, user) not in self.known:
            raise RestError(404, 10007, "Unknown Member")
        return {}


@pytest.fixture
async def workspaces(tmp_path: Path) -> AsyncIterator[WorkspaceStore]:
    """Two allowed servers, in this order."""
    async with open_app(load_settings({"data_dir": tmp_path / "data"}, environ={}, cwd=tmp_path)) as app:
        for guild in (HOME, OTHER):
            await app.stores.workspaces.put("discord", guild, Permission.ALLOWED)
        yield app.stores.workspaces


def a_scene(**changes: Any) -> Scene:
    """Alice presses something in a direct message."""
    scene = Scene(
        user=ALICE, guild=None, is_member=False, channel="1", parent=None, kind=1, roles=(), locale="en-US",
        can_post=True, can_open_thread=False, is_private=False, leads=False, moderates=False, at=NOON,
        interaction="5", application="6", token="t",
    )  # fmt: skip
    return replace(scene, **changes)


def people(workspaces: WorkspaceStore, rest: Members, clock: FakeClock | None = None, *operators: str) -> People:
    """With what it needs."""
    return People(workspaces, rest, clock or FakeClock(), operators)  # type: ignore[arg-type]  # a fake of what is asked


async def test_a_server_with_the_bot_in_it_counts_for_itself(workspaces: WorkspaceStore) -> None:
    """Nobody is asked anything."""
    rest = Members()

    caller = await people(workspaces, rest).caller(a_scene(guild=FAR, is_member=True, roles=("9", FAR)))

    assert (caller.workspace, caller.requester().roles, rest.asked) == (FAR, ("9", FAR), 0)


async def test_a_direct_message_counts_in_the_first_allowed_server_of_the_person(workspaces: WorkspaceStore) -> None:
    """The order is that in which the servers came."""
    rest = Members((HOME, ALICE), (OTHER, ALICE))

    caller = await people(workspaces, rest).caller(a_scene())

    assert caller.workspace == HOME
    assert caller.presser.person == f"discord:{HOME}:{ALICE}"


async def test_a_stranger_counts_alone(workspaces: WorkspaceStore) -> None:
    """Whoever is in no allowed server has a workspace of their own, which waits to be allowed."""
    caller = await people(workspaces, Members()).caller(a_scene())

    assert caller.workspace == f"dm-{ALICE}"


async def test_a_membership_is_believed_for_ten_minutes(workspaces: WorkspaceStore) -> None:
    """Then it is asked for anew: people leave."""
    rest, clock = Members((HOME, ALICE)), FakeClock()
    asked = people(workspaces, rest, clock)

    await asked.caller(a_scene())
    await asked.caller(a_scene())
    once = rest.asked
    rest.known.clear()
    await clock.advance(REMEMBERED_S + 1)

    assert once == 1
    assert (await asked.caller(a_scene())).workspace == f"dm-{ALICE}"


async def test_when_discord_does_not_say_nobody_spends(workspaces: WorkspaceStore) -> None:
    """It fails closed, with a reason, and the next question is asked anew."""
    rest = Members((HOME, ALICE))
    rest.failure = Unclear("Discord did not answer.")
    asked = people(workspaces, rest)

    with pytest.raises(Unclear):
        await asked.caller(a_scene())
    rest.failure = None

    assert (await asked.caller(a_scene())).workspace == HOME


async def test_under_a_job_its_own_workspace_comes_first(workspaces: WorkspaceStore) -> None:
    """Alice is in both servers: what she makes of a clip of the second one counts there."""
    rest = Members((HOME, ALICE), (OTHER, ALICE))
    job = a_job(requester=a_requester(platform="discord", workspace=OTHER, user=ALICE))

    caller = await people(workspaces, rest).caller(a_scene(), of=job)

    assert caller.workspace == OTHER


async def test_a_server_without_the_bot_counts_where_it_was_allowed(workspaces: WorkspaceStore) -> None:
    """A person brings Reelbot along: an allowed server counts itself, any other counts as alone."""
    rest = Members()

    allowed = await people(workspaces, rest).caller(a_scene(guild=HOME))
    unknown = await people(workspaces, rest).caller(a_scene(guild=FAR))

    assert (allowed.workspace, unknown.workspace) == (HOME, f"dm-{ALICE}")


async def test_who_leads_one_server_is_nobody_in_another(workspaces: WorkspaceStore) -> None:
    """Rights and roles of the place where somebody stands say nothing about the workspace that pays."""
    scene = a_scene(guild=FAR, leads=True, moderates=True, roles=("9", FAR))

    caller = await people(workspaces, Members((HOME, ALICE))).caller(scene)

    assert caller.workspace == HOME
    assert not caller.presser.is_team_lead
    assert not caller.presser.is_moderator
    assert caller.requester().roles == ()


async def test_ones_own_job_is_ones_own_wherever_its_card_is(workspaces: WorkspaceStore) -> None:
    """A clip that came by direct message is cancelled there by its asker, and by nobody else."""
    asked = people(workspaces, Members())
    job = a_job(requester=a_requester(platform="discord", workspace=HOME, user=ALICE))

    own = asked.presser(a_scene(), job)
    others = asked.presser(a_scene(user="8"), job)

    assert own.person == job.requester.person
    assert others.person != job.requester.person


@pytest.mark.parametrize("named", [f"discord:{ALICE}", f"discord:{HOME}:{ALICE}"])
async def test_operators_are_named_for_one_server_or_everywhere(workspaces: WorkspaceStore, named: str) -> None:
    """By the person's id, with or without the server's."""
    asked = people(workspaces, Members(), None, named)

    here = await asked.caller(a_scene(guild=HOME, is_member=True))
    elsewhere = await asked.caller(a_scene(guild=FAR, is_member=True))

    assert here.presser.is_operator
    assert elsewhere.presser.is_operator is (named == f"discord:{ALICE}")


async def test_a_thread_counts_in_its_channel(workspaces: WorkspaceStore) -> None:
    """Limits and choices are the channel's; the answer belongs into the thread."""
    scene = a_scene(guild=HOME, is_member=True, channel="11", parent="10", kind=11)

    requester = (await people(workspaces, Members()).caller(scene)).requester()

    assert (requester.channel, requester.thread) == ("10", "11")


async def test_only_where_the_bot_may_not_post_the_token_answers(workspaces: WorkspaceStore) -> None:
    """And a message has none: its clip looks for another place."""
    closed = a_scene(guild=HOME, is_member=True, can_post=False)

    assert closed.anchor().by_token
    assert not a_scene().anchor().by_token
    assert not replace(closed, token=None, interaction=None, message="3").anchor().by_token


def test_a_thread_is_opened_only_where_one_can_be() -> None:
    """In a text or announcement channel, with the permission; its name is one line of the prompt."""
    open_to_us = a_scene(guild=HOME, is_member=True, kind=0, can_open_thread=True)

    named = open_to_us.anchor(title="the leaves\nmove " * 20, in_thread=True).new_thread
    voice = replace(open_to_us, kind=2).anchor(title="x", in_thread=True).new_thread
    forbidden = replace(open_to_us, can_open_thread=False).anchor(title="x", in_thread=True).new_thread

    assert named is not None
    assert len(named) <= 100
    assert "\n" not in named
    assert (voice, forbidden) == (None, None)

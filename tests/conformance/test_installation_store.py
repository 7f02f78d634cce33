"""What every store of installations promises: one per place, the nearest is found, and who is expected back comes once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.workspaces import Installation
from tests.conformance.stores import StoreBench
from tests.factories import NOON


def of_team(**changes: Any) -> Installation:
    """Alice added the bot to her team."""
    installation = Installation(
        platform="slack",
        workspace="T1",
        enterprise=None,
        is_org=False,
        app="A1",
        bot_user="UBOT",
        bot="B1",
        scopes=("chat:write", "files:read"),
        token="xoxb-of-the-team-000",
        name="Team",
        installed_by="UALICE",
        installed_at=NOON,
    )
    return replace(installation, **changes)


def of_organisation(**changes: Any) -> Installation:
    """Somebody added it to a whole organisation."""
    whole: dict[str, Any] = {
        "workspace": None,
        "enterprise": "E1",
        "is_org": True,
        "name": "Organisation",
        "token": "xoxb-of-the-organisation-000",
    }
    return of_team(**{**whole, **changes})


async def test_an_installation_comes_back_as_it_was_saved(bench: StoreBench, elsewhere: StoreBench) -> None:
    """Whole, in whichever process, for a team and for an organisation; also where the platform told little."""
    sparse = of_team(workspace="T2", enterprise="E2", app=None, bot=None, scopes=(), name=None, installed_by=None)
    for each in (of_team(), of_organisation(), sparse):
        await bench.stores.installations.save(each)

    find = elsewhere.stores.installations.find

    assert await find("slack", "T1", None) == of_team()
    assert await find("slack", None, "E1") == of_organisation()
    assert await find("slack", "T2", "E2") == sparse


async def test_the_workspaces_own_goes_before_its_organisations(bench: StoreBench) -> None:
    """Whichever was saved first; without one of its own, the organisation's speaks for it."""
    own = of_team(enterprise="E1")
    for each in (own, of_organisation()):
        await bench.stores.installations.save(each)

    find = bench.stores.installations.find

    assert await find("slack", "T1", "E1") == own
    assert await find("slack", "T9", "E1") == of_organisation()
    assert await find("slack", None, "E1") == of_organisation()


async def test_a_workspace_is_found_without_its_organisation_and_by_no_other(bench: StoreBench) -> None:
    """A job knows its workspace; ids of workspaces are one of a kind, and nothing stands for another platform's."""
    own = of_team(enterprise="E1")
    for each in (own, of_organisation()):
        await bench.stores.installations.save(each)

    find = bench.stores.installations.find

    assert await find("slack", "T1", None) == own
    strangers = [("slack", "T9", None), ("slack", "T9", "E9"), ("slack", None, None), ("discord", "T1", "E1")]
    assert [await find(*stranger) for stranger in [*strangers, ("slack", "", "")]] == [None] * 5


async def test_adding_the_bot_once_more_replaces_what_was_there(bench: StoreBench) -> None:
    """Also when the workspace joined an organisation meanwhile: its former token is not kept beside the new one."""
    await bench.stores.installations.save(of_team())
    again = of_team(enterprise="E1", token="xoxb-another-000", scopes=("chat:write",), installed_at=NOON + timedelta(1))

    await bench.stores.installations.save(again)
    await bench.stores.installations.save(of_organisation())
    await bench.stores.installations.save(of_organisation(name="Renamed"))

    assert await bench.stores.installations.find("slack", "T1", None) == again
    assert await bench.stores.installations.all("slack") == [of_organisation(name="Renamed"), again]


async def test_all_are_those_of_one_platform_oldest_first(bench: StoreBench) -> None:
    days = [of_team(workspace=f"T{day}", installed_at=NOON + timedelta(day)) for day in (3, 1, 2)]
    for each in [*days, of_team(platform="elsewhere")]:
        await bench.stores.installations.save(each)

    assert [each.workspace for each in await bench.stores.installations.all("slack")] == ["T1", "T2", "T3"]
    assert await bench.stores.installations.all("discord") == []


async def test_what_is_forgotten_is_gone_and_the_other_of_the_two_stays(bench: StoreBench) -> None:
    """A workspace's own and its organisation's are revoked each by itself; saying so twice is harmless."""
    store = bench.stores.installations
    for each in (of_team(enterprise="E1"), of_team(workspace="T2"), of_organisation()):
        await store.save(each)

    assert await store.forget("slack", "T1", "E1")
    assert await store.find("slack", "T1", "E1") == of_organisation()
    assert not await store.forget("slack", "T1", "E1")

    assert await store.forget("slack", "T1", "E1", org_wide=True)
    assert await store.find("slack", "T1", "E1") is None
    assert await store.all("slack") == [of_team(workspace="T2")]


@pytest.mark.parametrize("place", [(None, None), (None, "E1"), ("", ""), ("T9", "E1")])
async def test_forgetting_nothing_in_particular_forgets_nothing(
    bench: StoreBench, place: tuple[str | None, str | None]
) -> None:
    """An event without the ids it should have must not erase somebody's access."""
    store = bench.stores.installations
    for each in (of_team(), of_organisation()):
        await store.save(each)

    assert not await store.forget("slack", *place)
    assert not await store.forget("slack", place[0], None, org_wide=True)

    assert len(await store.all("slack")) == 2


def test_an_installation_belongs_to_a_workspace_or_to_a_whole_organisation() -> None:
    """Neither both nor none."""
    for wrong in ({"workspace": None}, {"is_org": True}, {"workspace": None, "is_org": True, "enterprise": None}):
        with pytest.raises(ValueError, match="one workspace"):
            of_team(**wrong)


async def test_whoever_began_comes_back_once(bench: StoreBench, elsewhere: StoreBench) -> None:
    """Of many who say the same state at once, one is believed, in whichever process."""
    stores = (bench.stores.installations, elsewhere.stores.installations)
    later = bench.clock.now() + timedelta(minutes=10)
    await stores[0].issue_state("state-1", later)
    await stores[1].issue_state("state-2", later)

    believed = await asyncio.gather(*(each.consume_state("state-1", bench.clock.now()) for each in stores * 3))

    assert sorted(believed) == [False] * 5 + [True]
    assert await stores[0].consume_state("state-2", bench.clock.now())
    assert not await stores[0].consume_state("never-issued", bench.clock.now())


async def test_whoever_comes_back_too_late_is_not_expected_any_more(bench: StoreBench) -> None:
    """To the second, and for good: a clock that goes back opens nothing."""
    store = bench.stores.installations
    now = bench.clock.now()
    await store.issue_state("state-1", now + timedelta(minutes=10))
    await store.issue_state("state-2", now + timedelta(minutes=10))

    assert await store.consume_state("state-1", now + timedelta(minutes=9, seconds=59))
    assert not await store.consume_state("state-2", now + timedelta(minutes=10))
    assert not await store.consume_state("state-2", now)

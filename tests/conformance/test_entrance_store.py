"""What every entrance store owes the front desk: who is blocked, where money may be spent, how limits stand, on one view."""

from __future__ import annotations

from dataclasses import replace

from bot.jobs.model import Requester
from bot.money.limits import Limit, Period
from bot.workspaces import Permission
from tests.conformance.stores import StoreBench

BOB = Requester(platform="slack", workspace="T1", user="U2", channel="C1", roles=("T1",))


async def test_a_workspace_that_nobody_asked_from_is_unknown(bench: StoreBench) -> None:
    """It is not noted by being looked at."""
    found = await bench.stores.entrances.look(BOB)

    assert found.permission is None
    assert not found.is_blocked
    assert await bench.stores.workspaces.all() == []


async def test_what_an_operator_decides_is_seen_at_once(bench: StoreBench) -> None:
    """A permission, a block, and that it was lifted."""
    await bench.stores.workspaces.put("slack", "T1", Permission.ALLOWED)
    allowed = await bench.stores.entrances.look(BOB)
    await bench.stores.workspaces.block(BOB.person)
    blocked = await bench.stores.entrances.look(BOB)
    await bench.stores.workspaces.unblock(BOB.person)
    lifted = await bench.stores.entrances.look(BOB)

    assert allowed.permission is Permission.ALLOWED
    assert (allowed.is_blocked, blocked.is_blocked, lifted.is_blocked) == (False, True, False)


async def test_the_operators_own_are_always_allowed(bench: StoreBench) -> None:
    """They leave no row."""
    own = replace(BOB, platform="cli", workspace="local", user="local")

    assert (await bench.stores.entrances.look(own)).permission is Permission.ALLOWED


async def test_standings_are_the_ledgers_own(bench: StoreBench) -> None:
    """The same figures, with what was stored a moment ago."""
    await bench.stores.limits.put(Limit(scope="role:slack:T1:T1", period=Period.DAY, jobs=3))

    found = await bench.stores.entrances.look(BOB)

    assert list(found.standings) == await bench.stores.ledger.standings(BOB)
    [own] = [each for each in found.standings if each.scope.startswith("user:") and each.period is Period.DAY]
    assert own.limit_jobs == 3

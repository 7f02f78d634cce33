"""Three hundred jobs, one web, three workers: killed, frozen, cut off, and the database restarted meanwhile."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cluster.books import Books
from tests.cluster.town import PRICE_USD, Town, Wire

JOBS = 300
FIT = 280
"""What the installation's budget has room for."""
FROZEN_S = 60.0
FAILOVER_S = 30.0
PATIENCE_S = 240.0

pytestmark = [pytest.mark.crash, pytest.mark.xdist_group("cluster")]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    there = Town(tmp_path, installation_monthly_usd=f"{FIT * PRICE_USD:.2f}")
    yield there
    there.end()


async def until_none(town: Town, statement: str, *, patience_s: float) -> float:
    """Seconds until a count is nought."""
    began = time.monotonic()
    while (left := await asyncio.to_thread(town.ask, statement)) != [(0,)]:
        assert time.monotonic() - began < patience_s, f"still {left} after {patience_s} s"
        await asyncio.sleep(0.25)
    return time.monotonic() - began


def under_way_at(worker: int) -> str:
    """A question: how many jobs this worker has in hand."""
    return f"SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing' AND worker_id = {worker}"


async def at_least(town: Town, statement: str, count: int) -> None:
    """Wait until a count is that high."""
    deadline = time.monotonic() + PATIENCE_S
    while (await asyncio.to_thread(town.ask, statement))[0][0] < count:
        assert time.monotonic() < deadline, statement
        await asyncio.sleep(0.1)


async def test_nothing_is_lost_paid_twice_or_overspent_whatever_befalls_the_members(town: Town) -> None:
    """Every job is delivered, refused by its budget or honestly unconfirmed; the dead one's go on elsewhere within 30 s."""
    async with Wire(town.server.port) as wire:
        web = town.start("web", "web")
        url = str((await web.told())["url"])
        workers: dict[str, int] = {}
        for name in ("anna", "bert", "carl"):
            known = town.worker_ids()
            member = town.start(name, "worker", database_port=wire.port if name == "carl" else None)
            await member.told()
            workers[name] = await asyncio.to_thread(town.worker_id, known)
        timeout = httpx.Timeout(60)
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=timeout) as client:
            few = asyncio.Semaphore(16)

            async def order(number: int) -> str:
                async with few:
                    return await town.order(number, client)

            orders = [asyncio.create_task(order(number)) for number in range(JOBS)]

            await at_least(town, under_way_at(workers["anna"]), 10)
            town.members["anna"].end(signal.SIGKILL)
            killed = await until_none(town, under_way_at(workers["anna"]), patience_s=FAILOVER_S + 5)

            await at_least(town, under_way_at(workers["bert"]), 10)
            town.members["bert"].send(signal.SIGSTOP)
            asleep = time.monotonic()
            frozen = await until_none(town, under_way_at(workers["bert"]), patience_s=FAILOVER_S + 5)
            cut = wire.cut()
            await asyncio.to_thread(town.server.stop)
            await asyncio.sleep(3)
            await asyncio.to_thread(town.server.start)
            again = town.start("dora", "worker")
            await again.told()
            await asyncio.sleep(max(0.0, FROZEN_S - (time.monotonic() - asleep)))
            town.members["bert"].send(signal.SIGCONT)

            answers = await asyncio.gather(*orders)
        ended = "state IN ('delivered', 'undelivered', 'failed', 'cancelled', 'unconfirmed')"
        await until_none(town, f"SELECT count(*) FROM jobs WHERE NOT {ended}", patience_s=PATIENCE_S)
        stopped = [await asyncio.to_thread(town.members[name].end) for name in ("web", "bert", "carl", "dora")]

    books = await asyncio.to_thread(Books.read, town)
    print(f"\nfailover after SIGKILL {killed:.1f} s, after SIGSTOP {frozen:.1f} s; {cut} connections cut\n{books}")
    allowed = {"delivered", "unconfirmed", "failed: limit_reached"}
    assert set(books.states) <= allowed
    assert books.states["delivered"] >= FIT - books.states["unconfirmed"]
    assert max(books.accepted.values()) == 1, "a create was accepted twice"
    assert set(books.accepted) <= set(books.attempts), "something was ordered that nobody wrote down"
    assert sum(books.states.values()) + answers.count("limit_reached") == JOBS
    assert books.billed_micro_usd <= books.booked_micro_usd <= round(FIT * PRICE_USD * 1_000_000)
    assert books.unequal == []
    assert books.most_at_once <= 40
    assert set(books.posts.values()) == {1}
    assert max(killed, frozen) <= FAILOVER_S
    assert stopped == [0, 0, 0, 0]

"""The board of cards: edited no faster than a chat likes, tried again when it fails, and always drawn in the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.cards.board import RETRIES_S, CardBoard
from bot.errors import DeliveryDelayed
from bot.jobs.model import Job
from bot.jobs.states import State
from bot.ports import JobCard, MessageRef
from tests.fakes.courier import FakeCourier
from tests.house import House, a_house
from tests.patience import PATIENCE_S


class SlowChat(FakeCourier):
    """Likes an edit every three seconds, and may fail."""

    edit_every_s = 3.0
    errors: list[Exception]

    async def show(self, card: JobCard, at: MessageRef | None) -> MessageRef | None:
        if self.errors:
            raise self.errors.pop(0)
        return await super().show(card, at)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as found:
        yield found


@pytest.fixture
def chat(house: House, tmp_path: Path) -> SlowChat:
    chat = SlowChat(tmp_path)
    chat.errors = []
    return chat


@pytest.fixture
def board(house: House, chat: SlowChat) -> CardBoard:
    return CardBoard(replace(house.app.desk, couriers={"judge": chat}))


def states(chat: SlowChat) -> list[str]:
    """What the cards said, in order."""
    return [card.state for card in chat.cards]


def later(job: Job, state: State, version: int) -> Job:
    """The job after some moves."""
    return replace(job, state=state, version=version)


async def a_while(house: House, seconds: float) -> None:
    """Let time pass, and whoever waits for the database go on."""
    await house.clock.advance(seconds)
    await asyncio.sleep(0.05)


async def until(look: Callable[[], object]) -> None:
    """The database takes its own time, however little of ours passes."""
    async with asyncio.timeout(PATIENCE_S):
        while not look():  # noqa: ASYNC110 - nobody tells when the database is done
            await asyncio.sleep(0.01)


async def test_what_changes_quickly_is_drawn_together(house: House, board: CardBoard, chat: SlowChat) -> None:
    """Between two edits the chat's own pace is kept, and only the newest is shown."""
    job = await house.ask()

    board.changed(job)
    await a_while(house, 0.1)
    for version, state in ((2, State.QUEUED), (3, State.SUBMITTING), (4, State.RENDERING)):
        board.changed(later(job, state, version))
        await a_while(house, 0.1)
    assert states(chat) == ["received"]

    await a_while(house, 3.0)
    assert states(chat) == ["received", "rendering"]


@pytest.mark.parametrize("state", [State.FAILED, State.QUOTED])
async def test_what_a_person_waits_for_is_shown_at_once(
    house: House, board: CardBoard, chat: SlowChat, state: State
) -> None:
    """How it ended, and a price to say yes to, do not wait for the pace."""
    job = await house.ask()
    board.changed(job)
    await a_while(house, 0.1)

    board.changed(later(job, state, 2))
    await a_while(house, 0.1)

    assert states(chat) == ["received", state.value]


async def test_a_card_that_could_not_be_shown_is_tried_again(house: House, board: CardBoard, chat: SlowChat) -> None:
    """The final state always arrives; what is newer meanwhile takes its place."""
    job = await house.ask()
    chat.errors = [DeliveryDelayed("down"), DeliveryDelayed("down")]
    board.changed(later(job, State.QUEUED, 2))
    await a_while(house, 0.1)
    board.changed(later(job, State.FAILED, 3))

    for pause in RETRIES_S[:3]:
        await a_while(house, pause)

    assert states(chat) == ["failed"]


async def test_a_chat_may_ask_for_a_longer_pause(house: House, board: CardBoard, chat: SlowChat) -> None:
    """Its word counts, not our own schedule."""
    job = await house.ask()
    chat.errors = [DeliveryDelayed("slow down", retry_after_s=60.0)]
    board.changed(later(job, State.FAILED, 2))
    await until(lambda: not chat.errors and house.clock.sleepers)
    await a_while(house, 30)
    assert states(chat) == []

    await a_while(house, 31)
    await until(lambda: states(chat))
    assert states(chat) == ["failed"]


async def test_a_clean_end_tries_once_more_and_does_not_hang(house: House, board: CardBoard, chat: SlowChat) -> None:
    """Cards that are being tried again are tried quickly while the process ends, and left to the next start then."""
    job = await house.ask()
    chat.errors = [DeliveryDelayed("down"), DeliveryDelayed("down")]
    board.changed(later(job, State.FAILED, 2))
    await a_while(house, 0.1)

    await board.settle(timeout_s=5.0)

    assert states(chat) == ["failed"]


async def test_an_erased_job_has_no_card(house: House, board: CardBoard, chat: SlowChat) -> None:
    """What was forgotten is not shown once more."""
    job = await house.ask()

    board.changed(replace(job, state=State.FAILED, erased_at=house.clock.now()))
    await a_while(house, 1)

    assert states(chat) == []

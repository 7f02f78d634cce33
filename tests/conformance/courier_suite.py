"""What every courier owes the tracker. A new one subclasses `CourierSuite` and gives it a `CourierBench`."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from dataclasses import replace

import pytest

from bot.errors import BadInput, DeliveryDelayed, DeliveryRefused, DeliveryUnclear, Fenced
from bot.ids import new_id
from bot.jobs.model import InputRef, Requester
from bot.ports import Checkpoint, Courier, JobCard, MediaStore, Parcel, Receipt
from tests.factories import ALICE

PATIENCE = 10
"""Tries a delivery may take before the suite calls it lost."""


class CourierBench(ABC):
    """A courier under test, and a platform whose misfortunes can be chosen."""

    courier: Courier
    store: MediaStore
    asker: Requester = ALICE
    """Whose cards are shown."""

    @abstractmethod
    async def parcel(self, trouble: str = "") -> Parcel:
        """A clip for a place of its own. `trouble`: empty, `lost-answer`, `lost-answer-and-cannot-tell`, `refuses`, `delays`,
        `unreachable`: what happens to its first post."""

    @abstractmethod
    def posted(self, parcel: Parcel) -> int:
        """How many messages with this clip the platform shows."""

    @abstractmethod
    def attachment(self, *, gone: bool = False) -> InputRef:
        """A picture somebody sent."""

    @abstractmethod
    def cards(self, card: JobCard) -> list[str]:
        """The texts of every message that shows this card, oldest message first."""


class Tracker:
    """Keeps a delivery's checkpoint as the product does, and goes on from it."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier
        self.saved: list[Checkpoint] = []

    async def save(self, checkpoint: Checkpoint) -> None:
        assert json.loads(json.dumps(checkpoint)) == checkpoint
        await asyncio.sleep(0)
        self.saved.append(checkpoint)

    async def deliver(self, parcel: Parcel) -> Receipt:
        """One try, from the last checkpoint."""
        return await self._courier.deliver(self.resumed(parcel), self.save)

    async def deliver_at_last(self, parcel: Parcel) -> Receipt:
        """Try until it is delivered; what means "never" or "unclear" passes."""
        for _ in range(PATIENCE):
            try:
                return await self.deliver(parcel)
            except (DeliveryRefused, DeliveryUnclear):
                raise
            except Exception:
                continue
        raise AssertionError("never delivered")

    def resumed(self, parcel: Parcel) -> Parcel:
        return replace(parcel, checkpoint=self.saved[-1]) if self.saved else parcel


class CourierSuite:
    """Every test is a sentence about any courier."""

    @pytest.fixture
    def bench(self) -> CourierBench:
        raise NotImplementedError

    @pytest.fixture
    def tracker(self, bench: CourierBench) -> Tracker:
        return Tracker(bench.courier)

    async def test_a_clip_is_posted_once(self, bench: CourierBench, tracker: Tracker) -> None:
        parcel = await bench.parcel()

        receipt = await tracker.deliver(parcel)

        assert receipt.place
        assert receipt.reference
        assert bench.posted(parcel) == 1

    async def test_the_intention_is_saved_before_the_post(self, bench: CourierBench) -> None:
        parcel = await bench.parcel()
        posted_before: list[int] = []

        async def save(checkpoint: Checkpoint) -> None:
            posted_before.append(bench.posted(parcel))

        await bench.courier.deliver(parcel, save)

        assert posted_before[0] == 0

    async def test_whoever_lost_the_job_posts_nothing(self, bench: CourierBench) -> None:
        parcel = await bench.parcel()

        async def save(checkpoint: Checkpoint) -> None:
            raise Fenced("not ours any more")

        with pytest.raises(Fenced):
            await bench.courier.deliver(parcel, save)

        assert bench.posted(parcel) == 0

    async def test_a_delivery_resumed_after_its_post_is_not_posted_again(
        self, bench: CourierBench, tracker: Tracker
    ) -> None:
        parcel = await bench.parcel()
        first = await tracker.deliver(parcel)

        again = await tracker.deliver(parcel)

        assert again == first
        assert bench.posted(parcel) == 1

    async def test_a_lost_answer_is_looked_for(self, bench: CourierBench, tracker: Tracker) -> None:
        parcel = await bench.parcel("lost-answer")

        await tracker.deliver_at_last(parcel)

        assert bench.posted(parcel) == 1

    async def test_where_nobody_can_tell_it_says_so_and_never_posts_again(
        self, bench: CourierBench, tracker: Tracker
    ) -> None:
        parcel = await bench.parcel("lost-answer-and-cannot-tell")

        for _ in range(3):
            with pytest.raises(DeliveryUnclear):
                await tracker.deliver_at_last(parcel)

        assert bench.posted(parcel) == 1

    async def test_a_refusal_posts_nothing(self, bench: CourierBench, tracker: Tracker) -> None:
        parcel = await bench.parcel("refuses")

        with pytest.raises(DeliveryRefused):
            await tracker.deliver(parcel)

        assert bench.posted(parcel) == 0

    @pytest.mark.parametrize("trouble", ["delays", "unreachable"])
    async def test_a_delay_posts_nothing_and_passes(self, bench: CourierBench, tracker: Tracker, trouble: str) -> None:
        parcel = await bench.parcel(trouble)

        with pytest.raises(DeliveryDelayed):
            await tracker.deliver(parcel)

        assert bench.posted(parcel) == 0
        await tracker.deliver_at_last(parcel)
        assert bench.posted(parcel) == 1

    @pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 25, 40])
    async def test_interrupted_anywhere_it_is_posted_once(
        self, bench: CourierBench, tracker: Tracker, steps: int
    ) -> None:
        parcel = await bench.parcel()
        interrupted = asyncio.ensure_future(tracker.deliver(parcel))
        for _ in range(steps):
            await asyncio.sleep(0.0002)
        interrupted.cancel()
        await asyncio.gather(interrupted, return_exceptions=True)

        await tracker.deliver_at_last(parcel)

        assert bench.posted(parcel) == 1

    async def test_a_card_is_posted_once_and_then_edited(self, bench: CourierBench) -> None:
        card = JobCard(job_id=new_id(), version=1, requester=bench.asker, state="queued", headline="In line.")
        later = JobCard(job_id=card.job_id, version=2, requester=bench.asker, state="delivered", headline="Done.")

        at = await bench.courier.show(card, None)
        assert await bench.courier.show(later, at) == at

        assert len(shown := bench.cards(card)) == 1
        assert "Done." in shown[0]

    async def test_a_picture_is_collected_into_the_store(self, bench: CourierBench) -> None:
        asset = await bench.courier.collect(bench.attachment())

        assert asset.size_bytes > 0
        assert await bench.store.size(asset.id) == asset.size_bytes

    async def test_a_picture_that_is_gone_is_bad_input(self, bench: CourierBench) -> None:
        with pytest.raises(BadInput):
            await bench.courier.collect(bench.attachment(gone=True))

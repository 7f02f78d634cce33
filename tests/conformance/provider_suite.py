"""What every provider owes the tracker. A new one subclasses `ProviderSuite` and gives it a `ProviderBench`."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.errors import Fenced, NotAllowed, Refused
from bot.jobs.model import Asset, Submission
from bot.money.amount import Money
from bot.ports import Accepted, Cancelled, CheckResult, Failed, Found, NotThere, Provider, Rendering, Succeeded, Unknown
from bot.ports import SubmitRequest as Order
from tests.factories import a_submission, a_submit_request

PATIENCE_S = 30.0


class ProviderBench(ABC):
    """A provider under test and what the suite needs around it."""

    provider: Provider
    asset: Asset
    """A picture the provider can host."""

    @abstractmethod
    async def fetch(self, url: str, into: Path) -> None:
        """Download a result as the product would."""

    @abstractmethod
    def is_clip(self, path: Path) -> bool:
        """Whether this is the provider's idea of a finished video."""

    async def order(self, **changes: object) -> Order:
        """A valid attempt at the default model; every attempt hosts its own input."""
        model = self.provider.models()[0]
        return a_submit_request(await self.provider.host(self.asset), **({"model": model.slug} | changes))

    def submission(self, order: Order) -> Submission:
        """What is written down of an attempt that is sent about now."""
        return a_submission(order, provider=self.provider.name, started_at=datetime.now(UTC))

    async def place(self, order: Order) -> Accepted:
        """Submit, with nothing to do before the send."""
        return await self.provider.submit(order, _nothing)

    async def end_of(self, provider_job_id: str) -> CheckResult:
        """Ask until the render has ended."""
        async with asyncio.timeout(PATIENCE_S):
            while isinstance(result := await self.provider.check(provider_job_id), Rendering):
                assert result.progress is None or 0 <= result.progress <= 1
                await asyncio.sleep(0.02)
        return result


class ProviderSuite:
    """Every test is a sentence about any provider."""

    @pytest.fixture
    def bench(self) -> ProviderBench:
        raise NotImplementedError

    async def test_it_fits_the_protocol(self, bench: ProviderBench) -> None:
        assert isinstance(bench.provider, Provider)
        assert bench.provider.name

    async def test_its_catalogue_is_consistent(self, bench: ProviderBench) -> None:
        """Every default can be ordered, and every order has a price before the work."""
        models = bench.provider.models()

        assert models
        assert len({model.slug for model in models}) == len(models)
        for model in models:
            assert model.provider == bench.provider.name
            assert model.default_duration_s in model.durations_s
            assert model.default_resolution in model.resolutions
            for duration_s in model.durations_s:
                for resolution in model.resolutions:
                    price = model.price.price(duration_s=duration_s, resolution=resolution)
                    assert isinstance(price, Money)
                    assert price >= 0

    async def test_it_says_once_when_it_is_about_to_send(self, bench: ProviderBench) -> None:
        called = 0

        async def about_to_send() -> None:
            nonlocal called
            called += 1

        accepted = await bench.provider.submit(await bench.order(), about_to_send)

        assert called == 1
        assert accepted.provider_job_id

    @pytest.mark.parametrize("objection", [Fenced("not ours"), RuntimeError("anything"), asyncio.CancelledError()])
    async def test_an_objection_right_before_the_send_prevents_it(
        self, bench: ProviderBench, objection: BaseException
    ) -> None:
        order = await bench.order()

        async def about_to_send() -> None:
            raise objection

        with pytest.raises(type(objection)) as raised:
            await bench.provider.submit(order, about_to_send)

        assert raised.value is objection
        assert await bench.provider.find(bench.submission(order)) == NotThere()

    async def test_two_attempts_with_one_picture_are_told_apart(self, bench: ProviderBench) -> None:
        first, second = await bench.order(), await bench.order()

        accepted = await bench.place(first)

        assert await bench.provider.find(bench.submission(first)) == Found(provider_job_id=accepted.provider_job_id)
        assert await bench.provider.find(bench.submission(second)) == NotThere()

    async def test_a_render_ends_with_a_clip_that_can_be_fetched(self, bench: ProviderBench, tmp_path: Path) -> None:
        accepted = await bench.place(await bench.order())

        result = await bench.end_of(accepted.provider_job_id)

        assert isinstance(result, Succeeded)
        await bench.fetch(result.url, tmp_path / "clip.mp4")
        assert bench.is_clip(tmp_path / "clip.mp4")

    async def test_asking_again_changes_nothing(self, bench: ProviderBench) -> None:
        accepted = await bench.place(await bench.order())

        first = await bench.end_of(accepted.provider_job_id)

        assert await bench.provider.check(accepted.provider_job_id) == first

    @pytest.mark.parametrize("stranger", ["nobody-knows-this", "../../etc/passwd", "", "0"])
    async def test_an_id_it_does_not_know_is_unknown(self, bench: ProviderBench, stranger: str) -> None:
        assert isinstance(await bench.provider.check(stranger), Unknown)
        assert await bench.provider.cancel(stranger) is False

    async def test_a_cancelled_render_ends(self, bench: ProviderBench) -> None:
        accepted = await bench.place(await bench.order())

        taken = await bench.provider.cancel(accepted.provider_job_id)

        result = await bench.end_of(accepted.provider_job_id)
        assert isinstance(result, Cancelled | Succeeded | Failed) if taken else isinstance(result, Succeeded | Failed)

    async def test_what_has_ended_cannot_be_cancelled(self, bench: ProviderBench) -> None:
        accepted = await bench.place(await bench.order())
        ended = await bench.end_of(accepted.provider_job_id)

        assert await bench.provider.cancel(accepted.provider_job_id) is False
        assert await bench.provider.check(accepted.provider_job_id) == ended

    async def test_a_model_it_does_not_have_is_refused(self, bench: ProviderBench) -> None:
        order = await bench.order(model="no/such-model")

        with pytest.raises(Refused) as raised:
            await bench.place(order)

        assert raised.value.about == "model"
        assert await bench.provider.find(bench.submission(order)) == NotThere()

    async def test_its_balance_is_money_or_nothing(self, bench: ProviderBench) -> None:
        balance = await bench.provider.balance()

        assert balance is None or isinstance(balance, Money)

    async def test_a_webhook_without_proof_is_refused(self, bench: ProviderBench) -> None:
        with pytest.raises(NotAllowed):
            bench.provider.read_webhook({}, b'{"id": "x", "status": "succeeded"}')


async def _nothing() -> None:
    pass

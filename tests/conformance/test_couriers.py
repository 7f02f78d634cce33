"""The judge's courier passes the suite that every courier passes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.ids import new_id
from bot.jobs.model import AssetKind, InputRef
from bot.ports import JobCard, Parcel
from storage.media_store import ObjectMediaStore
from tests.conformance.courier_suite import CourierBench, CourierSuite
from tests.emulators.processes import JudgeProcess, chat_judge
from tests.factories import ALICE, a_clip, a_parcel, a_requester
from tests.fakes.judge_courier import JudgeCourier, place_of

MARKERS = {
    "": "",
    "lost-answer": "[lost-answer]",
    "lost-answer-and-cannot-tell": "[lost-answer][cannot-search][no-nonce]",
    "refuses": "[refuses]",
    "delays": "[delays:1]",
    "unreachable": "[reset-before]",
}


class JudgeBench(CourierBench):
    def __init__(self, judge: JudgeProcess, folder: Path) -> None:
        self._judge = judge
        self._folder = folder
        self.store = ObjectMediaStore((folder / "media").as_uri())
        self.courier = JudgeCourier(judge.port, self.store)

    async def parcel(self, trouble: str = "") -> Parcel:
        source = self._folder / "clip.mp4"
        source.write_bytes(b"a clip")
        asset = await self.store.put(source, AssetKind.CLIP, "video/mp4")
        return a_parcel(
            requester=a_requester(channel=f"room-{new_id()}{MARKERS[trouble]}"),
            clip=a_clip(asset_id=asset.id, size_bytes=asset.size_bytes),
            path=await self.store.local_path(asset.id),
        )

    def posted(self, parcel: Parcel) -> int:
        return sum(entry["filename"] == parcel.filename for entry in self._judge.events("posted"))

    def attachment(self, *, gone: bool = False) -> InputRef:
        return InputRef(source="judge", locator="picture[gone]" if gone else "picture")

    def cards(self, card: JobCard) -> list[str]:
        shown: dict[str, str] = {}
        for entry in self._judge.events("card-posted", "card-edited"):
            if entry["job_id"] == card.job_id:
                shown[entry["message_id"]] = entry["text"]
        return list(shown.values())


@pytest.fixture
def judge(tmp_path: Path) -> Iterator[JudgeProcess]:
    process = chat_judge(tmp_path)
    try:
        yield process.wait_until_listening()
    finally:
        process.stop()


@pytest.fixture
def bench(judge: JudgeProcess, tmp_path: Path) -> JudgeBench:
    return JudgeBench(judge, tmp_path)


class TestJudge(CourierSuite):
    @pytest.fixture
    def bench(self, judge: JudgeProcess, tmp_path: Path) -> Iterator[CourierBench]:
        yield JudgeBench(judge, tmp_path)
        assert judge.events("violation") == []


async def test_a_nonce_makes_the_second_post_the_first(bench: JudgeBench, judge: JudgeProcess) -> None:
    """The search does not see the post yet, as on a platform whose index lags: the nonce still does."""
    parcel = await bench.parcel()
    parcel = a_parcel(
        requester=a_requester(channel=f"{place_of(parcel.requester)}[lost-answer][search-lag:5]"),
        clip=parcel.clip,
        path=parcel.path,
        checkpoint={"stage": "posting", "nonce": "n-1"},
    )

    async def save(checkpoint: object) -> None:
        pass

    for _ in range(2):
        try:
            await bench.courier.deliver(parcel, save)
        except Exception:
            pass

    assert bench.posted(parcel) == 1
    assert len(judge.events("deduplicated")) == 1


async def test_a_clip_is_addressed_to_the_thread_else_the_channel_else_the_person() -> None:
    assert place_of(a_requester(thread="t", channel="c")) == "t"
    assert place_of(ALICE) == "room"
    assert place_of(a_requester(channel=None)) == "dm:alice"

"""Exports: whole, readable, and of nobody else."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bot.errors import BadPrompt, DiskFull
from bot.keeping import export as exporting
from bot.keeping.export import Extent
from bot.money.limits import Limit, Period
from bot.people import Role, TokenScope
from tests.factories import ALICE, BOB, MALLORY
from tests.house import House, a_house


async def three_clips(house: House) -> None:
    """One of Alice's, one of Bob's, one of Mallory's in another workspace."""
    for who in (ALICE, BOB, MALLORY):
        await house.run(await house.ask(requester=who, prompt=f"{who.user}'s wish"))


def read(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "export.json").read_text())
    return found


def users(document: dict[str, Any]) -> set[str]:
    return {job["requested_by"]["user"] for job in document["jobs"]}


@pytest.mark.parametrize(
    ("extent", "who"),
    [
        (Extent(person=ALICE.person), {"alice"}),
        (Extent(workspace="judge:team"), {"alice", "bob"}),
        (Extent(), {"alice", "bob", "mallory"}),
        (Extent(person="judge:team:nobody"), set()),
    ],
    ids=["person", "workspace", "everything", "nobody"],
)
async def test_an_export_holds_exactly_whom_it_is_of(tmp_path: Path, extent: Extent, who: set[str]) -> None:
    async with a_house(tmp_path) as house:
        await three_clips(house)

        done = await house.app.service.exporter.export(extent, tmp_path / "out")

        document = read(tmp_path / "out")
        assert users(document) == who
        assert (done.jobs, done.missing) == (len(who), [])
        kept = {path.name for path in (tmp_path / "out").glob("media/*")}
        assert kept == {Path(file["path"]).name for job in document["jobs"] for file in job["files"]}


async def test_every_file_is_there_byte_for_byte_and_every_job_in_its_public_shape(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await three_clips(house)

        await house.app.service.exporter.export(Extent(), tmp_path / "out")

        for job in read(tmp_path / "out")["jobs"]:
            shown = await house.app.service.describe(await house.app.service.actions.find(job["id"]))
            assert {name: job[name] for name in shown} == json.loads(json.dumps(shown))
            assert [event["state"] for event in job["events"]][-1] == "delivered"
            assert [entry["kind"] for entry in job["ledger"]] == ["hold", "settle"]
            for file in job["files"]:
                data = (tmp_path / "out" / file["path"]).read_bytes()
                assert (hashlib.sha256(data).hexdigest(), len(data)) == (file["sha256"], file["bytes"])


async def test_an_archive_holds_the_same_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await three_clips(house)

        await house.app.service.exporter.export(Extent(), tmp_path / "out")
        await house.app.service.exporter.export(Extent(), tmp_path / "out.zip")

        with zipfile.ZipFile(tmp_path / "out.zip") as archive:
            assert archive.testzip() is None
            names = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")}
            assert set(archive.namelist()) == names
        assert stat.S_IMODE((tmp_path / "out.zip").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700


async def test_a_persons_own_limit_and_block_are_told(tmp_path: Path) -> None:
    """What an operator set for them is theirs to know; others' is not."""
    async with a_house(tmp_path) as house:
        for who in (ALICE, BOB):
            limit = Limit(scope=f"user:{who.person}", period=Period.DAY, micro_usd=1_000_000, jobs=None)
            await house.app.stores.limits.put(limit)
        await house.app.stores.workspaces.block(ALICE.person)
        await house.app.stores.members.sign_in(ALICE.person, name="Alice", role=Role.MEMBER)
        _, secret = await house.app.stores.tokens.make(ALICE.person, [TokenScope.READ], by="api:admin", label="laptop")

        await house.app.service.exporter.export(Extent(person=ALICE.person), tmp_path / "out")

        document = read(tmp_path / "out")
        assert [each["scope"] for each in document["limits"]] == [f"user:{ALICE.person}"]
        assert document["blocked"] is True
        assert (document["signed_in"]["name"], document["signed_in"]["role"]) == ("Alice", "member")
        assert [each["label"] for each in document["tokens"]] == ["laptop"]
        assert secret not in json.dumps(document)


async def test_a_file_that_is_gone_is_named_as_missing(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        job = await house.run(await house.ask())
        assert job.output is not None
        await house.app.service.media.delete(job.output.asset_id)

        done = await house.app.service.exporter.export(Extent(), tmp_path / "out.zip")

        assert done.missing == [job.output.asset_id]


@pytest.mark.parametrize("name", ["out", "out.zip"])
async def test_what_is_there_already_is_never_written_over(tmp_path: Path, name: str) -> None:
    async with a_house(tmp_path) as house:
        (tmp_path / name).write_text("mine")

        with pytest.raises(BadPrompt, match="there already"):
            await house.app.service.exporter.export(Extent(), tmp_path / name)

        assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize("name", ["out", "out.zip"])
async def test_a_disk_that_fills_leaves_nothing_of_an_export(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_house(tmp_path) as house:
        await three_clips(house)
        before = set(tmp_path.iterdir())

        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(exporting.os, "fsync", full)
        with pytest.raises(DiskFull):
            await house.app.service.exporter.export(Extent(), tmp_path / name)

        assert set(tmp_path.iterdir()) == before

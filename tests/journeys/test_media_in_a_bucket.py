"""A whole installation whose pictures and clips lie in a bucket: nothing it does needs them on its own disk."""

from __future__ import annotations

import hashlib
import io
import re
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from adapters.media.hosting import SignedLinks
from bot.clock import SystemClock
from bot.jobs.model import Asset, AssetKind
from storage.asset_keys import key_of
from storage.secret_key import load_keys
from tests.emulators.s3 import s3
from tests.journeys.running import document, reelbot, server

pytestmark = pytest.mark.media

API = "/api/v1"
PUBLIC_URL = "https://reelbot.example"
TOKEN = "an-admin-token-of-thirty-two-characters"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A server, and what stands around it."""

    client: httpx.Client
    folder: Path
    bucket: str
    env: dict[str, str]

    def picture(self) -> bytes:
        """A small PNG."""
        file = io.BytesIO()
        Image.effect_mandelbrot((320, 320), (-2, -1.4, 1, 1.4), 60).convert("RGB").save(file, "PNG")
        return file.getvalue()

    def ask(self) -> dict[str, Any]:
        """A clip of the local renderer."""
        files = {"image": ("a.png", self.picture(), "image/png")}
        data = {"prompt": "zoom in", "resolution": "480p", "provider": "local"}
        return self.delivered(self.client.post(f"{API}/jobs", files=files, data=data))

    def from_it(self, job: dict[str, Any], **body: Any) -> dict[str, Any]:
        """Another clip from that one."""
        return self.delivered(self.client.post(f"{API}/jobs/{job['id']}/again", json=body))

    def delivered(self, accepted: httpx.Response) -> dict[str, Any]:
        """The job once it has ended as it should."""
        assert accepted.status_code == 202, accepted.text
        deadline = time.monotonic() + 60
        while True:
            job: dict[str, Any] = self.client.get(f"{API}/jobs/{accepted.json()['id']}").json()
            if job["state"] == "delivered":
                return job
            assert job["state"] not in ("failed", "cancelled"), job
            assert time.monotonic() < deadline, job
            time.sleep(0.1)

    def assets(self, job: dict[str, Any]) -> dict[str, str]:
        """The ids of a job's files, by their role."""
        with sqlite3.connect(self.folder / "data" / "reelbot.db", timeout=5) as connection:
            found = connection.execute(
                "SELECT role, asset_id FROM job_assets WHERE job_id = ?", (job["id"],)
            ).fetchall()
        connection.close()
        return dict(found)

    def kept(self) -> set[str]:
        """The keys in the bucket, below the URL's path."""
        return {key.removeprefix("studio/") for key in s3().look(self.bucket)}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, bucket = tmp_path_factory.mktemp("bucket"), s3().make_bucket()
    env = s3().environment | {
        "REELBOT_MEDIA_URL": f"s3://{bucket}/studio",
        "REELBOT_WEB__PUBLIC_URL": PUBLIC_URL,
        "REELBOT_WEB__ADMIN_TOKEN": TOKEN,
    }
    with server(folder, env=env) as (address, _):
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=address, timeout=30, headers=headers) as client:
            yield Site(client=client, folder=folder, bucket=bucket, env=env)


@pytest.fixture(scope="module")
def job(site: Site) -> dict[str, Any]:
    """A clip that was delivered."""
    return site.ask()


def test_the_clip_lies_in_the_bucket_and_not_on_this_machine(site: Site, job: dict[str, Any]) -> None:
    roles = site.assets(job)

    assert {"original", "image", "clip", "poster"} <= set(roles)
    assert {key_of(asset_id) for asset_id in roles.values()} <= site.kept()
    assert not (site.folder / "data" / "media").exists()
    assert job["output"]["path"] is None
    assert [each["method"] for each in job["deliveries"]] == ["gallery"]


def test_the_studio_plays_it_by_ranges(site: Site, job: dict[str, Any]) -> None:
    whole = site.client.get(job["output"]["url"])
    size = job["output"]["bytes"]

    piece = site.client.get(job["output"]["url"], headers={"Range": "bytes=100-1099"})
    tail = site.client.get(job["output"]["url"], headers={"Range": "bytes=-50"})
    past = site.client.get(job["output"]["url"], headers={"Range": f"bytes={size}-"})

    assert hashlib.sha256(whole.content).hexdigest() == job["output"]["sha256"]
    assert (piece.status_code, piece.headers["content-range"]) == (206, f"bytes 100-1099/{size}")
    assert piece.content == whole.content[100:1100]
    assert (tail.status_code, tail.content) == (206, whole.content[-50:])
    assert past.status_code == 416


def test_a_provider_is_given_the_picture_by_a_signed_link(site: Site, job: dict[str, Any]) -> None:
    links = SignedLinks(load_keys(None, site.folder / "data"), SystemClock(), PUBLIC_URL)
    image = Asset(id=site.assets(job)["image"], kind=AssetKind.IMAGE, size_bytes=1, content_type="image/jpeg")
    path = links.link(image, attempt_id="none", lives=timedelta(hours=2)).url.removeprefix(PUBLIC_URL)

    given = httpx.get(site.client.base_url.join(path))

    assert given.status_code == 200
    assert hashlib.sha256(given.content).hexdigest() == image.id


@pytest.mark.parametrize("relation", ["again", "extend", "loop"])
def test_another_clip_comes_of_it(site: Site, job: dict[str, Any], relation: str) -> None:
    """Again from the original; extended and looped from the clip, which the renderer reads as a file."""
    child = site.from_it(job, relation=relation)

    watched = site.client.get(child["output"]["url"])
    assert hashlib.sha256(watched.content).hexdigest() == child["output"]["sha256"]


def test_a_backup_takes_the_files_out_of_the_bucket_and_a_restore_puts_them_into_another(
    site: Site, job: dict[str, Any], tmp_path: Path
) -> None:
    archive, other = tmp_path / "reelbot.tar", s3().make_bucket()
    made = document(reelbot(site.folder, "backup", str(archive), "--json", env=site.env))

    restored = reelbot(
        tmp_path, "restore", str(archive), "--json", env=site.env | {"REELBOT_MEDIA_URL": f"s3://{other}/elsewhere"}
    )

    assert restored.returncode == 0, restored.stderr
    assert made["missing"] == []
    there = {key.removeprefix("elsewhere/") for key in s3().look(other)}
    assert {key_of(asset_id) for asset_id in site.assets(job).values()} <= there


def test_an_export_takes_them_out_too(site: Site, job: dict[str, Any], tmp_path: Path) -> None:
    done = reelbot(site.folder, "export", "--out", str(tmp_path / "all"), "--json", env=site.env)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "all" / "media" / f"{job['output']['sha256']}.mp4").is_file()


def test_a_finished_clip_is_written_where_the_command_line_wants_it(site: Site, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(site.picture())
    words = ("animate", str(tmp_path / "a.png"), "zoom in", "--resolution", "480p")

    written = reelbot(site.folder, *words, "--out", str(tmp_path / "clip.mp4"), env=site.env)
    kept = reelbot(site.folder, *words, "--seed", "9", env=site.env)

    assert written.returncode == 0, written.stderr
    assert (tmp_path / "clip.mp4").stat().st_size > 1000
    assert kept.returncode == 0, kept.stderr
    assert re.fullmatch(r"in the media store \(job [0-9a-f-]{36}\)\n", kept.stdout)


def test_while_the_bucket_is_away_that_is_said_and_nothing_is_lost(site: Site, job: dict[str, Any]) -> None:
    files = {"image": ("a.png", site.picture(), "image/png")}
    before = len(site.client.get(f"{API}/jobs").json()["jobs"])
    s3().lose("everything")
    try:
        asked = site.client.post(f"{API}/jobs", files=files, data={"prompt": "zoom in", "provider": "local"})
        watched = site.client.get(job["output"]["url"])
    finally:
        s3().lose("")

    assert (asked.status_code, watched.status_code) == (503, 503)
    assert asked.json()["detail"] == watched.json()["detail"] == "The media store cannot be reached at the moment."
    assert len(site.client.get(f"{API}/jobs").json()["jobs"]) == before
    assert site.client.get(job["output"]["url"]).status_code == 200


def test_what_is_deleted_leaves_the_bucket_once_nobody_can_be_about_to_name_it(site: Site) -> None:
    """An object passes for just put for half an hour, so only one that is older than an hour is removed."""
    job = site.ask()
    s3().ask(age=site.bucket, hours=2)
    gone = {key_of(site.assets(job)[role]) for role in ("clip", "poster")}
    assert gone <= site.kept()

    answer = site.client.delete(f"{API}/jobs/{job['id']}")

    assert answer.status_code == 200, answer.text
    assert site.client.get(f"{API}/jobs/{job['id']}/video").status_code in (404, 410)
    assert not gone & site.kept()

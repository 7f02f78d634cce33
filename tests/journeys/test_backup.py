"""An operator's way: back up beside a running server, restore elsewhere, look, resume; and what is refused, and how."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.journeys.running import ROOT, document, environment, reelbot, server

ROOM = {"backup": 400_000, "restore": 290_000}
"""Bytes a file may have: in a backup enough for the copy of the database and too few for the archive; in a restore too few
for what is put back."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in whose data directory a clip was made, and an archive of it."""
    folder = tmp_path_factory.mktemp("installed")
    Image.effect_mandelbrot((640, 480), (-2, -1.4, 1, 1.4), 60).convert("RGB").save(folder / "picture.png")
    made = reelbot(folder, "animate", str(folder / "picture.png"), "zoom in --480p")
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def archive(installed: Path) -> Path:
    """Of everything in it."""
    path = installed / "reelbot.tar"
    done = document(reelbot(installed, "backup", str(path), "--json"))
    assert (done["jobs"], done["with_media"], done["missing"]) == (1, True, [])
    return path


def test_from_a_running_server_to_a_held_one_and_on(installed: Path, tmp_path: Path) -> None:
    """The backup is taken beside the server; the restored one says that it is held, and why, wherever one looks."""
    target, elsewhere = tmp_path / "reelbot.tar", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with server(installed):
        backed_up = reelbot(installed, "backup", str(target), "--with-key")
    key = (installed / "data" / "secret-key").read_text()
    assert backed_up.returncode == 0, backed_up.stderr
    assert "1 job, 4 files of theirs" in backed_up.stdout

    restored = reelbot(elsewhere, "restore", str(target))

    assert (restored.returncode, "next start is held" in restored.stdout) == (0, True)
    assert (elsewhere / "data" / "secret-key").read_text() == key
    with server(elsewhere) as (url, _):
        ready = httpx.get(f"{url}/readyz", timeout=30)
        checks = {each["id"]: each for each in document(reelbot(elsewhere, "doctor", "--json"))["checks"]}
        job = httpx.get(f"{url}/api/v1/jobs", timeout=30).json()["jobs"][0]
        clip = httpx.get(f"{url}/api/v1/jobs/{job['id']}/video", timeout=30)
        assert (ready.status_code, "restored from a backup" in ready.json()["parts"]["held"]["what"]) == (503, True)
        assert (checks["held"]["status"], "reelbot resume" in checks["held"]["fix"]) == ("warn", True)
        assert (clip.status_code, len(clip.content)) == (200, job["output"]["bytes"])

        resumed = document(reelbot(elsewhere, "resume", "--json"))

        assert resumed == {"paused": [], "held": None}
        assert httpx.get(f"{url}/readyz", timeout=30).status_code == 200


def test_what_cannot_be_done_is_one_sentence_and_exit_code_2(installed: Path, archive: Path, tmp_path: Path) -> None:
    """A file that is there, a place that is not empty, an archive that was cut short."""
    cut = tmp_path / "cut.tar"
    cut.write_bytes(archive.read_bytes()[:-2000])
    fresh = tmp_path / "fresh"
    fresh.mkdir()

    refusals = [
        reelbot(installed, "backup", str(archive)),
        reelbot(installed, "restore", str(archive)),
        reelbot(fresh, "restore", str(cut)),
    ]

    assert [done.returncode for done in refusals] == [2, 2, 2]
    assert all(done.stderr.count("\n") == 1 and not done.stdout for done in refusals)
    sentences = ("is there already", "holds reelbot.db already", "was cut short")
    assert [word in done.stderr for word, done in zip(sentences, refusals, strict=True)] == [True] * 3
    assert not (fresh / "data").exists()


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_disk_that_fills_up_leaves_nothing(installed: Path, archive: Path, tmp_path: Path, command: str) -> None:
    """One sentence, exit code 75; with room again it works."""
    folder = tmp_path / "place"
    folder.mkdir()
    if command == "backup":
        shutil.copytree(installed / "data", folder / "data")
    target = folder / "new.tar" if command == "backup" else archive
    before = sorted(folder.rglob("*"))

    done = subprocess.run(
        [sys.executable, "-m", "bot.cli.main", command, str(target)],
        cwd=folder, env=environment(folder) | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=90,
        check=False,
        # A file size limit stands in for the disk. An archive outgrows it, and so does the clip in a restore.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM[command], ROOM[command])),
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (75, "", 1)
    assert "Free some space" in done.stderr or "no room" in done.stderr
    left = [path for path in sorted(folder.rglob("*")) if path not in before and path.is_file()]
    assert [path.name for path in left if path.name != "engine.lock"] == []
    assert reelbot(folder, command, str(target)).returncode == 0

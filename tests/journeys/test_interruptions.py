"""What happens to a render when its process is told to stop, or its disk fills up: real processes, real signals."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.journeys.running import ROOT, document, environment, reelbot, server, wait_for_state

ROOM = 600_000
"""Bytes a file may have: plenty for the database, too few for ten seconds of 1080p."""


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Noise: a small file that makes a large clip."""
    path = tmp_path / "picture.jpg"
    Image.effect_noise((960, 540), 80).convert("RGB").save(path, quality=80)
    return path


def test_a_server_told_to_stop_in_the_middle_of_a_render_ends_well(tmp_path: Path, picture: Path) -> None:
    """SIGTERM: exit code 0, no traceback, nothing lost: the next start delivers the clip."""
    with server(tmp_path) as (url, process):
        files = {"image": ("picture.jpg", picture.read_bytes(), "image/jpeg")}
        asked = httpx.post(f"{url}/api/v1/jobs", files=files, data={"prompt": "zoom in --10s --720p"}, timeout=60)
        wait_for_state(tmp_path, "rendering")
        process.send_signal(signal.SIGTERM)
        process.wait(40)

    assert (asked.status_code, process.returncode) == (202, 0)
    assert "Traceback" not in process.said
    with server(tmp_path):
        wait_for_state(tmp_path, "delivered")
    job = document(reelbot(tmp_path, "job", asked.json()["id"], "--json"))
    assert Path(job["output"]["path"]).stat().st_size == job["output"]["bytes"]


def test_a_disk_that_fills_up_in_the_middle_of_a_render(tmp_path: Path, picture: Path) -> None:
    """One sentence that says what to do, exit code 1, and nothing half-written; with room again it works."""
    command = [sys.executable, "-m", "bot.cli.main", "animate", str(picture), "zoom in --10s --1080p"]
    settings = environment(tmp_path) | {"PYTHONPATH": str(ROOT)}

    done = subprocess.run(
        command, cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=90, check=False,
        # A file size limit stands in for the disk: the kernel refuses the bytes in the middle of the render.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM)),
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "no room left on the disk to render the clip. Free some space" in done.stderr
    kept = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert not [path for path in kept if path.suffix == ".mp4" or "renders" in path.parts or "scratch" in path.parts]
    assert reelbot(tmp_path, "animate", str(picture), "zoom in --480p").returncode == 0

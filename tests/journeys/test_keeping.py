"""From a picture and a sound to a clip, what is made of it, and what is left in the end: real commands, real files."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import struct
import subprocess
import sys
import time
import wave
import zipfile
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from PIL import Image

from tests.journeys.running import ROOT, document, environment, reelbot, server

SMALL = ("--resolution", "480p")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory of its own for these tests, with a picture and a sound beside it."""
    folder = tmp_path_factory.mktemp("keeping")
    Image.effect_mandelbrot((480, 480), (-2, -1.4, 1, 1.4), 60).convert("RGB").save(folder / "a.png")
    with wave.open(str(folder / "a.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(22_050)
        tone = (int(12_000 * math.sin(at / 22_050 * 440 * 2 * math.pi)) for at in range(22_050 * 7))
        sound.writeframes(b"".join(struct.pack("<h", level) for level in tone))
    return folder


@pytest.fixture(scope="module")
def parent(home: Path) -> dict[str, Any]:
    """A delivered clip with a sound."""
    made = document(
        reelbot(home, "animate", "a.png", "zoom in on the lower left", *SMALL, "--audio", "a.wav", "--json")
    )
    assert made["state"] == "delivered", made
    found: dict[str, Any] = made
    return found


def streams(path: str) -> dict[str, float]:
    """Kind → seconds."""
    with av.open(path, format="mov") as container:
        return {each.type: float((each.duration or 0) * (each.time_base or 0)) for each in container.streams}


def test_a_sound_lies_under_the_clip_exactly_as_long_and_the_job_says_what_was_cut(parent: dict[str, Any]) -> None:
    found = streams(parent["output"]["path"])

    assert found["video"] == pytest.approx(5.0, abs=0.001)
    assert found["audio"] == pytest.approx(5.0, abs=0.03)
    assert parent["settings"]["audio"] is True
    assert any(said.startswith("Sound: cut from 7.0 s") for said in parent["adjustments"]), parent["adjustments"]


def test_a_loop_and_an_extension_play_and_know_where_they_come_from(home: Path, parent: dict[str, Any]) -> None:
    """The loop is a little shorter, the extension has one frame less than both together; each costs what it says."""
    loop = document(reelbot(home, "again", parent["id"], "--relation", "loop", "--json"))
    extended = document(
        reelbot(home, "again", parent["id"][:20], "--relation", "extend", "--prompt", "pan left", "--json")
    )

    for child, relation in ((loop, "loop"), (extended, "extend")):
        assert (child["state"], child["parent_id"], child["relation"]) == ("delivered", parent["id"], relation), child
    assert 4.0 < streams(loop["output"]["path"])["video"] < 5.0
    assert streams(extended["output"]["path"])["video"] == pytest.approx(10.0 - 1 / 24, abs=0.005)
    part = Path(extended["output"]["path"].replace(".mp4", "-part.mp4"))
    assert streams(str(part))["video"] == pytest.approx(5.0, abs=0.001)


def test_what_cannot_be_made_of_a_clip_is_one_sentence(home: Path, parent: dict[str, Any]) -> None:
    for words, code in (
        (("again", parent["id"], "--relation", "loop", "--prompt", "x"), "bad_prompt"),
        (("again", parent["id"], "--relation", "edit"), "bad_prompt"),
        (("again", "no-such-job"), "not_found"),
        (("animate", "a.png", "x", "--model", "loop"), "bad_prompt"),
        (("animate", "a.png", "x", "--draft"), "bad_prompt"),
    ):
        done = reelbot(home, *words, "--json")

        assert done.returncode in (1, 2), done
        assert document(done)["error"]["code"] == code
        assert "Traceback" not in done.stderr


def test_the_history_comes_as_a_table_for_a_spreadsheet(home: Path, parent: dict[str, Any]) -> None:
    """Filters narrow it; a prompt that begins like a formula is harmless."""
    today = parent["created_at"][:10]

    done = reelbot(home, "history", "lower", "--since", today, "--until", today, "--cost-max", "0", "--csv")

    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert parent["id"] in {row["id"] for row in rows}
    assert {row["charged_usd"] for row in rows} == {"0.00"}
    wrong = reelbot(home, "history", "--since", "yesterday", "--json")
    assert (wrong.returncode, document(wrong)["error"]["code"]) == (2, "bad_prompt")


def test_an_export_holds_the_clip_and_a_deleted_job_is_in_none(home: Path) -> None:
    """Exported while it is there; afterwards neither the history, nor an export, nor the disk knows of it."""
    job = document(reelbot(home, "animate", "a.png", "a secret swordfish", *SMALL, "--json"))
    first = document(reelbot(home, "export", "--user", "cli:local", "--out", "first.zip", "--json"))
    with zipfile.ZipFile(home / first["path"]) as archive:
        exported = {each["id"]: each for each in json.loads(archive.read("export.json"))["jobs"]}
        clip = next(file for file in exported[job["id"]]["files"] if file["role"] == "clip")
        assert len(archive.read(clip["path"])) == job["output"]["bytes"]

    refused = reelbot(home, "delete", job["id"], "--json")
    done = document(reelbot(home, "delete", job["id"], "--yes", "--json"))

    assert (refused.returncode, document(refused)["error"]["code"]) == (2, "bad_prompt")
    assert (done["erased"], done["files_left"]) == (1, 0)
    assert reelbot(home, "job", job["id"]).returncode == 1
    assert document(reelbot(home, "history", "swordfish", "--json"))["jobs"] == []
    left = b"".join(path.read_bytes() for path in (home / "data").rglob("*") if path.is_file())
    assert b"a secret swordfish" not in left, "the words stand nowhere in the files, free pages included"
    assert not Path(job["output"]["path"]).exists()


def test_a_disk_that_is_nearly_full_takes_no_new_jobs(home: Path) -> None:
    done = reelbot(home, "animate", "a.png", "x", *SMALL, "--json", env={"REELBOT_DISK__MIN_FREE_MB": str(10**9)})

    assert done.returncode == 75
    error = document(done)["error"]
    assert (error["code"], "kept free" in error["message"]) == ("disk_full", True)


def test_a_person_is_forgotten_and_the_answer_says_what_remains(tmp_path: Path, home: Path) -> None:
    (tmp_path / "a.png").write_bytes((home / "a.png").read_bytes())
    document(reelbot(tmp_path, "animate", "a.png", "a secret swordfish", *SMALL, "--json"))
    for path in (tmp_path / "data" / "media").glob("??/*"):
        os.utime(path, (1, 1))

    done = document(reelbot(tmp_path, "delete-user", "cli:local", "--yes", "--json"))

    assert (done["erased"], done["files_left"], done["under_way"]) == (1, 0, [])
    assert any("ledger" in sentence for sentence in done["remains"])
    assert not list((tmp_path / "data" / "media").glob("??/*"))
    assert not list((tmp_path / "data" / "clips").iterdir())
    swept = reelbot(tmp_path, "sweep", "--json")
    assert (swept.returncode, document(swept)["orphans"]) == (0, 0)


def test_over_http_a_job_is_made_again_deleted_while_it_runs_and_listed_as_a_table(tmp_path: Path, home: Path) -> None:
    api = "/api/v1/jobs"
    with server(tmp_path) as (address, _), httpx.Client(base_url=address, timeout=60) as client:
        files = {"image": (home / "a.png").read_bytes(), "audio": (home / "a.wav").read_bytes()}
        asked = client.post(api, files=files, data={"prompt": "zoom in", "resolution": "480p"})
        assert asked.status_code == 202, asked.text
        parent = _ended(client, asked.json()["id"])
        assert parent["state"] == "delivered"

        again = client.post(f"{api}/{parent['id']}/again", json={"relation": "edit", "settings": {"camera": "orbit"}})
        twice = client.post(f"{api}/{parent['id']}/again", json={"relation": "edit", "settings": {"camera": "orbit"}})
        deleted = client.delete(f"{api}/{again.json()['id']}")

        assert (again.status_code, twice.json()["id"]) == (202, again.json()["id"])
        assert deleted.status_code == 200
        deadline = time.monotonic() + 60
        while client.get(f"{api}/{again.json()['id']}").status_code != 404:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert [job["id"] for job in client.get(api).json()["jobs"]] == [parent["id"]]
        table = client.get(f"{api}.csv", params={"q": "zoom"})
        assert table.headers["content-type"].startswith("text/csv")
        assert len(list(csv.reader(io.StringIO(table.text)))) == 2
        for body in ({"relation": "sideways"}, {"prompt": 7}, {"settings": {"nonsense": 1}}):
            assert client.post(f"{api}/{parent['id']}/again", json=body).status_code == 422
        loop = client.post(f"{api}/{parent['id']}/again", json={"relation": "loop"}).json()
        assert _ended(client, loop["id"])["state"] == "delivered"


def _ended(client: httpx.Client, job_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 90
    while True:
        job: dict[str, Any] = client.get(f"/api/v1/jobs/{job_id}").json()
        if job["state"] in ("delivered", "undelivered", "failed", "cancelled"):
            return job
        assert time.monotonic() < deadline, job
        time.sleep(0.1)


def test_of_two_commands_at_once_the_second_goes_on_when_the_firsts_engine_ends(tmp_path: Path, home: Path) -> None:
    """Nobody else runs one: whoever waits for a clip takes it over."""
    (tmp_path / "a.png").write_bytes((home / "a.png").read_bytes())
    words = [sys.executable, "-m", "bot.cli.main", "animate", "a.png", "zoom in", *SMALL, "--json"]
    settings = environment(tmp_path) | {"PYTHONPATH": str(ROOT)}

    both = [
        subprocess.Popen(words, cwd=tmp_path, env=settings, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=90)[0] for process in both]

    assert [process.returncode for process in both] == [0, 0]
    assert [json.loads(each)["state"] for each in said] == ["delivered", "delivered"]

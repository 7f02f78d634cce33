"""A person's whole path on the command line: real processes, real pictures, real files."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import av
import pytest
from PIL import Image

from tests.emulators.judging import read_journal
from tests.journeys.running import ROOT, document, environment, reelbot, server, wait_for, wait_for_state

SMALL = ("--resolution", "480p")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A small photograph-like picture."""
    path = tmp_path / "picture.png"
    Image.effect_mandelbrot((640, 480), (-2, -1.4, 1, 1.4), 60).convert("RGB").save(path)
    return path


def test_a_picture_and_a_sentence_become_a_clip(tmp_path: Path, picture: Path) -> None:
    """One command, no account, a real MP4 where it was asked for."""
    done = reelbot(tmp_path, "animate", str(picture), "zoom in slowly --480p", "--out", str(tmp_path / "clip.mp4"))

    assert (done.returncode, done.stdout.strip()) == (0, str(tmp_path / "clip.mp4"))
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        stream = clip.streams.video[0]
        assert (stream.codec_context.name, stream.frames, float(stream.average_rate or 0)) == ("h264", 120, 24.0)
        assert (stream.width, stream.height) == (640, 480)


def test_json_is_one_document_in_the_public_shape(tmp_path: Path, picture: Path) -> None:
    """And the same job can be found again by any word, and shown by its first characters."""
    job = document(reelbot(tmp_path, "animate", str(picture), "pan left over the hills", *SMALL, "--json"))

    assert (job["state"], job["provider"], job["price"]["charged_usd"]) == ("delivered", "local", "0.00")
    assert job["requested_by"] == {
        "platform": "cli", "workspace": "local", "channel": None, "thread": None, "user": "local"
    }  # fmt: skip
    assert job["settings"]["resolution"] == "480p"
    assert Path(job["output"]["path"]).stat().st_size == job["output"]["bytes"]
    found = document(reelbot(tmp_path, "history", "hills", "--json"))
    assert [each["id"] for each in found["jobs"]] == [job["id"]]
    assert document(reelbot(tmp_path, "job", job["id"][:13], "--json"))["id"] == job["id"]
    assert document(reelbot(tmp_path, "jobs", "--json")) == {"jobs": []}
    scopes = document(reelbot(tmp_path, "quota", "--json"))["scopes"]
    mine = next(each for each in scopes if (each["scope"], each["period"]) == ("user:cli:local", "day"))
    assert (mine["used_jobs"], mine["limit_jobs"], mine["used_usd"], mine["left_usd"]) == (1, 20, "0.00", "5.00")


def test_bad_input_is_one_sentence_and_leaves_nothing(tmp_path: Path, picture: Path) -> None:
    """Each wrong thing: exit code 2, one line, no traceback, no job."""
    empty, text = tmp_path / "empty.jpg", tmp_path / "text.jpg"
    empty.write_bytes(b"")
    text.write_text("this is no picture")
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    Image.new("RGB", (20000, 10)).save(tmp_path / "strip.png")
    (tmp_path / "cut.png").write_bytes(picture.read_bytes()[: picture.stat().st_size // 2])
    wrong = [
        (str(tmp_path / "missing.jpg"), "zoom in"),
        *((str(tmp_path / name), "zoom in") for name in ("empty.jpg", "text.jpg", "dot.png", "strip.png", "cut.png")),
        (str(picture), ""),
        (str(picture), "x" * 10_000),
        (str(picture), "zoom in --cammera orbit"),
        (str(picture), "zoom in --4k"),
    ]

    for image, prompt in wrong:
        done = reelbot(tmp_path, "animate", image, prompt)
        assert (done.returncode, done.stdout) == (2, ""), (image, prompt, done)
        assert done.stderr.startswith("reelbot: "), done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert "Traceback" not in done.stderr

    assert document(reelbot(tmp_path, "history", "--json"))["jobs"] == []


@pytest.mark.parametrize(
    "words",
    [["bogus"], ["animate"], ["animate", "--bogus"], ["history", "--state", "asleep"], ["limits", "set", "moon"]],
)
def test_usage_errors_are_json_too(tmp_path: Path, words: list[str]) -> None:
    """Exactly one document, and exit code 2."""
    done = reelbot(tmp_path, *words, "--json")

    assert done.returncode == 2
    assert set(document(done)["error"]) == {"code", "message"}
    assert "Traceback" not in done.stderr


def test_a_data_dir_that_cannot_be_used_is_said_with_the_fix(tmp_path: Path) -> None:
    """A file in its place; a network file system is tested beside the check itself."""
    (tmp_path / "data").write_text("in the way")

    done = reelbot(tmp_path, "history")

    assert done.returncode == 78
    assert "REELBOT_DATA_DIR" in done.stderr


def test_a_damaged_database_is_said_and_the_backup_named(tmp_path: Path) -> None:
    """The damaged file is left as it is."""
    assert reelbot(tmp_path, "history").returncode == 0
    database, backups = tmp_path / "data" / "reelbot.db", tmp_path / "data" / "backups"
    backups.mkdir()
    (backups / "reelbot-20260101.db").write_bytes(database.read_bytes())
    for left in database.parent.glob("reelbot.db-*"):
        left.unlink()
    database.write_bytes(b"this is not a database at all, it is only text" * 100)

    done = reelbot(tmp_path, "history")

    assert done.returncode == 78
    assert "reelbot-20260101.db" in done.stderr
    assert database.read_bytes().startswith(b"this is not a database")


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """An older Reelbot would damage it."""
    assert reelbot(tmp_path, "history").returncode == 0
    with sqlite3.connect(tmp_path / "data" / "reelbot.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    done = reelbot(tmp_path, "history", "--json")

    assert (done.returncode, document(done)["error"]["code"]) == (78, "schema_too_new")


def test_a_second_run_names_the_first(tmp_path: Path) -> None:
    """Exit code 75."""
    with server(tmp_path) as (_, first):
        done = reelbot(tmp_path, "run", "--port", "0", "--json")

        assert done.returncode == 75
        assert str(first.pid) in document(done)["error"]["message"]


def test_commands_work_beside_a_running_server(tmp_path: Path, picture: Path) -> None:
    """What they write is picked up by the engine that runs; `animate` brings none of its own."""
    with server(tmp_path):
        job = document(reelbot(tmp_path, "animate", str(picture), "zoom out", *SMALL, "--json"))

        assert job["state"] == "delivered"
        with sqlite3.connect(tmp_path / "data" / "reelbot.db") as connection:
            assert connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone() == ("1",)
        connection.close()


def test_a_server_takes_over_from_animate_and_both_end_well(tmp_path: Path, picture: Path) -> None:
    """`animate` hands its engine over when a `run` starts, and goes on watching its job."""
    command = [sys.executable, "-m", "bot.cli.main", "animate", str(picture), "zoom in --10s --1080p", "--json"]
    settings = environment(tmp_path) | {"PYTHONPATH": str(ROOT)}
    animating = subprocess.Popen(command, cwd=tmp_path, env=settings, stdout=subprocess.PIPE, text=True)
    wait_for(tmp_path / "data" / "engine.lock")

    with server(tmp_path):
        said, _ = animating.communicate(timeout=90)

    assert animating.returncode == 0
    assert '"state": "delivered"' in said


def test_an_interrupted_job_is_finished_by_the_next_start(tmp_path: Path, picture: Path) -> None:
    """SIGKILL in the middle of a render: the next engine goes on."""
    command = [sys.executable, "-m", "bot.cli.main", "animate", str(picture), "zoom in --10s"]
    settings = environment(tmp_path) | {"PYTHONPATH": str(ROOT)}
    killed = subprocess.Popen(command, cwd=tmp_path, env=settings, stdout=subprocess.DEVNULL)
    wait_for_state(tmp_path, "rendering")
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()

    with server(tmp_path):
        wait_for_state(tmp_path, "delivered")

    job = document(reelbot(tmp_path, "history", "--json"))["jobs"][0]
    assert Path(job["output"]["path"]).is_file()


def test_the_doctor_finds_nothing_wrong_in_a_fresh_place(tmp_path: Path) -> None:
    """Each line has an id and a status; the engine that does not run is a warning, not a failure."""
    done = reelbot(tmp_path, "doctor", "--json")

    checks = {check["id"]: check for check in document(done)["checks"]}
    assert done.returncode == 0
    assert checks["database"]["status"] == "ok"
    assert checks["engine"]["status"] == "warn"
    assert set(checks["engine"]) == {"id", "status", "what", "why", "fix"}


def test_the_doctor_says_one_document_even_when_its_opening_has_something_to_log(tmp_path: Path, picture: Path) -> None:
    """What is logged goes to standard error, like that of every command: here that the start is held."""
    reelbot(tmp_path, "animate", str(picture), "zoom in", *SMALL)
    (tmp_path / "data" / "installation.json").unlink()

    done = reelbot(tmp_path, "doctor", "--json")

    checks = {check["id"]: check for check in document(done)["checks"]}
    assert checks["held"]["status"] == "warn"
    assert "installation.held" in done.stderr


@pytest.mark.parametrize("roles", ["worker", "web"])
def test_no_role_starts_where_nothing_can_be_kept(tmp_path: Path, roles: str) -> None:
    """One sentence and 78, before a job is taken in: here a file is where the media directory should be."""
    (tmp_path / "file").touch()
    env = {"REELBOT_MEDIA_URL": (tmp_path / "file" / "media").as_uri(), "REELBOT_WEB__PORT": "0"}

    done = reelbot(tmp_path, "run", "--roles", roles, env=env)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (78, "", 1), done.stderr
    assert "cannot be written" in done.stderr


def test_a_wrong_setting_is_named_with_a_suggestion(tmp_path: Path) -> None:
    """Unknown names are never swallowed."""
    done = reelbot(tmp_path, "history", env={"REELBOT_WEB__PROT": "1"})

    assert done.returncode == 78
    assert "REELBOT_WEB__PORT" in done.stderr


@pytest.mark.media
@pytest.mark.parametrize(("vendor", "usd"), [("wavespeed", "0.34"), ("eachlabs", "0.50")])
def test_the_paid_path_can_be_tried_without_an_account(tmp_path: Path, vendor: str, usd: str) -> None:
    """With an emulated service on this machine: a playable clip, the right price, and real budgets left alone."""
    done = reelbot(tmp_path, "demo", "--emulate", vendor, "--once", "--json")

    assert done.returncode == 0, done.stderr
    job = document(done)
    assert (job["state"], job["provider"]) == ("delivered", vendor)
    assert (job["price"]["held_usd"], job["price"]["charged_usd"]) == (usd, usd)
    assert job["output"]["width"] == 1280
    assert Path(job["output"]["path"]).read_bytes()[4:8] == b"ftyp"
    [bill] = [e for e in read_journal(_services(tmp_path) / f"{vendor}.log") if e["event"] == "accepted"]
    assert bill["provider_job_id"] == job["provider_job_id"]
    assert [e for e in read_journal(_services(tmp_path) / f"{vendor}.log") if e["event"] == "violation"] == []
    quota = document(reelbot(tmp_path, "quota", "--json"))
    assert all(scope["used_usd"] == "0.00" for scope in quota["scopes"])


def _services(folder: Path) -> Path:
    return next(folder.rglob("emulated/services"))

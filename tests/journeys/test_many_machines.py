"""One installation of several processes: `reelbot` as operators start it, on a PostgreSQL that all of them share."""

from __future__ import annotations

import json
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from PIL import Image

from tests import postgres
from tests.adapters.engine.standing import standing
from tests.journeys.running import ROOT, document, environment, reelbot

PASSWORD = "the-password-of-the-database"
TOKEN = "a token of the administrator"
SMALL = ("--resolution", "480p", "--duration", "5")
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
START_S = 60.0


@pytest.fixture
def shared(tmp_path: Path) -> dict[str, str]:
    """What every process is told."""
    url = postgres.database_of(tmp_path)
    name = url.rpartition("@/")[2].partition("?")[0]
    return {
        "REELBOT_DATABASE_URL": postgres.server().url(name, tcp=True).replace("reelbot@", f"reelbot:{PASSWORD}@"),
        "REELBOT_SECRET_KEY": "k" * 40,
        "REELBOT_MEDIA_URL": (tmp_path / "bucket").as_uri(),
        "REELBOT_WEB__ADMIN_TOKEN": TOKEN,
        "REELBOT_WEB__PORT": "0",
        "REELBOT_METRICS__PORT": "0",
        "REELBOT_LOG__FORMAT": "json",
    }


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A small photograph-like picture."""
    path = tmp_path / "picture.png"
    Image.effect_mandelbrot((320, 240), (-2, -1.4, 1, 1.4), 40).convert("RGB").save(path)
    return path


class Process:
    """`reelbot run --roles …`, on a machine of its own: nothing of its data directory is anybody else's."""

    def __init__(self, folder: Path, roles: str, shared: dict[str, str]) -> None:
        folder.mkdir()
        self.log = folder / "log"
        command = [sys.executable, "-m", "bot.cli.main", "run", "--roles", roles, "--json"]
        with self.log.open("wb") as out:
            self.popen = subprocess.Popen(
                command, cwd=folder, env=environment(folder, **shared) | {"PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE, stderr=out, text=True,
            )  # fmt: skip
        self.told: dict[str, Any] = {}

    def listen(self) -> None:
        """Until it says that it serves."""
        assert self.popen.stdout is not None
        said = select.select([self.popen.stdout], [], [], START_S)[0] and self.popen.stdout.readline()
        assert said, self.log.read_text()
        self.told = json.loads(said)

    @property
    def url(self) -> str:
        return str(self.told["url"])

    @property
    def metrics(self) -> str:
        """The address of its probes."""
        found = re.search(r"(http://[\d.]+:\d+)/metrics", self.log.read_text())
        assert found, self.log.read_text()
        return found[1]

    def stop(self) -> int:
        """Its exit code after SIGTERM."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(60)


@contextmanager
def processes(folder: Path, shared: dict[str, str], **roles: str) -> Iterator[list[Process]]:
    """Each by its name; whoever still runs in the end is killed."""
    started: list[Process] = []
    try:
        for name, role in roles.items():
            started.append(Process(folder / name, role, shared))
            started[-1].listen()
        yield started
    finally:
        for process in started:
            if process.popen.poll() is None:
                process.popen.kill()
            process.popen.wait()
            assert process.popen.stdout is not None
            process.popen.stdout.close()


def order(url: str, picture: Path) -> str:
    """Ask for a small clip; the job's id."""
    form = {"prompt": "zoom in slowly", "resolution": "480p"}
    with picture.open("rb") as image:
        answer = httpx.post(
            f"{url}/api/v1/jobs", data=form, files={"image": image}, headers=HEADERS, timeout=60, trust_env=False
        )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def state(shared: dict[str, str], job_id: str) -> str:
    with psycopg.connect(shared["REELBOT_DATABASE_URL"]) as connection:
        row = connection.execute("SELECT state FROM jobs WHERE id = %s", (job_id,)).fetchone()
    assert row is not None
    return str(row[0])


def wait_for_state(shared: dict[str, str], job_id: str, *wanted: str) -> None:
    deadline = time.monotonic() + 90
    while (found := state(shared, job_id)) not in wanted:
        assert time.monotonic() < deadline, f"still {found}"
        time.sleep(0.05)


def test_a_job_asked_at_one_page_is_seen_live_at_another_and_made_by_a_worker(
    tmp_path: Path, shared: dict[str, str], picture: Path
) -> None:
    """Two pages, and one worker that comes later; every process says whether it is ready."""
    with processes(tmp_path, shared, one="web", two="web") as (one, two):
        job_id = order(one.url, picture)
        without = httpx.get(f"{two.url}/readyz", headers=HEADERS, trust_env=False)
        assert without.status_code == 200
        assert without.json()["parts"]["engine"]["status"] == "warn"

        seen: list[str] = []
        with (
            httpx.stream(
                "GET", f"{two.url}/api/v1/jobs/{job_id}/events", headers=HEADERS, timeout=90, trust_env=False
            ) as stream,
            processes(tmp_path, shared, three="worker") as (worker,),
        ):
            for path in ("livez", "readyz"):
                assert httpx.get(f"{worker.metrics}/{path}", trust_env=False).status_code == 200
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    said = json.loads(line.removeprefix("data:"))
                    seen += [said["state"]] if "kind" in said else []
            assert worker.stop() == 0
        clip = httpx.get(f"{two.url}/api/v1/jobs/{job_id}/video", headers=HEADERS, trust_env=False)
        stopped = [one.stop(), two.stop()]

    assert seen[-3:] == ["fetching", "delivering", "delivered"]
    assert clip.status_code == 200
    assert clip.content[4:8] == b"ftyp"
    assert stopped == [0, 0]


def test_a_worker_that_is_told_to_stop_hands_its_job_on(tmp_path: Path, shared: dict[str, str], picture: Path) -> None:
    """In the middle of a render: it ends in order, another makes the clip, and nothing is lost or done twice."""
    with processes(tmp_path, shared, web="web", one="worker", two="worker") as (web, one, two):
        jobs = [order(web.url, picture) for _ in range(2)]
        wait_for_state(shared, jobs[0], "rendering", "fetching", "delivering", "delivered")

        stopped = one.stop()
        for job_id in jobs:
            wait_for_state(shared, job_id, "delivered")

        assert (stopped, two.stop(), web.stop()) == (0, 0, 0)
    with psycopg.connect(shared["REELBOT_DATABASE_URL"]) as connection:
        posts = connection.execute("SELECT job_id, count(*) FROM deliveries GROUP BY 1").fetchall()
    assert sorted(posts) == sorted((job_id, 1) for job_id in jobs)


def test_a_page_whose_database_is_away_says_so_and_serves_again(tmp_path: Path, shared: dict[str, str]) -> None:
    """503 in one sentence, without the address; then, without a restart, as before."""
    with processes(tmp_path, shared, web="web") as (web,):

        def ask() -> httpx.Response:
            return httpx.get(f"{web.url}/api/v1/jobs", headers=HEADERS, timeout=60, trust_env=False)

        assert ask().status_code == 200
        with standing(tmp_path).away():
            away = ask()
            ready = httpx.get(f"{web.url}/readyz", timeout=60, trust_env=False)
            alive = httpx.get(f"{web.url}/livez", timeout=60, trust_env=False)
        again = ask()
        assert web.stop() == 0

    assert (away.status_code, away.json()["code"]) == (503, "database_unavailable")
    assert PASSWORD not in away.text + web.log.read_text()
    assert "127.0.0.1" not in away.text
    assert (ready.status_code, alive.status_code, again.status_code) == (503, 200, 200)


@pytest.mark.parametrize(
    ("words", "changes", "code", "said"),
    [
        (["run", "--roles", "worker"], {"REELBOT_SECRET_KEY": ""}, 78, "REELBOT_SECRET_KEY"),
        (["run", "--roles", "worker"], {"REELBOT_ENGINE": "embedded"}, 78, "runs on SQLite only"),
        (["run", "--roles", "bogus"], {}, 2, "bogus"),
    ],
)
def test_what_cannot_start_says_why_in_one_sentence(
    tmp_path: Path, shared: dict[str, str], words: list[str], changes: dict[str, str], code: int, said: str
) -> None:
    """With the exit code that says whether trying again helps."""
    settings = {name: value for name, value in (shared | changes).items() if value}

    done = reelbot(tmp_path, *words, env=settings)

    assert (done.returncode, done.stdout) == (code, "")
    [line] = done.stderr.splitlines()
    assert said in line
    assert PASSWORD not in line


def test_the_commands_work_without_any_worker(tmp_path: Path, shared: dict[str, str], picture: Path) -> None:
    """One that animates does it by itself; all of them speak JSON."""

    def run(*words: str, code: int = 0) -> Any:
        done = reelbot(tmp_path, *words, "--json", env=shared)
        assert done.returncode == code, done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        return document(done)

    assert run("db", "upgrade")["schema"]
    job = run("animate", str(picture), "pan left over the hills", *SMALL)
    assert job["state"] == "delivered"
    assert [each["id"] for each in run("history", "hills")["jobs"]] == [job["id"]]
    assert run("jobs") == {"jobs": []}
    assert run("job", job["id"])["id"] == job["id"]
    mine = next(each for each in run("quota")["scopes"] if each["scope"] == "user:cli:local")
    assert mine["used_jobs"] == 1
    assert run("cancel", job["id"], code=1)["error"]["code"] == "too_late"
    assert run("resolve", job["id"], "--as", "lost", code=1)["error"]["code"]
    assert '"the engine is not running"' in json.dumps(run("doctor"))


def test_an_animate_beside_a_worker_is_made_there(tmp_path: Path, shared: dict[str, str], picture: Path) -> None:
    """The command waits for it, and puts the clip where it was wanted."""
    with processes(tmp_path, shared, worker="worker") as (worker,):
        done = reelbot(
            tmp_path, "animate", str(picture), "zoom in", *SMALL, "--out", str(tmp_path / "clip.mp4"), env=shared
        )
        assert worker.stop() == 0
        assert '"delivered"' in worker.log.read_text()

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "clip.mp4").read_bytes()[4:8] == b"ftyp"


def test_a_backup_is_the_servers_own_business_and_says_so(tmp_path: Path, shared: dict[str, str]) -> None:
    """One sentence, no file."""
    done = reelbot(tmp_path, "backup", str(tmp_path / "backup.tar"), env=shared)

    assert done.returncode != 0
    [line] = done.stderr.splitlines()
    assert "PostgreSQL" in line
    assert not (tmp_path / "backup.tar").exists()

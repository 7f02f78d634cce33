"""An operator moves up: from one machine's SQLite to PostgreSQL by one command; what is refused, how it is said, and back."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.engine.lock import EngineLock
from tests import postgres
from tests.journeys.running import document, environment, reelbot
from tests.storage.moving_places import SECRET_KEY, Place, a_worked_installation, asked

PASSWORD = "the-password-of-the-database"


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """An installation with everything in it, whose key lies in its data directory."""
    place = a_worked_installation(tmp_path_factory.mktemp("worked"))
    (place.folder / "secret-key").write_text(SECRET_KEY)
    (place.folder / "admin-token").write_text("a token of the administrator")
    return place


@pytest.fixture
def place(worked: Place, tmp_path: Path) -> Place:
    """Where `reelbot` looks by itself."""
    return worked.copy_to(tmp_path / "data")


@pytest.fixture
def url() -> Iterator[str]:
    """A new PostgreSQL database, as an operator makes one."""
    name = postgres.server().create()
    yield postgres.server().url(name, tcp=True).replace("reelbot@", f"reelbot:{PASSWORD}@")
    postgres.server().drop(name)


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    """What was refused is said in one line, without the password and without a traceback."""
    assert (done.stdout, done.stderr.count("\n")) == ("", 1), done.stderr
    assert PASSWORD not in done.stderr
    return done.stderr


def test_from_one_machine_to_postgresql_and_on(place: Place, url: str, tmp_path: Path) -> None:
    """Moved with its pictures, proven in figures; the source refuses to start; what was said to set starts the target."""
    bucket = tmp_path / "bucket"

    done = reelbot(tmp_path, "db", "copy", place.address, url, "--media", bucket.as_uri(), "--json")

    assert done.returncode == 0, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    said = document(done)
    assert (said["held"], said["indexed"], said["unfinished"]["rendering"]) == (True, 14, 1)
    assert all(count["source"] == count["target"] for count in said["tables"].values())
    assert said["tables"]["jobs"]["target"] == asked(url, "SELECT count(*) FROM jobs")[0][0]
    assert said["ledger"]["source"] == said["ledger"]["target"]
    assert said["ledger"]["target"] | {"entries": 0, "sums": 0} == {
        "entries": 0, "sums": 0, "unequal_sums": [], "held_usd": "3.00", "charged_usd": "3.50",
    }  # fmt: skip
    files = [path for path in bucket.rglob("*") if path.is_file() and len(path.name) == 64]
    assert said["media"]["copied"] == len(files) > 0
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == path.name for path in files)

    refused = [reelbot(tmp_path, *words) for words in (["run"], ["jobs"])]
    assert [each.returncode for each in refused] == [78, 78]
    assert all(
        "This installation was moved to postgresql://reelbot@127.0.0.1" in one_sentence(each) for each in refused
    )

    settings = dict(step.split("=", 1) for step in said["settings"])
    assert set(settings) == {
        "REELBOT_DATABASE_URL", "REELBOT_SECRET_KEY_FILE", "REELBOT_MEDIA_URL", "REELBOT_WEB__ADMIN_TOKEN_FILE",
    }  # fmt: skip
    there = settings | {"REELBOT_DATABASE_URL": url, "REELBOT_DATA_DIR": str(tmp_path / "there")}
    under_way = {job["state"] for job in document(reelbot(tmp_path, "jobs", "--json", env=there))["jobs"]}
    checks = {each["id"]: each for each in document(reelbot(tmp_path, "doctor", "--json", env=there))["checks"]}
    resumed = reelbot(tmp_path, "resume", env=there)
    assert under_way == {"unconfirmed", "rendering", "fetching"}
    assert (checks["held"]["status"], checks["ledger"]["status"]) == ("warn", "ok")
    assert "copied from SQLite" in checks["held"]["what"]
    assert "is over" in resumed.stdout
    assert reelbot(tmp_path, "db", "copy", place.address, url, "--undo").returncode == 78


def test_a_person_is_told_what_was_moved_and_what_to_do_next(place: Place, url: str, tmp_path: Path) -> None:
    """With the files where they were; then it is taken back, and the source starts as if nothing had been."""
    done = reelbot(tmp_path, "db", "copy", place.address, env={"REELBOT_DATABASE_URL": url})
    back = reelbot(tmp_path, "db", "copy", place.address, url, "--undo")

    assert done.returncode == 0, done.stderr
    for line in (
        "every row was compared",
        "1 queued, 1 quoted",
        "0 copied (0.0 MB)",
        f"  REELBOT_SECRET_KEY_FILE={place.folder / 'secret-key'}",
        f"  REELBOT_MEDIA_URL={(place.folder / 'media').as_uri()}",
        "reelbot resume",
    ):
        assert line in done.stdout
    assert (back.returncode, "is the installation again" in back.stdout) == (0, True)
    jobs = document(reelbot(tmp_path, "jobs", "--json"))["jobs"]
    assert "queued" in {job["state"] for job in jobs}


def test_what_cannot_be_done_is_one_sentence_and_the_source_goes_on(place: Place, url: str, tmp_path: Path) -> None:
    """Each with the exit code that tells a script whose move it is."""
    other_key = {"REELBOT_SECRET_KEY": "a key of some other installation"}
    nowhere = "postgresql://reelbot@127.0.0.1:1/nothing"
    lock = EngineLock(place.folder, "run")

    def copy(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return reelbot(tmp_path, "db", "copy", place.address, *words, env=env)

    wrong_key = copy(url, **other_key)
    away, no_target, backwards = copy(nowhere), copy(), copy(place.address)
    assert lock.acquire()
    running = copy(url)
    lock.release()
    untouched = asked(url, "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'")
    asked(url, "CREATE TABLE theirs (something text)")
    not_empty = copy(url)

    refused = [wrong_key, away, no_target, backwards, running, not_empty]
    assert [each.returncode for each in refused] == [78, 69, 2, 2, 75, 2]
    sentences = [one_sentence(each) for each in refused]
    assert "the access that T1 gave" in sentences[0]
    assert f"REELBOT_SECRET_KEY_FILE={place.folder / 'secret-key'}" in sentences[0]
    assert "stop it first" in sentences[4]
    assert "tables of something else" in sentences[5]
    assert untouched == [(0,)]
    assert document(reelbot(tmp_path, "jobs", "--json"))["jobs"]


def test_a_key_behind_another_one_will_do(place: Place, url: str, tmp_path: Path) -> None:
    """The first signs, all of them open: so a key can be changed with the move."""
    keys = {"REELBOT_SECRET_KEY": f"a new key for the new place,{SECRET_KEY}"}

    done = document(reelbot(tmp_path, "db", "copy", place.address, url, "--json", env=keys))

    assert not any(step.startswith("REELBOT_SECRET_KEY") for step in done["settings"])
    assert done["remarks"] == []
    assert environment(tmp_path)["REELBOT_DATA_DIR"] == str(place.folder)

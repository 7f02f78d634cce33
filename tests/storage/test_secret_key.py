"""The secret key in the data directory: made once, for its owner alone, the same for all processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.errors import ConfigurationError
from bot.telemetry.redaction import Redactor
from storage.secret_key import KEY_FILE, load_keys

ROOT = Path(__file__).parents[2]


def test_a_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    first = load_keys(None, tmp_path)
    again = load_keys(None, tmp_path)

    assert first.secrets() == again.secrets()
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert len(first.secrets()[0]) == 43
    assert [file.name for file in tmp_path.iterdir()] == [KEY_FILE]


def test_no_two_installations_have_the_same(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    assert load_keys(None, tmp_path / "a").secrets() != load_keys(None, tmp_path / "b").secrets()


def test_a_setting_makes_no_file(tmp_path: Path) -> None:
    keys = load_keys("a-key-of-some-length", tmp_path)

    assert keys.secrets() == ("a-key-of-some-length",)
    assert list(tmp_path.iterdir()) == []


def test_processes_that_start_at_once_use_one_key(tmp_path: Path) -> None:
    code = f"from pathlib import Path; from storage.secret_key import load_keys; print(load_keys(None, Path({str(tmp_path)!r})).secrets()[0])"
    starting = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(6)
    ]

    found = {process.communicate(timeout=60)[0].strip() for process in starting}

    assert found == {(tmp_path / KEY_FILE).read_text()}
    assert [file.name for file in tmp_path.iterdir()] == [KEY_FILE]


def test_a_key_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the name itself before anything is signed."""
    calls: list[str] = []
    link, sync = os.link, os.fsync

    def noted_link(source: str, target: Path) -> None:
        calls.append("link")
        link(source, target)

    def noted_sync(descriptor: int) -> None:
        calls.append("fsync")
        sync(descriptor)

    monkeypatch.setattr(os, "link", noted_link)
    monkeypatch.setattr(os, "fsync", noted_sync)

    load_keys(None, tmp_path)

    assert calls == ["fsync", "link", "fsync"]


def test_a_key_that_others_can_read_is_warned_about_and_used(tmp_path: Path) -> None:
    before = load_keys(None, tmp_path).secrets()
    (tmp_path / KEY_FILE).chmod(0o640)

    with capture_logs() as logs:
        after = load_keys(None, tmp_path).secrets()

    assert after == before
    assert [(line["event"], line["log_level"]) for line in logs] == [("secret_key.readable_by_others", "warning")]
    assert before[0] not in str(logs)


def test_the_file_may_hold_several(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_text("the-new-key-comes-first,the-old-key-verifies\n")

    assert load_keys(None, tmp_path).secrets() == ("the-new-key-comes-first", "the-old-key-verifies")


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff\xfe not text"])
def test_a_file_that_holds_no_key_is_named_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / KEY_FILE).write_bytes(content)

    with pytest.raises(ConfigurationError, match=KEY_FILE):
        load_keys(None, tmp_path)

    assert (tmp_path / KEY_FILE).read_bytes() == content


def test_a_directory_in_its_place_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).mkdir()

    with pytest.raises(ConfigurationError, match="set REELBOT_SECRET_KEY"):
        load_keys(None, tmp_path)


def test_the_log_masks_a_secret_it_is_told_of_later() -> None:
    redactor = Redactor(["the-first-secret"])

    redactor.hide(["the-second-secret"])

    assert redactor("the-first-secret the-second-secret") == "*** ***"

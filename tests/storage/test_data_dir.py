"""The data directory: what is refused, and with which advice."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import DataDirError
from storage import data_dir


def test_a_missing_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    """0700, with its parents."""
    made = data_dir.prepare(tmp_path / "a" / "b")

    assert made.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_a_network_file_system_is_refused(tmp_path: Path, kind: str) -> None:
    """SQLite would lose data there."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/x {tmp_path} {kind} rw 0 0\n")

    with pytest.raises(DataDirError, match=kind):
        data_dir.prepare(tmp_path / "data", mounts)


def test_the_innermost_mount_decides(tmp_path: Path) -> None:
    """A local disk mounted inside a network one is fine."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"server:/x / nfs4 rw 0 0\n/dev/sdb1 {tmp_path} ext4 rw 0 0\n")

    assert data_dir.file_system(tmp_path / "data", mounts) == "ext4"


def test_a_file_in_its_place_is_said(tmp_path: Path) -> None:
    """With the setting that names another."""
    (tmp_path / "data").write_text("")

    with pytest.raises(DataDirError, match="is not a directory"):
        data_dir.prepare(tmp_path / "data" / "deeper")

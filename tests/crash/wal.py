"""SQLite's write-ahead log: where each commit ends, so that a power cut can be staged right there.

Format: https://www.sqlite.org/walformat.html (read 2026-11-21). A frame counts only while salts and the running checksum
fit; whatever follows is left over from before the log was last restarted.
"""

from __future__ import annotations

import shutil
import struct
from dataclasses import dataclass
from pathlib import Path

HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
_MAGIC_LITTLE, _MAGIC_BIG = 0x377F0682, 0x377F0683


@dataclass(frozen=True, slots=True, kw_only=True)
class Wal:
    """A write-ahead log as far as it is valid."""

    page_bytes: int
    checkpoint: int
    """Raised each time the log is restarted from its beginning."""
    commits: tuple[int, ...]
    """The offset in bytes after each committed transaction, in order."""


def read_wal(path: Path) -> Wal:
    """Parse a log. A missing or empty one has no commits; a damaged header raises `ValueError`."""
    content = path.read_bytes() if path.exists() else b""
    if not content:
        return Wal(page_bytes=0, checkpoint=0, commits=())
    magic, _format, page_bytes, checkpoint, salt1, salt2, sum1, sum2 = struct.unpack(">8I", content[:HEADER_BYTES])
    if magic not in (_MAGIC_LITTLE, _MAGIC_BIG):
        raise ValueError(f"{path} is no write-ahead log")
    order = "<" if magic == _MAGIC_LITTLE else ">"
    running = _checksum(content[:24], (0, 0), order)
    if running != (sum1, sum2):
        raise ValueError(f"the header of {path} is damaged")
    commits = []
    offset = HEADER_BYTES
    while offset + FRAME_HEADER_BYTES + page_bytes <= len(content):
        header = content[offset : offset + FRAME_HEADER_BYTES]
        end = offset + FRAME_HEADER_BYTES + page_bytes
        _page, pages_after_commit, frame_salt1, frame_salt2, sum1, sum2 = struct.unpack(">6I", header)
        running = _checksum(header[:8], running, order)
        running = _checksum(content[offset + FRAME_HEADER_BYTES : end], running, order)
        if (frame_salt1, frame_salt2) != (salt1, salt2) or running != (sum1, sum2):
            break
        if pages_after_commit:
            commits.append(end)
        offset = end
    return Wal(page_bytes=page_bytes, checkpoint=checkpoint, commits=tuple(commits))


def _checksum(data: bytes, start: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = start
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second


def copy_cut(database: Path, into: Path, wal_bytes: int) -> None:
    """Copy a database as a power cut would leave it when only the first `wal_bytes` of its log had reached the disk.

    The shared-memory index is left out: SQLite builds it anew from the log, as it does after a crash.
    """
    shutil.copyfile(database, into)
    log = Path(f"{database}-wal")
    Path(f"{into}-wal").write_bytes(log.read_bytes()[:wal_bytes] if log.exists() else b"")
    Path(f"{into}-shm").unlink(missing_ok=True)

"""The OS lock on a data directory: one process at a time runs the embedded engine, and the file says which."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from bot.errors import AlreadyRunning, DataDirError

LOCK_FILE = "engine.lock"
HANDOVER_FILE = "engine.handover"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who runs the engine, as the lock file says."""

    pid: int
    kind: str
    """`run` (stays) or `animate` (ends with its job, and hands over to a `run`)."""
    since: float


class EngineLock:
    """An exclusive `flock`: the kernel drops it when its process ends, however it ends."""

    def __init__(self, data_dir: Path, kind: str) -> None:
        self._path = data_dir / LOCK_FILE
        self._handover = data_dir / HANDOVER_FILE
        self._kind = kind
        self._file: int | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free. `DataDirError` where the file system cannot lock."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise DataDirError(f"{self._path.parent} cannot be locked ({error.strerror}); use a local disk.") from error
        holder = {"pid": os.getpid(), "kind": self._kind, "since": time.time()}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        self._file = descriptor
        return True

    def release(self) -> None:
        """Let go; harmless when not held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def holder(self) -> Holder | None:
        """Who holds it now, or `None` when nobody does."""
        if self._file is None and self._is_free():
            return None
        try:
            return Holder(**json.loads(self._path.read_text()))
        except (OSError, ValueError, TypeError):
            return Holder(pid=0, kind="unknown", since=0.0)

    def _is_free(self) -> bool:
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return True

    def ask_for_handover(self) -> None:
        """Ask an `animate` that holds the lock to let go."""
        self._handover.touch(mode=0o600)

    @property
    def handover_asked(self) -> bool:
        """Whether a `run` waits for this lock."""
        return self._handover.exists()

    def acquire_from_short_lived(self, patience_s: float = 20.0) -> None:
        """Take the lock for a `run`: at once, or from an `animate` that hands over. `AlreadyRunning` names a `run`."""
        deadline = time.monotonic() + patience_s
        try:
            while not self.acquire():
                holder = self.holder()
                if holder is not None and holder.kind == "run":
                    raise AlreadyRunning(
                        f"Reelbot already runs on {self._path.parent} as process {holder.pid}. "
                        f"Stop it first, or give this one a data directory of its own."
                    )
                if time.monotonic() > deadline:
                    pid = holder.pid if holder else "unknown"
                    raise AlreadyRunning(f"Process {pid} holds {self._path} and did not hand over; try again.")
                self.ask_for_handover()
                time.sleep(0.1)
        finally:
            with contextlib.suppress(FileNotFoundError):
                self._handover.unlink()

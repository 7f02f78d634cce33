"""Files opened with suspicion and written whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from bot.errors import BadInput
from bot.languages.said import say
from bot.languages.words import subject_word


def open_input(path: str, subject: str, max_bytes: int) -> BinaryIO:
    """Open a regular file of 1 to `max_bytes` bytes. `BadInput` in one sentence for everything else.

    The path is never named: it is ours, not the person's.
    """
    try:
        # A fifo without a writer would block for ever; O_NONBLOCK changes nothing for regular files.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise BadInput(
            say("The {subject} is not there (any more): send it again.", subject=subject_word(subject))
        ) from None
    except OSError as error:
        raise BadInput(
            say(
                "The {subject} cannot be opened ({reason}): send it again as another file.",
                subject=subject_word(subject),
                reason=error.strerror,
            )
        ) from None
    facts = os.fstat(descriptor)
    problem, what = None, subject_word(subject)
    if stat.S_ISDIR(facts.st_mode):
        problem = say("This is a folder, not a {subject}: choose a single file.", subject=what)
    elif not stat.S_ISREG(facts.st_mode):
        problem = say(
            "This is not an ordinary file, so no {subject} can be read from it: choose a saved file.", subject=what
        )
    elif facts.st_size == 0:
        problem = say("The {subject} is empty (0 bytes): send it again.", subject=what)
    elif facts.st_size > max_bytes:
        problem = say(
            "The {subject} has {size:.1f} MB and Reelbot takes at most {most:.0f} MB: send a smaller one.",
            subject=what,
            size=facts.st_size / 1e6,
            most=max_bytes / 1e6,
        )
    if problem is not None:
        os.close(descriptor)
        raise BadInput(problem)
    return os.fdopen(descriptor, "rb")


def remove_quietly(path: Path) -> None:
    """Remove a file that may not be there."""
    with suppress(OSError):
        path.unlink()


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def written_whole(into: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yields a name beside `into` to write to; renamed, durably, when the block ends well, else removed.

    What is put into the media store next is made durable there, and need not be twice (`durable` false).
    """
    temporary = into.with_name(f".{into.name}.{os.getpid()}.part")
    try:
        yield temporary
        if durable:
            _sync(temporary)
        os.replace(temporary, into)
        if durable:
            _sync(into.parent)
    except BaseException:
        remove_quietly(temporary)
        raise


def write_text_whole(into: Path, text: str) -> None:
    """Write a small file atomically and durably."""
    with written_whole(into) as temporary:
        temporary.write_text(text, encoding="utf-8")

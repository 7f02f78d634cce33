"""What keeping and forgetting need of the storage, as protocols."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot.ids import JobId
from bot.jobs.model import Forget, Job
from bot.keeping.retention import Kept


class ErasureStore(Protocol):
    """Erasing. See `storage.erasure.Erasure` for the promises of each."""

    async def mark(self, job_ids: Sequence[JobId], what: Forget, by: str) -> list[JobId]:
        """Ask for jobs to be erased once they have ended; returns those that are under way."""
        ...

    async def jobs_of(self, person: str) -> list[Job]:
        """Every job of a person that is not erased."""
        ...

    async def due(self) -> list[Job]:
        """Ended jobs that were to be erased and are not yet."""
        ...

    async def erase(self, job_id: JobId) -> bool:
        """Leave of an ended job only what the books need."""
        ...

    async def pseudonymise(self, person: str) -> str:
        """Take a person's name out of the ledger."""
        ...

    async def drop_pseudonyms(self) -> int:
        """After a month's end its hashes go."""
        ...

    async def shared_files(self, person: str) -> int:
        """How many of a person's files other people's jobs use, too."""
        ...

    async def unnamed(self) -> list[str]:
        """Files whose bytes are still to be removed."""
        ...

    async def without_row(self, asset_ids: Collection[str]) -> set[str]:
        """Which of these files no row names."""
        ...

    async def remove_file(self, asset_id: str, remove: Callable[[], Awaitable[bool]], *, here: bool) -> bool:
        """Call `remove` for a file while nobody can come to name it."""
        ...


class RetentionStore(Protocol):
    """Retention. See `storage.retention.Retention`."""

    async def count(self, kind: Kept) -> int:
        """How many of a kind are kept."""
        ...

    async def expired(self, kind: Kept, before: datetime, limit: int) -> list[str]:
        """Those last used before then, oldest first."""
        ...

    async def count_expired(self, kind: Kept, before: datetime) -> int:
        """How many there are of them."""
        ...

    async def delete(self, kind: Kept, ids: Sequence[str], before: datetime) -> list[JobId]:
        """Delete those that are still expired; returns the jobs whose clip went with them."""
        ...

    async def remembered(self, key: str) -> str | None:
        """A note of the sweeper's to itself."""
        ...

    async def remember(self, notes: Mapping[str, str | None]) -> None:
        """Write such notes."""
        ...

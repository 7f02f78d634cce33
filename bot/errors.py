"""Every exception Reelbot raises on purpose.

    ReelbotError                     root; `code` is stable, str() is one sentence fit for a person
    ├── UsageError                   the request itself is wrong; saying it again will not help      exit 2
    │   ├── BadInput                 a picture or sound that cannot be used
    │   ├── BadPrompt                words or options that are unknown or out of range
    │   ├── BadBackup                an archive that is none, is damaged, or was cut short
    │   │   └── BackupTooNew         … or was made by a newer Reelbot
    │   ├── NotEmpty                 a restore goes into an empty data directory only
    │   └── RequestKeyReused         the same key with another request                               HTTP 422
    ├── NotFound                     no such job, limit, workspace …                                 HTTP 404
    │   └── Expired                  it was kept once, and was deleted when its time was over         HTTP 410
    ├── NotAllowed                   this person may not do this here                                HTTP 403
    ├── TooLate                      the job is past the point where this was possible               HTTP 409
    ├── LimitReached                 a budget or quota is used up; says which and when it resets     HTTP 429
    ├── ConfigurationError           the installation is set up wrongly; says the fix                exit 78
    │   ├── DataDirError             the data directory cannot be used
    │   ├── SchemaTooNew             the database was written by a newer Reelbot
    │   └── DatabaseCorrupt          the database file is damaged; names the backup
    ├── BackupFailed                 no backup was made; says why                                    exit 1
    ├── AlreadyRunning               another process runs the engine on this data dir                exit 75
    ├── DatabaseUnavailable          the database server does not answer; ask again later            exit 69
    ├── DiskFull                     no room to write; nothing half-written was kept                 exit 75
    ├── AssetStale                   a file was not named in time and must be put once more           exit 75
    ├── Fenced                       the job is no longer ours: reload and look again (never shown)
    ├── SubmitError                  the four ways a paid request ends badly; see each
    │   ├── NotSent · Throttled · Refused · Unconfirmed
    ├── ProviderUnavailable          a free request failed for a passing reason; ask again later
    │   ├── KeyRefused               … because the provider does not accept our key
    │   └── MediaUnavailable         … because our own media store in a cloud does not answer, or refuses us
    ├── ResultGone                   the provider's result link is dead for good
    └── DeliveryError
        ├── DeliveryDelayed          a passing reason; try the same delivery again
        ├── DeliveryRefused          this place will not take it; nothing was posted
        │   └── Withheld             … because the clip may not be safe for work
        └── DeliveryUnclear          it may have been posted and the platform cannot tell

Each class answers three questions: whose fault, does trying again help, was money spent.
"""

from __future__ import annotations

import errno
from datetime import datetime
from typing import ClassVar

from bot.languages.said import say


class ReelbotError(Exception):
    """Root. `code` is stable and documented; `str(error)` is fit for a person's eyes and holds no secret."""

    code: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500


class UsageError(ReelbotError):
    """What was asked cannot be done as asked; the person must change it."""

    code = "bad_request"
    exit_code = 2
    http_status = 422


class BadInput(UsageError):
    """A picture or a sound that cannot be used. Nothing was stored, nothing was charged."""

    code = "bad_input"


class BadPrompt(UsageError):
    """Prompt words or options that are unknown, missing or out of range. Nothing was charged."""

    code = "bad_prompt"


class BadBackup(UsageError):
    """An archive that is no backup of Reelbot's, is damaged, or was cut short. Nothing was written."""

    code = "bad_backup"


class BackupTooNew(BadBackup):
    """An archive that a newer Reelbot made. Nothing was written; that version can restore it."""

    code = "backup_too_new"


class NotEmpty(UsageError):
    """A restore goes into an empty data directory, and this one is not. Nothing was written."""

    code = "not_empty"


class RequestKeyReused(UsageError):
    """The same idempotency key came with another request; the first job stands."""

    code = "idempotency_key_reused"


class NotFound(ReelbotError):
    """There is no such thing here, or it is not this person's to see."""

    code = "not_found"
    exit_code = 1
    http_status = 404


class Expired(NotFound):
    """It was kept once, and was deleted when its time was over; the sentence says when, and what to send again."""

    code = "expired"
    http_status = 410


class NotAllowed(ReelbotError):
    """This person may not do this here; money was not touched."""

    code = "not_allowed"
    http_status = 403


class TooLate(ReelbotError):
    """The job has gone past the point where this was possible."""

    code = "too_late"
    http_status = 409


class LimitReached(ReelbotError):
    """A budget or quota is used up. Nothing was held."""

    code = "limit_reached"
    exit_code = 75
    http_status = 429

    def __init__(self, message: str, *, scope: str = "", resets_at: datetime | None = None) -> None:
        super().__init__(message)
        self.scope = scope
        self.resets_at = resets_at


class ConfigurationError(ReelbotError):
    """The installation is set up in a way that cannot work; the message says the fix."""

    code = "configuration"
    exit_code = 78


class DataDirError(ConfigurationError):
    """The data directory cannot be written, or lies where a database must not."""

    code = "data_dir"


class SchemaTooNew(ConfigurationError):
    """The database was written by a newer Reelbot; this one would damage it."""

    code = "schema_too_new"


class DatabaseCorrupt(ConfigurationError):
    """The database file is damaged."""

    code = "database_corrupt"


class BackupFailed(ReelbotError):
    """No backup was made, and nothing of it is left behind. What is kept was not touched."""

    code = "backup_failed"


class AlreadyRunning(ReelbotError):
    """Another process runs the engine on this data directory, or is connected to Discord for the same shards."""

    code = "already_running"
    exit_code = 75
    http_status = 503


class DatabaseUnavailable(ReelbotError):
    """The database server does not answer, for a passing reason. What was being written may have been written or not."""

    code = "database_unavailable"
    exit_code = 69
    http_status = 503

    def __init__(self, message: str = say("The database does not answer at present. Try again in a moment.")) -> None:
        super().__init__(message)


# EFBIG is what a file size limit says (ulimit -f): for the person, too, there is no room for these bytes.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says when a file cannot grow."""


class DiskFull(ReelbotError):
    """No room to write. What was half-written has been removed; the job may be tried again."""

    code = "disk_full"
    exit_code = 75
    http_status = 507


class AssetStale(ReelbotError):
    """Too long passed between keeping a file and naming it in a row. Nothing was written; put it again."""

    code = "asset_stale"
    exit_code = 75
    http_status = 503


class Fenced(ReelbotError):
    """Somebody else moved or owns the job. Reload job and facts; write nothing from the old view."""

    code = "fenced"


class SubmitError(ReelbotError):
    """A submission that did not end in `Accepted`."""

    code = "submit_failed"


class NotSent(SubmitError):
    """The request provably never reached the provider: nothing was charged, and the job may be queued again."""

    code = "not_sent"


class Throttled(SubmitError):
    """The provider answered that it created nothing because of its rate limit. Queue again later."""

    code = "throttled"

    def __init__(self, message: str, *, retry_after_s: float | None = None, about: str = "rate") -> None:
        """`about` is `rate`, or `balance` when the account's credit is what holds it up."""
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.about = about


class Refused(SubmitError):
    """The provider provably refused the request: nothing was charged, and the same request would be refused again.

    `about` is one of `input`, `moderation` (the person's to change; never retried elsewhere), or
    `account`, `balance`, `model`, `availability` (another provider may take it).
    """

    code = "refused"

    def __init__(self, message: str, *, about: str = "input") -> None:
        super().__init__(message)
        self.about = about


class Unconfirmed(SubmitError):
    """Nobody can know whether the provider took the request. It must never be sent again by software."""

    code = "unconfirmed"

    def __init__(self, message: str, *, likely_refused: bool = False) -> None:
        """`likely_refused`: something before the provider said no; one look-up that finds nothing settles it."""
        super().__init__(message)
        self.likely_refused = likely_refused


class ProviderUnavailable(ReelbotError):
    """A free request to a provider failed for a passing reason. No money is involved; ask again later."""

    code = "provider_unavailable"
    exit_code = 69
    http_status = 503

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class KeyRefused(ProviderUnavailable):
    """The provider does not accept our key: only an operator can help. What it renders goes on, and is asked for later."""

    code = "key_refused"


class MediaUnavailable(ProviderUnavailable):
    """The media store in a cloud does not answer, or refuses us. No provider is at fault; the same step may be tried again."""

    code = "media_unavailable"


class ResultGone(ReelbotError):
    """The provider's result cannot be had any more. The render was charged."""

    code = "result_gone"


class DeliveryError(ReelbotError):
    """A clip that did not reach its place. The clip is kept."""

    code = "delivery_failed"


class DeliveryDelayed(DeliveryError):
    """Nothing was posted, for a passing reason; the same delivery may be tried again."""

    code = "delivery_delayed"

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DeliveryRefused(DeliveryError):
    """The place will not take it: nothing was posted, and trying there again will not help."""

    code = "delivery_refused"


class Withheld(DeliveryRefused):
    """The provider marked the clip as not safe for work, and this is no place for it. It is kept; its person is told."""

    code = "withheld"


class DeliveryUnclear(DeliveryError):
    """The clip may have been posted, and the platform cannot tell. Never posted again by software."""

    code = "delivery_unclear"

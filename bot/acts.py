"""What operators and team leads may do that the audit trail keeps: every name it knows, with a line on what it says.

`docs/reference/audit.md` has the same lines. A name is a noun and what was done to it, and never changes its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping

PROVIDER_PAUSED = "provider.paused"
PROVIDER_RESUMED = "provider.resumed"
WORKSPACE_ALLOWED = "workspace.allowed"
WORKSPACE_BLOCKED = "workspace.blocked"
WORKSPACE_WITHDRAWN = "workspace.withdrawn"
PERSON_BLOCKED = "person.blocked"
PERSON_UNBLOCKED = "person.unblocked"
LIMIT_SET = "limit.set"
LIMIT_REMOVED = "limit.removed"
JOB_RESOLVED = "job.resolved"
JOB_RESENT = "job.resent"
JOB_DELETED = "job.deleted"
JOB_CORRECTED = "job.corrected"
TOKEN_MADE = "token.made"  # noqa: S105  # the name of an act
TOKEN_REVOKED = "token.revoked"  # noqa: S105  # the name of an act
ROLE_GIVEN = "role.given"
SESSIONS_ENDED = "sessions.ended"

ACTS: Mapping[str, str] = {
    PROVIDER_PAUSED: "No new renders are started at a provider (`*`: at all of them); running ones finish.",
    PROVIDER_RESUMED: "Renders are started again. `held` says that it also ended the hold of a restored database.",
    WORKSPACE_ALLOWED: "Paid models may be used in a server or workspace.",
    WORKSPACE_BLOCKED: "Everything from a server or workspace is refused.",
    WORKSPACE_WITHDRAWN: "A server or workspace waits to be allowed again; only free models work there.",
    PERSON_BLOCKED: "A person's requests are refused.",
    PERSON_UNBLOCKED: "A person may ask again.",
    LIMIT_SET: "A limit was set; `usd` and `jobs` are its figures, `was` those stored before.",
    LIMIT_REMOVED: "A scope's own limits were removed; `was` lists them.",
    JOB_RESOLVED: "An unconfirmed job was decided: `as` is `lost` or `submitted`, with the provider's id where it was given.",
    JOB_RESENT: "A finished clip was sent again.",
    JOB_DELETED: "A job was erased with its clip and its posts, or is as soon as it has ended.",
    JOB_CORRECTED: "A later entry was written into the ledger; `usd` is its signed amount, `reason` why.",
    TOKEN_MADE: "A personal token was made; `person` is whose, `scopes` what for. Its secret is nowhere.",
    TOKEN_REVOKED: "A personal token was ended.",
    ROLE_GIVEN: "Somebody who signed in was given a role; `was` is the one before.",
    SESSIONS_ENDED: "Whoever was signed in as a person no longer is.",
}

"""Everything an operator may be told of by an alert: what it means, and what to do. `docs/reference/alerts.md` is made from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One kind of cause. `id` is stable; what it is about follows it after a colon, like `workspace.pending:discord:1`."""

    id: str
    what: str
    why: str
    fix: str


CAUSES: tuple[Cause, ...] = (
    Cause(
        id="job.unconfirmed",
        what="For ten minutes nobody has known whether a provider took a paid order.",
        why="Its money stays held, and it is never sent again by itself.",
        fix="Look at the provider's own page, then `reelbot resolve ID --as lost` or `--as submitted`.",
    ),
    Cause(
        id="provider.account",
        what="A provider refuses our key or our account.",
        why="New renders there wait; those under way are asked about later.",
        fix="Set the provider's key anew, or see to the account there.",
    ),
    Cause(
        id="provider.balance",
        what="A provider says that the account's credit is used up.",
        why="New renders there wait, and are given up after a while.",
        fix="Top the account up.",
    ),
    Cause(
        id="provider.resting",
        what="A provider has taken no orders for ten minutes: its breaker is open.",
        why="New renders there wait; the cards say so.",
        fix="Look at its status page; `reelbot doctor` says what it answered last. It is tried again by itself.",
    ),
    Cause(
        id="budget.80",
        what="80 % of the budget of the installation or of a workspace are spent or held.",
        why="At 100 % paid clips are refused until it resets.",
        fix="Nothing, or `reelbot limits set` with a higher one.",
    ),
    Cause(
        id="budget.100",
        what="The budget of the installation or of a workspace is used up.",
        why="Paid clips are refused there until it resets.",
        fix="Wait, or `reelbot limits set` with a higher one.",
    ),
    Cause(
        id="disk.low",
        what="Less than twice `REELBOT_DISK__MIN_FREE_MB` is free.",
        why="It will soon be too little for new jobs.",
        fix="Free some space, or let `reelbot sweep` delete what is kept no longer.",
    ),
    Cause(
        id="disk.full",
        what="Less than `REELBOT_DISK__MIN_FREE_MB` is free.",
        why="No new jobs are taken; those under way go on as long as they can.",
        fix="Free some space, or let `reelbot sweep` delete what is kept no longer.",
    ),
    Cause(
        id="money.above_hold",
        what="A provider charged more than was held for a job.",
        why="It is booked in full, and where it exceeds a budget nothing more is spent.",
        fix="Compare the prices of its catalogue with the provider's; `reelbot job ID` shows the job.",
    ),
    Cause(
        id="backup.failed",
        what="A scheduled backup was not made.",
        why="A broken disk would take what was made since the last one.",
        fix="Do what it says; it is tried again every hour, or at once by `reelbot backup FILE`.",
    ),
    Cause(
        id="database.fault",
        what="The database is damaged, or cannot be written.",
        why="Jobs do not go on, and new ones are not taken.",
        fix="`reelbot doctor` says which; docs/howto/back-up-and-restore.md says how to go back.",
    ),
    Cause(
        id="workspace.pending",
        what="A server or workspace that was never seen before added Reelbot.",
        why="Only free renders work there until you decide.",
        fix="`reelbot workspaces allow NAME`, or `block`.",
    ),
    Cause(
        id="organisation.added",
        what="A whole Slack organisation added Reelbot.",
        why="Each of its workspaces may not spend until you allow it.",
        fix="`reelbot workspaces allow slack:…` for each.",
    ),
    Cause(
        id="discord.token",
        what="Discord does not accept the bot's token any more.",
        why="Nobody is answered there; it is tried again by itself.",
        fix="Copy the token anew (Developer Portal, Bot) and set `REELBOT_DISCORD__TOKEN`.",
    ),
    Cause(
        id="slack.token",
        what="Slack does not accept the bot's token any more.",
        why="Nobody is answered there; it is tried again by itself.",
        fix="Copy the token anew (OAuth & Permissions) and set `REELBOT_SLACK__BOT_TOKEN`.",
    ),
)


def kind_of(cause: str) -> str:
    """The documented id of a cause: what stands before its first colon."""
    return cause.partition(":")[0]

"""All tables on one page. Money columns are micro-USD, times are UTC, units are in the names.

Three kinds of write (DESIGN §4): *facts* are append-only (submissions, deliveries, ledger, job_events), *wishes* are
rows of their own, and *transitions* are the only updates of `jobs`, fenced by `version` and `epoch`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator


class UtcTime(TypeDecorator[datetime]):
    """Aware UTC datetimes in and out; a naive one is refused, because nobody knows when it was."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """To UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime has no place in the database")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Aware again."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

RowId = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""SQLite only numbers rows by itself when the type is spelt INTEGER."""

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
    comment="installation_id, generation, epoch of the engine",
)

assets = sa.Table(
    "assets",
    metadata,
    sa.Column("id", sa.String, primary_key=True, comment="SHA-256 of the bytes, hex"),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("content_type", sa.String, nullable=False),
    sa.Column("width", sa.Integer),
    sa.Column("height", sa.Integer),
    sa.Column("duration_s", sa.Float),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("last_used_at", UtcTime, comment="when a job last came to refer to it, or its clip was sent again"),
    sa.Index("ix_assets_kind_used", "kind", "last_used_at"),
)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("seq", RowId, primary_key=True, autoincrement=True, comment="order of acceptance; rowid of the index"),
    sa.Column("id", sa.String, nullable=False, unique=True),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("platform", sa.String, nullable=False),
    sa.Column("workspace", sa.String, nullable=False),
    sa.Column("user", sa.String, nullable=False),
    sa.Column("channel", sa.String),
    sa.Column("thread", sa.String),
    sa.Column("roles", sa.JSON, nullable=False),
    sa.Column("locale", sa.String, comment="the language its person is answered in"),
    sa.Column("anchor", sa.Text, comment="where the answer hangs, in the words of its courier"),
    sa.Column("person", sa.String, nullable=False, comment="like discord:1:7; see Requester.person"),
    sa.Column("request_key", sa.String),
    sa.Column("fingerprint", sa.String, nullable=False, comment="hash of the request, to tell a repeat from another"),
    sa.Column("prompt", sa.Text, nullable=False),
    sa.Column("settings", sa.JSON, nullable=False),
    sa.Column("provider", sa.String, nullable=False),
    sa.Column("model", sa.String, nullable=False),
    sa.Column("image", sa.JSON, nullable=False),
    sa.Column("audio", sa.JSON),
    sa.Column("image_asset", sa.String, sa.ForeignKey("assets.id")),
    sa.Column("audio_asset", sa.String, sa.ForeignKey("assets.id")),
    sa.Column("parent_id", sa.String),
    sa.Column("relation", sa.String),
    sa.Column("quote_micro_usd", sa.BigInteger, nullable=False),
    sa.Column("confirmed_micro_usd", sa.BigInteger),
    sa.Column("held_micro_usd", sa.BigInteger, nullable=False),
    sa.Column("hold_id", RowId),
    sa.Column("charged_micro_usd", sa.BigInteger),
    sa.Column("attempt_id", sa.String),
    sa.Column("provider_job_id", sa.String),
    sa.Column("result_url", sa.Text),
    sa.Column("output", sa.JSON),
    sa.Column("delivery_id", sa.String),
    sa.Column("error", sa.JSON),
    sa.Column("note", sa.Text),
    sa.Column("progress", sa.Float),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("retries_used", sa.Integer, nullable=False),
    sa.Column("failed_over", sa.Boolean, nullable=False),
    sa.Column(
        "flagged", sa.Boolean, nullable=False, server_default="0", comment="not safe for work, the provider says"
    ),
    sa.Column("held_back", sa.Boolean, nullable=False),
    sa.Column("adjustments", sa.JSON, comment="what was changed of the inputs to fit the model, as sentences"),
    sa.Column("inputs_deleted_at", UtcTime, comment="by retention"),
    sa.Column("clip_deleted_at", UtcTime, comment="by retention"),
    sa.Column("forget", sa.String, comment="job or person: what to erase as soon as it has ended"),
    sa.Column("erased_at", UtcTime, comment="only its bookkeeping is left"),
    sa.Column("next_at", UtcTime),
    sa.Column("state_since", UtcTime, nullable=False),
    sa.Column("queued_at", UtcTime),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("updated_at", UtcTime, nullable=False),
    sa.Index("uq_jobs_person_request_key", "person", "request_key", unique=True),
    sa.Index("ix_jobs_state_seq", "state", "seq"),
    sa.Index("ix_jobs_person_state", "person", "state"),
    sa.Index("ix_jobs_parent", "parent_id"),
    sa.Index("ix_jobs_created", "created_at"),
    sa.Index("ix_jobs_charged", "charged_micro_usd"),
    sqlite_autoincrement=True,
)

request_aliases = sa.Table(
    "request_aliases",
    metadata,
    sa.Column("person", sa.String, primary_key=True),
    sa.Column("request_key", sa.String, primary_key=True),
    sa.Column("job_id", sa.String, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    comment="keys of presses that were the second of two: they name the first one's job",
)

unnamed_files = sa.Table(
    "unnamed_files",
    metadata,
    sa.Column("asset_id", sa.String, primary_key=True),
    sa.Column("since", UtcTime, nullable=False),
    comment="files whose row was deleted, and whose bytes are still to be removed",
)

forgotten = sa.Table(
    "forgotten",
    metadata,
    sa.Column("scope", sa.String, primary_key=True, comment="user:forgotten:<keyed hash of the person>"),
    sa.Column("month", sa.String, nullable=False, comment="until its end the hash is kept, so that limits still count"),
    comment="people who asked to be forgotten, by a hash that only this installation's key can make",
)

job_assets = sa.Table(
    "job_assets",
    metadata,
    sa.Column("job_id", sa.String, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("role", sa.String, primary_key=True, comment="original, image, sound, audio, source, part, clip, poster"),
    sa.Column("asset_id", sa.String, sa.ForeignKey("assets.id"), nullable=False, index=True),
    comment="which job refers to which file; a file without a row here may be deleted",
)

job_events = sa.Table(
    "job_events",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("job_id", sa.String, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("details", sa.JSON, nullable=False),
    sqlite_autoincrement=True,
)

submissions = sa.Table(
    "submissions",
    metadata,
    sa.Column("attempt_id", sa.String, primary_key=True),
    sa.Column("job_id", sa.String, sa.ForeignKey("jobs.id"), nullable=False, index=True),
    sa.Column("provider", sa.String, nullable=False),
    sa.Column("model", sa.String, nullable=False),
    sa.Column("token", sa.String, nullable=False, unique=True),
    sa.Column("input_url", sa.Text, nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("outcome", sa.String, comment="filled in once; unconfirmed may still become accepted"),
    sa.Column("provider_job_id", sa.String),
    sa.Column("reason", sa.Text),
    sa.Column("ended_at", UtcTime, comment="when it stopped occupying the account's capacity"),
    sa.Column("lookups", sa.Integer, nullable=False),
    sa.Column(
        "lookups_empty",
        sa.Integer,
        nullable=False,
        server_default="0",
        comment="look-ups that worked and found nothing",
    ),
    sa.Column("likely_refused", sa.Boolean, nullable=False, server_default="0", comment="one empty look-up proves it"),
    sa.Column(
        "refund_expected",
        sa.Boolean,
        nullable=False,
        server_default="0",
        comment="booked as given back, not proven yet",
    ),
    sa.Index("ix_submissions_provider_job", "provider", "provider_job_id"),
    sa.Index("ix_submissions_provider_open", "provider", "ended_at"),
    sa.Index("ix_submissions_provider_started", "provider", "started_at"),
)

evidence = sa.Table(
    "evidence",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("attempt_id", sa.String, sa.ForeignKey("submissions.attempt_id"), nullable=False),
    sa.Column("kind", sa.String, nullable=False, comment="webhook, or input_fetch: somebody outside read the input"),
    sa.Column("provider_job_id", sa.String, nullable=False, comment="empty for input_fetch"),
    sa.Column("status", sa.String, nullable=False, comment="the provider's word; empty for input_fetch"),
    sa.Column("at", UtcTime, nullable=False),
    # The same call twice is one row, whichever process it reaches.
    sa.UniqueConstraint("attempt_id", "kind", "provider_job_id", "status"),
    comment="what the outside told us of an attempt by itself; append-only",
    sqlite_autoincrement=True,
)

render_times = sa.Table(
    "render_times",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("provider", sa.String, nullable=False),
    sa.Column("model", sa.String, nullable=False),
    sa.Column("duration_s", sa.Integer, nullable=False),
    sa.Column("resolution", sa.String, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False, comment="from accepted to finished"),
    sa.Column("at", UtcTime, nullable=False),
    sa.Index("ix_render_times_of", "provider", "model", "duration_s", "resolution", "id"),
    comment="how long renders took; the schedule of polls and the estimates come from here",
    sqlite_autoincrement=True,
)

wishes = sa.Table(
    "wishes",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("job_id", sa.String, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("by", sa.String, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("details", sa.JSON, nullable=False),
    sa.Column("taken_at", UtcTime),
    sa.Index("ix_wishes_job_taken", "job_id", "taken_at"),
    sqlite_autoincrement=True,
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("job_id", sa.String, sa.ForeignKey("jobs.id"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("place", sa.String, nullable=False),
    sa.Column("method", sa.String),
    sa.Column("checkpoint", sa.JSON),
    sa.Column("outcome", sa.String),
    sa.Column("reference", sa.Text),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("posted_at", UtcTime),
    sa.UniqueConstraint("job_id", "number"),
)

cards = sa.Table(
    "cards",
    metadata,
    sa.Column("job_id", sa.String, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, comment="the job's version it shows"),
    comment="the one message per job that shows how it stands",
)

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("job_id", sa.String, nullable=False, index=True),
    sa.Column("kind", sa.String, nullable=False, comment="hold, settle, release, correction"),
    sa.Column("micro_usd", sa.BigInteger, nullable=False, comment="the amount the entry names"),
    sa.Column("delta_micro_usd", sa.BigInteger, nullable=False, comment="what it changes in every sum"),
    sa.Column("delta_jobs", sa.Integer, nullable=False),
    sa.Column("hold_id", RowId, comment="the hold that a settle or release closes"),
    sa.Column("workspace_scope", sa.String, nullable=False),
    sa.Column("channel_scope", sa.String),
    sa.Column("user_scope", sa.String, nullable=False),
    sa.Column("day", sa.String, nullable=False, comment="of the hold, in the workspace's zone: 2026-11-21"),
    sa.Column("month", sa.String, nullable=False),
    sa.Column("installation_day", sa.String, nullable=False, comment="the same in the installation's zone"),
    sa.Column("installation_month", sa.String, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("at", UtcTime, nullable=False),
    # A hold is closed once, whatever races: the second settle or release is refused by the database itself.
    sa.Index("uq_ledger_closed_once", "hold_id", unique=True, sqlite_where=sa.text("hold_id IS NOT NULL")),
    sa.Index("ix_ledger_installation_day", "installation_day"),
    sqlite_autoincrement=True,
)

ledger_sums = sa.Table(
    "ledger_sums",
    metadata,
    sa.Column("scope", sa.String, primary_key=True),
    sa.Column("period", sa.String, primary_key=True, comment="a day 2026-11-21 or a month 2026-11"),
    sa.Column("micro_usd", sa.BigInteger, nullable=False),
    sa.Column("jobs", sa.Integer, nullable=False),
    comment="kept in the same transaction as the ledger; always equal to its sums",
)

limits = sa.Table(
    "limits",
    metadata,
    sa.Column("scope", sa.String, primary_key=True),
    sa.Column("period", sa.String, primary_key=True, comment="day or month"),
    sa.Column("micro_usd", sa.BigInteger, comment="empty: not set here; -1: no limit; 0: none"),
    sa.Column("jobs", sa.Integer, comment="as micro_usd"),
)

workspaces = sa.Table(
    "workspaces",
    metadata,
    sa.Column("platform", sa.String, primary_key=True),
    sa.Column("workspace", sa.String, primary_key=True),
    sa.Column("name", sa.String),
    sa.Column("standing", sa.String, nullable=False, comment="pending, allowed or blocked"),
    sa.Column("timezone", sa.String),
    sa.Column("first_seen_at", UtcTime, nullable=False),
)

installations = sa.Table(
    "installations",
    metadata,
    sa.Column("platform", sa.String, primary_key=True),
    sa.Column("enterprise", sa.String, primary_key=True, comment="id of the organisation; empty without one"),
    sa.Column("workspace", sa.String, primary_key=True, comment="empty: the whole organisation added the bot"),
    sa.Column("app", sa.String),
    sa.Column("bot_user", sa.String, nullable=False),
    sa.Column("bot", sa.String),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("sealed_token", sa.Text, nullable=False, comment="encrypted by the secret key, for this row alone"),
    sa.Column("name", sa.String),
    sa.Column("installed_by", sa.String),
    sa.Column("installed_at", UtcTime, nullable=False),
    sa.Index("ix_installations_workspace", "platform", "workspace"),
    comment="where the bot was added by somebody's consent in a browser; a token of the settings is not here",
)

oauth_states = sa.Table(
    "oauth_states",
    metadata,
    sa.Column("state", sa.String, primary_key=True, comment="SHA-256 of it, hex"),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
    comment="who began to add the bot in a browser, and is expected back",
)

workspace_settings = sa.Table(
    "workspace_settings",
    metadata,
    sa.Column("platform", sa.String, primary_key=True),
    sa.Column("workspace", sa.String, primary_key=True),
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
)

channel_settings = sa.Table(
    "channel_settings",
    metadata,
    sa.Column("platform", sa.String, primary_key=True),
    sa.Column("workspace", sa.String, primary_key=True),
    sa.Column("channel", sa.String, primary_key=True),
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
)

blocked_people = sa.Table(
    "blocked_people",
    metadata,
    sa.Column("person", sa.String, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
)

api_tokens = sa.Table(
    "api_tokens",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("person", sa.String, nullable=False, index=True),
    sa.Column("digest", sa.String, nullable=False, comment="SHA-256 of the secret, hex"),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("label", sa.String, nullable=False),
    sa.Column("created_by", sa.String, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime),
    sa.Column("last_used_at", UtcTime, comment="to the hour"),
    sa.Column("revoked_at", UtcTime),
    comment="personal tokens of the API; the secret itself is nowhere",
)

members = sa.Table(
    "members",
    metadata,
    sa.Column("person", sa.String, primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("role", sa.String, nullable=False, comment="viewer, member, team_lead or operator"),
    sa.Column(
        "given", sa.Boolean, nullable=False, comment="the role was given by an operator, and signing in keeps it"
    ),
    sa.Column("chat_roles", sa.JSON, nullable=False),
    sa.Column("first_seen_at", UtcTime, nullable=False),
    sa.Column("signed_in_at", UtcTime, nullable=False),
    sa.Column("sessions_from", UtcTime, nullable=False, comment="sessions that began before are over"),
    comment="who signed in to the web side through their chat",
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("by", sa.String, nullable=False, comment="who did it, like api:admin or discord:1:7"),
    sa.Column("action", sa.String, nullable=False, comment="like limit.set or workspace.allowed"),
    sa.Column("subject", sa.String, nullable=False, comment="what it was done to"),
    sa.Column("details", sa.JSON, nullable=False),
    comment="what operators and team leads did; append-only",
    sqlite_autoincrement=True,
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("cause", sa.String, primary_key=True, comment="what it is about; the same cause is told once a day"),
    sa.Column("day", sa.String, nullable=False, comment="UTC, when it was last told"),
)

provider_health = sa.Table(
    "provider_health",
    metadata,
    sa.Column("provider", sa.String, primary_key=True, comment="* stands for all of them"),
    sa.Column("paused_at", UtcTime),
    sa.Column("paused_by", sa.String),
    sa.Column("ambiguous", sa.Integer, nullable=False, comment="creates nobody can vouch for, in a row"),
    sa.Column("failures", sa.Integer, nullable=False, comment="passing failures of creates, in a row"),
    sa.Column("throttled", sa.Integer, nullable=False, server_default="0", comment="throttled creates, in a row"),
    sa.Column(
        "opened", sa.Integer, nullable=False, comment="how often in a row the breaker opened; lengthens its wait"
    ),
    sa.Column("open_until", UtcTime, comment="no creates before; afterwards one free request decides"),
    sa.Column("reason", sa.Text),
)

paces = sa.Table(
    "paces",
    metadata,
    sa.Column("name", sa.String, primary_key=True, comment="what is limited, like slack:T1:chat.postMessage"),
    sa.Column("next_at", UtcTime, nullable=False, comment="when the next request may go out"),
    comment="rates that all processes keep together, and leases: until when nobody else may begin",
)

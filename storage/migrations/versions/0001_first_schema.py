"""The first schema: jobs, facts, wishes, money, permission, and the index of history.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Everything part 1 remembers; see `storage.tables` for what each column means."""
    op.create_table(
        "assets",
        sa.Column("id", sa.String(), nullable=False, comment="SHA-256 of the bytes, hex"),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("duration_s", sa.Float(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assets")),
    )
    op.create_table(
        "blocked_people",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_blocked_people")),
    )
    op.create_table(
        "channel_settings",
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("workspace", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "workspace", "channel", "key", name=op.f("pk_channel_settings")),
    )
    op.create_table(
        "ledger",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False, comment="hold, settle, release, correction"),
        sa.Column("micro_usd", sa.BigInteger(), nullable=False, comment="the amount the entry names"),
        sa.Column("delta_micro_usd", sa.BigInteger(), nullable=False, comment="what it changes in every sum"),
        sa.Column("delta_jobs", sa.Integer(), nullable=False),
        sa.Column(
            "hold_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="the hold that a settle or release closes",
        ),
        sa.Column("workspace_scope", sa.String(), nullable=False),
        sa.Column("channel_scope", sa.String(), nullable=True),
        sa.Column("user_scope", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False, comment="of the hold, in the workspace's zone: 2026-11-21"),
        sa.Column("month", sa.String(), nullable=False),
        sa.Column("installation_day", sa.String(), nullable=False, comment="the same in the installation's zone"),
        sa.Column("installation_month", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("ledger", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ledger_job_id"), ["job_id"], unique=False)
        batch_op.create_index(
            "uq_ledger_closed_once", ["hold_id"], unique=True, sqlite_where=sa.text("hold_id IS NOT NULL")
        )

    op.create_table(
        "ledger_sums",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False, comment="a day 2026-11-21 or a month 2026-11"),
        sa.Column("micro_usd", sa.BigInteger(), nullable=False),
        sa.Column("jobs", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "period", name=op.f("pk_ledger_sums")),
        comment="kept in the same transaction as the ledger; always equal to its sums",
    )
    op.create_table(
        "limits",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False, comment="day or month"),
        sa.Column("micro_usd", sa.BigInteger(), nullable=True, comment="empty: not set here; -1: no limit; 0: none"),
        sa.Column("jobs", sa.Integer(), nullable=True, comment="as micro_usd"),
        sa.PrimaryKeyConstraint("scope", "period", name=op.f("pk_limits")),
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_meta")),
        comment="installation_id, generation, epoch of the engine",
    )
    op.create_table(
        "provider_health",
        sa.Column("provider", sa.String(), nullable=False, comment="* stands for all of them"),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_by", sa.String(), nullable=True),
        sa.Column("ambiguous", sa.Integer(), nullable=False, comment="creates nobody can vouch for, in a row"),
        sa.Column("failures", sa.Integer(), nullable=False, comment="passing failures of creates, in a row"),
        sa.Column(
            "opened", sa.Integer(), nullable=False, comment="how often in a row the breaker opened; lengthens its wait"
        ),
        sa.Column(
            "open_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="no creates before; afterwards one free request decides",
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_provider_health")),
    )
    op.create_table(
        "workspace_settings",
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("workspace", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "workspace", "key", name=op.f("pk_workspace_settings")),
    )
    op.create_table(
        "workspaces",
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("workspace", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("standing", sa.String(), nullable=False, comment="pending, allowed or blocked"),
        sa.Column("timezone", sa.String(), nullable=True),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("platform", "workspace", name=op.f("pk_workspaces")),
    )
    op.create_table(
        "jobs",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
            comment="order of acceptance; rowid of the index",
        ),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("workspace", sa.String(), nullable=False),
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=True),
        sa.Column("thread", sa.String(), nullable=True),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("person", sa.String(), nullable=False, comment="like discord:1:7; see Requester.person"),
        sa.Column("request_key", sa.String(), nullable=True),
        sa.Column(
            "fingerprint", sa.String(), nullable=False, comment="hash of the request, to tell a repeat from another"
        ),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("image", sa.JSON(), nullable=False),
        sa.Column("audio", sa.JSON(), nullable=True),
        sa.Column("image_asset", sa.String(), nullable=True),
        sa.Column("audio_asset", sa.String(), nullable=True),
        sa.Column("parent_id", sa.String(), nullable=True),
        sa.Column("relation", sa.String(), nullable=True),
        sa.Column("quote_micro_usd", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_micro_usd", sa.BigInteger(), nullable=True),
        sa.Column("held_micro_usd", sa.BigInteger(), nullable=False),
        sa.Column("hold_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("charged_micro_usd", sa.BigInteger(), nullable=True),
        sa.Column("attempt_id", sa.String(), nullable=True),
        sa.Column("provider_job_id", sa.String(), nullable=True),
        sa.Column("result_url", sa.Text(), nullable=True),
        sa.Column("output", sa.JSON(), nullable=True),
        sa.Column("delivery_id", sa.String(), nullable=True),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("progress", sa.Float(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("retries_used", sa.Integer(), nullable=False),
        sa.Column("failed_over", sa.Boolean(), nullable=False),
        sa.Column("held_back", sa.Boolean(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["audio_asset"], ["assets.id"], name=op.f("fk_jobs_audio_asset_assets")),
        sa.ForeignKeyConstraint(["image_asset"], ["assets.id"], name=op.f("fk_jobs_image_asset_assets")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_jobs")),
        sa.UniqueConstraint("id", name=op.f("uq_jobs_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index("ix_jobs_parent", ["parent_id"], unique=False)
        batch_op.create_index("ix_jobs_person_state", ["person", "state"], unique=False)
        batch_op.create_index("ix_jobs_state_seq", ["state", "seq"], unique=False)
        batch_op.create_index("uq_jobs_person_request_key", ["person", "request_key"], unique=True)

    op.create_table(
        "cards",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, comment="the job's version it shows"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_cards_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_cards")),
        comment="the one message per job that shows how it stands",
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=True),
        sa.Column("checkpoint", sa.JSON(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_deliveries_job_id_jobs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("job_id", "number", name=op.f("uq_deliveries_job_id_number")),
    )
    op.create_table(
        "job_assets",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column(
            "role", sa.String(), nullable=False, comment="original, image, sound, audio, source, part, clip, poster"
        ),
        sa.Column("asset_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["assets.id"], name=op.f("fk_job_assets_asset_id_assets")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_assets_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "role", name=op.f("pk_job_assets")),
        comment="which job refers to which file; a file without a row here may be deleted",
    )
    with op.batch_alter_table("job_assets", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_job_assets_asset_id"), ["asset_id"], unique=False)

    op.create_table(
        "job_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_events_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_events")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("job_events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_job_events_job_id"), ["job_id"], unique=False)

    op.create_table(
        "submissions",
        sa.Column("attempt_id", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("input_url", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "outcome", sa.String(), nullable=True, comment="filled in once; unconfirmed may still become accepted"
        ),
        sa.Column("provider_job_id", sa.String(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "ended_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it stopped occupying the account's capacity",
        ),
        sa.Column("lookups", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_submissions_job_id_jobs")),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_submissions")),
        sa.UniqueConstraint("token", name=op.f("uq_submissions_token")),
    )
    with op.batch_alter_table("submissions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_submissions_job_id"), ["job_id"], unique=False)
        batch_op.create_index("ix_submissions_provider_open", ["provider", "ended_at"], unique=False)
        batch_op.create_index("ix_submissions_provider_started", ["provider", "started_at"], unique=False)

    op.create_table(
        "wishes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_wishes_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wishes")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("wishes", schema=None) as batch_op:
        batch_op.create_index("ix_wishes_job_taken", ["job_id", "taken_at"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE jobs_fts USING fts5(words, tokens, state, tokenize = 'porter unicode61')")

"""What the web side needs: personal tokens, who signed in, what operators did, and spending by day.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.tables import RowId, UtcTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Three tables that begin empty, and an index: spending is asked for by the installation's days."""
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False, comment="SHA-256 of the secret, hex"),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime()),
        sa.Column("last_used_at", UtcTime(), comment="to the hour"),
        sa.Column("revoked_at", UtcTime()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        comment="personal tokens of the API; the secret itself is nowhere",
    )
    op.create_index("ix_api_tokens_person", "api_tokens", ["person"])
    op.create_table(
        "members",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False, comment="viewer, member, team_lead or operator"),
        sa.Column(
            "given", sa.Boolean(), nullable=False, comment="the role was given by an operator, and signing in keeps it"
        ),
        sa.Column("chat_roles", sa.JSON(), nullable=False),
        sa.Column("first_seen_at", UtcTime(), nullable=False),
        sa.Column("signed_in_at", UtcTime(), nullable=False),
        sa.Column("sessions_from", UtcTime(), nullable=False, comment="sessions that began before are over"),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_members")),
        comment="who signed in to the web side through their chat",
    )
    op.create_table(
        "audit",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("by", sa.String(), nullable=False, comment="who did it, like api:admin or discord:1:7"),
        sa.Column("action", sa.String(), nullable=False, comment="like limit.set or workspace.allowed"),
        sa.Column("subject", sa.String(), nullable=False, comment="what it was done to"),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        comment="what operators and team leads did; append-only",
        sqlite_autoincrement=True,
    )
    op.create_index("ix_ledger_installation_day", "ledger", ["installation_day"])

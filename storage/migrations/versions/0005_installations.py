"""What many workspaces of Slack need: their tokens, sealed, and who is expected back from a consent in the browser.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.tables import UtcTime

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Two tables that begin empty: the token of the settings stays in the settings."""
    op.create_table(
        "installations",
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("enterprise", sa.String(), nullable=False, comment="id of the organisation; empty without one"),
        sa.Column("workspace", sa.String(), nullable=False, comment="empty: the whole organisation added the bot"),
        sa.Column("app", sa.String()),
        sa.Column("bot_user", sa.String(), nullable=False),
        sa.Column("bot", sa.String()),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("sealed_token", sa.Text(), nullable=False, comment="encrypted by the secret key, for this row alone"),
        sa.Column("name", sa.String()),
        sa.Column("installed_by", sa.String()),
        sa.Column("installed_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "enterprise", "workspace", name=op.f("pk_installations")),
        comment="where the bot was added by somebody's consent in a browser; a token of the settings is not here",
    )
    op.create_index("ix_installations_workspace", "installations", ["platform", "workspace"])
    op.create_table(
        "oauth_states",
        sa.Column("state", sa.String(), nullable=False, comment="SHA-256 of it, hex"),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("state", name=op.f("pk_oauth_states")),
        comment="who began to add the bot in a browser, and is expected back",
    )
    op.create_index("ix_oauth_states_expires_at", "oauth_states", ["expires_at"])

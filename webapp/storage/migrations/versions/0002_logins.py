"""Sessions are kept here, and tokens end; those that are there already end 90 days from when they were made."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TOKEN_S = 90 * 86_400.0


def upgrade() -> None:
    op.create_table(
        "logins",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("user_id", IDENTITY, nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("seen_at", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index(op.f("ix_logins_user_id"), "logins", ["user_id"], unique=False)
    with op.batch_alter_table("tokens") as tokens:
        tokens.add_column(sa.Column("expires_at", sa.Float(precision=53), nullable=False, server_default="0"))
        tokens.add_column(sa.Column("used_at", sa.Float(precision=53), nullable=True))
    op.execute(f"UPDATE tokens SET expires_at = created_at + {TOKEN_S}")
    with op.batch_alter_table("tokens") as tokens:
        tokens.alter_column("expires_at", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("tokens") as tokens:
        tokens.drop_column("used_at")
        tokens.drop_column("expires_at")
    op.drop_table("logins")

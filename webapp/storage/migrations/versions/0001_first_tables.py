"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SORTED = sa.String(length=255).with_variant(sa.String(length=255, collation="C"), "postgresql")
FILTERED = ["present", "sites", "uncertain", "quality", "review", "uploaded_at", "folded"]


def upgrade() -> None:
    _accounts()
    _records()
    _work()


def _accounts() -> None:
    op.create_table(
        "audit",
        sa.Column("id", IDENTITY, nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("user", sa.String(length=255), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("record", sa.String(length=255), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_audit_workspace"), "audit", ["workspace"], unique=False)
    op.create_table(
        "failures",
        sa.Column("id", IDENTITY, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_failures_address"), "failures", ["address"], unique=False)
    op.create_index(op.f("ix_failures_at"), "failures", ["at"], unique=False)
    op.create_index(op.f("ix_failures_name"), "failures", ["name"], unique=False)
    op.create_table(
        "settings",
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "users",
        sa.Column("id", IDENTITY, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "tokens",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("user_id", IDENTITY, nullable=False),
        sa.Column("label", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index(op.f("ix_tokens_user_id"), "tokens", ["user_id"], unique=False)


def _records() -> None:
    op.create_table(
        "forms",
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("rows", sa.JSON(), nullable=False),
        sa.Column("uploaded_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("workspace"),
    )
    op.create_table(
        "signals", sa.Column("sha256", sa.String(length=64), nullable=False), sa.PrimaryKeyConstraint("sha256")
    )
    op.create_table(
        "records",
        sa.Column("id", IDENTITY, nullable=False),
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("name", SORTED, nullable=False),
        sa.Column("folded", SORTED, nullable=False),
        sa.Column("signal", sa.String(length=64), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.Column("probability", sa.Float(precision=53), nullable=False),
        sa.Column("sites", sa.Integer(), nullable=False),
        sa.Column("uncertain", sa.Boolean(), nullable=False),
        sa.Column("quality", sa.String(length=20), nullable=False),
        sa.Column("review", sa.String(length=20), nullable=True),
        sa.Column("uploaded_at", sa.Float(precision=53), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("tracing", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["signal"],
            ["signals.sha256"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace", "name"),
    )
    op.create_index(op.f("ix_records_signal"), "records", ["signal"], unique=False)
    op.create_index("records_newest", "records", ["workspace", "id", *FILTERED], unique=False)
    op.create_index("records_named", "records", ["workspace", "name", "id", *FILTERED], unique=False)
    op.create_index("records_probability", "records", ["workspace", "probability", "id", *FILTERED], unique=False)
    op.create_table(
        "reviews",
        sa.Column("id", IDENTITY, nullable=False),
        sa.Column("record_id", IDENTITY, nullable=False),
        sa.Column("user", sa.String(length=255), nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("sites", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_reviews_record_id"), "reviews", ["record_id"], unique=False)


def _work() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("user", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("fs_hz", sa.Float(precision=53), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("jobs_newest", "jobs", ["workspace", "created_at"], unique=False)
    op.create_table(
        "workers",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("seen_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "tasks",
        sa.Column("id", IDENTITY, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=True),
        sa.Column("record_id", IDENTITY, nullable=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("worker", sa.String(length=32), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("record", sa.String(length=255), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_tasks_record_id"), "tasks", ["record_id"], unique=False)
    op.create_index("tasks_next", "tasks", ["state", "priority", "position", "id"], unique=False)
    op.create_index("tasks_of_job", "tasks", ["job_id", "position"], unique=False)


def downgrade() -> None:
    for table in (
        "tasks",
        "reviews",
        "tokens",
        "records",
        "workers",
        "users",
        "signals",
        "settings",
        "jobs",
        "forms",
        "failures",
        "audit",
    ):
        op.drop_table(table)

"""Records stand in the list as their upload has them, by name; tasks say of a recording that it was there before.

Records that are there are all the first of their upload: each has a time of its own, so that their order stays.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
FILTERED = ["present", "sites", "uncertain", "quality", "review"]


def upgrade() -> None:
    op.add_column("records", sa.Column("position", sa.Integer(), nullable=False, server_default="0"))
    op.drop_index("records_newest", "records")
    op.create_index(
        "records_uploaded", "records", ["workspace", sa.text("uploaded_at DESC"), "position", "id", *FILTERED, "folded"]
    )
    op.add_column("tasks", sa.Column("known", sa.String(length=10), nullable=True))


def downgrade() -> None:
    op.drop_column("tasks", "known")
    op.drop_index("records_uploaded", "records")
    op.create_index("records_newest", "records", ["workspace", "id", *FILTERED, "uploaded_at", "folded"])
    op.drop_column("records", "position")

"""Patients: their id, of which records there are, and of each record its day, the age, the sex and, apart, the name."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# In one statement: SQLite adds a column with what it refers to, and would make the table anew to add that afterwards.
POINT_TO_PATIENT = "ALTER TABLE records ADD COLUMN patient {kind} REFERENCES patients (id)"


def upgrade() -> None:
    op.create_table(
        "patients",
        sa.Column("id", IDENTITY, nullable=False),
        sa.Column("workspace", sa.String(length=255), nullable=False),
        sa.Column("patient_id", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace", "patient_id"),
    )
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(POINT_TO_PATIENT.format(kind=kind))
    op.add_column("records", sa.Column("recorded_at", sa.String(length=19), nullable=True))
    op.add_column("records", sa.Column("age_years", sa.Float(precision=53), nullable=True))
    op.add_column("records", sa.Column("sex", sa.String(length=10), nullable=True))
    op.create_index("records_of_patient", "records", ["patient", "recorded_at", "id"], unique=False)
    op.create_table(
        "patient_names",
        sa.Column("record", IDENTITY, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(["record"], ["records.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("record"),
    )


def downgrade() -> None:
    op.drop_table("patient_names")
    op.drop_index("records_of_patient", table_name="records")
    for name in ("sex", "age_years", "recorded_at", "patient"):
        op.drop_column("records", name)
    op.drop_table("patients")

"""Each row of the trail has the hash of the one before, an address, and a pseudonym for the record's name.

The rows that are there are chained as they stand. Names of uploads whose recordings were deleted go.
"""

import hashlib
import hmac
import json
import secrets

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
PIECE = 1_000
NAMELESS = "names deleted"
ROWS = 'SELECT id, at, workspace, "user", action, record, detail FROM audit WHERE id > :last ORDER BY id LIMIT :piece'
HELD = "UPDATE audit SET record_id = (SELECT r.id FROM records r WHERE r.workspace = audit.workspace AND r.name = audit.record)"
DELETED = "SELECT job_id FROM tasks WHERE kind = 'read' AND state = 'done' AND record IS NULL"


def upgrade() -> None:
    with op.batch_alter_table("audit") as audit:
        audit.add_column(sa.Column("record_id", IDENTITY, nullable=True))
        audit.add_column(sa.Column("address", sa.String(length=64), nullable=False, server_default=""))
        audit.add_column(sa.Column("hash", sa.String(length=64), nullable=False, server_default=""))
    _chain(op.get_bind())
    with op.batch_alter_table("audit") as audit:
        audit.alter_column("address", server_default=None)
        audit.alter_column("hash", server_default=None)
    op.execute(sa.text(f"UPDATE jobs SET name = '{NAMELESS}' WHERE id IN ({DELETED})"))


def _chain(connection: sa.Connection) -> None:
    key, n, head, last = secrets.token_hex(32), 0, "", -1
    connection.execute(sa.text(f"{HELD} WHERE record IS NOT NULL"))
    held = dict(connection.execute(sa.text("SELECT id, record_id FROM audit WHERE record_id IS NOT NULL")).all())
    change = sa.text("UPDATE audit SET record = :record, hash = :hash WHERE id = :id")
    while rows := connection.execute(sa.text(ROWS), {"last": last, "piece": PIECE}).all():
        changed = []
        for row in rows:
            record = None if row.record is None else _mac(key, row.workspace, row.record)
            fields = [round(row.at * 1_000), row.workspace, row.user, row.action, record, held.get(row.id), row.detail]
            text = json.dumps([*fields, "", head], separators=(",", ":"))
            head = hashlib.sha256(text.encode("ascii")).hexdigest()
            changed.append({"id": row.id, "record": record, "hash": head})
        connection.execute(change, changed)
        n, last = n + len(rows), rows[-1].id
    setting = sa.text("INSERT INTO settings (key, value) VALUES (:key, :value)")
    kept = f"{n} {head or '-'} {_mac(key, str(n), head)}"
    connection.execute(setting, [{"key": "trail_key", "value": key}, {"key": "trail_head", "value": kept}])


def _mac(key: str, *parts: str) -> str:
    return hmac.new(key.encode(), json.dumps([*parts]).encode(), hashlib.sha256).hexdigest()


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM settings WHERE key IN ('trail_key', 'trail_head')"))
    with op.batch_alter_table("audit") as audit:
        audit.drop_column("hash")
        audit.drop_column("address")
        audit.drop_column("record_id")

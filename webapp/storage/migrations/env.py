"""Alembic's way in: migrations run on the connection that `Database.migrate` hands over."""

from alembic import context

from webapp.storage.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=False,  # the caller's transaction holds all of it
)
context.run_migrations()

"""Alembic's entry point; :mod:`edxml_router.store.database.migrate` calls it with an open transaction."""

from alembic import context

# All steps run in the caller's one transaction: a kill in the middle leaves the schema as it was.
context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()

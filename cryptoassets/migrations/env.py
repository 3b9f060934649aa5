"""Alembic's entry point, executed by alembic with the connection that `runner` passes.

What goes here: alembic's configuration. What stays out: connecting, locking and committing (in
`runner`). Only alembic may import this module.
"""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"], version_table_schema="warehouse"
)
context.run_migrations()

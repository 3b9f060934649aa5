"""Alembic's entry: it executes this file, with the connection that `runner` hands over.

What goes here: what alembic must be told about our database. What stays out: connecting, locking
and committing (in `runner`); nobody but alembic may import this module.
"""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"], version_table_schema="warehouse"
)
context.run_migrations()

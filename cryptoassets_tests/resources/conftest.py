"""Fixtures of the resources' tests."""

from cryptoassets_tests.resources.postgres_fixtures import (
    database,
    empty_database,
    migrated_template,
    postgres,
    postgres_url_of,
)

__all__ = ["database", "empty_database", "migrated_template", "postgres", "postgres_url_of"]

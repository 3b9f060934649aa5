"""The plugin's GraphQL queries are valid in the installed version of Dagster."""

import pytest
from graphql import parse, validate

from cryptoassets_airflow import graphql as texts

pytest.importorskip("dagster_graphql")

NAMES = ["LAUNCH", "FIND_RUNS", "STATUS", "EVENTS", "TERMINATE", "LOCATIONS"]


@pytest.mark.parametrize("name", NAMES)
def test_a_query_is_valid_in_dagsters_schema(name: str) -> None:
    """The plugin never imports Dagster, so no other test would notice a renamed field."""
    from dagster_graphql.schema import create_schema  # noqa: PLC0415 - skipped without it

    schema = create_schema().graphql_schema

    assert [] == validate(schema, parse(getattr(texts, name)))

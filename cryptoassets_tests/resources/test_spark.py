"""The Spark session of this process."""

import pytest

from cryptoassets.embedded.java_options import compiled_plans
from cryptoassets.resources.spark import MANY_ROWS, SparkResource

pytestmark = pytest.mark.spark


@pytest.mark.parametrize(("rows", "is_worth_it"), [(MANY_ROWS, True), (MANY_ROWS - 1, False)])
def test_plans_are_compiled_only_for_many_rows(
    spark: SparkResource, rows: int, *, is_worth_it: bool
) -> None:
    """`prepare_for` once had no effect: each access to the session restored its first settings."""
    spark.prepare_for(rows)

    expected = compiled_plans(is_worth_it=is_worth_it)
    assert expected == {name: spark.session.conf.get(name) for name in expected}

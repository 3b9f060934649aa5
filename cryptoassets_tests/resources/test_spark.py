"""The Spark session of this process."""

import pytest

from cryptoassets.embedded.java_options import compiled_plans
from cryptoassets.resources.spark import MANY_ROWS, SparkResource

pytestmark = pytest.mark.spark


@pytest.mark.parametrize(("rows", "is_worth_it"), [(MANY_ROWS, True), (MANY_ROWS - 1, False)])
def test_plans_are_compiled_for_many_rows_until_something_else_is_prepared(
    spark: SparkResource, rows: int, *, is_worth_it: bool
) -> None:
    """Each use of the session once restored the settings that it was created with."""
    spark.prepare_for(rows)

    expected = compiled_plans(is_worth_it=is_worth_it)
    assert expected == {name: spark.session.conf.get(name) for name in expected}

"""Progress for commands that need Spark: Java starts before the large imports."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cryptoassets.cli.json_output import progress_console

if TYPE_CHECKING:
    from cryptoassets.cli.render import ConsoleProgress


@contextmanager
def progress_with_java(*, is_json: bool = False) -> Iterator["ConsoleProgress"]:
    """Start Java in the background before large imports; show progress until the block ends."""
    from cryptoassets.resources.spark_jvm import prestarted_jvm

    with prestarted_jvm():
        from cryptoassets.cli.render import progress_on

        with progress_on(progress_console(is_json=is_json)) as progress:
            yield progress

"""JVM flags for a quick start of Spark's driver.

What goes here: the flags. What stays out: which Java (in `java`), Spark's own configuration (in
`resources`).
"""

from pathlib import Path


def quick_start_options(folder: Path, java_home: Path | None) -> list[str]:  # noqa: ARG001
    """Return flags that shorten start-up; any Java takes them, and none prints a word."""
    # The first compiler only: half the start-up, and the jobs of one machine are short.
    return ["-XX:TieredStopAtLevel=1", "-Xshare:auto"]

"""The process from which Spark's Python workers are forked; it first imports what tasks need.

What goes here: these imports, then PySpark's own daemon. What stays out: our own modules. Each
worker must import them itself, because the driver may send newer versions than are installed here.
"""

import gc
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from pathlib import Path


def main() -> None:
    """Import packages, unload our own modules, then serve Spark until it closes the pipe."""
    # Otherwise numpy starts threads, which do not survive a fork. PyArrow's jemalloc handles forks.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.path[:] = without_archives(sys.path)
    _import_what_tasks_need()
    for name in [name for name in sys.modules if name.partition(".")[0] == "cryptoassets"]:
        del sys.modules[name]
    # A worker's garbage collection would otherwise copy every shared memory page.
    gc.freeze()
    from pyspark.daemon import manager

    manager()


def without_archives(path: Sequence[str]) -> list[str]:
    """Return the search path without PySpark's archives, if it also contains PySpark unpacked.

    Spark puts its archives first in the path. As they contain no compiled modules, importing from
    them would cost a second of CPU time at each start.
    """
    others = [entry for entry in path if not entry.endswith(".zip")]
    spec = PathFinder.find_spec("pyspark", others)
    has_bridge = PathFinder.find_spec("py4j", others) is not None
    if spec is None or spec.origin is None or not has_bridge:
        return list(path)
    root = Path(spec.origin).parent
    return [entry for entry in path if entry in others or root not in Path(entry).parents]


class WithoutPandas(MetaPathFinder):
    """Prevents workers from importing pandas.

    PyArrow would import pandas for its first array. That would cost 0.3 s of CPU time and 40 MB for
    a package that no task needs.
    """

    def find_spec(self, fullname: str, _path: object = None, _target: object = None) -> None:
        """Report pandas as not installed."""
        if fullname.partition(".")[0] == "pandas":
            raise ModuleNotFoundError(name=fullname)


def _import_what_tasks_need() -> None:
    sys.meta_path.insert(0, WithoutPandas())
    import numpy as np  # noqa: F401
    import psycopg  # noqa: F401
    import pyarrow.compute
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401
    import pydantic_settings  # noqa: F401
    import pymongo  # noqa: F401
    import pyspark.worker  # noqa: F401


if __name__ == "__main__":
    main()

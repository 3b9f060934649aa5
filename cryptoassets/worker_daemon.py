"""The process that Spark's Python workers are forked from; it has imported what tasks need.

What goes here: those imports, then PySpark's own daemon. What stays out: our own modules, which a
worker must import itself, because the driver may ship newer ones than are installed here.
"""

import gc
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from pathlib import Path


def main() -> None:
    """Import, forget our own modules, then serve Spark until it closes the pipe."""
    # Else numpy starts threads, which do not survive a fork. jemalloc's, of pyarrow, does.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.path[:] = without_archives(sys.path)
    _import_what_tasks_need()
    for name in [name for name in sys.modules if name.partition(".")[0] == "cryptoassets"]:
        del sys.modules[name]
    # A worker that collected garbage would get a copy of every page that it shares now.
    gc.freeze()
    from pyspark.daemon import manager

    manager()


def without_archives(path: Sequence[str]) -> list[str]:
    """A search path without PySpark's archives, if they lie in a PySpark that it finds unpacked.

    Spark puts them first, and an archive has no compiled modules: a second of CPU at each start.
    """
    others = [entry for entry in path if not entry.endswith(".zip")]
    found = PathFinder.find_spec("pyspark", others)
    has_bridge = PathFinder.find_spec("py4j", others) is not None
    if found is None or found.origin is None or not has_bridge:
        return list(path)
    root = Path(found.origin).parent
    return [entry for entry in path if entry in others or root not in Path(entry).parents]


class WithoutPandas(MetaPathFinder):
    """Has no worker import pandas.

    PyArrow would for its first array: 0.3 s of CPU and 40 MB for a package that no task needs.
    """

    def find_spec(self, fullname: str, _path: object = None, _target: object = None) -> None:
        """Say of pandas that it is not installed."""
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

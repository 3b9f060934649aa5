"""How Spark's driver starts quickly: JVM flags, the class archive, interpreted plans.

What goes here: flags, settings that the archive is created with, and the path of the archive for
this version of Java and Spark. What stays out: choosing a Java (in `java`), creating the archive
(in `java_archive`), Spark's configuration (in `resources`).
"""

import hashlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptoassets.embedded.java import shim_text

_WORKLOAD = "a task in Python and the marts by hour, interpreted"
"""Names the workload that creates the archive; if this text changes, the archive is recreated."""
# With these flags Java silently ignores an archive that no longer fits.
QUIET = ("-Xshare:auto", "-Xlog:disable", "-Xlog:all=error:stderr")


@dataclass(frozen=True)
class ClassArchive:
    """An archive of Spark's parsed classes, which halves the time until the first job ends.

    Attributes:
        folder: our folder for archives and the shim.
        java: the real `java` that the shim runs.
    """

    folder: Path
    java: Path

    @property
    def base(self) -> Path | None:
        """The archive of Java's own classes; None if this Java comes with one."""
        if (self.java.parent.parent / "lib" / "server" / "classes.jsa").exists():
            return None
        return self.folder / f"base-{self._key}.jsa"

    @property
    def classes(self) -> Path:
        """The archive of Spark's classes, on top of the base."""
        return self.folder / f"spark-{self._key}.jsa"

    @property
    def is_created(self) -> bool:
        """Return whether the archives exist, including `base` if it is needed."""
        return self.classes.exists() and (self.base is None or self.base.exists())

    @property
    def has_usable_path(self) -> bool:
        """Return whether the path can be used in a list of JVM flags."""
        return not set(" :\"'\\") & set(str(self.folder))

    def options(self) -> list[str]:
        """Return the flags that make Java use the archive; none if it does not exist."""
        if not self.is_created or not self.has_usable_path:
            return []
        files = [self.classes] if self.base is None else [self.base, self.classes]
        return [f"-XX:SharedArchiveFile={':'.join(map(str, files))}", *QUIET]

    @cached_property
    def _key(self) -> str:
        release = self.java.parent.parent / "release"
        spark = importlib.util.find_spec("pyspark")
        parts = (
            shim_text(self.java),
            release.read_text() if release.exists() else "",
            importlib.metadata.version("pyspark"),
            str(spark and spark.origin),
            _WORKLOAD,
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def compiled_plans(*, is_worth_it: bool) -> dict[str, str]:
    """Return the settings that make Spark compile its plans, or else interpret them.

    Compiling the first plan takes half a second, which only pays off with many rows. Plans that
    only run Python tasks have nothing to compile.
    """
    return {
        "spark.sql.codegen.wholeStage": str(is_worth_it).lower(),
        "spark.sql.codegen.factoryMode": "FALLBACK" if is_worth_it else "NO_CODEGEN",
    }


def quick_start_options(folder: Path, java: Path, *, is_long_lived: bool = False) -> list[str]:
    """Return JVM flags that shorten start-up; every supported Java accepts them silently."""
    # Use only Java's first-tier compiler: a single run ends before the second tier pays off.
    compilers = [] if is_long_lived else ["-XX:TieredStopAtLevel=1"]
    return [*compilers, *ClassArchive(folder, java).options()]

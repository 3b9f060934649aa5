"""What starts Spark's driver quickly: JVM flags, the class archive, plans that are interpreted.

What goes here: flags, settings that the archive is trained with, and where an archive for this very
Java and Spark lies. What stays out: which Java (in `java`), making the archive (in `java_archive`),
Spark's configuration (in `resources`).
"""

import hashlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptoassets.embedded.java import shim_text

_TRAINED_BY = "a task in Python and the marts, interpreted"
"""What Java learned from; an archive of other training is made again."""
# An archive that no longer fits is left aside by Java, in silence with these.
QUIET = ("-Xshare:auto", "-Xlog:disable", "-Xlog:all=error:stderr")


@dataclass(frozen=True)
class ClassArchive:
    """Spark's classes as Java has parsed them once: session and first job in half the time.

    Attributes:
        folder: of ours, for archives and the shim.
        java: the `java` that does the work, behind the shim.
    """

    folder: Path
    java: Path

    @property
    def base(self) -> Path | None:
        """The archive of Java's own classes, where this Java came without one."""
        if (self.java.parent.parent / "lib" / "server" / "classes.jsa").exists():
            return None
        return self.folder / f"base-{self._key}.jsa"

    @property
    def classes(self) -> Path:
        """The archive of Spark's classes, on top of the base."""
        return self.folder / f"spark-{self._key}.jsa"

    @property
    def is_made(self) -> bool:
        """Tell whether both are there."""
        return self.classes.exists() and (self.base is None or self.base.exists())

    @property
    def is_nameable(self) -> bool:
        """Tell whether the path can stand in a list of JVM flags."""
        return not set(" :\"'\\") & set(str(self.folder))

    def options(self) -> list[str]:
        """Return the flags that use the archive; none when it is not there."""
        if not self.is_made or not self.is_nameable:
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
            _TRAINED_BY,
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def compiled_plans(*, is_worth_it: bool) -> dict[str, str]:
    """Spark's settings that have its plans compiled, or interpreted.

    The compiler takes half a second for the first plan, which few rows do not bring back. Plans
    that only run Python tasks have nothing to compile.
    """
    return {
        "spark.sql.codegen.wholeStage": str(is_worth_it).lower(),
        "spark.sql.codegen.factoryMode": "FALLBACK" if is_worth_it else "NO_CODEGEN",
    }


def quick_start_options(folder: Path, java: Path, *, is_long_lived: bool = False) -> list[str]:
    """Return flags that shorten start-up; any Java takes them, and none prints a word."""
    # The first compiler only: the jobs of one run end before the second pays for itself.
    compilers = [] if is_long_lived else ["-XX:TieredStopAtLevel=1"]
    return [*compilers, *ClassArchive(folder, java).options()]

"""How full the disk with the folder CRYPTOASSETS_HOME is."""

import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DiskSpace:
    """Free and total space of the disk that contains a folder."""

    folder: str
    free_bytes: int
    total_bytes: int

    @property
    def free_share(self) -> float:
        """The free share of the disk, from 0 to 1."""
        return self.free_bytes / self.total_bytes if self.total_bytes else 1.0


def disk_space(folder: Path) -> DiskSpace:
    """Return the space of the folder's disk; the folder need not exist yet."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    usage = shutil.disk_usage(existing)
    return DiskSpace(str(folder), usage.free, usage.total)

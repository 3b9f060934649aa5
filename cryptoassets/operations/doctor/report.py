"""The report of `doctor`: all findings, in the order in which they are shown.

What goes here: assembling the report. What stays out: gathering its parts (in `machine` and
`servers`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptoassets.operations.doctor.findings import Finding, without_personal_paths
from cryptoassets.operations.doctor.machine import about_machine, read_settings
from cryptoassets.operations.doctor.servers import about_servers
from cryptoassets.settings import Settings


@dataclass(frozen=True)
class Report:
    """All findings. They contain neither secrets nor the user's name, so they can be published."""

    findings: list[Finding]

    @property
    def problems(self) -> int:
        """How many findings would stop a run."""
        return sum(one.level == "problem" for one in self.findings)

    @property
    def is_ready(self) -> bool:
        """Whether nothing would stop a run."""
        return self.problems == 0


def examine(ignored: Sequence[str]) -> Report:
    """Examine this machine without starting or changing anything.

    Args:
        ignored: variables of other programs that were set when the command started.
    """
    settings, found = read_settings()
    home = (settings or Settings.model_construct()).home
    found = [*about_machine(home, ignored), *found]
    if settings is not None:
        found += about_servers(settings)
    return Report([without_personal_paths(one, Path.home()) for one in found])

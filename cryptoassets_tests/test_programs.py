"""The programs behind `make fuzz`, `make faults` and others, which `make test` does not run."""

from importlib import import_module

import pytest

from cryptoassets.project import project_root

PROGRAMS = sorted(
    ".".join(path.relative_to(project_root()).with_suffix("").parts)
    for folder in ("benchmarks", "cryptoassets_tests")
    for path in (project_root() / folder).rglob("__main__.py")
)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_can_be_imported(program: str) -> None:
    """`make fuzz` once named a property test that had been renamed."""
    if ".mutation." in program:
        pytest.importorskip("mutmut", reason="only `make mutants` installs it")
    assert callable(import_module(program).main)

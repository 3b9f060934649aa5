"""GitHub workflows run only make targets, which every developer can run, too."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from cryptoassets.project import project_root

WORKFLOWS = sorted((project_root() / ".github" / "workflows").glob("*.yml"))
MAKEFILE = (project_root() / "Makefile").read_text()


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_every_step_of_a_workflow_runs_an_existing_make_target(file: Path) -> None:
    """Therefore every failure on GitHub can be reproduced locally."""
    jobs = yaml.safe_load(file.read_text())["jobs"]

    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]

    assert len(commands) >= len(jobs)
    for command in commands:
        make, *targets = [word for word in command.split() if not word.startswith("-")]
        assert "make" == make
        assert targets
        for target in targets:
            assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target


def test_actionlint_accepts_the_workflows() -> None:
    """The linter knows GitHub's syntax, expressions and runners."""
    actionlint = shutil.which("actionlint")
    if actionlint is None:
        pytest.skip("actionlint is not installed: go install github.com/rhysd/actionlint/cmd/...")

    checked = subprocess.run(
        [actionlint, *WORKFLOWS], capture_output=True, text=True, check=False, timeout=60
    )

    assert 0 == checked.returncode, checked.stdout


def test_a_new_devcontainer_runs_make_run() -> None:
    """A newcomer who opens the container finds prices in it."""
    file = (project_root() / ".devcontainer" / "devcontainer.json").read_text()

    assert "make run" in yaml.safe_load(file)["postCreateCommand"]

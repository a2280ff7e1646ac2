"""The project's own files, as the architecture tests see them."""

import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def project_files() -> list[Path]:
    """Every file that is part of the project: tracked, or new and not ignored."""
    git = shutil.which("git")
    if git is None or not (PROJECT / ".git").exists():
        pytest.skip("which files belong to the project is told by git")
    command = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=PROJECT, capture_output=True, check=True).stdout
    paths = {PROJECT / name for name in listed.decode().split("\0") if name}
    found = sorted(path for path in paths if path.is_file())
    assert PROJECT / "pyproject.toml" in found
    return found

"""What every test may use: where the project stands, and where outside vectors may lie."""

from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def outside_vectors() -> Path:
    """The folder of outside test vectors; they are not part of the project."""
    folder = PROJECT.parent / "shared" / "vectors"
    if not folder.is_dir():
        pytest.skip(f"no outside vectors at {folder.name}/: they are not shipped")
    return folder

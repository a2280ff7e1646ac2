"""What is installed elsewhere is whole: artefacts, table and page template travel in the wheel."""

import subprocess
import sys
import zipfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SOURCE = PROJECT / "src" / "troth"


def test_the_wheel_carries_every_file_that_the_package_reads(tmp_path):
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "-w", str(tmp_path), str(PROJECT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    wanted = [
        path
        for pattern in ("*.py", "*.json", "*.j2", "py.typed")
        for path in SOURCE.rglob(pattern)
        if "__pycache__" not in path.parts
    ]
    assert len(wanted) > 100
    for path in wanted:
        name = path.relative_to(SOURCE.parent).as_posix()
        assert packed.get(name) == path.read_bytes(), name

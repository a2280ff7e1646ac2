"""The command as a person or a script calls it, and a design that fits."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest

from troth.cli.main import main
from troth.cli.plan import arguments
from troth.scenarios.hospital_records import StudyParameters
from troth.scenarios.hospital_study import hospital_design

PROJECT = Path(__file__).resolve().parents[2]
SCHEMA = jsonschema.Draft202012Validator(
    json.loads((PROJECT / "specs/error.schema.json").read_text())
)


@dataclass(frozen=True)
class Ran:
    """What a run of the command left."""

    code: int
    out: str
    err: str

    def complained(self, code: int, *words: str) -> None:
        """It failed as it should: one line with these words, and at most its document."""
        assert self.code == code, self.err
        assert "Traceback" not in self.err
        (line,) = self.err.splitlines()
        if self.out:
            document = json.loads(self.out)
            SCHEMA.validate(document)
            assert document["exit_code"] == code
            assert line == f"troth: error: {document['error']}"
        assert line.startswith("troth: error: ")
        for word in words:
            assert word in line
        assert "; " in line  # what to do


Troth = Callable[..., Ran]


@pytest.fixture
def troth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Troth:
    """Run ``troth`` in an empty folder, in this process: imports are paid for once."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main([str(word) for word in arguments])
        return Ran(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def troth_process(tmp_path: Path) -> Troth:
    """Run ``troth`` in an empty folder, in a process of its own."""

    def run(*arguments: object, **environment: str) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "troth.cli.main", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


def options(**changes: object) -> list[str]:
    """The hospitals' design for one site, some options changed; None leaves one out."""
    words = arguments(hospital_design(StudyParameters(), 1)).split()
    chosen: dict[str, object] = dict(zip(words[::2], words[1::2], strict=True))
    chosen |= {"--" + name.replace("_", "-"): value for name, value in changes.items()}
    given = {name: value for name, value in chosen.items() if value is not None}
    return [str(word) for pair in given.items() for word in pair]


@pytest.fixture
def design() -> Callable[..., list[str]]:
    """As `options`."""
    return options


@pytest.fixture(scope="session")
def project() -> Path:
    """The checkout."""
    return PROJECT

"""What the docs say of the command is what it does."""

import re

from troth import errors
from troth.cli.exits import Exit
from troth.cli.reference import reference


def test_the_reference_is_current(project):
    assert (project / "docs/cli.md").read_text(encoding="utf-8") == reference(), (
        "write it anew: python -m troth.cli.reference > docs/cli.md"
    )


def test_every_exit_code_is_documented(project):
    page = (project / "docs/exit-codes.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", page, flags=re.MULTILINE)
    assert [(int(code), name) for code, name in rows] == [(code, code.name) for code in Exit]
    sections = re.findall(r"^## (\d+) `(\w+)`", page, flags=re.MULTILINE)
    assert sections == rows


def test_every_error_ends_in_a_documented_code():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    trees = [kind for kind in kinds if issubclass(kind, errors.TrothError)]
    assert len(trees) > 20
    for kind in trees:
        assert kind.exit_code in set(Exit), kind
